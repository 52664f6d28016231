"""Node types and their params against the catalog: known names, and the JSON Schema of each type."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.batches import GATHER, SCATTER
from flowcraft_engine.blueprint.catalog import NodeCatalog
from flowcraft_engine.blueprint.fields import describe
from flowcraft_engine.blueprint.fixed_names import LOOP_CONTROLLER
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.lint_expressions import holds_template
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.model import NodeSpec
from flowcraft_engine.blueprint.nearest import Speller, did_you_mean
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable

#: Types that the blueprint itself gives a meaning to.
_OURS = frozenset({LOOP_CONTROLLER, GATHER, SCATTER, ""})
_DURATION = "durations are like 250ms, 2s, 5m, 1h, 1d, or a number of milliseconds"


def check_params(graph: Graph, places: Places, report: Report, catalog: NodeCatalog) -> None:
    """Adds unknown node types and params that do not fit to `report`."""
    # All names are asked for only to spell: reading what packages offer takes longer than all other checks.
    speller: Speller | None = None
    checkers: dict[str, _Checker | None] = {}
    for node in graph.blueprint.nodes:
        uses = node.uses
        if uses not in checkers:
            try:
                schema = catalog.parameter_schema(uses)
            except KeyError:
                if uses not in _OURS:
                    speller = speller or Speller(set(catalog.names()))
                    _tell_unknown(node, speller, places, report, catalog.is_complete)
                continue
            if schema and uses == LOOP_CONTROLLER:
                # What belongs to the loop was taken out of the params before, and what is missing was told.
                schema = {**schema, "required": []}
            checkers[uses] = _Checker(schema) if schema else None
        checker = checkers[uses]
        if uses == LOOP_CONTROLLER and places.node_has(node.id, "loop"):
            for name in node.params:
                text = f"params mean nothing beside `loop`: '{show(node.id)}' has '{printable(name, 60)}'"
                at = places.node(node.id, "params", name)
                report.error("unknown_param", text, at, "what belongs to the loop is written in `loop`")
        elif checker is not None:
            checker.check(node, places, report)


def _tell_unknown(
    node: NodeSpec, speller: Speller, places: Places, report: Report, is_complete: bool
) -> None:
    part = "uses" if places.node_has(node.id, "uses") else "params"
    path = ("params", "worker_uses_key") if node.for_each and not _uses_is(node, places) else (part,)
    at = places.node(node.id, *path)
    text = f"the node type '{show(node.uses)}' of '{show(node.id)}' is not registered"
    hint = speller.hint(node.uses)
    if is_complete:
        report.error("unknown_node_type", text, at, hint or "name its module with --app")
    else:
        report.warning("unknown_node_type", text, at, hint or "name its module with --app to check it")


def _uses_is(node: NodeSpec, places: Places) -> bool:
    """Whether the type is the one that the file's `uses` says, and not a scatter's worker."""
    raw = places.nodes.get(node.id)
    return not isinstance(raw, dict) or raw.get("uses") == node.uses


class _Checker:
    """The schema of one node type, ready to use."""

    def __init__(self, schema: dict[str, Any]) -> None:
        # Imported here: it is slow to import, and most blueprints are loaded without a catalog.
        from jsonschema import Draft202012Validator

        self._validator = Draft202012Validator(schema)
        properties = schema.get("properties")
        self._names = list(properties) if isinstance(properties, dict) else []

    def check(self, node: NodeSpec, places: Places, report: Report) -> None:
        if _is_no_mapping(node, places):
            return  # which has been told
        for error in self._validator.iter_errors(node.params):
            self._tell(node, error, places, report)

    def _tell(self, node: NodeSpec, error: Any, places: Places, report: Report) -> None:
        inside = _inside(error)
        if inside:
            for deeper in inside:
                self._tell(node, deeper, places, report)
            return
        path = tuple(error.absolute_path)
        at = places.node(node.id, "params", *path)
        what = f"params of '{show(node.id)}'"
        name = ".".join(printable(str(part), 60) for part in path)
        if error.validator == "required":
            for missing in error.validator_value:
                if missing not in error.instance:
                    wanted = f"{name}.{missing}" if name else missing
                    text = f"{what} miss `{wanted}`, which '{show(node.uses)}' needs"
                    report.error("missing_param", text, at)
        elif error.validator == "additionalProperties" and isinstance(error.schema, dict):
            known = list(error.schema.get("properties", {}))
            for extra in error.instance:
                if extra not in known:
                    text = f"'{show(node.uses)}' has no param '{printable(str(extra), 60)}'"
                    place = places.node(node.id, "params", *path, extra)
                    report.error("unknown_param", text, place, did_you_mean(str(extra), known))
        elif not holds_template(error.instance):
            self._tell_value(what, name, error, at, report)

    def _tell_value(self, what: str, name: str, error: Any, at: int | None, report: Report) -> None:
        subject = f"`{name}` in {what}" if name else what
        hint = _meaning(error)
        if error.validator == "type":
            types = error.validator_value
            wanted = " or ".join(types) if isinstance(types, list) else str(types)
            text = f"{subject} must be of type {wanted}, not {describe(error.instance)}"
        elif error.validator == "enum" or (
            isinstance(error.instance, str) and _choices(error.validator_value)
        ):
            choices = ", ".join(_choices([error.schema]))
            text = f"{subject} must be one of {choices}, not {describe(error.instance)}"
        elif error.validator in ("anyOf", "oneOf"):
            text = f"{subject} cannot be {describe(error.instance)}{_alternatives(error)}"
        elif error.validator == "pattern" and hint is not None:
            text = f"{subject} cannot be {describe(error.instance)}"
        else:
            text = f"{subject}: {printable(error.message, 200)}"
        report.error("bad_param", text, at, hint)


def _inside(error: Any) -> list[Any]:
    """What is wrong inside of a value that is of the right type, if only one alternative has that type."""
    if error.validator not in ("anyOf", "oneOf"):
        return []
    depth = len(error.absolute_path)
    found = [it for it in error.context if len(it.absolute_path) > depth]
    return found if len({it.schema_path[0] for it in found}) == 1 else []


def _alternatives(error: Any) -> str:
    types = [part.get("type") for part in error.validator_value if isinstance(part, dict)]
    known = [kind for kind in types if isinstance(kind, str) and kind != "null"]
    if not known or len(types) != len(error.validator_value):
        return ""
    if isinstance(error.instance, str) and "string" in known:
        return ""  # it is not the type that is wrong
    return f"; it is {' or '.join(dict.fromkeys(known))}"


def _choices(alternatives: Any) -> list[str]:
    """The values that are listed anywhere in them."""
    found: list[str] = []
    for part in alternatives if isinstance(alternatives, list) else ():
        if isinstance(part, dict):
            found += [str(choice) for choice in part.get("enum", ())]
            found += _choices(part.get("anyOf")) + _choices(part.get("oneOf"))
    return list(dict.fromkeys(found))


def _meaning(error: Any) -> str | None:
    """What the param means, and how it is written, in the words of its author."""
    schema = error.schema if isinstance(error.schema, dict) else {}
    meaning = schema.get("description")
    words = [printable(meaning, 200)] if isinstance(meaning, str) else []
    if _is_duration(schema) and not any("250ms" in word for word in words):
        words.append(_DURATION)
    return "; ".join(words) or None


def _is_duration(schema: dict[str, Any]) -> bool:
    parts = [schema, *schema.get("anyOf", ())]
    return any(isinstance(part, dict) and part.get("format") == "duration" for part in parts)


def _is_no_mapping(node: NodeSpec, places: Places) -> bool:
    raw = places.nodes.get(node.id)
    return isinstance(raw, dict) and not isinstance(raw.get("params", {}), dict)
