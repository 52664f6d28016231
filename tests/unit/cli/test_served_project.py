"""Where a worker looks for its project file: beside the blueprints that it serves, like `run`."""

from __future__ import annotations

from pathlib import Path

from flowcraft_cli.working.served_project import common_project
from tests.unit.cli.conftest import write


def project(folder: str) -> Path:
    Path(folder).mkdir()
    write(f"{folder}/flowcraft.toml", "")
    write(f"{folder}/x.yaml", "nodes: []\n")
    return Path(folder)


def test_the_project_of_a_folder_and_of_a_file_in_it_is_found():
    shop = project("shop")
    assert common_project([shop]) == "shop"
    assert common_project([shop / "x.yaml", shop]) == "shop/x.yaml"


def test_blueprints_of_two_projects_leave_it_to_the_current_folder():
    assert common_project([project("shop"), project("bank")]) is None
    assert common_project([]) is None
