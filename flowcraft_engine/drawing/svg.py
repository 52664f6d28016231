"""SVG: one self-contained picture for light and dark surroundings, without scripts and outside fonts."""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import pairwise

from flowcraft_engine.drawing.graph_view import Arrow, Box, GraphView
from flowcraft_engine.drawing.layout import Direction, Layout, Place, Point, Route, Size, lay_out
from flowcraft_engine.drawing.outcome import STATES, Outcome, Outcomes, states_of
from flowcraft_engine.drawing.svg_style import ICONS, STATE_ICONS, style_sheet
from flowcraft_engine.drawing.taken import Edge, is_faded
from flowcraft_engine.drawing.text import elide, pixels, visible
from flowcraft_engine.frozen import frozen

_MARGIN = 20.0
_TITLE, _SMALL, _LABEL = 14.0, 11.5, 11.5
_PADDING = 14.0
_LINE = 17.0
_ICON = 16.0
_LONGEST_TITLE, _LONGEST_NOTE, _LONGEST_LABEL = 34, 38, 30
_LEGEND_HEIGHT = 34.0


@frozen
class Card:
    """The texts of a box, line by line."""

    title: str
    lines: tuple[tuple[str, str], ...]  # CSS class, text
    kind_icon: str | None
    outcome: Outcome | None

    @property
    def size(self) -> Size:
        icons = (self.kind_icon is not None) + (self.outcome is not None)
        widths = [pixels(self.title, _TITLE) * 1.04 + icons * (_ICON + 6)]
        widths += [pixels(text, _SMALL) for _, text in self.lines]
        return max(96.0, round(max(widths) + 2 * _PADDING)), 30 + _LINE * len(self.lines)


def draw_svg(
    view: GraphView,
    outcomes: Outcomes | None = None,
    taken: frozenset[Edge] | None = None,
    direction: Direction = "TB",
) -> str:
    """The view as an SVG document; with outcomes, boxes show states and a legend explains them."""
    cards, layout = plan_cards(view, outcomes, direction)
    legend = _legend(outcomes, layout.width) if outcomes else None
    width = max(layout.width, 120.0, legend.width if legend else 0.0) + 2 * _MARGIN
    height = max(layout.height, 24.0) + 2 * _MARGIN + (legend.height if legend else 0.0)
    shift = (width - 2 * _MARGIN - layout.width) / 2
    parts = [
        _head(view, width, height, outcomes),
        f'<g transform="translate({_number(_MARGIN + shift)} {_number(_MARGIN)})">',
        *_frames(view, layout),
        *(
            _arrow(arrow, _paths(route, direction == "LR"), faded=is_faded(arrow, taken, outcomes))
            for arrow, route in zip(view.arrows, layout.routes, strict=True)
        ),
        *(_box(n, box, layout.places[box.id], cards[box.id]) for n, box in enumerate(view.boxes)),
        *(_label(arrow, route) for arrow, route in zip(view.arrows, layout.routes, strict=True)),
        "</g>",
    ]
    if not view.boxes:
        parts.append(_text("note", width / 2, height / 2 + 4, "no nodes", "middle"))
    if legend:
        parts.append(legend.at(_MARGIN, height - legend.height - 2))
    return "\n".join([*(part for part in parts if part), "</svg>"]) + "\n"


def plan_cards(
    view: GraphView, outcomes: Outcomes | None, direction: Direction
) -> tuple[dict[str, Card], Layout]:
    """What stands in each box, and where the boxes stand."""
    cards = {box.id: _card(box, outcomes) for box in view.boxes}
    labels = {arrow: _label_size(arrow) for arrow in view.arrows if arrow.label}
    return cards, lay_out(view, {name: card.size for name, card in cards.items()}, labels, direction)


def _card(box: Box, outcomes: Outcomes | None) -> Card:
    lines = [("uses", elide(uses, _LONGEST_NOTE)) for uses in box.type_line]
    lines += [("note", elide(note, _LONGEST_NOTE)) for note in box.notes]
    outcome = outcomes.get(box.id) if outcomes else None
    if outcome:
        lines.append(("state", elide(visible(outcome.sentence), _LONGEST_NOTE)))
    icon = box.kind if box.kind in ICONS else None
    return Card(elide(box.title, _LONGEST_TITLE), tuple(lines), icon, outcome)


def _label_size(arrow: Arrow) -> Size:
    return pixels(elide(arrow.label, _LONGEST_LABEL), _LABEL) + 10, 18


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _head(view: GraphView, width: float, height: float, outcomes: Outcomes | None) -> str:
    nodes, arrows = len(view.boxes), len(view.arrows)
    sentence = f"Workflow of {_counted(nodes, 'node')} and {_counted(arrows, 'arrow')}."
    if outcomes:
        counts = {state: sum(one.state == state for one in outcomes.values()) for state in STATES}
        sentence += " " + ", ".join(f"{count} {state}" for state, count in counts.items() if count) + "."
    size = f'width="{_number(width)}" height="{_number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flowcraft" role="img" aria-labelledby="fc-t fc-d" '
        f'{size} viewBox="0 0 {_number(width)} {_number(height)}">\n'
        f'<title id="fc-t">{_escaped(view.title)}</title>\n<desc id="fc-d">{_escaped(sentence)}</desc>\n'
        f"<style>{style_sheet(with_states=bool(outcomes))}</style>\n"
        f"<defs>{_marker('line')}{_marker('back')}{_marker('fall')}{_marker('dead')}</defs>\n"
        f'<rect class="paper" width="100%" height="100%"/>'
    )


def _marker(name: str) -> str:
    return (
        f'<marker id="fc-{name}" viewBox="0 0 10 10" refX="9.2" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="head {name}" d="M0 1L10 5L0 9L2.6 5Z"/></marker>'
    )


def _frames(view: GraphView, layout: Layout) -> Iterator[str]:
    """Outer loops first, so that inner ones lie on top."""
    for cluster in sorted(view.clusters, key=lambda cluster: -len(cluster.members)):
        frame = layout.clusters.get(cluster.controller)
        if frame:
            yield f'<rect class="loop-frame" {_area(frame)} rx="14"/>'


def _arrow(arrow: Arrow, paths: tuple[str, str], *, faded: bool) -> str:
    style = {"edge": "line", "back": "back", "fallback": "fall"}[arrow.kind]
    style, head = (f"dead {style}", "dead") if faded else (style, style)
    title = f"{visible(arrow.source)} → {visible(arrow.target)}"
    words = f"{title}: {arrow.label}" if arrow.label else title
    first = f'<path d="{paths[0]}"/>' if paths[0] else ""
    return (
        f'<g class="arrow {style}"><title>{_escaped(words)}</title>{first}'
        f'<path d="{paths[1]}" marker-end="url(#fc-{head})"/></g>'
    )


def _paths(route: Route, along_x: bool) -> tuple[str, str]:
    """The pieces before and after the label: straight ones with rounded corners, and S-curves.

    Two paths, because some renderers would put an arrow head before the hole.
    """
    before = ""
    path = f"M{_at(route.points[0])}"
    for number, (start, end) in enumerate(pairwise(route.points)):
        if route.label_at and _is_middle(route.label_at, start, end):
            before, path = path, f"M{_at(end)}"
        elif route.is_curve[number] and min(abs(start[0] - end[0]), abs(start[1] - end[1])) > 0.5:
            path += _curve(start, end, along_x)
        elif start != end:
            path += _line(route, number)
    return before, path


def _is_middle(point: Point, start: Point, end: Point) -> bool:
    return abs(start[0] + end[0] - 2 * point[0]) + abs(start[1] + end[1] - 2 * point[1]) < 0.01


def _curve(start: Point, end: Point, along_x: bool) -> str:
    if along_x:
        middle = (start[0] + end[0]) / 2
        return f"C{_at((middle, start[1]))} {_at((middle, end[1]))} {_at(end)}"
    middle = (start[1] + end[1]) / 2
    return f"C{_at((start[0], middle))} {_at((end[0], middle))} {_at(end)}"


def _line(route: Route, number: int) -> str:
    """A straight piece; where another straight one follows at an angle, the corner is rounded."""
    start, end = route.points[number], route.points[number + 1]
    is_corner = number + 2 < len(route.points) and not route.is_curve[number + 1]
    if not is_corner or _is_straight(start, end, route.points[number + 2]):
        return f"L{_at(end)}"
    return f"L{_at(_towards(end, start))}Q{_at(end)} {_at(_towards(end, route.points[number + 2]))}"


def _is_straight(start: Point, end: Point, after: Point) -> bool:
    return (end[0] - start[0]) * (after[1] - end[1]) == (end[1] - start[1]) * (after[0] - end[0])


def _towards(corner: Point, other: Point, radius: float = 9) -> Point:
    length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
    part = min(radius / length, 0.5)
    return corner[0] + (other[0] - corner[0]) * part, corner[1] + (other[1] - corner[1]) * part


def _box(number: int, box: Box, place: Place, card: Card) -> str:
    state = card.outcome.state if card.outcome else ""
    known = state if state in STATES else "unknown"
    classes = f"node {box.kind}" + (f" s-{known}" if state else "")
    sentence = ", ".join(
        [box.title, box.uses, *box.notes, *([visible(card.outcome.sentence)] if card.outcome else [])]
    )
    return "".join(
        [
            f'<g id="n{number}" class="{classes}" data-node="{_quoted(visible(box.id))}">',
            f"<title>{_escaped(sentence)}</title>",
            *_shape(box, place),
            *_texts(place, card),
            "</g>",
        ]
    )


def _shape(box: Box, place: Place) -> Iterator[str]:
    radius = {"wait": place.height / 2, "loop": 14.0}.get(box.kind, 8.0)
    if box.kind == "for_each":
        for offset in (6, 3):
            behind = Place(place.x + offset, place.y + offset, place.width, place.height, 0)
            yield f'<rect class="card" {_area(behind)} rx="8"/>'
    yield f'<rect class="card" {_area(place)} rx="{_number(min(radius, 22))}"/>'
    if box.kind == "subflow":
        inner = Place(place.x + 3.5, place.y + 3.5, place.width - 7, place.height - 7, 0)
        yield f'<rect class="inner" {_area(inner)} rx="5"/>'


def _texts(place: Place, card: Card) -> Iterator[str]:
    middle = place.x + place.width / 2
    base = place.y + (place.height - _LINE * len(card.lines)) / 2 + 5
    icons = [f'<path class="kind" d="{ICONS[card.kind_icon]}"/>'] if card.kind_icon else []
    if card.outcome:
        icons.append(
            f'<path class="mark" d="{STATE_ICONS.get(card.outcome.state, STATE_ICONS["unknown"])}"/>'
        )
    shift = len(icons) * (_ICON + 4) / 2
    start = middle - pixels(card.title, _TITLE) * 1.04 / 2 - shift
    for place_of_icon, icon in enumerate(reversed(icons)):
        x = start + place_of_icon * (_ICON + 4)
        yield f'<g transform="translate({_number(x)} {_number(base - 13)})">{icon}</g>'
    yield _text("title", middle + shift, base, card.title, "middle")
    for number, (style, text) in enumerate(card.lines, 1):
        yield _text(style, middle, base + number * _LINE, text, "middle")


def _label(arrow: Arrow, route: Route) -> str:
    if route.label_at is None:
        return ""
    x, y = route.label_at
    text = _text("", x, y + 4, elide(arrow.label, _LONGEST_LABEL), "middle")
    return f'<g class="label {arrow.kind}"><title>{_escaped(arrow.label)}</title>{text}</g>'


@frozen
class _Legend:
    width: float
    height: float
    body: str

    def at(self, x: float, y: float) -> str:
        return f'<g class="legend" transform="translate({_number(x)} {_number(y)})">{self.body}</g>'


def _legend(outcomes: Outcomes, width: float) -> _Legend:
    """The states that occur, in rows that fit the drawing."""
    x, row, widest, entries = 0.0, 0, 0.0, []
    for state in states_of(outcomes):
        length = pixels(state, _SMALL) + 40
        if x and x + length > max(width, 320):
            x, row = 0.0, row + 1
        entries.append(
            f'<g class="s-{state}" transform="translate({_number(x)} {row * 22})">'
            f'<path class="mark" d="{STATE_ICONS[state]}"/>{_text("state", 21, 12.5, state)}</g>'
        )
        x += length
        widest = max(widest, x)
    return _Legend(widest, _LEGEND_HEIGHT + row * 22, "".join(entries))


def _text(style: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    css = f' class="{style}"' if style else ""
    return f'<text{css} x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}">{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', "&quot;")


def _area(place: Place) -> str:
    return (
        f'x="{_number(place.x)}" y="{_number(place.y)}" '
        f'width="{_number(place.width)}" height="{_number(place.height)}"'
    )


def _at(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if abs(value) >= 0.05 else "0"
