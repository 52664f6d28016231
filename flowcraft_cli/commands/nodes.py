"""`flowcraft nodes`: what blueprints may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import App, Debug, Json, settings_of

if TYPE_CHECKING:
    from flowcraft_cli.colour import Palette
    from flowcraft_engine.nodes.describe import NodeDescription


def nodes_command(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Explain this node type.", show_default=False)
    ] = None,
    app: App = None,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """List the node types that blueprints may use, yours first; with NAME explain one."""
    from flowcraft_cli.output import emit, emit_json, stdout_for_results_only
    from flowcraft_engine.assembly import make_registry
    from flowcraft_engine.nodes.describe import describe, describe_all

    with stdout_for_results_only():
        registry = make_registry(settings_of(context))
        described = [describe(registry, name)] if name is not None else describe_all(registry)
    if json:
        emit_json({"schema": 1, "nodes": [node.to_json() for node in described]})
    elif name is not None:
        emit(_explained(described[0]))
    else:
        emit(_listed(described))
    return 0


def _listed(described: list[NodeDescription]) -> str:
    import shutil

    from flowcraft_cli.colour import palette_for

    palette = palette_for("stdout")
    width = shutil.get_terminal_size((100, 24)).columns
    column = max(len(node.name) for node in described) + 2
    lines: list[str] = []
    for title, are_builtin in (("Your nodes", False), ("Built in", True)):
        some = [node for node in described if node.is_builtin == are_builtin]
        if some:
            lines.extend([*([""] if lines else []), palette.bold(title)])
            lines.extend(_line(node, column, width, palette) for node in some)
    lines.extend(["", palette.dim("flowcraft nodes NAME explains one.")])
    return "\n".join(lines)


def _line(node: NodeDescription, column: int, width: int, palette: Palette) -> str:
    from flowcraft_cli.text import clip, safe

    name = safe(node.name)
    summary = clip(safe(node.summary), max(20, width - column - 3))
    return f"  {palette.cyan(name)}{' ' * (column - len(name))}{summary}"


def _explained(node: NodeDescription) -> str:
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.text import safe

    palette = palette_for("stdout")
    lines = [f"{palette.bold(safe(node.name))}  {palette.dim(safe(node.origin))}", ""]
    text = safe(node.documentation or node.summary, lines=True)
    lines.extend(f"  {line}".rstrip() for line in text.splitlines())
    if node.params:
        lines.extend(["", palette.bold("Parameters")])
    for param in node.params:
        need = "required" if param.is_required else f"default {_short(param.default)}"
        lines.append(f"  {palette.cyan(safe(param.name))}: {safe(param.type)} {palette.dim(f'({need})')}")
        if param.description:
            lines.append(f"      {safe(param.description)}")
    if node.params_schema is None:
        lines.extend(["", palette.dim("Takes any parameters.")])
    return "\n".join(lines)


def _short(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, default=str)
