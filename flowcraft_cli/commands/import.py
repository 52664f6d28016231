"""`flowcraft import`: the run of a file, taken into the store of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.options import Json
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings


@takes(PLACE)
def import_command(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file.", show_default=False)],
    json: Json = False,
) -> int:
    """Take the run of a file into the store of runs, under its id.

    A run that is there already is brought up to date; exit code 7 if it has gone on differently there.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.mode_options import settings_of_runs
    from flowcraft_cli.output import emit_json, tell

    document = run_async(_import(settings_of_runs(context), file))
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
    from flowcraft_engine.assembly.backend import is_distributed
    from flowcraft_engine.assembly.run_file import read_run
    from flowcraft_engine.assembly.state_file import open_store
    from flowcraft_engine.stores.bundle import restore

    bundle = read_run(Path(file))  # first: a file that cannot be read makes no store
    run_id = bundle.run_id
    if is_distributed(settings):
        async with open_fleet(settings) as place:
            new = await restore(place.store, bundle)
            status = await place.status(run_id)
    else:
        async with closing(open_store(settings)) as store:
            new = await restore(store, bundle)
            status = await RunPlace(settings, store).status(run_id)
    return {"schema": 1, "run_id": run_id, "status": status, "new_events": new}
