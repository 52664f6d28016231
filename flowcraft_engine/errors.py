"""The error tree of flowcraft: the class says whose fault it is.

Every error has a stable `code` (for machines) and the `exit_code` with which the command line ends. Must not
import anything of ours.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a node, or a run, failed. The published list: `docs/errors.md` gives a cause and a cure for each."""

    NODE_FAILED = "node_failed"
    TIMEOUT = "timeout"
    OUTPUT_NOT_SERIALIZABLE = "output_not_serializable"
    OUTPUT_TOO_LARGE = "output_too_large"
    CONTEXT_TOO_LARGE = "context_too_large"
    CONTEXT_CONFLICT = "context_conflict"
    INPUT_INVALID = "input_invalid"
    EXPRESSION_ERROR = "expression_error"
    NOT_REGISTERED = "not_registered"
    POISONED = "poisoned"
    CANCELLED = "cancelled"
    MAX_ITERATIONS = "max_iterations"
    FALLBACK_FAILED = "fallback_failed"
    SUBFLOW_FAILED = "subflow_failed"
    CRASH_LOOP = "crash_loop"
    VERSION_MISMATCH = "version_mismatch"
    RUN_TIMEOUT = "run_timeout"
    SECRET_UNAVAILABLE = "secret_unavailable"  # noqa: S105  # a code, not a password


class FlowcraftError(Exception):
    """Something went wrong in flowcraft."""

    code = "flowcraft_error"
    exit_code = 70

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # for those who see it as an exception

    @property
    def message(self) -> str:
        return str(self.args[0])


class UsageError(FlowcraftError):
    """The command was used in a wrong way."""

    code = "usage"
    exit_code = 2


class AuthorError(FlowcraftError):
    """The blueprint, its inputs or the user's own node definitions are wrong."""

    code = "invalid"
    exit_code = 3


class InputError(AuthorError):
    """The inputs of a run do not fit what its blueprint declares."""

    code = "input_invalid"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class AnswerError(AuthorError):
    """The answer does not fit the schema of the wait; the run keeps waiting."""

    code = "answer_invalid"


class RegistryError(AuthorError):
    """A node type is not registered, is registered twice, or its function cannot be used."""

    code = "not_registered"


class NotFoundError(FlowcraftError):
    """There is no such run, node or file."""

    code = "not_found"
    exit_code = 7


class ConflictError(FlowcraftError):
    """The state of the run does not allow this."""

    code = "conflict"
    exit_code = 7


class BackendError(FlowcraftError):
    """Redis or another backend cannot be reached, or refused to work."""

    code = "backend"
    exit_code = 9


class NodeError(FlowcraftError):
    """A node failed; with `error_code` saying how and `retryable` whether another attempt may help."""

    code = "node_failed"
    exit_code = 1
    #: The stored cause, as JSON, where that is no exception: the failure of a sub-run, say.
    failure_cause: object = None

    def __init__(
        self, message: str | None = None, *, error_code: str = ErrorCode.NODE_FAILED, retryable: bool = True
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.retryable = retryable


class FatalNodeError(NodeError):
    """Raised by a node that knows another attempt cannot help: no retry, straight to its fallback.

    >>> raise FatalNodeError("the card was stolen")  # doctest: +SKIP
    """

    def __init__(self, message: str | None = None, *, error_code: str = ErrorCode.NODE_FAILED) -> None:
        super().__init__(message, error_code=error_code, retryable=False)
