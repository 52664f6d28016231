"""Log records as JSON: one object a line, with the run, the node and the attempt that a record comes from.

For any logger, not only ours: where a record does not say which node it is from, the attempt does that is at work
in its thread or task. Secrets are masked, and a line is ASCII only, so that no text can move a cursor.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flowcraft_engine.nodes.node_output import current_attempt, untold
from flowcraft_engine.values.masking import Masker

#: A text that is longer is cut: collectors drop lines that are too long.
LONGEST_TEXT: Final = 16_000
#: Objects that are deeper inside of each other, or inside of themselves, are told as text.
_DEEPEST: Final = 16
#: Attributes of a record, and of an attempt, by the name that they have in the JSON.
_PLACE = {
    "run": "run_id",
    "node": "node_id",
    "attempt": "attempt",
    "blueprint": "blueprint_id",
    "version": "blueprint_version",
}
_OWN = frozenset({*vars(logging.makeLogRecord({})), *_PLACE.values(), "message", "asctime", "taskName"})


class JsonFormatter(logging.Formatter):
    """`fixed` is in every line, such as the name of the worker.

    `masker` takes out the secrets that it knows, wherever a line comes from: `runtime.masker` is one. Without it, lines
    are masked that come from a node which is at work.
    """

    def __init__(self, fixed: Mapping[str, str] | None = None, *, masker: Masker | None = None) -> None:
        super().__init__()
        self._fixed = dict(fixed or {})
        self.masker = masker

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {"message": message_of(record)}
        fields |= _place(record) | _trace()
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        extra = {name: value for name, value in vars(record).items() if name not in _OWN}
        if extra:
            fields["extra"] = extra
        masker = self.masker or _masker()
        return json_line(record.created, record.levelname, record.name, self._fixed | fields, masker=masker)


def json_line(
    at: float, level: str, logger: str, fields: Mapping[str, Any], *, masker: Masker | None = None
) -> str:
    """One line of the log. Never raises: what JSON does not know is told as text."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line: dict[str, Any] = {"time": moment, "level": level.lower(), "logger": logger}
    line |= {name: _plain(value, masker) for name, value in fields.items() if value is not None}
    # DEL is the one control character that JSON lets through.
    return json.dumps(line, ensure_ascii=True).replace("\x7f", "\\u007f")


def message_of(record: logging.LogRecord) -> str:
    """The message with its arguments."""
    try:
        return record.getMessage()
    except Exception as error:  # the arguments of a user's log call may raise anything
        return untold(record.msg, error)


def _place(record: logging.LogRecord) -> dict[str, Any]:
    attempt: Any = current_attempt.get()
    found = {}
    for name, attribute in _PLACE.items():
        value = getattr(record, attribute, None)
        if value is None and attempt is not None:
            value = getattr(attempt, "instance" if attribute == "node_id" else attribute, None)
        if value is not None:
            found[name] = value
    return found


def _trace() -> dict[str, str]:
    """The ids of the current span; nothing where nobody traces."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _masker() -> Masker | None:
    attempt = current_attempt.get()
    return attempt.masker if attempt is not None else None


def _plain(value: Any, masker: Masker | None, depth: int = 0) -> Any:
    """Numbers and truth as they are; everything else as text, masked before it is cut."""
    if value is True or value is False or type(value) is int:
        return value
    if type(value) is float:
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {_text(name, masker): _plain(part, masker, depth + 1) for name, part in value.items()}
    return _text(value, masker)


def _text(value: Any, masker: Masker | None) -> str:
    try:
        text = str(value)
    except Exception as error:  # an object of the user's
        text = f"({type(error).__name__} while formatting)"
    if masker is not None:
        text = masker.text(text)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
