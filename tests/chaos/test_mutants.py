"""The checks are checked: fleets with a seeded bug do not pass them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flowcraft_engine.kernel import event as ev
from tests.chaos.mutants import PLACES
from tests.faults.small_fleet import diamond, small_fleet


@pytest.mark.parametrize("mutant", PLACES)
def test_a_fleet_with_a_seeded_bug_is_caught(mutant: str, redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond(first_ms=200), mutant=mutant) as fleet:
        victims = [fleet.add(spec) for spec in PLACES[mutant]]
        runs = fleet.start("one", "two", "three")
        for victim in victims:
            fleet.wait_until_dead(victim)
        fleet.add()
        fleet.add()
        with pytest.raises((AssertionError, TimeoutError)):
            fleet.finish(runs, limit_s=6, quiet=not victims)


def test_a_fleet_that_judges_leases_by_its_own_clock_is_caught(redis_url: str, tmp_path: Path) -> None:
    # Long enough for several sweeps of each worker to meet the other one while it is busy.
    with small_fleet(redis_url, tmp_path, diamond(first_ms=2500), mutant="lease by client clock") as fleet:
        fleet.add()
        fleet.add()
        fleet.wait_until_online(2)
        runs = fleet.start("one", "two", "three")
        with pytest.raises((AssertionError, TimeoutError)):
            fleet.finish(runs, limit_s=6, quiet=True)


def test_a_fleet_that_takes_results_of_zombies_is_caught(redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond(), mutant="commit of zombies") as fleet:
        zombie = fleet.add("exec.mid=stop@1")
        fleet.start("one")
        fleet.wait_for_log("failpoint exec.mid: stop")
        second = fleet.add("exec.mid=stop@1")
        fleet.wait_for_log(f"(pid {second.pid})")
        assert zombie.pid is not None
        os.kill(zombie.pid, signal.SIGCONT)
        fleet.wait_for_event("one", ev.NODE_COMPLETED)
        claims = [it for it in fleet.events("one") if it.type == ev.NODE_STARTED and it.instance == "A"]
        assert len(claims) == 2, "the second worker has the claim, and the first one's result was taken"


def test_the_same_without_a_bug_passes(redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond()) as fleet:
        runs = fleet.start("one", "two", "three")
        fleet.add()
        fleet.add()
        fleet.finish(runs, quiet=True)
