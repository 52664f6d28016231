"""A held command begins when it is told to, and is then what it would have been without."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flowcraft_engine.nodes.builtin.held_command import HeldCommand

BASE = {"PATH": os.environ["PATH"]}


def output_of(folder: Path, *command: str, environment: dict[str, str] | None = None) -> str:
    given = BASE if environment is None else environment
    with HeldCommand(command, cwd=str(folder), environment=given) as held:
        started = subprocess.Popen(
            held.arguments, stdin=held.stdin, stdout=subprocess.PIPE, cwd=folder, env=given, text=True
        )
        held.let_go()
        return started.communicate(timeout=60)[0]


def test_nothing_begins_before_the_word(tmp_path: Path) -> None:
    with HeldCommand(["touch", "begun"], cwd=str(tmp_path), environment=BASE) as held:
        started = subprocess.Popen(held.arguments, stdin=held.stdin, cwd=tmp_path, env=BASE)
    assert started.wait(timeout=60) != 0
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize(
    "environment",
    [
        BASE,
        {**BASE, "PWD": "/", "SHLVL": "7"},
        {**BASE, "odd.name": "1", "flowcraft_words": "2"},
        {"A": "1\n2"},
    ],
)
def test_the_environment_is_the_one_that_was_given(tmp_path: Path, environment: dict[str, str]) -> None:
    found = dict(
        line.split("=", 1)
        for line in output_of(tmp_path, "env", "-0", environment=environment).split("\0")
        if line
    )
    assert found.keys() == environment.keys()
    assert {**found, "PWD": "", "SHLVL": ""} == {**environment, "PWD": "", "SHLVL": ""}


def test_its_standard_input_is_empty(tmp_path: Path) -> None:
    assert output_of(tmp_path, "cat") == ""


def test_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    words = ("$(id)", "a b", "", "-x", "*")
    assert output_of(tmp_path, "printf", "%s|", *words) == "".join(f"{word}|" for word in words)


@pytest.mark.parametrize("name", ["-odd", "./here", "sub/here"])
def test_programs_are_found_as_the_system_finds_them(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    assert output_of(tmp_path, name, environment={"PATH": f"{tmp_path}:{os.defpath}"}) == "found\n"
    assert output_of(tmp_path, name, environment={"PATH": f".:{os.defpath}"}) == "found\n"


@pytest.mark.parametrize(("name", "error"), [("none-such", FileNotFoundError), ("plain", PermissionError)])
def test_what_cannot_be_started_is_told_at_once(tmp_path: Path, name: str, error: type[OSError]) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(error):
        HeldCommand([name], cwd=str(tmp_path), environment={"PATH": str(tmp_path)})
