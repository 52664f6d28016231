"""What must hold after a storm, told from the journals, the ledger outside of Redis and what clients were told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine import NotFoundError
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import instance_name
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from tests.acceptance.fleet_run import FaultyAdapter
from tests.chaos.driver import Driver, Run, has_crash_loop
from tests.chaos.ledger import Effect
from tests.chaos.tally import Tally
from tests.chaos.worker import NAMESPACE
from tests.chaos.workload import key_of
from tests.properties import invariants
from tests.reference.real import result_of

_CRASH_LOOP = "crash_loop"
_CRASHES = 3


@dataclass
class Circumstances:
    """What the storm may excuse. `undone`: the end of the server's log was cut off, and history with it."""

    undone: bool = False
    #: The queue's database was lost, and dead letters with it.
    queue_lost: bool = False
    quiet: bool = False
    poison: set[bytes] = field(default_factory=set)
    certain_poison: set[bytes] = field(default_factory=set)


class Checker:
    """Collects everything that does not hold in `violations`."""

    def __init__(
        self,
        adapter: FaultyAdapter,
        driver: Driver,
        effects: Sequence[Effect],
        tally: Tally,
        circumstances: Circumstances,
    ) -> None:
        self._adapter = adapter
        self._store = adapter.ports.store
        self._driver = driver
        self._tally = tally
        self._circumstances = circumstances
        self.violations: list[str] = []
        self._effects: defaultdict[str, defaultdict[str, list[Effect]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for effect in effects:
            self._effects[effect.run][effect.instance].append(effect)

    async def check(self, runs: Iterable[Run]) -> None:
        await self.check_runs(runs)
        await self._keys()
        await self._dead_letters()
        self._tally["executions"] += sum(
            effect.what == "begin" for run in self._effects.values() for its in run.values() for effect in its
        )

    async def check_runs(self, runs: Iterable[Run]) -> None:
        """What clients were told, and the journal of every run that there is."""
        for run in runs:
            await self._acknowledged(run)
        for summary in await self._store.list_runs(limit=1_000_000):
            await self._journal(summary.run_id)

    def _complain(self, run_id: str, what: str, kind: str = "wrong") -> None:
        self._tally[kind] += 1
        self.violations.append(f"{run_id}: {what}")

    # ---- what clients were told ----------------------------------------------------------------------------

    async def _acknowledged(self, run: Run) -> None:
        self._tally["runs"] += 1
        self._tally["starts undone"] += run.undone
        undone = self._circumstances.undone
        if run.undone and not undone:
            self._complain(run.id, "was started, and is gone", "lost runs")
        if not run.is_over:
            self._complain(run.id, "did not come to rest", "stuck")
        try:
            document = (await self._driver.client(run).show(run.id)).to_json()
        except NotFoundError:
            self._complain(run.id, "is unknown", "lost runs")
            return
        if len(set(run.ends) | ({document["status"]} if run.ends else set())) > 1 and not undone:
            self._complain(run.id, f"ended more than once: {run.ends}, {document['status']}")
        if run.cancelled and document["status"] != "cancelled" and not undone:
            self._complain(run.id, f"was cancelled, and is {document['status']}", "lost runs")
        if document["status"] == "cancelled":
            if not run.cancel_sent:
                self._complain(run.id, "was cancelled by nobody")
        elif await has_crash_loop(self._store, run.id):
            self._tally["crash loops"] += 1  # `_instance` looks whether that is true
        else:
            await self._result(run, document)

    async def _result(self, run: Run, document: dict[str, Any]) -> None:
        result = result_of(document, run.load.case)
        key = key_of(result)
        if key in run.load.admissible:
            return
        events = await self._store.events(run.id)
        released = {event.instance for event in events if event.type == ev.NODE_RELEASED}
        if run.load.admits_after_releases(result, released):
            self._tally["admitted after a release"] += 1
        else:
            expected = "\n or \n".join(sorted(run.load.admissible)[:2])
            self._complain(run.id, f"came to\n{key}\ninstead of\n{expected}")

    # ---- journals and effects ------------------------------------------------------------------------------

    async def _journal(self, run_id: str) -> None:
        try:
            plan, state = await self._store.snapshot(run_id)
            events = await self._store.events(run_id)
            invariants.check(plan, state, events)
        except AssertionError as error:
            self._complain(run_id, f"its journal does not hold: {error}")
            return
        self._commits(run_id, events)
        self._claims(run_id, events)
        for instance in state.instances.values():
            self._instance(run_id, plan, state, instance)
        self._idempotency(run_id)

    def _commits(self, run_id: str, events: list[Event]) -> None:
        commits = Counter(event.instance for event in events if event.type == ev.NODE_COMPLETED)
        for name, count in commits.items():
            if count > 1:
                self._complain(run_id, f"{name} was committed {count} times", "committed twice")
        ends = [at for at, event in enumerate(events) if event.type == ev.RUN_FINISHED]
        if len(ends) > 1:
            self._complain(run_id, "has two ends", "committed twice")

    def _claims(self, run_id: str, events: list[Event]) -> None:
        """Nothing is executed without a claim, and no claim is given twice unless it was taken back."""
        claims = Counter(event.instance for event in events if event.type == ev.NODE_STARTED)
        released = [event for event in events if event.type == ev.NODE_RELEASED]
        self._tally["taken back"] += len(released)
        if self._circumstances.quiet and released:
            self._complain(
                run_id, f"{released[0].instance} was taken back although nobody died: {released[0]}"
            )
        for name, effects in self._effects[run_id].items():
            begun = [effect for effect in effects if effect.what == "begin"]
            by_attempt = Counter(effect.attempt for effect in begun)
            self._tally["duplicates"] += sum(by_attempt.values()) - len(by_attempt)
            if len(begun) > claims[name] and not self._circumstances.undone:
                self._complain(run_id, f"{name} began {len(begun)} times with {claims[name]} claims")

    def _instance(self, run_id: str, plan: Plan, state: RunState, instance: Instance) -> None:
        node = plan.nodes[instance.node_id]
        effects = self._effects[run_id][instance.name]
        if (instance.error or {}).get("code") == _CRASH_LOOP and _crashes(state, instance) < _CRASHES:
            self._complain(run_id, f"{instance.name} is called a crash loop after {instance.crashes}")
        if not node.uses.startswith("c") or "." not in node.uses:
            return  # built in
        is_executed = node.for_each is None or instance.index is not None
        has_ended = any(effect.what == "end" for effect in effects)
        if instance.state == st.COMPLETED and is_executed and not has_ended:
            self._complain(run_id, f"{instance.name} is completed and was never executed")
        if instance.state == st.SKIPPED and effects and not self._circumstances.undone:
            self._complain(run_id, f"{instance.name} is skipped, and was executed")
        if effects and node.join == "all" and instance.index is None:
            self._order(run_id, plan, state, instance, effects[0].at)

    def _order(self, run_id: str, plan: Plan, state: RunState, instance: Instance, begun: float) -> None:
        """No effect begins before an effect of each predecessor has ended."""
        for predecessor, edge in (instance.arrivals or {}).items():
            node = plan.nodes[predecessor]
            source = instance_name(predecessor, instance.path[: node.depth])
            if edge < 0 or node.for_each is not None or state.instances[source].state != st.COMPLETED:
                continue
            ends = [it.at for it in self._effects[run_id].get(source, []) if it.what == "end"]
            if ends and min(ends) > begun:
                self._complain(run_id, f"{instance.name} began before {source} had ended")

    def _idempotency(self, run_id: str) -> None:
        keys = {
            name: {it.key for it in effects} for name, effects in self._effects[run_id].items() if effects
        }
        several = [name for name, its in keys.items() if len(its) > 1]
        if several or len({key for its in keys.values() for key in its}) < len(keys):
            self._complain(run_id, f"idempotency keys are not one for each instance: {several}")

    # ---- what is left in Redis -----------------------------------------------------------------------------

    async def _keys(self) -> None:
        call = self._adapter.ports.store.link.call  # type: ignore[attr-defined]  # the Redis store's own
        cursor, keys = b"0", set()
        while True:
            cursor, found = await call("SCAN", cursor, "COUNT", 1000)
            keys.update(found)
            if cursor == b"0":
                break
        known = {summary.run_id for summary in await self._store.list_runs(limit=1_000_000)}
        for key in keys:
            name = key.decode()
            if await call("TTL", key) != -1:
                self._complain("keys", f"{name} would expire")
            if "{" in name and name.partition("{")[2].partition("}")[0] not in known:
                self._complain("keys", f"{name} belongs to no run")
            if name.startswith((f"{NAMESPACE}:claims:", f"{NAMESPACE}:unclaimed:", f"{NAMESPACE}:parked")):
                self._complain("keys", f"{name} is left behind")
        if await unburied(self._adapter):
            self._complain("keys", "somebody is dead and not buried")
        for key in ("workers", "manifests"):
            if f"{NAMESPACE}:{key}".encode() in keys:
                self._complain("keys", f"{key} is left behind")

    async def _dead_letters(self) -> None:
        """Exactly what was put among the messages, as far as it was ever fetched, and nothing else."""
        queue: Any = self._adapter.ports.queue
        letters = await queue.dead_letters(100_000)
        self._tally["dead letters"] += len(letters)
        for letter in letters:
            if letter.head not in self._circumstances.poison:
                self._complain("dead letters", f"nobody has forged {letter}")
        missing = self._circumstances.certain_poison - {letter.head for letter in letters}
        if missing and not self._circumstances.queue_lost:
            self._complain(
                "dead letters", f"{len(missing)} of {len(self._circumstances.certain_poison)} are missing"
            )


async def unburied(adapter: FaultyAdapter) -> int:
    """How many dead workers are to be looked at within the hour: the buried are remembered for a day."""
    link = adapter.ports.store.link  # type: ignore[attr-defined]  # the Redis store's own
    soon_ms = int((adapter.ports.clock.now() + 3600) * 1000)
    return int(await link.call("ZCOUNT", f"{NAMESPACE}:dead", "-inf", soon_ms))


def _crashes(state: RunState, instance: Instance) -> int:
    """How often it died; of a batch, which fails with the error of an item, how often one of its items did."""
    if instance.index is not None:
        return instance.crashes
    same = (instance.node_id, instance.path)
    return max(it.crashes for it in state.instances.values() if (it.node_id, it.path) == same)
