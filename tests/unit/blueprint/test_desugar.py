"""Shorthands and Flowcraft's spelling become the canonical form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine.blueprint import Blueprint, BlueprintError, load_blueprint, parse_blueprint

CORPUS = Path(__file__).parents[2] / "corpus" / "blueprints"


def _edges(blueprint: Blueprint) -> list[tuple[str, str, str | None]]:
    return [(edge.source, edge.target, edge.action) for edge in blueprint.edges]


def _nodes(*names: str) -> list[Any]:
    return [{"id": name, "uses": "noop"} for name in names]


def _codes(data: dict[str, Any]) -> list[str]:
    with pytest.raises(BlueprintError) as caught:
        parse_blueprint(data)
    return [finding.code for finding in caught.value.findings]


def test_needs_arrows_chains_and_mappings_are_the_same_graph_as_full_edges() -> None:
    full = parse_blueprint(
        {
            "nodes": _nodes("a", "b", "c"),
            "edges": [{"source": "a", "target": "b"}, {"source": "b", "target": "c"}],
        }
    )
    chain = parse_blueprint({"nodes": _nodes("a", "b", "c"), "edges": ["a -> b -> c", "a->b"]})
    mapping = parse_blueprint(
        {
            "nodes": {"a": {"uses": "noop"}, "b": {"uses": "noop"}, "c": {"uses": "noop"}},
            "edges": {"one": "a -> b", "two": {"source": "b", "target": "c"}},
        }
    )
    needs = parse_blueprint(
        {
            "nodes": [*_nodes("a"), {"id": "b", "uses": "noop", "needs": "a"}, *_nodes("c")],
            "edges": ["b -> c"],
        }
    )
    assert chain.canonical() == mapping.canonical() == full.canonical()
    assert sorted(_edges(needs)) == sorted(_edges(full))


def test_an_edge_given_twice_is_one_edge_but_another_action_is_another_edge() -> None:
    blueprint = parse_blueprint(
        {
            "nodes": [*_nodes("a"), {"id": "b", "uses": "noop", "needs": ["a", "a"]}],
            "edges": ["a -> b", {"source": "a", "target": "b", "action": "ok"}],
        }
    )
    assert _edges(blueprint) == [("a", "b", None), ("a", "b", "ok")]


def test_the_loop_key_writes_the_edges_of_the_body() -> None:
    loop = {"start": "x", "end": "y", "condition": "n < 3"}
    blueprint = parse_blueprint(
        {"nodes": [*_nodes("x"), {"id": "y", "uses": "noop", "needs": "x"}, {"id": "L", "loop": loop}]}
    )
    assert blueprint.nodes[2].uses == "loop-controller"
    assert blueprint.nodes[2].loop is not None
    assert blueprint.nodes[2].loop.max_iterations == 10_000
    assert _edges(blueprint) == [("x", "y", None), ("y", "L", None), ("L", "x", "continue")]


def test_an_explicit_controller_is_the_same_as_the_loop_key() -> None:
    body = [*_nodes("x"), {"id": "y", "uses": "noop"}]
    params = {"condition": "n < 3", "maxIterations": 5}
    explicit = parse_blueprint(
        {
            "nodes": [*body, {"id": "L", "uses": "loop-controller", "params": params}],
            "edges": ["x -> y", "y -> L", {"source": "L", "target": "x", "action": "continue"}],
        }
    )
    loop = {"start": "x", "end": "y", "condition": "n < 3", "max_iterations": 5}
    sugar = parse_blueprint({"nodes": [*body, {"id": "L", "loop": loop}], "edges": ["x -> y"]})
    assert explicit.canonical() == sugar.canonical()


def test_a_scatter_becomes_a_batch_of_its_worker() -> None:
    blueprint = load_blueprint(CORPUS / "valid" / "flowcraft.json")
    scatter = blueprint.nodes[1]
    assert (scatter.uses, scatter.inputs, scatter.params) == ("fn_batch_worker_2", None, {})
    assert scatter.for_each is not None
    assert (scatter.for_each.source, scatter.for_each.concurrency) == ("start", 5)
    gather = blueprint.nodes[2]
    assert gather.params == {"output_key": "doubled", "gather_node_id": "double_gather"}


@pytest.mark.parametrize(("own", "key"), [({}, "rows"), ({"output_key": "mine"}, "mine")])
def test_the_output_key_of_a_scatter_is_one_of_its_gather(own: dict[str, Any], key: str) -> None:
    params = {"worker_uses_key": "noop", "gather_node_id": "g", "output_key": "rows"}
    scatter = {"id": "s", "uses": "batch-scatter", "params": params}
    made = parse_blueprint(
        {"nodes": [scatter, {"id": "g", "uses": "batch-gather", "params": own}], "edges": ["s -> g"]}
    )
    assert made.nodes[1].params["output_key"] == key
    scatter["params"] = {**params, "output_key": 3}
    with pytest.raises(BlueprintError, match="output_key of scatter 's' must be text, not the number 3"):
        parse_blueprint({"nodes": [scatter, {"id": "g", "uses": "batch-gather"}], "edges": ["s -> g"]})


def test_a_scatter_without_inputs_takes_what_leads_to_it() -> None:
    def source(*edges: Any) -> Any:
        params = {"workerUsesKey": "noop", "gatherNodeId": "g"}
        nodes = [
            *_nodes("a", "b"),
            {"id": "s", "uses": "batch-scatter", "params": params},
            {"id": "g", "uses": "batch-gather"},
        ]
        batch = parse_blueprint({"nodes": nodes, "edges": [*edges, "s -> g"]}).nodes[2].for_each
        assert batch is not None
        return batch.source

    assert source("a -> s") == "a"
    assert source({"source": "a", "target": "s", "transform": "input.rows"}) == "${{ input }}"
    assert source("a -> s", "b -> s") == "${{ input }}"
    assert source() == "${{ input }}"


def test_flowcrafts_default_transforms_on_loop_edges_are_dropped() -> None:
    blueprint = load_blueprint(CORPUS / "valid" / "flowcraft.json")
    assert all(edge.transform is None for edge in blueprint.edges)


def test_camel_case_is_read_in_our_keys_and_left_alone_in_users_params() -> None:
    blueprint = parse_blueprint(
        {
            "metadata": {"failFast": True},
            "nodes": [
                {
                    "id": "a",
                    "uses": "mine",
                    "params": {"maxRetries": 1, "blueprintId": "x"},
                    "forEach": [1],
                    "onItemError": "collect",
                    "config": {"joinStrategy": "all_done", "maxRetries": 2, "retryDelay": "1s"},
                },
                {"id": "b", "uses": "subflow", "params": {"blueprintId": "x"}},
            ],
        }
    )
    assert blueprint.metadata.fail_fast
    first, second = blueprint.nodes
    assert first.params == {"maxRetries": 1, "blueprintId": "x"}
    assert first.config.retry_delay == 1_000
    assert first.for_each is not None
    assert first.for_each.on_item_error == "collect"
    assert second.params == {"blueprint_id": "x"}


def test_a_type_error_in_one_node_does_not_hide_a_cycle_elsewhere() -> None:
    nodes = [{"id": "bad", "uses": 7, "params": [], "config": {"timeout": []}}, *_nodes("a", "b")]
    assert _codes({"nodes": nodes, "edges": ["a -> b", "b -> a"]}) == [
        "wrong_type",
        "wrong_type",
        "wrong_type",
        "cycle",
    ]


def test_keys_without_a_value_are_keys_that_are_not_there() -> None:
    blueprint = parse_blueprint(
        {"nodes": [{"id": "a", "uses": "noop", "params": None, "config": None, "needs": None}], "edges": None}
    )
    assert blueprint.canonical() == {"id": "blueprint", "nodes": [{"id": "a", "uses": "noop"}]}


def test_the_data_of_the_caller_is_neither_changed_nor_shared() -> None:
    data = {"nodes": [{"id": "a", "uses": "noop", "params": {"x": [1]}}]}
    blueprint = parse_blueprint(data)
    blueprint.nodes[0].params["x"].append(2)
    assert data == {"nodes": [{"id": "a", "uses": "noop", "params": {"x": [1]}}]}
