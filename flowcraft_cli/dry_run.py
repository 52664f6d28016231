"""`run --dry-run`: walks the graph in order and evaluates what the inputs alone decide. Executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowcraft_cli.output import emit, emit_json
from flowcraft_cli.text import clip, safe

if TYPE_CHECKING:
    from flowcraft_cli.forecast import Step
    from flowcraft_engine.blueprint.model import Blueprint


def print_dry_run(blueprint: Blueprint, inputs: Mapping[str, Any], *, json: bool) -> int:
    """Print what a run with these inputs would do, as far as it is known."""
    from flowcraft_cli.forecast import forecast

    steps = forecast(blueprint, inputs)
    if json:
        from flowcraft_engine.blueprint.run_inputs import bind_inputs

        document = {
            "schema": 1,
            "dry_run": True,
            "blueprint_id": blueprint.id,
            "version": blueprint.version,
            "inputs": bind_inputs(blueprint, inputs),
            "steps": [step.to_json() for step in steps],
        }
        emit_json(document)
        return 0
    for step in steps:
        emit(_text(step))
    return 0


def _text(step: Step) -> str:
    words = {"runs": "would run", "skipped": "would be skipped", "depends": "depends"}
    node = step.node
    after = f" after {', '.join(map(safe, step.after))}" if step.after else ""
    lines = [f"{safe(node.id)} ({safe(node.uses)}): {words[step.fate]}{after}"]
    lines.extend(f"    {safe(reason)}" for reason in step.reasons)
    if step.params:
        from json import dumps

        lines.append(f"    params {clip(safe(dumps(step.params, ensure_ascii=False)), 300)}")
    return "\n".join(lines)
