"""The shorthands of a blueprint, taken apart: from what users write (as plain data) to the `Blueprint` model.

Trusts its argument: only valid blueprints come here.
"""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.model import Blueprint


def desugar(data: dict[str, Any]) -> Blueprint:
    nodes = [_node(node) for node in data.get("nodes", [])]
    edges = [_edge(edge) for edge in data.get("edges", [])]
    for node in data.get("nodes", []):
        edges += [{"source": source, "target": node["id"]} for source in node.get("needs", [])]
    for node in data.get("nodes", []):
        if loop := node.get("loop"):
            edges.append({"source": loop["end"], "target": node["id"]})
            edges.append({"source": node["id"], "target": loop["start"], "action": "continue"})
    distinct = [edge for index, edge in enumerate(edges) if edge not in edges[:index]]
    rest = {key: data[key] for key in ("metadata", "inputs", "outputs") if key in data}
    return Blueprint.model_validate({"id": data["id"], "nodes": nodes, "edges": distinct, **rest})


def _node(node: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {
        key: node[key] for key in ("id", "uses", "params", "inputs", "config", "loop") if key in node
    }
    if "loop" in node:
        plain["uses"] = "loop-controller"
    if "for_each" in node:
        extra = {key: node[key] for key in ("concurrency", "on_item_error") if key in node}
        plain["for_each"] = {"source": node["for_each"], **extra}
    return plain


def _edge(edge: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(edge, dict):
        return edge
    source, target = (part.strip() for part in edge.split("->"))
    return {"source": source, "target": target}
