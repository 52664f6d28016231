"""How a command about a run ends, and its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_cli.interruption import exit_code_of
from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import RunResult

_CODES = {"completed": 0, "failed": 1, "cancelled": 4}
WAITS = 5
TIMED_OUT = 6


@frozen
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
