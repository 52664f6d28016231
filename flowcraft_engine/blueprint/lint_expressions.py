"""Conditions, transforms, templates and outputs: they compile, and what they name can be there."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.context_keys import are_all_known, known_keys
from flowcraft_engine.blueprint.fields import describe
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.input_source import parse_source
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.lint_inputs import TEMPLATE_MARK
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec
from flowcraft_engine.blueprint.nearest import MISTYPED, Speller, did_you_mean, is_mistyped
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.scalar_place import scalar_place
from flowcraft_engine.blueprint.special_params import EXPRESSION_PARAMS, SCRIPT_PARAMS
from flowcraft_engine.expressions import (
    Evaluator,
    ExpressionSyntaxError,
    Program,
    References,
    Template,
    evaluator_named,
)

#: What `result` has in a condition.
_OF_RESULT = frozenset({"output", "action"})
_BY_ITSELF = "the id of a node is its output: write it by itself"
#: Names that other tools have in expressions, and what is written here.
_FOREIGN = {
    "secrets": 'write secret("NAME")',
    "needs": _BY_ITSELF,
    "nodes": _BY_ITSELF,
    "steps": _BY_ITSELF,
    "tasks": _BY_ITSELF,
}


def check_expressions(graph: Graph, places: Places, report: Report) -> None:
    """Adds every problem of the expressions to `report`, at its character."""
    if _has_expressions(graph.blueprint):
        _Check(graph, places, report).check()


def _has_expressions(blueprint: Blueprint) -> bool:
    """Whether there is anything to compile: most large blueprints have no expressions."""
    if blueprint.outputs:
        return True
    for edge in blueprint.edges:
        if edge.condition is not None or edge.transform is not None:
            return True
    for node in blueprint.nodes:
        if node.loop is not None or node.for_each is not None or node.uses in EXPRESSION_PARAMS:
            return True
        if node.params and holds_template(node.params):
            return True
    return False


def holds_template(value: Any) -> bool:
    """Whether a `${{ }}` is anywhere in a value."""
    if isinstance(value, str):
        return TEMPLATE_MARK in value
    if not isinstance(value, (dict, list)):
        return False
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (str, dict, list)) and holds_template(item):
            return True
    return False


class _Cached:
    """An evaluator that compiles each text once: large blueprints repeat themselves."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.name = evaluator.name
        self._evaluator = evaluator
        self._known: dict[str, Program | ExpressionSyntaxError] = {}

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> Program:
        known = self._known.get(text)
        if known is None:
            try:
                known = self._evaluator.compile(text, node_ids)
            except ExpressionSyntaxError as error:
                known = error
            self._known[text] = known
        if isinstance(known, ExpressionSyntaxError):
            raise known
        return known


class _Check:
    def __init__(self, graph: Graph, places: Places, report: Report) -> None:
        self.graph = graph
        self.places = places
        self.report = report
        self.ids = frozenset(graph.ids)
        self.inputs = graph.blueprint.inputs
        self.keys = known_keys(graph.blueprint)
        self.has_all_keys = are_all_known(graph.blueprint)
        self.speller = Speller([*graph.ids, *self.keys])
        self.evaluator = _Cached(evaluator_named(graph.blueprint.expressions))
        #: Node → the node that its `inputs` names, which transforms on the way to it work on.
        self.sources = {
            node.id: source.name
            for node in graph.blueprint.nodes
            if isinstance(node.inputs, str) and (source := parse_source(node.inputs, self.ids)).is_node
        }

    def check(self) -> None:
        for index, edge in enumerate(self.graph.blueprint.edges):
            if edge.condition is not None:
                at = self.places.edge(index, "condition")
                owner = _Owner("a condition", edge.source, own_output=True, result=True)
                self._expression(edge.condition, at, owner)
            if edge.transform is not None:
                at = self.places.edge(index, "transform")
                owner = _Owner("a transform", edge.source, own_output=True, input=True)
                self._expression(edge.transform, at, owner)
                self._subject(edge, at)
        for node in self.graph.blueprint.nodes:
            self._node(node)
        for name, text in (self.graph.blueprint.outputs or {}).items():
            self._expression(text, self.places.top("outputs", name), _Owner("`outputs`", None))

    def _subject(self, edge: EdgeSpec, at: int | None) -> None:
        """Warns where a transform works on a node (`inputs` of its target) that may not have ended by then."""
        asked = self.sources.get(edge.target)
        if asked is None or edge.source in self.graph.stands_for(asked):
            return
        if edge.source in self.ids and not self.graph.is_ancestor(asked, edge.source):
            source, target, shown = show(edge.source), show(edge.target), show(asked)
            message = (
                f"a transform of '{source}' works on '{shown}' (`inputs` of '{target}'), "
                "which does not come before it"
            )
            hint = f"add an edge, so that '{shown}' has ended: {shown} -> {source}"
            self.report.warning("not_an_ancestor", message, at, hint)

    def _node(self, node: NodeSpec) -> None:
        if node.loop is not None:
            path = ("loop", "condition") if self.places.node_has(node.id, "loop") else ("params", "condition")
            owner = _Owner("a loop condition", node.id, own_output=True, input=True, result=True)
            self._expression(node.loop.condition, self.places.node(node.id, *path), owner)
        batch = node.for_each
        if batch is not None and holds_template(batch.source):
            owner = _Owner("`for_each`", node.id, input=True, env=True)
            self._template(batch.source, node.id, ("for_each",), owner)
        if not node.params:
            return
        params = dict(node.params)
        is_batch = batch is not None
        owner = _Owner("params", node.id, input=True, env=True, item=is_batch, secrets=True)
        for name in EXPRESSION_PARAMS.get(node.uses, ()):
            text = params.get(name)
            if isinstance(text, (dict, list)):
                message = f"`{name}` of '{show(node.id)}' must be an expression, not {describe(text)}"
                self.report.error("wrong_type", message, self.places.node(node.id, "params", name))
                del params[name]
            elif isinstance(text, str) and not text.startswith(TEMPLATE_MARK):
                del params[name]
                self._expression(text, self.places.node(node.id, "params", name), owner)
        for name in SCRIPT_PARAMS.get(node.uses, ()):
            if isinstance(params.get(name), str):
                self._script(node, name, params.pop(name))
        if holds_template(params):
            self._template(params, node.id, ("params",), owner)

    def _script(self, node: NodeSpec, name: str, text: str) -> None:
        offset = text.replace("$${{", "\0\0\0\0").find(TEMPLATE_MARK)
        if offset >= 0:
            at = self._at(self.places.node(node.id, "params", name), text, offset)
            message = f"`{name}` of '{show(node.id)}' is a script: values must not be pasted into it"
            hint = 'set an environment variable: env: {NAME: "${{ … }}"}, and use it as "$NAME"'
            self.report.error("template_in_script", message, at, hint)

    def _template(self, value: Any, node_id: str, base: tuple[str, ...], owner: _Owner) -> None:
        problems = Template.problems(value, self.evaluator, self.ids)
        for path, error in problems:
            at = self._at(self.places.node(node_id, *base, *path), _walk(value, path), error.offset)
            self.report.error("bad_expression", f"in a template: {error.message}", at, error.hint)
        if problems:
            return
        for placeholder in Template.compile(value, self.evaluator, self.ids).placeholders:
            at = self.places.node(node_id, *base, *placeholder.path)
            text = _walk(value, placeholder.path)
            self._references(placeholder.program.references, at, text, placeholder.offset, owner)

    def _expression(self, text: str, at: int | None, owner: _Owner) -> None:
        try:
            program = self.evaluator.compile(text, self.ids)
        except ExpressionSyntaxError as error:
            place = self._at(at, text, error.offset)
            self.report.error("bad_expression", f"in {owner.what}: {error.message}", place, error.hint)
            return
        self._references(program.references, at, text, 0, owner)

    def _references(self, found: References, at: int | None, text: str, base: int, owner: _Owner) -> None:
        def place(name: str) -> int | None:
            return self._at(at, text, base + found.offsets.get(name, 0))

        for name in sorted(found.nodes):
            self._node_name(name, place(name), owner)
        for name in sorted(found.context):
            self._context_name(name, place(name), owner)
        for name in sorted(found.run_inputs):
            self._input_name(name, place(name))
        if owner.result:
            for name in sorted(found.result_keys.difference(_OF_RESULT)):
                message = f"`result` has no '{show(name)}', but `output` and `action`: it is null"
                hint = f"did you mean result.output.{show(name)}?"
                self.report.warning("unknown_reference", message, place("result"), hint)
        if found.env and not owner.env:
            name = min(found.env)
            message = f"env.{name} cannot be read in {owner.what}: the environment is for params only"
            hint = "take it into params and return it from the node, or make it a run input"
            self.report.error("env_outside_params", message, place(f"env.{name}"), hint)
        if found.secrets and not owner.secrets:
            name = min(found.secrets)
            message = f'secret("{show(name)}") cannot be used in {owner.what}: secrets are for params only'
            hint = "give it to the params of the node that needs it"
            self.report.error("secret_outside_params", message, place(f"secret.{name}"), hint)
        for name, is_used, is_there, hint in (
            ("result", found.result, owner.result, "it is there in conditions"),
            ("input", found.input, owner.input, "in conditions, `result.output` is what the source returned"),
            (
                "item" if found.item else "index",
                found.item or found.index,
                owner.item,
                "it is there in the params of a node with for_each",
            ),
        ):
            if is_used and not is_there:
                message = f"`{name}` is always null in {owner.what}"
                self.report.warning("name_not_here", message, place(name), hint)

    def _node_name(self, name: str, at: int | None, owner: _Owner) -> None:
        if name not in self.ids:
            near = self.graph.speller.nearest(name)
            message = f"{owner.what} names the node '{show(name)}', which does not exist: it is null"
            self.report.warning("unknown_reference", message, at, f"did you mean '{near}'?" if near else None)
        elif owner.node_id is None or (name == owner.node_id and owner.own_output):
            return
        elif name == owner.node_id:
            message = f"{owner.what} of '{show(name)}' name its own output, which is not there yet"
            self.report.warning("not_an_ancestor", message, at)
        elif owner.node_id in self.ids and not self.graph.is_ancestor(name, owner.node_id):
            message = (
                f"{owner.what} of '{show(owner.node_id)}' names '{show(name)}', which does not come before it"
            )
            hint = f"add an edge, so that '{show(name)}' has ended: {show(name)} -> {show(owner.node_id)}"
            self.report.warning("not_an_ancestor", message, at, hint)

    def _context_name(self, name: str, at: int | None, owner: _Owner) -> None:
        """A bare name is a context key, which a node of the user's may set: then only what looks mistyped is told."""
        if name in self.keys:
            return
        meant = (
            f"did you mean 'result.{name}'?" if owner.result and name in _OF_RESULT else _FOREIGN.get(name)
        )
        if meant is not None:
            message = f"'{name}' is no node and no input: it reads the context key of that name"
            self.report.warning("unknown_reference", message, at, meant)
        elif self.has_all_keys:
            message = f"'{show(name)}' is no node and no input, and no node sets it: it is null"
            self.report.warning("unknown_reference", message, at, self.speller.hint(name))
        else:
            near = self.speller.nearest(name, cutoff=MISTYPED)
            if near is not None and is_mistyped(name, near):
                message = f"'{show(name)}' is no node and no input: it reads the context key of that name"
                self.report.warning("unknown_reference", message, at, f"did you mean '{near}'?")

    def _input_name(self, name: str, at: int | None) -> None:
        """Of a run whose blueprint declares inputs there are no others."""
        if self.inputs and name not in self.inputs:
            message = f"'{show(name)}' is no input of this blueprint: it is null"
            hint = did_you_mean(name, self.inputs) or "declare it under `inputs`"
            self.report.warning("unknown_reference", message, at, hint)

    def _at(self, at: int | None, value: str, offset: int) -> int | None:
        if at is None or self.places.document is None:
            return at
        return scalar_place(self.places.document.source.text, at, value, offset)


class _Owner:
    """Who an expression belongs to, and which names it has."""

    def __init__(
        self,
        what: str,
        node_id: str | None,
        *,
        own_output: bool = False,
        result: bool = False,
        input: bool = False,
        item: bool = False,
        env: bool = False,
        secrets: bool = False,
    ) -> None:
        self.what = what
        self.node_id = node_id
        self.own_output = own_output
        self.result = result
        self.input = input
        self.item = item
        self.env = env
        self.secrets = secrets


def _walk(value: Any, path: tuple[str | int, ...]) -> str:
    for part in path:
        value = value[part]
    return str(value)
