"""The options that commands share: each has one name, one variable and one sentence of help everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_engine.errors import UsageError

if TYPE_CHECKING:
    from flowcraft_cli.manner import Manner
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.settings.worker import WorkerSettings


def option(*names: str, help: str, **more: Any) -> Any:
    """An option that can also be given as `FLOWCRAFT_<NAME>`."""
    long = next(name for name in names if name.startswith("--"))
    variable = "FLOWCRAFT_" + long.removeprefix("--").replace("-", "_").upper()
    return typer.Option(*names, help=help, envvar=variable, show_envvar=True, show_default=False, **more)


def _complete_run_ids(incomplete: str) -> list[tuple[str, str]]:
    from flowcraft_cli.completion import complete_run_ids

    return complete_run_ids(incomplete)


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id of the run, the beginning of it, @latest, or a run file (x.fcrun).",
        autocompletion=_complete_run_ids,
        show_default=False,
    ),
]
OptionalRunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Id of the run, the beginning of it, or @latest.",
        autocompletion=_complete_run_ids,
        show_default=False,
    ),
]
DryRun = Annotated[bool, option("--dry-run", help="Show what would be done; change nothing.")]
App = Annotated[
    list[str] | None,
    option("--app", help="Module with your nodes, module or module:attr; may be repeated.", metavar="MODULE"),
]
Blueprints = Annotated[
    list[str] | None,
    option(
        "--blueprints", help="File or folder with blueprints for subflows; may be repeated.", metavar="PATH"
    ),
]
State = Annotated[
    str | None,
    option(
        "--state",
        help="Where runs are kept: a file, or 'memory'. Default: .flowcraft/state.db",
        metavar="FILE",
    ),
]
Concurrency = Annotated[
    str | None, option("--concurrency", help="Most nodes at a time (default 32).", metavar="N")
]
RedisUrl = Annotated[
    str | None,
    option(
        "--redis-url",
        help="Redis that holds the runs, or REDIS_URL. Default: that of `flowcraft dev`, else"
        " redis://127.0.0.1:6379/0",
        metavar="URL",
    ),
]
BrokerUrl = Annotated[
    str | None,
    option(
        "--broker-url",
        help="Redis of the queue. Default: the next database of the runs' server.",
        metavar="URL",
    ),
]
Namespace = Annotated[
    str | None,
    option("--namespace", help="What all keys in Redis begin with (default flowcraft).", metavar="NAME"),
]
Insecure = Annotated[
    bool, option("--insecure", help="Use a Redis on the network without password and TLS, too.")
]
Backend = Annotated[
    str | None, option("--backend", help="Where runs are: sqlite (default) or redis.", metavar="NAME")
]
LogFormat = Annotated[
    str | None, option("--log-format", help="Log lines on stderr as text (default) or json.", metavar="NAME")
]
LogLevel = Annotated[
    str | None,
    option("--log-level", help="Log lines from debug, info, warning or error on.", metavar="NAME"),
]
Traces = Annotated[
    bool, option("--traces", help="Tell OpenTelemetry of every run and attempt; needs flowcraft-py[otel].")
]
Timeout = Annotated[
    str | None,
    option(
        "--timeout", help="Stop waiting after this time: 500ms, 30s, 5m, 1h. Exit code 6.", metavar="DURATION"
    ),
]
Reports = Annotated[
    list[str] | None,
    option(
        "--report",
        help="Write a report, however the run ends: junit=FILE, html=FILE, github; may be repeated.",
        metavar="KIND=FILE",
    ),
]
Json = Annotated[bool, option("--json", help="Print exactly one JSON document, also on failure.")]
Quiet = Annotated[bool, option("--quiet", "-q", help="Show no progress.")]
Verbose = Annotated[bool, option("--verbose", "-v", help="Show why nodes run, and debug messages of nodes.")]
Debug = Annotated[bool, option("--debug", help="Show tracebacks.", hidden=True)]


def settings_of(context: typer.Context, *, near: str | None = None) -> Settings:
    """The settings of a command; `near` is the blueprint, or the folder, where the project file is looked for."""
    from flowcraft_engine.settings import read_settings
    from flowcraft_engine.settings.command import READERS

    return read_settings(_flags(context, READERS), os.environ, near=_folder(near))


def worker_settings_of(context: typer.Context, *, near: str | None = None) -> WorkerSettings:
    """What a worker needs beside `settings_of`."""
    from flowcraft_engine.settings.worker import WORKER_READERS, read_worker_settings

    return read_worker_settings(_flags(context, WORKER_READERS), os.environ, near=_folder(near))


def _flags(context: typer.Context, names: Iterable[str]) -> dict[str, Any]:
    return {name: context.params[name] for name in names if is_flag(context, name)}


def _folder(near: str | None) -> Path | None:
    if near is None or near == "-":
        return None
    path = Path(near).absolute()
    return path if path.is_dir() else path.parent


def manner_of(context: typer.Context) -> Manner:
    """How a command shall execute or follow a run. Raises `UsageError`."""
    from flowcraft_cli.manner import Manner

    asked = context.params
    return Manner(duration_s(context, "timeout"), asked["quiet"], asked["verbose"], asked["json"])


def duration_s(context: typer.Context, name: str) -> float | None:
    """The duration option `name` in seconds. Raises `UsageError` that names the flag or the variable."""
    value = context.params.get(name)
    if value is None:
        return None
    from flowcraft_engine.values import parse_duration

    try:
        return parse_duration(float(value) if value.replace(".", "", 1).isdigit() else value) / 1000
    except ValueError as error:
        raise UsageError(f"{source_of(context, name)}: {error}") from error


def source_of(context: typer.Context, name: str) -> str:
    """Where an option's value comes from, in words: `--timeout` or `FLOWCRAFT_TIMEOUT`."""
    return f"--{name.replace('_', '-')}" if is_flag(context, name) else f"FLOWCRAFT_{name.upper()}"


def is_flag(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return name in context.params and source is not None and source.name == "COMMANDLINE"
