"""Layers: which arrows run backwards, and how far down each box stands. Boxes are numbers here."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

Pair = tuple[int, int]


def find_back_arrows(count: int, arrows: Sequence[Pair]) -> set[int]:
    """Arrows without which the graph has no cycle: they lead back to where a walk came from. By index."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    has_incoming = [False] * count
    for index, (source, target) in enumerate(arrows):
        outgoing[source].append(index)
        has_incoming[target] = True
    back: set[int] = set()
    state = [0] * count  # 0 unseen, 1 on the path, 2 done
    for root in sorted(range(count), key=has_incoming.__getitem__):
        if not state[root]:
            _walk(root, arrows, outgoing, state, back)
    return back


def _walk(
    root: int, arrows: Sequence[Pair], outgoing: list[list[int]], state: list[int], back: set[int]
) -> None:
    state[root] = 1
    path = [(root, iter(outgoing[root]))]
    while path:
        box, rest = path[-1]
        for index in rest:
            target = arrows[index][1]
            if state[target] == 1:
                back.add(index)
            elif state[target] == 0:
                state[target] = 1
                path.append((target, iter(outgoing[target])))
                break
        else:
            state[box] = 2
            path.pop()


def assign_layers(count: int, arrows: Sequence[Pair]) -> list[int]:
    """The layer of each box, from 0 without gaps; every arrow of this acyclic graph leads to a higher one."""
    successors: list[list[int]] = [[] for _ in range(count)]
    predecessors: list[int] = [0] * count
    for source, target in arrows:
        successors[source].append(target)
        predecessors[target] += 1
    layers, order = _longest_paths(successors, predecessors)
    for box in reversed(order):
        # Moving a box with more arrows out than in towards its successors shortens arrows in sum.
        if len(successors[box]) > predecessors[box]:
            layers[box] = min(layers[successor] for successor in successors[box]) - 1
    used = {layer: place for place, layer in enumerate(sorted(set(layers)))}
    return [used[layer] for layer in layers]


def _longest_paths(successors: list[list[int]], predecessors: list[int]) -> tuple[list[int], list[int]]:
    missing = list(predecessors)
    layers = [0] * len(missing)
    ready = deque(box for box, left in enumerate(missing) if not left)
    order = []
    while ready:
        box = ready.popleft()
        order.append(box)
        for successor in successors[box]:
            layers[successor] = max(layers[successor], layers[box] + 1)
            missing[successor] -= 1
            if not missing[successor]:
                ready.append(successor)
    return layers, order
