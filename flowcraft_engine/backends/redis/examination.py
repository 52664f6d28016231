"""Looks at the servers that were configured: what a worker does before it starts, and `doctor` at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.durability import checks_of, checks_of_queue
from flowcraft_engine.backends.redis.server_facts import read_facts
from flowcraft_engine.check import Check, CheckStatus
from flowcraft_engine.errors import BackendError, UsageError

#: What passes without a change of the configuration: workers wait meanwhile, and make room when they forget old runs.
_PASSING = frozenset({"memory", "replicas"})


async def examine(
    state: RedisAddress,
    broker: RedisAddress,
    *,
    insecure: bool = False,
    wall_clock: Callable[[], float] = time.time,
) -> list[Check]:
    """Everything about both databases. Raises `BackendError` if one cannot be reached."""
    facts = await read_facts(state, wall_clock=wall_clock)
    of_queue = await read_facts(broker, wall_clock=wall_clock)
    found = [Check.ok("redis", f"{state.masked} answers"), *checks_of(facts), *_safety(state, insecure)]
    if of_queue.run_id == facts.run_id:  # two addresses may name one server
        return [*found, _separation(state, broker)]
    queue = [
        Check.ok("redis", f"{broker.masked} answers"),
        *checks_of_queue(of_queue),
        *_safety(broker, insecure),
    ]
    return [*found, *(_named_for_queue(check) for check in queue)]


def require_usable(checks: Iterable[Check]) -> None:
    """Raises `BackendError` for the first check that failed, unless it will pass."""
    for check in checks:
        if check.status is CheckStatus.FAIL and check.name not in _PASSING:
            raise BackendError(f"this Redis cannot be used: {check.found}", hint=check.advice)


def _separation(state: RedisAddress, broker: RedisAddress) -> Check:
    """Whether runs and queue have a database each, of the one server that both addresses name."""
    if state.db == broker.db:
        return Check.fail(
            "databases",
            f"runs and queue share database {state.db} of one server",
            f"give the queue its own: --broker-url …/{state.db + 1}",
        )
    return Check.ok("databases", f"runs are in database {state.db}, the queue is in database {broker.db}")


def _safety(address: RedisAddress, insecure: bool) -> list[Check]:
    try:
        address.require_safe()
    except UsageError as error:
        kind = CheckStatus.WARN if insecure else CheckStatus.FAIL
        return [Check("security", kind, error.message, error.hint)]
    if address.is_loopback or address.tls:
        return []
    return [
        Check.warn(
            "security",
            f"the password and all data go to {address.place} unencrypted",
            "use rediss://… if the network is not yours alone",
        )
    ]


def _named_for_queue(check: Check) -> Check:
    return Check(f"queue: {check.name}", check.status, check.found, check.advice)
