"""The written form becomes the canonical one: shorthands are spelled out, types are checked, places are kept.

Every problem is reported and the part that has it left out, so that the rest can still be checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from flowcraft_engine.blueprint import keys
from flowcraft_engine.blueprint.batches import spell_out_scatters
from flowcraft_engine.blueprint.desugar_edges import EdgeReader
from flowcraft_engine.blueprint.desugar_nodes import NodeReader
from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.fields import Fields, describe
from flowcraft_engine.blueprint.limits import Limits
from flowcraft_engine.blueprint.loops import spell_out_loops
from flowcraft_engine.blueprint.nearest import nearest
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report, UnreadableError, finding
from flowcraft_engine.blueprint.source import printable

_TOP = keys.spellings(keys.TOP)
_METADATA = keys.spellings(keys.METADATA)
_INPUT = keys.spellings(keys.INPUT)
_ELSEWHERE = {
    **dict.fromkeys(_METADATA, "metadata"),
    "params": "a node; what a run is given are its inputs",
    "env": "params of a node",
    "config": "a node",
}
_INPUT_TYPES = ("string", "integer", "number", "boolean", "object", "array")


@dataclass(slots=True)
class Draft:
    """The canonical form as plain data, ready for the model, and where its parts stand."""

    plain: dict[str, Any]
    places: Places
    metadata_is_json: bool = field(default=False)


def desugar(document: Document, report: Report, limits: Limits) -> Draft:
    """The draft of a document. Raises `UnreadableError` when it is no mapping or too large."""
    return _Desugaring(document, report, limits).draft()


class _Desugaring:
    def __init__(self, document: Document, report: Report, limits: Limits) -> None:
        self.document = document
        self.report = report
        self.limits = limits
        self.fields = Fields(document, report)
        self.places = Places(document)

    def draft(self) -> Draft:
        raw = self._root()
        used = self.fields.known(raw, _TOP, "the blueprint", _ELSEWHERE)
        plain: dict[str, Any] = {"id": self._id(raw, used)}
        if "metadata" in used:
            plain["metadata"] = self._metadata(raw, used["metadata"])
        if "inputs" in used:
            plain["inputs"] = self._inputs(raw, used["inputs"])
        if "expressions" in used:
            name = self.fields.choice(
                raw, used["expressions"], "expressions", ("safe", "path"), "unknown_evaluator"
            )
            plain["expressions"] = name or "safe"
        if "outputs" in used:
            plain["outputs"] = self._outputs(raw, used["outputs"])
        node_reader = NodeReader(self.fields, self.places)
        nodes = node_reader.read(raw, used.get("nodes"))
        self._check_count("too_many_nodes", len(nodes), self.limits.max_nodes, raw, used.get("nodes"))
        edge_reader = EdgeReader(self.fields, self.places)
        edge_reader.read(raw, used.get("edges"))
        edge_reader.add_shorthands(node_reader.shorthand_edges)
        edges = edge_reader.edges
        self._check_count("too_many_edges", len(edges), self.limits.max_edges, raw, used.get("edges"))
        spell_out_scatters(nodes, edges, self.places, self.report)
        spell_out_loops(nodes, edges, self.places, self.report)
        plain["nodes"], plain["edges"] = nodes, edges
        return Draft(plain, self.places)

    def _root(self) -> dict[str, Any]:
        root = self.document.root
        if type(root) is dict:
            return root
        source = self.document.source
        text = f"a blueprint is a mapping with `nodes` and `edges`, not {describe(root)}"
        hint = "put the list under `nodes:`" if isinstance(root, list) else "write at least `nodes: [...]`"
        raise UnreadableError(finding(source, "not_a_mapping", text, self.document.root_at, hint))

    def _id(self, raw: dict[str, Any], used: dict[str, str]) -> str:
        found = self.fields.name(raw, used["id"], "the id of the blueprint") if "id" in used else None
        if found is not None:
            return found
        name = self.document.source.name
        return "blueprint" if name.startswith("<") else PurePath(name).stem or "blueprint"

    def _metadata(self, parent: dict[str, Any], spelling: str) -> dict[str, Any]:
        raw = self.fields.mapping(parent, spelling, "metadata")
        if raw is None:
            return {}
        used: dict[str, str] = {}
        for name in raw:
            key = _METADATA.get(name)
            if key is None:
                self._unknown_metadata(raw, name)
            elif raw[name] is not None:
                used[key] = name
        plain = {
            "version": self._version(raw, used["version"]) if "version" in used else None,
            "description": self.fields.text(raw, used["description"], "description")
            if "description" in used
            else None,
            "timeout": self.fields.duration(raw, used["timeout"], "timeout of the run", may_be_zero=False)
            if "timeout" in used
            else None,
            "fail_fast": self.fields.boolean(raw, used["fail_fast"], "fail_fast")
            if "fail_fast" in used
            else None,
        }
        return {key: value for key, value in plain.items() if value is not None}

    def _unknown_metadata(self, raw: dict[str, Any], name: str) -> None:
        """Metadata is where other tools put what is theirs: only what looks like a mistyped key of ours
        is one.
        """
        if keys.is_ignored(name) or name == "cycleEntryPoints":
            return
        if nearest(name, _METADATA) is not None:
            self.fields.unknown(raw, name, _METADATA, "metadata", {})
            return
        at = self.document.key_at(raw, name)
        text = f"metadata has no key '{printable(name, 60)}'; it is ignored"
        self.report.warning("unknown_metadata", text, at, "begin the names of your own keys with x-")

    def _version(self, raw: dict[str, Any], key: str) -> str | None:
        value = raw[key]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            at = self.document.value_at(raw, key)
            text = f"version must be text: without quotes it is the number {value}"
            written = self.fields.written(at) or str(value)
            self.report.error("unquoted_version", text, at, f'quote it: "{written}"')
            return None
        return self.fields.text(raw, key, "version")

    def _inputs(self, parent: dict[str, Any], spelling: str) -> dict[str, Any]:
        raw = self.fields.mapping(parent, spelling, "inputs")
        if raw is None:
            return {}
        return {name: self._input(raw, name) for name in raw if not keys.is_ignored(name)}

    def _input(self, parent: dict[str, Any], name: str) -> dict[str, Any]:
        what = f"input '{printable(name, 60)}'"
        if parent[name] is None:
            return {}
        if type(parent[name]) is not dict:
            hint = "write it like {type: string, required: true}"
            self.fields.wrong(parent, name, "a mapping", parent[name], what, hint)
            return {}
        raw = parent[name]
        used = self.fields.known(raw, _INPUT, what)
        plain: dict[str, Any] = {}
        if "type" in used:
            plain["type"] = self.fields.choice(
                raw, used["type"], f"type of {what}", _INPUT_TYPES, "unknown_type"
            )
        if "required" in used:
            plain["required"] = self.fields.boolean(raw, used["required"], f"required of {what}") or False
        if "default" in used:
            plain["default"] = raw[used["default"]]
        if "description" in used:
            plain["description"] = self.fields.text(raw, used["description"], f"description of {what}")
        if "enum" in used:
            plain["enum"] = self._enum(raw, used["enum"], what)
        return plain

    def _enum(self, raw: dict[str, Any], key: str, what: str) -> list[Any] | None:
        values = raw[key]
        if type(values) is not list:
            self.fields.wrong(raw, key, "a list", values, f"enum of {what}")
            return None
        if not values:
            at = self.document.value_at(raw, key)
            self.report.error("empty_enum", f"enum of {what} is empty: nothing could ever fit", at)
            return None
        return values

    def _outputs(self, parent: dict[str, Any], spelling: str) -> dict[str, str] | None:
        raw = self.fields.mapping(parent, spelling, "outputs")
        if raw is None:
            return None
        found = {name: self.fields.text(raw, name, f"output '{printable(name, 60)}'") for name in raw}
        return {name: text for name, text in found.items() if text is not None}

    def _check_count(self, code: str, count: int, most: int, raw: dict[str, Any], key: str | None) -> None:
        if count <= most:
            return
        at = self.document.value_at(raw, key) if key else self.document.root_at
        text = f"the blueprint has {count:,} {code.rpartition('_')[2]}; the limit is {most:,}"
        hint = "split it into subflows, or raise the limit"
        raise UnreadableError(finding(self.document.source, code, text, at, hint))
