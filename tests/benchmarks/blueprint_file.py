"""A long blueprint file: a chain whose nodes have two params and two config keys each."""

from __future__ import annotations

from pathlib import Path


def write_chain(path: Path, length: int) -> Path:
    """About 190 bytes a node, with its edge."""
    nodes = "".join(_node(number) for number in range(length))
    edges = "".join(f"  - {{source: {_name(i)}, target: {_name(i + 1)}}}\n" for i in range(length - 1))
    path.write_text(f"id: chain\nnodes:\n{nodes}" + (f"edges:\n{edges}" if edges else ""), encoding="utf-8")
    return path


def _node(number: int) -> str:
    return (
        f"  - id: {_name(number)}\n"
        f"    uses: noop\n"
        f"    params:\n"
        f"      account: account-{number:06d}\n"
        f"      amount: {number}\n"
        f"    config:\n"
        f"      max_retries: 3\n"
        f"      timeout: 30s\n"
    )


def _name(number: int) -> str:
    return f"node-{number:06d}"
