"""`flowcraft dev`: a fleet on one machine with one command, and nothing left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleet.dev import Project, descendants, is_alive, wait_for_text
from tests.acceptance.fleet.workers import until

_NODES = """
from pathlib import Path
from flowcraft_engine import node

@node("greet")
def greet(ctx):
    return "{word}"
"""
_FLOW = "id: flow\nnodes:\n  - {id: greet, uses: greet}\noutputs: {word: greet}\n"
_TWO = (
    "id: two\nnodes:\n  - {id: first, uses: once}\n  - {id: second, uses: greet}\nedges: [first -> second]\n"
)
_ONCE = """
import time
from pathlib import Path
from flowcraft_engine import node

@node("once")
def once(ctx):
    with Path("ledger").open("a") as ledger:
        ledger.write("began\\n")
    while not Path("go-on").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    found = Project(tmp_path)
    found.command.write("greetings.py", _NODES.format(word="hello"))
    found.command.write("flow.yaml", _FLOW)
    found.command.write("flowcraft.toml", 'app = "greetings"\n')
    yield found
    found.end()


def test_a_run_from_another_terminal_finds_the_server_and_nothing_is_left_after_ctrl_c(
    project: Project,
) -> None:
    dev = project.dev()
    done = project.command("run", "flow.yaml", "--distributed", "--json")
    assert done.code == 0, done.err
    assert done.json["outputs"] == {"word": "hello"}
    processes = descendants(dev.process.pid)
    assert project.server_note().pid in processes
    assert project.interrupt(dev) == 0, dev.said
    until(lambda: not any(map(is_alive, processes)))


def test_nothing_is_left_of_it_when_its_terminal_is_closed(project: Project) -> None:
    dev = project.dev()
    processes = descendants(dev.process.pid)
    os.killpg(dev.process.pid, signal.SIGHUP)
    assert dev.process.wait(60) == 0, dev.said
    until(lambda: not any(map(is_alive, processes)))


def test_under_nohup_it_stays_when_its_terminal_is_closed(project: Project) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what `nohup` leaves to the command
    try:
        dev = project.dev()
    finally:
        signal.signal(signal.SIGHUP, before)
    os.killpg(dev.process.pid, signal.SIGHUP)
    assert project.command("run", "flow.yaml", "--distributed").code == 0
    assert dev.said.count("is ready") == 1
    assert project.interrupt(dev) == 0, dev.said


def test_it_says_how_to_go_on_and_no_password(project: Project) -> None:
    dev = project.dev("flow.yaml")
    assert "in another terminal: flowcraft run FILE --distributed" in dev.said
    assert ".flowcraft/redis" in dev.said
    assert "blueprints  flow" in dev.said
    assert "another" not in dev.said.replace("another terminal", "")
    password = project.server_note().address.password
    assert password
    assert password not in dev.said


def test_a_node_that_was_changed_is_executed_as_it_is_now(project: Project) -> None:
    dev = project.dev()
    project.command.write("greetings.py", _NODES.format(word="good evening"))
    dev.wait_until_ready(2)
    done = project.command("run", "flow.yaml", "--distributed", "--json")
    assert done.json["outputs"] == {"word": "good evening"}


def test_a_module_that_was_broken_and_mended_brings_the_worker_back(project: Project) -> None:
    dev = project.dev()
    project.command.write("greetings.py", "this is no Python\n")
    wait_for_text(dev.log, "importing 'greetings' failed")
    assert "Traceback" not in dev.said
    project.command.write("greetings.py", _NODES.format(word="mended"))
    dev.wait_until_ready(2)
    done = project.command("run", "flow.yaml", "--distributed", "--json")
    assert done.json["outputs"] == {"word": "mended"}


def test_the_next_dev_goes_on_with_what_was_not_done(project: Project) -> None:
    project.command.write("greetings.py", _NODES.format(word="hello") + _ONCE)
    project.command.write("two.yaml", _TWO)
    dev = project.dev("--grace", "1s")
    run_id = project.command("run", "two.yaml", "--distributed", "--detach").out.strip()
    wait_for_text(project.folder / "ledger", "began")
    project.interrupt(dev)
    project.command.write("go-on", "")
    project.dev()
    done = project.command("wait", run_id, "--backend", "redis", "--json")
    assert (done.code, done.json["status"]) == (0, "completed"), done.err


def test_nothing_is_left_of_a_dev_that_was_killed(project: Project) -> None:
    dev = project.dev("--grace", "1s")
    processes = descendants(dev.process.pid)
    dev.process.kill()
    dev.process.wait()
    until(lambda: not any(map(is_alive, processes)))


def test_what_init_writes_runs_on_dev(project: Project) -> None:
    made = Project(project.folder / "made")
    assert "flowcraft dev" in project.command("init", "made").err
    project.started.append(made.dev())
    done = made.command("run", "blueprint.yaml", "--distributed", "--json", "-i", "quantity=100")
    assert done.json["nodes"]["review"]["state"] == "completed"


def test_without_a_server_program_it_says_so_in_one_sentence(project: Project) -> None:
    done = project.command("dev", FLOWCRAFT_REDIS_BINARY="no-such-server")
    assert done.code == 9
    assert "FLOWCRAFT_REDIS_BINARY names 'no-such-server', which is no program" in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert "Traceback" not in done.err


def test_it_says_that_other_commands_will_use_another_redis(project: Project) -> None:
    dev = project.dev(FLOWCRAFT_REDIS_URL="redis://127.0.0.1:1/0")
    assert "FLOWCRAFT_REDIS_URL names another Redis" in dev.said


def test_a_second_dev_of_the_project_uses_the_server_of_the_first(project: Project) -> None:
    project.dev()
    second = project.dev()
    assert "another flowcraft dev runs for this project" in second.said
    server = project.server_note().pid
    assert project.interrupt(second) == 0
    assert is_alive(server)


def test_what_is_wrong_with_a_blueprint_that_was_changed_is_told_with_its_place(project: Project) -> None:
    dev = project.dev("flow.yaml")
    project.command.write("flow.yaml", _FLOW.replace("uses: greet", "uses: gret"))
    wait_for_text(dev.log, "flow.yaml:3:23: error: the node type 'gret' of 'greet' is not registered")
    assert "did you mean 'greet'?" in dev.said
    project.command.write("flow.yaml", _FLOW + "edges: [greet -> nobody]\n")
    wait_for_text(dev.log, "flow.yaml:5:18: error: ")


def test_a_server_that_dies_is_started_again_and_runs_go_on(project: Project) -> None:
    project.command.write("greetings.py", _NODES.format(word="hello") + _ONCE)
    project.command.write("two.yaml", _TWO)
    dev = project.dev()
    run_id = project.command("run", "two.yaml", "--distributed", "--detach").out.strip()
    wait_for_text(project.folder / "ledger", "began")
    server = project.server_note().pid
    os.kill(server, signal.SIGKILL)
    wait_for_text(dev.log, "the Redis server is back")
    assert project.server_note().pid != server
    project.command.write("go-on", "")
    done = project.command("wait", run_id, "--json")
    assert (done.code, done.json["status"]) == (0, "completed"), done.err
    assert (project.folder / "ledger").read_text() == "began\n"
    assert project.interrupt(dev) == 0, dev.said
