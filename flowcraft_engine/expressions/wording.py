"""How values and names are called in messages."""

from __future__ import annotations

from collections.abc import Iterable

from flowcraft_engine.values import JsonValue

_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
}


def kind_of(value: JsonValue) -> str:
    """What a user calls this kind of value: `null`, `a number`, `text`, `a list`, `an object`."""
    return _KINDS.get(type(value), "an object")


def shortened(text: str, width: int = 80) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A hint with the nearest of `names`, or None."""
    from difflib import get_close_matches  # only errors need it

    found = get_close_matches(name[:100], list(names), n=1)
    return f"did you mean '{found[0]}'?" if found else None
