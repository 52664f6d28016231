"""The ids and names of a blueprint: what they may hold, and which ones mislead."""

from __future__ import annotations

import re
import unicodedata

from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable
from flowcraft_engine.expressions import RESERVED as RESERVED_NAMES

MAX_ID_LENGTH = 200
#: They separate the parts of an instance's name: `body#3`, `row[17]`, `run:instance`.
FORBIDDEN = frozenset("#[]:")
_WORDS = ("and", "or", "not", "in", "is", "if", "else")
#: Names that mean something else in an expression: a node so called is reached by `outputs["…"]` only.
RESERVED = RESERVED_NAMES | {"true", "false", "null", "True", "False", "None", *_WORDS}
#: Nearly all ids: nothing to look for in them.
_ORDINARY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_RULE = "ids are 1 to 200 characters, without control characters and without # [ ] :"
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def check_names(graph: Graph, places: Places, report: Report) -> None:
    """Adds every bad or misleading name to `report`."""
    blueprint = graph.blueprint
    problem = id_problem(blueprint.id)
    if problem:
        text = f"the blueprint id '{printable(blueprint.id, 60)}' {problem}"
        report.error("bad_id", text, places.top("id"), _RULE)
    for node_id in graph.ids:
        problem = id_problem(node_id)
        if problem:
            text = f"the node id '{printable(node_id, 60)}' {problem}"
            report.error("bad_id", text, places.node(node_id), _RULE)
        elif node_id in RESERVED:
            text = f"'{node_id}' means something else in expressions"
            hint = f'reach this node by outputs["{node_id}"], or rename it'
            report.warning("reserved_id", text, places.node(node_id), hint)
    _check_twins(graph, places, report)
    for name in blueprint.inputs:
        if not name or name.startswith("_"):
            text = f"an input cannot be called '{printable(name, 60)}'"
            report.error(
                "bad_input_name", text, places.top("inputs", name), "names with _ are flowcraft's own"
            )
        elif name in RESERVED:
            text = f"'{name}' means something else in expressions"
            hint = f"there this input is inputs.{name}; or rename it"
            report.warning("reserved_input", text, places.top("inputs", name), hint)


def id_problem(name: str) -> str | None:
    """What keeps `name` from being an id, as the rest of a sentence; None if nothing does."""
    if _ORDINARY.fullmatch(name):
        return None
    if not name.strip():
        return "is empty"
    if len(name) > MAX_ID_LENGTH:
        return f"has {len(name):,} characters; {MAX_ID_LENGTH} are allowed"
    if name != name.strip():
        return "begins or ends with a space"
    if name.startswith("$"):
        return "begins with $, which is flowcraft's own"
    for character in name:
        kind = unicodedata.category(character)
        if kind in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTION_MARKS:
            return f"holds the control character U+{ord(character):04X}"
    found = FORBIDDEN.intersection(name)
    return "holds " + " and ".join(sorted(found)) if found else None


def _check_twins(graph: Graph, places: Places, report: Report) -> None:
    """Ids that people cannot tell apart."""
    seen: dict[str, str] = {}
    for node_id in graph.ids:
        folded = node_id if node_id.isascii() else unicodedata.normalize("NFKC", node_id)
        twin = seen.setdefault(folded.casefold(), node_id)
        if twin is not node_id:
            text = f"the ids '{printable(twin, 60)}' and '{printable(node_id, 60)}' are hard to tell apart"
            report.warning("similar_ids", text, places.node(node_id), "they are two nodes; rename one")
