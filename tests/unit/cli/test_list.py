"""`flowcraft list`: filters, columns that fit, and a hundred thousand runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flowcraft_cli.run_table import run_table
from flowcraft_engine.backends.sqlite.database import open_database
from flowcraft_engine.stores.coordination_store import RunSummary


def ids(done) -> list[str]:
    return [run["run_id"] for run in done.json["runs"]]


def test_filters_combine(flowcraft, chain, failing):
    flowcraft("run", chain, "--run-id", "one")
    flowcraft("run", failing, "--run-id", "two")
    flowcraft("run", chain, "--run-id", "three")
    assert ids(flowcraft("list", "--json")) == ["three", "two", "one"]
    assert ids(flowcraft("list", "--json", "--blueprint", "chain")) == ["three", "one"]
    assert ids(flowcraft("list", "--json", "--blueprint", "chain", "--limit", "1")) == ["three"]
    assert ids(flowcraft("list", "--json", "--status", "failed")) == ["two"]
    assert ids(flowcraft("list", "--json", "--since", "1h", "--status", "completed")) == ["three", "one"]
    assert ids(flowcraft("list", "--json", "--since", "2000-01-01T00:00Z")) == ["three", "two", "one"]
    assert ids(flowcraft("list", "--json", "--since", "2999-01-01")) == []


def test_a_waiting_run_is_found_by_its_derived_status(flowcraft, chain, waiting):
    flowcraft("run", waiting, "--run-id", "w")
    flowcraft("run", chain, "--run-id", "c")
    assert ids(flowcraft("list", "--json", "--status", "waiting")) == ["w"]
    assert ids(flowcraft("list", "--json", "--status", "running")) == []


def test_a_time_that_is_none_is_refused_with_examples(flowcraft):
    done = flowcraft("list", "--since", "yesterday")
    assert done.code == 2
    assert "2026-01-31T12:00" in done.err


def test_that_no_run_fits_is_said(flowcraft, chain):
    flowcraft("run", chain)
    done = flowcraft("list", "--blueprint", "other")
    assert (done.code, done.out) == (0, "")
    assert "no runs fit" in done.err


@pytest.mark.parametrize("width", [48, 60, 80, 100, 200])
def test_the_columns_fit_the_terminal_and_ids_are_whole(width):
    run = RunSummary(
        "0123456789abcdef", "a-blueprint-with-a-long-name" * 2, "1.2.0", "failed", 0.0, 90.0, None
    )
    (line,) = run_table([(run, "failed")], width)
    assert len(line) <= width
    assert line.startswith("0123456789abcdef  ✗ failed")


def test_a_hundred_thousand_runs_are_listed_in_less_than_half_a_second(flowcraft):
    file = Path("many.db")
    db = open_database(file)
    rows = ((f"{n:016x}", f"b{n % 7}", "failed" if n % 10 else "completed", n, n + 1) for n in range(100_000))
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO runs (run_id, blueprint_id, digest, status, created_at, finished_at)"
        " VALUES (?, ?, 'd', ?, ?, ?)",
        rows,
    )
    db.execute("COMMIT")
    db.close()

    def took_s(*arguments: str) -> float:
        began = time.perf_counter()
        assert flowcraft("list", "--state", "many.db", *arguments).code == 0
        return time.perf_counter() - began

    for arguments in ((), ("--status", "failed"), ("--blueprint", "none"), ("--since", "1h")):
        # A busy machine may need longer now and then.
        assert any(took_s(*arguments) < 0.5 for _ in range(5)), arguments
