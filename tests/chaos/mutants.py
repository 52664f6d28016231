"""Engines with a bug of the kind that such systems have. Each must be caught, else the tests prove nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.distributed.sweeper import Sweeper
from flowcraft_engine.distributed.worker import FleetWorker
from flowcraft_engine.kernel.commands import Committed, Effects
from flowcraft_engine.stores.job_queue import JobPayload


@dataclass(frozen=True)
class Mutant:
    """`install` changes the engine of this process, for good."""

    install: Callable[[], None]


def _without_search_for_lost_jobs() -> None:
    async def publish_lost(sweeper: Sweeper) -> None:
        pass

    _replace(Sweeper, "_publish_lost", publish_lost)


def _ack_before_claim() -> None:
    _without_search_for_lost_jobs()
    on_job = FleetWorker.on_job
    under_way = set()

    async def acknowledge_first(worker: FleetWorker, job: JobPayload) -> None:
        async def later() -> None:
            await asyncio.sleep(0.3)  # time enough for the acknowledgement to get through
            await on_job(worker, job)

        under_way.add(asyncio.get_running_loop().create_task(later()))

    _replace(FleetWorker, "on_job", acknowledge_first)


def _lease_by_client_clock() -> None:
    """The clock of this machine is an hour fast."""

    async def take_dead(fleet: RedisFleet, lease_s: float, heard_s: float = 0) -> list[str]:
        link, keys = fleet._link, fleet._keys
        now_ms = int((time.time() + 3600) * 1000)
        found = await link.calls(
            [("ZRANGEBYSCORE", name, "-inf", now_ms) for name in (keys.workers, keys.dead)]
        )
        return [owner.decode() for owners in found for owner in owners]

    _replace(RedisFleet, "take_dead", take_dead)


def _publish_before_commit() -> None:
    """What is ready is published before it is: the message comes too early, and no other follows."""
    _without_search_for_lost_jobs()
    publish = FleetWorker.publish

    def publish_others(worker: FleetWorker, run_id: str, effects: Effects) -> None:
        effects.ready = []
        publish(worker, run_id, effects)

    commit = RedisCoordinationStore.commit

    async def after_a_while(store: RedisCoordinationStore, run_id: str, command: Any) -> Committed:
        await asyncio.sleep(0.2)  # the message that was published first is done by now, in vain
        return await commit(store, run_id, command)

    _replace(FleetWorker, "publish", publish_others)
    _replace(RedisCoordinationStore, "commit", after_a_while)


def _no_claim_taken_back() -> None:
    async def take_from_nobody(sweeper: Sweeper) -> None:
        pass

    _replace(Sweeper, "_take_from_the_dead", take_from_nobody)


def _commit_of_zombies() -> None:
    """A result is taken from whoever brings it, claim or not."""
    commit = RedisCoordinationStore.commit

    async def without_nonce(store: RedisCoordinationStore, run_id: str, command: Any) -> Committed:
        _, state = await store.glance(run_id)
        instance = state.instances[command.instance]
        if instance.nonce:
            command.nonce, command.owner = instance.nonce, instance.owner
        return await commit(store, run_id, command)

    _replace(RedisCoordinationStore, "commit", without_nonce)


def _replace(owner: type, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


MUTANTS: dict[str, Mutant] = {
    "ack before claim": Mutant(_ack_before_claim),
    "lease by client clock": Mutant(_lease_by_client_clock),
    "publish before commit": Mutant(_publish_before_commit),
    "no claim taken back": Mutant(_no_claim_taken_back),
    "commit of zombies": Mutant(_commit_of_zombies),
}

#: Where a worker with that bug dies, if it must for the bug to show.
PLACES: dict[str, Sequence[str]] = {
    "ack before claim": ("msg.received=kill@1",),
    "publish before commit": (),
    "no claim taken back": ("exec.mid=kill@1",),
}
