"""The channel: straight lines between two rows of a terminal drawing, each bundle on a track of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowcraft_engine.frozen import frozen


class TangledError(Exception):
    """These lines cannot be told apart in cells; the caller draws a list instead."""


@frozen
class Wire:
    """One line: where it starts in the upper row, where it ends in the lower one, and between which items."""

    source: int
    target: int
    top: int
    bottom: int
    #: Its upper end may be moved a little: it is the border of a box.
    is_movable: bool = False


@frozen
class Bundle:
    """Wires that share one track because each of its upper ends is joined to each of its lower ends."""

    wires: tuple[Wire, ...]

    @property
    def tops(self) -> frozenset[int]:
        return frozenset(wire.top for wire in self.wires)

    @property
    def bottoms(self) -> frozenset[int]:
        return frozenset(wire.bottom for wire in self.wires)

    @property
    def low(self) -> int:
        return min(self.tops | self.bottoms)

    @property
    def high(self) -> int:
        return max(self.tops | self.bottoms)

    @property
    def is_straight(self) -> bool:
        return self.low == self.high

    def moved(self, by: int) -> Bundle:
        """Moved once, a bundle stays: another step could lead past the border of its box."""
        wires = (replace(wire, top=wire.top + by, is_movable=False) for wire in self.wires)
        return Bundle(tuple(wires))


@frozen
class Channel:
    """Bundles with the number of their tracks, from 0; straight ones need none."""

    bundles: tuple[tuple[Bundle, int | None], ...]
    tracks: int


def route(wires: Iterable[Wire]) -> Channel:
    """Give every bundle a track so that no two bundles run along the same cells.

    Raises TangledError when that would need lines with more than two corners.
    """
    bundles = _bundles(wires)
    while True:
        order, knot = _ordered(bundles)
        if not knot:
            return _assigned(bundles, order)
        number = next((number for number in knot if _is_movable(bundles[number])), None)
        if number is None:
            raise TangledError
        bundles[number] = _away(bundles, number)


def _bundles(wires: Iterable[Wire]) -> list[Bundle]:
    by_source: dict[int, list[Wire]] = {}
    for wire in wires:
        by_source.setdefault(wire.source, []).append(wire)
    by_targets: dict[frozenset[int], list[Wire]] = {}
    for group in by_source.values():
        by_targets.setdefault(frozenset(wire.target for wire in group), []).extend(group)
    return [Bundle(tuple(group)) for group in by_targets.values()]


def _ordered(bundles: list[Bundle]) -> tuple[list[int], list[int]]:
    """Numbers of bundles from the upper tracks to the lower ones; and those that wait for each other."""
    before = [_above(bundles, number) for number in range(len(bundles))]
    order: list[int] = []
    left = set(range(len(bundles)))
    while left:
        free = [number for number in left if not before[number] & left]
        if not free:
            return order, sorted(left)
        order += sorted(free, key=lambda number: (bundles[number].low, number))
        left -= set(free)
    return order, []


def _above(bundles: list[Bundle], number: int) -> set[int]:
    """Bundles that start where this one ends: they must have left that column before."""
    bottoms = bundles[number].bottoms
    return {other for other, bundle in enumerate(bundles) if other != number and bundle.tops & bottoms}


def _is_movable(bundle: Bundle) -> bool:
    return len(bundle.tops) == 1 and all(wire.is_movable for wire in bundle.wires)


def _away(bundles: list[Bundle], number: int) -> Bundle:
    """The bundle, its upper end one cell aside, where no other bundle ends."""
    bundle = bundles[number]
    occupied = set[int]().union(*(b.tops | b.bottoms for n, b in enumerate(bundles) if n != number))
    for by in (1, -1):
        if not bundle.moved(by).tops & occupied:
            return bundle.moved(by)
    raise TangledError


def _assigned(bundles: list[Bundle], order: list[int]) -> Channel:
    tracks: list[list[Bundle]] = []
    track_of: dict[int, int] = {}
    for number in order:
        bundle = bundles[number]
        if bundle.is_straight:
            continue
        track = max(
            (track_of[other] + 1 for other in _above(bundles, number) if other in track_of), default=0
        )
        while track < len(tracks) and any(_touch(bundle, other) for other in tracks[track]):
            track += 1
        if track == len(tracks):
            tracks.append([])
        tracks[track].append(bundle)
        track_of[number] = track
    placed = tuple((bundle, track_of.get(number)) for number, bundle in enumerate(bundles))
    return Channel(placed, len(tracks))


def _touch(one: Bundle, other: Bundle) -> bool:
    return one.low <= other.high + 1 and other.low <= one.high + 1
