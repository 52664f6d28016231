from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_engine.errors import UsageError
from flowcraft_engine.settings.worker import WorkerSettings, read_worker_settings


def test_without_anything_a_worker_has_its_defaults(tmp_path: Path) -> None:
    settings = read_worker_settings({}, {}, cwd=tmp_path)
    assert settings == WorkerSettings()
    assert (settings.processes, settings.threads, settings.queues) == (1, 8, ())
    assert (settings.lease_s, settings.retention_s, settings.grace_s) == (15, 7 * 86_400, 30)
    assert not settings.serve_snapshots
    assert not settings.allow_remote_commands


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "flowcraft.toml").write_text("lease = '1s'\nprocesses = 2\nqueues = ['a', 'b']\n")
    variables = {"FLOWCRAFT_LEASE": "2s", "FLOWCRAFT_PROCESSES": "3"}
    settings = read_worker_settings({"lease": "3s"}, variables, cwd=tmp_path)
    assert (settings.lease_s, settings.processes, settings.queues) == (3, 3, ("a", "b"))
    assert settings.sources["lease"] == "--lease"
    assert settings.sources["processes"] == "FLOWCRAFT_PROCESSES"
    assert settings.sources["queues"].endswith("flowcraft.toml: queues")


def test_the_project_file_beside_a_blueprint_comes_first(tmp_path: Path) -> None:
    (tmp_path / "flowcraft.toml").write_text("threads = 1\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "flowcraft.toml").write_text("threads = 2\n")
    assert read_worker_settings({}, {}, cwd=tmp_path, near=tmp_path / "shop").threads == 2


def test_names_of_variables_are_separated_by_spaces_or_commas(tmp_path: Path) -> None:
    settings = read_worker_settings({}, {"FLOWCRAFT_PASS_ENV": "TOKEN, REGION"}, cwd=tmp_path)
    assert settings.pass_env == ("TOKEN", "REGION")


@pytest.mark.parametrize(("value", "seconds"), [("90s", 90), ("1m 30s", 90), ("1500", 1.5), (1500, 1.5)])
def test_durations_are_written_as_in_blueprints(tmp_path: Path, value: object, seconds: float) -> None:
    assert read_worker_settings({"grace": value}, {}, cwd=tmp_path).grace_s == seconds


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("processes", "0", "whole number from 1 to 1000"),
        ("threads", True, "whole number"),
        ("lease", "10ms", "at least 250ms"),
        ("lease", "2h", "at most 1h"),
        ("lease", "soon", "not a duration"),
        ("retention", "0", "at least 1s"),
        ("serve_snapshots", "perhaps", "true or false"),
        ("queues", 5, "list of texts"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(
    tmp_path: Path, name: str, value: object, words: str
) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}") as caught:
        read_worker_settings({name: value}, {}, cwd=tmp_path)
    assert words in str(caught.value)
