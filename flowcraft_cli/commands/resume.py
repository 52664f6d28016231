"""`flowcraft resume`: the answer to a node that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import RunArgument, manner_of, option
from flowcraft_cli.shared_options import GOING_ON, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime


@takes(GOING_ON)
def resume_command(
    context: typer.Context,
    run: RunArgument,
    node: Annotated[
        str | None, option("--node", metavar="NODE", help="The node that waits; needed if several do.")
    ] = None,
    action: Annotated[
        str | None, option("--action", metavar="NAME", help="The action that routes the run.")
    ] = None,
    output: Annotated[
        str | None, option("--output", metavar="JSON", help="The answer: JSON, text, @FILE, or - for stdin.")
    ] = None,
    follow: Annotated[
        bool, option("--follow", help="In Redis: stay, and end like `flowcraft run`; implied by --timeout.")
    ] = False,
) -> int:
    """Answer a node that waits, and go on with the run; ends like `flowcraft run`.

    In Redis workers go on with it: the command ends with 0 when they have the answer, unless it shall follow.

    The first answer counts. The same answer again changes nothing, a different one is refused with exit
    code 7. An action that no edge of the node knows is remarked on: only edges without an action follow it.
    """
    from flowcraft_cli.ending_text import print_ending
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import stdout_for_results_only
    from flowcraft_engine.errors import UsageError

    if action == "":
        raise UsageError("--action needs a name", hint="leave it out for an answer without an action")
    answer = read_answer(output)
    manner = manner_of(context)
    stays = follow or manner.timeout_s is not None
    with stdout_for_results_only():
        ending = run_async(_resume(context, run, node, action, answer, manner, stays=stays))
    if ending.goes_on and not stays:
        return _print_handed_over(ending, manner)
    return print_ending(ending, manner)


def _print_handed_over(ending: Ending, manner: Manner) -> int:
    from flowcraft_cli.output import emit_json, tell

    if manner.json:
        emit_json(ending.result.to_json())
    elif not manner.quiet:
        run_id = ending.result.run_id
        tell(f"answered: the run goes on; follow it with: flowcraft wait {run_id}{ending.where}")
    return 0


async def _resume(
    context: typer.Context,
    run: str,
    node: str | None,
    action: str | None,
    answer: Any,
    manner: Manner,
    *,
    stays: bool,
) -> Ending:
    from flowcraft_cli.kept_run import go_on, kept_run
    from flowcraft_cli.output import tell
    from flowcraft_cli.unknown_action import unknown_action_note

    async with kept_run(context, run) as kept:
        if kept.place.fleet is not None:
            return await _hand_over(kept, node, action, answer, manner, stays=stays)

        async def begin(runtime: FlowRuntime) -> str:
            note = await unknown_action_note(kept.store, kept.run_id, node, action)
            await runtime.answer(kept.run_id, node, action=action, output=answer)
            if note is not None:
                tell(note)
            return kept.run_id

        return await go_on(kept, begin, manner)


async def _hand_over(
    kept: KeptRun, node: str | None, action: str | None, answer: Any, manner: Manner, *, stays: bool
) -> Ending:
    """Give the answer to the fleet, and follow the run if somebody `stays`."""
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.following import follow_kept
    from flowcraft_cli.output import tell
    from flowcraft_cli.unknown_action import unknown_action_note

    async def change() -> None:
        note = await unknown_action_note(kept.store, kept.run_id, node, action)
        await kept.place.runs.answer(kept.run_id, node, action=action, output=answer)
        if note is not None:
            tell(note)

    if stays:
        return await follow_kept(kept, kept.top, manner, change)
    await change()
    return Ending(await kept.place.show(kept.top), where=kept.place.where, goes_on=True)


def read_answer(text: str | None) -> Any:
    """JSON if it parses, else text; `@FILE` and `-` are read first, and must be JSON for `.json` files."""
    if text is None:
        return None
    from json import JSONDecodeError

    from flowcraft_cli.inputs import NoNumberError, read_text, strict_json
    from flowcraft_engine.errors import UsageError

    name = "-" if text == "-" else text[1:] if text.startswith("@") else None
    content = text if name is None else read_text(name, "--output")
    is_meant_as_json = (name or "").endswith(".json") or content.lstrip()[:1] in ("{", "[")
    try:
        return strict_json(content)
    except (JSONDecodeError, NoNumberError) as error:
        if is_meant_as_json:
            if not isinstance(error, JSONDecodeError):
                raise UsageError(f"--output: {error}") from error
            place = f"line {error.lineno}, column {error.colno}"
            raise UsageError(f"--output is not JSON: {error.msg} at {place}") from error
        return content.rstrip("\n") if name is not None else content
    except ValueError as error:
        raise UsageError(f"--output: {error}") from error
