"""Ids of new runs."""

from __future__ import annotations

import os
import re

import pytest

from flowcraft_engine.execution.run_ids import RunIds


def test_ids_are_sixteen_hexadecimal_digits_and_never_twice_the_same() -> None:
    ids = RunIds()
    found = [ids.new() for _ in range(1_000)]
    assert len(set(found)) == 1_000
    assert all(re.fullmatch("[0-9a-f]{16}", it) for it in found)


def test_a_forked_process_draws_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = RunIds()
    ids.new()
    left = set(ids._drawn)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert ids.new() not in left
    assert left.isdisjoint(ids._drawn)
