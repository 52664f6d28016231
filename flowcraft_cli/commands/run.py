"""`flowcraft run`: a blueprint, from its file to its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import Reports, manner_of, option, settings_of
from flowcraft_cli.shared_options import BLUEPRINTS, CONCURRENCY, LOGGING, MANNER, NODES, PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.commands.run_preparation import Prepared
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.run_reports import Report, Wanted
    from flowcraft_engine.settings import Settings


BlueprintFile = Annotated[
    str, typer.Argument(metavar="FILE", help="The blueprint; - reads from stdin.", show_default=False)
]
InputPairs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="KEY=VALUE", help="An input of the run; KEY=@FILE reads a file."),
]
InputsFile = Annotated[
    str | None,
    option("--inputs", metavar="FILE", help="Inputs from a JSON or YAML file; - reads from stdin."),
]
NewRunId = Annotated[
    str | None,
    option("--run-id", metavar="ID", help="Id of the run; the same id and inputs again start no second run."),
]
Distributed = Annotated[
    bool, option("--distributed", help="Let workers execute it, over Redis; see `flowcraft worker`.")
]
Detach = Annotated[bool, option("--detach", "-d", help="With --distributed: print the run's id and end.")]
DryRun = Annotated[bool, option("--dry-run", help="Show what would run; execute nothing.")]
Graph = Annotated[
    str | None,
    option("--graph", metavar="FILE", help="Draw the run in the end: .svg, .mmd, .dot, .json or .txt."),
]


@takes(NODES, BLUEPRINTS, CONCURRENCY, PLACE, LOGGING, MANNER)
def run_command(
    context: typer.Context,
    file: BlueprintFile,
    input: InputPairs = None,
    inputs: InputsFile = None,
    run_id: NewRunId = None,
    distributed: Distributed = False,
    detach: Detach = False,
    dry_run: DryRun = False,
    graph: Graph = None,
    report: Reports = None,
) -> int:
    """Run a blueprint in this process, or on a fleet of workers, and print its outputs.

    All mistakes are told before anything is executed. Ctrl-C interrupts the run, `flowcraft reconcile` goes
    on with it; a run that waits for somebody ends with exit code 5 and says how to answer.
    With --distributed Ctrl-C only detaches: the run goes on, and `flowcraft wait` follows it.
    """
    from flowcraft_cli.output import stdout_for_results_only
    from flowcraft_cli.run_reports import asked_reports
    from flowcraft_engine.assembly.backend import is_distributed

    settings = settings_of(context, near=file)
    goes_to_fleet = distributed or is_distributed(settings)
    _refuse_contradictions(context, goes_to_fleet=goes_to_fleet)
    manner = manner_of(context)
    wanted = asked_reports(context) if report else []
    with stdout_for_results_only():
        prepared = _prepare(
            file, settings, input or [], inputs, run_id, graph, wanted, may_lack_nodes=goes_to_fleet
        )
    if manner.verbose:
        _tell_sources(settings)
    if dry_run:
        from flowcraft_cli.dry_run import print_dry_run

        return print_dry_run(prepared.blueprint, prepared.inputs, json=manner.json)
    if goes_to_fleet:
        from flowcraft_cli.distributed_run import run_on_fleet

        return run_on_fleet(settings, prepared, run_id, manner, graph=graph, detach=detach, wanted=wanted)
    from flowcraft_cli.execution import run_async

    with stdout_for_results_only():
        ending, drawing, reports = run_async(_run(settings, prepared, run_id, manner, graph, wanted))
    if graph is not None and drawing is not None:
        from flowcraft_cli.run_drawing import write_drawing

        write_drawing(graph, drawing)
    from flowcraft_cli.run_reports import print_with_reports

    return print_with_reports(ending, manner, reports)


def _refuse_contradictions(context: typer.Context, *, goes_to_fleet: bool) -> None:
    """Options that mean nothing together, or nothing to where the run goes. Raises `UsageError`."""
    from flowcraft_cli.mode_options import refuse_ignored, refuse_with
    from flowcraft_engine.errors import UsageError

    if context.params["detach"] and not goes_to_fleet:
        raise UsageError("--detach needs --distributed: a run in this process ends with it")
    # Modules are named for what is checked before the run begins.
    refuse_ignored(context, in_redis=goes_to_fleet, but=("app",), instead="--distributed")
    refuse_with(context, "dry_run", ("graph", "report", "detach", "timeout"))
    refuse_with(context, "detach", ("timeout",))


def _tell_sources(settings: Settings) -> None:
    from flowcraft_cli.output import tell

    for name, source in settings.sources.items():
        tell(f"setting {name} is from {source}")


def _prepare(
    file: str,
    settings: Settings,
    pairs: list[str],
    inputs: str | None,
    run_id: str | None,
    graph: str | None,
    wanted: list[Wanted],
    *,
    may_lack_nodes: bool,
) -> Prepared:
    """Check all that can be checked; what is wrong with the blueprint is in the reports, too."""
    from flowcraft_cli.commands.run_preparation import prepare
    from flowcraft_engine.blueprint.finding import BlueprintError

    try:
        return prepare(
            file, settings, pairs, inputs, run_id=run_id, graph=graph, may_lack_nodes=may_lack_nodes
        )
    except BlueprintError as error:
        if wanted:
            from flowcraft_cli.run_reports import reports_of_findings, write_reports

            write_reports(reports_of_findings(wanted, file, error.findings))
        raise


async def _run(
    settings: Settings,
    prepared: Prepared,
    run_id: str | None,
    manner: Manner,
    graph: str | None,
    wanted: list[Wanted],
) -> tuple[Ending, str | None, list[Report]]:
    from flowcraft_cli.execution import closing, execute, keep_for_good
    from flowcraft_cli.watching.choose import choose_watcher
    from flowcraft_cli.watching.node_log import node_log
    from flowcraft_cli.whereabouts import where_kept
    from flowcraft_engine.assembly.runtime import make_runtime, options_to_remember
    from flowcraft_engine.assembly.state_file import open_store

    watcher = choose_watcher(manner, settings)
    async with closing(open_store(settings)) as store:
        runtime = make_runtime(
            settings, prepared.registry, store, blueprints=prepared.children, on_progress=watcher.on_progress
        )
        new_id = run_id or _new_id()

        async def begin() -> str:
            watcher.follow(new_id, [node.id for node in prepared.blueprint.nodes])
            await runtime.start(prepared.blueprint, prepared.inputs, run_id=new_id)
            keep_for_good()
            await store.remember(new_id, options_to_remember(settings))
            return new_id

        with node_log(watcher, settings, runtime.masker, verbose=manner.verbose):
            ending = await execute(runtime, begin, manner, watcher=watcher, where=where_kept(settings))
        drawing = None
        if graph is not None:
            from flowcraft_cli.run_drawing import draw_run

            drawing = await draw_run(store, new_id, graph)
        reports: list[Report] = []
        if wanted:
            from flowcraft_cli.run_reports import make_reports

            reports = await make_reports(wanted, store, ending, settings)
        return ending, drawing, reports


def _new_id() -> str:
    from flowcraft_engine.execution.run_control import new_run_id

    return new_run_id()
