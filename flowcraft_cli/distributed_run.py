"""`run --distributed`: hands a run to the fleet, and follows it or leaves it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.ending import Ending
from flowcraft_cli.execution import keep_for_good, run_async
from flowcraft_cli.manner import Manner
from flowcraft_cli.run_reports import make_reports, print_with_reports, write_reports

if TYPE_CHECKING:
    from flowcraft_cli.commands.run_preparation import Prepared
    from flowcraft_cli.run_place import RunPlace
    from flowcraft_cli.run_reports import Report, Wanted
    from flowcraft_engine.settings import Settings


def run_on_fleet(
    settings: Settings,
    prepared: Prepared,
    run_id: str | None,
    manner: Manner,
    *,
    graph: str | None,
    detach: bool,
    wanted: Sequence[Wanted] = (),
) -> int:
    """Start the run; the exit code."""
    ending, drawing, reports = run_async(
        _run(settings, prepared, run_id, manner, graph=graph, detach=detach, wanted=wanted)
    )
    if graph is not None and drawing is not None:
        from flowcraft_cli.run_drawing import write_drawing

        write_drawing(graph, drawing)
    if not detach:
        return print_with_reports(ending, manner, reports)
    from flowcraft_cli.output import emit, emit_json

    if manner.json:
        emit_json(ending.result.to_json())
    else:
        emit(ending.result.run_id)
    write_reports(reports)
    return 0


async def _run(
    settings: Settings,
    prepared: Prepared,
    run_id: str | None,
    manner: Manner,
    *,
    graph: str | None,
    detach: bool,
    wanted: Sequence[Wanted],
) -> tuple[Ending, str | None, list[Report]]:
    from flowcraft_cli.run_place import open_fleet
    from flowcraft_engine.assembly.servers import examine_redis, require_usable
    from flowcraft_engine.execution.run_control import new_run_id

    # A run that is accepted must not be thrown away: no more of a server that evicts than a worker asks.
    require_usable(await examine_redis(settings))
    async with open_fleet(settings, blueprints=prepared.children) as place:
        chosen = run_id or new_run_id()
        ending = await _start(place, prepared, chosen, manner, is_new=run_id is None, detach=detach)
        drawing = None
        if graph is not None:
            from flowcraft_cli.run_drawing import draw_run

            drawing = await draw_run(place.store, chosen, graph)
        return ending, drawing, await make_reports(wanted, place.store, ending, settings)


async def _start(
    place: RunPlace, prepared: Prepared, run_id: str, manner: Manner, *, is_new: bool, detach: bool
) -> Ending:
    from flowcraft_cli.following import follow
    from flowcraft_cli.watching.choose import choose_watcher
    from flowcraft_cli.watching.node_log import shown_level
    from flowcraft_cli.watching.run_news import RunNews

    fleet = place.fleet
    assert fleet is not None

    async def begin() -> str:
        return await fleet.start(prepared.blueprint, prepared.inputs, run_id=run_id)

    if detach:
        return Ending(await place.show(await begin()), where=place.where, goes_on=True)
    watcher = choose_watcher(manner, place.settings)
    watcher.follow(run_id, [node.id for node in prepared.blueprint.nodes])
    news = RunNews(place.store, watcher, run_id, level=shown_level(place.settings, verbose=manner.verbose))
    if not is_new and await place.store.exists(run_id):
        await news.catch_up()
    keep_for_good()
    return await follow(place, begin, manner, watcher, news)
