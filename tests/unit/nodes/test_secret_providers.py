"""Where secrets come from, and that errors about them say nothing of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from flowcraft_engine.errors import NodeError, UsageError
from flowcraft_engine.nodes.secret_providers import find_secret, make_provider


def find(tmp_path: Path, *settings: str, name: str = "TOKEN") -> str:
    return find_secret([make_provider(text, tmp_path) for text in settings], name)


def test_the_environment_with_and_without_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "plain")
    monkeypatch.setenv("CI_TOKEN", "prefixed")
    assert find(tmp_path, "env") == "plain"
    assert find(tmp_path, "env:CI_") == "prefixed"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("s.env", "# comment\nOTHER=1\nexport TOKEN='a b=c'\n"),
        ("s.json", '{"TOKEN": "a b=c"}'),
        ("s.toml", 'TOKEN = "a b=c"'),
        ("folder/TOKEN", "a b=c\n"),
    ],
)
def test_files(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    setting = "file:folder" if "/" in file else f"file:{file}"
    assert find(tmp_path, setting) == "a b=c"
    with pytest.raises(NodeError, match="there is no secret 'NOBODY'; looked for in: "):
        find(tmp_path, setting, name="NOBODY")


def test_a_secret_that_is_nowhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "s.env").write_text("OTHER=1\n")
    providers = [make_provider(it, tmp_path) for it in ("env:CI_", "file:s.env")]
    places = f"looked for in: the environment variable CI_NOBODY, {tmp_path / 's.env'} "
    with pytest.raises(NodeError, match=re.escape(places)):
        find_secret(providers, "NOBODY")


def test_a_command_gets_the_name_and_no_shell(tmp_path: Path) -> None:
    command = f"command:{sys.executable} -c 'import sys; print(sys.argv[1] + \"; rm\")' {{name}}"
    assert find(tmp_path, command) == "TOKEN; rm"


def test_the_first_place_that_has_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.env").write_text("TOKEN=from-file\n")
    monkeypatch.delenv("TOKEN", raising=False)
    assert find(tmp_path, "env", "file:s.env") == "from-file"
    monkeypatch.setenv("TOKEN", "from-env")
    assert find(tmp_path, "env", "file:s.env") == "from-env"


@pytest.mark.parametrize(
    "setting",
    [
        "file:nothing.env",
        "file:broken.json",
        "command:/no/such/program {name}",
        "command:sh -c 'echo canary; exit 3' {name}",
    ],
)
def test_a_place_that_does_not_work_is_named_without_what_it_said(tmp_path: Path, setting: str) -> None:
    (tmp_path / "broken.json").write_text('{"TOKEN": "canary')
    with pytest.raises(NodeError) as caught:
        find(tmp_path, setting)
    assert caught.value.error_code == "secret_unavailable"
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "setting", ["vault", "file:", "command:", "command:pass show", "command:'open {name}"]
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(UsageError, match="secrets"):
        make_provider(setting, tmp_path)
