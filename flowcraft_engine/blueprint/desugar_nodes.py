"""The nodes of a written blueprint: a list, or a mapping by id; with `needs`, `for_each` and `loop`."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint import keys
from flowcraft_engine.blueprint.fields import Fields
from flowcraft_engine.blueprint.fixed_names import CONTINUE, LOOP_CONTROLLER
from flowcraft_engine.blueprint.places import EdgePlace, Places
from flowcraft_engine.blueprint.source import printable

_NODE = keys.spellings(keys.NODE)
_CONFIG = keys.spellings(keys.CONFIG)
_LOOP = keys.spellings(keys.LOOP)
_PARAMS = {name: keys.spellings(params) for name, params in keys.BUILT_IN_PARAMS.items()}
_ELSEWHERE = {
    **dict.fromkeys(_CONFIG, "config"),
    **dict.fromkeys(("action", "condition", "transform", "source", "target"), "an edge"),
    **dict.fromkeys(("run", "env", "cwd", "url", "message", "values", "that", "call", "duration"), "params"),
    "blueprint_id": "params",
    "outputs": "the blueprint itself",
    "description": "metadata, or call it x-description",
}
_NO_CONSTANT = " if a node or a key is called so; a constant belongs into params"
_JOINS = ("all", "any", "all_done")


class NodeReader:
    """Reads the nodes; the edges that their shorthands stand for are collected in `shorthand_edges`."""

    def __init__(self, fields: Fields, places: Places) -> None:
        self.fields = fields
        self.document = fields.document
        self.report = fields.report
        self.places = places
        self.shorthand_edges: list[tuple[dict[str, Any], EdgePlace]] = []
        self._first: dict[str, int | None] = {}

    def read(self, parent: dict[str, Any], spelling: str | None) -> list[dict[str, Any]]:
        if spelling is None:
            return []
        raw = parent[spelling]
        if type(raw) is list:
            found = [self._node(raw, place, None) for place in range(len(raw))]
        elif type(raw) is dict:
            found = [self._node(raw, name, name) for name in raw if not name.startswith("x-")]
        else:
            self.fields.wrong(parent, spelling, "a list of nodes", raw, "nodes")
            return []
        return [node for node in found if node is not None]

    def _node(self, parent: Any, key: str | int, given_id: str | None) -> dict[str, Any] | None:
        raw = parent[key]
        if type(raw) is not dict:
            hint = "write it like {id: fetch, uses: http}"
            self.fields.wrong(parent, key, "a mapping", raw, "a node", hint)
            return None
        node_id, at = self._id(raw, parent, given_id)
        what = f"node '{printable(node_id, 60)}'" if node_id else "this node"
        used = self.fields.known(raw, _NODE, what, _ELSEWHERE)
        plain: dict[str, Any] = {"id": node_id, "uses": self._uses(raw, used, what)}
        if "params" in used:
            plain["params"] = self._params(raw, used["params"], what, plain["uses"])
        if "inputs" in used:
            plain["inputs"] = self._inputs(raw, used["inputs"], what)
        if "config" in used:
            plain["config"] = self._config(raw, used["config"], what)
        self._for_each(raw, used, what, plain)
        if "loop" in used:
            self._loop(raw, used, what, plain)
        if node_id is None:
            return None
        if "needs" in used:
            self._needs(raw, used["needs"], node_id)
        return plain if self._register(node_id, raw, at) else None

    def _id(self, raw: dict[str, Any], parent: Any, given: str | None) -> tuple[str | None, int | None]:
        if given is not None and "id" not in raw:
            return given, self.document.key_at(parent, given)
        if raw.get("id") is None:
            text = "this node has no id"
            self.report.error("missing_id", text, self.document.start(raw), "give each node an id of its own")
            return None, None
        at = self.document.value_at(raw, "id")
        found = self.fields.name(raw, "id", "the id of a node")
        if given is not None and found is not None and found != given:
            text = f"the node '{printable(given, 60)}' says that its id is '{printable(found, 60)}'"
            self.report.error("id_mismatch", text, at, "remove the id: the key is the id")
            return given, at
        return found, at

    def _register(self, node_id: str, raw: dict[str, Any], at: int | None) -> bool:
        if node_id in self._first:
            first = self._first[node_id]
            where = (
                f": first in line {self.document.source.location(first).line}" if first is not None else ""
            )
            text = f"the node id '{printable(node_id, 60)}' is given twice{where}"
            self.report.error("duplicate_id", text, at, "ids are unique in a blueprint")
            return False
        self._first[node_id] = at
        self.places.nodes[node_id] = raw
        self.places.ids[node_id] = at
        return True

    def _uses(self, raw: dict[str, Any], used: dict[str, str], what: str) -> str:
        """The node type; empty when it is missing, which has been reported then."""
        if "uses" in used:
            return self.fields.name(raw, used["uses"], f"uses of {what}") or ""
        if "loop" in used:
            return LOOP_CONTROLLER
        hint = "name the node type, like `uses: shell`"
        self.report.error("missing_uses", f"{what} has no `uses`", self.document.start(raw), hint)
        return ""

    def _params(self, raw: dict[str, Any], key: str, what: str, uses: str) -> dict[str, Any]:
        params = self.fields.mapping(raw, key, f"params of {what}")
        if params is None:
            return {}
        spellings = _PARAMS.get(uses)
        if spellings is None:
            return params
        return {spellings.get(name, name): value for name, value in params.items()}

    def _inputs(self, raw: dict[str, Any], key: str, what: str) -> str | dict[str, str] | None:
        value = raw[key]
        if type(value) is list:
            hint = "name one source, like order.id, or several, like {order: order, day: day}"
            self.fields.wrong(raw, key, "text or a mapping", value, f"inputs of {what}", hint)
            return None
        if type(value) is not dict:
            return self.fields.name(raw, key, f"inputs of {what}", _NO_CONSTANT)
        found = {
            name: self.fields.name(value, name, f"input '{printable(name, 60)}' of {what}", _NO_CONSTANT)
            for name in value
        }
        return {name: source for name, source in found.items() if source is not None}

    def _config(self, parent: dict[str, Any], key: str, what: str) -> dict[str, Any]:
        raw = self.fields.mapping(parent, key, f"config of {what}")
        if raw is None:
            return {}
        used = self.fields.known(raw, _CONFIG, f"config of {what}")
        fields = self.fields
        plain: dict[str, Any] = {}
        for name, spelling in used.items():
            of = f"{name} of {what}"
            if name == "max_retries":
                hint = "it counts all attempts: 1 means no retry" if raw[spelling] == 0 else None
                plain[name] = fields.integer(raw, spelling, of, 1, 10_000, hint)
            elif name == "fallback":
                plain[name] = fields.name(raw, spelling, of)
            elif name == "join_strategy":
                plain[name] = fields.choice(raw, spelling, of, _JOINS, "unknown_join")
            elif name == "backoff":
                plain[name] = fields.number(raw, spelling, of, 1, 100)
            elif name == "jitter":
                plain[name] = fields.number(raw, spelling, of, 0, 1)
            else:
                plain[name] = fields.duration(raw, spelling, of, may_be_zero=name == "retry_delay")
        return {name: value for name, value in plain.items() if value is not None}

    def _for_each(self, raw: dict[str, Any], used: dict[str, str], what: str, plain: dict[str, Any]) -> None:
        if "for_each" not in used:
            for name in ("concurrency", "on_item_error"):
                if name in used:
                    at = self.document.key_at(raw, used[name])
                    text = f"{name} of {what} needs a `for_each`"
                    self.report.error("without_for_each", text, at, "say over which list the node runs")
            return
        source = raw[used["for_each"]]
        if type(source) is not str and type(source) is not list:
            expected = "a list, or the name of one"
            self.fields.wrong(raw, used["for_each"], expected, source, f"for_each of {what}")
            return
        batch: dict[str, Any] = {"source": source}
        if "concurrency" in used:
            batch["concurrency"] = self.fields.integer(
                raw, used["concurrency"], f"concurrency of {what}", 1, 100_000
            )
        if "on_item_error" in used:
            of = f"on_item_error of {what}"
            choice = self.fields.choice(raw, used["on_item_error"], of, ("fail", "collect"), "unknown_choice")
            batch["on_item_error"] = choice or "fail"
        plain["for_each"] = batch

    def _loop(self, raw: dict[str, Any], used: dict[str, str], what: str, plain: dict[str, Any]) -> None:
        loop = self.fields.mapping(raw, used["loop"], f"loop of {what}")
        if plain["uses"] not in (LOOP_CONTROLLER, ""):
            text = f"{what} has both `uses` and `loop`"
            hint = "a node with `loop` only controls: put the work into the body"
            self.report.error("loop_with_uses", text, self.document.value_at(raw, used["uses"]), hint)
        if "for_each" in plain:
            text = f"{what} has both `for_each` and `loop`"
            self.report.error("loop_with_for_each", text, self.document.value_at(raw, used["for_each"]))
            del plain["for_each"]
        plain["uses"] = LOOP_CONTROLLER
        if loop is None:
            plain["uses"] = ""
            return
        found = self._loop_parts(loop, what)
        node_id = plain["id"]
        if found is None or node_id is None:
            plain["uses"] = ""
            return
        plain["loop"] = found
        start_at = self.document.value_at(loop, "start")
        end_at = self.document.value_at(loop, "end")
        self.shorthand_edges.append(({"source": found["end"], "target": node_id}, EdgePlace(end_at, end_at)))
        self.shorthand_edges.append(
            (
                {"source": node_id, "target": found["start"], "action": CONTINUE},
                EdgePlace(start_at, start_at),
            )
        )

    def _loop_parts(self, loop: dict[str, Any], what: str) -> dict[str, Any] | None:
        used = self.fields.known(loop, _LOOP, f"loop of {what}")
        plain: dict[str, Any] = {}
        for name in ("start", "end", "condition"):
            if name not in used:
                text = f"the loop of {what} has no `{name}`"
                self.report.error("loop_incomplete", text, self.document.start(loop), _LOOP_HINTS[name])
            elif name == "condition":
                plain[name] = self.fields.text(loop, used[name], f"condition of {what}")
            else:
                plain[name] = self.fields.name(loop, used[name], f"{name} of the loop of {what}")
        if "max_iterations" in used:
            of = f"max_iterations of {what}"
            most = self.fields.integer(loop, used["max_iterations"], of, 1, 10_000_000)
            if most is not None:
                plain["max_iterations"] = most
        return plain if all(plain.get(name) for name in ("start", "end", "condition")) else None

    def _needs(self, raw: dict[str, Any], key: str, node_id: str) -> None:
        value = raw[key]
        what = f"needs of node '{printable(node_id, 60)}'"
        if type(value) is dict:
            self.fields.wrong(raw, key, "a node id or a list of them", value, what)
            return
        parent, places = (value, range(len(value))) if type(value) is list else (raw, [key])
        for place in places:
            source = self.fields.name(parent, place, what)
            if source is not None:
                at = self.document.value_at(parent, place)
                self.shorthand_edges.append(({"source": source, "target": node_id}, EdgePlace(at, at)))


_LOOP_HINTS = {
    "start": "name the first node of the body",
    "end": "name the last node of the body",
    "condition": "say when to go on: the loop runs again while it holds",
}
