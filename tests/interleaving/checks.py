"""What must hold at every moment: the journals, the states of all processes and the derived keys agree."""

from __future__ import annotations

import json
from typing import Any

from flowcraft_engine.backends.redis.journal_codec import fill_in
from flowcraft_engine.backends.redis.keys import SEPARATOR
from flowcraft_engine.backends.redis.shared_run import SharedRun
from flowcraft_engine.backends.redis.shared_runs import decode_entries
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import ABSENT
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.fold import replay
from flowcraft_engine.kernel.outstanding import outstanding
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Batch, Instance, RunState
from flowcraft_engine.values import KeptValue
from tests.interleaving.server import Server
from tests.interleaving.world import World
from tests.properties import invariants

_PARTS = (RunState, Instance, Batch)
_PREFIX = "flowcraft:"
_BY_HOLDER = {
    ev.NODE_COMPLETED,
    ev.NODE_FAILED,
    ev.NODE_RETRYING,
    ev.NODE_WAITING,
    ev.ITEMS_SCATTERED,
    ev.LOOP_CONTINUED,
}


async def check(world: World) -> None:
    """Raises `AssertionError` for the first thing that does not hold."""
    server, store = world.server, world.observer()
    runs = [it.decode() for it in server.call("ZRANGE", f"{_PREFIX}runs", 0, -1)]
    journals = {run_id: Journal(server, run_id) for run_id in runs}
    for journal in journals.values():
        plan = await store.plan(server.call("HGET", journal.key("run"), "digest").decode())
        journal.fold(plan)
        invariants.check(plan, journal.state, journal.events)
        journal.check_keys()
        journal.check_committers(world.appenders)
    for process in world.processes:
        for known in process.store.runs._runs.values():
            if not known.is_ahead:
                journals[known.state.run_id].check_known(process.name, known)
    _check_indexes(server, [journal.state for journal in journals.values()])
    assert not server.mortal_keys(), f"keys that will expire: {server.mortal_keys()}"


class Journal:
    """One run, as its stream tells it."""

    def __init__(self, server: Server, run_id: str) -> None:
        self._server = server
        self.run_id = run_id
        self.entries = server.call("XRANGE", self.key("events"), "-", "+")
        flat = server.call("HGETALL", self.key("values"))
        self._values = {
            digest.decode(): json.loads(text) for digest, text in zip(flat[::2], flat[1::2], strict=True)
        }
        self.events: list[Event] = decode_entries(self.entries)[0]

    def key(self, name: str) -> str:
        return f"{_PREFIX}{{{self.run_id}}}:{name}"

    def fold(self, plan: Plan) -> None:
        self._plan = plan
        self.state = replay(plan, self.run_id, self.events)

    def check_keys(self) -> None:
        state, call = self.state, self._server.call
        seen = 0
        for name, fields in self.entries:
            seen += len(json.loads(fields[3]))
            assert name == b"%d-0" % seen, "a gap or a repeat in the journal"
        finished = [event.type == ev.RUN_FINISHED for event in self.events]
        assert not any(finished[:-1]), "something happened after the end"
        last, status = call("HMGET", self.key("run"), "last", "status")
        assert (last, status.decode()) == (self.entries[-1][1][1], state.status)
        self._check_context()

    def check_committers(self, appenders: dict[str, str]) -> None:
        """What ends an attempt was appended by the process that held its claim."""
        holders: dict[str, str] = {}
        for _, fields in self.entries:
            by = appenders[fields[1].decode().rpartition("-")[0]]
            for event in decode_entries([(b"", fields)])[0]:
                if event.type == ev.NODE_STARTED:
                    holders[event.instance] = event.data[2].partition(".")[0]
                elif event.type in _BY_HOLDER:
                    holder = holders.pop(event.instance, by)
                    assert by == holder, f"{event.instance} was claimed by {holder} and committed by {by}"
                elif event.type == ev.NODE_RELEASED:
                    holders.pop(event.instance, None)

    def _check_context(self) -> None:
        flat = self._server.call("HGETALL", self.key("context"))
        shown = {key.decode(): text.decode() for key, text in zip(flat[::2], flat[1::2], strict=True)}
        own = {key for key in shown if key.startswith("_blueprint")}
        assert len(own) == 2
        assert shown.keys() - own == self.state.context.keys()
        for key, value in self.state.context.items():
            text = shown[key]
            assert text.startswith("@") or json.loads(text) == fill_in(value, self._values), key

    def check_known(self, who: str, known: SharedRun) -> None:
        """What a process believes is what the journal said when it looked last."""
        told = replay(self._plan, self.run_id, self.events[: known.state.seq])
        assert known.state.seq <= len(self.events), f"{who} believes in events that were never stored"
        assert list(known.state.instances) == list(told.instances), who
        mine, theirs = self._normal(known.state), self._normal(told)
        wrong = [slot for slot in mine if mine[slot] != theirs[slot]]
        assert not wrong, f"{who}, {self.run_id}: {[(slot, mine[slot], theirs[slot]) for slot in wrong]}"

    def _normal(self, value: Any) -> Any:
        """Plain data, with nothing kept elsewhere; mappings compare without their order."""
        if isinstance(value, _PARTS):
            return {slot: self._normal(getattr(value, slot)) for slot in type(value).__slots__}
        if isinstance(value, KeptValue):
            return self._normal(fill_in(value, self._values))
        if value is ABSENT:
            return "<absent>"
        if isinstance(value, dict):
            return {str(key): self._normal(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._normal(item) for item in value]
        return value


def _check_indexes(server: Server, states: list[RunState]) -> None:
    """Derived keys say what the journals call for: no more where that would cost, and never less."""
    call = server.call
    ready = {_member(state, name) for state in states for name in outstanding(state).ready}
    running = {
        (str(it.owner), _member(state, it.name))
        for state in states
        for it in state.instances.values()
        if it.state == st.RUNNING
    }
    timers = {
        f"wake{SEPARATOR}{_member(state, name)}" for state in states for _, name in outstanding(state).timers
    }
    unclaimed, claims = set(), set()
    for key in sorted(server.keys()):
        if key.startswith(f"{_PREFIX}unclaimed:"):
            unclaimed |= {it.decode() for it in call("ZRANGE", key, 0, -1)}
        elif key.startswith(f"{_PREFIX}claims:"):
            owner = key.removeprefix(f"{_PREFIX}claims:")
            claims |= {(owner, it.decode()) for it in call("SMEMBERS", key)}
    due = {it.decode() for it in call("ZRANGE", f"{_PREFIX}due", 0, -1)}
    assert unclaimed == ready, f"unclaimed: {sorted(unclaimed)}, ready: {sorted(ready)}"
    assert running <= claims, f"executed, but nobody's claim: {sorted(running - claims)}"
    assert timers <= due, f"timers that nobody will fire: {sorted(timers - due)}"
    for status in ("running", "completed", "failed", "cancelled"):
        listed = {it.decode() for it in call("ZRANGE", f"{_PREFIX}runs:{status}", 0, -1)}
        assert listed == {state.run_id for state in states if state.status == status}, status


def _member(state: RunState, name: str) -> str:
    return f"{state.run_id}{SEPARATOR}{name}"
