"""All that can be known to be wrong with a blueprint before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowcraft_engine.blueprint.catalog import NodeCatalog
from flowcraft_engine.blueprint.finding import Finding
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.lint_braces import check_braces
from flowcraft_engine.blueprint.lint_expressions import check_expressions
from flowcraft_engine.blueprint.lint_fallbacks import check_fallbacks
from flowcraft_engine.blueprint.lint_graph import check_graph
from flowcraft_engine.blueprint.lint_inputs import check_inputs
from flowcraft_engine.blueprint.lint_loops import check_loops
from flowcraft_engine.blueprint.lint_names import check_names
from flowcraft_engine.blueprint.lint_params import check_params
from flowcraft_engine.blueprint.lint_secrets import check_secrets
from flowcraft_engine.blueprint.lint_subflows import check_subflows
from flowcraft_engine.blueprint.lint_waits import check_waits
from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report


def lint_blueprint(
    blueprint: Blueprint, catalog: NodeCatalog | None = None, blueprints: Iterable[Blueprint] = ()
) -> list[Finding]:
    """Every problem of a blueprint, errors and warnings.

    `blueprints` are all those that its subflows may name; without any, subflows are not looked up.
    """
    report = Report()
    library = {one.id: one for one in blueprints}
    check_blueprint(blueprint, Places(), report, catalog, library or None, bool(library))
    return report.findings()


def check_blueprint(
    blueprint: Blueprint,
    places: Places,
    report: Report,
    catalog: NodeCatalog | None = None,
    library: Mapping[str, Blueprint] | None = None,
    is_complete: bool = False,
) -> None:
    """Adds every problem to `report`, at its place in the file.

    `library` holds the blueprints for subflows (None: not known); `is_complete` says that there are no
    others.
    """
    graph = Graph(blueprint)
    check_names(graph, places, report)
    check_graph(graph, places, report)
    if not graph.is_tangled:
        check_loops(graph, places, report)
    check_fallbacks(graph, places, report)
    check_inputs(graph, places, report)
    check_expressions(graph, places, report)
    check_braces(graph, places, report)
    check_secrets(graph, places, report)
    check_waits(blueprint, places, report)
    check_subflows(blueprint, places, report, library, is_complete)
    if catalog is not None:
        check_params(graph, places, report, catalog)
