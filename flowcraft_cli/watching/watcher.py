"""The port of the views: told of events, of progress and of what nodes write to the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flowcraft_cli.watching.progress import Line, Progress
from flowcraft_engine.kernel.event import Event

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import WaitingNode
    from flowcraft_engine.stores.log_store import LogLine, LogPart


def source_name(run_id: str, name: str) -> str:
    """`sub › node`: who says something, as seen from the run that was started."""
    return " › ".join([*run_id.replace("::", "#").split(":")[1:], name])


def lines_of(text: str) -> list[str]:
    """The lines as a terminal leaves them: progress bars write theirs anew after each carriage return."""
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.removesuffix("\n").split("\n")]


class Watcher:
    """Watches one run; those that show it say it in their own way."""

    def __init__(self, *, verbose: bool = False, now: Callable[[], float] = time.time) -> None:
        self.verbose = verbose
        self.now = now
        self.progress = Progress("")

    def follow(self, run_id: str, node_ids: Iterable[str]) -> None:
        """The run that is watched from now on."""
        self.progress = Progress(run_id)
        self.progress.expect(run_id, node_ids)

    def on_events(self, run_id: str, events: Sequence[Event]) -> None:
        for line, event in self.progress.take(run_id, events):
            self.changed(line, event)

    def on_progress(self, run_id: str, instance: str, done: float, total: float) -> None:
        line = self.progress.report(run_id, instance, done, total)
        if line is not None:
            self.advanced(line)

    def on_blocked(self, waits: Sequence[WaitingNode]) -> None:
        """What no worker that lives can execute, as it stands now."""
        for line in self.progress.block(waits):
            self.blocked(line)

    def changed(self, line: Line, event: Event) -> None:
        """A node instance changed."""

    def advanced(self, line: Line) -> None:
        """A node reported progress."""

    def blocked(self, line: Line) -> None:
        """No worker fits a node instance that is ready."""

    def log(self, at: float, name: str, level: str, text: str) -> None:
        """A node wrote to the log."""

    def flush(self) -> None:
        """Show what has been told so far: nothing may move for a while."""

    def said(self, part: LogPart, line: LogLine) -> None:
        """A node that another process executes printed or logged this line."""
        self.log(line.at, source_name(part.run_id, part.instance), line.level or "INFO", line.text)

    def left_out(self, part: LogPart) -> None:
        """So much of what it printed is not kept."""
        name = source_name(part.run_id, part.instance)
        self.log(self.now(), name, "INFO", f"… {part.left_out:,} bytes left out …")

    async def __aenter__(self) -> Watcher:
        return self

    async def __aexit__(self, *_: Any) -> None:
        """Leave the terminal as it was found."""


class SilentWatcher(Watcher):
    """Says nothing, and does not even listen."""

    def on_events(self, run_id: str, events: Sequence[Event]) -> None:
        pass

    def on_progress(self, run_id: str, instance: str, done: float, total: float) -> None:
        pass
