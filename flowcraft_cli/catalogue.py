"""All commands with their one-line help, so that `flowcraft --help` imports none of them."""

from __future__ import annotations

from typing import Final, NamedTuple


class CommandEntry(NamedTuple):
    """A command: its section in the help, and what it does in one line.

    It lives in `flowcraft_cli.commands.<name>`.
    """

    section: str
    summary: str


_RUNS: Final = "Run"
_KEPT: Final = "Runs that are kept"
_REPAIR: Final = "Repair runs"
_AUTHOR: Final = "Write blueprints"
_OPERATE: Final = "Operate"

COMMANDS: Final[dict[str, CommandEntry]] = {
    "run": CommandEntry(_RUNS, "Run a blueprint, in this process or on a fleet of workers."),
    "validate": CommandEntry(_RUNS, "Find every mistake in blueprints, at file:line:column."),
    "graph": CommandEntry(_RUNS, "Draw a blueprint, or a run: Mermaid, DOT, SVG, terminal or JSON."),
    "list": CommandEntry(_KEPT, "List runs, the newest first."),
    "show": CommandEntry(_KEPT, "Show a run: states, durations, outputs, errors, waits."),
    "why": CommandEntry(_KEPT, "Say why a node is in its state: what was decided, on which values."),
    "events": CommandEntry(_KEPT, "Print the history of a run, with the reason of every change."),
    "logs": CommandEntry(_KEPT, "Print what nodes printed and logged."),
    "diff": CommandEntry(_KEPT, "Compare two runs, or two blueprints; exit code 8 if they differ."),
    "wait": CommandEntry(_KEPT, "Follow a run that another process executes, to its end."),
    "resume": CommandEntry(_KEPT, "Answer a node that waits, and go on with the run."),
    "reconcile": CommandEntry(_KEPT, "Say why a run is stuck, and repair it or go on with it."),
    "cancel": CommandEntry(_KEPT, "Cancel a run."),
    "retry": CommandEntry(_REPAIR, "Try again what failed, in one run or in many."),
    "rerun": CommandEntry(_REPAIR, "Run a node again, and all that follows from it."),
    "pause": CommandEntry(_REPAIR, "Let nothing more begin in a run."),
    "unpause": CommandEntry(_REPAIR, "Go on with a paused run."),
    "export": CommandEntry(_REPAIR, "Write a run to a file that another machine can go on with."),
    "import": CommandEntry(_REPAIR, "Take the run of a file in."),
    "prune": CommandEntry(_REPAIR, "Forget runs that ended long ago."),
    "nodes": CommandEntry(_AUTHOR, "List the node types that blueprints may use, or explain one."),
    "schema": CommandEntry(_AUTHOR, "Print the JSON Schema of blueprints, for editors."),
    "record": CommandEntry(_AUTHOR, "Record a run as a test case."),
    "test": CommandEntry(_AUTHOR, "Play test cases: with what was recorded, without network or user code."),
    "init": CommandEntry(_AUTHOR, "Write a small project that runs."),
    "dev": CommandEntry(_OPERATE, "Run a Redis and a worker here, for development."),
    "worker": CommandEntry(_OPERATE, "Execute the nodes of runs in Redis."),
    "workers": CommandEntry(_OPERATE, "List the workers: how busy, with which blueprints and node types."),
    "doctor": CommandEntry(_OPERATE, "Check Python, nodes, state file, Redis and workers; say what to do."),
}
