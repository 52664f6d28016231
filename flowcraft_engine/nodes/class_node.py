"""Makes a handler of a `BaseNode` class: runs its steps, keeps what `prep` made for the next attempt.

What is kept (`ctx.carry`) is `{"prep": value, "context": changes}`; whoever runs the attempts stores it with
the retry and gives it back. Only plain JSON is kept: `exec` gets the same kind of value each time.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowcraft_engine.errors import ErrorCode, NodeError, RegistryError
from flowcraft_engine.nodes.base_node import BaseNode
from flowcraft_engine.nodes.context_buffer import AsyncContextView, SyncContextView
from flowcraft_engine.nodes.function_node import origin_of
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.node_thread import call_in_thread
from flowcraft_engine.nodes.typed_value import TypedValue, schema_source, typed_value, with_type_parameters
from flowcraft_engine.values import NotSerializableError, copy_json, to_json


@dataclass(slots=True)
class _Execution:
    """One attempt, kept in `ctx.scratch` for the rescue that may follow."""

    node: BaseNode
    step: str = "prep"


def class_handler(cls: type, name: str, *, origin: str | None = None) -> Handler:
    """The handler of a class node. Raises `RegistryError` if the class cannot be used."""
    if not issubclass(cls, BaseNode):
        raise RegistryError(
            f"node {name!r} is the class {cls.__qualname__}, which is no BaseNode",
            hint="extend flowcraft_engine.BaseNode, or register a function",
        )
    _refuse_arguments(cls, name)
    runner = _ClassNode(cls, name)
    documentation = inspect.cleandoc(cls.__doc__ or "") if cls.__doc__ is not BaseNode.__doc__ else ""
    return Handler(
        name=name,
        call=runner.call,
        is_async=True,
        rescue=runner.rescue if _overrides(cls, "fallback") else None,
        recover=runner.recover if _overrides(cls, "recover") else None,
        summary=documentation.partition("\n")[0],
        documentation=documentation,
        params_schema_source=schema_source(runner.checks.get("params")),
        input_schema_source=schema_source(runner.checks.get("input")),
        origin=origin or origin_of(cls),
    )


class _ClassNode:
    def __init__(self, cls: type[BaseNode], name: str) -> None:
        self._cls = cls
        self.checks = _class_checks(cls, f"node {name!r}")
        self._exec_check = _exec_check(cls, f"node {name!r}")

    async def call(self, ctx: NodeContext) -> Any:
        execution = ctx.scratch = self._begin(ctx)
        try:
            prepared = await self._prepared(execution.node, ctx)
        except Exception as error:  # whatever prep raises is final: only exec is retried
            raise _final(error) from error
        execution.step = "exec"
        if self._exec_check is not None:
            prepared = self._exec_check.convert(prepared)
        value = await _run_step(execution.node, "exec", ctx, prepared)
        return await self._post(execution, value, ctx)

    async def rescue(self, ctx: NodeContext, error: BaseException) -> Any:
        execution = _execution_of(ctx)
        if execution is None:
            execution = self._begin(ctx)
        elif execution.step != "exec":
            return NotImplemented
        if isinstance(ctx.context, AsyncContextView):
            await ctx.context.restart(_carried_changes(ctx.carry))
        value = await _run_step(execution.node, "fallback", ctx, error)
        return await self._post(execution, value, ctx)

    async def recover(self, ctx: NodeContext, error: BaseException) -> None:
        execution = _execution_of(ctx) or self._begin(ctx)
        await _run_step(execution.node, "recover", ctx, error)

    def _begin(self, ctx: NodeContext) -> _Execution:
        node = self._cls()
        for label, check in self.checks.items():
            setattr(node, label, check.convert(ctx.params if label == "params" else ctx.input))
        return _Execution(node)

    async def _prepared(self, node: BaseNode, ctx: NodeContext) -> Any:
        """The value of `prep`: kept from an earlier attempt, or made now and kept for a later one."""
        if isinstance(ctx.carry, dict) and "prep" in ctx.carry:
            await ctx.context.restart(_carried_changes(ctx.carry))
            return copy_json(ctx.carry["prep"])
        value = await _run_step(node, "prep", ctx)
        if _is_plain_json(value):
            changes = [list(change) for change in ctx.context.changes or ()]
            ctx.carry = {"prep": copy_json(value), "context": changes}
        return value

    async def _post(self, execution: _Execution, value: Any, ctx: NodeContext) -> Any:
        execution.step = "post"
        try:
            return await _run_step(execution.node, "post", ctx, value)
        except Exception as error:  # whatever post raises is final: only exec is retried
            raise _final(error) from error


async def _run_step(node: BaseNode, step: str, ctx: NodeContext, *arguments: Any) -> Any:
    """One step; a sync one that the author wrote runs in a thread with a sync view of the context."""
    method = getattr(node, step)
    if not _overrides(type(node), step):
        return method(*arguments, ctx)
    if inspect.iscoroutinefunction(method):
        return await method(*arguments, ctx)
    import asyncio  # here, as in `context_buffer`

    # A copy: a thread that outlives its attempt must not see the context change under its hands.
    own = copy.copy(ctx)
    own.context = SyncContextView(ctx.context, asyncio.get_running_loop())
    result = await call_in_thread(method, *arguments, own)
    return await result if inspect.isawaitable(result) else result


def _overrides(cls: type, step: str) -> bool:
    return getattr(cls, step) is not getattr(BaseNode, step)


def _execution_of(ctx: NodeContext) -> _Execution | None:
    return ctx.scratch if isinstance(ctx.scratch, _Execution) else None


def _carried_changes(carry: Any) -> list[Any]:
    changes = carry.get("context", []) if isinstance(carry, dict) else []
    return [tuple(change) for change in changes]


def _is_plain_json(value: Any) -> bool:
    """Whether `value` comes back from JSON as it is: a tuple or a date would not."""
    try:
        return _same(value, to_json(value))
    except NotSerializableError:
        return False


def _same(value: Any, plain: Any) -> bool:
    if type(value) is not type(plain):
        return False
    if type(value) is dict:
        return all(type(key) is str and _same(item, plain[key]) for key, item in value.items())
    if type(value) is list:
        return all(_same(item, other) for item, other in zip(value, plain, strict=True))
    return True


def _final(error: Exception) -> NodeError:
    """`error` as one that no further attempt can help."""
    if isinstance(error, NodeError):
        return NodeError(error.message, error_code=error.error_code, retryable=False)
    return NodeError(f"{type(error).__name__}: {error}", error_code=ErrorCode.NODE_FAILED, retryable=False)


def _refuse_arguments(cls: type, name: str) -> None:
    required = [
        parameter.name
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise RegistryError(
            f"node {name!r}: {cls.__qualname__}() needs {', '.join(required)}, and is made without arguments",
            hint="take them from ctx.dependencies",
        )


def _class_checks(cls: type, owner: str) -> dict[str, TypedValue]:
    checks: dict[str, TypedValue] = {}
    for label in ("params", "input"):
        for base in cls.__mro__:
            annotation = vars(base).get("__annotations__", {}).get(label)
            if annotation is None:
                continue
            check = typed_value(label, annotation, owner, _namespace(base))
            if check is not None:
                checks[label] = check
            break
    return checks


def _exec_check(cls: type[BaseNode], owner: str) -> TypedValue | None:
    if not _overrides(cls, "exec"):
        return None
    method: Callable[..., Any] = inspect.unwrap(cls.exec)
    parameters = list(inspect.signature(method).parameters.values())
    if len(parameters) != 3:
        raise RegistryError(
            f"{owner}: exec takes {inspect.signature(method)}", hint="write exec(self, value, ctx)"
        )
    value = parameters[1]
    if value.annotation is value.empty:
        return None
    giver = next(base for base in cls.__mro__ if "exec" in vars(base))
    namespace = with_type_parameters(getattr(method, "__globals__", {}), giver, method)
    return typed_value(value.name, value.annotation, owner, namespace)


def _namespace(cls: type) -> Mapping[str, Any]:
    module = sys.modules.get(cls.__module__)
    return with_type_parameters(vars(module) if module is not None else {}, cls)
