"""The corpus of bad blueprints: each is refused with its code, its sentence and its line, at once."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from flowcraft_engine.blueprint import Blueprint, Finding, Severity, check_blueprint_file
from flowcraft_engine.blueprint.codes import FINDING_CODES
from flowcraft_engine.blueprint.fixed_names import edge_key, output_place

CORPUS = Path(__file__).parents[2] / "corpus" / "blueprints"
#: File → the findings that it must have: [code, line, part of the message].
EXPECTED: dict[str, list[tuple[str, int, str]]] = {
    name: [(code, line, part) for code, line, part in rows]
    for name, rows in json.loads((CORPUS / "expected.json").read_text()).items()
}


def _names(folder: str) -> list[str]:
    return sorted(f"{folder}/{path.name}" for path in (CORPUS / folder).iterdir())


def _check(name: str) -> tuple[Blueprint | None, list[Finding]]:
    started = time.thread_time()
    result = check_blueprint_file(CORPUS / name)
    assert time.thread_time() - started < 1
    return result


def _rows(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.code, finding.location.line if finding.location else 0) for finding in findings]


def test_every_file_of_the_corpus_has_its_expectation() -> None:
    assert sorted(EXPECTED) == sorted(_names("bad") + _names("warn"))


@pytest.mark.parametrize("name", _names("bad"))
def test_a_bad_file_is_refused_with_its_code_line_and_sentence(name: str) -> None:
    blueprint, findings = _check(name)
    assert blueprint is None
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    assert errors, "a refusal has a reason"
    _assert_expected(name, findings)


@pytest.mark.parametrize("name", _names("warn"))
def test_a_remarkable_file_loads_with_its_warning(name: str) -> None:
    blueprint, findings = _check(name)
    assert blueprint is not None
    _assert_expected(name, findings)


@pytest.mark.parametrize("name", _names("valid"))
def test_a_valid_file_loads_without_errors_and_its_canonical_form_loads_again(name: str) -> None:
    blueprint, findings = _check(name)
    assert blueprint is not None, [str(finding) for finding in findings]
    assert {finding.code for finding in findings} <= {"unknown_subflow"}
    canonical = blueprint.canonical()
    again = Blueprint.model_validate(json.loads(json.dumps(canonical)))
    assert again.canonical() == canonical
    assert again.digest() == blueprint.digest()
    decided = {
        edge_key(i)
        for i, edge in enumerate(blueprint.edges)
        if edge.condition or edge.action or edge.transform
    }
    outputs = {output_place(name) for name in blueprint.outputs or ()}
    assert set(blueprint.locations) == {node.id for node in blueprint.nodes} | outputs | decided


def _assert_expected(name: str, findings: list[Finding]) -> None:
    expected = EXPECTED[name]
    assert _rows(findings) == [(code, line) for code, line, _ in expected]
    for finding, (_, _, part) in zip(findings, expected, strict=True):
        assert part in finding.message
        assert finding.code in FINDING_CODES
        assert finding.location is not None
        assert finding.location.column >= 1


def test_no_finding_repeats_a_secret() -> None:
    for name, secret in (("warn/32_secret.yaml", "hunter2"), ("warn/32_secret_value.yaml", "AKIA")):
        _, findings = _check(name)
        assert findings
        assert not any(secret in f"{finding} {finding.excerpt} {finding.hint}" for finding in findings)


def test_no_finding_carries_control_characters() -> None:
    for name in EXPECTED:
        for finding in _check(name)[1]:
            text = f"{finding} {finding.excerpt or ''}".replace("\t", "")
            assert all(character.isprintable() for character in text), name


def test_ten_mistakes_in_one_file_are_ten_findings_at_their_lines() -> None:
    _, findings = _check("bad/ten_mistakes.yaml")
    assert [line for _, line in _rows(findings)] == [2, 4, 8, 9, 9, 10, 13, 15, 16, 17]
    assert all(finding.excerpt for finding in findings)
