"""What people and machines see of a run: states with reasons, errors with places, a published document."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import FlowRuntime, NodeRegistry, load_blueprint
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.unit.runtime.play import blueprint, play, runtime

pytestmark = pytest.mark.asyncio


def boom() -> None:
    raise RuntimeError("boom")


async def test_every_state_has_a_reason_in_words() -> None:
    result = await play(
        "A!F -> B; C -> D; C -[x]-> U; A -> G; L:loop(X..X, n < 1); E:each([1, 2]); Y:any; C, D -> Y",
        {"A": boom, "C": boom, "X": lambda: None},
        {"n": 1},
    )
    assert result.status == "failed"
    assert all(node.reason for node in result.nodes.values() if node.state != "pending")
    assert "F stands in" in str(result.nodes["A"].reason)
    assert result.nodes["D"].reason == "C failed"


async def test_an_error_tells_node_code_message_cause_and_line(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text("nodes:\n  - {id: one, uses: noop}\n  - id: two\n    uses: boom\n    needs: [one]\n")
    result = await FlowRuntime(registry=NodeRegistry([boom])).run(load_blueprint(file))
    (error,) = result.errors
    assert (error.node, error.code, error.message) == ("two", "node_failed", "boom")
    assert error.cause["type"] == "RuntimeError"  # type: ignore[index, call-overload]
    assert error.cause["function"] == "boom"  # type: ignore[index, call-overload]
    assert (error.location or {})["line"] == 3


async def test_a_rescued_failure_stays_at_its_node_and_out_of_the_errors() -> None:
    result = await play("A!F -> B", {"A": boom, "F": lambda: 1})
    assert (result.status, result.errors, result.nodes["A"].state) == ("completed", [], "failed")
    assert (result.nodes["A"].error or {})["message"] == "boom"


async def test_a_failed_fallback_leaves_both_errors() -> None:
    result = await play("A!F", {"A": boom, "F": boom})
    assert [error.node for error in result.errors] == ["A", "F"]


async def test_the_document_is_json_and_has_every_published_key() -> None:
    made = blueprint("A -> W:wait; B", metadata={"version": "1.2"})
    document: Any = (await runtime(made, {"B": boom}).run(made, {"n": 1}, run_id="run")).to_json()
    assert json.loads(json.dumps(document)) == document
    wanted = {
        "schema",
        "run_id",
        "blueprint_id",
        "version",
        "status",
        "outputs",
        "context",
        "errors",
        "nodes",
        "waiting",
    }
    assert wanted <= set(document)
    node = {"state", "attempts", "started_at", "finished_at", "duration_ms", "output", "action", "reason"}
    assert all(node <= set(found) for found in document["nodes"].values())
    assert document["waiting"][0].keys() >= {"node", "reason", "since", "until"}
    assert (document["schema"], document["status"], document["version"]) == (1, "waiting", "1.2")


async def test_what_is_shown_can_be_changed_without_changing_the_run() -> None:
    made = blueprint("A -> B")
    process = runtime(made, {"A": lambda: {"list": []}})
    first = await process.run(made, {"k": []}, run_id="run")
    first.outputs["B"]["list"].append(1)  # type: ignore[index, call-overload, union-attr]
    first.nodes["A"].output["list"].append(1)  # type: ignore[index, call-overload, union-attr]
    first.context["k"].append(1)  # type: ignore[union-attr]
    again = await process.show("run")
    assert (again.outputs, again.nodes["A"].output, again.context) == (
        {"B": {"list": []}},
        {"list": []},
        {"k": []},
    )


async def test_the_place_of_a_failure_is_the_last_one_in_the_users_own_code() -> None:
    def parse() -> None:
        json.loads("{")

    result = await play("A", {"A": parse})
    cause = result.errors[0].cause
    assert isinstance(cause, dict)
    assert cause["type"] == "JSONDecodeError"
    assert (cause["file"], cause["function"]) == (os.path.relpath(__file__), "parse")


async def test_a_failure_that_passed_only_libraries_names_no_place() -> None:
    call = {"uses": "python", "params": {"call": "json:loads", "args": ["{"]}}
    result = await play("A", patch={"A": call})
    assert result.errors[0].cause == {"type": "JSONDecodeError"}


async def test_a_failure_in_an_installed_package_names_the_caller(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "their_package.py"
    installed.parent.mkdir()
    installed.write_text("def call():\n    raise ValueError('theirs')\n")
    names: dict[str, Any] = {}
    exec(compile(installed.read_text(), str(installed), "exec"), names)

    def mine() -> None:
        names["call"]()

    cause = (await play("A", {"A": mine})).errors[0].cause
    assert isinstance(cause, dict)
    assert (cause["file"], cause["function"]) == (os.path.relpath(__file__), "mine")


async def test_code_outside_of_the_project_is_named_by_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def mine() -> None:
        raise ValueError("mine")

    cause = (await play("A", {"A": mine})).errors[0].cause
    assert cause == {
        "type": "ValueError",
        "module": __name__,
        "line": mine.__code__.co_firstlineno + 1,
        "function": "mine",
    }


async def test_an_output_that_fails_is_named_and_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text("nodes: [{id: a, uses: noop}]\noutputs:\n  fine: n\n  ratio: 1 / n\n")
    made = load_blueprint(file)
    for store in (MemoryStore(), SqliteStore(tmp_path / "state.db")):
        async with FlowRuntime(store=store) as process:
            (error,) = (await process.run(made, {"n": 0})).errors
        assert (error.node, error.code) == ("$end", "expression_error")
        assert error.message == "output 'ratio': division by zero, in '1 / n'"
        assert error.location == {"file": str(file), "line": 4, "column": 10}


@pytest.mark.parametrize("key", ["condition", "transform"])
async def test_an_error_of_an_edge_names_it_and_its_line(tmp_path: Path, key: str) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(
        "nodes:\n  - {id: a, uses: noop}\n  - {id: b, uses: noop}\n"
        f"edges:\n  - {{source: a, target: b, {key}: 1 / 0}}\n"
    )
    (error,) = (await FlowRuntime().run(load_blueprint(file))).errors
    assert (error.node, error.code) == ("a", "expression_error")
    assert error.message == "edge a -> b: division by zero, in '1 / 0'"
    assert error.location is not None
    assert (error.location["line"], error.location["column"]) == (5, 30 + len(key))
