"""Rows 2 to 5, 7 to 10, 46, 48, 49 and 51 of the fault table: processes that die, freeze or go in order."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from flowcraft_engine.kernel import event as ev
from tests.faults.small_fleet import diamond, small_fleet, with_child

#: What is promised where a process dies: how often the node that it was busy with is executed, at most.
_PLACES = {
    "row 3, before the claim": "msg.received",
    "row 3, before the script of the claim": "claim.pre",
    "row 4, claimed and the reply lost": "claim.sent",
    "row 4, after the claim": "claim.done",
    "row 4, before the effect": "exec.start",
    "row 5, during the effect": "exec.mid",
    "row 5, after the effect": "exec.done",
    "row 5, before the commit": "commit.pre",
    "row 6, committed and the reply lost": "commit.sent",
    "row 7, before publishing": "commit.done",
    "row 8, between two publications": "publish.pre",
    "row 8, half published": "publish.mid",
    "row 9, published and not acknowledged": "ack.before",
    "row 9, just acknowledged": "ack.after",
}


@pytest.mark.parametrize("place", list(_PLACES.values()), ids=list(_PLACES))
def test_a_worker_that_dies_costs_time_only(place: str, redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond()) as fleet:
        victim = fleet.add(f"{place}=kill@1")
        runs = fleet.start("one", "two")
        fleet.wait_until_dead(victim)
        fleet.add()
        fleet.finish(runs)
        effects = Counter((it.run, it.instance) for it in fleet.effects() if it.what == "begin")
        assert max(effects.values()) <= 2
        taken_back = sum(it.type == ev.NODE_RELEASED for run in runs for it in fleet.events(run.id))
        assert taken_back <= 4, "B and C of two runs are all that can be under way"
        assert effects.total() <= 8 + taken_back, "more was executed again than was under way"


@pytest.mark.parametrize("place", ["child.pre", "child.done", "timer.pre", "timer.done"])
def test_row_51_a_worker_that_dies_over_a_sub_run_or_a_timer_costs_time_only(
    place: str, redis_url: str, tmp_path: Path
) -> None:
    with small_fleet(redis_url, tmp_path, with_child()) as fleet:
        victim = fleet.add(f"{place}=kill@1")
        runs = fleet.start("one")
        fleet.wait_until_dead(victim)
        fleet.add()
        fleet.finish(runs)


@pytest.mark.parametrize("place", ["start.pre", "start.sent", "start.done", "publish.pre", "publish.done"])
def test_row_10_a_client_that_dies_while_it_starts_a_run_may_start_it_again(
    place: str, redis_url: str, tmp_path: Path
) -> None:
    with small_fleet(redis_url, tmp_path, diamond()) as fleet:
        fleet.crew.start_runs((("one", 0),), f"{place}=kill@1")
        fleet.wait_for_log(f"failpoint {place}")
        runs = fleet.start("one")
        fleet.add()
        fleet.finish(runs)
        begun = Counter(event.type for event in fleet.events("one"))
        assert begun[ev.NODE_STARTED] == 4, "the second start has started nothing"


def test_row_2_a_worker_that_was_frozen_past_its_lease_is_refused(redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond()) as fleet:
        zombie = fleet.add("exec.mid=stop@1")
        runs = fleet.start("one")
        fleet.wait_for_log("failpoint exec.mid: stop")
        fleet.add()
        fleet.wait_for_log("has died; what it executed is given to others")
        fleet.wait_for_event("one", ev.RUN_FINISHED)
        assert zombie.pid is not None
        os.kill(zombie.pid, signal.SIGCONT)
        fleet.wait_for_log("came too late and was refused")
        fleet.finish(runs)
        first = [it for it in fleet.effects() if it.instance == "A"]
        assert [it.what for it in first] == ["begin", "begin", "end", "end"]
        assert len({it.key for it in first}) == 1
        commits = [it for it in fleet.events("one") if it.type == ev.NODE_COMPLETED]
        assert len(commits) == 4


def test_row_46_a_job_that_kills_its_worker_three_times_fails_alone(redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond()) as fleet:
        fleet.start("deadly")
        for _ in range(3):
            fleet.wait_until_dead(fleet.add("exec.mid=kill@1"))
        fleet.add()
        fleet.wait_for_event("deadly", ev.RUN_FINISHED)
        fleet.finish(fleet.start("harmless"))
        failed = [it for it in fleet.events("deadly") if it.type == ev.NODE_FAILED]
        assert [it.data["error"]["code"] for it in failed] == ["crash_loop"]


def test_row_49_workers_that_are_replaced_in_order_repeat_nothing(redis_url: str, tmp_path: Path) -> None:
    with small_fleet(redis_url, tmp_path, diamond()) as fleet:
        old = [fleet.add(), fleet.add()]
        runs = fleet.start(*(f"run-{number}" for number in range(20)))
        for process in old:
            fleet.add()
            process.terminate()
            process.join(20)
            assert process.exitcode in (0, -signal.SIGTERM)
        fleet.finish(runs)
        begun = [it for it in fleet.effects() if it.what == "begin"]
        assert len(begun) == 80
        released = [it for run in runs for it in fleet.events(run.id) if it.type == ev.NODE_RELEASED]
        assert not [it for it in released if it.data["crash"]]
