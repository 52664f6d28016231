"""The fleet over Redis: leases, errands, lost and parked jobs. Scripts in `lua/` make each step atomic."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, cast

from flowcraft_engine.backends.redis.derived import WAKE, reindexed
from flowcraft_engine.backends.redis.keys import SEPARATOR, STATUSES, Keys, member
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.shared_runs import SharedRuns
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.stores.fleet import (
    DueErrands,
    Errand,
    ErrandKind,
    Fleet,
    FleetMember,
    InstanceIndex,
    Renewal,
    WorkerManifest,
)
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.values import json_text

#: The fields of the context hash that are ours.
BLUEPRINT_FIELDS = ("_blueprint_id", "_blueprint_version")
#: When another process takes over an errand that one has taken and not settled; both may do it.
_ERRAND_PATIENCE_MS = 1_000
#: The same for the claims of a dead process; there may be many.
_DEAD_PATIENCE_MS = 3_000
#: When a run that could not be retired is looked at again.
_RETIREMENT_PATIENCE_MS = 60_000
#: The time until a job is looked for once more grows to this at most.
_LONGEST_PAUSE_MS = 300_000
#: Pauses are counted in these, in `take_unclaimed.lua`.
_PAUSE_UNIT_MS = 200
#: How long a buried owner is remembered, so that it finds out when it comes back.
_REMEMBERED_MS = 24 * 3600 * 1000
#: A message is looked for after this time.
_LOST_AFTER_MS = 4_500
#: How long a job may be on its way into the queue. Its message is that much younger than the job, so that the head of
#: a queue says nothing of jobs that became ready just before it was published: they may stand behind it.
_ON_THE_WAY_MS = 1_000
#: What `renew.lua` says.
_RENEWALS = {0: Renewal.DEAD, 1: Renewal.KEPT, 2: Renewal.FORGOTTEN}


class RedisFleet(Fleet):
    """Beside a store: the same server, the same namespace, the same clock."""

    def __init__(self, store: RedisCoordinationStore, *, lost_after_ms: int = _LOST_AFTER_MS) -> None:
        self._link: Link = store.link
        self._keys: Keys = store.keys
        self._scripts = store.scripts
        self._runs: SharedRuns = store.runs
        self._clock = store.server_clock
        self._lost_after_ms = lost_after_ms

    # ---- members -------------------------------------------------------------------------------------------

    async def register(self, manifest: WorkerManifest, lease_s: float) -> list[tuple[JobPayload, str]]:
        keys = self._keys
        names = [keys.workers, keys.dead, keys.manifests, keys.registrations, keys.parked]
        reply = await self._link.run(
            self._scripts.register, names, manifest.owner, int(lease_s * 1000), json_text(manifest.to_json())
        )
        self._clock.hear(reply[0])
        return _parked(reply[2])

    async def renew(self, owner: str, lease_s: float) -> Renewal:
        names = [self._keys.workers, self._keys.dead, self._keys.manifests]
        reply = await self._link.run(self._scripts.renew, names, owner, int(lease_s * 1000))
        self._clock.hear(reply[0])
        return _RENEWALS[reply[1]]

    async def leave(self, owner: str) -> None:
        # One that still has claims is dead: whoever sweeps sees to what was left behind.
        keys = self._keys
        names = [keys.claims(owner), keys.workers, keys.dead, keys.manifests]
        await self._link.run(self._scripts.leave, names, owner)

    async def declare_dead(self, owner: str) -> None:
        # One after the other: whoever has claims and is in neither of them is watched by nobody.
        await self._link.call("ZADD", self._keys.dead, "NX", 0, owner)
        await self._link.call("ZREM", self._keys.workers, owner)

    async def members(self) -> list[FleetMember]:
        keys = self._keys
        manifests, leases, (seconds, micros) = await self._link.calls(
            [("HVALS", keys.manifests), ("ZRANGE", keys.workers, 0, -1, "WITHSCORES"), ("TIME",)]
        )
        now = int(seconds) + int(micros) / 1_000_000
        until = {
            owner.decode(): float(score) / 1000
            for owner, score in zip(leases[::2], leases[1::2], strict=True)
        }
        found = [WorkerManifest.from_json(json.loads(text)) for text in manifests]
        busy = await self._link.calls([("SCARD", keys.claims(it.owner)) for it in found])
        return [
            FleetMember(it, until.get(it.owner, 0.0), until.get(it.owner, 0.0) > now, count)
            for it, count in zip(found, busy, strict=True)
        ]

    async def dead_among(self, owners: Sequence[str]) -> set[str]:
        if not owners:
            return set()
        keys = self._keys
        commands: list[tuple[Any, ...]] = [("INFO", "server"), ("TIME",), ("HMGET", keys.manifests, *owners)]
        commands += [("ZSCORE", keys.workers, owner) for owner in owners]
        info, (seconds, _), manifests, *leases = await self._link.calls(commands)
        uptime_s = int(re.search(rb"uptime_in_seconds:(\d+)", info)[1])  # type: ignore[index]  # always there
        dead = set()
        for owner, text, until in zip(owners, manifests, leases, strict=True):
            lease_s = WorkerManifest.from_json(json.loads(text)).lease_s if text else 0.0
            if uptime_s > lease_s and (until is None or float(until) / 1000 < int(seconds)):
                dead.add(owner)
        return dead

    async def take_dead(self, lease_s: float, heard_s: float = math.inf) -> list[str]:
        names = [self._keys.workers, self._keys.dead]
        arguments = [50, _DEAD_PATIENCE_MS, int(lease_s * 1000)]
        # After a leap of the server's clock all leases seem to be over; then, too, each has one to be renewed.
        heard_s = min(heard_s, self._clock.steady_s, 1e9)
        arguments += [int(heard_s * 1000), int(self._clock.now() * 1000)]
        reply = await self._link.run(self._scripts.take_dead, names, *arguments)
        return [owner.decode() for owner in reply[1]]

    async def claims_of(self, owner: str) -> list[JobPayload]:
        return [_job(it) for it in await self._link.call("SMEMBERS", self._keys.claims(owner))]

    async def bury(self, owner: str) -> None:
        """An owner that has claimed something since its claims were read stays dead, to be looked at again."""
        keys = self._keys
        runs: list[str] = []
        stale: list[str | bytes] = []
        for it in await self.claims_of(owner):
            position = await self._without(owner, it)
            if position is not None:
                runs.append(keys.run(it.run_id).run)
                stale += (member(it.run_id, it.instance), position)
        names = [keys.claims(owner), keys.workers, keys.dead, keys.manifests, *runs]
        await self._link.run(self._scripts.bury, names, owner, _REMEMBERED_MS, *stale)

    async def _without(self, owner: str, job: JobPayload) -> bytes | None:
        """Where the journal says that the owner does not execute it; empty if there is no journal. None if it does."""
        try:
            run = await self._runs.fresh(job.run_id)
        except NotFoundError:
            return b""
        except BackendError:
            raise
        except Exception:
            # A journal that cannot be read here, whatever is wrong with it: somebody else may be able to.
            return None
        instance = run.state.instances.get(job.instance)
        is_its = instance is not None and instance.state == st.RUNNING and instance.owner == owner
        return None if is_its else run.last_append

    # ---- errands -------------------------------------------------------------------------------------------

    async def take_due(self, limit: int = 100) -> DueErrands:
        reply = await self._link.run(self._scripts.take_due, [self._keys.due], limit, _ERRAND_PATIENCE_MS)
        now, next_due, taken_until, members = reply
        self._clock.hear(now)
        errands = [_errand(it.decode(), taken_until.decode()) for it in members]
        return DueErrands(errands, float(next_due) / 1000 if next_due else None)

    async def settle(self, errands: Sequence[Errand]) -> None:
        if errands:
            await self._link.run(self._scripts.settle, [self._keys.due], *_as_taken(errands))

    async def put_off(self, errands: Sequence[Errand], pause_s: float) -> None:
        pause_ms = int(pause_s * 1000)
        await self._link.run(self._scripts.put_off, [self._keys.due], pause_ms, *_as_taken(errands))

    async def reindex(self, run_id: str) -> None:
        while True:
            run = await self._runs.fresh(run_id)
            keys = self._runs.step_keys(self._keys.run(run_id), run.queue, None)
            arguments: list[Any] = [run_id, run.last_append, *reindexed(run)]
            reply = await self._link.run(self._scripts.reindex, keys, *arguments)
            if reply[0] == b"ok":
                return

    async def look_up(self, run_id: str, queue: str, instances: Sequence[str]) -> dict[str, InstanceIndex]:
        keys = self._keys
        commands: list[tuple[Any, ...]] = []
        for name in instances:
            commands += [
                ("ZSCORE", keys.unclaimed(queue), member(run_id, name)),
                ("ZSCORE", keys.due, member(WAKE, run_id, name)),
                ("HEXISTS", keys.parked, member(run_id, name)),
            ]
        replies = await self._link.calls(commands)
        return {
            name: InstanceIndex(_published_at(published), _seconds(due), bool(is_parked))
            for name, published, due, is_parked in zip(
                instances, replies[::3], replies[1::3], replies[2::3], strict=True
            )
        }

    async def restore_ids(self, run_id: str, *, only_look: bool) -> list[str]:
        state = (await self._runs.fresh(run_id)).state
        keys = self._keys.run(run_id)
        kept, fallback = await self._link.calls(
            [("HMGET", keys.context, *BLUEPRINT_FIELDS), ("GET", keys.blueprint)]
        )
        wanted = (state.blueprint_id.encode(), (state.version or "").encode())
        lost: list[str] = []
        places: list[str] = []
        values: list[str | bytes] = []
        if tuple(kept) != wanted:
            lost.append("the context")
            for field, value in zip(BLUEPRINT_FIELDS, wanted, strict=True):
                places.append(keys.context)
                values += (field, value)
        if fallback != wanted[0]:
            lost.append("the coordination store")
            places.append(keys.blueprint)
            values += ("", wanted[0])
        if lost and not only_look:
            await self._link.run(self._scripts.amend, [keys.run, *places], *values)
        return lost

    # ---- jobs ----------------------------------------------------------------------------------------------

    async def take_lost(self, queue: str, head: float | None, limit: int = 500) -> list[JobPayload]:
        head_ms = "" if head is None else str(int(head * 1000) - _ON_THE_WAY_MS)
        names = [self._keys.unclaimed(queue)]
        arguments = (limit, self._lost_after_ms, head_ms, _LONGEST_PAUSE_MS)
        reply = await self._link.run(self._scripts.take_unclaimed, names, *arguments)
        return [_job(it) for it in reply[1]]

    async def queues(self) -> list[str]:
        return sorted(it.decode() for it in await self._link.call("SMEMBERS", self._keys.queues))

    async def registrations(self) -> int:
        return int(await self._link.call("GET", self._keys.registrations) or 0)

    async def park(self, job: JobPayload, queue: str, seen: int) -> bool:
        keys = self._keys
        names = [keys.registrations, keys.parked, keys.unclaimed(queue)]
        reply = await self._link.run(
            self._scripts.park, names, str(seen), member(job.run_id, job.instance), queue
        )
        return bool(reply)

    async def unpark(self, job: JobPayload, queue: str) -> bool:
        names = [self._keys.unclaimed(queue), self._keys.parked]
        return bool(await self._link.run(self._scripts.unpark, names, member(job.run_id, job.instance)))

    async def forget_job(self, job: JobPayload, queue: str) -> None:
        name = member(job.run_id, job.instance)
        try:
            run = await self._runs.fresh(job.run_id)
        except NotFoundError:
            names = [self._keys.run(job.run_id).run, self._keys.parked, self._keys.unclaimed(queue)]
            await self._link.run(self._scripts.forget, names, name)
            return
        if not run.state.is_ready(job.instance):
            keys = self._runs.step_keys(self._keys.run(job.run_id), queue, None)
            # Only if the run still stands there: it may have become ready since, and must be found then.
            operations = ("r", name, "p", name)
            await self._link.run(self._scripts.reindex, keys, job.run_id, run.last_append, *operations)

    async def parked(self) -> list[tuple[JobPayload, str]]:
        return _parked(await self._link.call("HGETALL", self._keys.parked))

    async def some_parked(self, limit: int = 10) -> list[tuple[JobPayload, str]]:
        found = await self._link.call("HRANDFIELD", self._keys.parked, limit, "WITHVALUES")
        return _parked(found)

    # ---- runs ----------------------------------------------------------------------------------------------

    async def stopped_since(self, cursor: str | None) -> tuple[str, list[str]]:
        stream = self._keys.stopped
        if cursor is None:
            last = await self._link.call("XREVRANGE", stream, "+", "-", "COUNT", 1)
            return (last[0][0].decode() if last else "0-0"), []
        entries = await self._link.call("XRANGE", stream, f"({cursor}", "+", "COUNT", 1000)
        if not entries:
            return cursor, []
        return entries[-1][0].decode(), [fields[1].decode() for _, fields in entries]

    async def is_first_to_tell(self, run_id: str, generation: int) -> bool:
        told = f"told:{generation}"
        return bool(await self._link.run(self._scripts.first, [self._keys.run(run_id).run], told))

    async def take_expired(self, retention_s: float, limit: int = 20) -> list[str]:
        times = (int(retention_s * 1000), _RETIREMENT_PATIENCE_MS)
        reply = await self._link.run(self._scripts.take_expired, [self._keys.finished], limit, *times)
        return [it.decode() for it in reply[1]]

    async def forget_run(self, run_id: str) -> None:
        keys = self._keys
        names = [keys.run(run_id).run, keys.parked, keys.runs, keys.finished, *map(keys.runs_with, STATUSES)]
        await self._link.run(self._scripts.forget, names, run_id)


def _as_taken(errands: Sequence[Errand]) -> list[str]:
    """Members of the index, and the scores that they had."""
    return [
        it for errand in errands for it in (member(errand.kind, errand.run_id, errand.instance), errand.token)
    ]


def _published_at(score: bytes | None) -> float | None:
    """Undo what `take_unclaimed.lua` adds to the time."""
    if score is None:
        return None
    fraction, whole = math.modf(float(score))
    pause_ms = _PAUSE_UNIT_MS * max(0, round(fraction * 2048) - 1)
    return (whole - pause_ms) / 1000


def _seconds(score: bytes | None) -> float | None:
    return None if score is None else float(score) / 1000


def _job(text: bytes) -> JobPayload:
    run_id, instance = text.decode().split(SEPARATOR)
    return JobPayload(run_id, instance)


def _errand(text: str, token: str) -> Errand:
    kind, run_id, instance = text.split(SEPARATOR)
    return Errand(cast(ErrandKind, kind), run_id, instance, token)


def _parked(flat: list[bytes]) -> list[tuple[JobPayload, str]]:
    return [(_job(name), queue.decode()) for name, queue in zip(flat[::2], flat[1::2], strict=True)]
