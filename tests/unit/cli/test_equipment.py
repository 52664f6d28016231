"""What a worker finds on its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_cli.working.equipment import equip
from flowcraft_cli.working.order import WorkOrder
from flowcraft_engine.assembly.nodes import shell_environment
from flowcraft_engine.errors import NotFoundError, UsageError
from flowcraft_engine.settings import read_settings
from flowcraft_engine.settings.worker import WorkerSettings

VERSIONED = "id: x\nmetadata: {{version: '{}'}}\nnodes: [{{id: a, uses: {}}}]\n"


def order(folder: Path, *paths: Path) -> WorkOrder:
    return WorkOrder(read_settings({}, {}, cwd=folder), WorkerSettings(), paths)


def test_two_versions_of_one_blueprint_are_both_served(tmp_path):
    for version in ("1", "2"):
        (tmp_path / f"x{version}.yaml").write_text(VERSIONED.format(version, "noop"))
    found = equip(order(tmp_path, tmp_path))
    assert [it.version for it in found.blueprints] == ["1", "2"]
    assert found.broken == {}


def test_one_version_with_two_contents_is_refused(tmp_path):
    for name, uses in (("a", "noop"), ("b", "log")):
        (tmp_path / f"{name}.yaml").write_text(VERSIONED.format("1", uses))
    with pytest.raises(UsageError, match="differ"):
        equip(order(tmp_path, tmp_path))


def test_types_that_other_workers_must_have_are_named(tmp_path):
    (tmp_path / "x.yaml").write_text(VERSIONED.format("1", "render-on-gpu"))
    assert equip(order(tmp_path, tmp_path / "x.yaml")).missing == ("render-on-gpu",)


def test_a_bad_file_is_set_apart(tmp_path):
    (tmp_path / "bad.yaml").write_text("nodes: [{id: a, uses: noop, nedes: [b]}]\n")
    found = equip(order(tmp_path, tmp_path))
    assert list(found.broken) == [str(tmp_path / "bad.yaml")]
    assert found.blueprints == ()


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NotFoundError):
        equip(order(tmp_path, tmp_path / "nowhere"))


def test_shell_nodes_get_what_programs_need_and_what_is_named():
    environment = {"PATH": "/bin", "TZ": "UTC", "WANTED": "1", "SECRET": "2"}
    found = shell_environment(WorkerSettings(pass_env=("WANTED", "ABSENT")), environment)
    assert found == {"PATH": "/bin", "TZ": "UTC", "WANTED": "1"}


def test_test_cases_and_printed_documents_beside_blueprints_are_no_blueprints(tmp_path):
    (tmp_path / "x.yaml").write_text(VERSIONED.format("1", "noop"))
    (tmp_path / "case.yaml").write_text(
        "# A recorded run.\n\nschema: 1\nblueprint: x.yaml\nnodes: {a: {output: 1}}\n"
    )
    (tmp_path / "run.json").write_text('{\n  "schema": 1,\n  "nodes": {}\n}\n')
    found = equip(order(tmp_path, tmp_path))
    assert [it.id for it in found.blueprints] == ["x"]
    assert found.broken == {}
