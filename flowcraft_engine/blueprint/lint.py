"""All that can be known to be wrong with a blueprint before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowcraft_engine.blueprint.catalog import NodeCatalog
from flowcraft_engine.blueprint.finding import Finding
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.lint_graph import check_graph
from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report


def lint_blueprint(
    blueprint: Blueprint, catalog: NodeCatalog | None = None, blueprints: Iterable[Blueprint] = ()
) -> list[Finding]:
    """Every problem of a blueprint, errors and warnings; `blueprints` are those that its subflows may name."""
    report = Report()
    check_blueprint(blueprint, Places(), report, catalog, {one.id: one for one in blueprints})
    return report.findings()


def check_blueprint(
    blueprint: Blueprint,
    places: Places,
    report: Report,
    catalog: NodeCatalog | None,
    library: Mapping[str, Blueprint],
) -> None:
    """Adds every problem to `report`, at its place in the file."""
    graph = Graph(blueprint)
    check_graph(graph, places, report)
