"""`flowcraft nodes`: what blueprints may use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json, settings_of
from flowcraft_cli.shared_options import NODES, takes

if TYPE_CHECKING:
    from flowcraft_cli.colour import Palette
    from flowcraft_engine.nodes.describe import NodeDescription, ParameterDescription
    from flowcraft_engine.nodes.handler import JsonSchema


@takes(NODES)
def nodes_command(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Explain this node type.", show_default=False)
    ] = None,
    json: Json = False,
) -> int:
    """List the node types that blueprints may use, yours first; with NAME explain one."""
    from flowcraft_cli.output import emit, emit_json, stdout_for_results_only
    from flowcraft_engine.assembly.nodes import make_registry
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
    from flowcraft_cli.screen import width_of_screen
    from flowcraft_cli.text import safe

    palette = palette_for("stdout")
    lines = [f"{palette.bold(safe(node.name))}  {palette.dim(safe(node.origin))}", ""]
    width = width_of_screen()
    text = safe(node.documentation or node.summary, lines=True)
    lines.extend(_wrapped(text, width))
    if node.input_schema is not None:
        lines.extend(["", palette.bold("Input"), *_input(node.input_schema, width, palette)])
    if node.params:
        lines.extend(["", palette.bold("Parameters"), *_fields(node.params, width, palette)])
    if node.params_schema is None:
        lines.extend(["", palette.dim("Takes any parameters.")])
    return "\n".join(lines)


def _input(schema: JsonSchema, width: int, palette: Palette) -> list[str]:
    from flowcraft_cli.text import safe
    from flowcraft_engine.nodes.describe import fields_of, type_in_words

    fields = _fields(tuple(fields_of(schema)), width, palette)
    return fields or [f"  {safe(type_in_words(schema, schema.get('$defs', {})))}"]


def _fields(fields: Sequence[ParameterDescription], width: int, palette: Palette) -> list[str]:
    from flowcraft_cli.text import safe

    lines = []
    for field in fields:
        need = "required" if field.is_required else f"default {_short(field.default)}"
        lines.append(f"  {palette.cyan(safe(field.name))}: {safe(field.type)} {palette.dim(f'({need})')}")
        if field.description:
            lines.extend(_filled(safe(field.description), width, "      "))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Paragraphs that are too wide are filled anew; what is indented is code, and stays as it is."""
    lines: list[str] = []
    for is_prose, group in groupby(text.splitlines(), lambda line: bool(line) and not line[0].isspace()):
        block = list(group)
        if is_prose and max(map(len, block)) + 2 > width:
            lines.extend(_filled(" ".join(block), width, "  "))
        else:
            lines.extend(f"  {line}".rstrip() for line in block)
    return lines


def _filled(text: str, width: int, indent: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _short(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, default=str)
