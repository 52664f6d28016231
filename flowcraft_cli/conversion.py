"""Values of options as they are: Typer would import pydantic, and build a validator for each, to leave them so."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class LeanCommand(TyperCommand):
    """A command that pays for the conversion of the values that need one."""

    def get_params(self, ctx: Any) -> Any:
        return spare_conversion(super().get_params(ctx))


def spare_conversion(parameters: list[Any]) -> list[Any]:
    """`parameters`, which take text, lists of text, and nothing at all as they are.

    This stands where Typer keeps its own conversion after the first use of a parameter. Should a version of
    Typer look elsewhere, commands are slower, and the same.
    """
    for parameter in parameters:
        if getattr(parameter, "_runtime_param", None) is None:
            parameter._runtime_param = _AsItIs()
    return parameters


class _AsItIs:
    """In the place of Typer's conversion, with the same results."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        is_list = param.multiple or param.nargs == -1
        if value is None:
            return () if is_list else None
        if value is param.default:
            return value
        texts = value if is_list else [value]
        is_text = param.type_descriptor.annotation in (str, list[str]) and isinstance(texts, (list, tuple))
        if is_text and all(map(_is_unicode, texts)):
            return list(texts) if is_list else value
        param._runtime_param = None  # a choice, or something strange: Typer knows what to make of it
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _is_unicode(value: Any) -> bool:
    """Arguments that are not UTF-8 reach Python as text that cannot be encoded."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
