"""What keeps a fleet from executing a node, in words that lead to the cure."""

from __future__ import annotations

from flowcraft_engine.blueprint import load_blueprint
from flowcraft_engine.distributed.placement import missing_for
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.stores.fleet import FleetMember, WorkerManifest


def member(*node_types: str, serves_snapshots: bool = False) -> FleetMember:
    manifest = WorkerManifest(
        "w", "host", 1, 0.0, ("default",), "own", node_types, serves_snapshots=serves_snapshots
    )
    return FleetMember(manifest, 0.0, True, 0)


def missing(tmp_path, worker: FleetMember) -> str | None:
    (tmp_path / "x.yaml").write_text("id: x\nmetadata: {version: '1'}\nnodes: [{id: a, uses: render}]\n")
    plan = compile_plan(load_blueprint(tmp_path / "x.yaml"))
    return missing_for([worker], plan, plan.nodes["a"])


def test_a_version_that_nobody_has_is_named(tmp_path):
    assert missing(tmp_path, member("render")) == "needs x@1; online: 1 worker without x"


def test_a_worker_that_takes_versions_from_runs_lacks_the_node_type_only(tmp_path):
    assert missing(tmp_path, member("noop", serves_snapshots=True)) == (
        "needs the node type 'render'; no worker that is online has it"
    )
    assert missing(tmp_path, member("render", serves_snapshots=True)) is None
