"""Drives one run through the verbs of a store, the way an executor does, one verb at a time."""

from __future__ import annotations

import itertools
from typing import Any

from flowcraft_engine import parse_blueprint
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.commands import (
    APPLIED,
    Claim,
    Commit,
    Committed,
    Completed,
    Continued,
    Effects,
    Failed,
    Outcome,
    Scattered,
    Start,
    Suspended,
)
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore
from tests.acceptance.notation import graph

OWNER = "somebody"
ERROR = {"code": "node_failed", "message": "boom"}


def plan_of(text: str, patch: dict[str, dict[str, Any]] | None = None, **extra: Any) -> Plan:
    """The plan of a graph in the notation of the scenarios; `patch` adds keys to nodes."""
    data = graph(text, **extra)
    for node in data["nodes"]:
        for key, value in (patch or {}).get(node["id"], {}).items():
            node[key] = {**node[key], **value} if isinstance(node.get(key), dict) else value
    return compile_plan(parse_blueprint(data))


class Driver:
    """One run of one store. Verbs answer what the store answers."""

    def __init__(self, store: CoordinationStore, clock: ManualClock, run_id: str = "run") -> None:
        self.store = store
        self.clock = clock
        self.run_id = run_id
        self._nonces = map(f"{run_id}-nonce-{{}}".format, itertools.count(1))
        self.nonces: dict[str, str] = {}

    async def start(self, plan: Plan, inputs: dict[str, Any] | None = None, **more: Any) -> Effects | None:
        return await self.store.start(plan, Start(self.run_id, inputs or {}, **more))

    async def begin(self, text: str, inputs: dict[str, Any] | None = None, **extra: Any) -> Effects | None:
        """Start a run of a graph; `extra` goes to `plan_of`."""
        return await self.start(plan_of(text, **extra), inputs)

    async def claim(self, instance: str, nonce: str | None = None) -> Claim | None:
        nonce = nonce or next(self._nonces)
        claims = await self.store.claim(self.run_id, [(instance, nonce)], OWNER)
        if claims:
            self.nonces[instance] = nonce
        return claims[0] if claims else None

    async def commit(
        self, instance: str, outcome: Outcome, nonce: str | None = None, **more: Any
    ) -> Committed:
        command = Commit(instance, nonce or self.nonces[instance], outcome, OWNER, **more)
        return await self.store.commit(self.run_id, command)

    async def _apply(self, instance: str, outcome: Outcome) -> Effects:
        assert await self.claim(instance) is not None, f"{instance} cannot be claimed"
        committed = await self.commit(instance, outcome)
        assert committed.status == APPLIED
        return committed.effects

    async def complete(self, instance: str, output: Any = None, **more: Any) -> Effects:
        """Claim and complete; without `taken` all edges are taken."""
        return await self._apply(instance, Completed(output, **more))

    async def fail(self, instance: str, retry_at: float | None = None) -> Effects:
        return await self._apply(instance, Failed(dict(ERROR), retry_at))

    async def commit_completed(self, instance: str, output: Any = None) -> Committed:
        """Complete what is claimed already."""
        return await self.commit(instance, Completed(output))

    async def fail_claimed(self, instance: str, retry_at: float | None = None) -> Committed:
        return await self.commit(instance, Failed(dict(ERROR), retry_at))

    async def wait(self, instance: str, due: float | None = None, **more: Any) -> Effects:
        return await self._apply(instance, Suspended({"kind": "answer", "due": due, **more}))

    async def sleep(self, instance: str, due: float, output: Any = None) -> Effects:
        return await self._apply(instance, Suspended({"kind": "timer", "due": due, "output": output}))

    async def begin_child(self, instance: str, blueprint_id: str = "child") -> Effects:
        wait = {"kind": "run", "blueprint_id": blueprint_id, "inputs": None, "outputs": {}, "entry": None}
        return await self._apply(instance, Suspended(wait))

    async def again(self, controller: str, output: Any = None) -> Effects:
        return await self._apply(controller, Continued(output))

    async def scatter(self, whole: str, items: list[Any]) -> Effects:
        return await self._apply(whole, Scattered(items))

    async def release(self, instance: str, *, crashed: bool = False, nonce: str | None = None) -> Effects:
        nonce = nonce or self.nonces[instance]
        return await self.store.release(self.run_id, instance, nonce, crashed=crashed, why="test")

    async def signal(self, node: str | None, output: Any = None, action: str | None = None) -> Effects | None:
        return await self.store.signal(self.run_id, node, output, action)

    async def context(self, *keys: str) -> dict[str, Any]:
        """These context keys, or all."""
        context = (await self.store.facts(self.run_id)).context
        return await context.read(keys) if keys else dict(await context.read_all())

    async def state(self) -> RunState:
        return (await self.store.snapshot(self.run_id))[1]

    async def states(self) -> dict[str, str]:
        return {name: instance.state for name, instance in (await self.state()).instances.items()}

    async def status(self) -> str:
        return (await self.state()).status
