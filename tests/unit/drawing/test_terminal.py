"""Lines in terminal cells can be told apart, and every node is shown, as a box or in the list."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec
from flowcraft_engine.drawing import draw
from flowcraft_engine.drawing.channel import TangledError, Wire, route

#: Columns are unique per item of a row, as in a drawing.
rows = st.lists(st.integers(0, 40).map(lambda n: 3 * n), min_size=1, max_size=6, unique=True)


@settings(max_examples=400, deadline=None)
@given(st.data(), rows, rows)
def test_lines_of_different_bundles_never_run_along_the_same_cells(
    data: st.DataObject, tops: list[int], bottoms: list[int]
) -> None:
    ends = st.tuples(st.integers(0, len(tops) - 1), st.integers(0, len(bottoms) - 1))
    links = data.draw(st.lists(ends, min_size=1, max_size=10, unique=True))
    wires = [Wire(a, 100 + b, tops[a], bottoms[b], is_movable=True) for a, b in links]
    try:
        channel = route(wires)
    except TangledError:
        return
    placed = [(bundle, -1 if track is None else track) for bundle, track in channel.bundles]
    assert sorted(wire.target for bundle, _ in placed for wire in bundle.wires) == sorted(
        w.target for w in wires
    )
    for n, (one, track) in enumerate(placed):
        for other, other_track in placed[n + 1 :]:
            if track == other_track >= 0:
                assert one.high < other.low or other.high < one.low
            assert not (one.bottoms & other.tops) or other_track < track or one.is_straight
            assert not (other.bottoms & one.tops) or track < other_track or other.is_straight


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 12), st.data(), st.sampled_from(["TB", "LR"]), st.integers(30, 250))
def test_every_node_is_shown_at_every_width(
    count: int, data: st.DataObject, direction: str, width: int
) -> None:
    number = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(number, number), max_size=20))
    blueprint = Blueprint(
        id="g",
        nodes=tuple(NodeSpec(id=f"node{n}", uses="task") for n in range(count)),
        edges=tuple(EdgeSpec(source=f"node{a}", target=f"node{b}") for a, b in pairs),
    )
    text = draw(blueprint, "terminal", width=width, direction=direction)  # type: ignore[arg-type]  # one of two
    assert {f"node{n}" for n in range(count)} <= set(re.findall(r"node\d+", text))
    if "┌" in text:
        heads = sum(text.count(head) for head in "▼►◄▲")
        assert heads <= len(set(pairs))


def test_a_diamond_is_drawn_with_boxes_and_arrows(samples: dict[str, Blueprint]) -> None:
    assert draw(samples["diamond"], "terminal").splitlines() == [
        "    ┌───┐",
        "    │ a │",
        "    └─┬─┘",
        "  ┌───┴───┐",
        "  ▼       ▼",
        "┌───┐   ┌───┐",
        "│ b │   │ c │",
        "└─┬─┘   └─┬─┘",
        "  └───┬───┘",
        "      ▼",
        "    ┌───┐",
        "    │ d │",
        "    └───┘",
    ]


@pytest.mark.parametrize("name", ["pipeline", "kinds"])
def test_what_is_too_wide_becomes_a_list_that_fits(name: str, samples: dict[str, Blueprint]) -> None:
    text = draw(samples[name], "terminal", width=36)
    assert "┌" not in text and "└─►" in text
    assert max(map(len, text.splitlines())) <= 36


def test_two_crossing_arrows_are_led_round_each_other() -> None:
    edges = ["ad", "bc", "ac", "be"]
    blueprint = Blueprint(
        id="cross",
        nodes=tuple(NodeSpec(id=name, uses="task") for name in "abcde"),
        edges=tuple(EdgeSpec(source=a, target=b) for a, b in edges),
    )
    text = draw(blueprint, "terminal")
    assert text.count("▼") == 3


def test_nothing_heavy_is_needed() -> None:
    import subprocess
    import sys

    heavy = {"rich", "http.client", "urllib.request", "asyncio"}
    code = f"import sys, flowcraft_engine.drawing; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
