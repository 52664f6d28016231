"""Runs a graph in the notation of the scenarios and asks about it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flowcraft_engine import FlowRuntime, NodeRegistry, load_blueprint
from flowcraft_engine.reports.dossier import Dossier, read_dossier
from tests.unit.runtime.play import blueprint, runtime


async def dossier_of(
    text: str,
    nodes: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    patch: Mapping[str, Mapping[str, Any]] | None = None,
    now: float | None = None,
    **extra: Any,
) -> Dossier:
    made = blueprint(text, patch, **extra)
    process = runtime(made, nodes)
    await process.run(made, inputs, run_id="run")
    return await read_dossier(process.store, "run", now or time.time())


async def dossier_of_file(path: str, *functions: Any, inputs: Mapping[str, Any] | None = None) -> Dossier:
    process = FlowRuntime(registry=NodeRegistry(list(functions)))
    await process.run(load_blueprint(path), inputs, run_id="run")
    return await read_dossier(process.store, "run", time.time())


def boom() -> None:
    raise RuntimeError("boom")
