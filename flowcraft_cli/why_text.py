"""The answer of `flowcraft why` as text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowcraft_cli.colour import Palette, palette_for
from flowcraft_cli.looks import marked, symbol_of
from flowcraft_cli.screen import width_of_screen
from flowcraft_cli.text import safe

if TYPE_CHECKING:
    from flowcraft_engine.reports.ground import Ground
    from flowcraft_engine.reports.why import Why

_MOST_OTHERS = 6


def why_text(why: Why, where: str) -> str:
    """The sentence, its grounds with their places, and what can be done."""
    palette = palette_for("stdout")
    width = width_of_screen()
    name, sign = safe(why.instance), f"{symbol_of(why.state, 'stdout')} "
    lines = _wrapped(f"{sign}{name}: {safe(why.summary)}", width, "  ")
    # Long names are broken, and only whole ones are painted.
    if lines[0].startswith(f"{sign}{name}:"):
        lines[0] = marked(why.state, name, palette, "stdout") + lines[0][len(sign) + len(name) :]
    if why.location is not None:
        lines.append(f"  {palette.dim(safe(str(why.location)))}")
    lines.extend(_grounds(why.grounds, palette, width, "  "))
    if why.others:
        names = ", ".join(map(safe, why.others[:_MOST_OTHERS]))
        more = f" and {len(why.others) - _MOST_OTHERS} more" if len(why.others) > _MOST_OTHERS else ""
        lines.extend(map(palette.dim, _wrapped(f"  other instances: {names}{more}", width, "  ")))
    lines.extend(f"next: flowcraft {safe(command)}{_where(command, where)}" for command in why.next)
    return "\n".join(lines)


def _where(command: str, where: str) -> str:
    """A worker is not started for one run: where that is says nothing to it."""
    return "" if command.startswith("worker") else where


def _grounds(grounds: Iterable[Ground], palette: Palette, width: int, indent: str) -> list[str]:
    lines = []
    for ground in grounds:
        wrapped = _wrapped(f"{indent}- {safe(ground.text)}", width, f"{indent}  ")
        place = palette.dim(f"({safe(str(ground.location))})") if ground.location is not None else ""
        if place and len(wrapped[-1]) + len(safe(str(ground.location))) + 3 <= width:
            wrapped[-1] += f" {place}"
        elif place:
            wrapped.append(f"{indent}  {place}")
        lines.extend(wrapped)
        lines.extend(_grounds(ground.behind, palette, width, f"{indent}  "))
    return lines


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, max(width, 40), subsequent_indent=indent, break_on_hyphens=False) or [text]
