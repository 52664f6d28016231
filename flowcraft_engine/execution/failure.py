"""From whatever was raised to an error that can be stored: code, message, cause."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from traceback import walk_tb
from types import FrameType

from flowcraft_engine.errors import ErrorCode, NodeError, RegistryError
from flowcraft_engine.expressions import ExpressionError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel.routing import EdgeError
from flowcraft_engine.nodes.node_thread import as_failure
from flowcraft_engine.values import JsonObject, JsonValue, NotSerializableError, to_json

_MAX_MESSAGE = 4_000
#: Of a group of exceptions so many are told.
_MOST_TOLD = 3
#: Files whose names begin like this are flowcraft's, Python's, or no files at all.
_NOT_THEIRS = (
    str(Path(__file__).resolve().parent.parent) + os.sep,
    str(Path(os.__file__).parent) + os.sep,
    "<",
)
#: Whatever is installed in folders of these names was not written by the user.
_PACKAGES = frozenset({"site-packages", "dist-packages"})


@frozen
class Failure:
    """A failed attempt: the stored error, and whether another attempt may help."""

    error: JsonObject
    is_retryable: bool

    @property
    def sentence(self) -> str:
        """The message, and where it comes from, for a log."""
        cause = self.error.get("cause")
        if not isinstance(cause, dict) or "line" not in cause:
            return str(self.error["message"])
        file = cause.get("file") or cause.get("module")
        return f"{self.error['message']} ({cause.get('type')} at {file}:{cause['line']})"


def failure_of(error: BaseException, root: str) -> Failure:
    """What to store for `error`. Never raises, even if the exception cannot be printed.

    Files are named as seen from the folder `root`, so that nothing of this machine is stored.
    """
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
    elif isinstance(error, BaseExceptionGroup):
        retryable = all(it.retryable for it in _single(error) if isinstance(it, NodeError))
    stored: JsonObject = {"code": str(code), "message": message_of(error)}
    cause = _cause(error, root)
    if cause is not None:
        stored["cause"] = cause
    return Failure(stored, retryable)


def message_of(error: BaseException) -> str:
    """What `error` says, as text that can be stored. Never raises."""
    error = as_failure(error)
    try:
        text = str(error).strip()
        if isinstance(error, KeyError):
            text = f"KeyError: {text}"  # which prints nothing but the key
        hint = getattr(error, "hint", None)
        if isinstance(hint, str) and hint:
            text = f"{text} ({hint})"
        if isinstance(error, BaseExceptionGroup):
            text = f"{text}: {_told(error)}"
    except Exception:  # the user's __str__ may raise anything
        text = ""
    text = text.encode("utf-8", "replace").decode()
    return (text or type(error).__name__)[:_MAX_MESSAGE]


def _single(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The exceptions in a group, at any depth."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _single(error)
        else:
            yield error


def _told(group: BaseExceptionGroup[BaseException]) -> str:
    """What went wrong in the tasks of a group, which itself says only how many did."""
    errors = list(_single(group))
    told = [
        message
        if (message := message_of(it)).startswith(type(it).__name__)
        else f"{type(it).__name__}: {message}"
        for it in errors[:_MOST_TOLD]
    ]
    more = [f"and {len(errors) - _MOST_TOLD} more"] if len(errors) > _MOST_TOLD else []
    return "; ".join(told + more)


def _cause(error: BaseException, root: str) -> JsonValue:
    """Type of the user's exception, and the last place in the user's own code, if it has passed any.

    Of a group of exceptions it is that of the first one.

    None for errors that flowcraft itself words.
    """
    if isinstance(error, NodeError) and error.failure_cause is not None:
        return to_json(error.failure_cause)
    if isinstance(error, EdgeError):
        return {"edge": error.edge}
    origin = error.__cause__ if isinstance(error, NodeError) and error.__cause__ is not None else error
    if isinstance(origin, BaseExceptionGroup):
        origin = next(_single(origin), origin)
    place = _users_place(origin) or _users_place(error)
    # Of an exception of a library, the message says what there is to say: its type alone is a riddle.
    if place is None and isinstance(error, (NodeError, NotSerializableError, ExpressionError, RegistryError)):
        return None
    cause: JsonObject = {"type": type(origin).__qualname__}
    if place is not None:
        frame, line = place
        cause.update(_named(frame, root), line=line, function=frame.f_code.co_name)
    return cause


def _users_place(error: BaseException) -> tuple[FrameType, int] | None:
    """The last place in the user's own code that an exception has passed."""
    theirs = [it for it in walk_tb(error.__traceback__) if _is_users(it[0].f_code.co_filename)]
    return theirs[-1] if theirs else None


def _is_users(filename: str) -> bool:
    """Whether a file is the user's: not flowcraft's, not Python's, and not from an installed package."""
    return not filename.startswith(_NOT_THEIRS) and _PACKAGES.isdisjoint(Path(filename).parts)


def _named(frame: FrameType, root: str) -> JsonObject:
    """`file` as seen from `root`; for code outside of it the `module`, which is found wherever it is installed."""
    path = frame.f_code.co_filename
    for file in (path, os.path.realpath(path)):
        if not PurePath(file).is_absolute():
            return {"file": PurePath(file).as_posix()}
        if PurePath(file).is_relative_to(root):
            return {"file": PurePath(file).relative_to(root).as_posix()}
    name = frame.f_globals.get("__name__")
    return {"module": name if isinstance(name, str) and name != "__main__" else PurePath(path).stem}
