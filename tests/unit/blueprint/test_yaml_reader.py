"""YAML as plain data with places: the core schema, aliases, merge keys, and both parsers alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine.blueprint import Limits, check_blueprint_file, load_blueprint_text, yaml_reader
from flowcraft_engine.blueprint.limits import DEFAULT_LIMITS
from flowcraft_engine.blueprint.report import Report, UnreadableError
from flowcraft_engine.blueprint.source import SourceText
from flowcraft_engine.blueprint.yaml_reader import read_yaml

CORPUS = Path(__file__).parents[2] / "corpus" / "blueprints"


def _read(text: str, limits: Limits = DEFAULT_LIMITS) -> Any:
    report = Report()
    root = read_yaml(SourceText("x.yaml", text), limits, report).root
    assert not report.findings()
    return root


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("No", "No"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("017", 17),
        ("0o17", 15),
        ("0x1f", 31),
        ("-7", -7),
        ("+.5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("~", None),
        ("Null", None),
        ("TRUE", True),
        ("'1'", "1"),
        ("-", "-"),
        ("--x", "--x"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = _read(f"a: {text}")["a"] if text != "-" else _read("a: [-]")["a"][0]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_always_text_as_they_are_written() -> None:
    assert _read("{on: 1, 012: 2, true: 3, ~: 4}") == {"on": 1, "012": 2, "true": 3, "~": 4}


@pytest.mark.parametrize(
    "text",
    ["{url: http://x.y/z?a=b:c, t: 1:30}", "[Really?, a:b, 'x:y', \"p?q\"]", "{a: [b?c], d: {e: f:g}}"],
)
def test_colons_and_question_marks_inside_of_words_need_no_quotes_in_brackets(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_c = _read(f"x: {text}")
    monkeypatch.setattr(yaml_reader, "CParser", None)
    assert _read(f"x: {text}") == by_c


def test_merge_keys_give_what_the_mapping_does_not_say_itself() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 0}\n"
    assert _read(text)["c"] == {"x": 0, "y": 2, "z": 4}


def test_a_large_file_without_aliases_never_reaches_the_alias_budget() -> None:
    text = "x: [" + "1, " * 60_000 + "1]\n"
    assert len(_read(text)["x"]) == 60_001


def test_a_hundred_thousand_aliases_are_refused() -> None:
    text = "a: &a 1\nx: [" + "*a, " * 100_000 + "*a ]\n"
    with pytest.raises(UnreadableError, match="expand to more than"):
        _read(text)


def test_a_million_characters_in_one_line_are_accepted() -> None:
    assert len(_read("a: " + "x" * 1_000_000)["a"]) == 1_000_000


def test_line_ends_of_all_kinds_are_counted_alike() -> None:
    for end in ("\n", "\r\n", "\r"):
        text = end.join(["nodes:", "  - {id: a, uses: noop}", "  - {id: b, uses: noop}", ""])
        assert load_blueprint_text(text).locations["b"].line == 3


@pytest.mark.parametrize("folder", ["bad", "warn", "valid"])
def test_the_parser_in_python_finds_the_same(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted((CORPUS / folder).iterdir())
    by_c = {path.name: check_blueprint_file(path) for path in names}
    monkeypatch.setattr(yaml_reader, "CParser", None)
    for path in names:
        blueprint, findings = check_blueprint_file(path)
        expected, expected_findings = by_c[path.name]
        assert (blueprint is None) == (expected is None), path.name
        if blueprint is not None and expected is not None:
            assert blueprint.canonical() == expected.canonical()
            assert blueprint.locations == expected.locations
        assert [(one.code, one.location) for one in findings] == [
            (one.code, one.location) for one in expected_findings
        ], path.name
