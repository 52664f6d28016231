"""Boxes and arrows in terminal cells, for graphs small enough. TangledError where cells cannot show them."""

from __future__ import annotations

from math import floor

from flowcraft_engine.drawing.arrangement import Arrangement, BoxSize, Gaps, Link, Trail, arrange
from flowcraft_engine.drawing.canvas import Canvas
from flowcraft_engine.drawing.channel import Channel, TangledError, Wire, route
from flowcraft_engine.drawing.graph_view import GraphView
from flowcraft_engine.drawing.layout import Direction, loop_order
from flowcraft_engine.drawing.text import cells, elide
from flowcraft_engine.frozen import frozen

Cell = tuple[int, int]

_LONGEST_LABEL = 24
_HEADS = {"down": "▼", "right": "►", "left": "◄", "up": "▲"}
_ASCII_HEADS = {"down": "v", "right": ">", "left": "<", "up": "^"}


@frozen
class CellBox:
    """The lines of a box, and the state that it is in, if any."""

    lines: tuple[str, ...]
    style: str = ""
    is_round: bool = False

    @property
    def width(self) -> int:
        inner = max(cells(line) for line in self.lines)
        return inner + 4 + (inner + 1) % 2  # odd: the middle is a cell

    @property
    def height(self) -> int:
        return len(self.lines) + 2


def plot_cells(view: GraphView, boxes: list[CellBox], direction: Direction, *, ascii: bool) -> Canvas:
    """Draw the boxes, which are in the order of the view. From left to right, boxes must have one line."""
    if any(arrow.source == arrow.target for arrow in view.arrows):
        raise TangledError
    return _Plot(view, boxes, turn=direction == "LR", ascii=ascii).draw()


class _Plot:
    """One drawing. `across` and `along` are cells across the layers and along their direction."""

    def __init__(self, view: GraphView, boxes: list[CellBox], *, turn: bool, ascii: bool) -> None:
        self._view = view
        self._boxes = boxes
        self._turn = turn
        self._heads = _ASCII_HEADS if ascii else _HEADS
        self._canvas = Canvas(ascii=ascii)
        self._arranged = self._arrange()
        if any(trail.is_loose for trail in self._arranged.trails):
            raise TangledError
        self._across = [floor(at) for at in self._arranged.across]
        self._fallbacks = {
            item
            for arrow, trail in zip(view.arrows, self._arranged.trails, strict=True)
            if arrow.kind == "fallback"
            for item in trail.items[1:-1]
        }
        self._channels = [self._channel(row) for row in self._arranged.mesh.rows]
        self._starts, self._ends = self._bands()

    def draw(self) -> Canvas:
        for number, box in enumerate(self._boxes):
            self._draw_box(number, box)
        for layer, channel in enumerate(self._channels[:-1]):
            self._draw_channel(layer, channel)
        for item in range(len(self._boxes), len(self._across)):
            self._pass(item)
        for arrow, trail in zip(self._view.arrows, self._arranged.trails, strict=True):
            self._draw_ends(trail)
            if trail.label is not None:
                self._draw_label(trail.label, elide(arrow.label, _LONGEST_LABEL))
        return self._canvas

    def _arrange(self) -> Arrangement:
        numbers = {box.id: number for number, box in enumerate(self._view.boxes)}
        sizes = [self._size(box.width, box.height) for box in self._boxes]
        links = []
        for arrow in self._view.arrows:
            width = cells(elide(arrow.label, _LONGEST_LABEL))
            label = self._size(width + (width + 1) % 2, 1) if arrow.label else None
            links.append(Link(numbers[arrow.source], numbers[arrow.target], label, arrow.kind == "back"))
        gaps = Gaps(2, 1) if self._turn else Gaps(3, 2)
        return arrange(sizes, links, gaps, loop_order(self._view, numbers))

    def _size(self, width: int, height: int) -> BoxSize:
        return BoxSize(height, width + 2 * (height == 1)) if self._turn else BoxSize(width, height)

    def _channel(self, row: list[int]) -> Channel:
        """The wires from this row to the next one."""
        mesh = self._arranged.mesh
        return route(
            Wire(
                item,
                lower,
                self._across[item],
                self._across[lower],
                not mesh.is_bend(item) and mesh.breadth[item] > 4,
            )
            for item in row
            for lower in mesh.down[item]
        )

    def _bands(self) -> tuple[list[int], list[int]]:
        """The first and the last cell of each layer along the direction."""
        mesh, starts, ends = self._arranged.mesh, [0], list[int]()
        for layer, row in enumerate(mesh.rows):
            ends.append(starts[-1] + int(max(mesh.depth[item] for item in row)) - 1)
            before_label = layer + 1 in self._arranged.label_layers
            room = self._channels[layer].tracks + (0 if before_label else 1)
            if self._turn:
                room += 1 + (not self._channels[layer].tracks)
            starts.append(ends[-1] + 1 + room)
        return starts, ends

    def _cell(self, across: int, along: int) -> Cell:
        return (along, across) if self._turn else (across, along)

    def _line(self, start: Cell, end: Cell, *, dashed: bool = False) -> None:
        self._canvas.line(self._cell(*start), self._cell(*end), dashed=dashed)

    def _head(self, across: int, along: int, towards: str) -> None:
        if self._turn:
            towards = {"down": "right", "left": "up", "right": "down"}[towards]
        self._canvas.write(*self._cell(across, along), self._heads[towards])

    def _depth(self, item: int) -> int:
        return int(self._arranged.mesh.depth[item])

    def _start(self, item: int) -> int:
        return self._starts[self._arranged.mesh.layer[item]]

    def _draw_box(self, number: int, box: CellBox) -> None:
        across = self._across[number] - int(self._arranged.mesh.breadth[number]) // 2
        x, y = self._cell(across, self._start(number))
        self._canvas.box(x, y, box.width, box.height, box.style, rounded=box.is_round)
        for row, line in enumerate(box.lines, 1):
            shift = (box.width - cells(line)) // 2
            self._canvas.write(x + shift, y + row, line, box.style)

    def _draw_channel(self, layer: int, channel: Channel) -> None:
        first = self._ends[layer] + 1 + self._turn
        for bundle, track in channel.bundles:
            along = first + (track or 0)
            if track is not None:
                self._line((bundle.low, along), (bundle.high, along))
            for wire in bundle.wires:
                dashed = wire.source in self._fallbacks and track is None
                self._line((wire.top, self._lower_border(wire.source)), (wire.top, along), dashed=dashed)
                self._line((wire.bottom, along), (wire.bottom, self._upper_end(wire.target)), dashed=dashed)

    def _upper_end(self, item: int) -> int:
        """A bend begins with its layer; a box has the arrow head before it."""
        return self._start(item) - (not self._arranged.mesh.is_bend(item))

    def _lower_border(self, item: int) -> int:
        """A box's own last cell; a bend reaches to the end of its layer."""
        if self._arranged.mesh.is_bend(item):
            return self._ends[self._arranged.mesh.layer[item]]
        return self._start(item) + self._depth(item) - 1

    def _pass(self, item: int) -> None:
        """Through the layer of a bend; lanes begin or end at the middle of their box."""
        across, layer = self._across[item], self._arranged.mesh.layer[item]
        start, end = self._starts[layer], self._ends[layer]
        if self._arranged.mesh.up[item] and self._arranged.mesh.down[item]:
            self._line((across, start), (across, end), dashed=item in self._fallbacks)

    def _draw_ends(self, trail: Trail) -> None:
        upper, lower = trail.items[0], trail.items[-1]
        if not trail.has_lanes:
            self._head(self._across[lower], self._start(lower) - 1, "down")
            return
        for box, lane, is_upper in ((upper, trail.items[1], True), (lower, trail.items[-2], False)):
            side = 1 if self._across[lane] > self._across[box] else -1
            border = self._across[box] + side * (int(self._arranged.mesh.breadth[box]) // 2)
            along = self._start(box) + self._depth(box) // 2
            layer = self._arranged.mesh.layer[box]
            self._line((border + side * is_upper, along), (self._across[lane], along))
            end = self._ends[layer] if is_upper else self._starts[layer]
            self._line((self._across[lane], along), (self._across[lane], end))
            if is_upper:
                self._head(border + side, along, "left" if side > 0 else "right")

    def _draw_label(self, item: int, text: str) -> None:
        along = self._start(item)
        if self._turn:
            self._canvas.write(along + 1, self._across[item], f"{text}")
        else:
            self._canvas.write(self._across[item] - cells(text) // 2, along, text)
