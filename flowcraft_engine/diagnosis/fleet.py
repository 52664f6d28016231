"""The workers that have registered in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flowcraft_engine.check import Check
from flowcraft_engine.stores.fleet import FleetMember

_NAME = "workers"


def worker_checks(members: Sequence[FleetMember]) -> list[Check]:
    """What is known of them: who lives, who died, and whether they are of one version."""
    alive = [it for it in members if it.is_alive]
    return [_alive(alive), *_dead([it for it in members if not it.is_alive]), *_versions(alive)]


def _alive(alive: list[FleetMember]) -> Check:
    if not alive:
        return Check.warn(
            _NAME, "no worker lives: runs that are started wait for one", "start one: flowcraft worker"
        )
    busy = sum(it.busy for it in alive)
    verb = "process lives" if len(alive) == 1 else "processes live"
    return Check.ok(_NAME, f"{len(alive)} {verb} ({_by_host(alive)}), executing {busy} node{_s(busy)} now")


def _dead(dead: list[FleetMember]) -> list[Check]:
    if not dead:
        return []
    words = (
        f"{len(dead)} process{'' if len(dead) == 1 else 'es'} went away without leaving ({_by_host(dead)})"
    )
    return [Check.warn(_NAME, words, "a living worker takes back what they executed; look at their logs")]


def _versions(alive: list[FleetMember]) -> list[Check]:
    found = sorted({it.manifest.flowcraft for it in alive})
    if len(found) < 2:
        return []
    words = f"they are of different versions of flowcraft: {', '.join(found)}"
    return [Check.warn(_NAME, words, "fine while you deploy; bring them to one version then")]


def _by_host(members: list[FleetMember]) -> str:
    counts = Counter(it.manifest.host for it in members)
    return ", ".join(f"{host} ×{count}" if count > 1 else host for host, count in sorted(counts.items()))


def _s(count: int) -> str:
    return "" if count == 1 else "s"
