"""What follows from a decision by itself, in the same atomic step: joins, skips, pills, the state of loops.

| join       | an edge failed          | an edge is taken | none pending, one taken | none pending, no taken |
|------------|-------------------------|------------------|-------------------------|------------------------|
| `all`      | poisoned, at once       | -                | ready                   | skipped                |
| `any`      | cancelled, if unstarted | ready            | -                       | skipped                |
| `all_done` | -                       | -                | ready                   | ready                  |

Counted over distinct predecessors. Besides:
- A fallback whose node completed, was skipped, poisoned or cancelled is skipped.
- A loop whose body has a lost instance (unrescued failure, poisoned, cancelled) is poisoned at once.
- An iteration is over when all of its instances are final: a taken edge back → the next pass; else the loop
  is over, completed, and its outer edges are dead.
- A batch starts its items in order, as many at a time as its concurrency allows; after an item's final
  failure (mode `fail`) items that never started are cancelled. When all are final it resumes.
- `fail_fast` trips at the first lost `failed` instance, after the pills have travelled: everything that has
  not begun, or waits, is cancelled but for `all_done` joins; so is whatever would begin or wait later. A batch
  whose items run waits for them: it is cancelled, and they finish. What has resumed does not wait any more: it
  goes on to its end.
- What a cancelled fallback has stood in for has failed for good.
"""

from __future__ import annotations

from tests.reference.shape import Shape
from tests.reference.sight import is_lost, stands_for
from tests.reference.state import STOPPABLE, Edge, Instance, Run, edge_key, instance_name


def settle(shape: Shape, run: Run) -> None:
    """Apply the rules until nothing changes."""
    while True:
        while any(_decide(shape, run, instance) for instance in list(run.instances.values())):
            pass
        if not _stop_all(shape, run):
            return


def close_edges(shape: Shape, run: Run, instance: Instance, state: str) -> None:
    """Decide all outgoing edges alike."""
    for i in shape.outgoing(instance.node):
        if not shape.is_continue(i):
            run.edges[edge_key(i, instance.path)] = Edge(state)


def end(shape: Shape, run: Run, instance: Instance, state: str) -> bool:
    """Skip, poison or cancel an instance."""
    instance.state = state
    instance.child = None
    if instance.item is None:
        for owner in stands_for(shape, run, instance):
            close_edges(shape, run, owner, "dead" if state == "skipped" else "failed")
    return True


def open_scope(shape: Shape, run: Run, controllers: tuple[str, ...], path: tuple[int, ...]) -> None:
    """New instances for the nodes directly inside of an iteration (or of the run)."""
    for node in shape.nodes:
        if shape.loops[node] == controllers:
            name = instance_name(node, path)
            run.instances[name] = Instance(name, node, path)


def _decide(shape: Shape, run: Run, instance: Instance) -> bool:
    """Apply one rule to one instance; whether anything changed."""
    if instance.item is not None:
        return False
    if instance.state == "pending" and instance.node in shape.rescues:
        return _decide_fallback(shape, run, instance)
    if instance.state == "pending" or (instance.state == "ready" and not instance.started):
        return _decide_join(shape, run, instance)
    if instance.state == "looping":
        return _decide_loop(shape, run, instance)
    if instance.state == "gathering":
        return _decide_batch(shape, run, instance)
    return False


def _decide_fallback(shape: Shape, run: Run, instance: Instance) -> bool:
    rescued = run.instances[instance_name(shape.rescues[instance.node], instance.path)]
    if rescued.state in ("completed", "skipped", "poisoned", "cancelled"):
        return end(shape, run, instance, "skipped")
    return False


def _decide_join(shape: Shape, run: Run, instance: Instance) -> bool:
    edges = shape.joins[instance.node]
    outcomes = {_outcome(shape, run, instance, node) for node in shape.predecessors(instance.node)}
    join = shape.nodes[instance.node].config.join_strategy
    is_pending = instance.state == "pending"
    if instance.node in shape.rescues:
        return False
    if not edges:
        return is_pending and _ready(instance)
    if join == "any":
        if "taken" in outcomes and is_pending:
            run.winners[instance.name] = next(i for i in edges if _state(run, i, instance) == "taken")
            return _ready(instance)
        if "failed" in outcomes:
            return end(shape, run, instance, "cancelled")
    if not is_pending:
        return False
    if join == "all" and "failed" in outcomes:
        return end(shape, run, instance, "poisoned")
    if "pending" in outcomes:
        return False
    if join == "all_done" or "taken" in outcomes:
        return _ready(instance)
    return end(shape, run, instance, "skipped")


def _ready(instance: Instance) -> bool:
    instance.state = "ready"
    return True


def _state(run: Run, edge: int, target: Instance) -> str:
    decided = run.edges.get(edge_key(edge, target.path))
    return decided.state if decided else "pending"


def _outcome(shape: Shape, run: Run, target: Instance, predecessor: str) -> str:
    """One outcome a predecessor, however many edges it has."""
    states = {
        _state(run, i, target) for i in shape.joins[target.node] if shape.edges[i].source == predecessor
    }
    return next(state for state in ("pending", "taken", "failed", "dead") if state in states)


def _decide_loop(shape: Shape, run: Run, controller: Instance) -> bool:
    iteration = (*controller.path, controller.passes)
    inside = [i for i in run.instances.values() if i.path[: len(iteration)] == iteration and i.item is None]
    body = [i for i in inside if i.node in shape.bodies[controller.node]]
    if any(len(i.path) == len(iteration) and is_lost(shape, run, i) for i in body):
        return end(shape, run, controller, "poisoned")
    if not all(instance.is_final for instance in body):
        return False
    back = [i for i, edge in enumerate(shape.edges) if edge.target == controller.node and shape.is_back(i)]
    taken = [e for i in back if (e := run.edges.get(edge_key(i, iteration))) and e.state == "taken"]
    if taken:
        controller.input = taken[0].value
        return _ready(controller)
    controller.state = "completed"
    controller.output = controller.input
    close_edges(shape, run, controller, "dead")
    return True


def _decide_batch(shape: Shape, run: Run, whole: Instance) -> bool:
    spec = shape.nodes[whole.node].for_each
    assert spec is not None
    items = items_of(run, whole)
    unstarted = [item for item in items if not item.is_final and not item.started]
    if spec.on_item_error == "fail" and any(item.state == "failed" for item in items) and unstarted:
        for item in unstarted:
            item.state = "cancelled"
        return True
    if all(item.is_final for item in items):
        whole.state = "resumed"
        return True
    waiting = [item for item in items if item.state == "pending"]
    active = [item for item in items if not item.is_final and item.state != "pending"]
    if waiting and len(active) < (spec.concurrency or len(items)):
        return _ready(waiting[0])
    return False


def items_of(run: Run, whole: Instance) -> list[Instance]:
    return [run.instances[instance_name(whole.node, whole.path, i)] for i in range(len(whole.items or []))]


def _stop_all(shape: Shape, run: Run) -> bool:
    """`fail_fast`; whether it changed anything."""
    if not shape.blueprint.metadata.fail_fast:
        return False
    if not run.tripped:
        run.tripped = any(
            i.item is None and i.state == "failed" and is_lost(shape, run, i) for i in run.instances.values()
        )
    if not run.tripped:
        return False
    stopped = [i for i in run.instances.values() if _is_stopped(shape, i)]
    for instance in stopped:
        end(shape, run, instance, "cancelled")
    return bool(stopped)


def _is_stopped(shape: Shape, instance: Instance) -> bool:
    is_clean_up = shape.nodes[instance.node].config.join_strategy == "all_done"
    return instance.state in STOPPABLE and not is_clean_up
