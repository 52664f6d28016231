"""`flowcraft import`: the run of a file, taken into the store of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.options import (
    Backend,
    BrokerUrl,
    Debug,
    Insecure,
    Json,
    Namespace,
    RedisUrl,
    State,
)

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings


def import_command(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file.", show_default=False)],
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Take the run of a file into the store of runs, under its id.

    A run that is there already is brought up to date; exit code 7 if it has gone on differently there.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.options import settings_of
    from flowcraft_cli.output import emit_json, tell

    document = run_async(_import(settings_of(context), file))
    if json:
        emit_json(document)
        return 0
    if document["new_events"]:
        tell(f"run {document['run_id']} is {document['status']}: flowcraft show {document['run_id']}")
    else:
        tell(f"nothing to do: run {document['run_id']} is here already, and as far")
    return 0


async def _import(settings: Settings, file: str) -> dict[str, Any]:
    from pathlib import Path

    from flowcraft_cli.execution import closing
    from flowcraft_cli.run_place import RunPlace, open_fleet
    from flowcraft_engine.assembly import import_run, is_distributed, open_store

    if is_distributed(settings):
        async with open_fleet(settings) as place:
            run_id, new = await import_run(place.store, Path(file))
            status = await place.status(run_id)
    else:
        async with closing(open_store(settings)) as store:
            run_id, new = await import_run(store, Path(file))
            status = await RunPlace(settings, store).status(run_id)
    return {"schema": 1, "run_id": run_id, "status": status, "new_events": new}
