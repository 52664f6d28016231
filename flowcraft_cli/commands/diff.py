"""`flowcraft diff`: two runs, or two blueprints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_engine.reports.run_diff import RunDiff

DIFFERENT = 8


@takes(PLACE)
def diff_command(
    context: typer.Context,
    old: Annotated[
        str, typer.Argument(metavar="A", help="A run, a run file, or a blueprint file.", show_default=False)
    ],
    new: Annotated[
        str,
        typer.Argument(metavar="B", help="What it is compared with, of the same kind.", show_default=False),
    ],
    json: Json = False,
) -> int:
    """Compare two runs or two blueprint files, and end with 8 if they differ.

    Runs: where they first went apart (blueprint, inputs, path, outputs), and everything that is different; times
    are told and do not count. Blueprints: what they mean; layout, comments and shorthands make no difference.
    """
    from flowcraft_cli.mode_options import refuse_place
    from flowcraft_cli.run_or_file import is_file_name
    from flowcraft_engine.errors import UsageError

    kinds = {is_file_name(old), is_file_name(new)}
    if len(kinds) == 2:
        raise UsageError("a run and a blueprint file cannot be compared", hint="name two runs, or two files")
    if kinds == {True}:
        refuse_place(context, "blueprint files")
        return _blueprints(old, new, json=json)
    return _runs(context, old, new, json=json)


def _blueprints(old: str, new: str, *, json: bool) -> int:
    from flowcraft_cli.diff_text import blueprint_lines
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_engine.blueprint import load_blueprint
    from flowcraft_engine.reports.blueprint_diff import blueprint_diff

    parts = blueprint_diff(load_blueprint(old), load_blueprint(new))
    if json:
        document = {"schema": 1, "kind": "blueprints", "different": bool(parts), "files": [old, new]}
        emit_json({**document, "changes": [part.to_json() for part in parts]})
    elif parts:
        emit("\n".join(blueprint_lines(parts)))
    else:
        tell(f"{old} and {new} mean the same")
    return DIFFERENT if parts else 0


def _runs(context: typer.Context, old: str, new: str, *, json: bool) -> int:
    from flowcraft_cli.diff_text import run_lines
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json, tell

    diff = run_async(_compare(context, old, new))
    if json:
        emit_json(diff.to_json())
    else:
        lines = run_lines(diff)
        if lines:
            emit("\n".join(lines))
        if not diff.is_different:
            tell(f"{_named(old, diff.old_run)} and {_named(new, diff.new_run)} came to the same")
    return DIFFERENT if diff.is_different else 0


def _named(text: str, run_id: str) -> str:
    from flowcraft_cli.kept_run import run_file_of

    return run_id if run_file_of(text)[0] is None else text


async def _compare(context: typer.Context, old: str, new: str) -> RunDiff:
    import time

    from flowcraft_cli.kept_run import kept_run, run_file_of
    from flowcraft_engine.reports.dossier import read_dossier
    from flowcraft_engine.reports.run_diff import run_diff

    now = time.time()
    are_files = all(run_file_of(text)[0] is not None for text in (old, new))
    async with (
        kept_run(context, old, only_looks=True, is_alone=are_files) as a,
        _beside(context, a, new) as b,
    ):
        before = await read_dossier(a.store, a.run_id, now, show=a.place.show)
        return run_diff(before, await read_dossier(b.store, b.run_id, now, show=b.place.show))


@asynccontextmanager
async def _beside(context: typer.Context, kept: KeptRun, text: str) -> AsyncIterator[KeptRun]:
    """Another run: of the same place if it can be there, else of a place of its own."""
    from flowcraft_cli.kept_run import kept_run, run_file_of
    from flowcraft_cli.run_ids import find_run

    if kept.file is None and run_file_of(text)[0] is None:
        yield replace(kept, run_id=await find_run(kept.store, text))
        return
    async with kept_run(context, text, only_looks=True, is_alone=False) as other:
        yield other
