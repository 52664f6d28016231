"""The arrangement: a layered drawing in the abstract, before it is laid from top to bottom or left to right.

Theory of operation: arrows that close a cycle are turned round; boxes get layers; layers for labels are put
between; long arrows get bends, one in each layer that they pass; rows are ordered and aligned. Arrows that
were turned round leave and enter their boxes at the side, along lanes of their own. No arrow ever shares a
place with a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from flowcraft_engine.drawing.alignment import align
from flowcraft_engine.drawing.layers import assign_layers, find_back_arrows
from flowcraft_engine.drawing.mesh import Mesh
from flowcraft_engine.drawing.ordering import order_rows
from flowcraft_engine.frozen import frozen


@frozen
class BoxSize:
    """Extent across the layers and along them."""

    breadth: float
    depth: float


@frozen
class Link:
    """An arrow between boxes given by number. `is_back`: it is meant to lead back, from the end of a loop."""

    source: int
    target: int
    label: BoxSize | None = None
    is_back: bool = False


@dataclass(slots=True)
class Trail:
    """The items that an arrow passes, from the upper box to the lower one.

    `is_turned`: the arrow runs from the lower to the upper box. `is_loose`: no bends were affordable, the
    arrow goes round the whole drawing.
    """

    items: list[int]
    is_turned: bool = False
    is_loose: bool = False
    label: int | None = None

    @property
    def has_lanes(self) -> bool:
        return (self.is_turned and not self.is_loose) or self.items[0] == self.items[-1]


@frozen
class Gaps:
    """Least distances in a row, between two boxes and between two bends; a mixed pair has their mean."""

    box: float
    bend: float


@frozen
class Arrangement:
    """`across[item]` is the centre of an item in its row; `trails` follow the order of the links."""

    mesh: Mesh
    across: list[float]
    trails: list[Trail]
    label_layers: frozenset[int]


def arrange(
    boxes: Sequence[BoxSize], links: Sequence[Link], gaps: Gaps, keep_order: Sequence[tuple[int, int]] = ()
) -> Arrangement:
    """Arrange the boxes. `keep_order` asks that one box stand above another, where possible."""
    trails, layers = layered(len(boxes), links, keep_order)
    labelled = {layers[trail.items[0]] for trail, link in zip(trails, links, strict=True) if link.label}
    shifts = _shifts(layers, labelled)
    mesh = Mesh.of_boxes(
        [layer + shifts[layer] for layer in layers],
        [box.breadth for box in boxes],
        [box.depth for box in boxes],
    )
    _add_bends(mesh, trails, links)
    order_rows(mesh)
    _add_lanes(mesh, trails)
    label_layers = frozenset(layer + shifts[layer] + 1 for layer in labelled)
    return Arrangement(mesh, align(mesh, gaps.box, gaps.bend), trails, label_layers)


def layered(
    count: int, links: Sequence[Link], keep_order: Sequence[tuple[int, int]]
) -> tuple[list[Trail], list[int]]:
    """A trail without bends for each link, and each box's layer. Wishes that close a cycle are dropped."""
    pairs = [(link.target, link.source) if link.is_back else (link.source, link.target) for link in links]
    wishes = [pair for pair in keep_order if pair[0] != pair[1]]
    proper = [index for index, (upper, lower) in enumerate(pairs) if upper != lower]
    walked = [pairs[index] for index in proper] + wishes
    turned = find_back_arrows(count, walked)
    trails = [Trail([upper, lower], link.is_back) for (upper, lower), link in zip(pairs, links, strict=True)]
    for place, index in enumerate(proper):
        if place in turned:
            trails[index].items.reverse()
            trails[index].is_turned = not trails[index].is_turned
    kept = [wish for place, wish in enumerate(wishes, len(proper)) if place not in turned]
    ordered = [(trails[index].items[0], trails[index].items[1]) for index in proper]
    return trails, assign_layers(count, ordered + kept)


def _shifts(layers: Sequence[int], labelled: set[int]) -> list[int]:
    """By how many label layers each layer is moved down."""
    shifts = [0]
    for layer in range(max(layers, default=0)):
        shifts.append(shifts[-1] + (layer in labelled))
    return shifts


def _add_bends(mesh: Mesh, trails: list[Trail], links: Sequence[Link]) -> None:
    """Bends for all arrows, short ones first, until a budget linear in the size of the graph is used up."""
    budget = 2_000 + 3 * (mesh.box_count + len(links))
    spans = [mesh.layer[trail.items[-1]] - mesh.layer[trail.items[0]] for trail in trails]
    affordable = set()
    for index in sorted(range(len(trails)), key=lambda index: (spans[index], index)):
        budget -= max(spans[index] - 1, 0)
        if budget < 0:
            trails[index].is_loose = True
        else:
            affordable.add(index)
    # Arrows back come last, so that in doubt they pass on the right of a loop's body.
    for index in sorted(affordable, key=lambda index: (trails[index].is_turned, index)):
        _bend(mesh, trails[index], links[index])


def _bend(mesh: Mesh, trail: Trail, link: Link) -> None:
    upper, lower = trail.items
    if upper == lower:
        return
    above = upper
    for layer in range(mesh.layer[upper] + 1, mesh.layer[lower]):
        if link.label and trail.label is None:
            bend = mesh.add_bend(layer, link.label.breadth, link.label.depth)
            trail.label = bend
        else:
            bend = mesh.add_bend(layer)
        mesh.link(above, bend)
        trail.items.insert(-1, bend)
        above = bend
    mesh.link(above, lower)


def _add_lanes(mesh: Mesh, trails: list[Trail]) -> None:
    """Beside both boxes of a turned arrow, a lane on the side where the arrow passes."""
    places = mesh.places()
    beside: dict[tuple[int, int], list[int]] = {}
    for trail in trails:
        if not trail.has_lanes:
            continue
        upper, lower = trail.items[0], trail.items[-1]
        side = -1 if _passes_left(mesh, places, trail) else 1
        if upper == lower:
            lane = mesh.add_bend(mesh.layer[upper])
            beside.setdefault((upper, side), []).append(lane)
            trail.items.insert(1, lane)
            continue
        _unlink(mesh, trail)
        first, last = mesh.add_bend(mesh.layer[upper]), mesh.add_bend(mesh.layer[lower])
        beside.setdefault((upper, side), []).append(first)
        beside.setdefault((lower, side), []).append(last)
        trail.items[1:-1] = [first, *trail.items[1:-1], last]
        inner = trail.items[1:-1]
        for above, below in pairwise(inner):
            if below not in mesh.down[above]:
                mesh.link(above, below)
    if beside:
        mesh.rows = [_with_lanes(row, beside) for row in mesh.rows]


def _passes_left(mesh: Mesh, places: list[int], trail: Trail) -> bool:
    """Whether the arrow comes to its lower box from the left of everything else that does."""
    if len(trail.items) == 2:
        return False
    last = trail.items[-2]
    others = [places[item] for item in mesh.up[trail.items[-1]] if item != last]
    return bool(others) and places[last] < min(others)


def _unlink(mesh: Mesh, trail: Trail) -> None:
    """Take the ends of a trail from its boxes: from now on they hang on lanes."""
    items = trail.items
    for above, below in {(items[0], items[1]), (items[-2], items[-1])}:
        mesh.down[above].remove(below)
        mesh.up[below].remove(above)


def _with_lanes(row: list[int], beside: dict[tuple[int, int], list[int]]) -> list[int]:
    return [
        item for box in row for item in [*reversed(beside.get((box, -1), ())), box, *beside.get((box, 1), ())]
    ]
