"""What is drawn in columns fits screens of any width, in any encoding; sentences and commands are left whole."""

from __future__ import annotations

import pytest

from flowcraft_cli import screen
from flowcraft_cli.colour import Palette
from flowcraft_cli.commands.workers import _table
from flowcraft_cli.working.banner import banner
from flowcraft_cli.working.order import WorkOrder
from flowcraft_engine.settings import Settings
from flowcraft_engine.settings.worker import WorkerSettings
from flowcraft_engine.stores.fleet import DeclaredBlueprint, FleetMember, WorkerManifest
from tests.unit.cli.conftest import write

FLOW = """
id: a-rather-long-name-of-a-blueprint
nodes:
  - {id: fetch, uses: set, params: {values: {text: "a long text that has to be cut somewhere"}}}
  - {id: node-with-a-long-name, uses: noop, needs: [fetch]}
  - {id: each, uses: check, needs: [fetch], for_each: [1, 2, 3], params: {that: "item < 3", message: "too large"}}
  - {id: sub, uses: subflow, needs: [fetch], params: {blueprint_id: child}}
  - {id: last, uses: noop}
edges:
  - {source: node-with-a-long-name, target: last, condition: "fetch.text == 'nothing of the kind'"}
"""
CHILD = "id: child\nnodes:\n  - {id: inner-node-with-a-long-name, uses: noop}\n"


@pytest.fixture
def flow(flowcraft) -> str:
    write("child.yaml", CHILD)
    write("flow.yaml", FLOW)
    assert flowcraft("run", "flow.yaml", "--run-id", "r1", "-q").code == 1
    return "r1"


def _rows(text: str) -> list[str]:
    """Without the headline, errors and what to do next."""
    sentences = ("✗ failed", "flow.yaml:", "to try", "next:")
    return [line for line in text.splitlines() if not line.startswith(sentences)]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("command", ["show r1", "show r1 -v", "why r1 each", "graph flow.yaml", "list"])
def test_columns_fit_the_screen(flowcraft, flow, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    done = flowcraft(*command.split())
    assert done.code == 0
    assert [row for row in _rows(done.out) if len(row) > width] == []


def test_a_difference_fits_the_screen(flowcraft, flow, monkeypatch):
    write("flow.yaml", FLOW.replace("a long text", "another text that is long, too,"))
    flowcraft("run", "flow.yaml", "--run-id", "r2", "-q")
    monkeypatch.setenv("COLUMNS", "40")
    done = flowcraft("diff", "r1", "r2")
    assert done.code == 8
    assert "…" in done.out
    rows = [
        row
        for row in done.out.splitlines()
        if not (row.startswith(("~ node", "first different")) or row.endswith(": output"))
    ]
    assert [row for row in rows if len(row) > 40] == []


def test_what_is_left_out_takes_no_more_room_where_there_is_no_sign_for_it(flow, process):
    done = process("show", flow, COLUMNS="40", PYTHONIOENCODING="ascii")
    assert "..." in done.out
    assert [row for row in _rows(done.out) if len(row) > 40 and not row.startswith("x failed")] == []


def test_the_caret_stays_below_its_column_where_the_line_is_cut(flowcraft, monkeypatch):
    values = ", ".join(f"k{number}: {number}" for number in range(9))
    line = f"  - {{id: a, uses: noop, params: {{{values}}}, confg: {{timeout: 5s}}}}"
    write("bad.yaml", f"nodes:\n{line}\n")
    monkeypatch.setenv("COLUMNS", "50")
    _, shown, caret, _ = flowcraft("validate", "bad.yaml").out.splitlines()
    assert len(shown) == 50
    assert shown.index("confg") == caret.index("^")
    monkeypatch.setenv("COLUMNS", "200")
    _, shown, caret, _ = flowcraft("validate", "bad.yaml").out.splitlines()
    assert line in shown
    assert shown.index("confg") == caret.index("^")


def test_the_caret_stays_below_its_column_where_the_line_is_too_long_for_any_screen(flowcraft, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for before, after in ((9, 30), (20, 9), (30, 1)):
        fill, rest = (
            "".join(f"k{number}: {number}, " for number in range(count)) for count in (before, after)
        )
        write("bad.yaml", f"nodes:\n  - {{id: a, uses: noop, params: {{{fill}}}, confg: {{{rest}}}}}\n")
        _, shown, caret, _ = flowcraft("validate", "bad.yaml").out.splitlines()
        assert shown.index("confg") == caret.index("^")
        assert shown.endswith("…" if after > 1 else "confg: {k0: 0, }}")


def test_an_explanation_is_filled_and_its_examples_stay_as_they_are(flowcraft, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = flowcraft("nodes", "shell").out.splitlines()
    example = next(line for line in lines if "id: build" in line)
    assert example.endswith("ok_codes: [0, 2]}}")
    assert [line for line in lines if len(line) > 60 and line not in (example, lines[0])] == [
        "  run: text | list of (text | number | true or false) (required)"
    ]


def test_a_headline_is_folded_on_a_terminal_and_one_line_elsewhere(flowcraft, flow, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert "· run r1 ·" in flowcraft("show", flow).out.splitlines()[0]
    monkeypatch.setattr(screen, "is_terminal", lambda stream: True)
    shown = flowcraft("show", flow).out
    lines = shown[: shown.index("  ✓ fetch")].splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 50


def test_facts_beside_their_names_fit_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    facts = [("durability", "A Redis crash may undo about the last second; work is repeated.")]
    order = WorkOrder(Settings(), WorkerSettings())
    assert max(map(len, banner(order, facts, Palette(False), "worker")[1:])) > 60
    monkeypatch.setattr(screen, "is_terminal", lambda stream: True)
    assert max(map(len, banner(order, facts, Palette(False), "worker")[1:])) <= 60


@pytest.mark.parametrize("width", [48, 60, 80, 200])
def test_the_table_of_workers_gives_what_they_serve_the_room_that_is_left(width):
    blueprints = tuple(DeclaredBlueprint(f"payment-{number}", "1.0.0", "0") for number in range(9))
    manifest = WorkerManifest(
        "vm-9ad6c0a4a149", "vm", 8884, 0.0, ("default",), "types.x", ("charge-card", "tell-customer"), blueprints
    )  # fmt: skip
    lines = _table([FleetMember(manifest, 30.0, True, 3)], 15.0, width)
    assert max(map(len, lines)) <= width
    assert all(line.startswith(("name", "vm-9ad6c0a4a149  8884")) for line in lines)
    assert ("blueprints" in lines[0], "node types" in lines[0]) == (width > 50, width > 100)
