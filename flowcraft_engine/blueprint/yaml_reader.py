"""YAML to plain data and places, straight from the events of the parser.

The parser in C is used when it is installed, else the one in Python: both give the same events.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.limits import Limits
from flowcraft_engine.blueprint.report import Report, UnreadableError, finding
from flowcraft_engine.blueprint.scalars import NOT_TEXT_STARTS, NumberError, plain_value
from flowcraft_engine.blueprint.source import SourceText, printable
from flowcraft_engine.blueprint.yaml_syntax import syntax_finding

try:
    from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # imported there for this purpose
except ImportError:  # the part in C is a separate distribution, and has no wheel for every platform
    CParser = None

_MERGE = sys.intern("<<")
#: Aliases may make a file so many times larger, whatever its size.
_ALIAS_RATIO = 10
#: Stands for "no key has been read yet" while a mapping is open.
_NO_KEY: Any = object()


def read_yaml(source: SourceText, limits: Limits, report: Report) -> Document:
    """The document in `source`.

    Duplicate keys, tags and bad numbers go to `report`; what leaves nothing to go on with (syntax, several
    documents, limits) raises `UnreadableError`.
    """
    try:
        return _read(source, limits, report)
    except MarkedYAMLError as error:
        raise UnreadableError(syntax_finding(source, error)) from None
    except (YAMLError, RecursionError) as error:
        text = f"this is not YAML: {printable(str(error), 200)}"
        raise UnreadableError(finding(source, "yaml_syntax", text)) from None


def _read(source: SourceText, limits: Limits, report: Report) -> Document:
    if CParser is None:
        return _Builder(source, limits, report).build(_python_events(source.text))
    try:
        return _Builder(source, limits, report).build(CParser(source.text).get_event)
    except MarkedYAMLError:
        masked = _masked(source.text)
        if masked == source.text:
            raise
    return _Builder(source, limits, report).build(_unmasked(CParser(masked).get_event))


def _python_events(text: str) -> Callable[[], Any]:
    from ruamel.yaml import YAML

    events = YAML(typ="safe", pure=True).parse(text)
    return lambda: next(events, None)


# The parser in C is of YAML 1.1: within brackets it refuses `http://x` and `Really?` without quotes. Such a `:` or
# `?`, in the middle of a word, means nothing in YAML 1.2; so a text that it refuses is read once more with other
# characters, of which there is one for each, in their places.
_INNER = re.compile(r"(?<=[^\s\[\]{},\"']):(?=[^\s\[\]{},\"'])|(?<=[^\s\[\]{},])\?")
_STANDS_FOR = {"\ue1f0": ":", "\ue1f1": "?"}
_MASKS = {letter: mask for mask, letter in _STANDS_FOR.items()}


def _masked(text: str) -> str:
    if any(mask in text for mask in _STANDS_FOR):
        return text
    return _INNER.sub(lambda found: _MASKS[found[0]], text)


def _unmasked(next_event: Callable[[], Any]) -> Callable[[], Any]:
    table = str.maketrans(_STANDS_FOR)

    def next_unmasked() -> Any:
        event = next_event()
        if type(event) is ScalarEvent and not event.value.isascii():
            event.value = event.value.translate(table)
        return event

    return next_unmasked


class _Builder:
    """Turns events into data. One pass, no recursion; depth and size are counted on the way."""

    def __init__(self, source: SourceText, limits: Limits, report: Report) -> None:
        self.source = source
        self.limits = limits
        self.report = report
        self.document = Document(source, None)
        #: Anchor name → (value, number of values in it); None while it is still open.
        self.anchors: dict[str, tuple[Any, int] | None] = {}
        self.alias_values = 0
        #: What unquoted scalars have come to: most of a long file are there many times.
        self.plain_values: dict[str, Any] = {}

    def build(self, next_event: Callable[[], Any]) -> Document:
        if not self._open_document(next_event):
            return self.document
        # The loop below is the hot path of loading: plain and longer than usual, it takes half of the time.
        marks_of = self.document.marks
        root: list[Any] = []
        container: Any = root
        marks: list[int] = [0]
        key: Any = _NO_KEY
        is_map = False
        stack: list[tuple[Any, list[int], Any, bool, str | None, int]] = []
        merges: dict[int, list[tuple[Any, int]]] = {}
        count = 0
        anchor: str | None = None
        anchor_count = 0
        max_depth, max_values = self.limits.max_depth, self.limits.max_values
        intern = sys.intern
        plain_values = self.plain_values
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                count += 1
                at = event.start_mark.index
                value = event.value
                if not count & 0xFFFF and count > max_values:
                    self._too_many(at)
                if is_map and key is _NO_KEY:
                    key = intern(value)
                    marks.append(at)
                    if event.anchor is not None:
                        self.anchors[event.anchor] = (value, 1)
                    if key in container:
                        self._duplicate(container, marks, key, at)
                        marks.pop()
                        key = _Duplicate
                    if event.ctag is not None:
                        self._refuse_tag(event)
                    continue
                if event.ctag is not None:
                    self._refuse_tag(event)
                elif not event.style and (not value or value[0] in NOT_TEXT_STARTS):
                    known = plain_values.get(value, _NO_KEY)
                    value = self._plain(value, at) if known is _NO_KEY else known
                if event.anchor is not None:
                    self.anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                count += 1
                at = event.start_mark.index
                if is_map and key is _NO_KEY:
                    is_inserted = self.source.text.startswith("{{", at - 1)
                    hint = 'to insert a value, write "${{ … }}", with the quotes' if is_inserted else None
                    self._stop("complex_key", "a key must be text, not a mapping or a list", at, hint)
                if event.ctag is not None:
                    self._refuse_tag(event)
                if len(stack) >= max_depth:
                    self._too_deep(at)
                if count > max_values:
                    self._too_many(at)
                stack.append((container, marks, key, is_map, anchor, anchor_count))
                anchor = event.anchor
                anchor_count = count + self.alias_values
                if anchor is not None:
                    self.anchors[anchor] = None
                is_map = kind is MappingStartEvent
                container = {} if is_map else []
                marks = [at]
                key = _NO_KEY
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                value = container
                at = marks[0]
                marks_of[id(value)] = marks
                if is_map and id(value) in merges:
                    self._merge(value, merges.pop(id(value)))
                if anchor is not None:
                    self.anchors[anchor] = (value, count + self.alias_values - anchor_count + 1)
                container, marks, key, is_map, anchor, anchor_count = stack.pop()
            elif kind is AliasEvent:
                at = event.start_mark.index
                if is_map and key is _NO_KEY:
                    self._stop("complex_key", "an alias cannot be a key", at, "write the key out")
                value = self._alias(event.anchor, at, count)
            else:
                break
            # A value is complete: put it where it belongs.
            if is_map:
                if key is _Duplicate:
                    # The first one stays; the second is kept alive so that its id is not given to another.
                    self.anchors[f"\0{at}"] = (value, 0)
                elif key is _MERGE:
                    marks.pop()
                    merges.setdefault(id(container), []).append((value, at))
                else:
                    container[key] = value
                    marks.append(at)
                key = _NO_KEY
            else:
                container.append(value)
                marks.append(at)
        if count > max_values:
            self._too_many(0)
        self._close_document(next_event)
        self.document.root = root[0]
        self.document.root_at = marks[1]
        self.kept = root
        return self.document

    def _open_document(self, next_event: Callable[[], Any]) -> bool:
        """Whether there is a document at all."""
        next_event()
        return type(next_event()) is DocumentStartEvent

    def _close_document(self, next_event: Callable[[], Any]) -> None:
        event = next_event()
        if type(event) is DocumentStartEvent:
            self._stop(
                "several_documents",
                "the file holds several YAML documents; a blueprint is one",
                event.start_mark.index,
                "put each blueprint into a file of its own",
            )

    def _plain(self, text: str, at: int) -> Any:
        try:
            value = self.plain_values[text] = plain_value(text)
        except NumberError as error:  # told wherever it stands
            self.report.error("bad_number", str(error), at, "quote it if it is text")
            return 0
        return value

    def _alias(self, name: str, at: int, written: int) -> Any:
        if name not in self.anchors:
            self._stop("unknown_anchor", f"there is no anchor &{printable(name, 60)} above this alias", at)
        known = self.anchors[name]
        if known is None:
            self._stop(
                "recursive_alias", f"the alias *{printable(name, 60)} lies inside of what it stands for", at
            )
        value, size = known
        self.alias_values += size
        most = max(self.limits.max_alias_values, _ALIAS_RATIO * written)
        if self.alias_values > most:
            self._stop(
                "alias_budget",
                f"the aliases expand to more than {most:,} values",
                at,
                "write the parts out, or generate the blueprint",
            )
        return value

    def _merge(self, target: dict[str, Any], sources: list[tuple[Any, int]]) -> None:
        """Merge keys: what the mapping says itself wins, then the first of the merged ones."""
        for value, at in sources:
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, dict):
                    self.report.error(
                        "bad_merge",
                        "a merge key `<<` takes a mapping or a list of mappings",
                        at,
                        "name an anchor",
                    )
                    continue
                self._merge_one(target, part)

    def _merge_one(self, target: dict[str, Any], part: dict[str, Any]) -> None:
        marks = self.document.marks
        from_marks, to_marks = marks[id(part)], marks[id(target)]
        for place, (key, value) in enumerate(part.items()):
            if key not in target:
                target[key] = value
                to_marks.extend(from_marks[2 * place + 1 : 2 * place + 3])

    def _duplicate(self, container: dict[str, Any], marks: list[int], key: str, at: int) -> None:
        first = marks[2 * list(container).index(key) + 1] if not self.report.is_full else at
        line = self.source.location(first).line
        self.report.error(
            "duplicate_key",
            f"the key '{printable(key, 60)}' is given twice: first in line {line}, "
            f"again in line {self.source.location(at).line}",
            at,
            "remove one of them",
        )

    def _refuse_tag(self, event: Any) -> None:
        tag = printable(str(event.tag).replace("tag:yaml.org,2002:", "!!"), 60)
        self.report.error(
            "yaml_tag",
            f"YAML tags are not supported: {tag}",
            event.start_mark.index,
            "write the plain value; expressions go into ${{ }}",
        )

    def _too_deep(self, at: int) -> NoReturn:
        self._stop("too_deep", f"nested more than {self.limits.max_depth} levels deep", at, "flatten it")

    def _too_many(self, at: int) -> NoReturn:
        self._stop("too_many_values", f"the file holds more than {self.limits.max_values:,} values", at)

    def _stop(self, code: str, message: str, at: int, hint: str | None = None) -> NoReturn:
        raise UnreadableError(finding(self.source, code, message, at, hint))


_Duplicate: Any = object()
