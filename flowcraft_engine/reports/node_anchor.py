"""The anchor of a node on a page: made of any run id and any instance name, and free of signs."""

from __future__ import annotations

import re


def node_id_of(run_id: str, instance: str) -> str:
    """Different for different instances; letters, digits, `-` and `_` only."""
    told = re.sub(r"[^A-Za-z0-9-]", lambda match: f"_{ord(match[0]):x}_", f"{run_id}--{instance}")
    return f"n-{told}"
