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


def test_the_url_of_redis_is_ours_before_everybodys_before_the_files(folder):
    Path("flowcraft.toml").write_text("redis_url = 'redis://file'\n")
    assert read_settings({}, {}).redis_url == "redis://file"
    common = {"REDIS_URL": "redis://common"}
    assert read_settings({}, common).redis_url == "redis://common"
    assert read_settings({}, common).sources["redis_url"] == "REDIS_URL"
    both = common | {"FLOWCRAFT_REDIS_URL": "redis://ours"}
    assert read_settings({}, both).redis_url == "redis://ours"
    assert read_settings({"redis_url": "redis://flag"}, both).redis_url == "redis://flag"


def test_without_anything_runs_are_in_sqlite_and_no_redis_is_named(folder):
    settings = read_settings({}, {})
    assert (settings.backend, settings.redis_url, settings.broker_url) == ("sqlite", None, None)
    assert (settings.namespace, settings.insecure) == ("flowcraft", False)
    assert settings.project_state == folder / ".flowcraft"


def test_settings_never_show_a_password(folder):
    settings = read_settings({"redis_url": "redis://:s3cr3t@h", "broker_url": "redis://:s3cr3t@h/1"}, {})
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize("text", ["true", "1", "YES", "on"])
def test_insecure_is_switched_on_in_the_environment(folder, text):
    assert read_settings({}, {"FLOWCRAFT_INSECURE": text}).insecure


def test_insecure_is_switched_off_in_the_environment(folder):
    Path("flowcraft.toml").write_text("insecure = true\n")
    assert read_settings({}, {}).insecure
    assert not read_settings({}, {"FLOWCRAFT_INSECURE": "no"}).insecure


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FLOWCRAFT_BACKEND", "mysql", "sqlite or redis"),
        ("FLOWCRAFT_INSECURE", "perhaps", "true or false"),
        ("FLOWCRAFT_NAMESPACE", "a{b}", "letters"),
        ("FLOWCRAFT_NAMESPACE", "redis://:s3cr3t@h", "letters"),
        ("FLOWCRAFT_REDIS_URL", " ", "URL"),
    ],
)
def test_a_wrong_variable_is_named_and_no_secret_is_repeated(folder, variable, value, words):
    with pytest.raises(UsageError, match=variable) as caught:
        read_settings({}, {variable: value})
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_the_project_file_may_hold_settings_of_workers(folder):
    Path("flowcraft.toml").write_text("processes = 2\nlease = '5s'\nnamespace = 'shop'\n")
    assert read_settings({}, {}).namespace == "shop"


def test_settings_of_workers_are_proposed_for_a_key_that_is_unknown(folder):
    Path("flowcraft.toml").write_text("procesess = 2\n")
    with pytest.raises(UsageError) as caught:
        read_settings({}, {})
    assert caught.value.hint == "did you mean 'processes'?"
