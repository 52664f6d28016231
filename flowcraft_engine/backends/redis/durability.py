"""What a Redis server gives, in words: whether flowcraft may use it, and what a crash of it would cost. Pure."""

from __future__ import annotations

from flowcraft_engine.backends.redis.failure import OLDEST_VERSION
from flowcraft_engine.backends.redis.server_facts import ServerFacts, Version
from flowcraft_engine.check import Check

_NO_EVICTION = "noeviction"
#: Leases and timers live by the server's clock alone; only the times that people read come from ours.
_CLOCK_S = 1.0
_FULL = 0.9
#: CVE-2025-49844: whoever may run scripts may take over the server. First repaired version of each line.
_REPAIRED: dict[str, dict[Version, Version]] = {
    "Redis": {
        (6, 2): (6, 2, 20),
        (7, 2): (7, 2, 11),
        (7, 4): (7, 4, 6),
        (8, 0): (8, 0, 4),
        (8, 2): (8, 2, 2),
    },
    "Valkey": {(7, 2): (7, 2, 11), (8, 0): (8, 0, 6), (8, 1): (8, 1, 4)},
}
#: Lines from here on were never affected.
_NEWER: dict[str, Version] = {"Redis": (8, 3), "Valkey": (9,)}


def checks_of(facts: ServerFacts) -> list[Check]:
    """Everything about the server that holds the runs."""
    return [
        version(facts),
        *role(facts),
        *replicas(facts),
        eviction(facts),
        durability(facts),
        *memory(facts),
        clock(facts),
    ]


def checks_of_queue(facts: ServerFacts) -> list[Check]:
    """Everything about another server that holds only the queue, whose loss repairs itself."""
    return [version(facts), *role(facts), *replicas(facts), eviction(facts), *memory(facts)]


def version(facts: ServerFacts) -> Check:
    if facts.redis_version < OLDEST_VERSION:
        return Check.fail(
            "version", f"{facts.name} is too old", f"use Redis {_dotted(OLDEST_VERSION)} or newer, or Valkey"
        )
    if not _is_repaired(facts):
        return Check.warn(
            "version",
            f"{facts.name} has a known hole, CVE-2025-49844, unless your distribution has mended it",
            "update the server; until then let only people whom you trust reach it",
        )
    return Check.ok("version", facts.name)


def role(facts: ServerFacts) -> list[Check]:
    """What the server is a part of, where that matters."""
    if facts.is_cluster:
        return [
            Check.fail(
                "role", "the server is a part of a Redis Cluster", "use one server, without cluster mode"
            )
        ]
    if facts.is_sentinel:
        return [
            Check.fail(
                "role",
                "the server is a Sentinel, which keeps no data",
                "write redis+sentinel://host:26379/service/0",
            )
        ]
    if facts.is_replica:
        return [
            Check.fail(
                "role", "the server is a replica, which takes no writes", "name the primary in the URL"
            )
        ]
    return []


def replicas(facts: ServerFacts) -> list[Check]:
    """Whether as many are connected as the server asks for (`min-replicas-to-write`)."""
    if not facts.missing_replicas:
        return []
    return [
        Check.fail(
            "replicas",
            f"{facts.missing_replicas} too few are connected: the server takes no writes, and runs wait",
            "look at its replicas, or lower its min-replicas-to-write",
        )
    ]


def eviction(facts: ServerFacts) -> Check:
    if facts.eviction is None:
        return Check.warn(
            "eviction", "the server does not say what it evicts", "make sure that it is noeviction"
        )
    if facts.eviction != _NO_EVICTION:
        return Check.fail(
            "eviction",
            f"when memory is short, the server throws data away (maxmemory-policy {facts.eviction}): runs would vanish",
            "CONFIG SET maxmemory-policy noeviction, and write it into the server's configuration",
        )
    return Check.ok("eviction", "the server throws nothing away")


def durability(facts: ServerFacts) -> Check:
    """What a crash of the server costs."""
    words, advice = _promise(facts)
    if facts.replicas:
        words += " A failover may undo what had not been copied."
    if facts.last_write_failed:
        words = f"The server could not save its data the last time. {words}"
        return Check.fail("durability", words, "look at the disk of the server and at its log")
    return Check.ok("durability", words) if advice is None else Check.warn("durability", words, advice)


def memory(facts: ServerFacts) -> list[Check]:
    if not facts.max_memory or facts.used_memory <= _FULL * facts.max_memory:
        return []
    advice = "raise its maxmemory, or forget old runs: flowcraft prune"
    if facts.used_memory > facts.max_memory:
        return [
            Check.fail(
                "memory", "all memory of the server is used: it takes no writes, and runs wait", advice
            )
        ]
    used = f"{100 * facts.used_memory // facts.max_memory} %"
    return [Check.warn("memory", f"{used} of the server's memory is used", advice)]


def clock(facts: ServerFacts) -> Check:
    ahead = facts.clock_ahead_s
    if abs(ahead) - facts.clock_error_s <= _CLOCK_S:
        return Check.ok("clock", "the server's clock agrees with ours")
    direction = "ahead of" if ahead > 0 else "behind"
    return Check.warn(
        "clock",
        f"the server's clock is {abs(ahead):.1f} s {direction} ours; runs go right, times in their history do not",
        "synchronise both clocks (NTP)",
    )


def _promise(facts: ServerFacts) -> tuple[str, str | None]:
    """The sentence, and advice where it is less than one should want."""
    everysec = "CONFIG SET appendonly yes, and write it into the server's configuration"
    if facts.has_aof:
        return _aof_promise(facts.fsync), None
    if facts.has_aof is None:
        return (
            "The server does not say whether it keeps anything.",
            "make sure that it writes an append-only file",
        )
    if facts.has_snapshots:
        return "A crash may lose minutes of progress; runs restart from the last snapshot.", everysec
    if facts.has_snapshots is None:
        return (
            "The server writes no append-only file, and does not say whether it takes snapshots: "
            "a restart may lose minutes of progress, or all runs.",
            everysec,
        )
    return "A Redis restart loses all runs. Fine for development.", everysec


def _aof_promise(fsync: str | None) -> str:
    if fsync == "always":
        return "Acknowledged starts and results survive a Redis crash."
    if fsync == "everysec":
        return "A Redis crash may undo about the last second; work is repeated, never half-applied."
    if fsync == "no":
        return "A crash of the machine may undo about the last half minute; work is repeated, never half-applied."
    return (
        "A Redis crash may undo about the last second, if the server writes as is usual (it does not say); "
        "work is repeated, never half-applied."
    )


def _is_repaired(facts: ServerFacts) -> bool:
    line = facts.version[:2]
    if line >= _NEWER[facts.product]:
        return True
    repaired = _REPAIRED[facts.product].get(line)
    return repaired is not None and facts.version >= repaired


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
