"""The node that calls a function of an installed module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import Field

from flowcraft_engine.errors import ErrorCode, FlowcraftError, NodeError
from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.function_node import is_coroutine_function
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.module_import import load_target
from flowcraft_engine.nodes.node_thread import call_in_thread


class PythonParams(Parameters):
    call: str = Field(pattern=r"^[^:]+:[^:]+$", description="the function, as `package.module:function`")
    args: list[Any] = Field(default_factory=list, description="its positional arguments")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="its named arguments")


async def python(params: PythonParams) -> Any:
    """Call a Python function; the output is what it returns.

    The module is imported when the node runs, never by `validate`. Async functions are awaited, others run in
    a thread.

        - {id: area, uses: python, params: {call: "math:hypot", args: ["${{ a.x }}", "${{ a.y }}"]}}
    """
    function = await call_in_thread(_load, params.call)
    _check_arguments(function, params)
    if is_coroutine_function(function):
        result = function(*params.args, **params.kwargs)
    else:
        result = await call_in_thread(function, *params.args, **params.kwargs)
    return await result if inspect.isawaitable(result) else result


def _load(call: str) -> Callable[..., Any]:
    try:
        function = load_target(call)
    except FlowcraftError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise NodeError(f"{error.message}{hint}", retryable=False) from error
    if not callable(function):
        raise NodeError(f"{call} is a {type(function).__name__}, not a function", retryable=False)
    result: Callable[..., Any] = function
    return result


def _check_arguments(function: Callable[..., Any], params: PythonParams) -> None:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # some builtins do not tell: the call itself will
        return
    try:
        signature.bind(*params.args, **params.kwargs)
    except TypeError as error:
        raise NodeError(
            f"{params.call}{signature} cannot be called like this: {error}",
            error_code=ErrorCode.INPUT_INVALID,
            retryable=False,
        ) from error


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(python, "python")
