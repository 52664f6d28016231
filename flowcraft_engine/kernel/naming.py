"""Names of node instances: `body#3`, `in#2.3`, `row[17]`, `row#2[17]`, and of child runs: `<parent>:<instance>`."""

from __future__ import annotations

import re

from flowcraft_engine.frozen import frozen

#: The instance that evaluates a run's declared outputs. No node of a blueprint can be called so: see `lint_names`.
END = "$end"

Path = tuple[int, ...]
_INSTANCE = re.compile(r"(?P<node>[^#\[\]:]+)(?:#(?P<path>\d+(?:\.\d+)*))?(?:\[(?P<index>\d+)\])?")


@frozen
class InstanceName:
    """A parsed name: node id, iteration numbers from the outer loop to the inner (from 1), item index (from 0)."""

    node_id: str
    path: Path
    index: int | None

    @classmethod
    def parse(cls, name: str) -> InstanceName | None:
        match = _INSTANCE.fullmatch(name)
        if match is None:
            return None
        path = tuple(int(part) for part in match["path"].split(".")) if match["path"] else ()
        return cls(match["node"], path, int(match["index"]) if match["index"] else None)


def node_of(instance: str) -> str:
    """The id of an instance's node: `row` for `row#2[17]`."""
    return instance.partition("#")[0].partition("[")[0]


def instance_name(node_id: str, path: Path) -> str:
    return f"{node_id}#{'.'.join(map(str, path))}" if path else node_id


def item_name(whole: str, index: int) -> str:
    return f"{whole}[{index}]"


def child_run_id(parent_run_id: str, instance: str, attempt: int, generation: int = 0) -> str:
    """Each attempt has a child run of its own. No instance has an empty name, so `::` begins none.

    `generation` is the one in which the instance began anew, if it did: `::g2`, `::g2.3` for its third attempt.
    """
    suffix = f"::{attempt}" if attempt > 1 else ""
    if generation:
        suffix = f"::g{generation}.{attempt}" if attempt > 1 else f"::g{generation}"
    return f"{parent_run_id}:{instance}{suffix}"


def key_base(base: str, generation: int) -> str:
    """What idempotency keys are made from; `generation` is that of the rerun that made new ones, or 0.

    `#` cannot begin the name of an instance, so this is never the base of a sub-run.
    """
    return f"{base}\0#{generation}" if generation else base
