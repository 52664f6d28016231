"""Templates of other tools: `{{ order.id }}` without the dollar stays as it is written, and nobody says so."""

from __future__ import annotations

import re

from flowcraft_engine.blueprint.context_keys import known_keys
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.scalar_place import scalar_place
from flowcraft_engine.blueprint.special_params import SCRIPT_PARAMS
from flowcraft_engine.blueprint.texts import texts_in

_BRACES = re.compile(r"(?<!\$)\{\{\s*([A-Za-z_][\w-]*)(?:[.\[][^{}]*)?\s*\}\}")


def check_braces(graph: Graph, places: Places, report: Report) -> None:
    """Warns of braces without a dollar around something that the blueprint has; others may be meant for others."""
    known: set[str] | None = None
    for node in graph.blueprint.nodes:
        scripts = SCRIPT_PARAMS.get(node.uses, ())
        for path, text in texts_in(node.params) if node.params else ():
            if "{{" not in text or (len(path) == 1 and path[0] in scripts):
                continue
            known = known or {*graph.ids, *known_keys(graph.blueprint), "input", "item", "inputs", "outputs"}
            for found in _BRACES.finditer(text):
                if found[1] in known:
                    at = places.node(node.id, "params", *path)
                    if at is not None and places.document is not None:
                        at = scalar_place(places.document.source.text, at, text, found.start())
                    message = f"'{show(found[0])}' stays as it is: a template begins with a dollar"
                    report.warning("braces_without_dollar", message, at, f"write ${show(found[0])}")
