"""From whatever was raised to one line on stderr (or one JSON document on stdout) and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from flowcraft_cli.interruption import Interruption
from flowcraft_cli.output import discard, emit_json, tell
from flowcraft_cli.plain_signs import PLAIN_SIGNS, allow_plain_signs
from flowcraft_cli.text import safe
from flowcraft_engine.errors import FlowcraftError, NotFoundError

_BUG = 70
_INTERRUPTED = 130
_ENDED_HINT = (
    "a node, or what it began, may have done that; a kept run goes on with: flowcraft reconcile @latest"
)
_BUG_HINT = "this is a bug in flowcraft, please report it; --debug shows where it happened"


class Boundary:
    """What is done with errors. Reads `--json` and `--debug` itself, for command lines that are wrong."""

    def __init__(self, arguments: Sequence[str]) -> None:
        ours = list(arguments)
        if "--" in ours:
            ours = ours[: ours.index("--")]
        pairs = list(pairwise(ours))
        self.wants_json = (
            "--json" in ours
            or "--format=json" in ours
            or ("--format", "json") in pairs
            or _is_set("FLOWCRAFT_JSON")
        )
        self.wants_traceback = "--debug" in ours or _is_set("FLOWCRAFT_DEBUG")

    def prepare_streams(self) -> None:
        """A terminal that cannot show a character gets something else for it instead of a failure."""
        allow_plain_signs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError):
                stream.reconfigure(errors=PLAIN_SIGNS)  # type: ignore[union-attr]  # not every stream

    def flush(self) -> None:
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            discard(sys.stdout)

    def report(self, error: BaseException) -> int:
        """Say what went wrong; the exit code."""
        if isinstance(error, BrokenPipeError):
            discard(sys.stdout)
            return 0
        if self.wants_traceback and not isinstance(error, SystemExit):
            import traceback

            tell(safe("".join(traceback.format_exception(error)), lines=True))
        code, document = _described(error)
        if self.wants_json:
            with suppress(FlowcraftError, OSError):
                emit_json({"schema": 1, **document})
        else:
            _print_error(document, error)
        return code


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("1", "true", "yes", "on", "t", "y")


def _described(error: BaseException) -> tuple[int, dict[str, Any]]:
    """Exit code and the JSON document of an error."""
    if isinstance(error, FlowcraftError):
        document: dict[str, Any] = {"error": _entry(str(error.code), error.message, error.hint)}
        findings = getattr(error, "findings", None)
        if findings is not None:
            from flowcraft_cli.findings import finding_json

            first = findings[0].message if len(findings) == 1 else f"the blueprint has {_count(findings)}"
            document["error"]["message"] = first
            document["issues"] = [finding_json(finding) for finding in findings]
        return error.exit_code, document
    if isinstance(error, Interruption):
        return error.exit_code, {"error": _entry(error.word, error.word, None)}
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED, {"error": _entry("interrupted", "interrupted", None)}
    if hasattr(error, "format_message"):  # what Typer raises for a wrong command line
        message, hint = _usage(error)
        return 2, {"error": _entry("usage", message, hint)}
    ended = _what_ended_it(error)
    if ended is not None:
        return _INTERRUPTED, {"error": _entry("interrupted", ended, _ENDED_HINT)}
    if isinstance(error, FileNotFoundError) and not error.filename and _is_folder_gone():
        message, hint = "the current folder does not exist any more", "go to another one, or make it again"
        return NotFoundError.exit_code, {"error": _entry(NotFoundError.code, message, hint)}
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return 9, {"error": _entry("backend", f"{where}{error.strerror}", None)}
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _BUG, {"error": _entry("internal", f"unexpected {text}", _BUG_HINT)}


def _what_ended_it(error: BaseException) -> str | None:
    """What somebody did who was not asked: a task or a callback that a node began, say."""
    if isinstance(error, SystemExit):
        return f"something ended the process: sys.exit({error.code!r})"
    # By their names: whoever failed before there was an event loop shall not load asyncio for it.
    if type(error).__name__ == "CancelledError":
        return "something cancelled all tasks of this process"
    if isinstance(error, RuntimeError) and str(error).startswith("Event loop stopped before"):
        return "something stopped the event loop of this process"
    return None


def _is_folder_gone() -> bool:
    from pathlib import Path

    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _entry(code: str, message: str, hint: str | None) -> dict[str, Any]:
    return {"code": code, "message": message, "hint": hint}


def _count(findings: Sequence[Any]) -> str:
    errors = sum(1 for finding in findings if str(finding.severity) == "error")
    return f"{errors} error{'' if errors == 1 else 's'}"


def _usage(error: Any) -> tuple[str, str | None]:
    """The words of a command line error, with the nearest option as the hint."""
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    hint = None
    if near:
        hint = f"did you mean {' or '.join(sorted(near))}?"
    elif context is not None:
        hint = f"{context.command_path} --help explains it"
    message = (
        str(getattr(error, "message", "") if near else error.format_message())
        .rstrip(".")
        .replace("Value error, ", "")
    )
    return message[:1].lower() + message[1:], hint


def _print_error(document: dict[str, Any], error: BaseException) -> None:
    if "issues" in document:
        from flowcraft_cli.findings import tell_findings

        tell_findings(getattr(error, "findings", ()))
        return
    entry = document["error"]
    problems = getattr(error, "problems", None)
    if isinstance(problems, list):
        for problem in problems:
            tell(f"error: {safe(problem)}")
    elif entry["message"]:
        tell(f"error: {safe(entry['message'])}")
    if entry["hint"]:
        tell(f"hint: {safe(entry['hint'])}")
