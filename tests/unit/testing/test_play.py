"""`flowcraft_engine.testing`: blueprints played with replaced nodes, a jumping clock and asserted paths."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import BaseNode, NodeContext, NodeRegistry, NodeResult, UsageError, parse_blueprint
from flowcraft_engine.testing import in_turn, play
from tests.unit.runtime.play import blueprint

pytestmark = pytest.mark.asyncio
ORDER = "price -(total > 100)-> review; price -(total <= 100)-> send -> thank"


async def test_nodes_are_replaced_by_values_and_the_path_is_asserted() -> None:
    run = await play(
        blueprint("price -> check; check -[ok]-> send; check -[bad]-> back"),
        {"total": 5},
        replace={
            "price": {"eur": 5},
            "check": NodeResult(None, "ok"),
            "send": lambda input: "sent",
            "back": 0,
        },
    )
    run.assert_completed()
    run.assert_path("price", "check", "send")
    run.assert_skipped("back")
    assert run.outputs == {"send": "sent"}
    assert run.calls["check"][0].input == {"eur": 5}


async def test_functions_get_what_nodes_get_and_write_the_context() -> None:
    def price(ctx: NodeContext, params: Any) -> int:
        ctx.context.set("total", params["limit"] * 2)
        return ctx.attempt

    made = blueprint(ORDER, {"price": {"params": {"limit": "${{ n + 1 }}"}}})
    run = await play(made, {"n": 2}, replace={"price": price, "send": None, "thank": None, "review": None})
    run.assert_path("price", "send", "thank")
    assert run.calls["price"][0].params == {"limit": 3}
    assert run.context["total"] == 6


async def test_retries_take_no_time_and_give_one_thing_after_the_other() -> None:
    made = blueprint("A", {"A": {"config": {"max_retries": 3, "retry_delay": "1h", "backoff": 2}}})
    run = await play(made, replace={"A": in_turn(ValueError("no"), TimeoutError, {"ok": True})})
    run.assert_completed()
    assert run.node("A").attempts == 3
    assert run.node("A").duration_ms == pytest.approx(3 * 3_600_000)
    assert [call.attempt for call in run.calls["A"]] == [1, 2, 3]


async def test_class_nodes_can_stand_in() -> None:
    class Rescued(BaseNode):
        async def exec(self, value: Any, ctx: NodeContext) -> Any:
            raise RuntimeError("no")

        async def fallback(self, error: BaseException, ctx: NodeContext) -> Any:
            return "rescued"

    run = await play(blueprint("A"), replace={"A": Rescued})
    assert run.outputs == {"A": "rescued"}


async def test_waits_are_answered_and_unanswered_ones_are_told() -> None:
    made = blueprint("W:wait; W -[yes]-> A; W -[no]-> B", {"W": {"params": {"message": "go on?"}}})
    run = await play(made, replace={"A": 1, "B": 2}, answers={"W": NodeResult({"by": "Ann"}, "yes")})
    run.assert_path("W", "A")
    waiting = await play(made, replace={"A": 1, "B": 2})
    with pytest.raises(AssertionError, match=r"the run is waiting, not completed\n  W waits: go on\?"):
        waiting.assert_completed()


async def test_nodes_of_sub_runs_are_named_by_their_blueprint() -> None:
    child = parse_blueprint({"id": "child", "nodes": [{"id": "x", "uses": "pay"}]})
    run = await play(blueprint("N:sub(child)"), blueprints=[child], replace={("child", "x"): 7})
    run.assert_completed()
    assert run.child("N").path == ["x"]
    assert run.node("N").output == 7
    assert run.calls["child", "x"][0].run_id == "played:N"


async def test_nodes_that_are_not_replaced_are_real() -> None:
    def double(input: int) -> int:
        return input * 2

    run = await play(blueprint("A -> B"), registry=NodeRegistry([double_as("B", double)]), replace={"A": 4})
    assert run.outputs == {"B": 8}


async def test_a_failed_assertion_of_the_path_says_why() -> None:
    run = await play(
        blueprint(ORDER), {"total": 500}, replace={"price": 1, "review": 1, "send": 1, "thank": 1}
    )
    with pytest.raises(AssertionError) as raised:
        run.assert_path("price", "send", "thank")
    told = str(raised.value)
    assert "another path: price -> review" in told
    assert "send did not run: skipped: the edge price -> send was not taken" in told
    assert "`total <= 100` does not hold (total = 500)" in told


async def test_a_failed_run_says_what_failed() -> None:
    run = await play(blueprint("A -> B"), replace={"A": ValueError("boom"), "B": 1})
    with pytest.raises(AssertionError, match=r"A failed: boom \[node_failed\]"):
        run.assert_completed()
    with pytest.raises(AssertionError, match="B did not run: poisoned by A"):
        run.assert_ran("B")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"replace": {"chrage": 1}}, "'chrage' cannot be replaced"),
        (
            {"replace": {"charge": 1}, "answers": {"charge": 1}},
            "nothing has waited for the answer to 'charge'",
        ),
    ],
)
async def test_typing_errors_do_not_pass_as_green_tests(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await play(blueprint("charge"), **arguments)


async def test_a_file_brings_the_blueprints_beside_it(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text("id: inner\nnodes:\n  - {id: x, uses: pay}\n")
    (tmp_path / "outer.yaml").write_text(
        "id: outer\nnodes:\n  - {id: n, uses: subflow, params: {blueprint_id: inner}}\n"
    )
    run = await play(tmp_path / "outer.yaml", replace={("inner", "x"): 1})
    run.assert_path("n")


async def test_a_node_that_hangs_does_not_hang_the_test() -> None:
    async def hang() -> None:
        import asyncio

        await asyncio.Event().wait()

    with pytest.raises(UsageError, match=r"did not end within 0\.2 s"):
        await play(blueprint("A"), replace={"A": hang}, timeout_s=0.2)


def double_as(name: str, function: Any) -> Any:
    from flowcraft_engine import node

    return node(name)(function)


async def test_time_does_not_jump_while_a_node_is_at_work() -> None:
    async def slow() -> str:
        await asyncio.sleep(0.05)
        return "done"

    limited = parse_blueprint({"metadata": {"timeout": "5m"}, "nodes": [{"id": "A", "uses": "noop"}]})
    run = await play(limited, replace={"A": slow})
    run.assert_completed()


async def test_time_jumps_over_a_node_that_hangs() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    limited = parse_blueprint({"metadata": {"timeout": "5m"}, "nodes": [{"id": "A", "uses": "noop"}]})
    run = await play(limited, replace={"A": hang})
    assert run.status == "failed"
