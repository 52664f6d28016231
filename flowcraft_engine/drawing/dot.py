"""DOT: the view as text for Graphviz."""

from __future__ import annotations

from flowcraft_engine.drawing.graph_view import Arrow, Box, GraphView
from flowcraft_engine.drawing.labels import label_lines, plain_names
from flowcraft_engine.drawing.layout import Direction
from flowcraft_engine.drawing.outcome import Outcomes, look_of
from flowcraft_engine.drawing.taken import Edge, is_faded
from flowcraft_engine.drawing.text import elide

_SHAPES = {
    "loop": "shape=hexagon",
    "for_each": "shape=box3d",
    "subflow": "peripheries=2",
    "wait": 'style="rounded,filled,bold"',
    "missing": 'style="rounded,dashed"',
}
_LONGEST = 60


def draw_dot(
    view: GraphView,
    outcomes: Outcomes | None = None,
    taken: frozenset[Edge] | None = None,
    direction: Direction = "TB",
) -> str:
    """The view as a Graphviz digraph; ids and labels are escaped, so that no text can leave its quotes."""
    names = plain_names(box.id for box in view.boxes)
    lines = [
        f"digraph {_quoted(view.id)} {{",
        f'    graph [rankdir={direction}, label={_quoted(view.title)}, labelloc=t, fontname="Helvetica"];',
        '    node [shape=box, style="rounded,filled", fillcolor="#f6f8fa", color="#afb8c1",'
        ' fontname="Helvetica", fontsize=11];',
        '    edge [color="#768390", fontname="Helvetica", fontsize=9];',
    ]
    lines += [f"    {names[box.id]} [{_node(box, outcomes)}];" for box in view.boxes]
    for arrow in view.arrows:
        attributes = _edge(arrow, faded=is_faded(arrow, taken, outcomes))
        lines.append(f"    {names[arrow.source]} -> {names[arrow.target]}{attributes};")
    return "\n".join([*lines, "}"]) + "\n"


def _node(box: Box, outcomes: Outcomes | None) -> str:
    outcome = outcomes.get(box.id) if outcomes else None
    attributes = [_SHAPES[box.kind]] if box.kind in _SHAPES else []
    if outcome:
        look = look_of(outcome.state)
        attributes.append(f'fillcolor="{look.fill[0]}", color="{look.line[0]}"')
    label = _quoted(*label_lines(box, outcome))
    return ", ".join([f"label={label}", f"tooltip={_quoted(box.title)}", *attributes])


def _edge(arrow: Arrow, *, faded: bool) -> str:
    attributes = [f"label={_quoted(arrow.label)}"] if arrow.label else []
    if arrow.kind == "fallback":
        attributes.append('style=dashed, color="#b35900"')
    if arrow.kind == "back":
        attributes.append('color="#6639ba", penwidth=1.5')
    if faded:
        attributes.append('color="#d0d7de"')
    return f" [{', '.join(attributes)}]" if attributes else ""


def _quoted(*lines: str) -> str:
    """Lines in quotes. Graphviz reads backslashes and HTML entities in labels; neither survives here."""
    escaped = (
        elide(line, _LONGEST).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
        for line in lines
    )
    return '"' + "\\n".join(escaped) + '"'
