"""Shell completion: what a shell asks is answered on stdout, and nothing else is said."""

from __future__ import annotations

import subprocess

import pytest

from tests.unit.cli.conftest import command, environment


def ask(process, words: str, at: int):
    return process(_FLOWCRAFT_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(at))


def test_commands_and_run_ids_are_completed_in_silence(flowcraft, process, chain):
    assert flowcraft("run", chain, "--run-id", "monday", "-q").code == 0
    for words, at, expected in (("flowcraft re", 1, "retry"), ("flowcraft show mon", 2, "monday")):
        done = ask(process, words, at)
        assert (done.code, done.err) == (0, "")
        assert expected in done.out.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(process, shell):
    # Typer asks which shell is among the parents of the process, unless this is set.
    done = process("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (done.code, done.err) == (0, "")
    assert f"_FLOWCRAFT_COMPLETE=complete_{shell}" in done.out


def test_the_script_for_the_shell_that_asks_is_printed():
    asking = ["bash", "-c", '"$@"; exit $?', "bash", *command("--show-completion")]
    done = subprocess.run(asking, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_FLOWCRAFT_COMPLETE=complete_bash" in done.stdout
