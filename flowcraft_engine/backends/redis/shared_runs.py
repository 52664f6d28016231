"""The runs that this process knows, and the one way in which they change: see the theory of operation in `store.py`."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from flowcraft_engine.backends.redis.derived import Derived
from flowcraft_engine.backends.redis.journal_codec import decode_step, encode_step
from flowcraft_engine.backends.redis.keys import Keys, RunKeys
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Scripts
from flowcraft_engine.backends.redis.server_clock import ServerClock
from flowcraft_engine.backends.redis.shared_run import PendingStep, SharedRun
from flowcraft_engine.clock import Clock
from flowcraft_engine.errors import FlowcraftError, NotFoundError
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.stores.ended_runs import EndedRuns
from flowcraft_engine.stores.steps import Step
from flowcraft_engine.task import new_task
from flowcraft_engine.values import json_text

T = TypeVar("T")
Tell = Callable[[str, list[Event]], None]

_NOT_LOOKED: list[Any] = []
#: Runs whose state stays in memory, in case that there is more to do for them.
_KEPT_IN_MEMORY = 2_000


class _Made:
    """Steps that were applied to a state, and are to be appended."""

    __slots__ = ("events", "orphans", "results")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.orphans: list[str] = []
        #: What each step answers, or what it raised.
        self.results: list[tuple[Any, FlowcraftError | None]] = []


class SharedRuns:
    """Reads, remembers and changes runs. `tell` hears of every confirmed event that reaches this process."""

    def __init__(
        self,
        link: Link,
        scripts: Scripts,
        keys: Keys,
        *,
        plan: Callable[[str], Awaitable[Plan]],
        clock: Clock,
        server_clock: ServerClock,
        tell: Tell,
    ) -> None:
        self._link = link
        self._scripts = scripts
        self._keys = keys
        self._plan = plan
        self._clock = clock
        self._server_clock = server_clock
        self._tell = tell
        #: The name under which this process claims.
        self.owner = ""
        self._runs: OrderedDict[str, SharedRun] = OrderedDict()
        self._ended = EndedRuns()
        self._writers: set[asyncio.Task[None]] = set()
        self._ids = f"{secrets.token_urlsafe(9)}-%d"
        self._appends = 0

    # ---- finding -------------------------------------------------------------------------------------------

    async def open(self, run_id: str) -> SharedRun:
        """The run, perhaps behind. Raises `NotFoundError`."""
        run = self._runs.get(run_id)
        if run is None:
            return await self._load(run_id)
        self._runs.move_to_end(run_id)
        return run

    async def fresh(self, run_id: str) -> SharedRun:
        """The run as it is now. Raises `NotFoundError`."""
        run = self._runs.get(run_id)
        if run is not None:
            self._runs.move_to_end(run_id)
            try:
                await self._catch_up(run)
            except NotFoundError:
                pass  # it was retired; there may be a new one of this name
            else:
                return run
        return await self._load(run_id)

    def add(self, run: SharedRun) -> None:
        """Remember a run; of those that nobody is busy with, the one that was used longest ago is forgotten."""
        self._runs[run.state.run_id] = run
        self._look_for_end(run)
        if len(self._runs) > _KEPT_IN_MEMORY:
            # Whoever still uses it holds it; whoever comes later reads it again.
            oldest = next((it for it in self._runs.values() if not it.is_writing), None)
            if oldest is not None:
                self._leave(oldest)

    def _look_for_end(self, run: SharedRun) -> None:
        """If it has ended: others that have ended leave for it."""
        if run.state.is_final:
            for run_id in self._ended.add(run.state.run_id, run.state.seq):
                ended = self._runs.get(run_id)
                # One that goes on is seen to when it ends again.
                if ended is not None and ended.state.is_final and not ended.is_writing:
                    self._leave(ended)

    def position(self, run_id: str) -> int:
        """How much of the run's journal is known here; 0 if it is not."""
        run = self._runs.get(run_id)
        return 0 if run is None else run.position

    def forget(self, run_id: str, run: SharedRun | None = None) -> None:
        """Forget a run; only if it is still `run`, if that is given."""
        if run is None or self._runs.get(run_id) is run:
            self._ended.discard(run_id)
            known = self._runs.get(run_id)
            if known is not None:
                self._leave(known)

    def _leave(self, run: SharedRun) -> None:
        del self._runs[run.state.run_id]
        # They refer to the run. Without this ring its memory is free at once: a worker seldom looks for rings.
        run.facts = None

    def unfinished(self) -> Iterable[SharedRun]:
        return [run for run in self._runs.values() if not run.state.is_final]

    async def _load(self, run_id: str) -> SharedRun:
        keys = self._keys.run(run_id)
        (digest, queue), entries = await self._link.calls(
            [("HMGET", keys.run, "digest", "queue"), ("XRANGE", keys.events, "-", "+")]
        )
        if digest is None or not entries:
            raise NotFoundError(f"there is no run {run_id!r}")
        plan = await self._plan(digest.decode())
        known = self._runs.get(run_id)
        if known is not None:
            # Somebody else has loaded it meanwhile, perhaps a little earlier than this.
            await self._take_news(known, entries, b"")
            return known
        run = SharedRun(plan, run_id, queue.decode())
        self._take_in(run, entries, news=False)
        self.add(run)
        return run

    async def _catch_up(self, run: SharedRun) -> None:
        """Return with the state as it is now, or later. Raises `NotFoundError`."""
        events, known = self._keys.run(run.state.run_id).events, run.last_append
        await self._take_news(run, await self._link.call("XRANGE", events, f"{run.position}-0", "+"), known)

    async def _take_news(self, run: SharedRun, entries: list[Any], known: bytes) -> None:
        """Fold in what is new of `entries`, which begin with `known`: the last append known when they were asked for.

        Others in this process may have taken in some of it, or more, while the reply was under way. If the journal
        is another one, the server has come back with less than it had and others may have gone on from there, or the
        run was retired and its id is used again: what this process knows is not what happened.
        """
        await run.settled()
        for place, (_, fields) in enumerate(entries):
            if fields[1] == run.last_append:
                self._take_in(run, entries[place + 1 :])
                return
        if run.last_append != known and entries and entries[0][1][1] == known:
            return  # what is known here goes on where they end
        await self._read_again(run)

    async def _read_again(self, run: SharedRun) -> None:
        run_id, known = run.state.run_id, run.last_append
        keys = self._keys.run(run_id)
        digest, entries = await self._link.calls(
            [("HGET", keys.run, "digest"), ("XRANGE", keys.events, "-", "+")]
        )
        await run.settled()
        if not entries or digest is None or digest.decode() != run.plan.digest:
            self.forget(run_id, run)
            raise NotFoundError(f"there is no run {run_id!r}")
        if run.last_append != known:
            # Something was appended here meanwhile: what was read may be behind that.
            await self._catch_up(run)
        elif any(fields[1] == known for _, fields in entries):
            await self._take_news(run, entries, known)
        else:
            run.reset()
            self._take_in(run, entries, news=False)

    def _take_in(self, run: SharedRun, entries: list[Any], *, news: bool = True) -> None:
        """Fold in what was appended after what this process knows."""
        if not entries:
            return
        events, has_kept = decode_entries(entries)
        run.has_kept = run.has_kept or has_kept
        try:
            run.extend(events)
        except BaseException:
            # Whatever it was (an event of a later version, say): half of it was folded, so it must be read anew.
            self.forget(run.state.run_id, run)
            raise
        run.confirm(entries[-1][1][1])
        if run.state.run_id in self._runs:
            self._look_for_end(run)
        if news:
            self._tell(run.state.run_id, events)

    # ---- changing ------------------------------------------------------------------------------------------

    async def step(self, run: SharedRun, step: Step[T]) -> T:
        """Apply a step, atomically, whatever others do meanwhile. Raises what the step raises."""
        # A run that was forgotten since it was opened: all of this process must work on one state of it, or a
        # claim that was made on one would be executed with what another one, which is behind, has of the outputs.
        run = self._runs.setdefault(run.state.run_id, run)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if run.is_writing:
            run.pending.append((step, done))
            return await done
        # Nobody is busy with the run: no task is needed, and a chain costs its round trips only.
        run.is_writing = True
        batch: list[PendingStep] = [(step, done)]
        try:
            await self._apply_or_fail(run, batch)
        finally:
            if run.pending or run.has_readers:
                self._let_write(run)
            else:
                run.is_writing = False
        return done.result()

    def _let_write(self, run: SharedRun) -> None:
        """See to what has come while somebody wrote."""
        writer = new_task(self._write(run))
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)

    async def know_time(self) -> None:
        """The first step of a process must not be judged by the clock of its machine."""
        if self._server_clock.is_deaf:
            self._server_clock.hear_time(await self._link.call("TIME"))

    def next_append_id(self) -> str:
        self._appends += 1
        return self._ids % self._appends

    async def _write(self, run: SharedRun) -> None:
        batch: list[PendingStep] = []
        try:
            await run.let_readers_look()
            while run.pending:
                pending, run.pending = run.pending, []
                # Whoever was cancelled meanwhile has said goodbye to its step.
                batch = [(step, done) for step, done in pending if not done.done()]
                await self._apply_or_fail(run, batch)
                await run.let_readers_look()
        except asyncio.CancelledError:
            # The event loop is being closed; nobody may wait for ever.
            for _, done in (*batch, *run.pending):
                done.cancel()
            run.pending = []
            raise
        finally:
            run.is_writing = False

    async def _apply_or_fail(self, run: SharedRun, batch: list[PendingStep]) -> None:
        try:
            await self._apply(run, batch)
        except Exception as error:
            # Whatever it was, a bug in the kernel included, is told to everybody who waits for these steps.
            _fail(batch, error)

    async def _apply(self, run: SharedRun, batch: list[PendingStep]) -> None:
        is_fresh = False
        await self.know_time()
        while batch:
            position = run.state.seq
            run.undo.begin()
            try:
                made = self._make(run, batch)
                if made.events:
                    run.is_ahead = True
                    news = await self._append(run, position, made)
                else:
                    # A no counts only on a state that is up to date.
                    news = None if is_fresh else _NOT_LOOKED
            except BaseException:
                # Half a step was made, or it is not known whether it was appended: the next step will find out.
                run.undo.undo()
                raise
            finally:
                run.is_ahead = False
            if news is None:
                run.undo.keep()
                run.note_time(made.events)
                return self._settle(run, batch, made)
            run.undo.undo()
            if news is _NOT_LOOKED:
                await self._catch_up(run)
            else:
                await self._take_news(run, news, run.last_append)
            is_fresh = True
        return None

    def _make(self, run: SharedRun, batch: list[PendingStep]) -> _Made:
        made = _Made()
        now = run.not_before(self._clock.now())
        for step, _ in batch:
            transition = Transition(run.plan, run.state, now)
            try:
                result = step(transition)
            except FlowcraftError as error:
                assert not transition.events, "half a step"
                made.results.append((None, error))
                continue
            transition.effects.idle = run.state.moving == 0 or run.state.paused_at is not None
            made.events += transition.events
            made.orphans += transition.effects.orphans
            made.results.append((result, None))
        return made

    async def _append(self, run: SharedRun, position: int, made: _Made) -> list[Any] | None:
        """None if the events are stored; else the journal from where it was expected to end."""
        state = run.state
        step = encode_step(made.events, has_kept=run.has_kept)
        changes = Derived(run)
        changes.add(made.events, step, made.orphans)
        append_id = self.next_append_id()
        keys = self.step_keys(self._keys.run(state.run_id), run.queue, changes.status)
        keys += [self._keys.claims(owner) for owner in changes.owners]
        reply = await self._link.run(
            self._scripts.append,
            keys,
            state.run_id,
            position,
            run.last_append,
            state.seq,
            append_id,
            step.events,
            json_text(step.kept) if step.kept else "",
            *changes.operations,
        )
        self._server_clock.hear(reply[1])
        if reply[0] == b"gone":
            self.forget(state.run_id, run)
            raise NotFoundError(f"there is no run {state.run_id!r}")
        if reply[0] == b"conflict" and not _is_among(reply[2], run.last_append, append_id.encode()):
            entries: list[Any] = reply[2]
            return entries
        # Stored: now, or by an earlier try whose reply was lost.
        run.confirm(append_id.encode())
        return None

    def step_keys(self, run: RunKeys, queue: str, status: str | None) -> list[str]:
        """The keys of `apply.lua`; those behind the eighth are needed when a run begins or ends.

        Behind all others come the claims of the owners that the operations name.
        """
        keys = self._keys
        names = [run.run, run.events, run.context, run.values]
        names += [keys.unclaimed(queue), keys.due, keys.dead, run.children]
        if status is not None:
            names += [keys.runs, keys.runs_with("running"), keys.finished, keys.runs_with(status)]
            names.append(keys.stopped)
        return names

    def _settle(self, run: SharedRun, batch: list[PendingStep], made: _Made) -> None:
        if made.events:
            self._look_for_end(run)
            self._tell(run.state.run_id, made.events)
        for (_, done), (result, error) in zip(batch, made.results, strict=True):
            if done.done():
                continue
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)


def _is_among(entries: list[Any], before: bytes, own: bytes) -> bool:
    """True if the entry after `before` is our own."""
    return len(entries) > 1 and entries[0][1][1] == before and entries[1][1][1] == own


def _fail(batch: list[PendingStep], error: Exception) -> None:
    for _, done in batch:
        if not done.done():
            done.set_exception(error)


def decode_entries(entries: list[Any]) -> tuple[list[Event], bool]:
    """The events of stream entries, and whether any of their values is kept elsewhere."""
    events: list[Event] = []
    has_kept = False
    for _, fields in entries:
        events += decode_step(fields[3], fields[5])
        has_kept = has_kept or bool(fields[5])
    return events, has_kept
