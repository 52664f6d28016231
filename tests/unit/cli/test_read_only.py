"""Commands that only look, where nothing can be written; and those that change something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.backends.read_only import open_folder, unwritable
from tests.unit.cli.conftest import write

LOOKING = [
    ["list"],
    ["list", "--status", "waiting"],
    ["show", "@latest"],
    ["show", "r1", "--json"],
    ["why", "r1", "w"],
    ["logs", "r1"],
    ["events", "r1"],
    ["graph", "r1"],
    ["diff", "r1", "r1"],
]


@pytest.fixture
def project(flowcraft, monkeypatch) -> Iterator[Path]:
    """A folder with a run that waits."""
    with open_folder() as folder:
        monkeypatch.chdir(folder)
        write("flow.yaml", "nodes: [{id: a, uses: noop}, {id: w, uses: wait, needs: [a]}]\n")
        assert flowcraft("run", "flow.yaml", "--run-id", "r1", "-q").code == 5
        yield folder
        monkeypatch.undo()


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_a_command_that_only_looks_needs_to_write_nothing(flowcraft, project, command):
    before = flowcraft(*command)
    assert before.code == 0
    with unwritable(project):
        done = flowcraft(*command)
    assert (done.code, done.err) == (0, before.err)
    assert len(done.out.splitlines()) == len(before.out.splitlines()), "the same but for how long ago it is"


def test_a_command_that_changes_a_run_says_what_must_be_writable(flowcraft, project):
    flowcraft("cancel", "r2")
    with unwritable(project):
        done = flowcraft("cancel", "r1")
    assert done.code == 9
    assert "must be writable, but for commands that only look" in done.err


def test_where_looking_is_not_safe_it_says_what_to_do(flowcraft, project):
    flowcraft("show", "r1")
    (project / ".flowcraft" / "state.db-wal").write_bytes(b"steps that only SQLite can read")
    with unwritable(project):
        done = flowcraft("show", "r1")
    assert done.code == 9
    assert "copy state.db and state.db-wal to another folder" in done.err
