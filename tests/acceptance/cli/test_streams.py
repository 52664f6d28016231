"""Pipes that close, terminals that are none, and what is imported."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

CHAIN = "nodes: [{id: a, uses: noop}, {id: b, uses: noop, needs: [a]}]\n"


def test_a_reader_that_goes_away_is_no_error(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    script = f"{sys.executable} -m flowcraft_cli schema | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        cwd=flowcraft.folder,
        env=flowcraft.environment(),
    )
    assert done.stdout == "{\n0\n"
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_said(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flowcraft_cli", "run", "c.yaml", "-q"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=flowcraft.folder, env=flowcraft.environment(),
        )  # fmt: skip
    assert done.returncode == 9
    assert "stdout cannot be written" in done.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_are_no_bug(flowcraft, redirection):
    flowcraft.write("c.yaml", CHAIN)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m flowcraft_cli run c.yaml {redirection}"],
        capture_output=True, text=True, cwd=flowcraft.folder, env=flowcraft.environment(),
    )  # fmt: skip
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_locale_without_unicode_gets_json_all_the_same_and_signs_it_can_show(flowcraft):
    flowcraft.write("c.yaml", "nodes: [{id: größe, uses: set, params: {values: {k: ✓…}}}]\n")
    done = flowcraft("run", "c.yaml", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.code == 0
    assert done.out.isascii()
    assert done.json == {"größe": {"k": "✓…"}}
    assert "gr\\xf6\\xdfe completed" in done.err
    assert "+ completed c - run " in done.err


def test_a_current_folder_that_is_gone_is_told(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    script = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m flowcraft_cli run ../c.yaml"
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True, text=True, cwd=flowcraft.folder, env=flowcraft.environment(),
    )  # fmt: skip
    assert done.returncode == 7
    assert "error: the current folder does not exist any more" in done.stderr


def test_a_blueprint_and_inputs_come_from_stdin(flowcraft):
    assert flowcraft("run", "-", stdin=CHAIN).json == {"b": None}
    flowcraft.write("i.yaml", "nodes: [{id: a, uses: set, params: {values: {k: '${{ n }}'}}}]\n")
    assert flowcraft("run", "i.yaml", "--inputs", "-", stdin="n: [1, 2]").json == {"a": {"k": [1, 2]}}


def test_colour_is_forced_and_forbidden_by_variables(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    assert "\x1b[" in flowcraft("run", "c.yaml", FORCE_COLOR="1").err
    assert "\x1b[" not in flowcraft("run", "c.yaml", FORCE_COLOR="1", NO_COLOR="1").err
    assert "\x1b[" not in flowcraft("run", "c.yaml").err


def test_the_state_is_for_its_owner_only(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    script = f"umask 000; {sys.executable} -m flowcraft_cli run c.yaml -q"
    subprocess.run(["bash", "-c", script], cwd=flowcraft.folder, env=flowcraft.environment(), check=True)
    state = flowcraft.folder / ".flowcraft"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "state.db").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    flowcraft.folder.chmod(0o500)
    done = flowcraft("run", "c.yaml")
    flowcraft.folder.chmod(0o700)
    assert done.code == 9
    assert "--state memory" in done.err


HEAVY = {"asyncio", "dramatiq", "httpx", "jsonschema", "pydantic", "redis", "rich", "ruamel.yaml", "sqlite3"}
#: What needs to be imported for a run, beside the engine: everything else is for other commands.
NOT_FOR_RUNS = {
    "flowcraft_cli.run_drawing",
    "flowcraft_engine.distributed",
    "flowcraft_engine.drawing",
    "flowcraft_engine.reports.dossier",
    "flowcraft_engine.telemetry",
    "flowcraft_engine.testing",
    "html.entities",
    "tomllib",
    "typer._adapters",
    "typer.rich_utils",
}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], set()),
        (["run", "--help"], set()),
        (["worker", "--help"], set()),
        (["list"], {"asyncio", "sqlite3"}),
        (["cancel", "nosuch"], {"asyncio", "sqlite3"}),
        (["validate", "c.yaml"], {"pydantic", "ruamel.yaml"}),
        (["graph", "c.yaml"], {"pydantic", "ruamel.yaml"}),
        (["run", "c.yaml", "--state", "memory"], {"asyncio", "pydantic", "ruamel.yaml"}),
        (["run", "c.yaml"], {"asyncio", "pydantic", "ruamel.yaml", "sqlite3"}),
    ],
)
def test_a_command_imports_only_what_it_needs(flowcraft, arguments, needed):
    flowcraft.write("c.yaml", CHAIN)
    flowcraft("run", "c.yaml")
    assert imported_by(flowcraft, arguments) & HEAVY == needed


def test_a_run_imports_nothing_that_is_for_other_commands(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    assert imported_by(flowcraft, ["run", "c.yaml"]) & NOT_FOR_RUNS == set()


def test_validation_imports_no_runs(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    rooms = {f"flowcraft_engine.{name}" for name in ("execution", "kernel", "runtime", "stores", "backends")}
    assert imported_by(flowcraft, ["validate", "c.yaml"]) & rooms == set()


def imported_by(flowcraft, arguments) -> set[str]:
    """The modules that a command imports, in a process of its own."""
    done = flowcraft.python(
        "import sys\nfrom flowcraft_cli.main import run_command_line\n"
        f"run_command_line({arguments!r})\nprint('', *sys.modules, sep='\\n#')"
    )
    return {line[1:] for line in done.out.splitlines() if line.startswith("#")}


def test_validate_imports_no_module_that_nobody_named(flowcraft):
    flowcraft.write("evil.py", "open('imported', 'w').close()\n")
    flowcraft.write(
        "c.yaml", "nodes: [{id: a, uses: 'evil:x'}, {id: b, uses: python, params: {call: 'evil:x'}}]\n"
    )
    for arguments in (["validate", "c.yaml"], ["graph", "c.yaml"], ["run", "c.yaml", "--dry-run"]):
        flowcraft(*arguments)
    assert not (flowcraft.folder / "imported").exists()


def test_the_version_and_help_of_every_command_are_printed(flowcraft):
    from flowcraft_cli.catalogue import COMMANDS

    assert flowcraft("--version").out.startswith("flowcraft ")
    listed = flowcraft("--help").out
    assert all(f"  {name} " in listed for name in COMMANDS)
    assert flowcraft().code == 2


def test_run_ids_are_completed(flowcraft):
    flowcraft.write("c.yaml", CHAIN)
    flowcraft("run", "c.yaml", "--run-id", "order-17")
    done = flowcraft(_FLOWCRAFT_COMPLETE="complete_bash", COMP_WORDS="flowcraft show ord", COMP_CWORD="2")
    assert done.out.split() == ["order-17"]


def test_events_are_followed_while_another_process_executes_the_run(flowcraft):
    script = "while ! test -e go; do sleep 0.05; done"
    flowcraft.write("nap.yaml", f'nodes: [{{id: a, uses: shell, params: {{run: "{script}"}}}}]\n')
    run = flowcraft.begin("run", "nap.yaml", "--run-id", "r", "-q")
    while flowcraft("show", "r").code != 0:
        assert run.poll() is None
    with flowcraft.begin("events", "r", "--follow") as following:
        assert following.stdout is not None
        assert "run_started" in following.stdout.readline()
        flowcraft.write("go", "")
        assert "run_finished" in following.stdout.read().splitlines()[-1]
    run.communicate(timeout=60)
    assert following.returncode == 0
    assert flowcraft("events", "r", "--follow", "--json").json["events"][-1]["type"] == "run_finished"
