"""From a file, a text or plain data to a checked blueprint: the only place where reading, desugaring and
lint meet.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flowcraft_engine.blueprint.catalog import NodeCatalog
from flowcraft_engine.blueprint.collection import Library, collect
from flowcraft_engine.blueprint.desugar import Draft, desugar
from flowcraft_engine.blueprint.finding import BlueprintError, Finding, MissingBlueprintError
from flowcraft_engine.blueprint.fixed_names import edge_key, output_place
from flowcraft_engine.blueprint.formats import parse
from flowcraft_engine.blueprint.limits import DEFAULT_LIMITS, Limits
from flowcraft_engine.blueprint.lint import check_blueprint
from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.plain_data import plain_document
from flowcraft_engine.blueprint.reading import STDIN, from_text, read_source
from flowcraft_engine.blueprint.report import Report, UnreadableError
from flowcraft_engine.blueprint.source import SourceText
from flowcraft_engine.frozen import frozen

Source = str | os.PathLike[str]
#: What there is to say of an edge, the first of them where it is told.
_SAID = ("condition", "action", "transform")


def load_blueprint(
    path: Source,
    *,
    limits: Limits = DEFAULT_LIMITS,
    catalog: NodeCatalog | None = None,
    search: Iterable[Source] = (),
) -> Blueprint:
    """The blueprint in a `.yaml` or `.json` file, or on stdin for `-`.

    `catalog` are the node types to check against, `search` files and folders with the blueprints of its
    subflows: with any, one that is not there is an error instead of a warning.
    Raises `BlueprintError` with every finding, the warnings included.
    """
    blueprint, findings = check_blueprint_file(path, limits=limits, catalog=catalog, search=search)
    return _accepted(blueprint, findings)


def load_blueprint_text(
    text: str,
    name: str = "<memory>",
    *,
    limits: Limits = DEFAULT_LIMITS,
    catalog: NodeCatalog | None = None,
) -> Blueprint:
    """The blueprint in a text; YAML, or JSON when `name` ends with `.json`. Raises `BlueprintError`."""
    blueprint, findings = check_blueprint_text(text, name, limits=limits, catalog=catalog)
    return _accepted(blueprint, findings)


def check_blueprint_text(
    text: str,
    name: str = "<memory>",
    *,
    limits: Limits = DEFAULT_LIMITS,
    catalog: NodeCatalog | None = None,
) -> tuple[Blueprint | None, list[Finding]]:
    """`check_blueprint_file` for a text in memory; subflows are not looked up."""
    return _checked(lambda: from_text(name, text, limits), limits, _Surroundings(catalog))


def parse_blueprint(
    data: Mapping[str, Any], *, limits: Limits = DEFAULT_LIMITS, catalog: NodeCatalog | None = None
) -> Blueprint:
    """The blueprint in plain data, shorthands and Flowcraft's spelling included. Raises `BlueprintError`.

    The data must be JSON values; it is copied. The findings have no places.
    """
    report = Report(None, limits.max_findings)
    with _collector_off():
        try:
            document = plain_document(data, limits)
            blueprint = _build(desugar(document, report, limits), report, _Surroundings(catalog))
        except UnreadableError as error:
            placeless = replace(error.finding, location=None, excerpt=None)
            raise BlueprintError([*report.findings(), placeless]) from None
    return _accepted(blueprint, report.findings())


def check_blueprint_file(
    path: Source,
    *,
    limits: Limits = DEFAULT_LIMITS,
    catalog: NodeCatalog | None = None,
    search: Iterable[Source] = (),
    is_complete: bool = False,
) -> tuple[Blueprint | None, list[Finding]]:
    """Everything that is wrong with a file, or only remarkable; and the blueprint, when nothing is an
    error.

    A subflow whose blueprint is not there is an error if `search` names places, or if `is_complete` says that
    there are no others than those of `search` and of the file's folder.
    """
    name = os.fspath(path)
    folder = None if name == STDIN else str(Path(name).absolute().parent)
    named = list(search)
    library = Library([*named, folder] if folder else named, partial(_check_alone, limits=limits))
    surroundings = _Surroundings(catalog, library, is_complete or bool(named), folder)
    return _checked(lambda: read_source(path, limits), limits, surroundings)


def find_blueprints(
    paths: Iterable[Source], *, limits: Limits = DEFAULT_LIMITS
) -> tuple[dict[str, Blueprint], dict[str, BlueprintError]]:
    """Blueprint id → blueprint of all files and folders (not their subfolders), and the files that are
    not valid.

    The first one of an id wins. In folders, files that are no blueprints (no `nodes`) are passed over.
    """
    return collect(paths, partial(_check_alone, limits=limits))


def _check_alone(path: Path, limits: Limits) -> tuple[Blueprint | None, list[Finding]]:
    """Without looking for the blueprints of subflows."""
    around = _Surroundings(folder=str(path.absolute().parent))
    return _checked(lambda: read_source(path, limits), limits, around)


@frozen
class _Surroundings:
    """What is known beside the text of a blueprint."""

    catalog: NodeCatalog | None = None
    #: The blueprints that subflows may name; None: not known.
    library: Mapping[str, Blueprint] | None = None
    #: Whether there are no others than those of the library.
    is_complete: bool = False
    folder: str | None = None


def _accepted(blueprint: Blueprint | None, findings: list[Finding]) -> Blueprint:
    if blueprint is None:
        missing = any(finding.code == "file_missing" for finding in findings)
        raise MissingBlueprintError(findings) if missing else BlueprintError(findings)
    return blueprint


def _checked(
    read: Callable[[], SourceText], limits: Limits, around: _Surroundings
) -> tuple[Blueprint | None, list[Finding]]:
    report = Report(None, limits.max_findings)
    with _collector_off():
        try:
            source = read()
            report.source = source
            document = parse(source, limits, report)
            blueprint = _build(desugar(document, report, limits), report, around)
        except UnreadableError as error:
            return None, [*report.findings(), error.finding]
    return blueprint, report.findings()


def _build(draft: Draft, report: Report, around: _Surroundings) -> Blueprint | None:
    """The model of a draft, checked; None when there was an error."""
    try:
        blueprint = Blueprint.model_validate(draft.plain)
    except ValidationError as error:
        _report_model_errors(error, draft.places, report)
        return None
    check_blueprint(blueprint, draft.places, report, around.catalog, around.library, around.is_complete)
    if report.has_errors:
        return None
    source = report.source
    if source is None:
        return blueprint
    places = draft.places
    offsets = {
        **places.ids,
        **{output_place(name): places.top("outputs", name) for name in blueprint.outputs or ()},
        **_decided_edges(blueprint, places),
    }
    locations = {name: source.location(at) for name, at in offsets.items() if at is not None}
    return blueprint.with_locations(locations, around.folder)


def _decided_edges(blueprint: Blueprint, places: Places) -> dict[str, int | None]:
    """Where the conditions, actions or transforms of edges stand. Plain edges have none, and are most of them."""
    return {
        edge_key(index): places.edge(index, key)
        for index, edge in enumerate(blueprint.edges)
        for key in [next((it for it in _SAID if getattr(edge, it) is not None), None)]
        if key is not None
    }


def _report_model_errors(error: ValidationError, places: Places, report: Report) -> None:
    """The types were checked before, so this is a gap in those checks: told all the same, never raised."""
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"])
        report.error("invalid_value", f"{path}: {item['msg']}", places.top(*item["loc"]))


@contextmanager
def _collector_off() -> Iterator[None]:
    """Loading makes many objects and no garbage: looking for some would take longer than the loading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
