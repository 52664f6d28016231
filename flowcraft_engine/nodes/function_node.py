"""Makes a handler of a function: `ctx`, `input` and `params` are given by name, any of them, in any order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from flowcraft_engine.errors import RegistryError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.context_buffer import SyncContextView
from flowcraft_engine.nodes.handler import Call, Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.typed_value import TypedValue, schema_source, typed_value, with_type_parameters

ACCEPTED = ("ctx", "input", "params")
_ACCEPTED_TEXT = "a node function may take 'ctx', 'input' and 'params'"


@frozen
class _Signature:
    """What the function takes: the accepted names by kind, and the checks of the annotated ones."""

    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    checks: Mapping[str, TypedValue]

    @property
    def takes_only_ctx(self) -> bool:
        return self.positional == ("ctx",) and not self.keywords

    def arguments(self, ctx: NodeContext) -> tuple[list[Any], dict[str, Any]]:
        positional = [self._argument(name, ctx) for name in self.positional]
        return positional, {name: self._argument(name, ctx) for name in self.keywords}

    def _argument(self, name: str, ctx: NodeContext) -> Any:
        if name == "ctx":
            return ctx
        value = ctx.input if name == "input" else ctx.params
        check = self.checks.get(name)
        return value if check is None else check.convert(value)


def function_handler(
    function: Callable[..., Any], name: str, *, origin: str | None = None, is_builtin: bool = False
) -> Handler:
    """The handler that calls `function`, sync or async. Raises `RegistryError` if its signature does not fit.

    An async function that takes exactly `ctx` is called as it is, with nothing in between.
    """
    signature = _read_signature(function, f"node {name!r}")
    is_async = is_coroutine_function(function)
    documentation = inspect.cleandoc(_documentation(function))
    return Handler(
        name=name,
        call=_async_call(function, signature) if is_async else _sync_call(function, signature),
        is_async=is_async,
        summary=documentation.partition("\n")[0],
        documentation=documentation,
        params_schema_source=schema_source(signature.checks.get("params")),
        input_schema_source=schema_source(signature.checks.get("input")),
        origin=origin or origin_of(function),
        is_builtin=is_builtin,
    )


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling it gives an awaitable, as far as can be known; sees through partials and wrappers."""
    target = _innermost(function)
    return inspect.iscoroutinefunction(target)


def origin_of(target: object) -> str:
    """Where `target` was defined, for people: `shop.nodes:charge`."""
    inner = _innermost(target)
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    return f"{getattr(inner, '__module__', '?')}:{inner.__qualname__}"


def _async_call(function: Callable[..., Any], signature: _Signature) -> Call:
    if signature.takes_only_ctx and inspect.iscoroutinefunction(function):
        return function

    async def call(ctx: NodeContext) -> Any:
        positional, keywords = signature.arguments(ctx)
        result = function(*positional, **keywords)
        return await result if inspect.isawaitable(result) else result

    return call


def _sync_call(function: Callable[..., Any], signature: _Signature) -> Call:
    def call(ctx: NodeContext) -> Any:
        positional, keywords = signature.arguments(ctx)
        result = function(*positional, **keywords)
        return _await_from_thread(result, ctx) if inspect.isawaitable(result) else result

    return call


def _await_from_thread(awaitable: Any, ctx: NodeContext) -> Any:
    """Finish on the event loop what turned out to be async, such as a lambda around a coroutine function."""

    async def finish() -> Any:
        return await awaitable

    view = ctx.context
    if not isinstance(view, SyncContextView):
        import asyncio

        return asyncio.run(finish())
    ctx.context = view.asynchronous
    return view.wait_for(finish())


def _read_signature(function: Callable[..., Any], owner: str) -> _Signature:
    if not callable(function):
        raise RegistryError(f"{owner} is a {type(function).__name__}, which cannot be called")
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError) as error:
        raise RegistryError(f"{owner}: the signature of {function!r} cannot be read: {error}") from error
    bound = function.keywords if isinstance(function, functools.partial) else {}
    wanted = [parameter for parameter in parameters.values() if parameter.name not in bound]
    for parameter in wanted:
        _refuse_unfit(parameter, owner, parameters)
    inner = _innermost(function)
    namespace = with_type_parameters(getattr(inner, "__globals__", {}), inner)
    accepted = [item for item in wanted if item.name in ACCEPTED and item.kind is not item.VAR_KEYWORD]
    return _Signature(
        positional=tuple(p.name for p in accepted if _is_positional(p, len(accepted))),
        keywords=tuple(p.name for p in accepted if not _is_positional(p, len(accepted))),
        checks=_checks(accepted, owner, namespace),
    )


def _is_positional(parameter: inspect.Parameter, count: int) -> bool:
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return True
    return count == 1 and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def _refuse_unfit(
    parameter: inspect.Parameter, owner: str, parameters: Mapping[str, inspect.Parameter]
) -> None:
    is_variadic = parameter.kind is inspect.Parameter.VAR_POSITIONAL
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return
    if not is_variadic and (parameter.name in ACCEPTED or parameter.default is not parameter.empty):
        return
    found = "(" + ", ".join(str(item.replace(annotation=item.empty)) for item in parameters.values()) + ")"
    shown = f"*{parameter.name}" if is_variadic else parameter.name
    raise RegistryError(
        f"{owner} takes {found}: nothing is given for {shown!r}",
        hint=f"{_ACCEPTED_TEXT}, by these names; others need a default",
    )


def _checks(
    parameters: list[inspect.Parameter], owner: str, namespace: Mapping[str, Any]
) -> dict[str, TypedValue]:
    checks: dict[str, TypedValue] = {}
    for parameter in parameters:
        if parameter.name == "ctx" or parameter.annotation is parameter.empty:
            continue
        check = typed_value(parameter.name, parameter.annotation, owner, namespace)
        if check is not None:
            checks[parameter.name] = check
    return checks


def _innermost(target: Any) -> Any:
    """What is behind partials, decorators, methods and callable objects."""
    for _ in range(32):
        if isinstance(target, functools.partial):
            target = target.func
        elif inspect.ismethod(target):
            target = target.__func__
        elif hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        else:
            break
    if not inspect.isroutine(target) and not inspect.isclass(target):
        call = inspect.getattr_static(type(target), "__call__", None)
        if inspect.isfunction(call):
            return call
    return target


def _documentation(function: Callable[..., Any]) -> str:
    if isinstance(function, functools.partial):
        function = function.func
    return function.__doc__ or ""
