"""The nodes of a Flowcraft blueprint, written in Python."""

from __future__ import annotations

from typing import Any

from flowcraft_engine import NodeResult, node

_SUBSCRIBERS = {
    "gardening": [{"name": "Ann"}, {"name": "Bob"}, {"name": "Chloe"}, {"name": "Dev"}, {"name": "Eve"}],
}


@node("load-subscribers")
def load_subscribers(params: dict[str, Any]) -> list[dict[str, str]]:
    """The subscribers of a topic."""
    return _SUBSCRIBERS.get(params["topic"], [])


@node("write-letter")
def write_letter(input: dict[str, str]) -> str:
    """One letter."""
    return f"Dear {input['name']}, the tulips are out."


@node("count-letters")
def count_letters(input: list[str]) -> NodeResult:
    """How many letters there are; the action is `some` or `none`."""
    return NodeResult(len(input), "some" if input else "none")


@node("send-letters")
def send_letters(input: dict[str, Any]) -> str:
    """Pretends to send."""
    return f"sent {input['count']} letters, the first to: {input['letters'][0]}"


@node("tell-editor")
def tell_editor() -> str:
    """Says that nobody reads this."""
    return "no subscribers"
