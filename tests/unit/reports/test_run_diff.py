"""`diff RUN_A RUN_B`: where two runs first went apart, and what followed from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowcraft_engine import FlowRuntime, NodeRegistry, parse_blueprint
from flowcraft_engine.reports.dossier import read_dossier
from flowcraft_engine.reports.run_diff import RunDiff, run_diff
from tests.unit.reports.ask import boom, dossier_of

pytestmark = pytest.mark.asyncio


async def diff_of(text: str, old: dict[str, Any], new: dict[str, Any], **nodes: Any) -> RunDiff:
    """The difference between two runs of one graph with these inputs."""
    return run_diff(await dossier_of(text, nodes, old), await dossier_of(text, nodes, new))


async def test_runs_that_came_to_the_same_are_not_different_whatever_they_took() -> None:
    diff = await diff_of("A -> B", {"n": 1}, {"n": 1}, A=lambda: 1)
    assert (diff.is_different, diff.first) == (False, None)


async def test_inputs_come_first_then_the_path_with_the_reasons_of_both() -> None:
    diff = await diff_of("A -(n > 1)-> B -> C", {"n": 1}, {"n": 2})
    assert diff.first == "input n"
    node = next(it for it in diff.nodes if it.where == "B")
    assert (node.what, node.old, node.new) == ("state", "skipped", "completed")
    assert node.old_why == "A -> B: `n > 1` does not hold (n = 1)"
    assert node.new_why == "A -> B: `n > 1` holds (n = 2)"


async def test_the_first_output_that_differs_is_named_before_what_follows_from_it() -> None:
    values = iter([{"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}])
    diff = await diff_of("A -> B", {}, {}, A=lambda: next(values), B=lambda input: input)
    assert diff.first == "the output of A"
    assert [(change.path, change.old, change.new) for change in diff.nodes[0].changes] == [("b[1]", 2, 3)]
    assert [change.path for change in diff.outputs] == ["B.b[1]"]


async def test_a_failure_comes_before_what_it_poisons() -> None:
    old = await dossier_of("B -> C; A -> B", {"A": lambda: 1})
    new = await dossier_of("B -> C; A -> B", {"A": boom})
    diff = run_diff(old, new)
    assert diff.first == "the state of A"
    assert [node.where for node in diff.nodes] == ["A", "B", "C"]


async def test_another_version_is_a_difference_of_its_own() -> None:
    old = await dossier_of("A", metadata={"version": "1"})
    new = await dossier_of("A", metadata={"version": "2"})
    diff = run_diff(old, new)
    assert (diff.first, diff.version) == ("the blueprint", ("1", "2"))


async def test_attempts_are_told_and_do_not_count() -> None:
    fails = iter([True, False, False])

    def flaky() -> int:
        if next(fails):
            raise ValueError("no luck")
        return 1

    patch = {"A": {"config": {"max_retries": 2}}}
    old = await dossier_of("A", {"A": flaky}, patch=patch)
    new = await dossier_of("A", {"A": flaky}, patch=patch)
    diff = run_diff(old, new)
    assert (diff.is_different, diff.attempts) == (False, [("A", 2, 1)])


async def test_the_nodes_of_sub_runs_are_compared_too() -> None:
    child = parse_blueprint({"id": "child", "nodes": [{"id": "x", "uses": "next"}]})
    parent = parse_blueprint({"nodes": [{"id": "n", "uses": "subflow", "params": {"blueprint_id": "child"}}]})
    values = iter([1, 2])
    registry = NodeRegistry()
    registry.register(lambda: next(values), "next")
    runtime = FlowRuntime(registry=registry, blueprints=[child])
    await runtime.run(parent, run_id="one")
    await runtime.run(parent, run_id="two")
    diff = run_diff(
        await read_dossier(runtime.store, "one", 2e9), await read_dossier(runtime.store, "two", 2e9)
    )
    assert diff.first == "the output of n › x"


async def test_the_document_is_json() -> None:
    diff = await diff_of("A -(n > 1)-> B", {"n": 1}, {"n": 2})
    document = diff.to_json()
    assert json.loads(json.dumps(document)) == document
    assert (document["schema"], document["kind"], document["different"]) == (1, "runs", True)
