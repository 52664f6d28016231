"""Which queue the jobs of a blueprint go to: one for all that has no version, one for each version that there is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.model import Blueprint

#: The queue of everything that asks for no particular version.
DEFAULT_QUEUE = "default"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def queue_of(blueprint: Blueprint, digest: str) -> str:
    """A versioned blueprint has a queue of its own, so its jobs meet no worker that does not declare it.

    The digest belongs to the name: the same version with other contents is another blueprint.
    """
    if blueprint.version is None:
        return DEFAULT_QUEUE
    words = (_UNFIT.sub("-", text)[:40] for text in (blueprint.id, blueprint.version))
    return f"bp.{'.'.join(words)}.{digest[:12]}"


def queue_of_types(node_types: Iterable[str]) -> str:
    """The queue of all workers that have exactly these node types."""
    text = "\n".join(sorted(node_types))
    return f"types.{hashlib.sha256(text.encode()).hexdigest()[:16]}"
