"""`flowcraft schema`."""

from __future__ import annotations

import typer

from flowcraft_cli.options import settings_of
from flowcraft_cli.shared_options import NODES, takes


@takes(NODES)
def schema_command(context: typer.Context) -> int:
    """Print the JSON Schema of blueprints; with --app also of the parameters of your nodes.

    For editors with the YAML language server, begin a blueprint with:

      # yaml-language-server: $schema=flowcraft.schema.json
    """
    from flowcraft_cli.output import emit_json, stdout_for_results_only
    from flowcraft_engine.assembly.nodes import make_registry
    from flowcraft_engine.blueprint.schema import blueprint_schema

    with stdout_for_results_only():
        schema = blueprint_schema(make_registry(settings_of(context)))
    emit_json(schema)
    return 0
