"""What a command tells in the end: the results of the run on stdout, the rest on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_cli.colour import is_terminal, palette_for
from flowcraft_cli.headline import error_text, headline
from flowcraft_cli.manner import Manner
from flowcraft_cli.output import emit, emit_json, json_text, tell
from flowcraft_cli.what_next import what_next

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_engine.history.run_result import RunResult


def print_ending(ending: Ending, manner: Manner) -> int:
    """Results on stdout, the rest on stderr; the exit code."""
    result = ending.result
    if manner.json:
        emit_json(result.to_json())
        return ending.exit_code
    if not manner.quiet:
        _tell_tree(result)
        tell(headline(result, palette_for("stderr")))
    for error in result.errors:
        tell(error_text(error, palette_for("stderr")))
    for line in what_next(ending):
        tell(line)
    if result.status == "completed":
        emit(json_text(result.outputs))
    return ending.exit_code


def _tell_tree(result: RunResult) -> None:
    """On a terminal the live tree has gone: leave a last, still one."""
    if not is_terminal("stderr"):
        return
    import shutil

    from flowcraft_cli.run_text import node_lines

    width = shutil.get_terminal_size((100, 24)).columns
    for line in node_lines(result, palette_for("stderr"), width, details="none"):
        tell(line)
