"""What an input source means: `x.a.b` is the output of node x, else the context key x, walked along a
path.
"""

from __future__ import annotations

from collections.abc import Collection

from flowcraft_engine.frozen import frozen

#: What a `for_each` over a subflow can give each child beside nodes and context keys.
OF_ITEMS = frozenset({"item", "index"})


@frozen
class InputSource:
    """The output of node `name`, or else the context key `name`, walked along `path`."""

    name: str
    is_node: bool
    path: tuple[str, ...] = ()


def parse_source(text: str, node_ids: Collection[str]) -> InputSource:
    """The longest declared node id that `text` begins with wins; else the first word is a context key."""
    if text in node_ids:
        return InputSource(text, True)
    parts = text.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        if name in node_ids:
            return InputSource(name, True, tuple(parts[length:]))
    return InputSource(parts[0], False, tuple(parts[1:]))
