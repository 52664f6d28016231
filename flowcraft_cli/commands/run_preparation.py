"""Everything that can go wrong before a run begins: the blueprint, its inputs, the id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowcraft_cli.inputs import collect_inputs
from flowcraft_engine.assembly.blueprints import check_file, child_blueprints
from flowcraft_engine.assembly.nodes import make_registry
from flowcraft_engine.blueprint import Blueprint, BlueprintError, MissingBlueprintError
from flowcraft_engine.blueprint.run_inputs import bind_inputs
from flowcraft_engine.errors import InputError, UsageError
from flowcraft_engine.execution.run_ids import checked_run_id
from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.registry import NodeRegistry
from flowcraft_engine.settings import Settings

_INPUT_HINT = "inputs are given with -i name=value, -i name=@file, or --inputs FILE"


@frozen
class Prepared:
    """A run that may begin."""

    blueprint: Blueprint
    inputs: dict[str, Any]
    registry: NodeRegistry
    children: list[Blueprint]


def prepare(
    file: str,
    settings: Settings,
    pairs: Sequence[str],
    inputs_file: str | None,
    *,
    run_id: str | None,
    graph: str | None,
    may_lack_nodes: bool = False,
) -> Prepared:
    """Check all that can be checked. Raises the errors of `flowcraft validate` and of the inputs.

    `may_lack_nodes`: others execute the run, and they may have node types that are not known here.
    """
    if run_id is not None:
        checked_run_id(run_id)
    if file == "-" and inputs_file == "-":
        raise UsageError("the blueprint and the inputs cannot both be read from stdin")
    if graph is not None:
        from flowcraft_cli.run_drawing import format_of

        format_of(graph)
    registry = make_registry(settings)
    # Who runs has named all modules: a type that is not known now will not be known later.
    catalog = registry if may_lack_nodes else registry.merged(NodeRegistry())
    blueprint, findings = check_file(file, settings, catalog, will_run=True)
    if may_lack_nodes:
        findings = [it for it in findings if it.code != "unknown_node_type" or it.severity == "error"]
    if blueprint is None:
        missing = any(finding.code == "file_missing" for finding in findings)
        raise MissingBlueprintError(findings) if missing else BlueprintError(findings)
    if findings:
        from flowcraft_cli.colour import palette_for
        from flowcraft_cli.findings import finding_text
        from flowcraft_cli.output import tell

        for finding in findings:
            tell(finding_text(finding, palette_for("stderr")))
    try:
        inputs = collect_inputs(blueprint, pairs, inputs_file)
        bind_inputs(blueprint, inputs)
    except InputError as error:
        error.hint = error.hint or _INPUT_HINT
        raise
    return Prepared(blueprint, inputs, registry, child_blueprints(blueprint, file, settings))
