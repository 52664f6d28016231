"""`flowcraft worker`: what it says, how it ends, what it leaves when it dies; versions that come and go."""

from __future__ import annotations

import re
import signal
import time
from datetime import datetime

import pytest
import redis

from tests.acceptance.fleet.workers import FleetOfTest, until

NAP = "nodes: [{id: a, uses: sleep, params: {duration: 2s}}, {id: b, uses: noop, needs: [a]}]\n"
ORDER = '{"id": "o%s", "customer": "Ann", "amount": 50, "card": "4111"}'
VERSION_1, VERSION_2 = "payment-1.0.0.yaml", "payment-2.0.0.yaml"
SLOW = """
id: slow
nodes:
  - {id: long, uses: shell, params: {run: "nap=60; test -e go && nap=0; echo begun >> begun.txt; sleep $nap"}}
  - {id: last, uses: noop, needs: [long]}
"""


def begun(fleet: FleetOfTest) -> int:
    """How often the slow node has begun. By then it has made up its mind whether to sleep."""
    path = fleet.folder / "begun.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_banner_says_what_it_serves_and_what_redis_promises(payment):
    worker = payment.worker(VERSION_1)
    assert "payment@1.0.0" in worker.said
    assert "charge-card-v1" in worker.said
    assert re.search(r"durability +(A|Acknowledged)", worker.said)
    [member] = payment.members()
    assert member["blueprints"][0]["version"] == "1.0.0"
    assert (member["busy"], member["concurrency"]) == (0, 32)
    assert member["name"] in payment("workers").out
    assert worker.terminate() == 0
    assert payment.members() == []


def test_a_bad_blueprint_among_good_ones_is_told_and_not_served(payment):
    payment.write("bad.yaml", "nodes: [{id: a, uses: noop, nedes: [b]}]\n")
    worker = payment.worker(".")
    assert "bad.yaml is not served" in worker.said
    assert len(payment.members()[0]["blueprints"]) == 2
    refused = payment("worker", ".", "--strict")
    assert refused.code == 3
    assert "nedes" in refused.err
    assert payment("worker", "bad.yaml").code == 3
    assert payment("worker", "nowhere.yaml").code == 7


def test_shell_nodes_get_only_what_is_passed(fleet):
    fleet.write(
        "env.yaml",
        "id: env\nnodes: [{id: e, uses: shell, params: {run: env, env: {MINE: x}, parse: lines}}]\noutputs: {e: e}\n",
    )
    fleet.worker("env.yaml", "--pass-env", "WANTED", WANTED="1", UNWANTED="1")
    names = {line.partition("=")[0] for line in fleet("run", "env.yaml").json["e"]}
    assert {"WANTED", "MINE", "PATH"} <= names
    assert "UNWANTED" not in names
    assert "FLOWCRAFT_REDIS_URL" not in names


def test_a_worker_killed_in_a_node_leaves_a_run_that_completes(fleet):
    fleet.write("slow.yaml", SLOW)
    worker = fleet.worker("slow.yaml", "--lease", "2s", "--processes", "1")
    run = fleet.begin("run", "slow.yaml", "--run-id", "r1")
    until(lambda: begun(fleet) == 1)
    (fleet.folder / "go").touch()
    fleet.kill_process(fleet.members()[0])
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err + worker.said
    assert begun(fleet) == 2
    assert "died" in worker.said


@pytest.mark.parametrize(
    "how", ["sys.exit(5)", "loop.stop()", "[task.cancel() for task in asyncio.all_tasks()]"]
)
def test_a_node_that_ends_the_event_loop_is_a_crash_and_leaves_no_process_that_hangs(fleet, how):
    fleet.write(
        "hostile.py",
        f"""
import asyncio, sys
from flowcraft_engine import node

@node("hostile")
async def hostile(ctx):
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: {how})
    await asyncio.sleep(60)
""",
    )
    fleet.write("bad.yaml", "id: bad\nnodes: [{id: bad, uses: hostile}]\n")
    fleet.write("good.yaml", "id: good\nnodes: [{id: good, uses: noop}]\n")
    worker = fleet.worker("bad.yaml", "good.yaml", "--app", "hostile")
    done = fleet("run", "bad.yaml", "--json")
    assert done.code == 1, done.err + worker.said
    assert [error["code"] for error in done.json["errors"]] == ["crash_loop"]
    assert "a node, or what it began, ended the event loop" in worker.said
    assert "Traceback" not in worker.said
    assert fleet("run", "good.yaml").code == 0


def test_reconcile_tells_what_a_dead_worker_left_and_repairs_it(fleet):
    fleet.write("slow.yaml", SLOW)
    worker = fleet.worker("slow.yaml", "--lease", "1s")
    fleet("run", "slow.yaml", "--detach", "--run-id", "r1")
    until(lambda: begun(fleet) == 1)
    [member] = fleet.members()
    worker.process.kill()
    fleet.kill_process(member)
    found = until(lambda: (it := fleet("reconcile", "r1", "--check")).code == 8 and it)
    assert f"in {member['name']}, which has no lease any more → hand back, run again" in found.err
    repaired = fleet("reconcile", "r1", "--json")
    assert (repaired.code, repaired.json["needs_repair"]) == (0, True)
    assert fleet("reconcile", "--all", "--check").code == 0
    (fleet.folder / "go").touch()
    fleet.worker("slow.yaml")
    assert fleet("wait", "r1", "--timeout", "50s").code == 0


def test_reconcile_publishes_what_a_flushed_queue_has_lost_although_no_worker_is_there(fleet):
    waits = "while ! test -e go; do sleep 0.05; done; "
    nodes = [
        f"{{id: n{n}, uses: shell, params: {{run: '{waits if n == 3 else ''}echo {n} >> begun.txt'}}}}"
        for n in range(6)
    ]
    edges = [f"n{n} -> n{n + 1}" for n in range(5)]
    fleet.write("long.yaml", f"id: long\nnodes: [{', '.join(nodes)}]\nedges: [{', '.join(edges)}]\n")
    worker = fleet.worker("long.yaml", "--grace", "6s")
    fleet("run", "long.yaml", "--detach", "--run-id", "r1")
    until(lambda: begun(fleet) == 3)
    worker.terminate()
    assert begun(fleet) == 3
    (fleet.folder / "go").touch()
    with redis.Redis.from_url(fleet.url.removesuffix("/0") + "/1") as queue:
        queue.flushdb()
        found = until(lambda: (it := fleet("reconcile", "r1", "--check")).code == 8 and it)
        assert "its message is gone; blocked: needs long; no worker is online → publish it again" in found.err
        assert queue.dbsize() == 0, "it has only looked"
        repaired = fleet("reconcile", "r1")
        assert (repaired.code, repaired.err.splitlines()[-1]) == (
            0,
            "repaired; the run is blocked: needs long; no worker is online",
        )
        assert queue.llen("flowcraft:queue:default") == 1
        healthy = fleet("reconcile", "r1")
        assert "its message waits in the queue; blocked: needs long" in healthy.err
        assert queue.llen("flowcraft:queue:default") == 1
    fleet.worker("long.yaml")
    assert fleet("wait", "r1", "--timeout", "50s").code == 0
    assert sorted(map(int, (fleet.folder / "begun.txt").read_text().split())) == list(range(6))


def test_a_worker_drains_within_its_grace_and_hands_back_the_rest(fleet):
    fleet.write("slow.yaml", SLOW)
    first = fleet.worker("slow.yaml", "--grace", "8s")
    fleet("run", "slow.yaml", "--detach", "--run-id", "r1")
    until(lambda: begun(fleet) == 1)
    began = time.monotonic()
    assert first.terminate() == 0
    assert time.monotonic() - began < 25, "not as long as the node"
    (fleet.folder / "go").touch()
    fleet.worker("slow.yaml")
    done = fleet("wait", "r1", "--json").json
    assert done["status"] == "completed"
    assert done["nodes"]["long"]["attempts"] == 1


def test_a_worker_ends_at_once_though_nodes_have_left_threads(fleet):
    fleet.write(
        "left.py",
        """
import asyncio, time
from flowcraft_engine import node

@node("left")
async def leave(ctx):
    await asyncio.to_thread(time.sleep, 600)
""",
    )
    nodes = ", ".join(f"{{id: n{i}, uses: left, config: {{timeout: 100ms}}}}" for i in range(40))
    fleet.write("left.yaml", f"id: left\nnodes: [{nodes}]\n")
    worker = fleet.worker("left.yaml", "--app", "left", "--metrics", "127.0.0.1:0", "--grace", "60s")
    assert fleet("run", "left.yaml", "--timeout", "30s").code == 1, worker.said
    began = time.monotonic()
    assert worker.terminate() == 0, worker.said
    assert time.monotonic() - began < 30
    assert "died" not in worker.said
    assert "has ended" in worker.said


def test_a_second_signal_ends_a_worker_now_and_others_go_on_at_once(fleet):
    fleet.write("slow.yaml", SLOW)
    worker = fleet.worker("slow.yaml", "--lease", "10m", "--grace", "10m")
    fleet("run", "slow.yaml", "--detach", "--run-id", "r1")
    until(lambda: begun(fleet) == 1)
    worker.process.send_signal(signal.SIGTERM)
    until(lambda: "Waiting for" in worker.said)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 128 + signal.SIGTERM
    assert fleet.members() == []
    (fleet.folder / "go").touch()
    fleet.worker("slow.yaml")
    assert fleet("wait", "r1", "--timeout", "50s").code == 0
    assert fleet("show", "r1", "--json").json["nodes"]["long"]["attempts"] == 1
    [released] = [
        it for it in fleet("events", "r1", "--json").json["events"] if it["type"] == "node_released"
    ]
    assert not released["data"].get("crash")


def test_a_worker_that_is_ended_while_redis_is_away_says_what_it_leaves(tmp_path, start_redis):
    server = start_redis()
    fleet = FleetOfTest(tmp_path, server.address.url)
    try:
        fleet.write("slow.yaml", SLOW)
        worker = fleet.worker("slow.yaml", "--grace", "8s")
        fleet("run", "slow.yaml", "--detach")
        until(lambda: begun(fleet) == 1)
        server.kill()
        assert worker.terminate() == 0
        assert "others take it when its lease runs out" in worker.said
    finally:
        fleet.end()


def test_a_run_without_a_fitting_worker_is_blocked_and_goes_on_when_one_registers(payment):
    payment.worker(VERSION_1)
    run = payment.begin("run", VERSION_2, "--run-id", "r1", "-i", f"order={ORDER % 1}")
    blocked = until(lambda: (it := payment("show", "r1")).code == 0 and "blocked" in it.out and it.out)
    assert "needs payment@2.0.0; online: payment@1.0.0 ×1" in blocked
    assert "--serve-snapshots" in blocked
    assert payment("list", "--status", "blocked", "--json").json["runs"][0]["run_id"] == "r1"
    assert run.stderr is not None
    err = ""
    while "flowcraft cancel r1" not in err:  # it is told when it has lasted for a while
        line = run.stderr.readline()
        assert line, err
        err += line
    payment.worker(VERSION_2)
    err += run.communicate(timeout=60)[1]
    assert run.returncode == 0, err
    registered = max(seconds(it["since"]) for it in payment.members())
    began = seconds(payment("show", "r1", "--json").json["nodes"]["validate"]["started_at"])
    assert began - registered < 2.0
    assert "blocked needs payment@2.0.0" in err


def test_without_any_worker_the_run_says_so(fleet):
    fleet.write("one.yaml", "nodes: [{id: a, uses: noop}]\n")
    done = fleet("run", "one.yaml", "--timeout", "1500ms")
    assert done.code == 6
    assert "no worker is online" in done.err
    assert "flowcraft worker" in done.err


def test_serve_snapshots_takes_the_version_from_the_run(payment):
    payment.worker("--serve-snapshots")
    assert payment("run", VERSION_2, "-i", f"order={ORDER % 1}").code == 0


@pytest.mark.timeout(900)  # twenty processes, one after the other
def test_versions_roll_forward_and_back_under_load(payment):
    def start(version: str, number: int) -> str:
        run_id = f"r{number}"
        started = payment("run", version, "--detach", "--run-id", run_id, "-i", f"order={ORDER % number}")
        assert started.code == 0, started.err
        return run_id

    old = payment.worker(VERSION_1)
    runs = [start(VERSION_1, 1), start(VERSION_2, 2), start(VERSION_1, 3)]
    new = payment.worker(VERSION_2)
    runs += [start(VERSION_2, 4), start(VERSION_1, 5)]
    assert old.terminate() == 0
    runs += [start(VERSION_1, 6), start(VERSION_2, 7)]
    back = payment.worker(VERSION_1)
    assert new.terminate() == 0
    runs.append(start(VERSION_1, 8))
    for run_id in runs:
        done = payment("wait", run_id, "--json", "--timeout", "50s")
        assert done.code == 0, (run_id, done.err)
        assert all(node["attempts"] <= 1 for name, node in done.json["nodes"].items() if name == "validate")
    assert back.terminate() == 0


def test_a_worker_waits_for_redis_and_survives_its_restart(tmp_path, start_redis):
    server = start_redis(persistent=True, settings={"appendfsync": "always"})
    fleet = FleetOfTest(tmp_path, server.address.url)
    try:
        fleet.write(
            "nap.yaml",
            "nodes: [{id: a, uses: sleep, params: {duration: 2s}}, {id: b, uses: noop, needs: [a]}]\n",
        )
        server.kill()
        worker = fleet.start_worker("nap.yaml")
        until(lambda: "waiting for it" in worker.said)
        server.restart()
        worker.wait_until_ready()
        run = fleet.begin("run", "nap.yaml", "--run-id", "r1")
        until(lambda: fleet("show", "r1").code == 0)
        server.kill()
        time.sleep(0.5)
        server.restart()
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err + worker.said
        assert worker.terminate() == 0
    finally:
        fleet.end()
