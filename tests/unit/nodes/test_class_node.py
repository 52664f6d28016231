from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from flowcraft_engine.errors import FatalNodeError, NodeError, RegistryError
from flowcraft_engine.nodes.base_node import BaseNode
from flowcraft_engine.nodes.class_node import class_handler
from flowcraft_engine.nodes.result import NodeResult

pytestmark = pytest.mark.asyncio


class Recorded(BaseNode):
    """Writes down its steps."""

    calls: list[str]

    def __init_subclass__(cls) -> None:
        cls.calls = []

    def prep(self, ctx):
        self.calls.append("prep")
        return {"n": ctx.input}

    async def exec(self, value, ctx):
        self.calls.append("exec")
        return value["n"] + 1

    def post(self, value, ctx):
        self.calls.append("post")
        return NodeResult(value, "ok")


async def attempt(handler, make_ctx, carry=None, **changes):
    """One attempt: the result or the error, and the context."""
    ctx = make_ctx(carry=carry, **changes)
    try:
        return await handler.call(ctx), ctx
    except Exception as error:
        return error, ctx


async def test_steps_run_in_order(make_ctx):
    class Node(Recorded):
        pass

    result, _ = await attempt(class_handler(Node, "n"), make_ctx, input=1)
    assert result == NodeResult(2, "ok")
    assert Node.calls == ["prep", "exec", "post"]


async def test_class_without_any_step_gives_its_input_back(make_ctx):
    class Node(BaseNode):
        pass

    result, _ = await attempt(class_handler(Node, "n"), make_ctx, input=[1])
    assert result == [1]


async def test_sync_steps_run_in_a_thread_with_a_sync_context(make_ctx):
    class Node(BaseNode):
        def prep(self, ctx):
            ctx.context.set("k", 1)
            return threading.current_thread() is threading.main_thread()

        async def exec(self, value, ctx):
            return [value, await ctx.context.get("k")]

    result, ctx = await attempt(class_handler(Node, "n"), make_ctx)
    assert result == [False, 1]
    assert ctx.context.changes == [("set", "k", 1)]


async def test_only_exec_is_retried_and_prep_is_remembered_with_its_context_changes(make_ctx):
    class Node(Recorded):
        async def prep(self, ctx):
            self.calls.append("prep")
            await ctx.context.set("prepared", True)
            return {"n": 1}

        async def exec(self, value, ctx):
            self.calls.append("exec")
            await ctx.context.set("half", True)
            value["n"] += 1
            if ctx.attempt == 1:
                raise ValueError("boom")
            return value["n"]

    handler = class_handler(Node, "n")
    error, first = await attempt(handler, make_ctx)
    assert isinstance(error, ValueError)
    assert first.carry == {"prep": {"n": 1}, "context": [["set", "prepared", True]]}
    result, second = await attempt(handler, make_ctx, carry=first.carry, attempt=2)
    assert result == NodeResult(2, "ok")
    assert Node.calls == ["prep", "exec", "exec", "post"]
    assert second.context.changes == [("set", "prepared", True), ("set", "half", True)]


@pytest.mark.parametrize("value", [(1, 2), {"at": {1, 2}}, float("nan"), object()])
async def test_prep_runs_again_when_its_value_is_not_plain_json(make_ctx, value):
    class Node(Recorded):
        def prep(self, ctx):
            return value

        async def exec(self, value, ctx):
            raise ValueError("boom")

    _, ctx = await attempt(class_handler(Node, "n"), make_ctx)
    assert ctx.carry is None


async def test_each_attempt_has_its_own_instance(make_ctx):
    seen = set()

    class Node(BaseNode):
        async def exec(self, value, ctx):
            seen.add(self)

    handler = class_handler(Node, "n")
    await attempt(handler, make_ctx)
    await attempt(handler, make_ctx)
    assert len(seen) == 2


async def test_fallback_rescues_after_exec_and_forgets_what_exec_wrote(make_ctx):
    class Node(Recorded):
        async def prep(self, ctx):
            self.calls.append("prep")
            await ctx.context.set("prepared", 1)
            return 1

        async def exec(self, value, ctx):
            self.calls.append("exec")
            await ctx.context.set("half", 1)
            raise ValueError("boom")

        def fallback(self, error, ctx):
            self.calls.append("fallback")
            return f"saved from {error}"

    handler = class_handler(Node, "n")
    error, ctx = await attempt(handler, make_ctx)
    assert handler.rescue is not None
    assert await handler.rescue(ctx, error) == NodeResult("saved from boom", "ok")
    assert Node.calls == ["prep", "exec", "fallback", "post"]
    assert ctx.context.changes == [("set", "prepared", 1)]


async def test_fallback_works_in_a_process_that_did_not_see_the_attempt(make_ctx):
    class Node(BaseNode):
        def fallback(self, error, ctx):
            return "saved"

    handler = class_handler(Node, "n")
    assert handler.rescue is not None
    assert await handler.rescue(make_ctx(), ValueError()) == "saved"


@pytest.mark.parametrize("step", ["prep", "post"])
async def test_failure_of_prep_or_post_is_final_and_not_rescued(make_ctx, step):
    def fail(self, *args):
        raise ValueError("boom")

    node = type("Node", (BaseNode,), {step: fail, "fallback": lambda self, error, ctx: "saved"})
    handler = class_handler(node, "n")
    error, ctx = await attempt(handler, make_ctx)
    assert isinstance(error, NodeError)
    assert not error.retryable
    assert error.message == "ValueError: boom"
    assert handler.rescue is not None
    assert await handler.rescue(ctx, error) is NotImplemented


async def test_final_error_of_prep_keeps_its_code(make_ctx):
    class Node(BaseNode):
        def prep(self, ctx):
            raise FatalNodeError("no", error_code="timeout")

    error, _ = await attempt(class_handler(Node, "n"), make_ctx)
    assert error.error_code == "timeout"


async def test_recover_is_told(make_ctx):
    class Node(Recorded):
        def recover(self, error, ctx):
            self.calls.append("recover")

    handler = class_handler(Node, "n")
    assert handler.rescue is None
    assert handler.recover is not None
    await handler.recover(make_ctx(), ValueError())
    assert Node.calls == ["recover"]


class Limits(BaseModel):
    limit: int


@dataclass
class Order:
    total: int


class Typed(BaseNode):
    params: Limits
    input: Order

    async def exec(self, value: Order, ctx: Any) -> Any:
        return [type(value).__name__, self.params.limit, self.input.total]


async def test_annotations_of_the_class_and_of_exec_are_checked(make_ctx):
    handler = class_handler(Typed, "n")
    result, _ = await attempt(handler, make_ctx, input={"total": 3}, params={"limit": "5"})
    assert result == ["Order", 5, 3]
    error, _ = await attempt(handler, make_ctx, input={}, params={"limit": 5})
    assert error.error_code == "input_invalid"
    assert handler.params_schema is not None
    assert handler.params_schema["required"] == ["limit"]


async def test_annotations_may_name_type_parameters(make_ctx):
    """As `class Node[Item]` and `def exec[Text]` of Python 3.12 have them."""
    Item, Text = TypeVar("Item", bound=int), TypeVar("Text", bound=str)

    class Node(BaseNode):
        params: dict[str, Item]

        def exec(self, value: dict[Text, Item], ctx):
            return value

    Node.__type_params__, Node.exec.__type_params__ = (Item,), (Text,)
    handler = class_handler(Node, "n")
    result, _ = await attempt(handler, make_ctx, input={"a": "1"}, params={"b": 2})
    assert result == {"a": 1}
    error, _ = await attempt(handler, make_ctx, input={"a": "x"}, params={"b": 2})
    assert error.error_code == "input_invalid"
    error, _ = await attempt(handler, make_ctx, input={}, params={"b": "x"})
    assert error.error_code == "input_invalid"


async def test_value_kept_for_a_retry_is_converted_again(make_ctx):
    class Node(BaseNode):
        async def exec(self, value: Order, ctx):
            return value.total

    Node.exec.__annotations__["value"] = Order
    carry = {"prep": {"total": 4}, "context": []}
    result, _ = await attempt(class_handler(Node, "n"), make_ctx, carry=carry)
    assert result == 4


class NeedsArgument(BaseNode):
    def __init__(self, db: object) -> None: ...


class WrongExec(BaseNode):
    def exec(self, ctx):  # type: ignore[override]
        return ctx


class NoNode:
    pass


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (NeedsArgument, r"NeedsArgument\(\) needs db"),
        (WrongExec, r"exec takes \(self, ctx\)"),
        (NoNode, "no BaseNode"),
    ],
)
async def test_class_that_cannot_be_used_is_refused_at_registration(cls, message):
    with pytest.raises(RegistryError, match=message):
        class_handler(cls, "n")
