"""Whatever a run was: recorded, written, read and played again, it comes to the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from flowcraft_engine import ConflictError, UsageError
from flowcraft_engine.reports.dossier import Dossier, read_dossier
from flowcraft_engine.stores.memory_store import MemoryStore
from flowcraft_engine.testing.case import Case
from flowcraft_engine.testing.case_file import case_text, read_case
from flowcraft_engine.testing.case_making import make_case
from flowcraft_engine.testing.replay import Blueprints, mismatches, replay
from tests.acceptance.real_run import RUN, InProcessSession
from tests.reference import real
from tests.reference.case import Case as ReferenceCase
from tests.reference.generator import exact_cases
from tests.unit.reports.ask import boom, dossier_of
from tests.unit.runtime.play import blueprint, runtime

RELAXED = settings(
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=150,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)


@given(case=exact_cases())
@RELAXED
def test_any_run_comes_to_the_same_again(case: ReferenceCase, tmp_path: Path) -> None:
    asyncio.run(_record_and_replay(case, tmp_path))


async def _record_and_replay(case: ReferenceCase, folder: Path) -> None:
    session = InProcessSession(MemoryStore, 32)
    await real.run_real(case, session)
    run = await read_dossier(session.store, RUN, 2e9)
    if run.result.status == "cancelled":
        with pytest.raises(ConflictError):
            await make_case(session.store, run, folder)
        return
    made = await make_case(session.store, run, folder)
    assert made.doubts == []
    file = folder / "case.yaml"
    file.write_text(case_text(made.case))
    read = read_case(file)
    assert read.to_data() == json.loads(json.dumps(made.case.to_data()))
    children = [plan.blueprint for plan in await _plans(session, run)]
    assert mismatches(read.expect, await replay(read, Blueprints(run.plan.blueprint, tuple(children)))) == []


async def _plans(session: InProcessSession, run: Dossier) -> list:  # type: ignore[type-arg]
    digests = [digest for name, digest in run.state.pins.items() if name != run.result.blueprint_id]
    return [await session.store.plan(digest) for digest in digests]


async def _case_of(text: str, *, nodes: dict | None = None, **extra: object) -> tuple[Case, Dossier]:  # type: ignore[type-arg]
    from flowcraft_engine.testing.recording import record_of

    run = await dossier_of(text, nodes, **extra)  # type: ignore[arg-type]
    return Case(run.plan.blueprint.canonical(), dict(run.state.inputs), record_of(run)), run


@pytest.mark.asyncio
async def test_nodes_that_touch_nothing_outside_are_played_for_real() -> None:
    case, _ = await _case_of("S:wait; A -> B", nodes={"A": lambda: 1, "B": boom})
    assert list(case.record.nodes) == ["A", "B"]


@pytest.mark.asyncio
async def test_sub_runs_of_a_batch_come_to_the_same_although_one_was_tried_again(tmp_path: Path) -> None:
    def fails_at_2(input: int) -> int:
        if input == 2:
            raise ValueError("two")
        return input

    child = blueprint("X", id="child")
    patch = {"N": {"for_each": [1, 2], "on_item_error": "collect"}}
    made = blueprint("N*2:sub(child)", patch)
    flow = runtime(made, {"X": fails_at_2}, blueprints=[child])
    await flow.run(made, run_id="run")
    run = await read_dossier(flow.store, "run", 2e9)
    assert run.result.nodes["N[1]"].attempts == 2
    assert (await make_case(flow.store, run, tmp_path)).doubts == []


@pytest.mark.asyncio
async def test_a_run_that_ran_out_of_time_comes_to_the_same(tmp_path: Path) -> None:
    calls: list[int] = []

    async def slow() -> None:
        await asyncio.sleep(60)

    async def flaky() -> None:
        calls.append(1)
        if len(calls) > 1:
            await asyncio.sleep(60)
        raise ValueError("first")

    patch = {
        "F": {"config": {"max_retries": 3}},
        "E": {"for_each": [1, 2, 3], "concurrency": 2},
        "C": {"config": {"join_strategy": "all_done"}},
    }
    made = blueprint("A -> S -> C; A -> F; A -> B; A -> W:wait; E", patch, metadata={"timeout": "200ms"})
    flow = runtime(made, {"S": slow, "F": flaky, "E": slow})
    assert (await flow.run(made, run_id="run")).errors[0].code == "run_timeout"
    run = await read_dossier(flow.store, "run", 2e9)
    case = await make_case(flow.store, run, tmp_path)
    assert case.doubts == []
    assert case.case.expect.outputs == {"B": None}
    assert [attempt.waits for attempt in case.case.record.nodes["F"]] == [None, ""]
    assert "C" not in case.case.record.nodes, "it had not begun"
    file = tmp_path / "case.yaml"
    file.write_text(case_text(case.case))
    assert read_case(file).to_data() == json.loads(json.dumps(case.case.to_data()))


@pytest.mark.asyncio
async def test_a_sub_run_that_ran_out_of_time_comes_to_the_same(tmp_path: Path) -> None:
    async def slow() -> None:
        await asyncio.sleep(60)

    child = blueprint("X -> Y", id="child", metadata={"timeout": "50ms"})
    made = blueprint("N:sub(child) -> E")
    flow = runtime(made, {"X": slow}, blueprints=[child])
    await flow.run(made, run_id="run")
    run = await read_dossier(flow.store, "run", 2e9)
    assert run.result.errors[0].code == "subflow_failed"
    assert (await make_case(flow.store, run, tmp_path)).doubts == []


@pytest.mark.asyncio
async def test_a_node_that_did_not_run_before_says_so() -> None:
    case, run = await _case_of("A -(n > 1)-> B; A -(n < 2)-> C", inputs={"n": 1})
    case.inputs["n"] = 5
    again = await replay(case, Blueprints(run.plan.blueprint))
    assert [error.message for error in again.result.errors] == [
        "nothing is recorded for B, which did not run before"
    ]


@pytest.mark.asyncio
async def test_values_that_yaml_could_misread_come_back_as_they_were(tmp_path: Path) -> None:
    hostile = {
        "words": [
            "yes",
            "no",
            "null",
            "~",
            "1.0",
            "0o7",
            "0x1F",
            "1_000",
            "2026-01-31",
            "=",
            "<<",
            "a: b",
            "# x",
        ],
        "texts": ["", " ", "two\nlines\n", "tab\t", "\x07", "\u2028", "ü 🎉", "a" * 300, "- x", "'\"", "\\n"],
        "numbers": [0, -1, 1e300, 0.1, 12345678901234567890],
        "nested": {"": {}, "b": [[], [[]]], "~": None, "1": True},
    }
    case, _ = await _case_of("A", nodes={"A": lambda: hostile})
    file = tmp_path / "case.yaml"
    file.write_text(case_text(case), encoding="utf-8")
    assert read_case(file).record.nodes["A"][0].output == hostile


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "case.yaml:1:1: the case is empty"),
        ("# nothing yet\n", "case.yaml:1:1: the case is empty"),
        ("\n[]", "case.yaml:2:1: a case must be a mapping, not a list"),
        ("3", "case.yaml: a case must be a mapping, not the number 3"),
        ("blueprint: x.yaml\nexpct: {}", "case.yaml:2:1: a case has no key 'expct'"),
        ("{blueprint: 3}", "blueprint must be the path of a file"),
        ("{schema: 2, blueprint: x.yaml}", "schema 2 is not known"),
        ("{blueprint: x.yaml, nodes: {a: {outptu: 1}}}", "nodes.a has no key 'outptu'"),
        ("{blueprint: x.yaml, nodes: {a: []}}", "nodes.a has no attempts"),
        ("{blueprint: x.yaml, nodes: {a: {context: [[put, k, 1]]}}}", "nodes.a.context has"),
        ("{blueprint: x.yaml, nodes: {a: {context: 5}}}", "nodes.a.context is a list, not the number 5"),
        ("{blueprint: x.yaml, expect: {path: a}}", "expect.path is a list of nodes"),
    ],
)
def test_a_wrong_case_is_told_in_a_sentence(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_case(file)
