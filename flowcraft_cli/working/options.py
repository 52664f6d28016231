"""The options of how a worker works, which `worker_settings_of` reads."""

from __future__ import annotations

from typing import Annotated, Final

from flowcraft_cli.options import option
from flowcraft_cli.shared_options import Group

WORK: Final[Group] = {
    "processes": Annotated[
        str | None, option("--processes", metavar="N", help="Worker processes (default 1).")
    ],
    "threads": Annotated[
        str | None,
        option("--threads", metavar="N", help="Jobs being claimed at a time, in each process (default 8)."),
    ],
    "queues": Annotated[
        list[str] | None,
        option("--queues", metavar="NAME", help="Queues of unversioned runs (default: default)."),
    ],
    "lease": Annotated[
        str | None,
        option("--lease", metavar="DURATION", help="Silent for so long it counts as dead (default 15s)."),
    ],
    "retention": Annotated[
        str | None,
        option("--retention", metavar="DURATION", help="Forget runs so long after their end (default 7d)."),
    ],
    "grace": Annotated[
        str | None,
        option("--grace", metavar="DURATION", help="How long nodes may go on at the end (default 30s)."),
    ],
    "serve_snapshots": Annotated[
        bool,
        option("--serve-snapshots", help="Execute versions that are not on disk, from the run itself."),
    ],
    "allow_remote_commands": Annotated[
        bool,
        option(
            "--allow-remote-commands", help="Let blueprints that are not on disk use shell and python nodes."
        ),
    ],
    "pass_env": Annotated[
        list[str] | None,
        option("--pass-env", metavar="NAME", help="A variable that shell nodes get; may be repeated."),
    ],
    "metrics": Annotated[
        str | None,
        option(
            "--metrics",
            metavar="[HOST:]PORT",
            help="Serve /metrics and /healthz there, on 127.0.0.1 if no host is given;"
            " each further process takes the next port.",
        ),
    ],
}
