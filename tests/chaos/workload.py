"""What runs in a storm: random workflows whose admissible results the reference model knows beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.reference.behaviours import Add, Ret
from tests.reference.case import Answer, Case, Result
from tests.reference.explore import TooManyStates, admissible_results, admits, first_result, random_result
from tests.reference.generator import Options, random_case

_BOUND = 1_500
#: A storm lasts half a minute, and comes to rest when its last run does.
_MOST_EXECUTIONS = 40
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

    def admits_after_releases(self, result: Result, released: Collection[str]) -> bool:
        """Whether a run may come to that, of which these instances, and no others, were taken back."""
        is_fast = (self.case.blueprint.get("metadata") or {}).get("fail_fast")
        if not released or not is_fast:
            return False  # nothing else tells what runs from what is ready again
        try:
            return admits(self.case, result, bound=10 * _BOUND, released=released, key=key_of)
        except TooManyStates:
            return False  # which a person has to look at


def key_of(result: Result) -> str:
    """A result without what became of each answer: one that was given twice, for its reply was lost, is repeated."""
    return replace(result, answers=()).key


def make_workload(chance_seed: int, *, exact: int, racing: int) -> list[Load]:
    """The same loads for the same seed. Some need a worker that declares their version."""
    random = Random(chance_seed)
    loads: list[Load] = []
    for case in _busiest([_exact_case(random) for _ in range(4 * exact)], exact):
        loads.append(_exact(len(loads), _with_known_answers(case)))
    for version in _VERSIONS:
        loads.append(_exact(len(loads), _versioned(loads[0].case, version)))
    while len(loads) < exact + len(_VERSIONS) + racing:
        number = len(loads)
        plain = _named(number, _racing_case(random))
        try:
            keys = frozenset(key_of(result) for result in admissible_results(plain, bound=_BOUND))
        except TooManyStates:
            continue
        loads.append(Load(number, plain, keys, is_exact=False))
    return loads


def _exact_case(random: Random) -> Case:
    return random_case(random, Options(random.randint(4, 40), most_items=16))


def _racing_case(random: Random) -> Case:
    """One of which a few orders of events, out of all, show already that they matter."""
    while True:
        options = Options(random.randint(3, 8), racing=True, fail_fast=random.random() < 0.4)
        case = replace(random_case(random, options), answers=())
        if len({key_of(random_result(case, random)) for _ in range(5)}) > 1:
            return case


def _busiest(cases: list[Case], count: int) -> list[Case]:
    """Random workflows mostly fail early. Those of which most is executed, within bounds, with some of the others."""
    short = [case for case in cases if _executions(case) <= _MOST_EXECUTIONS]
    ordered = sorted(short, key=_executions, reverse=True)
    busy = count * 3 // 4
    others = ordered[busy:]
    return [*ordered[:busy], *others[:: len(others) // (count - busy)][: count - busy]]


def _executions(case: Case) -> int:
    return sum(first_result(case).attempts.values())


def load_of(case: Case) -> Load:
    """A load of its own, for a case that has one result."""
    return _exact(0, case)


def _exact(number: int, case: Case) -> Load:
    named = _named(number, case)
    return Load(number, named, frozenset({key_of(first_result(named))}), is_exact=True)


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
