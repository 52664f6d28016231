"""What every command works with."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.project_file import ProjectFile
from flowcraft_engine.nodes.secret_providers import EnvironmentSecrets, SecretProvider
from flowcraft_engine.settings import readers
from flowcraft_engine.settings.readers import MEMORY
from flowcraft_engine.settings.sources import Reader, Sources

__all__ = ["MEMORY", "Backend", "Settings", "read_settings"]

Backend = Literal["sqlite", "redis"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
DEFAULT_CONCURRENCY = 32
MAX_CONCURRENCY = 100_000
DEFAULT_NAMESPACE = "flowcraft"
#: What belongs to a project and not to its source: kept runs, an embedded server.
PROJECT_STATE = ".flowcraft"
_STATE = Path(PROJECT_STATE) / "state.db"


@frozen
class Settings:
    """What a command works with. `sources` says for each setting where its value came from."""

    apps: tuple[str, ...] = ()
    #: Files and folders with blueprints for sub-runs.
    blueprints: tuple[Path, ...] = ()
    #: The database of runs; None keeps them in memory.
    state: Path | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    #: Hosts that `http` nodes may reach although they are not public.
    http_allow: tuple[str, ...] = ()
    #: Where secrets are looked for, in this order.
    secrets: tuple[SecretProvider, ...] = (EnvironmentSecrets(),)
    #: Where commands look for runs: in the state file, or in Redis.
    backend: Backend = "sqlite"
    #: As they were given, unparsed, with their passwords; None: see `assembly.redis_addresses`.
    redis_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    #: What the names of all keys in Redis begin with.
    namespace: str = DEFAULT_NAMESPACE
    #: Whether a Redis on the network without password and TLS may be used.
    insecure: bool = False
    #: How log lines on stderr are written, and from which level on; None: it depends on the command.
    log_format: LogFormat = "text"
    log_level: LogLevel | None = None
    #: Whether attempts are told to OpenTelemetry.
    traces: bool = False
    project: ProjectFile | None = None
    #: The folder that `.flowcraft` is in.
    root: Path = field(default_factory=Path.cwd)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def code_root(self) -> Path:
        """The folder that errors name files from: that of the project file, for nodes are imported from there."""
        return self.project.folder if self.project is not None else self.root

    @property
    def project_state(self) -> Path:
        """The folder of kept runs and of the server that `flowcraft dev` starts."""
        return self.root / PROJECT_STATE


def read_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    near: Path | None = None,
    cwd: Path | None = None,
) -> Settings:
    """The settings of one command. `near` is where the search for the project file begins, upwards.

    It goes on in `cwd`. `flags` has only what was given on the command line. Raises `UsageError` that names
    the flag, the variable or the file with the wrong value.
    """
    it = Sources.of(flags, environment, near, cwd)
    if it.project is not None:
        _refuse_unknown_keys(it.project)
    values, sources = it.read(READERS)
    return Settings(
        apps=values.pop("app", ()),
        state=values.pop("state") if "state" in values else it.root / _STATE,
        project=it.project,
        root=it.root,
        sources=sources,
        **values,
    )


def _refuse_unknown_keys(project: ProjectFile) -> None:
    unknown = [key for key in project.table if key not in READERS]
    if not unknown:
        return
    from flowcraft_engine.settings.worker import WORKER_READERS

    known = [*READERS, *WORKER_READERS]
    for key in unknown:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
            raise UsageError(f"{project.path}: there is no setting {key!r}", hint=hint)


READERS: dict[str, Reader] = {
    "app": readers.texts,
    "blueprints": readers.paths,
    "state": readers.state,
    "concurrency": readers.whole_number(1, MAX_CONCURRENCY),
    "http_allow": readers.texts,
    "secrets": readers.secrets,
    "backend": readers.choice("sqlite", "redis"),
    "redis_url": readers.url,
    "broker_url": readers.url,
    "namespace": readers.matching(
        "[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, dots, hyphens or underscores"
    ),
    "insecure": readers.truth,
    "log_format": readers.choice("text", "json"),
    "log_level": readers.choice("debug", "info", "warning", "error"),
    "traces": readers.truth,
}
