"""Subflows: the blueprint is there, does not run itself, and takes what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowcraft_engine.blueprint.collection import Library
from flowcraft_engine.blueprint.context_keys import are_all_known, known_keys
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.model import Blueprint, NodeSpec
from flowcraft_engine.blueprint.nearest import MISTYPED, did_you_mean, is_mistyped, nearest
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report

SUBFLOW = "subflow"
MAX_DEPTH = 20


def check_subflows(
    blueprint: Blueprint,
    places: Places,
    report: Report,
    library: Mapping[str, Blueprint] | None,
    is_complete: bool,
) -> None:
    """Adds every problem of the subflows; without a library only what the blueprint itself tells."""
    for node in blueprint.nodes:
        if node.uses != SUBFLOW:
            continue
        name = node.params.get("blueprint_id")
        at = places.node(node.id, "params", "blueprint_id")
        if not isinstance(name, str) or not name:
            text = f"the subflow '{show(node.id)}' does not say which blueprint it runs"
            report.error("missing_blueprint_id", text, at, "params: {blueprint_id: <id of a blueprint>}")
        elif name == blueprint.id:
            chain = f"{show(name)} -> {show(name)}"
            report.error(
                "recursive_subflow", f"the blueprint runs itself: {chain}", at, "use `loop` to repeat"
            )
        elif "${{" not in name and library is not None:
            _check_child(blueprint, node, name, library, is_complete, places, report)


def _check_child(
    blueprint: Blueprint,
    node: NodeSpec,
    name: str,
    library: Mapping[str, Blueprint],
    is_complete: bool,
    places: Places,
    report: Report,
) -> None:
    at = places.node(node.id, "params", "blueprint_id")
    tell = report.error if is_complete else report.warning
    child = library.get(name)
    if child is None:
        text = f"there is no blueprint '{show(name)}' for the subflow '{show(node.id)}'"
        tell("unknown_subflow", text, at, _hint(name, library))
        return
    for above, missing in _missing_below(blueprint.id, child, library):
        text = f"there is no blueprint '{show(missing)}', which '{show(above)}' runs as a subflow"
        tell("unknown_subflow", text, at, _hint(missing, library))
    chain = _recursion(blueprint.id, child, library)
    if chain is not None:
        path = " -> ".join(show(one) for one in chain)
        if chain[0] == chain[-1]:
            report.error(
                "recursive_subflow", f"the blueprint runs itself: {path}", at, "use `loop` to repeat"
            )
        else:
            text = f"subflows are nested more than {MAX_DEPTH} deep: {path}"
            report.error("subflow_too_deep", text, at, "flatten the chain")
        return
    _check_inputs(node, child, places, report)
    _check_outputs(node, child, places, report)


def _hint(name: str, library: Mapping[str, Blueprint]) -> str:
    broken = library.broken if isinstance(library, Library) else []
    if broken:
        return f"these files beside it are not valid: {show(', '.join(sorted(broken)))}"
    return did_you_mean(name, library) or "give its file with --blueprints"


def _missing_below(
    root: str, child: Blueprint, library: Mapping[str, Blueprint]
) -> Iterator[tuple[str, str]]:
    """What the subflows of `child` and of its children name and the library lacks, each with who names it."""
    seen = {root, child.id}
    left = [child]
    while left:
        blueprint = left.pop()
        for name in _children(blueprint):
            if name in seen:
                continue
            seen.add(name)
            if name in library:
                left.append(library[name])
            else:
                yield blueprint.id, name


def _children(blueprint: Blueprint) -> Iterator[str]:
    """The blueprints that its subflows name, but for computed names."""
    for node in blueprint.nodes:
        name = node.params.get("blueprint_id") if node.uses == SUBFLOW else None
        if isinstance(name, str) and name and "${{" not in name:
            yield name


def _recursion(root: str, child: Blueprint, library: Mapping[str, Blueprint]) -> list[str] | None:
    """The chain from `root` that comes back to it or gets too long; recursion among others is their
    finding.
    """
    seen = {child.id}
    left = [([root, child.id], child)]
    while left:
        chain, blueprint = left.pop()
        if len(chain) > MAX_DEPTH + 1:
            return chain
        for name in _children(blueprint):
            if name == root:
                return [*chain, root]
            if name not in seen and name in library:
                seen.add(name)
                left.append(([*chain, name], library[name]))
    return None


def _check_inputs(node: NodeSpec, child: Blueprint, places: Places, report: Report) -> None:
    given = node.params.get("inputs")
    if not isinstance(given, dict) or not child.inputs:
        return
    for name in given:
        if name not in child.inputs:
            text = f"the blueprint '{show(child.id)}' declares no input '{show(name)}'"
            at = places.node(node.id, "params", "inputs", name)
            report.error("undeclared_child_input", text, at, did_you_mean(name, child.inputs))
    missing = [name for name, spec in child.inputs.items() if spec.required and name not in given]
    if missing:
        text = (
            f"the blueprint '{show(child.id)}' requires the input {', '.join(show(name) for name in missing)}"
        )
        report.error("missing_child_input", text, places.node(node.id, "params", "inputs"))


def _check_outputs(node: NodeSpec, child: Blueprint, places: Places, report: Report) -> None:
    """Warns of sources that the child cannot have; its nodes may set keys that only they know."""
    wanted = node.params.get("outputs")
    if not isinstance(wanted, dict):
        return
    known = {*(one.id for one in child.nodes), *known_keys(child)}
    for key, source in wanted.items():
        if not isinstance(source, str) or "${{" in source or source in known:
            continue
        hint = _output_hint(node, child, source, known)
        if hint is not None or are_all_known(child):
            text = f"the blueprint '{show(child.id)}' has no node and no context key '{show(source)}': it is null"
            at = places.node(node.id, "params", "outputs", key)
            report.warning("unknown_child_output", text, at, hint)


def _output_hint(node: NodeSpec, child: Blueprint, source: str, known: set[str]) -> str | None:
    if source in (child.outputs or {}):
        return (
            f"what the child declares as output is in the output of '{show(node.id)}', whatever is named here"
        )
    near = nearest(source, known, cutoff=MISTYPED)
    return f"did you mean '{near}'?" if near is not None and is_mistyped(source, near) else None
