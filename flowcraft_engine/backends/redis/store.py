"""Coordination over Redis or Valkey, shared by any number of processes.

Theory of operation. The journal of a run is a stream; a step is the kernel's transition, made here, in Python, on the
state as this process knows it, and appended by a script only if the journal still ends where that state does. If
somebody else was faster, the script answers with what was appended meanwhile: the step is taken back, the news are
folded in, and the step is made again. So every rule stands in the kernel alone, and a fleet agrees with one process
by construction. The same script changes everything that is derived from the journal (what is ready, what is due, who
executes what, the indexes), so all of it changes in one step.

A yes is proved by the append. A no (not ready, refused, a conflict) is only given on a state that was just brought up
to date. Steps on one run that come while an append is under way share the next one.

Every append has an id: one whose reply was lost is found again in the conflict that its repetition causes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

from flowcraft_engine.backends.redis.derived import WAKE, Derived, due_score
from flowcraft_engine.backends.redis.journal_codec import encode_step, fill_in, kept_in
from flowcraft_engine.backends.redis.keys import Keys, member
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.news import News
from flowcraft_engine.backends.redis.scripts import Scripts
from flowcraft_engine.backends.redis.server_clock import ServerClock
from flowcraft_engine.backends.redis.shared_context import SharedContext
from flowcraft_engine.backends.redis.shared_run import SharedRun
from flowcraft_engine.backends.redis.shared_runs import SharedRuns, decode_entries
from flowcraft_engine.clock import Clock
from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Claim, Commit, Committed, Effects, Start
from flowcraft_engine.kernel.event import MICROSECONDS, Event
from flowcraft_engine.kernel.fold import replay
from flowcraft_engine.kernel.locate import locate
from flowcraft_engine.kernel.naming import Path, item_name
from flowcraft_engine.kernel.outcome import output_of
from flowcraft_engine.kernel.outstanding import outstanding
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.recent import Recent
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.stores import steps
from flowcraft_engine.stores.coordination_store import (
    CoordinationStore,
    Listener,
    RunFacts,
    RunQuery,
    RunSummary,
)
from flowcraft_engine.stores.journal_store import same_history
from flowcraft_engine.stores.log_store import LogLine, LogPart
from flowcraft_engine.stores.queue_names import queue_of
from flowcraft_engine.values import JsonObject, JsonValue, has_kept_values, json_text, same_json

#: So many runs of a list are asked for at once.
_LARGEST_PAGE = 1_000
#: Where a claim may have values that are kept elsewhere.
_VALUES_OF_A_CLAIM = ("values", "resumption", "carry", "error", "item", "outcomes", "input")
#: Large values of a history come together, as soon as they have so many characters.
_FETCHED_AT_ONCE = 1_000_000
#: So many parts of logs fit on the stack of a script.
_LOGS_AT_ONCE = 1_000
_SUMMARY = ("blueprint_id", "version", "status", "created_at", "finished_at", "parent")


class RedisCoordinationStore(CoordinationStore):
    """Runs below `namespace` on one server. `owner` is the name under which this process claims.

    `clock` replaces the server's own in transitions, for tests.
    """

    is_shared = True

    def __init__(
        self,
        link: Link,
        *,
        namespace: str = "flowcraft",
        scripts: Scripts | None = None,
        clock: Clock | None = None,
        server_clock: ServerClock | None = None,
    ) -> None:
        self.link = link
        self.scripts = scripts or Scripts()
        self.keys = Keys(namespace)
        self.server_clock = server_clock or ServerClock()
        self._clock: Clock = clock or self.server_clock
        self._plans: Recent[str, Plan] = Recent()
        self._listeners: list[Listener] = []
        self._news = News(link.address)
        self.runs = SharedRuns(
            link,
            self.scripts,
            self.keys,
            plan=self.plan,
            clock=self._clock,
            server_clock=self.server_clock,
            tell=self._tell,
        )

    def claim_as(self, name: str | None) -> str:
        self.runs.owner = name or self.claimant()
        return self.runs.owner

    # ---- verbs ---------------------------------------------------------------------------------------------

    async def start(self, plan: Plan, command: Start) -> Effects | None:
        self._know(plan)
        await self.runs.know_time()
        run = SharedRun(plan, command.run_id, queue_of(plan.blueprint, plan.digest))
        transition = Transition(plan, run.state, self._clock.now())
        transition.start(command)
        if not await self._store_new(run, transition.events):
            await self._require_same(plan, command)
            return None
        transition.effects.idle = run.state.moving == 0
        self._tell(command.run_id, transition.events)
        return transition.effects

    async def _store_new(self, run: SharedRun, events: list[Event]) -> bool:
        """Store the beginning of a run's journal; False if there is a run of this id already."""
        append_id, run_id = self.runs.next_append_id(), run.state.run_id
        step = encode_step(events, has_kept=False)
        changes = Derived(run)
        changes.add(events, step, [])
        digests = sorted({run.plan.digest, *run.state.pins.values()})
        blueprint = run.plan.blueprint
        run_keys = self.keys.run(run_id)
        keys = self.runs.step_keys(run_keys, run.queue, changes.status or "running")
        keys += [self.keys.blueprints, self.keys.blueprint_users, self.keys.queues, run_keys.blueprint]
        arguments = [
            run_id,
            append_id,
            run.state.seq,
            step.events,
            json_text(step.kept) if step.kept else "",
        ]
        arguments += [blueprint.id, blueprint.version or "", run.queue, len(digests), *digests]
        while True:
            reply = await self.link.run(self.scripts.start, keys, *arguments, *changes.operations)
            failpoint("start.sent")
            self.server_clock.hear(reply[1])
            if reply[0] != b"missing":
                break
            await self.pin(await self.plan(reply[2].decode()))
        if reply[0] == b"exists" and reply[2].decode() != append_id:
            return False
        if reply[0] == b"exists":
            # By a try before this one, whose reply was lost: others may have gone on since, this process among them.
            with contextlib.suppress(NotFoundError):  # it has even been retired
                await self.runs.fresh(run_id)
            return True
        run.confirm(append_id.encode())
        run.note_time(events)
        self.runs.add(run)
        return True

    async def _require_same(self, plan: Plan, command: Start) -> None:
        """Raises `ConflictError` if the run that has this id is another one."""
        run = await self.runs.fresh(command.run_id)
        inputs = await self.fill_in(command.run_id, run.state.inputs)
        if run.state.digest != plan.digest or not same_json(inputs, command.inputs):
            raise ConflictError(
                f"run {command.run_id} exists already, with another blueprint or other inputs"
            )

    async def claim(self, run_id: str, jobs: Sequence[tuple[str, str]], owner: str) -> list[Claim]:
        run = await self.runs.open(run_id)
        take = steps.claim(jobs, owner)

        def step(transition: Transition) -> tuple[list[Claim], list[str], bytes]:
            claims = take(transition)
            taken = {claim.instance for claim in claims}
            state = transition.state
            vain = [name for name, _ in jobs if name not in taken and not state.is_ready(name)]
            return claims, vain, run.last_append

        claims, vain, position = await self.runs.step(run, step)
        failpoint("claim.sent")
        if vain:
            # Only if the run still stands there: it may have become ready since, and must be found then.
            keys = self.runs.step_keys(self.keys.run(run_id), run.queue, None)
            operations = chain.from_iterable(("r", member(run_id, name)) for name in vain)
            await self.link.run(self.scripts.reindex, keys, run_id, position, *operations)
        return [await self._whole_claim(claim) for claim in claims] if run.has_kept else claims

    async def commit(self, run_id: str, command: Commit) -> Committed:
        run = await self.runs.open(run_id)
        failpoint("commit.pre")
        committed = await self.runs.step(run, steps.commit(command))
        failpoint("commit.sent")
        if committed.claims and run.has_kept:
            committed.claims = [await self._whole_claim(claim) for claim in committed.claims]
        return committed

    async def signal(
        self, run_id: str, node: str | None, output: JsonValue, action: str | None
    ) -> Effects | None:
        run = await self.runs.open(run_id)
        while True:
            try:
                effects = await self.runs.step(run, steps.signal(node, output, action))
                failpoint("signal.sent")
                return effects
            except ConflictError:
                # The same answer again is recognized by its value, so that must be at hand.
                if not await self._fill_in_answers(run):
                    raise

    async def _fill_in_answers(self, run: SharedRun) -> bool:
        """Bring the large answers of a run here, in place; false if there was none."""
        run_id, state = run.state.run_id, run.state
        given = {name: it.answer for name, it in state.instances.items() if has_kept_values(it.answer)}
        early = {node: answer for node, answer in state.early.items() if has_kept_values(answer)}
        if not given and not early:
            return False
        filled_given, filled_early = await self.fill_in(run_id, [given, early])
        await run.settled()
        for name, answer in given.items():
            if state.instances[name].answer is answer:
                state.instances[name].answer = filled_given[name]
        for node, answer in early.items():
            if state.early.get(node) is answer:
                dict.__setitem__(state.early, node, filled_early[node])
        return True

    async def wake(self, run_id: str, instances: Sequence[str]) -> Effects:
        run = await self.runs.open(run_id)
        fire = steps.wake(instances)

        def step(transition: Transition) -> tuple[Effects, list[tuple[float, str]], bytes]:
            return fire(transition), _still_due(transition.state, instances), run.last_append

        effects, later, position = await self.runs.step(run, step)
        while later and not await self._set_again(run, later, position):
            # The run has moved on meanwhile: what is left of them now?
            run = await self.runs.fresh(run_id)
            later, position = _still_due(run.state, instances), run.last_append
        return effects

    async def _set_again(self, run: SharedRun, timers: list[tuple[float, str]], position: bytes) -> bool:
        """Set timers that whoever asks believes to be due by now, and will strike off; false if the run has moved on.

        This process may have heard the time from a reply that was late, or the server's clock may have been set back.
        """
        run_id = run.state.run_id
        keys = self.runs.step_keys(self.keys.run(run_id), run.queue, None)
        operations = (("T", due_score(due), member(WAKE, run_id, name)) for due, name in timers)
        reply = await self.link.run(
            self.scripts.reindex, keys, run_id, position, *chain.from_iterable(operations)
        )
        return bool(reply[0] == b"ok")

    async def deliver(
        self, run_id: str, instance: str, child: str, result: JsonObject, *, generation: int | None = None
    ) -> Effects:
        run = await self.runs.open(run_id)
        return await self.runs.step(run, steps.deliver(instance, child, result, generation))

    async def release(
        self, run_id: str, instance: str, nonce: str | None, *, crashed: bool, why: str
    ) -> Effects:
        run = await self.runs.open(run_id)
        return await self.runs.step(run, steps.release(instance, nonce, crashed=crashed, why=why))

    async def cancel(self, run_id: str, reason: str | None, *, generation: int | None = None) -> Effects:
        effects = await self.runs.step(await self.runs.open(run_id), steps.cancel(reason, generation))
        failpoint("cancel.sent")
        return effects

    async def pause(self, run_id: str) -> bool:
        return await self.runs.step(await self.runs.open(run_id), steps.pause())

    async def unpause(self, run_id: str) -> Effects | None:
        return await self.runs.step(await self.runs.open(run_id), steps.unpause())

    async def retry(self, run_id: str, children: Collection[str] = (), *, ahead_of: int = 0) -> Effects:
        return await self.runs.step(await self.runs.fresh(run_id), steps.retry(children, ahead_of))

    async def rerun(
        self, run_id: str, node: str, children: Collection[str] = (), *, ahead_of: int = 0
    ) -> Effects:
        return await self.runs.step(await self.runs.fresh(run_id), steps.rerun(node, children, ahead_of))

    async def restore(self, plan: Plan, run_id: str, events: Sequence[Event]) -> int:
        await self.pin(plan)
        new = 0
        if not await self.exists(run_id):
            # Its beginning makes nothing ready; the rest comes as one step.
            run = SharedRun(plan, run_id, queue_of(plan.blueprint, plan.digest))
            run.extend(list(events[:1]))
            new = int(await self._store_new(run, list(events[:1])))
        while True:
            known = await self.events(run_id)
            if not same_history(known, events):
                raise ConflictError(f"run {run_id} is here already, and has gone on differently")
            if len(events) <= len(known):
                return new
            more = await self.runs.step(await self.runs.fresh(run_id), steps.take_over(events, len(known)))
            if more:
                return new + more
            # Others have gone on with it since we looked.

    async def tree(self, run_id: str) -> list[str]:
        if not await self.exists(run_id):
            raise NotFoundError(f"there is no run {run_id!r}")
        found: list[str] = []
        level = [run_id]
        while level:
            found += level
            families = await self.link.calls([("SMEMBERS", self.keys.run(name).children) for name in level])
            names = [child.decode() for children in families for child in sorted(children)]
            there = await self.link.calls([("EXISTS", self.keys.run(name).run) for name in names])
            level = [name for name, is_there in zip(names, there, strict=True) if is_there]
        return found

    async def outstanding(self, run_id: str) -> Effects:
        return outstanding((await self.runs.fresh(run_id)).state)

    async def retire(self, run_id: str) -> None:
        keys, run_keys = self.keys, self.keys.run(run_id)
        was_there = False
        while True:
            # Told from what stands beside the journal: reading the journals of thousands would take minutes.
            (status, digest, pins), children = await self.link.calls(
                [("HMGET", run_keys.run, "status", "digest", "pins"), ("SMEMBERS", run_keys.children)]
            )
            if digest is None and was_there:
                break  # that was us, and the reply was lost; or somebody else
            if digest is None:
                raise NotFoundError(f"there is no run {run_id!r}")
            was_there = True
            if status == b"running":
                raise ConflictError(f"run {run_id} has not ended")
            failpoint("retire.pre")
            for child in children:
                # It may never have begun, or have been retired by a try before this one.
                with contextlib.suppress(NotFoundError):
                    await self.retire(child.decode())
            names = [keys.runs, keys.runs_with(status.decode()), keys.finished]
            names += [keys.blueprints, keys.blueprint_users, *run_keys.all]
            digests = sorted({digest.decode(), *json.loads(pins).values()})
            failpoint("retire.mid")
            if await self.link.run(self.scripts.retire, names, run_id, status, *digests):
                break  # else it has begun another generation since
        self.runs.forget(run_id)

    # ---- look-ups ------------------------------------------------------------------------------------------

    async def facts(self, run_id: str) -> RunFacts:
        run = await self.runs.open(run_id)
        if run.facts is None:
            state = run.state
            context = SharedContext(run, self.fill_in)
            run.facts = RunFacts(
                run_id, run.plan, state.inputs, state.entry, state.key_base, state.pins, context
            )
        return run.facts

    async def outputs(
        self, run_id: str, node_ids: Sequence[str], path: Path = (), scopes: tuple[str, ...] = ()
    ) -> list[JsonValue]:
        run = await self.runs.open(run_id)
        await run.settled()
        result: list[JsonValue] = []
        for node_id in node_ids:
            instance = locate(run.plan, run.state, node_id, path, scopes)
            result.append(None if instance is None else output_of(run.state, instance))
        return await self.fill_in(run_id, result) if run.has_kept else result

    async def item_results(self, run_id: str, whole: str) -> list[tuple[JsonValue, JsonObject | None]]:
        run = await self.runs.open(run_id)
        await run.settled()
        batch = run.state.instances[whole].batch
        assert batch is not None
        names = (item_name(whole, index) for index in range(len(batch.items)))
        items = [run.state.instances[name] for name in names if name in run.state.instances]
        outputs = await self.fill_in(run_id, [item.output for item in items])
        errors = (item.error if item.state == st.FAILED else None for item in items)
        return list(zip(outputs, errors, strict=True))

    async def glance(self, run_id: str) -> tuple[Plan, RunState]:
        run = await self.runs.fresh(run_id)
        return run.plan, run.state

    async def snapshot(self, run_id: str) -> tuple[Plan, RunState]:
        run = await self.runs.fresh(run_id)
        if not run.has_kept:
            return run.plan, run.state
        events = await self.events(run_id)
        return run.plan, replay(run.plan, run_id, events)

    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        entries = await self.link.call("XRANGE", self.keys.run(run_id).events, f"({after}-0", "+")
        if not entries and not await self.exists(run_id):
            raise NotFoundError(f"there is no run {run_id!r}")
        events, _ = decode_entries(entries)
        # An entry is named after its last event, so the first one may begin before the wanted event.
        last = int(entries[-1][0].partition(b"-")[0]) if entries else after
        whole: list[Any] = []
        batch: list[Any] = []
        size = 0
        for event in events[len(events) - (last - after) :]:
            batch.append(list(event))
            size += sum(kept.size for kept in kept_in(event.data))
            if size > _FETCHED_AT_ONCE:
                whole += await self.fill_in(run_id, batch)
                batch, size = [], 0
        whole += await self.fill_in(run_id, batch)
        return [Event._make(event) for event in whole]

    async def exists(self, run_id: str) -> bool:
        return bool(await self.link.call("EXISTS", self.keys.run(run_id).run))

    async def fill_in(self, run_id: str, value: Any) -> Any:
        """`value` with everything that is kept elsewhere fetched and put in its place."""
        if not has_kept_values(value):
            return value
        digests = list(dict.fromkeys(kept.digest for kept in kept_in(value)))
        texts = await self.link.call("HMGET", self.keys.run(run_id).values, *digests)
        missing = [digest for digest, text in zip(digests, texts, strict=True) if text is None]
        if missing:
            raise NotFoundError(f"run {run_id}: a large value is gone from Redis ({missing[0]})")
        return fill_in(value, {digest: json.loads(text) for digest, text in zip(digests, texts, strict=True)})

    async def _whole_claim(self, claim: Claim) -> Claim:
        parts = [getattr(claim, name) for name in _VALUES_OF_A_CLAIM]
        if has_kept_values(parts):
            for name, value in zip(_VALUES_OF_A_CLAIM, await self.fill_in(claim.run_id, parts), strict=True):
                setattr(claim, name, value)
        return claim

    # ---- logs ----------------------------------------------------------------------------------------------

    async def write_logs(self, parts: Sequence[LogPart], *, behind: int | None = None) -> None:
        by_run: dict[str, list[str]] = {}
        for part in parts:
            # Text that is no valid Unicode is kept escaped.
            fields = (part.instance, part.generation, part.attempt, part.lines, part.left_out)
            by_run.setdefault(part.run_id, []).append(json.dumps(fields, separators=(",", ":")))
        for run_id, texts in by_run.items():
            keys = self.keys.run(run_id)
            for first in range(0, len(texts), _LOGS_AT_ONCE):
                some = texts[first : first + _LOGS_AT_ONCE]
                there = "" if behind is None else behind + first
                await self.link.run(self.scripts.write_logs, [keys.run, keys.logs], there, *some)

    async def read_logs(self, run_id: str, after: int = 0, *, limit: int | None = None) -> list[LogPart]:
        last = -1 if limit is None else after + limit - 1
        texts = await self.link.call("LRANGE", self.keys.run(run_id).logs, after, last)
        if not texts and not await self.exists(run_id):
            raise NotFoundError(f"there is no run {run_id!r}")
        parts: list[LogPart] = []
        for number, text in enumerate(texts, start=after + 1):
            instance, generation, attempt, lines, left_out = json.loads(text)
            kept = tuple(LogLine(*line) for line in lines)
            parts.append(LogPart(run_id, instance, generation, attempt, kept, left_out, number))
        return parts

    async def last_log(self, run_id: str) -> int:
        return int(await self.link.call("LLEN", self.keys.run(run_id).logs))

    # ---- blueprints ----------------------------------------------------------------------------------------

    async def plan(self, digest: str) -> Plan:
        plan = self._plans.get(digest)
        if plan is None:
            body = await self.link.call("HGET", self.keys.blueprints, digest)
            if body is None:
                raise NotFoundError(f"there is no blueprint with digest {digest[:12]} in Redis")
            plan = self._plans.get(digest)  # somebody else may have waited for it, too
            if plan is None:
                plan = self._plans[digest] = _plan_of(body, digest)
        return plan

    async def pin(self, plan: Plan) -> None:
        # Blueprints are imported by those who need one: not by a list of runs.
        from flowcraft_engine.blueprint.snapshot import snapshot_of

        self._know(plan)
        body = json_text(snapshot_of(plan.blueprint))
        # One of a run file has no folder, and takes none away from the runs that are here.
        verb = "HSET" if plan.blueprint.folder else "HSETNX"
        await self.link.call(verb, self.keys.blueprints, plan.digest, body)

    def _know(self, plan: Plan) -> None:
        if plan.digest not in self._plans:
            self._plans[plan.digest] = plan

    # ---- the list of runs ----------------------------------------------------------------------------------

    async def list_runs(self, *, limit: int = 50, status: str | None = None) -> list[RunSummary]:
        ids = [it.decode() for it in await self.link.call("ZREVRANGE", self._list(status), 0, limit - 1)]
        return await self._summaries(ids)

    async def find_runs(self, query: RunQuery) -> list[RunSummary]:
        """Page by page from the newest on; the server leaves out what does not fit."""
        # A run that begins meanwhile moves all others on: the last of a page comes once more with the next one.
        found: dict[str, None] = {}
        wanted = (*self.keys.around_id, query.blueprint_id or "", "1" if query.top_only else "")
        size, first = min(max(2 * query.limit, 50), _LARGEST_PAGE), 0
        while len(found) < query.limit:
            reply = await self.link.run(
                self.scripts.find_runs, [self._list(query.status)], first, first + size - 1, *wanted
            )
            seen, oldest = int(reply[0]), float(reply[1]) / MICROSECONDS
            found.update(dict.fromkeys(run_id.decode() for run_id in reply[2:]))
            if seen < size or (query.since is not None and oldest < query.since):
                break
            first, size = first + size, _LARGEST_PAGE
        runs = await self._summaries([*found][: query.limit])
        return [run for run in runs if query.fits(run)]

    def _list(self, status: str | None) -> str:
        return self.keys.runs if status is None else self.keys.runs_with(status)

    async def _summaries(self, ids: list[str]) -> list[RunSummary]:
        rows = await self.link.calls([("HMGET", self.keys.run(run_id).run, *_SUMMARY) for run_id in ids])
        return [_summary(run_id, row) for run_id, row in zip(ids, rows, strict=True) if row[2] is not None]

    async def remember(self, run_id: str, options: JsonObject) -> None:
        run = self.keys.run(run_id).run
        await self.link.run(self.scripts.amend, [run, run], "options", json_text(options))

    async def recall(self, run_id: str) -> JsonObject:
        text = await self.link.call("HGET", self.keys.run(run_id).run, "options")
        return json.loads(text) if text else {}

    async def owner_is_dead(self, owner: str) -> bool:
        expiry = await self.link.call("ZSCORE", self.keys.workers, owner)
        return expiry is None or float(expiry) / 1000 < self.server_clock.now()

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def refresh(self) -> list[str]:
        """Take in what others have appended to the unfinished runs that are known here."""
        runs = [run for run in self.runs.unfinished() if not run.is_writing]
        before = [run.state.seq for run in runs]
        await asyncio.gather(*(self._freshen(run.state.run_id) for run in runs))
        return [run.state.run_id for run, seq in zip(runs, before, strict=True) if run.state.seq != seq]

    async def _freshen(self, run_id: str) -> None:
        with contextlib.suppress(NotFoundError):  # it has ended, and was retired
            await self.runs.fresh(run_id)

    async def await_news(self, run_ids: Sequence[str], timeout_s: float) -> None:
        seen = [(run_id, self.runs.position(run_id)) for run_id in run_ids]
        streams = {self.keys.run(run_id).events: f"{position}-0" for run_id, position in seen}
        await self._news.wait(streams, timeout_s)

    async def close(self) -> None:
        await self._news.close()
        await self.link.close()

    def _tell(self, run_id: str, events: Sequence[Event]) -> None:
        for listener in self._listeners:
            listener(run_id, events)


def _plan_of(body: bytes, digest: str) -> Plan:
    from flowcraft_engine.blueprint.snapshot import from_snapshot
    from flowcraft_engine.kernel.compile import compile_plan

    return compile_plan(from_snapshot(json.loads(body)), digest)


def _still_due(state: RunState, names: Sequence[str]) -> list[tuple[float, str]]:
    """Those of the named timers that are set, and when they are due; without a name, the time limit of the run."""
    if state.is_final or state.paused_at is not None:
        return []  # when a paused run goes on, its timers are set anew
    found = [(state.instances[name].due, name) for name in names if name in state.instances]
    if "" in names:
        found.append((state.deadline, ""))
    return [(due, name) for due, name in found if due is not None]


def _summary(run_id: str, row: list[bytes | None]) -> RunSummary:
    blueprint_id, version, status, created_at, finished_at, parent = (
        None if value is None else value.decode() for value in row
    )
    return RunSummary(
        run_id,
        blueprint_id or "",
        version or None,
        status or "",
        int(created_at or 0) / 1000,
        int(finished_at) / 1000 if finished_at else None,
        parent or None,
    )
