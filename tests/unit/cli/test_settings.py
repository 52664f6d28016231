from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_engine.errors import UsageError
from flowcraft_engine.settings import read_settings


def test_without_anything_the_state_is_in_the_current_folder(folder):
    settings = read_settings({}, {})
    assert settings.state == folder / ".flowcraft" / "state.db"
    assert settings.concurrency == 32


def test_a_flag_wins_over_the_environment_and_that_over_the_file(folder):
    Path("flowcraft.toml").write_text("concurrency = 1\napp = 'shop'\n")
    assert read_settings({}, {}).concurrency == 1
    assert read_settings({}, {"FLOWCRAFT_CONCURRENCY": "2"}).concurrency == 2
    both = read_settings({"concurrency": "3"}, {"FLOWCRAFT_CONCURRENCY": "2"})
    assert both.concurrency == 3
    assert both.sources["concurrency"] == "--concurrency"
    assert both.sources["app"].endswith("flowcraft.toml: app")


def test_the_state_is_kept_beside_the_project_file_from_any_folder_below(folder, monkeypatch):
    Path("pyproject.toml").write_text("[tool.flowcraft]\napp = 'shop'\n")
    (folder / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(folder / "deep" / "er")
    settings = read_settings({}, {})
    assert settings.state == folder / ".flowcraft" / "state.db"
    assert settings.apps == ("shop",)


def test_memory_means_no_file(folder):
    assert read_settings({"state": "memory"}, {}).state is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("concurency = 3\n", "did you mean 'concurrency'"),
        ("concurrency = true\n", "whole number"),
        ("concurrency = 0\n", "whole number"),
        ("app = 5\n", "text"),
        ("state = []\n", "state"),
        ("blueprints = ['nowhere']\n", "nowhere"),
        ("x = [\n", "not valid TOML"),
    ],
)
def test_a_wrong_project_file_is_named(folder, text, words):
    Path("flowcraft.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_settings({}, {})
    assert "flowcraft.toml" in str(caught.value)
    assert words in f"{caught.value} {caught.value.hint}"


def test_lists_in_the_environment_are_separated_by_spaces_or_commas(folder):
    assert read_settings({}, {"FLOWCRAFT_APP": "a, b c:d"}).apps == ("a", "b", "c:d")
