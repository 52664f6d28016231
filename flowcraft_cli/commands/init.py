"""`flowcraft init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flowcraft_cli.options import option
from flowcraft_cli.shared_options import takes


@takes()
def init_command(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="Where to; made if it is not there.", show_default=False)
    ] = ".",
    force: Annotated[bool, option("--force", help="Overwrite files that are there.")] = False,
) -> int:
    """Write a small project that runs: a blueprint, a node, settings, a test."""
    import os
    import shlex

    from flowcraft_cli.output import tell
    from flowcraft_cli.text import safe

    folder = Path(directory)
    files = _files()
    _refuse_to_overwrite(folder, list(files), force=force)
    _write(folder, files)
    for name in files:
        tell(f"wrote {safe(os.path.relpath(folder / name))}")
    go = "" if folder.resolve() == Path.cwd() else f"cd {safe(shlex.quote(directory))} && "
    tell(f"try it: {go}flowcraft run blueprint.yaml -i quantity=100")
    tell("on workers: flowcraft dev, and in another terminal: flowcraft run blueprint.yaml --distributed")
    return 0


def _files() -> dict[str, str]:
    from flowcraft_cli.output import json_text
    from flowcraft_cli.project_template import FILES, SCHEMA_FILE
    from flowcraft_engine.blueprint.schema import blueprint_schema

    return {**FILES, SCHEMA_FILE: json_text(blueprint_schema()) + "\n"}


def _refuse_to_overwrite(folder: Path, names: list[str], *, force: bool) -> None:
    from flowcraft_engine.errors import ConflictError

    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{str(folder)!r} is a file, not a folder")
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise ConflictError(
            f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
            hint="choose another folder, or overwrite with --force",
        )


def _write(folder: Path, files: dict[str, str]) -> None:
    """Each file whole or not at all. Raises `BackendError`."""
    from flowcraft_engine.errors import BackendError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            partial = folder / f".{name}.new"
            try:
                partial.write_text(text, encoding="utf-8")
                partial.replace(folder / name)
            finally:
                partial.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BackendError(f"{str(folder)!r} cannot be written: {reason}") from error
