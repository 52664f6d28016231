"""How a command about a run ends: its exit code, and what it tells a person about it."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowcraft_cli.colour import Palette, is_terminal, palette_for
from flowcraft_cli.interruption import exit_code_of, word_of
from flowcraft_cli.looks import look_of, marked, short_duration
from flowcraft_cli.manner import Manner
from flowcraft_cli.output import emit, emit_json, json_text, tell
from flowcraft_cli.text import safe

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import RunError, RunResult, WaitingNode

_CODES = {"completed": 0, "failed": 1, "cancelled": 4}
WAITS = 5
TIMED_OUT = 6
_MOST_QUESTIONS = 20


@dataclass(frozen=True, slots=True)
class Ending:
    """A run as a command leaves it: `signal` if it was interrupted, `timed_out` if `--timeout` passed."""

    result: RunResult
    signal: int | None = None
    timed_out: bool = False
    #: What a command needs besides the id to find the run, such as ` --state x.db`; None: it is not kept.
    where: str | None = ""
    #: Other processes execute the run: it does not end with the command.
    goes_on: bool = False
    #: How the user names the run, where that is not its id.
    reference: str | None = None

    @property
    def name(self) -> str:
        """What a command takes for the run, and where it finds it."""
        return f"{self.reference or self.result.run_id}{self.where or ''}"

    @property
    def exit_code(self) -> int:
        if self.result.is_final:
            return _CODES[self.result.status]
        if self.signal is not None:
            return exit_code_of(self.signal)
        return TIMED_OUT if self.timed_out else WAITS


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


def headline(result: RunResult, palette: Palette) -> str:
    """`✓ completed payments 1.2.0 · run 3f… · 2.3s · 5 completed, 1 skipped`."""
    version = f" {safe(result.version)}" if result.version else ""
    parts = [f"{safe(result.blueprint_id)}{version}", f"run {result.run_id}"]
    if result.generation > 1:
        parts.append(f"generation {result.generation}")
    if result.finished_at is not None:
        parts.append(short_duration(result.finished_at - result.created_at))
    counts = Counter(_outcome(result, node.state) for name, node in result.nodes.items() if name[-1] != "]")
    if counts:
        parts.append(", ".join(f"{number} {state}" for state, number in counts.items()))
    return f"{marked(result.status, result.status, palette, 'stderr')} {' · '.join(parts)}"


def _outcome(result: RunResult, state: str) -> str:
    """What became of a node, in a word; what failed in a completed run had a fallback."""
    return "rescued" if state == "failed" and result.status == "completed" else state


def error_text(error: RunError, palette: Palette) -> str:
    """What failed, where in the blueprint, and the place in the user's code that raised."""
    place = ""
    if error.location:
        where = "{file}:{line}:{column}".format(**error.location)
        place = f"{palette.bold(safe(where))}: "
    name = safe(error.node) if error.node else "the run"
    text = safe(error.message, lines=True).replace("\n", "\n    ")
    lines = [
        f"{place}{palette.style(name, look_of('failed').codes)}: {text} {palette.dim(f'[{error.code}]')}"
    ]
    cause = cause_text(error.cause)
    if cause:
        lines.append(f"    {palette.dim(cause)}")
    return "\n".join(lines)


def cause_text(cause: object) -> str | None:
    """`ValueError at shop/nodes.py:12 in charge`; for a failed sub-run its own error."""
    if not isinstance(cause, dict):
        return None
    parts = [safe(cause.get("type") or cause.get("code") or "")]
    if cause.get("file"):
        parts.append(f"at {safe(_relative(str(cause['file'])))}:{cause.get('line')}")
    if cause.get("function") and not str(cause["function"]).startswith("<"):
        parts.append(f"in {safe(cause['function'])}")
    if cause.get("node"):
        parts.append(f"in node {safe(cause['node'])}")
    if cause.get("message"):
        parts.append(f"- {safe(cause['message'])}")
    if not cause.get("file"):
        parts.append(_place_below(cause))
    return " ".join(part for part in parts if part) or None


def _place_below(cause: dict[str, object]) -> str:
    """The line of the user's code behind the error of a sub-run."""
    from flowcraft_engine.reports.error_place import code_place

    place = code_place(cause)
    return f"({safe(place.type or 'raised')} at {safe(place.text)})" if place is not None else ""


def _relative(path: str) -> str:
    import os

    near = os.path.relpath(path)
    return path if near.startswith("..") else near


def what_next(ending: Ending) -> list[str]:
    """What a person can do about a run that has not ended, or not well."""
    result = ending.result
    if result.is_final:
        return _retry_hint(ending)
    if result.status == "paused" and ending.where is not None:
        return [f"paused: go on with: flowcraft unpause {ending.name}"]
    if ending.goes_on:
        return _what_others_need(ending)
    continued = f"flowcraft reconcile {ending.name}"
    if ending.signal is not None or ending.timed_out:
        why = f"{word_of(ending.signal)}: " if ending.signal is not None else "--timeout passed: "
        if ending.where is None:
            return [f"{why}the run was kept in memory only and is lost"]
        return [f"{why}what was running is handed back; continue with: {continued}"]
    if result.status == "waiting":
        return _resume_hints(ending)
    return [f"continue with: {continued}"] if result.status == "interrupted" else []


def _retry_hint(ending: Ending) -> list[str]:
    """A run that is kept can be repaired; one of a subflow is, with the run that it belongs to."""
    if ending.result.status == "completed" or ending.where is None or ":" in ending.result.run_id:
        return []
    what = "what failed" if ending.result.status == "failed" else "what was cancelled"
    return [f"to try {what} again: flowcraft retry {ending.name}"]


def _what_others_need(ending: Ending) -> list[str]:
    """What a person can do about a run that other processes execute."""
    result = ending.result
    lines = _blocked_hints(result) if result.status == "blocked" else []
    if result.status == "waiting":
        lines += _resume_hints(ending)
    if ending.signal is not None or ending.timed_out:
        why = "detached" if ending.signal is not None else "--timeout passed"
        lines.append(f"{why}: the run goes on; follow it with: flowcraft wait {result.run_id}{ending.where}")
    return lines


def _blocked_hints(result: RunResult) -> list[str]:
    from flowcraft_cli.remedies import remedies

    missing = dict.fromkeys(wait.message or "" for wait in result.waiting if wait.reason == "worker")
    lines = [f"blocked: {safe(it)}" for it in missing]
    return [*lines, *remedies(result.run_id, next(iter(missing), ""))]


def _resume_hints(ending: Ending) -> list[str]:
    result = ending.result
    answers = [wait for wait in result.waiting if wait.reason in ("answer", "run")]
    lines = [_question(wait) for wait in answers[:_MOST_QUESTIONS]]
    if len(answers) > _MOST_QUESTIONS:
        lines.append(f"… and for {len(answers) - _MOST_QUESTIONS} more")
    if ending.where is None:
        return [*lines, "the run was kept in memory only and is lost"]
    node = f" --node {shlex.quote(safe(answers[0].node))}" if len(answers) > 1 else ""
    action = _action_option([wait.actions for wait in answers])
    run = ending.reference or result.run_id
    return [
        *lines,
        f"answer with: flowcraft resume {run}{node} {action}[--output JSON]{ending.where}",
    ]


def _question(wait: WaitingNode) -> str:
    message = f": {safe(wait.message)}" if wait.message else ""
    actions = f" (actions: {', '.join(map(safe, wait.actions))})" if wait.actions else ""
    return f"waiting for an answer to {safe(wait.node)}{message}{actions}"


def _action_option(known: list[tuple[str, ...]]) -> str:
    """`--action` as it is written: with the actions that are known, or not at all where none is."""
    if not any(known):
        return ""
    return f"[--action {'|'.join(map(safe, known[0]))}] " if len(set(known)) == 1 else "[--action ACTION] "
