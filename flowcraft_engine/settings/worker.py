"""What `flowcraft worker` and `flowcraft dev` work with, beside the settings of every command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from flowcraft_engine.frozen import frozen
from flowcraft_engine.settings import readers
from flowcraft_engine.settings.sources import Reader, Sources

_HOUR_S = 3_600.0
_DAY_S = 24 * _HOUR_S


@frozen
class WorkerSettings:
    """How a worker works. `sources` says for each setting where its value came from."""

    processes: int = 1
    #: Jobs that are being claimed at a time, in each process.
    threads: int = 8
    #: Of the queues of unversioned runs these are served; empty: the one where all of them are.
    queues: tuple[str, ...] = ()
    #: A worker that was not heard for so long is taken for dead; its nodes are executed by others.
    lease_s: float = 15.0
    #: How long runs are kept after their end.
    retention_s: float = 7 * _DAY_S
    #: How long nodes may go on when the worker is asked to end.
    grace_s: float = 30.0
    #: Whether versioned blueprints that the worker does not have are run from the snapshot of the run.
    serve_snapshots: bool = False
    #: Whether `shell` and `python` nodes of blueprints that the worker does not have are executed.
    allow_remote_commands: bool = False
    #: Environment variables that `shell` nodes get, beside PATH, HOME, LANG, TZ and TMPDIR.
    pass_env: tuple[str, ...] = ()
    #: Host and port where the first process serves metrics, the others on the ports that follow; None: nowhere.
    metrics: tuple[str, int] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


def read_worker_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    near: Path | None = None,
    cwd: Path | None = None,
) -> WorkerSettings:
    """The settings of one worker; arguments and errors as `read_settings`, which looks for unknown keys."""
    it = Sources.of(flags, environment, near, cwd)
    values, sources = it.read(WORKER_READERS)
    named = {_FIELDS.get(name, name): value for name, value in values.items()}
    return WorkerSettings(**named, sources=sources)


_FIELDS = {"lease": "lease_s", "retention": "retention_s", "grace": "grace_s"}
#: Below this a lease would be lost to every pause of the machine.
_SHORTEST_LEASE_S = 0.25
WORKER_READERS: dict[str, Reader] = {
    "processes": readers.whole_number(1, 1_000),
    "threads": readers.whole_number(1, 10_000),
    "queues": readers.texts,
    "lease": readers.seconds(_SHORTEST_LEASE_S, _HOUR_S),
    "retention": readers.seconds(1.0),
    "grace": readers.seconds(0.0, _DAY_S),
    "serve_snapshots": readers.truth,
    "allow_remote_commands": readers.truth,
    "pass_env": readers.texts,
    "metrics": readers.address,
}
