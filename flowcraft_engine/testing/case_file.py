"""Cases as files: written by `record`, edited by people, so that every mistake in one gets a sentence."""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

from flowcraft_engine.blueprint.data_text import read_data_document, read_data_text
from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.fields import describe
from flowcraft_engine.errors import NotFoundError, UsageError
from flowcraft_engine.testing.case import SCHEMA, Answer, Case, Expectation, Recorded, RunRecord
from flowcraft_engine.values import same_json

_HEAD = """\
# Made by `flowcraft record`; `flowcraft test` plays it again. Edit it as you like: a node id stands for all
# instances of the node, and of `expect` only what is there is compared.
"""
_RECORD_KEYS = ("expires", "nodes", "answers", "sub_runs")
_OPERATIONS = ("set", "delete", "increment", "append")


def case_text(case: Case) -> str:
    """The case as YAML, checked by reading it again."""
    data = case.to_data()
    text = _HEAD + _yaml(data)
    if not same_json(read_data_text("case", text), data):
        # Texts that YAML writers and readers see differently: JSON is YAML, too, and leaves no doubt.
        import json

        return _HEAD + json.dumps(data, indent=2, ensure_ascii=True) + "\n"
    return text


def read_case(path: Path) -> Case:
    """Raises `NotFoundError` for a file that is not there, `UsageError` and `BlueprintError` for a wrong one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no case {str(path)!r}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    document = read_data_document(str(path), text)
    if document.root is None:
        raise UsageError(f"{path}:1:1: the case is empty", hint="flowcraft record RUN -o FILE makes one")
    return _Reader(str(path), document).case(document.root)


def _yaml(data: Any) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        """Writes null as a word: nothing at all looks like a mistake."""

    Representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    writer = YAML()
    writer.Representer = Representer
    writer.default_flow_style = False
    writer.width = 110
    writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    writer.dump(data, stream)
    return stream.getvalue()


class _Reader:
    """Plain data into a case; `where` is told in every error, with the line and column where they are known."""

    def __init__(self, where: str, document: Document) -> None:
        self._where = where
        self._document = document

    def case(self, data: Any) -> Case:
        known = ("schema", "blueprint", "inputs", *_RECORD_KEYS, "expect")
        given = self._mapping(data, "a case", known)
        if given.get("schema", SCHEMA) != SCHEMA:
            raise UsageError(
                f"{self._where}: schema {given['schema']!r} is not known", hint=f"write {SCHEMA}"
            )
        blueprint = given.get("blueprint")
        if not isinstance(blueprint, (str, dict)) or not blueprint:
            raise UsageError(f"{self._where}: blueprint must be the path of a file, or a blueprint")
        record = self._record({key: given[key] for key in _RECORD_KEYS if key in given}, "the case")
        inputs = self._mapping(given.get("inputs") or {}, "inputs")
        return Case(blueprint, inputs, record, self._expectation(given.get("expect") or {}))

    def _record(self, data: Any, name: str) -> RunRecord:
        given = self._mapping(data, name, _RECORD_KEYS)
        nodes = self._mapping(given.get("nodes") or {}, "nodes")
        answers = self._mapping(given.get("answers") or {}, "answers")
        children = self._mapping(given.get("sub_runs") or {}, "sub_runs")
        return RunRecord(
            {node: self._attempts(value, f"nodes.{node}") for node, value in nodes.items()},
            {node: self._answer(value, f"answers.{node}") for node, value in answers.items()},
            {node: self._record(value, f"sub_runs.{node}") for node, value in children.items()},
            bool(given.get("expires")),
        )

    def _attempts(self, data: Any, name: str) -> list[Recorded]:
        attempts = data if isinstance(data, list) else [data]
        if not attempts:
            raise UsageError(f"{self._where}: {name} has no attempts")
        return [self._recorded(attempt, name) for attempt in attempts]

    def _recorded(self, data: Any, name: str) -> Recorded:
        given = self._mapping(data, name, ("output", "action", "context", "error", "waits"))
        error = given.get("error")
        if error is not None:
            told = error if isinstance(error, dict) else {"message": str(error)}
            fields = self._mapping(told, f"{name}.error", ("code", "message", "cause"))
            error = {
                **fields,
                "code": str(fields.get("code", "node_failed")),
                "message": str(fields.get("message", "")),
            }
        waits = given.get("waits")
        return Recorded(
            given.get("output"),
            self._text(given.get("action"), f"{name}.action"),
            self._changes(given.get("context") or [], name),
            error,
            None if waits is None else str(waits),
        )

    def _changes(self, data: Any, name: str) -> tuple[tuple[str, str, Any], ...]:
        if not isinstance(data, list):
            raise UsageError(
                f"{self._where}: {name}.context is a list, not {describe(data)}",
                hint="write [[set, key, value]]",
            )
        return tuple(self._change(change, name) for change in data)

    def _change(self, data: Any, name: str) -> tuple[str, str, Any]:
        is_change = isinstance(data, list) and len(data) == 3 and data[0] in _OPERATIONS
        if not is_change or not isinstance(data[1], str):
            raise UsageError(f"{self._where}: {name}.context has {data!r}", hint="write [set, key, value]")
        return data[0], data[1], data[2]

    def _answer(self, data: Any, name: str) -> Answer:
        given = self._mapping(data, name, ("output", "action", "expires"))
        return Answer(
            given.get("output"), self._text(given.get("action"), f"{name}.action"), bool(given.get("expires"))
        )

    def _expectation(self, data: Any) -> Expectation:
        given = self._mapping(data, "expect", ("status", "path", "states", "outputs"))
        path = given.get("path")
        if path is not None and not isinstance(path, list):
            raise UsageError(f"{self._where}: expect.path is a list of nodes")
        states = self._mapping(given.get("states") or {}, "expect.states")
        return Expectation(
            self._text(given.get("status"), "expect.status"),
            [str(name) for name in path] if path is not None else None,
            {name: str(state) for name, state in states.items()},
            self._mapping(given["outputs"] or {}, "expect.outputs") if "outputs" in given else None,
        )

    def _mapping(self, data: Any, name: str, known: Collection[str] | None = None) -> dict[str, Any]:
        if not isinstance(data, dict):
            at = self._document.start(data) if isinstance(data, list) else None
            raise UsageError(f"{self._place(at)}: {name} must be a mapping, not {describe(data)}")
        for key in data if known is not None else ():
            if key not in (known or ()):
                near = difflib.get_close_matches(str(key), known or (), n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known or ())}"
                place = self._place(self._document.key_at(data, key))
                raise UsageError(f"{place}: {name} has no key {key!r}", hint=hint)
        return data

    def _place(self, at: int | None) -> str:
        return self._where if at is None else str(self._document.source.location(at))

    def _text(self, value: Any, name: str) -> str | None:
        if value is None or isinstance(value, str):
            return value
        raise UsageError(f"{self._where}: {name} is text, not {value!r}")
