"""Who can execute a job: this process, another one, or nobody for now."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flowcraft_engine.blueprint.fixed_names import versioned_name
from flowcraft_engine.distributed.publisher import Publisher
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.plan import Plan, PlanNode
from flowcraft_engine.stores.fleet import Fleet, FleetMember, WorkerManifest
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import queue_of

#: Node types that run what a blueprint says. One that nobody has put on the worker's disk may not use them.
REMOTE_COMMANDS = frozenset({"shell", "python"})
#: What every process executes without a handler.
_WITHOUT_HANDLER = frozenset({"loop-controller"})


def fits(manifest: WorkerManifest, plan: Plan, node: PlanNode) -> bool:
    """True if that worker may execute this node of a run that pins this plan."""
    declared = any(it.digest == plan.digest for it in manifest.blueprints)
    if plan.blueprint.version is not None and not (declared or manifest.serves_snapshots):
        return False
    if node.id == END or node.uses in _WITHOUT_HANDLER:
        return True
    if node.uses in REMOTE_COMMANDS and not (declared or manifest.allows_remote_commands):
        return False
    return node.uses in manifest.node_types


def fits_all(manifest: WorkerManifest, plan: Plan) -> bool:
    return all(fits(manifest, plan, node) for node in plan.nodes.values())


class Placement:
    """Judges jobs for one worker, and sends on what is not for it. No attempt is consumed by that."""

    def __init__(self, manifest: WorkerManifest, fleet: Fleet, publisher: Publisher) -> None:
        self.manifest = manifest
        self._fleet = fleet
        self._publisher = publisher
        self._whole: dict[str, bool] = {}

    def is_for_us(self, plan: Plan, node_id: str) -> bool:
        return self.keeps(plan) or fits(self.manifest, plan, plan.nodes[node_id])

    def keeps(self, plan: Plan) -> bool:
        """True if every node of the plan may be executed here, so that a successor may stay."""
        known = self._whole.get(plan.digest)
        if known is None:
            known = self._whole[plan.digest] = fits_all(self.manifest, plan)
        return known

    async def send_on(self, job: JobPayload, plan: Plan, node_id: str) -> None:
        """Give the job to a live worker that fits; if there is none, park it until one registers."""
        node, queue = plan.nodes[node_id], queue_of(plan.blueprint, plan.digest)
        while True:
            seen = await self._fleet.registrations()
            other = find_fitting(await self._fleet.members(), plan, node)
            if other is not None:
                await self._publisher.publish_to(other.manifest.own_queue, [job])
                return
            failpoint("version.park")
            if await self._fleet.park(job, queue, seen):
                return

    async def drop(self, job: JobPayload, plan: Plan) -> None:
        """Forget a hint that has come too late."""
        await self._fleet.forget_job(job, queue_of(plan.blueprint, plan.digest))


def find_fitting(members: Iterable[FleetMember], plan: Plan, node: PlanNode) -> FleetMember | None:
    """The least busy of the live workers that fit."""
    found = [it for it in members if it.is_alive and fits(it.manifest, plan, node)]
    return min(found, key=lambda it: it.busy, default=None)


def missing_for(members: Collection[FleetMember], plan: Plan, node: PlanNode) -> str | None:
    """What keeps every live worker from executing this node, in words; None if one fits."""
    if find_fitting(members, plan, node) is not None:
        return None
    blueprint = plan.blueprint
    name = versioned_name(blueprint.id, blueprint.version)
    alive = [it for it in members if it.is_alive]
    if not alive:
        return f"needs {name}; no worker is online"
    same = [
        declared
        for it in alive
        for declared in it.manifest.blueprints
        if declared.id == blueprint.id and declared.version == blueprint.version
    ]
    online = _online(alive, blueprint.id)
    is_served = any(it.digest == plan.digest for it in same) or any(
        it.manifest.serves_snapshots for it in alive
    )
    if blueprint.version is not None and not is_served:
        if same:
            digests = ", ".join(sorted({it.digest[:12] for it in same}))
            return f"needs {name} with digest {plan.digest[:12]}; online: the same version with {digests}"
        return f"needs {name}; online: {online}"
    if node.uses in REMOTE_COMMANDS:
        return (
            f"node {node.id} runs a command ({node.uses}), and no worker has {name} on its disk"
            " or was started with --allow-remote-commands"
        )
    return f"needs the node type {node.uses!r}; no worker that is online has it"


def _online(alive: list[FleetMember], blueprint_id: str) -> str:
    counts: dict[str, int] = {}
    for it in alive:
        for declared in it.manifest.blueprints:
            if declared.id == blueprint_id:
                name = versioned_name(declared.id, declared.version)
                counts[name] = counts.get(name, 0) + 1
    if not counts:
        return f"{len(alive)} worker{'s' if len(alive) > 1 else ''} without {blueprint_id}"
    return ", ".join(f"{name} ×{count}" for name, count in sorted(counts.items()))
