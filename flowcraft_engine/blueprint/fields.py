"""The values of single keys, with their types and ranges: told apart strictly, nothing is converted in
silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.habits import not_ours, our_word
from flowcraft_engine.blueprint.keys import is_ignored
from flowcraft_engine.blueprint.nearest import did_you_mean
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable
from flowcraft_engine.values import parse_duration


class Fields:
    """Reads the mappings of one document; every mismatch is reported at its place and read as absent."""

    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report

    def known(
        self,
        raw: dict[str, Any],
        spellings: Mapping[str, str],
        what: str,
        elsewhere: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Canonical key → the spelling used, of the keys of `raw` that have a value; the others are
        reported.
        """
        found: dict[str, str] = {}
        for spelling, value in raw.items():
            key = spellings.get(spelling)
            if key is None:
                if not is_ignored(spelling):
                    self.unknown(raw, spelling, spellings, what, elsewhere or {})
            elif key in found:
                text = f"'{found[key]}' and '{spelling}' of {what} are the same key"
                self.report.error(
                    "duplicate_key", text, self.document.key_at(raw, spelling), "remove one of them"
                )
            elif value is not None:
                found[key] = spelling
        return found

    def unknown(
        self,
        raw: dict[str, Any],
        key: str,
        spellings: Mapping[str, str],
        what: str,
        elsewhere: Mapping[str, str],
    ) -> None:
        shown = printable(key, 60)
        word = our_word(key, elsewhere)
        if key in elsewhere:
            hint: str | None = f"'{shown}' belongs into {elsewhere[key]}"
        elif word is not None:
            hint = f"it is called '{word}' here, and belongs into {elsewhere[word]}"
        else:
            hint = not_ours(key) or self.hint(key, set(spellings.values()))
        at = self.document.key_at(raw, key)
        self.report.error("unknown_key", f"{what} has no key '{shown}'", at, hint)

    def hint(self, name: str, names: Iterable[str]) -> str | None:
        """Our word for it, or `did_you_mean`; unless nobody would see it: comparing is slow."""
        if self.report.is_full:
            return None
        known = list(names)
        word = our_word(name, known)
        return f"it is called '{word}' here" if word is not None else did_you_mean(name, known)

    def wrong(
        self, raw: Any, key: str | int, expected: str, value: Any, what: str, hint: str | None = None
    ) -> None:
        at = self.document.value_at(raw, key)
        self.report.error("wrong_type", f"{what} must be {expected}, not {describe(value)}", at, hint)

    def text(self, raw: Any, key: str | int, what: str) -> str | None:
        """A text that is not empty."""
        value = raw[key]
        if type(value) is str:
            if value:
                return value
            self.report.error("empty_text", f"{what} must not be empty", self.document.value_at(raw, key))
            return None
        self.wrong(raw, key, "text", value, what, "quote it" if _is_scalar(value) else None)
        return None

    def name(self, raw: Any, key: str | int, what: str, more: str = "") -> str | None:
        """A text where names stand: a number without quotes is read as it is written, with a warning.

        `more` goes on with its hint.
        """
        value = raw[key]
        kind = type(value)
        if kind is str and value:
            return value  # type: ignore[no-any-return]  # JSON has no static types
        if (kind is int or kind is float) and not self.document.is_json:
            at = self.document.value_at(raw, key)
            written = self.written(at)
            if written:
                text = f"{what} is text: the number {written} is read as '{written}'"
                self.report.warning("unquoted_text", text, at, f'quote it: "{written}"{more}')
                return written
        return self.text(raw, key, what)

    def written(self, at: int | None) -> str:
        """The characters of an unquoted scalar; empty when they cannot be told."""
        if at is None:
            return ""
        text = self.document.source.text
        end = at
        while end < len(text) and text[end] not in " \t\r\n,]}#:":
            end += 1
        return text[at:end] if text[at : at + 1] not in "&*!" else ""

    def boolean(self, raw: Any, key: str, what: str) -> bool | None:
        value = raw[key]
        if type(value) is bool:
            return value
        hint = "write true or false" if value in ("yes", "no", "on", "off") else None
        self.wrong(raw, key, "true or false", value, what, hint)
        return None

    def integer(
        self, raw: Any, key: str, what: str, least: int, most: int, hint: str | None = None
    ) -> int | None:
        value = raw[key]
        if type(value) is not int:
            self.wrong(raw, key, "a whole number", value, what, _unquote(value))
            return None
        return value if self._in_range(raw, key, what, value, least, most, hint) else None

    def number(self, raw: Any, key: str, what: str, least: float, most: float) -> float | None:
        value = raw[key]
        if type(value) is not int and type(value) is not float:
            self.wrong(raw, key, "a number", value, what, _unquote(value))
            return None
        return value if self._in_range(raw, key, what, value, least, most, None) else None

    def _in_range(
        self, raw: Any, key: str, what: str, value: float, least: float, most: float, hint: str | None
    ) -> bool:
        if least <= value <= most:
            return True
        text = f"{what} must be between {least:,} and {most:,}, not {_short_number(value)}"
        self.report.error("out_of_range", text, self.document.value_at(raw, key), hint)
        return False

    def duration(self, raw: Any, key: str, what: str, may_be_zero: bool = True) -> float | None:
        """Milliseconds."""
        value = raw[key]
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            expected = "a duration like 250ms, 2s, 5m, 1h, 1d or a number of milliseconds"
            self.wrong(raw, key, expected, value, what)
            return None
        try:
            milliseconds = parse_duration(value)
        except (ValueError, OverflowError) as error:
            text = f"{what}: {printable(str(error), 200)}"
            self.report.error("bad_duration", text, self.document.value_at(raw, key))
            return None
        if milliseconds == 0 and not may_be_zero:
            text = f"{what} must be more than zero"
            self.report.error(
                "out_of_range", text, self.document.value_at(raw, key), "leave it out for no limit"
            )
            return None
        return milliseconds

    def choice(self, raw: Any, key: str, what: str, choices: tuple[str, ...], code: str) -> str | None:
        value = raw[key]
        if type(value) is str and value in choices:
            return value
        if type(value) is not str:
            self.wrong(raw, key, "one of " + ", ".join(choices), value, what)
            return None
        text = f"{what} cannot be '{printable(value, 60)}'; it is one of {', '.join(choices)}"
        self.report.error(code, text, self.document.value_at(raw, key), self.hint(value, choices))
        return None

    def mapping(self, raw: Any, key: str | int, what: str) -> dict[str, Any] | None:
        value = raw[key]
        if type(value) is dict:
            return value
        self.wrong(raw, key, "a mapping", value, what)
        return None


def describe(value: Any) -> str:
    """A value as sentences name it."""
    if value is None:
        return "nothing"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{printable(value, 40)}'"
    if isinstance(value, (int, float)):
        return f"the number {_short_number(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def _short_number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 130:
        return f"a number of about {int(value.bit_length() * 0.301) + 1} digits"
    return str(value)


def _is_scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, (dict, list))


def _unquote(value: Any) -> str | None:
    return "remove the quotes" if isinstance(value, str) and value.strip("-+.0123456789") == "" else None
