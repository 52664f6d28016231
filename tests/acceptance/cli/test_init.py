from __future__ import annotations

import subprocess
import sys


def test_a_new_project_runs_and_its_test_passes(flowcraft):
    assert flowcraft("init", "shop").code == 0
    project = type(flowcraft)(flowcraft.folder / "shop")
    assert project("validate", "blueprint.yaml", "--strict").code == 0
    assert project("run", "blueprint.yaml", "-i", "quantity=100").json == {"amount": 1800.0}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten_unless_forced(flowcraft):
    flowcraft.write("blueprint.yaml", "mine\n")
    done = flowcraft("init")
    assert done.code == 7
    assert "blueprint.yaml" in done.err
    assert [path.name for path in flowcraft.folder.iterdir()] == ["blueprint.yaml"]
    assert flowcraft("init", "--force").code == 0
    assert (flowcraft.folder / "blueprint.yaml").read_text() != "mine\n"
