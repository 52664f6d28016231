"""Keeps what nodes print and log: collected in memory, written to the store a few times a second."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from flowcraft_engine.clock import Clock
from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.nodes.node_output import Show, ShowOf, Speaker
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.log_store import LogLine, LogPart, LogStore
from flowcraft_engine.task import new_task
from flowcraft_engine.values.masking import Masker

#: Bytes kept of one attempt; what comes after is counted.
KEPT_BYTES = 64 * 1024
_PERIOD_S = 0.25


class Page:
    """What one attempt has said. Changed under the lock of its log only."""

    __slots__ = (
        "_mask",
        "attempt",
        "has_ended",
        "instance",
        "left_out",
        "lines",
        "old_rests",
        "rests",
        "run_id",
        "show",
        "size",
        "unshown",
    )

    def __init__(self, ctx: Speaker, masker: Masker) -> None:
        self._mask = masker.text
        self.run_id = ctx.run_id
        self.instance = ctx.instance
        self.attempt = ctx.attempt
        self.lines: list[LogLine] = []
        self.size = 0
        self.left_out = 0
        self.has_ended = False
        #: Who shows printed lines, and those that wait to be shown.
        self.show: Show | None = None
        self.unshown: list[LogLine] = []
        #: Beginnings of lines, by stream; and those that were there at the last writing.
        self.rests: dict[str, str] = {}
        self.old_rests: dict[str, str] = {}

    def add(self, line: LogLine) -> None:
        line = line._replace(text=self._mask(line.text))
        if self.show is not None and line.level is None:
            self.unshown.append(line)
        size = len(line.text.encode("utf-8", "replace")) + 1
        if self.size + size > KEPT_BYTES:
            # All that follows is left out, so that no line is missing in between.
            self.left_out += size
            self.size = KEPT_BYTES
            return
        self.size += size
        self.lines.append(line)

    def write(self, at: float, stream: str, text: str) -> None:
        """Take text as it is printed, and keep the lines that are whole."""
        *lines, rest = (self.rests.pop(stream, "") + text).split("\n")
        for line in lines:
            self.add(LogLine(at, stream, None, line.rstrip("\r")))
        if len(rest) > KEPT_BYTES:
            self.add(LogLine(at, stream, None, rest))
        elif rest:
            self.rests[stream] = rest

    def settle(self, at: float, *, all: bool) -> None:
        """Make lines of beginnings that nobody has gone on with since the last time."""
        for stream, rest in list(self.rests.items()):
            if all or self.old_rests.get(stream) == rest:
                del self.rests[stream]
                self.add(LogLine(at, stream, None, rest))
        self.old_rests = dict(self.rests)


class OutputLog:
    """The output of the nodes of one process. Costs nothing for nodes that say nothing."""

    def __init__(self, runs: CoordinationStore, logs: LogStore, clock: Clock, masker: Masker) -> None:
        self._masker = masker
        self._runs = runs
        self._logs = logs
        self._clock = clock
        self._lock = threading.Lock()
        self._dirty: dict[Page, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Write from now on, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        if self._dirty:  # a thread of a node has spoken while nobody wrote
            self._schedule()

    async def stop(self) -> None:
        """Write what is there. May be called twice."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._writing)
        await self._write(all=True)

    def note(
        self, ctx: Speaker, stream: str, text: str, level: str | None = None, *, show: ShowOf | None = None
    ) -> None:
        at = self._clock.now()
        with self._lock:
            page = ctx.page
            if page is None:
                page = ctx.page = Page(ctx, self._masker)
            if show is not None and page.show is None:
                page.show = show(ctx)
            if level is None:
                page.write(at, stream, text)
            else:
                page.add(LogLine(at, stream, level, text))
            is_first = not self._dirty
            self._dirty[page] = None
        self._show(page)
        loop = self._loop
        if is_first and loop is not None:
            with suppress(RuntimeError):  # the loop has ended before a thread of a node
                loop.call_soon_threadsafe(self._schedule)

    def settle(self, ctx: Speaker) -> None:
        page: Page | None = ctx.page
        if page is not None:
            with self._lock:
                page.settle(self._clock.now(), all=True)
            self._show(page)

    def _show(self, page: Page) -> None:
        """Outside of the lock: whoever shows a line may take long."""
        if not page.unshown or page.show is None:
            return
        with self._lock:
            lines, page.unshown = page.unshown, []
        for line in lines:
            page.show(line.stream, line.text)

    def end(self, ctx: Speaker) -> None:
        """The attempt has ended: what it said is whole."""
        page: Page | None = ctx.page
        if page is not None:
            with self._lock:
                page.settle(self._clock.now(), all=True)
                page.has_ended = True
                is_news = page.lines or page.left_out
                is_first = bool(is_news) and not self._dirty
                if is_news:
                    self._dirty[page] = None
            self._show(page)
            if is_first:
                self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(_PERIOD_S, self._begin_writing)

    def _begin_writing(self) -> None:
        self._timer = None
        if self._loop is not None:
            task = new_task(self._write_some(), self._loop)
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write_some(self) -> None:
        with suppress(BackendError):  # which the next step of any run raises, too
            await self._write(all=False)

    async def _write(self, *, all: bool) -> None:
        try:
            await self._write_taken(self._take(all=all))
        finally:
            if self._dirty:
                self._schedule()

    async def _write_taken(self, taken: list[tuple[Page, list[LogLine]]]) -> None:
        parts = []
        generations: dict[str, int] = {}
        for page, lines in taken:
            with suppress(NotFoundError):  # forgotten while its node was still talking
                if page.run_id not in generations:
                    _, state = await self._runs.glance(page.run_id)
                    generations[page.run_id] = state.generation
                parts.append(
                    LogPart(
                        page.run_id,
                        page.instance,
                        generations[page.run_id],
                        page.attempt,
                        tuple(lines),
                        page.left_out,
                    )
                )
        if parts:
            await self._logs.write_logs(parts)

    def _take(self, *, all: bool) -> list[tuple[Page, list[LogLine]]]:
        at = self._clock.now()
        taken = []
        with self._lock:
            for page in self._dirty:
                page.settle(at, all=all)
                taken.append((page, page.lines))
                page.lines = []
            # The others are seen again when they say more, or when they have ended.
            self._dirty = {page: None for page in self._dirty if page.rests}
        for page, _ in taken:
            self._show(page)
        # That lines were left out is told with the end of the attempt.
        return [
            (page, lines) for page, lines in taken if lines or (page.left_out and (page.has_ended or all))
        ]


def output_log_of(store: CoordinationStore, clock: Clock, masker: Masker) -> OutputLog | None:
    """Keeps the output beside the runs; None for a store that keeps none."""
    return OutputLog(store, store, clock, masker) if isinstance(store, LogStore) else None
