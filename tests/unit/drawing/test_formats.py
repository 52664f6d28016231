"""Each format keeps its own grammar, whatever the ids are; states are never shown by colour alone."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec
from flowcraft_engine.drawing import FORMATS, Format, Outcome, Outcomes, draw
from flowcraft_engine.drawing.outcome import STATES
from flowcraft_engine.drawing.text import cells
from flowcraft_engine.errors import UsageError

SVG = "{http://www.w3.org/2000/svg}"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def pair(one: str, other: str) -> Blueprint:
    nodes = tuple(NodeSpec(id=name, uses=name) for name in (one, other))
    return Blueprint(id=one, nodes=nodes, edges=(EdgeSpec(source=one, target=other, action=other),))


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.sampled_from(FORMATS))
def test_no_id_puts_a_control_character_into_a_drawing(one: str, other: str, format: Format) -> None:
    text = draw(pair(one, other), format, {one: Outcome("failed")})
    assert not CONTROL.search(text)
    text.encode()


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_svg_is_well_formed_for_every_id(one: str, other: str) -> None:
    root = ElementTree.fromstring(draw(pair(one, other), "svg"))
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f".//{SVG}g[@data-node]")) == len({one, other})


def test_a_drawing_says_what_it_shows_for_those_who_do_not_see_it() -> None:
    assert "Workflow of 2 nodes and 1 arrow." in draw(pair("a", "b"), "svg")


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_mermaid_labels_hold_no_character_with_a_meaning(one: str, other: str) -> None:
    for line in draw(pair(one, other), "mermaid").splitlines()[1:]:
        if '"' in line:
            label = line.split('"')[1].replace("<br/>", "")
            assert line.count('"') == 2
            assert not re.search(r"[<>\[\]{}|`\\$&]", re.sub(r"#\d+;", "", label))


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_dot_strings_are_closed_where_they_should_be(one: str, other: str) -> None:
    for line in draw(pair(one, other), "dot").splitlines():
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "S", line)
        assert '"' not in outside and "<" not in outside


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.integers(20, 120))
def test_a_terminal_drawing_of_boxes_keeps_to_its_width(one: str, other: str, width: int) -> None:
    text = draw(pair(one, other), "terminal", width=width)
    if "┌" in text:
        assert max(cells(line) for line in text.splitlines()) <= width


def test_hostile_ids_are_escaped_in_svg(samples: dict[str, Blueprint]) -> None:
    text = draw(samples["hostile"], "svg")
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "a\\x1b[2Jb" in text and "\\u202eevil" in text


def test_svg_needs_nothing_from_outside(sample: str, samples: dict[str, Blueprint]) -> None:
    text = draw(samples[sample], "svg").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|@import|<script|<image|xlink", text)
    assert "prefers-color-scheme:dark" in text and "<title" in text and "<desc" in text


def test_svg_says_each_state_in_words_and_by_an_icon(
    samples: dict[str, Blueprint], runs: dict[str, Outcomes]
) -> None:
    root = ElementTree.fromstring(draw(samples["states"], "svg", runs["states"]))
    for state in STATES:
        group = root.find(f".//{SVG}g[@data-node='{state}']")
        assert group is not None
        assert f"s-{state}" in group.attrib["class"]
        assert group.find(f".//{SVG}path[@class='mark']") is not None
        assert any(state in (text.text or "") for text in group.findall(f"{SVG}text[@class='state']"))
    legend = root.find(f".//{SVG}g[@class='legend']")
    assert legend is not None and len(legend) == len(STATES)


def test_a_state_that_nobody_knows_is_drawn_all_the_same(samples: dict[str, Blueprint]) -> None:
    for format in FORMATS:
        assert "dreaming" in draw(samples["chain"], format, {"fetch": Outcome("dreaming")}, width=4)


@pytest.mark.parametrize("format", ["svg", "mermaid", "dot", "json"])
def test_edges_that_were_not_taken_look_different(format: Format, samples: dict[str, Blueprint]) -> None:
    all_taken = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    assert draw(samples["diamond"], format, taken=all_taken) != draw(samples["diamond"], format, taken=[])


def test_colour_is_only_there_when_asked_for(
    samples: dict[str, Blueprint], runs: dict[str, Outcomes]
) -> None:
    plain = draw(samples["states"], "terminal", runs["states"], width=200)
    coloured = draw(samples["states"], "terminal", runs["states"], width=200, colour=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain != coloured


def test_ascii_drawings_are_ascii(samples: dict[str, Blueprint], runs: dict[str, Outcomes]) -> None:
    for name in ("pipeline", "loops", "fallback", "kinds", "states"):
        for width in (30, 80, 200):
            assert draw(samples[name], "terminal", runs.get(name), width=width, ascii=True).isascii()


def test_json_names_nodes_by_their_real_ids(samples: dict[str, Blueprint]) -> None:
    document = json.loads(draw(samples["loops"], "json"))
    assert [node["id"] for node in document["nodes"]] == [node.id for node in samples["loops"].nodes]
    assert [arrow["kind"] for arrow in document["arrows"]].count("back") == 2
    assert {loop["controller"]: loop["members"] for loop in document["loops"]}["inner"] == [
        "check",
        "inner",
        "try",
    ]


def test_an_edge_to_nowhere_and_a_node_named_twice_are_drawn(samples: dict[str, Blueprint]) -> None:
    assert "not in the blueprint" in draw(samples["kinds"], "mermaid")
    once = Blueprint(id="twice", nodes=(NodeSpec(id="a", uses="first"),))
    twice = once.model_copy(update={"nodes": (*once.nodes, NodeSpec(id="a", uses="second"))})
    for format in FORMATS:
        assert draw(twice, format) == draw(once, format)


def test_unknown_formats_and_directions_are_refused_with_the_known_ones(
    samples: dict[str, Blueprint],
) -> None:
    with pytest.raises(UsageError, match="png") as caught:
        draw(samples["chain"], "png")  # type: ignore[arg-type]  # what a user may type
    assert caught.value.hint and "svg" in caught.value.hint
    with pytest.raises(UsageError, match="up"):
        draw(samples["chain"], "svg", direction="up")  # type: ignore[arg-type]  # what a user may type


def test_the_arrow_to_a_fallback_that_was_used_does_not_fade(samples: dict[str, Blueprint]) -> None:
    used = {"charge": Outcome("failed"), "by-hand": Outcome("completed")}
    unused = {"charge": Outcome("completed"), "by-hand": Outcome("skipped")}
    for outcomes, taken in ((used, True), (unused, False)):
        arrows = json.loads(draw(samples["fallback"], "json", outcomes, taken=[]))["arrows"]
        assert [arrow["taken"] for arrow in arrows if arrow["kind"] == "fallback"] == [taken]
