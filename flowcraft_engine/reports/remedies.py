"""What helps a run that no worker can go on with."""

from __future__ import annotations

from typing import NamedTuple


class Remedy(NamedTuple):
    """What to do, in words, and the command without the `flowcraft`."""

    words: str
    command: str


def remedies(run_id: str, missing: str) -> list[Remedy]:
    """`missing` is what the fleet says that it lacks."""
    end = Remedy("or end the run", f"cancel {run_id}")
    if "no worker is online" in missing:
        return [Remedy("start one", "worker PATH [--app MODULE]"), end]
    if "--allow-remote-commands" in missing:
        return [
            Remedy("put the blueprint on the disk of a worker", "worker PATH"),
            Remedy("or let one run commands that it does not have on disk", "worker --allow-remote-commands"),
            end,
        ]
    if "node type" in missing:
        return [Remedy("start a worker that has it", "worker --app MODULE"), end]
    return [
        Remedy("start a worker that has this version", "worker PATH"),
        Remedy("or one that takes the version from the run itself", "worker --serve-snapshots"),
        end,
    ]
