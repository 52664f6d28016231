"""Declared inputs, and whether what `inputs`, `for_each` and subflows name can ever be there."""

from __future__ import annotations

import re

from flowcraft_engine.blueprint.context_keys import known_keys
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.input_source import OF_ITEMS, InputSource, parse_source
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.model import InputSpec, NodeSpec
from flowcraft_engine.blueprint.nearest import Speller
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.run_inputs import value_problem
from flowcraft_engine.blueprint.source import printable

TEMPLATE_MARK = "${{"
#: Nobody has these in the name of a key, and everybody in an expression.
_EXPRESSION_MARKS = frozenset("()[]{},+*<>=\"'")
#: `[0]` or `["name"]`, which is a step of expressions.
_SUBSCRIPT = re.compile(r"""\[(?:(\d+)|"([^"\]]+)"|'([^'\]]+)')\]""")


def check_inputs(graph: Graph, places: Places, report: Report) -> None:
    """Adds every problem of declared inputs and of the sources of nodes to `report`."""
    for name, spec in graph.blueprint.inputs.items():
        _check_declaration(name, spec, places, report)
    sources = Sources(graph, places, report)
    for node in graph.blueprint.nodes:
        sources.check_node(node)


def _check_declaration(name: str, spec: InputSpec, places: Places, report: Report) -> None:
    shown = printable(name, 60)
    for index, value in enumerate(spec.enum or ()):
        problem = value_problem(value, InputSpec(type=spec.type))
        if problem:
            text = f"a choice of the input '{shown}' {problem}"
            report.error("default_mismatch", text, places.top("inputs", name, "enum", index))
    if spec.default is not None:
        problem = value_problem(spec.default, spec)
        if problem:
            text = f"the default of the input '{shown}' {problem}"
            report.error("default_mismatch", text, places.top("inputs", name, "default"))
        if spec.required:
            text = f"the input '{shown}' is required and has a default, which is never used"
            report.warning(
                "useless_default", text, places.top("inputs", name, "default"), "remove one of them"
            )


class Sources:
    """Checks the names of sources: nodes must be ancestors, context keys must be settable."""

    def __init__(self, graph: Graph, places: Places, report: Report) -> None:
        self.graph = graph
        self.places = places
        self.report = report
        self.ids = frozenset(graph.ids)
        self.keys = known_keys(graph.blueprint)
        self.speller = Speller([*self.keys, *self.ids])

    def check_node(self, node: NodeSpec) -> None:
        if isinstance(node.inputs, str):
            self.check(node, node.inputs, self.places.node(node.id, "inputs"))
        elif node.inputs is not None:
            for name, text in node.inputs.items():
                self.check(node, text, self.places.node(node.id, "inputs", name))
        batch = node.for_each
        if batch is not None and isinstance(batch.source, str) and TEMPLATE_MARK not in batch.source:
            part = "for_each" if self.places.node_has(node.id, "for_each") else "inputs"
            self.check(node, batch.source, self.places.node(node.id, part))
        if node.uses == "subflow" and isinstance(node.params.get("inputs"), dict):
            for name, text in node.params["inputs"].items():
                at = self.places.node(node.id, "params", "inputs", name)
                if isinstance(text, str):
                    self._check_for_child(node, text, at)
                else:
                    message = f"the source of the child's input '{printable(name, 60)}' must be text"
                    self.report.error("wrong_type", message, at, "name a node or a context key")

    def _check_for_child(self, node: NodeSpec, text: str, at: int | None) -> None:
        source = parse_source(text, self.ids)
        if node.for_each is None or source.is_node or source.name not in OF_ITEMS:
            self.check(node, text, at)

    def check(self, node: NodeSpec, text: str, at: int | None) -> None:
        source = parse_source(text, self.ids)
        if TEMPLATE_MARK in text:
            message = "`inputs` names a source; `${{ }}` works in params only"
            self.report.error("template_in_inputs", message, at, "write the name alone, like order.id")
        elif not source.name:
            self.report.error("bad_source", f"'{printable(text, 60)}' names no source", at, "like order.id")
        elif source.is_node:
            self.check_ancestor(node.id, source.name, at, "inputs")
            self._check_path(node, source, text, at)
        elif not self._check_path(node, source, text, at):
            self._check_key(node, source, at)

    def check_ancestor(self, node_id: str, name: str, at: int | None, what: str) -> None:
        """Warns where the output of `name` cannot be there yet."""
        if name == node_id:
            text = f"{what} of '{show(node_id)}' names its own output, which is not there yet"
            self.report.warning("not_an_ancestor", text, at)
        elif not self.graph.is_ancestor(name, node_id):
            text = f"{what} of '{show(node_id)}' names '{show(name)}', which does not come before it"
            hint = f"add an edge, so that '{show(name)}' has ended: {show(name)} -> {show(node_id)}"
            self.report.warning("not_an_ancestor", text, at, hint)

    def _check_path(self, node: NodeSpec, source: InputSource, text: str, at: int | None) -> bool:
        """Warns of what is written like an expression; whether it is."""
        name = "" if source.is_node or source.name in self.keys else source.name
        if _EXPRESSION_MARKS.isdisjoint("".join((name, *source.path))):
            return False
        message = f"'{show(text)}' is read as the name of a node or key: a source is no expression"
        path = _SUBSCRIPT.sub(lambda found: "." + "".join(filter(None, found.groups())), text)
        if _EXPRESSION_MARKS.isdisjoint(path):
            hint = f"write {show(path)}"
        elif node.for_each is not None:
            hint = "for_each takes a list without quotes, or an expression in ${{ }}"
        else:
            hint = "a constant belongs into params; a `set` node before it can work a value out"
        self.report.warning("unknown_source", message, at, hint)
        return True

    def _check_key(self, node: NodeSpec, source: InputSource, at: int | None) -> None:
        if source.name in self.keys:
            return
        near = self.speller.nearest(source.name)
        is_first = bool(self.graph.blueprint.inputs) and not self.graph.entries[node.id]
        if near is None and (not is_first or node.id in self.graph.rescues):
            return  # a node before it may set the key
        text = f"'{show(source.name)}' is no node and no declared input: unless a node sets it, it is null"
        hint = f"did you mean '{near}'?" if near else "declare it under `inputs`"
        self.report.warning("unknown_source", text, at, hint)
