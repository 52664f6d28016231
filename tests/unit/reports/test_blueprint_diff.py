"""`diff a.yaml b.yaml`: what two blueprints mean differently, and nothing else."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import Blueprint, load_blueprint, parse_blueprint
from flowcraft_engine.blueprint import check_blueprint_file
from flowcraft_engine.reports.blueprint_diff import PartDiff, blueprint_diff

CORPUS = Path(__file__).parents[2] / "corpus" / "blueprints" / "valid"
BASE: dict[str, Any] = {
    "id": "base",
    "metadata": {"version": "1.0"},
    "inputs": {"n": {"type": "integer", "default": 1}},
    "nodes": [
        {"id": "a", "uses": "shell", "params": {"run": "echo 1\necho 2"}},
        {"id": "b", "uses": "noop", "config": {"max_retries": 2, "timeout": "5s"}},
        {"id": "c", "uses": "noop"},
    ],
    "edges": [
        {"source": "a", "target": "b", "condition": "n > 0"},
        {"source": "b", "target": "c"},
    ],
}


def changed(**keys: Any) -> Blueprint:
    return parse_blueprint({**BASE, **keys})


def told(parts: list[PartDiff]) -> list[str]:
    lines = []
    for part in parts:
        lines.append(f"{part.kind} {part.part}")
        lines.extend(f"  {change.path}: {change.old!r} -> {change.new!r}" for change in part.changes)
    return lines


def against_base(**keys: Any) -> list[str]:
    return told(blueprint_diff(parse_blueprint(BASE), changed(**keys)))


@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_a_blueprint_in_its_canonical_form_is_the_same(file: Path) -> None:
    blueprint, _ = check_blueprint_file(file)
    assert blueprint is not None
    canonical = json.loads(json.dumps(blueprint.canonical()))
    assert blueprint_diff(blueprint, Blueprint.model_validate(canonical)) == []


def test_layout_shorthands_and_written_out_defaults_are_no_difference(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "id: x\nnodes:\n  - {id: a, uses: noop}\n  - {id: b, uses: noop, needs: [a]}\n"
    )
    (tmp_path / "two.yaml").write_text(
        "# the same\nid: 'x'\nnodes:\n  a:\n    uses: noop\n    config: {max_retries: 1, join_strategy: all}\n"
        "  b:\n    uses: noop\nedges:\n  - a -> b\n"
    )
    assert blueprint_diff(load_blueprint(tmp_path / "one.yaml"), load_blueprint(tmp_path / "two.yaml")) == []


def test_nodes_limits_and_commands() -> None:
    nodes = [
        {"id": "a", "uses": "shell", "params": {"run": "echo 1\necho 3"}},
        {"id": "b", "uses": "noop", "config": {"max_retries": 3, "timeout": "5s"}},
        {"id": "d", "uses": "noop"},
    ]
    edges = [BASE["edges"][0], {"source": "b", "target": "d"}]
    assert against_base(nodes=nodes, edges=edges) == [
        "changed node a",
        "  params.run: 'echo 1\\necho 2' -> 'echo 1\\necho 3'",
        "changed node b",
        "  config.max_retries: 2 -> 3",
        "removed node c",
        "added node d",
        "removed edge b -> c",
        "added edge b -> d",
    ]


def test_an_edge_between_the_same_nodes_has_changed() -> None:
    edges = [{"source": "a", "target": "b", "condition": "n > 1", "action": "ok"}, BASE["edges"][1]]
    assert against_base(edges=edges) == [
        "changed edge a -> b",
        "  condition: 'n > 0' -> 'n > 1'",
        "  action: absent -> 'ok'",
    ]


def test_version_inputs_and_outputs() -> None:
    assert against_base(
        metadata={"version": "1.1"},
        inputs={"n": {"type": "number", "default": 1}, "m": {}},
        outputs={"x": "c"},
    ) == [
        "changed metadata",
        "  version: '1.0' -> '1.1'",
        "changed input n",
        "  type: 'integer' -> 'number'",
        "added input m",
        "changed outputs",
        "  x: absent -> 'c'",
    ]


def test_another_order_is_told_because_it_can_decide() -> None:
    assert against_base(nodes=list(reversed(BASE["nodes"]))) == ["changed order of nodes and edges"]


def test_true_is_not_one() -> None:
    one = parse_blueprint({"nodes": [{"id": "a", "uses": "x", "params": {"v": 1}}]})
    other = parse_blueprint({"nodes": [{"id": "a", "uses": "x", "params": {"v": True}}]})
    assert len(blueprint_diff(one, other)) == 1


def test_many_edges_of_which_none_is_the_same_are_compared_in_time() -> None:
    def chain(prefix: str) -> Blueprint:
        names = [f"{prefix}{number}" for number in range(3_000)]
        nodes = [{"id": name, "uses": "noop"} for name in names]
        return parse_blueprint({"id": "x", "nodes": nodes, "edges": list(map(" -> ".join, pairwise(names)))})

    old, new = chain("a"), chain("b")
    began = time.process_time()
    parts = blueprint_diff(old, new)
    assert [part.part for part in parts if part.kind == "added"][-1] == "edge b2998 -> b2999"
    assert len(parts) == 2 * (3_000 + 2_999)
    assert time.process_time() - began < 1.5
