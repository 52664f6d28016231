"""The entry of the command line: whatever goes wrong ends here, as a sentence."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from flowcraft_cli.lazy_group import LazyGroup

_HELP = """Workflows as YAML: run them, look at them, repair them.

Results go to stdout, everything else to stderr. Every option can be set as FLOWCRAFT_<OPTION>, and some in
flowcraft.toml or [tool.flowcraft] of pyproject.toml; a flag comes first, then the environment, then the file.
"""
_EPILOG = "`flowcraft COMMAND --help` explains a command."


def main() -> None:
    """The console script."""
    # Importing makes many objects and no garbage; `run_async` switches the collector on again.
    gc.disable()
    leave(run_command_line(sys.argv[1:]))


def leave(code: int) -> NoReturn:
    """End the process with `code`, without taking the interpreter down: that is a tenth of a short command.

    What was registered for the end is done all the same, and other threads that keep a process alive are waited
    for. A node's thread that hangs can print nothing any more, nor can one of `asyncio.to_thread`.
    """
    from flowcraft_engine.process_end import end_at_once

    if any(map(_is_waited_for, threading.enumerate())):
        sys.exit(code)
    end_at_once(code)


def _is_waited_for(thread: threading.Thread) -> bool:
    from flowcraft_cli.interruption import NODE_THREADS

    is_ours = thread is threading.main_thread() or thread.name.startswith(NODE_THREADS)
    return not (thread.daemon or is_ours)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command to its exit code. Never raises, never prints a traceback unless asked with --debug."""
    from flowcraft_cli.failure import Boundary
    from flowcraft_cli.interruption import interruptible

    is_completion = _is_completion(arguments)
    if not arguments and not is_completion:
        run_command_line(["--help"])
        return 2
    boundary = Boundary(arguments)
    with interruptible():
        try:
            boundary.prepare_streams()
            code = typer.main.get_command(app)(list(arguments), prog_name="flowcraft", standalone_mode=False)
            boundary.flush()
        except BaseException as error:  # the top of the process: whatever it is becomes a sentence and a code
            if is_completion and isinstance(error, SystemExit):
                return error.code if isinstance(error.code, int) else 0
            return boundary.report(error)
    return code if isinstance(code, int) else 0


def _is_completion(arguments: Sequence[str]) -> bool:
    """Whether a shell asks what could come next, or for its script: Typer answers, and ends with `sys.exit`."""
    asked = {"--show-completion", "--install-completion"}
    return "_FLOWCRAFT_COMPLETE" in os.environ or any(word.partition("=")[0] in asked for word in arguments)


def _print_version(wanted: bool) -> None:
    if wanted:
        from flowcraft_engine.version import __version__

        typer.echo(f"flowcraft {__version__} (Python {'.'.join(map(str, sys.version_info[:3]))})")
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
