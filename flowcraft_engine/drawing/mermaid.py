"""Mermaid: flowchart text that GitHub and GitLab render (GitHub: up to 500 arrows and 50,000 characters)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowcraft_engine.drawing.graph_view import Arrow, Box, GraphView
from flowcraft_engine.drawing.labels import label_lines, plain_names
from flowcraft_engine.drawing.layout import Direction
from flowcraft_engine.drawing.outcome import STATES, Outcomes
from flowcraft_engine.drawing.taken import Edge, is_faded
from flowcraft_engine.drawing.text import elide

_SHAPES = {
    "plain": ("[", "]"),
    "loop": ("{{", "}}"),
    "for_each": ("[/", "/]"),
    "subflow": ("[[", "]]"),
    "wait": ("([", "])"),
    "missing": ("[", "]"),
}
_LONGEST = 60
#: These are written as character codes, so that no label can be read as Mermaid, HTML or Markdown: all but
#: plain characters, underscores at the border of a word, and what would make a list of a line.
_SPECIAL = re.compile(r"[^\w\s.,()/=!?·×…→-]|(?<![^\W_])_|_(?![^\W_])|^-|(?<=^\d)\.|(?<=^\d\d)\.")


def draw_mermaid(
    view: GraphView,
    outcomes: Outcomes | None = None,
    taken: frozenset[Edge] | None = None,
    direction: Direction = "TB",
) -> str:
    """The view as a Mermaid flowchart; with outcomes, nodes have the class and the symbol of their state."""
    names = plain_names(box.id for box in view.boxes)
    lines = [f"flowchart {direction}"]
    lines += [f"    {names[box.id]}{_node(box, outcomes)}" for box in view.boxes]
    lines += [f"    {names[arrow.source]} {_link(arrow)} {names[arrow.target]}" for arrow in view.arrows]
    lines += [f"    {line}" for line in _styles(view, outcomes, taken, names)]
    return "\n".join(lines) + "\n"


def _node(box: Box, outcomes: Outcomes | None) -> str:
    outcome = outcomes.get(box.id) if outcomes else None
    text = "<br/>".join(_quoted(line) for line in label_lines(box, outcome))
    before, after = _SHAPES[box.kind]
    return f'{before}"{text}"{after}'


def _link(arrow: Arrow) -> str:
    line = "-.->" if arrow.kind == "fallback" else "-->"
    return f'{line}|"{_quoted(arrow.label)}"|' if arrow.label else line


def _quoted(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", elide(text, _LONGEST))


def _styles(
    view: GraphView, outcomes: Outcomes | None, taken: frozenset[Edge] | None, names: dict[str, str]
) -> Iterator[str]:
    for state, look in STATES.items():
        of_state = [names[box.id] for box in view.boxes if outcomes and _state(outcomes, box.id) == state]
        if of_state:
            dashes = ",stroke-dasharray:4 3" if state in ("pending", "skipped") else ""
            yield f"classDef {state} fill:{look.fill[0]},stroke:{look.line[0]},color:#1f2328{dashes}"
            yield f"class {','.join(of_state)} {state}"
    backs = [str(n) for n, arrow in enumerate(view.arrows) if arrow.kind == "back"]
    if backs:
        yield f"linkStyle {','.join(backs)} stroke:#6639ba,stroke-width:2px"
    faded = [str(n) for n, arrow in enumerate(view.arrows) if is_faded(arrow, taken, outcomes)]
    if faded:
        yield f"linkStyle {','.join(faded)} stroke:#d0d7de"


def _state(outcomes: Outcomes, node_id: str) -> str:
    outcome = outcomes.get(node_id)
    return outcome.state if outcome else ""
