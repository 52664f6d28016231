"""Ordering: the sequence of items within each layer, chosen so that few arrows cross. Deterministic."""

from __future__ import annotations

from bisect import bisect_right, insort

from flowcraft_engine.drawing.mesh import Mesh

_SWEEPS = 12
_PATIENCE = 4
#: Above this many items a drawing is a map, not a picture: fewer sweeps.
_LARGE = 4_000
#: Up to this many, neighbours are exchanged; up to the last number, other starts are tried too.
_MIDDLE = 700
_SMALL = 300


def order_rows(mesh: Mesh) -> None:
    """Fill `mesh.rows`. Among equally good orders, that found from the order of the numbers is taken."""
    sweeps = 4 if len(mesh.layer) > _LARGE else _SWEEPS
    best, fewest = _improved(mesh, _first_rows(mesh, mesh.down, flipped=False), sweeps)
    if len(mesh.layer) <= _SMALL:
        for neighbours, flipped in ((mesh.down, True), (mesh.up, False), (mesh.up, True)):
            if fewest:
                rows, crossings = _improved(mesh, _first_rows(mesh, neighbours, flipped=flipped), sweeps)
                best, fewest = (rows, crossings) if crossings < fewest else (best, fewest)
    mesh.rows = best


def _improved(mesh: Mesh, start: list[list[int]], sweeps: int) -> tuple[list[list[int]], int]:
    """The best rows found on the way from these, and their crossings."""
    mesh.rows = start
    best, fewest = [list(row) for row in mesh.rows], count_crossings(mesh)
    patience = _PATIENCE
    for sweep in range(sweeps):
        if not fewest or not patience:
            break
        _sweep(mesh, downwards=sweep % 2 == 0, ties_flipped=sweep % 4 >= 2)
        if len(mesh.layer) <= _MIDDLE:
            _exchange_neighbours(mesh)
        crossings = count_crossings(mesh)
        patience -= 1
        if crossings < fewest:
            best, fewest, patience = [list(row) for row in mesh.rows], crossings, _PATIENCE
    return best, fewest


def _first_rows(mesh: Mesh, neighbours: list[list[int]], *, flipped: bool) -> list[list[int]]:
    """Items in the order of a walk through the graph, so that what belongs together begins together."""
    rows: list[list[int]] = [[] for _ in range(max(mesh.layer, default=-1) + 1)]
    seen = [False] * len(mesh.layer)
    sign = 1 if neighbours is mesh.down else -1
    for root in sorted(range(len(mesh.layer)), key=lambda item: (sign * mesh.layer[item], item)):
        open_ends = [root]
        while open_ends:
            item = open_ends.pop()
            if seen[item]:
                continue
            seen[item] = True
            rows[mesh.layer[item]].append(item)
            open_ends.extend(neighbours[item] if flipped else reversed(neighbours[item]))
    return rows


def _sweep(mesh: Mesh, *, downwards: bool, ties_flipped: bool) -> None:
    """Put each item at the mean place of its neighbours in the layer before."""
    places = mesh.places()
    neighbours = mesh.up if downwards else mesh.down
    for row in mesh.rows if downwards else reversed(mesh.rows):
        weights = {}
        for place, item in enumerate(row):
            around = neighbours[item]
            weights[item] = sum(places[other] for other in around) / len(around) if around else place
        if ties_flipped:
            row.reverse()
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
