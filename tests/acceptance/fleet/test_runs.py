"""`run --distributed`, and every command about its run: the same output and exit codes as in one process."""

from __future__ import annotations

import signal

import pytest
import redis

from tests.acceptance.fleet.workers import FleetOfTest, until

STEPS = """
id: steps
nodes:
  - {id: a, uses: set, params: {values: {x: 1}}}
  - {id: b, uses: noop, inputs: x, needs: [a]}
outputs: {x: b}
"""
ASKS = """
id: asks
nodes:
  - {id: ask, uses: wait, params: {message: "Shall we?"}}
  - {id: after, uses: noop, needs: [ask]}
outputs: {answer: after}
"""
PARENT = """
id: parent
nodes:
  - {id: sub, uses: subflow, params: {blueprint_id: steps}}
"""
FAILS = """
id: fails
nodes: [{id: bad, uses: check, params: {that: "false", message: "no good"}}]
"""
TALKS = """
id: talks
nodes:
  - {id: loud, uses: shell, params: {run: "echo first; echo second >&2"}}
  - {id: log, uses: log, params: {message: third, level: warning}, needs: [loud]}
"""
SLEEPS = """
id: sleeps
nodes: [{id: nap, uses: sleep, params: {duration: 60s}}]
"""


@pytest.fixture
def ready(fleet: FleetOfTest) -> FleetOfTest:
    for name, text in {
        "steps": STEPS,
        "asks": ASKS,
        "parent": PARENT,
        "fails": FAILS,
        "sleeps": SLEEPS,
        "talks": TALKS,
    }.items():
        fleet.write(f"{name}.yaml", text)
    fleet.worker()
    return fleet


def is_waiting(ready: FleetOfTest, run_id: str) -> bool:
    """Whether the run waits, now or soon: a worker that has much to do may still execute its node."""
    return until(lambda: ready("show", run_id, "--json").json["status"] == "waiting")


def test_a_run_prints_its_outputs_and_a_line_for_each_change(ready):
    done = ready("run", "steps.yaml", "--distributed", FLOWCRAFT_BACKEND="")
    assert (done.code, done.json) == (0, {"x": 1})
    assert "a started" in done.err
    assert "b completed" in done.err
    assert "✓ completed steps" in done.err or "+ completed steps" in done.err


def test_what_nodes_print_and_log_is_shown_as_in_one_process(ready):
    ready.worker("talks.yaml")
    lines = ["loud | first", "loud | second", "log | warning: third"]
    here = ready("run", "talks.yaml", FLOWCRAFT_BACKEND="sqlite")
    there = ready("run", "talks.yaml", "--distributed")
    for done in (here, there):
        said = [line.partition(" ")[2] for line in done.err.splitlines() if " | " in line]
        assert sorted(said) == sorted(lines), done.err
    assert "first" not in ready("run", "talks.yaml", "--distributed", "--quiet").err


def test_the_json_document_is_that_of_a_run_in_one_process(ready):
    here = ready("run", "steps.yaml", "--json", FLOWCRAFT_BACKEND="sqlite").json
    there = ready("run", "steps.yaml", "--json").json
    assert list(here) == list(there)
    assert (here["status"], here["outputs"], here["context"]) == (
        there["status"], there["outputs"], there["context"],
    )  # fmt: skip
    assert {name: node["state"] for name, node in here["nodes"].items()} == {
        name: node["state"] for name, node in there["nodes"].items()
    }


def test_the_events_of_sub_runs_are_shown(ready):
    done = ready("run", "parent.yaml")
    assert done.code == 0
    assert "sub › a completed" in done.err


def test_a_failed_run_ends_with_1_and_says_where(ready):
    done = ready("run", "fails.yaml")
    assert done.code == 1
    assert "fails.yaml:3:" in done.err
    assert "no good" in done.err


def test_detach_prints_the_id_and_wait_follows(ready):
    started = ready("run", "steps.yaml", "--detach", "--run-id", "r1")
    assert (started.code, started.out) == (0, "r1\n")
    again = ready("run", "steps.yaml", "--detach", "--run-id", "r1")
    assert (again.code, again.out) == (0, "r1\n")
    done = ready("wait", "r1")
    assert (done.code, done.json) == (0, {"x": 1})
    assert [run["run_id"] for run in ready("list", "--json").json["runs"]] == ["r1"]


def test_the_same_id_with_other_inputs_is_a_conflict(ready):
    ready("run", "steps.yaml", "--run-id", "r1")
    done = ready("run", "steps.yaml", "--run-id", "r1", "-i", "a=1")
    assert done.code == 7
    assert "r1 exists already" in done.err


def test_detach_needs_a_fleet(ready):
    done = ready("run", "steps.yaml", "--detach", FLOWCRAFT_BACKEND="sqlite")
    assert done.code == 2
    assert "--distributed" in done.err


def test_a_run_that_waits_ends_with_5_and_is_answered(ready):
    asked = ready("run", "asks.yaml", "--run-id", "r1")
    assert asked.code == 5
    assert "flowcraft resume r1" in asked.err
    assert ready("show", "r1", "--json").json["status"] == "waiting"
    answered = ready("resume", "r1", "--output", "yes")
    assert (answered.code, answered.out) == (0, "")
    assert "flowcraft wait r1" in answered.err
    done = ready("wait", "@latest")
    assert (done.code, done.json) == (0, {"answer": "yes"})
    assert ready("resume", "r1", "--output", "yes").code == 0
    assert ready("resume", "r1", "--output", "no").code == 7


def test_resume_can_stay(ready):
    ready("run", "asks.yaml", "--run-id", "r1")
    done = ready("resume", "r1", "--output", "yes", "--action", "aprove", "--follow")
    assert "no edge of ask knows the action 'aprove'" in done.err
    assert (done.code, done.json) == (0, {"answer": "yes"})


def test_timeout_ends_with_6_and_the_run_goes_on(ready):
    done = ready("run", "sleeps.yaml", "--run-id", "r1", "--timeout", "300ms")
    assert done.code == 6
    assert "the run goes on; follow it with: flowcraft wait r1" in done.err
    assert is_waiting(ready, "r1")


@pytest.mark.parametrize("how", [["retry"], ["rerun", "--from", "nap"]])
def test_who_stays_with_a_run_that_is_tried_again_sees_what_happens(ready, how):
    ready("run", "sleeps.yaml", "--run-id", "r1", "--detach")
    assert is_waiting(ready, "r1")
    ready("cancel", "r1")
    process = ready.begin(how[0], "r1", *how[1:], "--timeout", "10m")
    assert process.stderr is not None
    until(lambda: "nap waiting" in process.stderr.readline())
    ready("cancel", "r1")
    process.communicate(timeout=60)
    assert process.returncode == 4
    done = ready(how[0], "r1", *how[1:], "--timeout", "300ms")
    assert done.code == 6, "it only sleeps"
    assert "the run goes on; follow it with: flowcraft wait r1" in done.err


def test_cancel_ends_the_run_for_those_who_follow_it(ready):
    process = ready.begin("run", "sleeps.yaml", "--run-id", "r1")
    until(lambda: ready("show", "r1").code == 0)
    assert ready("cancel", "r1", "--reason", "too slow").code == 0
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    ready("run", "steps.yaml", "--run-id", "r2")
    assert ready("cancel", "r2").code == 7


def test_ctrl_c_only_detaches(ready):
    process = ready.begin("run", "sleeps.yaml", "--run-id", "r1", "--json")
    assert process.stderr is not None
    until(lambda: "nap" in process.stderr.readline())  # it follows
    assert is_waiting(ready, "r1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert '"status": "waiting"' in out
    assert "flowcraft wait r1" in err or '"run_id": "r1"' in out
    assert ready("list", "--status", "waiting", "--json").json["runs"][0]["run_id"] == "r1"


def test_events_are_followed_until_the_run_has_ended(ready):
    ready("run", "asks.yaml", "--run-id", "r1")
    process = ready.begin("events", "r1", "--follow")
    ready("resume", "r1", "--output", "yes")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "run_started" in out.splitlines()[0]
    assert "run_finished" in out.splitlines()[-1]


def test_a_run_is_drawn(ready):
    assert ready("run", "steps.yaml", "--graph", "run.svg", "-q").code == 0
    assert "<svg" in (ready.folder / "run.svg").read_text()


def test_there_is_nothing_to_reconcile_in_a_healthy_run(ready):
    ready("run", "sleeps.yaml", "--run-id", "r1", "--detach")
    assert is_waiting(ready, "r1")
    assert ready("reconcile", "r1", "--check").code == 0
    assert ready("reconcile", "--all").code == 0


def test_without_a_server_the_exit_code_is_9(fleet):
    fleet.write("steps.yaml", STEPS)
    done = fleet("run", "steps.yaml", FLOWCRAFT_REDIS_URL="redis://:secret@127.0.0.1:1/0")
    assert done.code == 9
    assert "secret" not in done.err
    assert "Traceback" not in done.err


def test_a_run_in_this_process_imports_neither_redis_nor_dramatiq(fleet):
    fleet.write("steps.yaml", STEPS)
    code = (
        "import sys\nfrom flowcraft_cli.main import run_command_line\n"
        "codes = [run_command_line(line) for line in (['--help'], ['validate', 'steps.yaml'],"
        " ['run', 'steps.yaml', '-q', '--backend', 'sqlite'])]\n"
        "print(codes, sorted({name.split('.')[0] for name in sys.modules} & {'redis', 'dramatiq'}))"
    )
    assert fleet.command.python(code).out.splitlines()[-1] == "[0, 0, 0] []"


def test_a_list_of_runs_that_have_ended_loads_neither_blueprints_nor_dramatiq(ready):
    assert ready("run", "steps.yaml", "--run-id", "r1", "-q").code == 0
    code = (
        "import sys\nfrom flowcraft_cli.main import run_command_line\n"
        "code = run_command_line(['list', '--json'])\n"
        "print(code, sorted({name.split('.')[0] for name in sys.modules} & {'dramatiq', 'pydantic'}))"
    )
    printed = ready.command.python(code).out
    assert '"run_id": "r1"' in printed
    assert printed.splitlines()[-1] == "0 []"


def test_a_run_of_the_fleet_that_waits_for_somebody_goes_on_from_a_file(ready):
    text = "nodes: [{id: ask, uses: wait, params: {message: now?}, config: {timeout: 47h}}]\n"
    assert ready("run", ready.write("patient.yaml", text), "--run-id", "r1").code == 5
    exported = ready("export", "r1", "-o", "r1.fcrun")
    assert exported.code == 0, exported.err
    assert ready("resume", "r1.fcrun", "--output", "yes").json == {"ask": "yes"}
    assert ready("diff", "r1", "r1.fcrun").code == 8
    assert ready("import", "r1.fcrun").code == 0
    assert ready("show", "r1", "--json").json["status"] == "completed"


def test_a_run_is_not_given_to_a_server_that_throws_data_away(fleet: FleetOfTest) -> None:
    fleet.write("steps.yaml", STEPS)
    with redis.Redis.from_url(fleet.url) as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            done = fleet("run", "steps.yaml", "--distributed", "--detach", "--run-id", "never")
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert done.code == 9
    assert "throws data away" in done.err
    assert fleet("show", "never").code == 7


def test_who_follows_a_run_that_its_server_has_lost_learns_how_to_start_it_again(ready: FleetOfTest) -> None:
    following = ready.begin("run", "sleeps.yaml", "--distributed", "--run-id", "nap")
    until(lambda: ready("show", "nap", "--json").code == 0)
    with redis.Redis.from_url(ready.url) as server:
        server.flushall()
    _, told = following.communicate(timeout=60)
    assert following.returncode == 7
    assert "the same id starts it again: flowcraft run FILE --run-id nap" in told
