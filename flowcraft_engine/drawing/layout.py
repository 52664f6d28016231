"""The layout: where every box, arrow and label of a graph view stands, in units of the caller's sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flowcraft_engine.drawing.arrangement import Arrangement, BoxSize, Gaps, Link, Trail, arrange
from flowcraft_engine.drawing.graph_view import Arrow, GraphView
from flowcraft_engine.frozen import frozen

Direction = Literal["TB", "LR"]
Point = tuple[float, float]
Size = tuple[float, float]

#: Distances in pixels: between boxes and between lines of a layer, and between layers.
_GAPS = Gaps(box=30, bend=18)
_LAYER_GAP = 44.0
_STEEPEST = 84.0
_LABEL_GAP = 20.0
_ARROW_GAP = 30.0
_GUTTER = 26.0
#: The last piece before a box, straight so that the arrow head is seen.
_HEAD = 12.0


@frozen
class Place:
    """Where a box stands: its left upper corner, its size and its layer."""

    x: float
    y: float
    width: float
    height: float
    layer: int

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def meets(self, other: Place) -> bool:
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )


@frozen
class Route:
    """The way of an arrow, from the border of its source to that of its target.

    `is_curve[i]` tells whether the piece from point i to the next one may be drawn as a curve along the
    layers' direction: there is nothing but other arrows around it.
    """

    points: tuple[Point, ...]
    is_curve: tuple[bool, ...]
    label_at: Point | None = None


@frozen
class Layout:
    """Places by node id, routes in the order of the view's arrows. All lies within `width` and `height`."""

    places: dict[str, Place]
    routes: tuple[Route, ...]
    clusters: dict[str, Place]
    width: float
    height: float


def lay_out(
    view: GraphView, sizes: Mapping[str, Size], labels: Mapping[Arrow, Size], direction: Direction = "TB"
) -> Layout:
    """Lay out a view whose boxes and labels have these sizes (width, height)."""
    numbers = {box.id: number for number, box in enumerate(view.boxes)}
    turn = direction == "LR"
    boxes = [_size(sizes[box.id], turn) for box in view.boxes]
    links = [
        Link(
            numbers[arrow.source],
            numbers[arrow.target],
            _size(labels[arrow], turn) if arrow in labels else None,
            arrow.kind == "back",
        )
        for arrow in view.arrows
    ]
    arranged = arrange(boxes, links, _GAPS, loop_order(view, numbers))
    return _Plotter(view, arranged, turn).plot()


def loop_order(view: GraphView, numbers: Mapping[str, int]) -> list[tuple[int, int]]:
    """What follows a loop is to stand below the loop's last node."""
    ends = {cluster.controller: cluster for cluster in view.clusters if cluster.end in numbers}
    return [
        (numbers[cluster.end], numbers[arrow.target])
        for arrow in view.arrows
        if (cluster := ends.get(arrow.source)) and arrow.target not in cluster.members
    ]


def _size(size: Size, turn: bool) -> BoxSize:
    return BoxSize(size[1], size[0]) if turn else BoxSize(*size)


class _Plotter:
    """Turns one arrangement into coordinates: `along` the layers' direction and `across` it."""

    def __init__(self, view: GraphView, arranged: Arrangement, turn: bool) -> None:
        self._view = view
        self._arranged = arranged
        self._turn = turn
        self._across = arranged.across
        self._breadth = max(
            (at + size / 2 for at, size in zip(self._across, arranged.mesh.breadth, strict=True)), default=0.0
        )
        self._starts, self._ends = self._bands()

    def plot(self) -> Layout:
        places = {box.id: self._place(number) for number, box in enumerate(self._view.boxes)}
        routes = tuple(self._route(trail) for trail in self._arranged.trails)
        depth = self._ends[-1] if self._ends else 0.0
        if any(trail.is_loose for trail in self._arranged.trails):
            self._breadth += 2 * _GUTTER
        clusters = self._clusters(places)
        return _framed(Layout(places, routes, clusters, *self._turned(self._breadth, depth)))

    def _bands(self) -> tuple[list[float], list[float]]:
        """Where each layer starts and ends along the direction."""
        mesh = self._arranged.mesh
        starts: list[float] = []
        ends: list[float] = []
        for layer, row in enumerate(mesh.rows):
            start = ends[-1] + self._gap_before(layer) if ends else 0.0
            starts.append(start)
            ends.append(start + max((mesh.depth[item] for item in row), default=0.0))
        return starts, ends

    def _gap_before(self, layer: int) -> float:
        label_layers = self._arranged.label_layers
        if layer in label_layers:
            return _LABEL_GAP
        mesh = self._arranged.mesh
        slant = max(
            (abs(self._across[item] - self._across[up]) for item in mesh.rows[layer] for up in mesh.up[item]),
            default=0.0,
        )
        least = _ARROW_GAP if layer - 1 in label_layers else _LAYER_GAP
        return min(_STEEPEST, least + slant / 12)

    def _turned(self, across: float, along: float) -> Point:
        return (along, across) if self._turn else (across, along)

    def _along(self, item: int) -> float:
        layer = self._arranged.mesh.layer[item]
        return (self._starts[layer] + self._ends[layer]) / 2

    def _border(self, item: int, sign: int) -> float:
        return self._along(item) + sign * self._arranged.mesh.depth[item] / 2

    def _place(self, item: int) -> Place:
        mesh = self._arranged.mesh
        x, y = self._turned(self._across[item] - mesh.breadth[item] / 2, self._border(item, -1))
        return Place(x, y, *self._turned(mesh.breadth[item], mesh.depth[item]), mesh.layer[item])

    def _route(self, trail: Trail) -> Route:
        if trail.is_loose:
            points, curves = self._round_trip(trail)
        elif trail.items[0] == trail.items[-1]:
            points, curves = self._self_loop(trail)
        elif trail.has_lanes:
            points, curves = self._lane_points(trail)
        else:
            points, curves = self._points(trail.items)
        if trail.is_turned:
            points, curves = points[::-1], curves[::-1]
        label = trail.label
        label_at = None if label is None else self._turned(self._across[label], self._along(label))
        return Route(tuple(self._turned(*point) for point in points), tuple(curves), label_at)

    def _points(self, items: list[int]) -> tuple[list[Point], list[bool]]:
        """From the lower border of the first item, through each band, to the upper border of the last."""
        layer = self._arranged.mesh.layer
        first, last = items[0], items[-1]
        points = [
            (self._across[first], self._border(first, 1)),
            (self._across[first], self._ends[layer[first]]),
        ]
        for item in items[1:-1]:
            points.append((self._across[item], self._starts[layer[item]]))
            points.append((self._across[item], self._ends[layer[item]]))
        points.append((self._across[last], self._starts[layer[last]] - _HEAD))
        points.append((self._across[last], self._border(last, -1)))
        return points, [number % 2 == 1 for number in range(len(points) - 1)]

    def _lane_points(self, trail: Trail) -> tuple[list[Point], list[bool]]:
        upper, lower = trail.items[0], trail.items[-1]
        points, curves = self._points(trail.items[1:-1])  # from lane to lane
        head = [(self._side(upper, trail.items[1]), self._along(upper)), (points[0][0], self._along(upper))]
        tail = [(points[-1][0], self._along(lower)), (self._side(lower, trail.items[-2]), self._along(lower))]
        return [*head, *points[1:-1], *tail], [False, *curves, False]

    def _side(self, box: int, lane: int) -> float:
        half = self._arranged.mesh.breadth[box] / 2
        return self._across[box] + (half if self._across[lane] > self._across[box] else -half)

    def _self_loop(self, trail: Trail) -> tuple[list[Point], list[bool]]:
        box, lane = trail.items[0], trail.items[1]
        side, quarter = self._side(box, lane), self._arranged.mesh.depth[box] / 4
        low, high = self._along(box) + quarter, self._along(box) - quarter
        at = self._across[lane]
        return [(side, low), (at, low), (at, high), (side, high)], [False] * 3

    def _round_trip(self, trail: Trail) -> tuple[list[Point], list[bool]]:
        """Between the layers to the outer border, along it, and between the layers to the other box."""
        upper, lower = trail.items[0], trail.items[-1]
        layer = self._arranged.mesh.layer
        out = self._ends[layer[upper]] + _LABEL_GAP / 2
        back = self._starts[layer[lower]] - _LABEL_GAP / 2
        at = self._breadth + _GUTTER
        points = [
            (self._across[upper], self._border(upper, 1)),
            (self._across[upper], out),
            (at, out),
            (at, back),
            (self._across[lower], back),
            (self._across[lower], self._border(lower, -1)),
        ]
        return points, [False] * 5

    def _clusters(self, places: dict[str, Place]) -> dict[str, Place]:
        """Frames round loops; a loop with a stranger among its nodes gets none."""
        frames = {}
        for cluster in self._view.clusters:
            members = [places[name] for name in cluster.members if name in places]
            nested = sum(1 for other in self._view.clusters if other.members < cluster.members)
            margin = 12.0 + 6.0 * min(nested, 3)
            items = self._lanes_of(cluster.members)
            frame = _frame(
                members, [self._turned(self._across[item], self._along(item)) for item in items], margin
            )
            strangers = (place for name, place in places.items() if name not in cluster.members)
            if not any(frame.meets(place) for place in strangers):
                frames[cluster.controller] = frame
        return frames

    def _lanes_of(self, members: frozenset[str]) -> list[int]:
        """The bends of those arrows back that stay within the loop."""
        return [
            item
            for arrow, trail in zip(self._view.arrows, self._arranged.trails, strict=True)
            if trail.is_turned and arrow.source in members and arrow.target in members
            for item in trail.items[1:-1]
        ]


def _frame(members: list[Place], bends: list[Point], margin: float) -> Place:
    x = min([*(place.x for place in members), *(point[0] for point in bends)]) - margin
    y = min([*(place.y for place in members), *(point[1] for point in bends)]) - margin
    right = max([*(place.right for place in members), *(point[0] for point in bends)]) + margin
    bottom = max([*(place.bottom for place in members), *(point[1] for point in bends)]) + margin
    return Place(x, y, right - x, bottom - y, -1)


def _framed(layout: Layout) -> Layout:
    """Widen the drawing, and move it, so that frames round loops are inside too."""
    frames = layout.clusters.values()
    left = min([0.0, *(frame.x for frame in frames)])
    top = min([0.0, *(frame.y for frame in frames)])
    right = max([layout.width, *(frame.right for frame in frames)])
    bottom = max([layout.height, *(frame.bottom for frame in frames)])
    if (left, top, right, bottom) == (0.0, 0.0, layout.width, layout.height):
        return layout

    def moved(place: Place) -> Place:
        return Place(place.x - left, place.y - top, place.width, place.height, place.layer)

    def shifted(route: Route) -> Route:
        at = route.label_at
        points = tuple((x - left, y - top) for x, y in route.points)
        return Route(points, route.is_curve, at and (at[0] - left, at[1] - top))

    return Layout(
        {name: moved(place) for name, place in layout.places.items()},
        tuple(shifted(route) for route in layout.routes),
        {name: moved(frame) for name, frame in layout.clusters.items()},
        right - left,
        bottom - top,
    )
