from __future__ import annotations

from flowcraft_engine.check import CheckStatus
from flowcraft_engine.diagnosis.fleet import worker_checks
from flowcraft_engine.stores.fleet import FleetMember, WorkerManifest


def member(host: str = "ant", *, is_alive: bool = True, busy: int = 0, flowcraft: str = "1") -> FleetMember:
    manifest = WorkerManifest(
        owner=f"{host}/1", host=host, pid=1, started_at=0.0, queues=("default",), own_queue="types.x",
        node_types=(), flowcraft=flowcraft,
    )  # fmt: skip
    return FleetMember(manifest, lease_until=1.0, is_alive=is_alive, busy=busy)


def test_without_a_worker_somebody_is_told_to_start_one() -> None:
    [check] = worker_checks([])
    assert (check.status, check.advice) == (CheckStatus.WARN, "start one: flowcraft worker")


def test_living_workers_are_counted_by_host() -> None:
    [check] = worker_checks([member(busy=2), member("bee"), member()])
    assert check.status is CheckStatus.OK
    assert check.found == "3 processes live (ant ×2, bee), executing 2 nodes now"


def test_the_dead_are_told_apart() -> None:
    alive, dead = worker_checks([member(), member("bee", is_alive=False)])
    assert alive.found.startswith("1 process lives (ant)")
    assert dead.status is CheckStatus.WARN
    assert "bee" in dead.found


def test_workers_of_several_versions_are_told() -> None:
    _, versions = worker_checks([member(flowcraft="1.0"), member(flowcraft="1.1")])
    assert (versions.status, versions.found[-8:]) == (CheckStatus.WARN, "1.0, 1.1")
