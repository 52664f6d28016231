"""From whatever was raised to an error that can be stored: code, message, cause."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from pathlib import Path

from flowcraft_engine.errors import ErrorCode, NodeError, RegistryError
from flowcraft_engine.expressions import ExpressionError
from flowcraft_engine.nodes.node_thread import as_failure
from flowcraft_engine.values import JsonObject, JsonValue, NotSerializableError, to_json

_MAX_MESSAGE = 4_000
#: Files whose names begin like this are flowcraft's, Python's, or no files at all.
_NOT_THEIRS = (
    str(Path(__file__).resolve().parent.parent) + os.sep,
    str(Path(os.__file__).parent) + os.sep,
    "<",
)
#: Whatever is installed in folders of these names was not written by the user.
_PACKAGES = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt: the stored error, and whether another attempt may help."""

    error: JsonObject
    is_retryable: bool


def failure_of(error: BaseException) -> Failure:
    """What to store for `error`. Never raises, even if the exception cannot be printed."""
    error = as_failure(error)
    code: str = ErrorCode.NODE_FAILED
    retryable = True
    if isinstance(error, NodeError):
        code, retryable = str(error.error_code), error.retryable
    elif isinstance(error, NotSerializableError):
        code, retryable = ErrorCode.OUTPUT_NOT_SERIALIZABLE, False
    elif isinstance(error, ExpressionError):
        code, retryable = ErrorCode.EXPRESSION_ERROR, False
    elif isinstance(error, RegistryError):
        code, retryable = ErrorCode.NOT_REGISTERED, False
    stored: JsonObject = {"code": str(code), "message": _message(error)}
    cause = _cause(error)
    if cause is not None:
        stored["cause"] = cause
    return Failure(stored, retryable)


def _message(error: BaseException) -> str:
    try:
        text = str(error).strip()
        if isinstance(error, KeyError):
            text = f"KeyError: {text}"  # which prints nothing but the key
        hint = getattr(error, "hint", None)
        if isinstance(hint, str) and hint:
            text = f"{text} ({hint})"
    except Exception:  # the user's __str__ may raise anything
        text = ""
    text = text.encode("utf-8", "replace").decode()
    return (text or type(error).__name__)[:_MAX_MESSAGE]


def _cause(error: BaseException) -> JsonValue:
    """Type of the user's exception, and the last place in the user's own code, if it has passed any.

    None for errors that flowcraft itself words.
    """
    attached = getattr(error, "failure_cause", None)
    if attached is not None:
        return to_json(attached)
    origin = error.__cause__ if isinstance(error, NodeError) and error.__cause__ is not None else error
    frames = traceback.extract_tb(origin.__traceback__)
    theirs = [frame for frame in frames if _is_users(frame.filename)]
    if isinstance(origin, (NodeError, NotSerializableError, ExpressionError, RegistryError)) and not theirs:
        return None
    cause: JsonObject = {"type": type(origin).__qualname__}
    if theirs:
        frame = theirs[-1]
        cause.update(file=frame.filename, line=frame.lineno, function=frame.name)
    return cause


def _is_users(filename: str) -> bool:
    """Whether a file is the user's: not flowcraft's, not Python's, and not from an installed package."""
    return not filename.startswith(_NOT_THEIRS) and _PACKAGES.isdisjoint(Path(filename).parts)
