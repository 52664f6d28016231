"""JUnit XML: a suite for each run, a test case for each node instance; what CI systems show as test results.

| node | case |
|---|---|
| completed; failed, and rescued or collected | passed |
| failed | failure |
| skipped, poisoned, cancelled, waiting, not reached | skipped, with the reason |
| running or ready when the run was interrupted | error |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree import ElementTree as Xml

from flowcraft_engine.blueprint.finding import Finding, Severity
from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_result import NodeRun, iso_time
from flowcraft_engine.kernel import state as st
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.error_place import near, shown_place
from flowcraft_engine.reports.faults import pardon_of, pardoned_runs
from flowcraft_engine.reports.state_grounds import StateGrounds

#: What XML 1.0 cannot hold at all, escaped or not.
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTERRUPTED: Final = frozenset({st.RUNNING, st.READY, st.RETRYING})


def junit_report(dossier: Dossier) -> str:
    """The document of a run and its sub-runs. There are failures in it only if the run has failed."""
    pardoned = pardoned_runs(dossier)
    return _document(_Suite(run, pardoned.get(run.run_id)).element() for run in dossier.tree())


def junit_of_findings(file: str, findings: Sequence[Finding]) -> str:
    """The document of a blueprint that could not run: an error for each thing that is wrong with it."""
    suite = Xml.Element("testsuite", name=_clean(file))
    for finding in findings:
        if finding.severity is Severity.ERROR:
            place = finding.location
            case = _case(suite, "blueprint", finding.code, 0.0, place.file if place else file)
            if place is not None:
                case.set("line", str(place.line))
            _verdict(case, "error", finding.code, finding.message, str(finding))
    return _document([_counted(suite)])


@frozen
class Check:
    """Something that was checked: a test case of its own; `problems` is empty if it passed."""

    name: str
    file: str
    seconds: float
    problems: Sequence[str] = ()


def junit_of_checks(suite_name: str, checks: Iterable[Check]) -> str:
    """The document of checks that were made by `flowcraft test`."""
    suite = Xml.Element("testsuite", name=_clean(suite_name))
    seconds = 0.0
    for check in checks:
        case = _case(suite, suite_name, check.name, check.seconds, check.file)
        seconds += check.seconds
        if check.problems:
            _verdict(case, "failure", "mismatch", check.problems[0], "\n".join(check.problems))
    suite.set("time", f"{seconds:.3f}")
    return _document([_counted(suite)])


class _Suite:
    """The suite of one run."""

    def __init__(self, dossier: Dossier, pardon: str | None) -> None:
        self._dossier = dossier
        self._pardon = pardon
        self._grounds = StateGrounds(dossier)

    def element(self) -> Xml.Element:
        result = self._dossier.result
        version = f" {result.version}" if result.version else ""
        suite = Xml.Element("testsuite", name=_clean(result.blueprint_id + version))
        suite.set("timestamp", (iso_time(result.created_at) or "").removesuffix("Z"))
        properties = Xml.SubElement(suite, "properties")
        for name, value in self._properties():
            Xml.SubElement(properties, "property", name=name, value=_clean(value))
        for name, node in result.nodes.items():
            self._add_node(suite, name, node)
        self._add_run(suite)
        suite.set("time", f"{self._dossier.seconds:.3f}")
        return _counted(suite)

    def _properties(self) -> Iterable[tuple[str, str]]:
        result = self._dossier.result
        yield "run_id", result.run_id
        yield "blueprint_id", result.blueprint_id
        if result.version:
            yield "version", result.version
        yield "status", result.status
        yield "digest", self._dossier.state.digest

    def _add_node(self, suite: Xml.Element, name: str, node: NodeRun) -> None:
        dossier = self._dossier
        instance = dossier.instance(name)
        place = dossier.plan.nodes[instance.node_id].location
        seconds = (node.duration_ms or 0.0) / 1000
        case = _case(suite, dossier.result.blueprint_id, name, seconds, near(place.file) if place else None)
        if place is not None:
            case.set("line", str(place.line))
        summary, grounds = self._grounds.of(instance)
        story = "\n".join([summary, *(f"- {ground.text}" for ground in grounds)])
        pardon = self._pardon or pardon_of(dossier, instance)
        if node.state == st.FAILED and pardon is None:
            error = instance.error or {}
            text = f"{shown_place(place)}\n{story}" if place is not None else story
            _verdict(case, "failure", str(error.get("code")), str(error.get("message")), text)
        elif node.state in _INTERRUPTED:
            _verdict(case, "error", "interrupted", summary, story)
        elif node.state not in (st.COMPLETED, st.FAILED):
            told = f"{summary}: {grounds[0].text}" if len(grounds) == 1 else summary
            Xml.SubElement(case, "skipped", message=_clean(told))
        elif node.attempts > 1 or node.state == st.FAILED:
            told = f"{story}\n({pardon})" if node.state == st.FAILED else story
            Xml.SubElement(case, "system-out").text = _clean(told)

    def _add_run(self, suite: Xml.Element) -> None:
        """What is no node's fault: a deadline, a cancellation, an interruption."""
        result = self._dossier.result
        for error in result.errors:
            if error.node is None:
                case = _case(suite, result.blueprint_id, "(run)", 0.0, None)
                _verdict(case, "error", error.code, error.message, error.message)
        if result.status in ("cancelled", "interrupted"):
            text = f"the run was {result.status}" + (
                f": {result.cancel_reason}" if result.cancel_reason else ""
            )
            case = _case(suite, result.blueprint_id, "(run)", 0.0, None)
            _verdict(case, "error", result.status, text, text)


def _case(suite: Xml.Element, owner: str, name: str, seconds: float, file: str | None) -> Xml.Element:
    case = Xml.SubElement(suite, "testcase", classname=_clean(owner), name=_clean(name))
    case.set("time", f"{seconds:.3f}")
    if file is not None:
        case.set("file", _clean(file))
    return case


def _verdict(case: Xml.Element, kind: str, code: str, message: str, text: str) -> None:
    verdict = Xml.SubElement(case, kind, message=_clean(message), type=_clean(code))
    verdict.text = _clean(text)


def _counted(suite: Xml.Element) -> Xml.Element:
    cases = suite.findall("testcase")
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    return suite


def _document(suites: Iterable[Xml.Element]) -> str:
    root = Xml.Element("testsuites", name="flowcraft")
    root.extend(suites)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Text that every XML reader accepts; what XML cannot hold is shown escaped."""
    return _FORBIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
