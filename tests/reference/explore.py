"""All that may come out of a case: every order of steps, each state visited once.

Two reductions, both sound. A start that nobody can observe is taken at once. A case without any source of
nondeterminism (`has_races`) needs one order only.
"""

from __future__ import annotations

import re

from tests.reference.behaviours import context_keys
from tests.reference.case import Case, Result
from tests.reference.model import Model, Step
from tests.reference.shape import Shape
from tests.reference.state import Run

DEFAULT_BOUND = 20_000
WORD = re.compile(r"[A-Za-z_]\w*")


class TooManyStates(Exception):
    """The case has more interleavings than the bound allows."""


def admissible_results(case: Case, *, bound: int = DEFAULT_BOUND, every_order: bool = False) -> list[Result]:
    """The distinct results of the case, by `Result.key`; `every_order` leaves out the reductions."""
    model = Model(case)
    racing = every_order or has_races(model)
    todo, seen, found = [model.begin()], set[str](), dict[str, Result]()
    while todo:
        run = todo.pop()
        steps = _advance(model, run, racing, every_order)
        if not steps:
            result = model.result(run)
            found[result.key] = result
            continue
        for step in steps:
            following = run.copy()
            model.apply(following, step)
            mark = following.fingerprint()
            if mark not in seen:
                seen.add(mark)
                todo.append(following)
        if len(seen) > bound:
            raise TooManyStates(f"more than {bound} states")
    return list(found.values())


def one_result(case: Case, *, bound: int = DEFAULT_BOUND) -> Result:
    """The result of a case that has one."""
    results = admissible_results(case, bound=bound)
    assert len(results) == 1, f"{len(results)} admissible results, not one"
    return results[0]


def first_result(case: Case) -> Result:
    """One admissible result: that of the first order."""
    model = Model(case)
    run = model.begin()
    _advance(model, run, racing=False, every_order=False)
    return model.result(run)


def _advance(model: Model, run: Run, racing: bool, every_order: bool) -> list[Step]:
    """Go on, in place, until there is a choice or the end; the choice."""
    while True:
        steps = model.steps(run)
        if not steps:
            if len(run.verdicts) == len(model.case.answers):
                return []
            run.verdicts.append(model.answer(run, model.case.answers[len(run.verdicts)]))
            continue
        unseen = [] if every_order else [s for s in steps if not racing or _is_unseen(model, run, s)]
        if unseen:
            model.apply(run, unseen[0])
        elif len(steps) == 1:
            model.apply(run, steps[0])
        else:
            return steps


def _is_unseen(model: Model, run: Run, step: Step) -> bool:
    """A start that commutes with every other step: nothing could prevent it, and reading comes later."""
    if step[0] != "start":
        return False
    shape = model.shapes[run.blueprint]
    instance = run.instances[step[1]]
    join = shape.nodes[instance.node].config.join_strategy
    return not shape.blueprint.metadata.fail_fast and join != "any" and instance.item is None


def has_races(model: Model) -> bool:
    """Whether the order of steps may matter; errs on the side of yes."""
    return any(_may_race(model, shape) for shape in model.shapes.values())


def _may_race(model: Model, shape: Shape) -> bool:
    specs = shape.nodes.values()
    by_timing = shape.blueprint.metadata.fail_fast or any(
        spec.config.join_strategy == "any"
        or (
            spec.for_each is not None
            and spec.for_each.on_item_error == "fail"
            and spec.for_each.concurrency != 1
        )
        for spec in specs
    )
    return by_timing or _shares_state(model, shape)


def _shares_state(model: Model, shape: Shape) -> bool:
    """Whether two nodes touch one context key, or a node looks at another that is not its predecessor."""
    touched: list[str] = []
    for spec in shape.nodes.values():
        keys = context_keys(model.behaviours[spec.uses]) if spec.uses in model.behaviours else set()
        keys |= set(spec.params.get("values", {})) if spec.uses == "set" else set()
        keys |= set(spec.params.get("outputs") or {}) if spec.uses == "subflow" else set()
        texts = [str(spec.params), str(spec.inputs or ""), str(spec.for_each.source if spec.for_each else "")]
        texts.append(spec.loop.condition if spec.loop else "")
        texts += [f"{edge.condition} {edge.transform}" for edge in shape.edges if edge.source == spec.id]
        words = {word for text in texts for word in WORD.findall(text)}
        near = {spec.id, *shape.predecessors(spec.id)}
        if words & (shape.node_ids - near):
            return True
        touched += list(keys | {f"?{word}" for word in words - keys}) * (2 if spec.for_each else 1)
    writes = [key for key in touched if not key.startswith("?")]
    return len(writes) != len(set(writes)) or any(f"?{key}" in touched for key in writes)
