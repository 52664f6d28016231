"""JSON to plain data and places, judged as JSON: no comments, no trailing commas, no NaN, no duplicate
keys.
"""

from __future__ import annotations

import re
from json.decoder import JSONDecodeError
from json.decoder import scanstring as _scanstring  # type: ignore[attr-defined]  # the stubs leave it out
from typing import Any, NoReturn

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.limits import Limits
from flowcraft_engine.blueprint.report import Report, UnreadableError, finding
from flowcraft_engine.blueprint.scalars import NumberError, finite
from flowcraft_engine.blueprint.source import SourceText, printable

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z_$+-][\w$+-]*")
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DIGITS = 4_000


def read_json(source: SourceText, limits: Limits, report: Report) -> Document:
    """The document in `source`. Duplicate keys go to `report`; wrong syntax raises `UnreadableError`."""
    return _Reader(source, limits, report).read()


class _Reader:
    """One pass without recursion; `at` is the offset of what comes next."""

    def __init__(self, source: SourceText, limits: Limits, report: Report) -> None:
        self.source, self.text = source, source.text
        self.limits, self.report = limits, report
        self.document = Document(source, None, is_json=True)
        self.kept: list[Any] = []
        self.at = 0
        self.values = 0

    def read(self) -> Document:
        self._skip_space()
        self.document.root_at = self.at
        self.document.root = self._value()
        self._skip_space()
        if self.at < len(self.text):
            self._fail("something follows the end of the JSON value", "a blueprint is one JSON object")
        return self.document

    def _value(self) -> Any:
        stack: list[tuple[Any, list[int], str | None, int]] = []
        container: Any = None
        marks: list[int] = []
        key: str | None = None
        key_at = 0
        while True:
            # A value begins here.
            at = self.at
            self.values += 1
            letter = self.text[at : at + 1]
            if letter in ("{", "[") and letter:
                self._check_size(len(stack))
                stack.append((container, marks, key, key_at))
                container, marks = ({} if letter == "{" else []), [at]
                self.at += 1
                self._skip_space()
                closing = "}" if letter == "{" else "]"
                if self.text[self.at : self.at + 1] != closing:
                    if letter == "{":
                        key, key_at = self._key(marks[0])
                    continue
                value: Any = None
                is_closing = True
            else:
                value = self._scalar()
                is_closing = False
            # A value is complete; it may complete the containers around it.
            while True:
                if is_closing:
                    self.at += 1
                    value, at = container, marks[0]
                    self.document.marks[id(value)] = marks
                    container, marks, key, key_at = stack.pop()
                if container is None:
                    return value
                self._put(container, marks, key, key_at, value, at)
                self._skip_space()
                following = self.text[self.at : self.at + 1]
                is_closing = following == ("}" if type(container) is dict else "]")
                if not is_closing:
                    break
            self._comma(following, marks[0], type(container) is dict)
            if type(container) is dict:
                key, key_at = self._key(marks[0])

    def _put(
        self, container: Any, marks: list[int], key: str | None, key_at: int, value: Any, at: int
    ) -> None:
        if type(container) is list:
            container.append(value)
            marks.append(at)
            return
        if key in container:
            opened = marks[2 * list(container).index(key) + 1] if not self.report.is_full else key_at
            first = self.source.location(opened).line
            again = self.source.location(key_at).line
            shown = printable(str(key), 60)
            text = f"the key '{shown}' is given twice: first in line {first}, again in line {again}"
            self.report.error("duplicate_key", text, key_at, "remove one of them")
            self.kept.append(value)
            return
        container[key] = value
        marks.append(key_at)
        marks.append(at)

    def _key(self, opened: int) -> tuple[str, int]:
        at = self.at
        if self.text[at : at + 1] != '"':
            if at >= len(self.text):
                self._unclosed(opened)
            self._fail(
                "a key in double quotes is expected here", "JSON takes no comments and no trailing commas"
            )
        key = self._string()
        self._skip_space()
        if self.text[self.at : self.at + 1] != ":":
            self._fail(f"a ':' is missing after the key '{printable(key, 60)}'")
        self.at += 1
        self._skip_space()
        return key, at

    def _comma(self, following: str, opened: int, in_object: bool) -> None:
        if not following:
            self._unclosed(opened)
        if following in ("/", "#"):
            self._fail("JSON has no comments", "remove it, or name the file .yaml")
        if following != ",":
            self._fail(f"a comma or {'}' if in_object else ']'} is expected here")
        self.at += 1
        self._skip_space()
        if self.text[self.at : self.at + 1] in ("}", "]"):
            self._fail("a comma before the closing bracket is not JSON", "remove the comma")

    def _scalar(self) -> Any:
        letter = self.text[self.at : self.at + 1]
        if letter == '"':
            return self._string()
        number = _NUMBER.match(self.text, self.at)
        if number is not None:
            self.at = number.end()
            return self._number(number)
        word = _WORD.match(self.text, self.at)
        if word is not None and word[0] in _WORDS:
            self.at = word.end()
            return _WORDS[word[0]]
        return self._refuse_scalar(letter, word[0] if word else "")

    def _refuse_scalar(self, letter: str, word: str) -> NoReturn:
        if word.lstrip("+-") in ("NaN", "Infinity"):
            self._fail(f"{word} is not a JSON number", code="bad_number")
        if letter == "'":
            self._fail("JSON text stands in double quotes")
        if letter in ("/", "#"):
            self._fail("JSON has no comments", "remove it, or name the file .yaml")
        if not letter:
            self._fail("the file ends where a value is expected")
        self._fail("a JSON value is expected here", "text stands in double quotes")

    def _number(self, match: re.Match[str]) -> int | float:
        if len(match[0]) > _MAX_DIGITS:
            self._fail(f"a number of {len(match[0])} digits is too long", code="bad_number", at=match.start())
        if match[2] is None and match[3] is None:
            return int(match[1])
        try:
            return finite(match[0])
        except NumberError as error:
            self._fail(str(error), code="bad_number", at=match.start())

    def _string(self) -> str:
        start = self.at
        value: str
        try:
            value, self.at = _scanstring(self.text, start + 1, True)
        except JSONDecodeError as error:
            if error.msg.startswith("Unterminated"):
                place = self.source.location(start)
                text = f'the quote " opened in line {place.line}, column {place.column} is never closed'
                self._fail(text, code="unclosed_quote", at=start)
            self._fail(f"this text is not JSON: {error.msg}", at=error.pos)
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            self._fail("half of a surrogate pair is no character", code="not_utf8", at=start)
        return value

    def _skip_space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _check_size(self, depth: int) -> None:
        if depth >= self.limits.max_depth:
            self._fail(f"nested more than {self.limits.max_depth} levels deep", "flatten it", code="too_deep")
        if self.values > self.limits.max_values:
            text = f"the file holds more than {self.limits.max_values:,} values"
            self._fail(text, code="too_many_values")

    def _unclosed(self, opened: int) -> NoReturn:
        place = self.source.location(opened)
        where = f"in line {place.line}, column {place.column}"
        text = f"the bracket {self.text[opened]} opened {where} is never closed"
        self._fail(text, code="unclosed_bracket", at=opened)

    def _fail(
        self, message: str, hint: str | None = None, code: str = "json_syntax", at: int | None = None
    ) -> NoReturn:
        raise UnreadableError(finding(self.source, code, message, self.at if at is None else at, hint))
