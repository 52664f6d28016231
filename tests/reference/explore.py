"""All that may come out of a case: every order of steps, each state visited once.

Three reductions, all sound. A start that nobody can observe is taken at once, and so is the end of a wait. A case
without any source of nondeterminism (`has_races`) needs one order only. Nobody is taken back where no `fail_fast`
tells what runs from what is ready again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from random import Random

from tests.reference.behaviours import context_keys
from tests.reference.case import Case, Result
from tests.reference.model import Model, Step
from tests.reference.shape import Shape
from tests.reference.state import Run

DEFAULT_BOUND = 20_000
WORD = re.compile(r"[A-Za-z_][\w-]*")


class TooManyStates(Exception):
    """The case has more interleavings than the bound allows."""


def admissible_results(
    case: Case, *, bound: int = DEFAULT_BOUND, every_order: bool = False, released: Collection[str] = ()
) -> list[Result]:
    """The distinct results of the case, by `Result.key`; `every_order` leaves out the reductions.

    `released` are the instances that were taken back: their workers died, or were told to leave, while they ran. What
    may come of it without that is always among the results.
    """
    ends = _ends(case, bound, every_order=every_order, released=released)
    return list({result.key: result for result in ends}.values())


def admits(
    case: Case,
    result: Result,
    *,
    bound: int = DEFAULT_BOUND,
    released: Collection[str] = (),
    key: Callable[[Result], str] = lambda result: result.key,
) -> bool:
    """Whether the case may come to that result, or one with the same `key`, which tells the ends of nodes apart.

    Looks no further once it has, nor where it cannot any more: there may be so many orders of a case with a single
    result that trying all takes a minute.
    """
    wanted = key(result)
    return any(key(end) == wanted for end in _ends(case, bound, released=released, like=result))


def _ends(
    case: Case,
    bound: int,
    *,
    every_order: bool = False,
    released: Collection[str] = (),
    like: Result | None = None,
) -> Iterator[Result]:
    """What each order of steps comes to, as it is found; with `like`, only where nodes end as in that result."""
    model = Model(case, released)
    if not every_order and not model.main.blueprint.metadata.fail_fast:
        model.released = ()
    racing = every_order or has_races(model)
    todo, seen = [model.begin()], set[str]()
    while todo:
        run = todo.pop()
        steps = _advance(model, run, racing, every_order)
        if not steps:
            yield model.result(run)
            continue
        for step in steps:
            following = run.copy()
            model.apply(following, step)
            mark = following.fingerprint()
            if mark not in seen and (like is None or _may_end_like(following, like)):
                seen.add(mark)
                todo.append(following)
        if len(seen) > bound:
            raise TooManyStates(f"more than {bound} states")


def _may_end_like(run: Run, result: Result) -> bool:
    """Whether all nodes that have ended have done so as in the result."""
    whole = [instance for instance in run.instances.values() if instance.item is None]
    return all(result.nodes.get(it.name) == it.state for it in whole if it.is_final)


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


def random_result(case: Case, random: Random) -> Result:
    """One admissible result: that of an order by chance."""
    model = Model(case)
    run = model.begin()
    while steps := _advance(model, run, racing=True, every_order=False):
        model.apply(run, random.choice(steps))
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
        elif len(steps) == 1 and steps[0][0] != "release":  # which may go on for ever
            model.apply(run, steps[0])
        else:
            return steps


def _is_unseen(model: Model, run: Run, step: Step) -> bool:
    """A step that commutes with every other one: nothing could prevent it, and what is seen or decided comes later."""
    shape = model.shapes[run.blueprint]
    if shape.blueprint.metadata.fail_fast:
        return False
    if step[0] in ("wake", "return"):
        return True
    instance = run.instances[step[1]]
    join = shape.nodes[instance.node].config.join_strategy
    return step[0] == "start" and join != "any" and instance.item is None


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


def _near(shape: Shape, node: str) -> set[str]:
    """The nodes that have ended when this one looks at them; of a fallback, those before what it stands in for."""
    near = {node, *shape.predecessors(node), *shape.bodies.get(node, ())}
    return near | _near(shape, shape.rescues[node]) if node in shape.rescues else near


def _shares_state(model: Model, shape: Shape) -> bool:
    """Whether two nodes write one context key, or a node looks at another, or at its key, that may not have ended."""
    writers: list[tuple[str, str]] = []
    readers: list[tuple[str, str]] = []
    for spec in shape.nodes.values():
        keys = context_keys(model.behaviours[spec.uses]) if spec.uses in model.behaviours else set()
        keys |= set(spec.params.get("values", {})) if spec.uses == "set" else set()
        keys |= set(spec.params.get("outputs") or {}) if spec.uses == "subflow" else set()
        texts = [str(spec.params), str(spec.inputs or ""), str(spec.for_each.source if spec.for_each else "")]
        texts.append(spec.loop.condition if spec.loop else "")
        texts += [f"{edge.condition} {edge.transform}" for edge in shape.edges if edge.source == spec.id]
        words = {word for text in texts for word in WORD.findall(text)}
        near = _near(shape, spec.id)
        if words & (shape.node_ids - near):
            return True
        writers += [(key, spec.id) for key in keys] * (2 if spec.for_each else 1)
        readers += [(word, spec.id) for word in words - keys]
    written = dict(writers)
    unsure = any(key in written and written[key] not in _near(shape, reader) for key, reader in readers)
    return unsure or len(written) != len(writers)
