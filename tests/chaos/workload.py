"""What runs in a storm: random workflows whose admissible results the reference model knows beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.reference.behaviours import Add, Ret
from tests.reference.case import Answer, Case, Result
from tests.reference.explore import TooManyStates, admissible_results, first_result
from tests.reference.generator import exact_cases, racing_cases

_BOUND = 4_000
_VERSIONS = ("1.0.0", "2.0.0")


@dataclass(frozen=True)
class Load:
    """A case, and the keys of all results that it may come to; `is_exact` if there is one, whatever the timing."""

    number: int
    case: Case
    admissible: frozenset[str]
    is_exact: bool

    @property
    def version(self) -> str | None:
        return (self.case.blueprint.get("metadata") or {}).get("version")


def key_of(result: Result) -> str:
    """A result without what became of each answer: one that was given twice, for its reply was lost, is repeated."""
    return replace(result, answers=()).key


def make_workload(chance_seed: int, *, exact: int, racing: int) -> list[Load]:
    """The same loads for the same seed. Some need a worker that declares their version."""
    loads: list[Load] = []
    for case in _largest(_gathered(exact_cases(), chance_seed, 3 * exact), exact):
        loads.append(_exact(len(loads), _with_known_answers(case)))
    for version in _VERSIONS:
        loads.append(_exact(len(loads), _versioned(loads[0].case, version)))
    for case in _gathered(racing_cases(), chance_seed, racing):
        if _is_finer_than_the_model(case):
            continue
        number, plain = len(loads), _named(len(loads), replace(case, answers=()))
        try:
            keys = frozenset(key_of(result) for result in admissible_results(plain, bound=_BOUND))
        except TooManyStates:
            continue
        loads.append(Load(number, plain, keys, is_exact=False))
    return loads


def _is_finer_than_the_model(case: Case) -> bool:
    """A sleep that has woken up and is not over when `fail_fast` strikes: in the model these are one step."""
    is_fast = (case.blueprint.get("metadata") or {}).get("fail_fast")
    return bool(is_fast) and any(node.get("uses") in ("sleep", "wait") for node in case.blueprint["nodes"])


def load_of(case: Case) -> Load:
    """A load of its own, for a case that has one result."""
    return _exact(0, case)


def _exact(number: int, case: Case) -> Load:
    named = _named(number, case)
    return Load(number, named, frozenset({key_of(first_result(named))}), is_exact=True)


def _gathered(cases: st.SearchStrategy[Case], chance_seed: int, count: int) -> list[Case]:
    found: list[Case] = []

    @seed(chance_seed)
    @given(cases)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def gather(case: Case) -> None:
        found.append(case)

    gather()
    return found[:count]


def _largest(cases: list[Case], count: int) -> list[Case]:
    """Random workflows are mostly small ones."""
    return sorted(cases, key=lambda case: len(case.blueprint["nodes"]), reverse=True)[:count]


def _with_known_answers(case: Case) -> Case:
    """Answers are given by counting those in the journal; so there are none that a journal does not show."""
    uses = {node["id"]: node.get("uses") for node in case.blueprint["nodes"]}
    is_shown = all(isinstance(it, Answer) and uses.get(it.node) == "wait" for it in case.answers)
    is_taken = set(first_result(case).answers) <= {"accepted"}
    return case if is_shown and is_taken else replace(case, answers=())


def _named(number: int, case: Case) -> Case:
    """The case with node types of its own, so that one worker serves many cases."""
    names = {name: f"c{number}.{name}" for name in case.behaviours}
    return replace(
        case,
        blueprint=_renamed(case.blueprint, names),
        children=tuple(_renamed(child, names) for child in case.children),
        behaviours={names[name]: behaviour for name, behaviour in case.behaviours.items()},
    )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: names.get(part, part) if key == "uses" else _renamed(part, names)
            for key, part in value.items()
        }
    return [_renamed(part, names) for part in value] if isinstance(value, list) else value


def _versioned(case: Case, version: str) -> Case:
    """Only workers that declare it may take it; its sub-runs would need the same, so it has none."""
    blueprint = {
        "id": "rolling",
        "metadata": {"version": version},
        "nodes": [
            {"id": "A", "uses": f"A{version[0]}"},
            {"id": "B", "uses": f"B{version[0]}"},
            {"id": "C", "uses": f"C{version[0]}"},
        ],
        "edges": [{"source": "A", "target": "B"}, {"source": "B", "target": "C"}],
    }
    behaviours = {f"A{version[0]}": Ret(version), f"B{version[0]}": Add("b"), f"C{version[0]}": Add("c")}
    return Case(blueprint, behaviours, dict(case.inputs))
