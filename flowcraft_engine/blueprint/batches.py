"""Flowcraft's way to write a batch: a `batch-scatter` node that names its worker, and a `batch-gather` node.

The scatter becomes a node of the worker's type with `for_each`; the gather stays.
"""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.fields import describe
from flowcraft_engine.blueprint.nearest import did_you_mean
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable

SCATTER = "batch-scatter"
GATHER = "batch-gather"
_OWN = ("worker_uses_key", "gather_node_id", "chunk_size", "output_key")


def spell_out_scatters(
    nodes: list[dict[str, Any]], edges: list[dict[str, Any]], places: Places, report: Report
) -> None:
    """Turns each scatter into a node with `for_each`; what is missing or wrong is reported."""
    scatters = [node for node in nodes if node["uses"] == SCATTER]
    if not scatters:
        return
    by_id = {node["id"]: node for node in nodes}
    ids = {name: node["uses"] for name, node in by_id.items()}
    sources: dict[str, list[str]] = {}
    for edge in edges:
        sources.setdefault(edge["target"], []).append(edge["source"] if "transform" not in edge else "")
    for node in scatters:
        scatter = _Scatter(node, ids, places, report)
        gather = by_id.get(scatter.gather) if scatter.gather is not None else None
        key = scatter.output_key()
        if gather is not None and key is not None:
            # It is the gather that has the results; what it says itself goes before.
            gather["params"] = {"output_key": key, **gather.get("params", {})}
        scatter.spell_out(sources.get(node["id"], []))


class _Scatter:
    def __init__(self, node: dict[str, Any], ids: dict[str, str], places: Places, report: Report) -> None:
        self.node = node
        self.ids = ids
        self.places = places
        self.report = report
        self.what = f"scatter '{printable(node['id'], 60)}'"
        self.params: dict[str, Any] = node.get("params", {})
        #: The node that gathers its results; None if there is none, which has been told.
        self.gather = self._gather()

    def spell_out(self, sources: list[str]) -> None:
        node = self.node
        worker = self._worker()
        batch: dict[str, Any] = {"source": self._source(sources)}
        chunk = self._chunk_size()
        if chunk is not None:
            batch["concurrency"] = chunk
        rest = {name: value for name, value in self.params.items() if name not in _OWN}
        node.pop("inputs", None)
        node.pop("params", None)
        if rest:
            node["params"] = rest
        node["uses"] = worker
        node["for_each"] = batch

    def _worker(self) -> str:
        worker = self.params.get("worker_uses_key")
        if isinstance(worker, str) and worker:
            return worker
        if worker is None:
            text = f"{self.what} does not say which node type works on the items"
            hint = "params: {worker_uses_key: <node type>, gather_node_id: <gather>}"
            self.report.error("scatter_incomplete", text, self.places.node(self.node["id"]), hint)
        else:
            at = self.places.node(self.node["id"], "params", "worker_uses_key")
            text = f"worker_uses_key of {self.what} must be text, not {describe(worker)}"
            self.report.error("wrong_type", text, at)
        return ""

    def output_key(self) -> str | None:
        key = self.params.get("output_key")
        if key is None or isinstance(key, str):
            return key
        at = self.places.node(self.node["id"], "params", "output_key")
        self.report.error("wrong_type", f"output_key of {self.what} must be text, not {describe(key)}", at)
        return None

    def _gather(self) -> str | None:
        gather = self.params.get("gather_node_id")
        at = self.places.node(self.node["id"], "params", "gather_node_id")
        if gather is None:
            text = f"{self.what} does not say which node gathers its results"
            self.report.error("scatter_incomplete", text, at, "params: {gather_node_id: <gather>}")
        elif not isinstance(gather, str) or self.ids.get(gather) != GATHER:
            gathers = [node_id for node_id, uses in self.ids.items() if uses == GATHER]
            shown = printable(str(gather), 60)
            text = f"{self.what} names the gather '{shown}', which is no batch-gather node of this blueprint"
            self.report.error("unknown_gather", text, at, did_you_mean(str(gather), gathers))
        else:
            return gather
        return None

    def _chunk_size(self) -> int | None:
        chunk = self.params.get("chunk_size")
        if chunk is None:
            return None
        at = self.places.node(self.node["id"], "params", "chunk_size")
        if type(chunk) is not int:
            text = f"chunk_size of {self.what} must be a whole number, not {describe(chunk)}"
            self.report.error("wrong_type", text, at)
        elif not 1 <= chunk <= 100_000:
            text = f"chunk_size of {self.what} must be between 1 and 100,000, not {chunk}"
            self.report.error("out_of_range", text, at)
        else:
            return chunk
        return None

    def _source(self, sources: list[str]) -> str:
        """The list: what `inputs` names, else the output of the only predecessor, else the node's own
        input.
        """
        named = self.node.get("inputs")
        if isinstance(named, str):
            return named
        if named is not None:
            text = f"inputs of {self.what} must name one list, not a mapping"
            self.report.error("wrong_type", text, self.places.node(self.node["id"], "inputs"))
        if len(set(sources)) == 1 and sources[0]:
            return sources[0]
        return "${{ input }}"
