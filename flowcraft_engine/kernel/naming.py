"""Names of node instances: `body#3`, `in#2.3`, `row[17]`, `row#2[17]`, and of child runs: `<parent>:<instance>`."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The instance that evaluates a run's declared outputs. No node can have this name taken from it: see `lint`.
END = "$end"

Path = tuple[int, ...]
_INSTANCE = re.compile(r"(?P<node>[^#\[\]:]+)(?:#(?P<path>\d+(?:\.\d+)*))?(?:\[(?P<index>\d+)\])?")


@dataclass(frozen=True, slots=True)
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


def instance_name(node_id: str, path: Path) -> str:
    return f"{node_id}#{'.'.join(map(str, path))}" if path else node_id


def item_name(whole: str, index: int) -> str:
    return f"{whole}[{index}]"


def child_run_id(parent_run_id: str, instance: str, attempt: int) -> str:
    """A new attempt is a new child; `::` cannot collide with an instance, whose names are never empty."""
    suffix = f"::{attempt}" if attempt > 1 else ""
    return f"{parent_run_id}:{instance}{suffix}"
