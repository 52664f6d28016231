"""What helps a run that no worker can go on with."""

from __future__ import annotations


def remedies(run_id: str, missing: str) -> list[str]:
    """`missing` is what the fleet says that it lacks."""
    if "no worker is online" in missing:
        return ["start one: flowcraft worker PATH [--app MODULE]", _end(run_id)]
    if "--allow-remote-commands" in missing:
        return [
            "put the blueprint on the disk of a worker: flowcraft worker PATH",
            "or let one run commands that it does not have on disk: flowcraft worker --allow-remote-commands",
            _end(run_id),
        ]
    if "node type" in missing:
        return ["start a worker that has it: flowcraft worker --app MODULE", _end(run_id)]
    return [
        "start a worker that has this version: flowcraft worker PATH",
        "or one that takes the version from the run itself: flowcraft worker --serve-snapshots",
        _end(run_id),
    ]


def _end(run_id: str) -> str:
    return f"or end the run: flowcraft cancel {run_id}"
