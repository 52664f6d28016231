"""One line for each change, for pipes, CI and dumb terminals."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from flowcraft_cli.colour import Palette, palette_for
from flowcraft_cli.looks import look_of
from flowcraft_cli.output import tell
from flowcraft_cli.remedies import remedies
from flowcraft_cli.text import safe
from flowcraft_cli.watching.progress import Line
from flowcraft_cli.watching.watcher import Watcher, lines_of
from flowcraft_cli.watching.words import SILENT, clock_time, details_of, explained, name_of
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event

_LEVELS = {"WARNING": "warning: ", "ERROR": "error: ", "CRITICAL": "error: "}
#: Progress is told at most this often for one node.
_EVERY_S = 2.0


class PlainWatcher(Watcher):
    """`12:00:01 fetch completed 0.8s`."""

    def __init__(self, *, verbose: bool = False, now: Callable[[], float] = time.time) -> None:
        super().__init__(verbose=verbose, now=now)
        self._has_advised = False
        #: When the progress of an instance was told last.
        self._told: dict[tuple[str, str], float] = {}

    @cached_property
    def _palette(self) -> Palette:
        return palette_for("stderr")

    def changed(self, line: Line, event: Event) -> None:
        if line.state == "running" and line.is_resumed:
            return
        if event.type in SILENT or _is_counted_only(line):
            self._count_items(line)
            return
        if line.state == "running":
            word, details = "started", f"attempt {line.attempt}" if line.attempt > 1 else ""
        else:
            word = "handed back" if event.type == ev.NODE_RELEASED else line.state
            details = details_of(line, line.changed_at)
        why = explained(line) if self.verbose or line.state in ("skipped", "poisoned", "cancelled") else None
        if why and line.state not in ("failed", "retrying"):
            details = f"{details} ({safe(why)})".strip()
        shown = self._palette.style(word, look_of(line.state).codes)
        tell(f"{clock_time(line.changed_at)} {name_of(line)} {shown} {details}".rstrip())

    def blocked(self, line: Line) -> None:
        shown = self._palette.style("blocked", look_of("blocked").codes)
        tell(f"{clock_time(self.now())} {name_of(line)} {shown} {safe(line.missing or '')}")
        if not self._has_advised:
            self._has_advised = True
            for advice in remedies(self.progress.run_id, line.missing or ""):
                tell(f"  {advice}")

    def advanced(self, line: Line) -> None:
        key, now = (line.run_id, line.instance), self.now()
        if now - self._told.get(key, 0.0) >= _EVERY_S or line.done >= line.total:
            self._told[key] = now
            tell(f"{clock_time(now)} {name_of(line)} {line.done:g}/{line.total:g}")

    def log(self, at: float, name: str, level: str, text: str) -> None:
        for part in lines_of(text):
            tell(f"{clock_time(at)} {safe(name)} | {_LEVELS.get(level, '')}{safe(part)}")

    def _count_items(self, line: Line) -> None:
        """Items are counted, not listed."""
        run = self.progress.runs.get(line.run_id)
        whole = run.lines.get(line.instance.rpartition("[")[0]) if run is not None and line.is_item else None
        if whole is not None and line.state == "completed" and whole.total and whole.done < whole.total:
            key, now = (whole.run_id, whole.instance), self.now()
            if now - self._told.setdefault(key, now) >= _EVERY_S:
                self._told[key] = now
                tell(f"{clock_time(now)} {name_of(whole)} {whole.done:g}/{whole.total:g}")


def _is_counted_only(line: Line) -> bool:
    """Items are not listed, except those that somebody has to look at."""
    if not line.is_item:
        return False
    return line.state not in ("failed", "retrying") and line.wait != "answer"
