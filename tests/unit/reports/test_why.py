"""`why`: the answer for each state, from what was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import FlowRuntime, NodeResult, NotFoundError, parse_blueprint
from flowcraft_engine.history.run_result import RunResult, WaitingNode
from flowcraft_engine.reports.dossier import Dossier, read_dossier
from flowcraft_engine.reports.why import why
from tests.unit.reports.ask import boom, dossier_of, dossier_of_file
from tests.unit.runtime.play import blueprint, runtime

pytestmark = pytest.mark.asyncio


def told(dossier: Dossier, node: str) -> str:
    """Sentence and grounds, as lines."""
    answer = why(dossier, node)
    lines = [answer.summary]

    def add(grounds: Any, depth: int) -> None:
        for ground in grounds:
            lines.append("  " * depth + ground.text)
            add(ground.behind, depth + 1)

    add(answer.grounds, 1)
    return "\n".join(lines)


async def test_it_ran_because_a_condition_held_with_the_values_that_it_read() -> None:
    run = await dossier_of(
        "A -(count > 0 and result.output.ok)-> B", {"A": lambda: {"ok": True}}, {"count": 3}
    )
    assert "ran because the edge A -> B was taken" in told(run, "B")
    assert "`count > 0 and result.output.ok` holds (count = 3, result.output.ok = true)" in told(run, "B")


async def test_it_was_skipped_because_a_condition_did_not_hold_and_so_was_what_follows() -> None:
    run = await dossier_of("A -(count > 5)-> B -> C -> D", inputs={"count": 3})
    assert "`count > 5` does not hold (count = 3)" in told(run, "B")
    text = told(run, "D")
    assert text.splitlines()[1:3] == ["  C was skipped", "    B was skipped"]
    assert text.endswith("A -> B: `count > 5` does not hold (count = 3)")


async def test_large_values_are_told_by_their_size() -> None:
    run = await dossier_of("A -(len(rows) > 1 and name)-> B", inputs={"rows": [1] * 5000, "name": "x" * 500})
    assert "(rows is a list of 5000, name is a text of 500 characters)" in told(run, "B")


async def test_environment_variables_and_secrets_are_never_among_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY", "canary-in-a-mine")
    made = blueprint("A -(count > 0)-> B")
    process = runtime(made)
    plan = process.plan_of(made)
    program = plan.evaluator.compile("env.CANARY == context.count and env.CANARY[0] == 'c'")
    from flowcraft_engine.expressions import Scope

    observed = program.observe(Scope(env={"CANARY": "canary-in-a-mine"}, context={"count": 3}))
    assert observed.values == {"count": 3} and observed.large == {}
    program = plan.evaluator.compile('secret("CANARY") == context.count or len(secret("CANARY")) > count')
    observed = program.observe(Scope(secrets={"CANARY": "canary" * 99}, context={"count": 3}))
    assert observed.values == {"count": 3} and observed.large == {}


async def test_an_action_that_asks_for_another_edge() -> None:
    run = await dossier_of("A -[x]-> B; A -[y]-> C; A -> D", {"A": lambda: NodeResult(1, "y")})
    assert "A -[x]-> B: needs action 'x', and A ended with action 'y'" in told(run, "B")
    assert "A -[y]-> C: A ended with action 'y'" in told(run, "C")
    assert "an edge for action 'y' was taken instead" in told(run, "D")


async def test_poison_names_its_origin_with_its_error_and_who_handed_it_on() -> None:
    run = await dossier_of("A -> B -> C", {"A": boom})
    assert told(run, "C").splitlines()[0] == "poisoned by A"
    assert "A failed: boom [node_failed], RuntimeError at tests/unit/reports/ask.py" in told(run, "C")
    assert "B, which it needs, is poisoned" in told(run, "C")


async def test_a_failure_tells_each_attempt_and_the_line_of_the_node() -> None:
    patch = {"A": {"config": {"max_retries": 2}}}
    run = await dossier_of("A", {"A": boom}, patch=patch)
    text = told(run, "A")
    assert text.startswith("failed: boom [node_failed]")
    assert "attempt 1 of 2: boom" in text and "attempt 2 of 2: boom" in text
    assert "in boom" in text and "flowcraft_engine" not in text


async def test_a_rescued_node_says_by_whom() -> None:
    run = await dossier_of("A!F -> B", {"A": boom})
    assert told(run, "A").startswith("failed, and was rescued by F: boom")
    assert "stands in for A, which failed: boom" in told(run, "F")
    assert "A -> B: A has completed, where F stood in" in told(run, "B")
    unneeded = await dossier_of("A!F -> B")
    assert told(unneeded, "F").startswith("skipped: A did not need its fallback")


async def test_the_fallback_of_a_poisoned_node_does_not_say_that_it_was_not_needed() -> None:
    run = await dossier_of("A -> B!F", {"A": boom})
    assert told(run, "F").startswith("skipped: B did not fail itself, which is what a fallback is for")
    assert "B is poisoned" in told(run, "F")


async def test_attempts_are_counted_for_items_and_not_for_their_whole() -> None:
    run = await dossier_of("E*2:each([1])", {"E": boom})
    assert "attempt 1 of 2: boom" in told(run, "E[0]")
    assert "attempt 1 of 1: item 0 failed: boom" in told(run, "E")


async def test_an_item_has_a_reason_of_its_own() -> None:
    run = await dossier_of("E:each([1, 2])")
    assert run.result.nodes["E[1]"].reason == "item 1 of the list"


async def test_a_wait_says_since_when_and_how_to_answer() -> None:
    run = await dossier_of("A -> W:wait -> B", patch={"W": {"params": {"message": "go on?"}}})
    answer = why(run, "W")
    assert answer.summary.startswith("waits for a person since 2")
    assert answer.grounds[0].text == "go on?"
    assert answer.next == ["resume run --node W [--output JSON]"]
    pending = told(run, "B")
    assert pending.startswith("pending: it waits for all of its predecessors; missing: W")
    assert "W waits" in pending


async def test_a_retry_says_which_attempt_is_due_when() -> None:
    made = blueprint("A", {"A": {"config": {"max_retries": 5, "retry_delay": "1h"}}})
    process = runtime(made, {"A": boom})
    result = await process.run(made, run_id="run", timeout_s=0.2)
    run = await read_dossier(process.store, "run", result.created_at)
    assert "retrying: attempt 2 of 5 is due 2" in told(run, "A")
    assert "(in 1h 00m)" in told(run, "A")
    assert "attempt 1 of 5: boom" in told(run, "A")


async def test_a_cancelled_node_says_what_ended_it() -> None:
    made = blueprint("A -> W:wait -> B")
    process = runtime(made)
    await process.run(made, run_id="run")
    await process.cancel("run", "not today")
    run = await read_dossier(process.store, "run", 2e9)
    assert "cancelled: the run was cancelled: not today" in told(run, "W")
    assert "cancelled: the run was cancelled: not today" in told(run, "B")
    fast = await dossier_of("A; B -> C -> W:wait", {"A": boom}, metadata={"fail_fast": True})
    assert "says fail_fast" in told(fast, "W") and "A failed: boom" in told(fast, "W")


async def test_loops_say_why_each_pass_began_and_why_they_ended() -> None:
    run = await dossier_of("L:loop(X..X, n < 2) -> Z; L -[break]-> Y", {"X": _count}, {"n": 0})
    assert "pass 2 of the loop began, for `n < 2` holds (n = 1)" in told(run, "X")
    assert "pass 1 of the loop began, for `n < 2` holds (n = 0)" in told(run, "X#1")
    assert "the loop ended after 2 passes: `n < 2` does not hold (n = 2)" in told(run, "L")
    for after in "YZ":
        assert "the loop ended, for `n < 2` does not hold (n = 2)" in told(run, after)
    assert why(run, "X").others == ["X#1"]


async def test_items_tell_of_their_batch() -> None:
    run = await dossier_of("E:each([1, 2, 3])", {"E": _fails_at_2}, patch={"E": {"concurrency": 1}})
    assert "item 0 of the list of E" in told(run, "E[0]")
    assert told(run, "E[1]").startswith("failed: no 2")
    assert told(run, "E[2]").startswith("cancelled: the batch E ended before this item began")


async def test_a_subflow_that_waits_says_who_waits_below() -> None:
    child = parse_blueprint({"id": "child", "nodes": [{"id": "ask", "uses": "wait"}]})
    made = blueprint("N:sub(child)")
    process = FlowRuntime(blueprints=[child])
    await process.run(made, run_id="run")
    run = await read_dossier(process.store, "run", 2e9)
    assert "waits for its sub-run run:N" in told(run, "N")
    assert "ask waits for a person" in told(run, "N")
    assert why(run, "N").next == ["resume run:N --node ask [--output JSON]"]


async def test_how_to_answer_names_the_actions_that_edges_know() -> None:
    run = await dossier_of("W:wait -[approve]-> A; W -[reject]-> B; W -> C")
    assert why(run, "W").next == ["resume run --node W [--action approve|reject] [--output JSON]"]


async def test_a_node_that_no_worker_fits_is_blocked_and_says_what_it_needs() -> None:
    made = blueprint("A -> B")
    process = runtime(made)
    await process.start(made, run_id="run")
    needs = "needs payments@1.2.0; online: payments@2.0.0 ×3"

    async def show(run_id: str) -> RunResult:
        waiting = [WaitingNode("A", "worker", None, message=needs)]
        return replace(await process.show(run_id), status="blocked", waiting=waiting)

    dossier = await read_dossier(process.store, "run", 2e9, show=show)
    assert told(dossier, "A").splitlines()[0] == f"blocked: {needs}"
    assert why(dossier, "A").next == ["worker PATH", "worker --serve-snapshots", "cancel run"]
    assert told(await read_dossier(process.store, "run", 2e9), "A").startswith("ready: it may run")


async def test_a_node_of_a_sub_run_is_told_where_it_is() -> None:
    child = parse_blueprint({"id": "child", "nodes": [{"id": "ask", "uses": "wait"}]})
    process = FlowRuntime(blueprints=[child])
    await process.run(blueprint("N:sub(child)"), run_id="run")
    with pytest.raises(NotFoundError) as raised:
        why(await read_dossier(process.store, "run", 2e9), "ask")
    assert raised.value.hint == "it is a node of the sub-run run:N"


async def test_the_places_are_those_of_the_blueprint_file(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(
        "nodes:\n  - {id: a, uses: noop}\n  - {id: b, uses: noop}\n  - {id: c, uses: noop, needs: [b]}\n"
        "edges:\n  - source: a\n    target: b\n    condition: 1 > 2\n"
    )
    run = await dossier_of_file(str(file))
    skipped = why(run, "b")
    assert skipped.location is not None and skipped.location.line == 3
    assert skipped.grounds[0].location is not None and skipped.grounds[0].location.line == 8
    document = why(run, "c").to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["because"][0]["location"]["line"] == 4
    assert document["because"][0]["because"][0]["location"]["line"] == 8


async def test_attempts_of_a_run_that_was_tried_again_name_their_generation() -> None:
    made = blueprint("A")
    process = runtime(made, {"A": boom})
    await process.run(made, run_id="run")
    await process.retry("run")
    dossier = await read_dossier(process.store, "run", 2e9)
    attempts = [ground.text for ground in why(dossier, "A").grounds if ground.kind == "attempt_failed"]
    assert [text.partition(": ")[0] for text in attempts] == [
        "attempt 1 of 1 (generation 1)",
        "attempt 1 of 1 (generation 2)",
    ]


async def test_an_unknown_node_is_an_error_with_the_nearest_name() -> None:
    run = await dossier_of("alpha -> beta")
    with pytest.raises(NotFoundError) as raised:
        why(run, "alhpa")
    assert raised.value.hint == "did you mean alpha?"
    with pytest.raises(NotFoundError):
        why(run, "alpha#7")


async def _count(ctx: Any) -> None:
    await ctx.context.set("n", await ctx.context.get("n") + 1)


def _fails_at_2(input: int) -> int:
    if input == 2:
        raise ValueError("no 2")
    return input


async def test_an_iteration_that_a_rerun_has_removed_is_told_as_removed() -> None:
    made = blueprint("P -> L:loop(A..A, (A.n or 0) < 3)")
    passes: list[int] = []

    def again() -> dict[str, int]:
        passes.append(1)
        return {"n": len(passes)}

    process = runtime(made, {"A": again, "P": lambda: boom() if passes else None})
    assert (await process.run(made, run_id="run")).status == "completed"
    await process.rerun("run", "P")
    run = await read_dossier(process.store, "run", 2e9)
    with pytest.raises(NotFoundError, match="the rerun from P that began generation 2 removed it"):
        why(run, "A#2")
    with pytest.raises(NotFoundError, match="has no instance 'A#9'\n"):
        why(run, "A#9")


async def test_a_failed_check_tells_the_values_that_it_read() -> None:
    patch = {"A": {"uses": "check", "params": {"that": "order.net > 100", "message": "too little"}}}
    run = await dossier_of("A", inputs={"order": {"net": 5}}, patch=patch)
    assert told(run, "A").splitlines()[:3] == [
        "failed: too little [node_failed]",
        "  attempt 1 of 1: too little [node_failed]",
        "  `order.net > 100` does not hold (order.net = 5)",
    ]
