"""What every layout promises, on graphs of any shape, faulty ones included."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec
from flowcraft_engine.drawing.arrangement import BoxSize, Gaps, Link, arrange
from flowcraft_engine.drawing.graph_view import GraphView, view_of
from flowcraft_engine.drawing.layout import Direction, Layout, Place, Point, loop_order
from flowcraft_engine.drawing.ordering import count_crossings
from flowcraft_engine.drawing.svg import plan_cards


@st.composite
def graphs(draw: st.DrawFn, acyclic: bool = False) -> Blueprint:
    count = draw(st.integers(1, 14))
    number = st.integers(0, count - 1)
    labels = st.sampled_from([None, None, None, "ok", "a rather long action"])
    pairs = draw(st.lists(st.tuples(number, number, labels), max_size=30))
    if acyclic:
        pairs = [(min(a, b), max(a, b), label) for a, b, label in pairs if a != b]
    names = draw(st.lists(st.integers(1, 30), min_size=count, max_size=count))
    ids = [f"{'x' * length}{n}" for n, length in enumerate(names)]
    return Blueprint(
        id="graph",
        nodes=tuple(NodeSpec(id=name, uses="task") for name in ids),
        edges=tuple(EdgeSpec(source=ids[a], target=ids[b], action=label) for a, b, label in pairs),
    )


directions = st.sampled_from(["TB", "LR"])


def laid_out(blueprint: Blueprint, direction: Direction) -> tuple[GraphView, Layout]:
    view = view_of(blueprint)
    return view, plan_cards(view, None, direction)[1]


@settings(max_examples=150, deadline=None)
@given(graphs(), directions)
def test_no_two_boxes_overlap_and_all_are_inside(blueprint: Blueprint, direction: Direction) -> None:
    _, layout = laid_out(blueprint, direction)
    for one, other in combinations(layout.places.values(), 2):
        assert not one.meets(other)
    for place in layout.places.values():
        assert place.x > -0.01 and place.y > -0.01
        assert place.right < layout.width + 0.01 and place.bottom < layout.height + 0.01


@settings(max_examples=150, deadline=None)
@given(graphs(), directions)
def test_every_arrow_goes_from_the_border_of_its_source_to_that_of_its_target(
    blueprint: Blueprint, direction: Direction
) -> None:
    view, layout = laid_out(blueprint, direction)
    for arrow, route in zip(view.arrows, layout.routes, strict=True):
        assert on_border(route.points[0], layout.places[arrow.source])
        assert on_border(route.points[-1], layout.places[arrow.target])


@settings(max_examples=150, deadline=None)
@given(graphs(), directions)
def test_no_arrow_runs_through_a_box(blueprint: Blueprint, direction: Direction) -> None:
    _, layout = laid_out(blueprint, direction)
    for route in layout.routes:
        for (x1, y1), (x2, y2) in pairwise(route.points):
            way = Place(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2), 0)
            for box in layout.places.values():
                inner = Place(box.x + 0.1, box.y + 0.1, box.width - 0.2, box.height - 0.2, 0)
                assert not way.meets(inner)


@settings(max_examples=150, deadline=None)
@given(graphs(), directions)
def test_labels_overlap_neither_boxes_nor_each_other(blueprint: Blueprint, direction: Direction) -> None:
    view, layout = laid_out(blueprint, direction)
    spots = []
    for arrow, route in zip(view.arrows, layout.routes, strict=True):
        if arrow.label and arrow.source != arrow.target:
            assert route.label_at is not None
            x, y = route.label_at
            spots.append(Place(x - 10, y - 8, 20, 16, 0))
    for one, other in combinations([*spots, *layout.places.values()], 2):
        assert not one.meets(other)


@settings(max_examples=150, deadline=None)
@given(graphs(acyclic=True), directions)
def test_layers_increase_along_every_arrow_of_an_acyclic_graph(
    blueprint: Blueprint, direction: Direction
) -> None:
    view, layout = laid_out(blueprint, direction)
    for arrow in view.arrows:
        assert layout.places[arrow.source].layer < layout.places[arrow.target].layer


@settings(max_examples=60, deadline=None)
@given(graphs(acyclic=True), st.randoms(use_true_random=False))
def test_the_sequence_of_edges_does_not_change_layers_and_that_of_nodes_neither(
    blueprint: Blueprint, random: object
) -> None:
    _, layout = laid_out(blueprint, "TB")
    nodes, edges = list(blueprint.nodes), list(blueprint.edges)
    random.shuffle(nodes)  # type: ignore[attr-defined]  # Hypothesis calls its generators of random objects so
    random.shuffle(edges)  # type: ignore[attr-defined]
    shuffled = blueprint.model_copy(update={"nodes": tuple(nodes), "edges": tuple(edges)})
    _, again = laid_out(shuffled, "TB")
    assert {n: p.layer for n, p in layout.places.items()} == {n: p.layer for n, p in again.places.items()}


@settings(max_examples=60, deadline=None)
@given(graphs(), directions)
def test_the_same_graph_is_laid_out_the_same_way_twice(blueprint: Blueprint, direction: Direction) -> None:
    assert laid_out(blueprint, direction) == laid_out(blueprint, direction)


def test_a_chain_is_straight_and_a_parent_stands_over_the_middle_of_its_children(
    samples: dict[str, Blueprint],
) -> None:
    _, chain = laid_out(samples["chain"], "TB")
    assert len({round(place.x + place.width / 2, 3) for place in chain.places.values()}) == 1
    _, diamond = laid_out(samples["diamond"], "TB")
    a, b, c, d = (place.x + place.width / 2 for place in diamond.places.values())
    assert a == d == pytest.approx((b + c) / 2)


def test_what_follows_a_loop_stands_below_its_body(samples: dict[str, Blueprint]) -> None:
    _, layout = laid_out(samples["loops"], "TB")
    assert layout.places["report"].y > layout.places["store"].bottom
    assert set(layout.clusters) == {"inner", "outer"}


@pytest.mark.parametrize("shape", ["chain", "fan", "all_to_last", "cycles"])
def test_ten_thousand_nodes_do_not_explode(shape: str) -> None:
    count = 10_000
    pairs = {
        "chain": [(n, n + 1) for n in range(count - 1)],
        "fan": [(0, n) for n in range(1, count - 1)] + [(n, count - 1) for n in range(1, count - 1)],
        "all_to_last": [(n, m) for n in range(count - 2) for m in (n + 1, count - 1)],
        "cycles": [(n, (n * 7919 + 13) % count) for n in range(count)],
    }[shape]
    blueprint = Blueprint(
        id=shape,
        nodes=tuple(NodeSpec(id=f"n{n}", uses="task") for n in range(count)),
        edges=tuple(EdgeSpec(source=f"n{a}", target=f"n{b}") for a, b in pairs),
    )
    started = time.process_time()
    _, layout = laid_out(blueprint, "TB")
    assert time.process_time() - started < 20
    assert len(layout.places) == count


def on_border(point: Point, place: Place) -> bool:
    x, y = point
    inside = place.x - 0.01 <= x <= place.right + 0.01 and place.y - 0.01 <= y <= place.bottom + 0.01
    at_x = min(abs(x - place.x), abs(x - place.right)) < 0.01
    at_y = min(abs(y - place.y), abs(y - place.bottom)) < 0.01
    return inside and (at_x or at_y)


def test_four_hundred_nodes_are_laid_out_at_once() -> None:
    pairs = [(max(0, n - 1 - step * n % 29), n) for n in range(1, 400) for step in (7, 11)]
    blueprint = Blueprint(
        id="many",
        nodes=tuple(NodeSpec(id=f"n{n}", uses="task") for n in range(400)),
        edges=tuple(EdgeSpec(source=f"n{a}", target=f"n{b}") for a, b in pairs),
    )
    started = time.process_time()
    laid_out(blueprint, "TB")
    assert time.process_time() - started < 1  # 0.05 s on a quiet machine


def test_a_pipeline_has_no_needless_crossings(samples: dict[str, Blueprint]) -> None:
    for name in ("pipeline", "loops", "fallback", "kinds", "conditions"):
        view = view_of(samples[name])
        numbers = {box.id: n for n, box in enumerate(view.boxes)}
        links = [Link(numbers[a.source], numbers[a.target], None, a.kind == "back") for a in view.arrows]
        mesh = arrange([BoxSize(90, 40)] * len(numbers), links, Gaps(30, 18), loop_order(view, numbers)).mesh
        assert count_crossings(mesh) == 0
