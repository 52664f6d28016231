"""Alignment: where items stand across the layers. Long arrows become straight, parents stand over children.

After Brandes and Köpf (2001): four extreme assignments (leaning up or down, left or right), each made of
vertical blocks pushed together, and for every item the mean of the two middle ones. A monotone mean of
assignments that keep the distances keeps them too, so no two items of a layer ever overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from flowcraft_engine.drawing.mesh import Mesh

Distance = Callable[[int, int], float]
Link = tuple[int, int]


def align(mesh: Mesh, box_gap: float, bend_gap: float) -> list[float]:
    """The centre of each item across the layers; neighbours keep their gaps, the smallest border is 0."""
    if not mesh.layer:
        return []

    def distance(left: int, right: int) -> float:
        gaps = sum(bend_gap if mesh.is_bend(item) else box_gap for item in (left, right))
        return (mesh.breadth[left] + mesh.breadth[right] + gaps) / 2

    conflicts = _conflicts(mesh)
    candidates = [
        _lean(mesh, conflicts, distance, upwards=upwards, mirrored=mirrored)
        for upwards in (True, False)
        for mirrored in (False, True)
    ]
    return _balance(candidates, mesh.breadth)


def _conflicts(mesh: Mesh) -> set[Link]:
    """Links that cross a link between two bends; the latter, parts of long arrows, have the right of way."""
    places = mesh.places()
    found: set[Link] = set()
    for row in mesh.rows[1:]:
        low, scanned, last = 0, 0, len(row) - 1
        for place, item in enumerate(row):
            inner = next((up for up in mesh.up[item] if mesh.is_bend(item) and mesh.is_bend(up)), None)
            if inner is None and place != last:
                continue
            high = places[inner] if inner is not None else len(mesh.rows[mesh.layer[item] - 1])
            for lower in row[scanned : place + 1]:
                for upper in mesh.up[lower]:
                    if not low <= places[upper] <= high and not (mesh.is_bend(upper) and mesh.is_bend(lower)):
                        found.add((upper, lower))
            scanned, low = place + 1, high
    return found


def _lean(
    mesh: Mesh, conflicts: set[Link], distance: Distance, *, upwards: bool, mirrored: bool
) -> list[float]:
    rows = [row[::-1] for row in mesh.rows] if mirrored else mesh.rows
    root = _blocks(mesh, rows, conflicts, upwards=upwards)
    centres = _push_together(rows, root, distance)
    return [-centre for centre in centres] if mirrored else centres


def _blocks(mesh: Mesh, rows: list[list[int]], conflicts: set[Link], *, upwards: bool) -> list[int]:
    """The block of each item, named by its first member: each item joins a middle neighbour if it can."""
    count = len(mesh.layer)
    root = list(range(count))
    taken = [False] * count
    places = [0] * count
    for row in rows:
        for place, item in enumerate(row):
            places[item] = place
    neighbours = mesh.up if upwards else mesh.down
    for row in rows if upwards else reversed(rows):
        last = -1
        for item in row:
            around = sorted(neighbours[item], key=places.__getitem__)
            middle = (len(around) - 1) // 2
            for other in around[middle : len(around) // 2 + 1]:
                link = (other, item) if upwards else (item, other)
                if root[item] == item and not taken[other] and places[other] > last and link not in conflicts:
                    root[item], taken[other], last = root[other], True, places[other]
    return root


def _push_together(rows: list[list[int]], root: list[int], distance: Distance) -> list[float]:
    """Each block as far to the start as its neighbours let it, then as near to those after it as it can."""
    before: dict[int, dict[int, float]] = {}
    after: dict[int, dict[int, float]] = {}
    for row in rows:
        for left, right in pairwise(row):
            a, b = root[left], root[right]
            gap = max(distance(left, right), after.get(a, {}).get(b, 0.0))
            after.setdefault(a, {})[b] = gap
            before.setdefault(b, {})[a] = gap
    order = _in_order(set(root), before, after)
    at: dict[int, float] = {}
    for block in order:
        at[block] = max((at[left] + gap for left, gap in before.get(block, {}).items()), default=0.0)
    for block in reversed(order):
        rights = after.get(block)
        if rights:
            at[block] = max(at[block], min(at[right] - gap for right, gap in rights.items()))
    return [at[block] for block in root]


def _in_order(
    blocks: set[int], before: dict[int, dict[int, float]], after: dict[int, dict[int, float]]
) -> list[int]:
    missing = {block: len(before.get(block, ())) for block in sorted(blocks)}
    order = [block for block, left in missing.items() if not left]
    for block in order:
        for right in after.get(block, ()):
            missing[right] -= 1
            if not missing[right]:
                order.append(right)
    return order


def _balance(candidates: list[list[float]], breadth: list[float]) -> list[float]:
    """Lay the four over the narrowest one and take the mean of the two middle values of each item."""
    half = [value / 2 for value in breadth]
    borders = [
        (
            min(at - side for at, side in zip(candidate, half, strict=True)),
            max(at + side for at, side in zip(candidate, half, strict=True)),
        )
        for candidate in candidates
    ]
    left, right = min(borders, key=lambda border: border[1] - border[0])
    for number, (candidate, border) in enumerate(zip(candidates, borders, strict=True)):
        shift = left - border[0] if number % 2 == 0 else right - border[1]
        candidate[:] = [at + shift for at in candidate]
    middle = [sum(sorted(values)[1:3]) / 2 for values in zip(*candidates, strict=True)]
    start = min(at - side for at, side in zip(middle, half, strict=True))
    return [at - start for at in middle]
