"""Ordering: the sequence of items within each layer, chosen so that few arrows cross. Deterministic."""

from __future__ import annotations

from bisect import bisect_right, insort

from flowcraft_engine.drawing.mesh import Mesh

_SWEEPS = 12
_PATIENCE = 4
#: Above this many items a drawing is a map, not a picture: fewer sweeps, no exchanging of neighbours.
_LARGE = 4_000
_SMALL = 700


def order_rows(mesh: Mesh) -> None:
    """Fill `mesh.rows`."""
    mesh.rows = _first_rows(mesh)
    best, fewest = [list(row) for row in mesh.rows], count_crossings(mesh)
    patience, large = _PATIENCE, len(mesh.layer) > _LARGE
    for sweep in range(4 if large else _SWEEPS):
        if not fewest or not patience:
            break
        _sweep(mesh, downwards=sweep % 2 == 0)
        if len(mesh.layer) <= _SMALL:
            _exchange_neighbours(mesh)
        crossings = count_crossings(mesh)
        patience -= 1
        if crossings < fewest:
            best, fewest, patience = [list(row) for row in mesh.rows], crossings, _PATIENCE
    mesh.rows = best


def _first_rows(mesh: Mesh) -> list[list[int]]:
    """Items in the order of a walk through the graph, so that what belongs together begins together."""
    rows: list[list[int]] = [[] for _ in range(max(mesh.layer, default=-1) + 1)]
    seen = [False] * len(mesh.layer)
    roots = sorted(range(len(mesh.layer)), key=lambda item: (mesh.layer[item], item))
    for root in roots:
        open_ends = [root]
        while open_ends:
            item = open_ends.pop()
            if seen[item]:
                continue
            seen[item] = True
            rows[mesh.layer[item]].append(item)
            open_ends.extend(reversed(mesh.down[item]))
    return rows


def _sweep(mesh: Mesh, *, downwards: bool) -> None:
    """Put each item at the mean place of its neighbours in the layer before."""
    places = mesh.places()
    neighbours = mesh.up if downwards else mesh.down
    for row in mesh.rows if downwards else reversed(mesh.rows):
        weights = {}
        for place, item in enumerate(row):
            around = neighbours[item]
            weights[item] = sum(places[other] for other in around) / len(around) if around else place
        row.sort(key=weights.__getitem__)
        for place, item in enumerate(row):
            places[item] = place


def _exchange_neighbours(mesh: Mesh) -> None:
    """Swap items that stand side by side while that removes crossings."""
    places = mesh.places()
    for _ in range(4):
        improved = False
        for row in mesh.rows:
            for place in range(len(row) - 1):
                left, right = row[place], row[place + 1]
                if _gain(mesh, places, left, right) > 0:
                    row[place], row[place + 1] = right, left
                    places[left], places[right] = place + 1, place
                    improved = True
        if not improved:
            return


def _gain(mesh: Mesh, places: list[int], left: int, right: int) -> int:
    gain = 0
    for neighbours in (mesh.up, mesh.down):
        lefts = [places[item] for item in neighbours[left]]
        for other in neighbours[right]:
            at = places[other]
            gain += sum((place > at) - (place < at) for place in lefts)
    return gain


def count_crossings(mesh: Mesh) -> int:
    """How many pairs of links cross."""
    places = mesh.places()
    crossings = 0
    for row in mesh.rows:
        passed: list[int] = []
        for item in row:
            ends = sorted(places[lower] for lower in mesh.down[item])
            crossings += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return crossings
