"""HTML out of data: every text is escaped, and what cannot be printed is shown escaped, too."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable

from flowcraft_engine.blueprint.source import printable

#: Of a longer value the beginning is shown.
MOST_CHARACTERS = 20_000


def text(value: object) -> str:
    """One line of text."""
    return html.escape(printable(" ".join(str(value).split("\n"))))


def lines(value: object) -> str:
    """Text with its line ends."""
    return "\n".join(html.escape(printable(line)) for line in str(value).splitlines())


def tag(name: str, content: str, css: str = "", **attributes: str) -> str:
    """An element; `content` is HTML already, attributes are text."""
    told = f' class="{css}"' if css else ""
    told += "".join(f' {key}="{text(value)}"' for key, value in attributes.items())
    return f"<{name}{told}>{content}</{name}>"


def value_block(value: object) -> str:
    """A JSON value, indented; of a very long one the beginning."""
    told = json.dumps(value, indent=2, ensure_ascii=False)
    left_out = len(told) - MOST_CHARACTERS
    if left_out > 0:
        told = f"{told[:MOST_CHARACTERS]}\n… and {left_out:,} more characters"
    return tag("pre", lines(told))


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Names beside values; the values are HTML already."""
    told = "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<dl>{told}</dl>" if told else ""
