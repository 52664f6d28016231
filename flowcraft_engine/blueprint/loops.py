"""Flowcraft's way to write a loop: a `loop-controller` node with params, and edges `continue` and `break`.

The start of the body is the target of `continue`; its end is the node of the body that leads back.
"""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.fields import describe
from flowcraft_engine.blueprint.fixed_names import CONTINUE, LOOP_CONTROLLER
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable

_MOST = 10_000_000


def spell_out_loops(
    nodes: list[dict[str, Any]], edges: list[dict[str, Any]], places: Places, report: Report
) -> None:
    """Gives each explicit controller its `loop`; what is missing is reported, with the missing piece."""
    explicit = [node for node in nodes if node["uses"] == LOOP_CONTROLLER and "loop" not in node]
    if explicit:
        reader = _LoopReader(nodes, edges, places, report)
        for node in explicit:
            reader.spell_out(node)
    _drop_default_transforms(nodes, edges)


class _LoopReader:
    def __init__(
        self, nodes: list[dict[str, Any]], edges: list[dict[str, Any]], places: Places, report: Report
    ) -> None:
        self.places = places
        self.report = report
        self.starts: dict[str, list[str]] = {}
        self.into: dict[str, list[str]] = {}
        self.after: dict[str, list[str]] = {}
        for edge in edges:
            self.after.setdefault(edge["source"], []).append(edge["target"])
            self.into.setdefault(edge["target"], []).append(edge["source"])
            if edge.get("action") == CONTINUE:
                self.starts.setdefault(edge["source"], []).append(edge["target"])
        for node in nodes:
            fallback = node.get("config", {}).get("fallback")
            if fallback:
                self.after.setdefault(node["id"], []).append(fallback)
        #: Steps left for finding the bodies, so that broken edges cannot make this quadratic.
        self.left = 70 * (len(nodes) + len(edges)) + 1_000

    def spell_out(self, node: dict[str, Any]) -> None:
        name = node["id"]
        loop = self._params(node)
        start = self._start(name)
        end = self._end(name, start) if start is not None else None
        if start is not None and end is not None and "condition" in loop:
            node["loop"] = {"start": start, "end": end, **loop}

    def _params(self, node: dict[str, Any]) -> dict[str, Any]:
        """Condition and limit are taken out of the params: they are the loop's."""
        name = node["id"]
        params = dict(node.get("params", {}))
        loop: dict[str, Any] = {}
        condition = params.pop("condition", None)
        if isinstance(condition, str) and condition:
            loop["condition"] = condition
        elif condition is None:
            text = f"the loop controller '{printable(name, 60)}' has no condition"
            hint = "params: {condition: …}: the loop runs again while it holds"
            self.report.error("loop_incomplete", text, self.places.node(name), hint)
        else:
            text = f"condition of the loop '{printable(name, 60)}' must be text, not {describe(condition)}"
            self.report.error("wrong_type", text, self.places.node(name, "params", "condition"), "quote it")
        most = params.pop("max_iterations", None)
        at = self.places.node(name, "params", "max_iterations")
        if type(most) is int and 1 <= most <= _MOST:
            loop["max_iterations"] = most
        elif type(most) is int:
            text = f"max_iterations of '{printable(name, 60)}' must be between 1 and {_MOST:,}, not {most}"
            self.report.error("out_of_range", text, at)
        elif most is not None:
            text = f"max_iterations of '{printable(name, 60)}' must be a whole number, not {describe(most)}"
            self.report.error("wrong_type", text, at)
        if params:
            node["params"] = params
        else:
            node.pop("params", None)
        return loop

    def _start(self, name: str) -> str | None:
        starts = self.starts.get(name, [])
        if len(starts) == 1:
            return starts[0]
        shown = printable(name, 60)
        if starts:
            text = f"the loop '{shown}' has {len(starts)} `continue` edges: {', '.join(starts)}"
            hint = "let one node begin the body, and lead from it to the others"
            self.report.error("loop_incomplete", text, self.places.node(name), hint)
        else:
            text = f"the loop '{shown}' has no `continue` edge"
            hint = f"add {{source: {shown}, target: <first node of the body>, action: continue}}"
            self.report.error("loop_incomplete", text, self.places.node(name), hint)
        return None

    def _end(self, name: str, start: str) -> str | None:
        body = self._body(name, start)
        ends = [source for source in dict.fromkeys(self.into.get(name, [])) if source in body]
        if len(ends) == 1:
            return ends[0]
        shown = printable(name, 60)
        if ends:
            text = f"{len(ends)} nodes of the body lead back to the loop '{shown}': {', '.join(ends)}"
            hint = "let them lead to one last node (with join_strategy: any), and that one back"
        else:
            text = f"nothing leads from the body of the loop '{shown}' back to it"
            hint = f"add an edge from the last node of the body to {shown}"
        self.report.error("loop_incomplete", text, self.places.node(name), hint)
        return None

    def _body(self, name: str, start: str) -> set[str]:
        body = {start} if start != name else set()
        left = list(body)
        while left and self.left > 0:
            followers = self.after.get(left.pop(), ())
            self.left -= 1 + len(followers)
            for follower in followers:
                if follower != name and follower not in body:
                    body.add(follower)
                    left.append(follower)
        return body


def _drop_default_transforms(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> None:
    """Flowcraft writes `context["<end>"]` on a controller's edges: here the end's output is what they
    carry.
    """
    ends = {node["id"]: node["loop"]["end"] for node in nodes if "loop" in node}
    for edge in edges if ends else ():
        end = ends.get(edge["source"])
        if end is not None and edge.get("transform") in (
            f'context["{end}"]',
            f"context['{end}']",
            f"context.{end}",
        ):
            del edge["transform"]
