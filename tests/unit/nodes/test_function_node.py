from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Optional, TypedDict, TypeVar

import pytest
from pydantic import BaseModel, Field

from flowcraft_engine.errors import NodeError, RegistryError
from flowcraft_engine.nodes.function_node import function_handler

if TYPE_CHECKING:
    from decimal import Decimal

    from flowcraft_engine.nodes.node_context import NodeContext

pytestmark = pytest.mark.asyncio


class Order(BaseModel):
    total: float
    items: list[str] = Field(default_factory=list)


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict):
    limit: int


async def only_ctx(ctx):
    return ctx.input


def all_three(params, ctx, input):
    return [ctx.node_id, input, params]


async def async_input(input):
    return input + 1


def nothing():
    return "done"


def with_default(input, factor=3):
    return input * factor


def with_keywords(input, **params):
    return [input, params]


def positional(input, /, *, ctx):
    return [input, ctx.node_id]


async def test_async_function_of_ctx_is_called_without_anything_between():
    assert function_handler(only_ctx, "n").call is only_ctx


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (only_ctx, 4),
        (all_three, ["n", 4, {"p": 1}]),
        (async_input, 5),
        (nothing, "done"),
        (with_default, 12),
        (with_keywords, [4, {}]),
        (positional, [4, "n"]),
        (functools.partial(with_default, factor=10), 40),
        (functools.partial(all_three, params="mine"), ["n", 4, "mine"]),
        (functools.partial(async_input), 5),
        (lambda ctx: only_ctx(ctx), 4),
        (lambda input: input, 4),
    ],
)
async def test_arguments_are_given_by_name_in_any_order(make_ctx, execute, function, expected):
    handler = function_handler(function, "n")
    assert await execute(handler, make_ctx(input=4, params={"p": 1})) == expected


async def test_callable_objects_and_methods_are_nodes(make_ctx, execute):
    class Caller:
        async def __call__(self, input):
            return input * 2

        def method(self, input):
            return input * 3

    assert function_handler(Caller(), "n").is_async
    assert await execute(function_handler(Caller(), "n"), make_ctx(input=2)) == 4
    assert await execute(function_handler(Caller().method, "n"), make_ctx(input=2)) == 6


async def test_wrapped_async_function_is_awaited_on_the_loop(make_ctx, execute):
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    handler = function_handler(traced(only_ctx), "n")
    assert handler.is_async
    assert await execute(handler, make_ctx(input=1)) == 1


async def test_sync_function_that_returns_an_awaitable_uses_the_async_context(make_ctx, execute):
    async def later(ctx):
        await ctx.context.set("k", 1)
        return await ctx.context.get("k")

    ctx = make_ctx()
    assert await execute(function_handler(lambda ctx: later(ctx), "n"), ctx) == 1
    assert ctx.context.changes == [("set", "k", 1)]


async def test_sync_function_uses_the_context_without_await(make_ctx, execute):
    def node(ctx):
        ctx.context.increment("n", 2)
        return ctx.context.get("n")

    assert await execute(function_handler(node, "n"), make_ctx(committed={"n": 1})) == 3


def takes_model(input: Order) -> Any:
    return input


def takes_dataclass(input: Point) -> Any:
    return input


async def takes_typed_dict(ctx: NodeContext, params: Options) -> Any:
    return params


def takes_optional(input: Optional[int]) -> Any:  # noqa: UP045  # the old spelling is the case
    return input


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (takes_model, {"total": "2.5"}, Order(total=2.5)),
        (takes_dataclass, {"x": 1}, Point(1)),
        (takes_optional, None, None),
        (takes_optional, 3, 3),
    ],
)
async def test_annotated_input_is_converted(make_ctx, execute, function, value, expected):
    assert await execute(function_handler(function, "n"), make_ctx(input=value)) == expected


async def test_annotation_of_ctx_need_not_be_resolvable(make_ctx, execute):
    handler = function_handler(takes_typed_dict, "n")
    assert await execute(handler, make_ctx(params={"limit": 3})) == {"limit": 3}


async def test_annotations_may_name_type_parameters(make_ctx, execute):
    """As `def largest[Number](…)` of Python 3.12 has them."""
    Number = TypeVar("Number", int, float)

    def largest(input: list[Number]) -> Number:
        return max(input)

    largest.__type_params__ = (Number,)
    handler = function_handler(largest, "n")
    assert await execute(handler, make_ctx(input=["1", 2])) == 2
    with pytest.raises(NodeError, match="input of node 'n' is not valid"):
        await execute(handler, make_ctx(input=["one"]))


async def test_invalid_input_names_the_fields_but_not_the_values(make_ctx, execute):
    handler = function_handler(takes_model, "charge")
    with pytest.raises(NodeError) as caught:
        await execute(handler, make_ctx(input={"total": "secret", "items": [1]}))
    assert caught.value.error_code == "input_invalid"
    assert not caught.value.retryable
    message = caught.value.message
    assert message.startswith("input of node 'charge' is not valid: total: ")
    assert "items.0: " in message
    assert "secret" not in message


async def test_invalid_params_are_spoken_of_in_the_plural(make_ctx, execute):
    with pytest.raises(NodeError, match=r"^params of node 'n' are not valid: limit: "):
        await execute(function_handler(takes_typed_dict, "n"), make_ctx(params={"limit": "many"}))


async def test_many_problems_are_cut_and_counted(make_ctx, execute):
    def node(input: list[int]) -> None: ...

    with pytest.raises(NodeError, match="and 2 more"):
        await execute(function_handler(node, "n"), make_ctx(input=["x"] * 10))


async def test_schemas_of_input_and_params_are_known():
    handler = function_handler(takes_typed_dict, "n")
    assert handler.params_schema is not None
    assert handler.params_schema["required"] == ["limit"]
    assert handler.input_schema is None
    input_schema = function_handler(takes_model, "n").input_schema
    assert input_schema is not None
    assert set(input_schema["properties"]) == {"total", "items"}


async def test_documentation_and_origin_are_told():
    def charge(ctx):
        """Charge the card.

        Twice if needed.
        """

    handler = function_handler(charge, "charge")
    assert handler.summary == "Charge the card."
    assert handler.documentation.endswith("Twice if needed.")
    assert handler.origin.endswith(":test_documentation_and_origin_are_told.<locals>.charge")


def unresolvable(input: Decimal) -> Any:
    return input


def variadic(*args):
    return args


def unknown_name(context):
    return context


@pytest.mark.parametrize(
    ("function", "message", "hint"),
    [
        (variadic, "takes (*args): nothing is given for '*args'", "'ctx', 'input' and 'params'"),
        (unknown_name, "takes (context): nothing is given for 'context'", "'ctx', 'input' and 'params'"),
        (unresolvable, "annotation 'Decimal' of 'input' of node 'n' cannot be resolved", "TYPE_CHECKING"),
        (42, "is a int, which cannot be called", ""),
    ],
)
async def test_signature_that_does_not_fit_is_refused_at_registration(function, message, hint):
    with pytest.raises(RegistryError) as caught:
        function_handler(function, "n")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


class Opaque:
    pass


def takes_opaque(input: Opaque) -> Any:
    return input


async def test_type_that_pydantic_does_not_know_is_a_registry_error():
    with pytest.raises(RegistryError, match="type of 'input' of node 'n' cannot be checked"):
        _ = function_handler(takes_opaque, "n").input_schema
