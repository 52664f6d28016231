"""The mesh: boxes and the bends of long arrows in layers, with links between neighbouring layers only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Mesh:
    """Items are numbers: the first `box_count` are boxes, the others places where an arrow passes a layer."""

    box_count: int
    layer: list[int]
    #: Extent of each item across the layers (a half on either side), and along them.
    breadth: list[float]
    depth: list[float]
    up: list[list[int]] = field(default_factory=list)
    down: list[list[int]] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)

    @classmethod
    def of_boxes(cls, layer: list[int], breadth: list[float], depth: list[float]) -> Mesh:
        count = len(layer)
        mesh = cls(count, list(layer), list(breadth), list(depth))
        mesh.up = [[] for _ in range(count)]
        mesh.down = [[] for _ in range(count)]
        return mesh

    def add_bend(self, layer: int, breadth: float = 0, depth: float = 0) -> int:
        self.layer.append(layer)
        self.breadth.append(breadth)
        self.depth.append(depth)
        self.up.append([])
        self.down.append([])
        return len(self.layer) - 1

    def link(self, upper: int, lower: int) -> None:
        self.down[upper].append(lower)
        self.up[lower].append(upper)

    def is_bend(self, item: int) -> bool:
        return item >= self.box_count

    def places(self) -> list[int]:
        """The place of each item in its row."""
        places = [0] * len(self.layer)
        for row in self.rows:
            for place, item in enumerate(row):
                places[item] = place
        return places
