"""The entry of the command line: whatever goes wrong ends here, as a sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from flowcraft_cli.lazy_group import LazyGroup

_HELP = """Workflows as YAML: run them, look at them, repair them.

Results go to stdout, everything else to stderr. Every option can be set as FLOWCRAFT_<OPTION>, and some in
flowcraft.toml or [tool.flowcraft] of pyproject.toml; a flag comes first, then the environment, then the file.
"""
_EPILOG = "`flowcraft COMMAND --help` explains a command."


def main() -> None:
    """The console script."""
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command to its exit code. Never raises, never prints a traceback unless asked with --debug."""
    from flowcraft_cli.failure import Boundary
    from flowcraft_cli.interruption import interruptible

    if not arguments:
        run_command_line(["--help"])
        return 2
    boundary = Boundary(arguments)
    with interruptible():
        try:
            boundary.prepare_streams()
            code = typer.main.get_command(app)(list(arguments), prog_name="flowcraft", standalone_mode=False)
            boundary.flush()
        except BaseException as error:  # the top of the process: whatever it is becomes a sentence and a code
            return boundary.report(error)
    return code if isinstance(code, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("flowcraft-py")
        except PackageNotFoundError:
            found = "(not installed)"
        typer.echo(f"flowcraft {found} (Python {'.'.join(map(str, sys.version_info[:3]))})")
        raise typer.Exit


app = typer.Typer(
    name="flowcraft",
    cls=LazyGroup,
    help=_HELP,
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _flowcraft(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="FLOWCRAFT_DEBUG", help="Show tracebacks of bugs in flowcraft.")
    ] = False,
) -> None:
    pass
