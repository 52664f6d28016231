"""A node type, ready to be executed: how to call it, and what it says about itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.node_context import NodeContext

Call: TypeAlias = Callable[[NodeContext], Any]
JsonSchema: TypeAlias = dict[str, Any]
#: Makes a JSON Schema when somebody asks for it; None when anything goes.
SchemaSource: TypeAlias = Callable[[], JsonSchema | None]


def anything_goes() -> JsonSchema | None:
    return None


@frozen
class Handler:
    """One registered node type. The same object serves all executions, at once too: it holds no run's state.

    `call(ctx)` returns a result, a suspension or a plain value; with `is_async` it returns an awaitable of
    one, otherwise it may block and is called in a thread.
    `resume(ctx, answer)` makes the result of a suspended instance (default: the answer is the output).
    `rescue(ctx, error)` is asked for a result after the last attempt failed; returning `NotImplemented` means
    no rescue. `recover(ctx, error)` is told when the node has really failed.
    """

    name: str
    call: Call
    is_async: bool
    resume: Callable[[NodeContext, Any], Any] | None = None
    rescue: Callable[[NodeContext, BaseException], Awaitable[Any]] | None = None
    recover: Callable[[NodeContext, BaseException], Awaitable[None]] | None = None
    #: First line of the documentation, and the whole of it.
    summary: str = ""
    documentation: str = ""
    #: Schemas are made only for those who read them: building them would cost every start.
    params_schema_source: SchemaSource = anything_goes
    input_schema_source: SchemaSource = anything_goes
    #: Where it was defined, for people: `shop.nodes:charge`.
    origin: str = ""
    is_builtin: bool = False

    @property
    def params_schema(self) -> JsonSchema | None:
        """The JSON Schema of the params; None when anything goes."""
        return self.params_schema_source()

    @property
    def input_schema(self) -> JsonSchema | None:
        """The JSON Schema of the input; None when anything goes."""
        return self.input_schema_source()


#: Wraps every attempt of every node: `async def middleware(ctx, call_next): return await call_next(ctx)`.
CallNext: TypeAlias = Callable[[NodeContext], Awaitable[Any]]
Middleware: TypeAlias = Callable[[NodeContext, CallNext], Awaitable[Any]]
