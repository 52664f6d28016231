"""What an instance sees: outputs of other nodes, its input, the names of its expressions."""

from __future__ import annotations

from tests.reference.behaviours import Json
from tests.reference.expressions import Names, walk
from tests.reference.shape import Shape
from tests.reference.state import Edge, Instance, Run, edge_key, instance_name


def locate(shape: Shape, run: Run, node: str, asker: Instance | None) -> Instance | None:
    """The instance of `node` that `asker` means: in the iterations that both share, and in the last pass of each
    other loop around it. None if it was not reached there.
    """
    theirs = shape.loops[node]
    mine = shape.loops[asker.node] if asker else ()
    shared = 0
    while shared < min(len(theirs), len(mine)) and theirs[shared] == mine[shared]:
        shared += 1
    path = asker.path[:shared] if asker else ()
    for loop in theirs[shared:]:
        controller = run.instances.get(instance_name(loop, path))
        if controller is None or not controller.passes:
            return None
        path = (*path, controller.passes)
    return run.instances.get(instance_name(node, path))


def effective(shape: Shape, run: Run, instance: Instance | None) -> Instance | None:
    """The instance whose output counts: itself if completed, else the fallback that rescued it, else none."""
    if instance is None or instance.state == "completed":
        return instance
    if instance.state != "failed" or instance.item is not None:
        return None
    return effective(shape, run, fallback_of(shape, run, instance))


def fallback_of(shape: Shape, run: Run, instance: Instance) -> Instance | None:
    fallback = shape.nodes[instance.node].config.fallback
    return run.instances[instance_name(fallback, instance.path)] if fallback else None


def stands_for(shape: Shape, run: Run, instance: Instance) -> list[Instance]:
    """The instance, and those that it rescues as a fallback."""
    found = [instance]
    while found[-1].rescues_error is not None:
        found.append(run.instances[instance_name(shape.rescues[found[-1].node], instance.path)])
    return found


def is_lost(shape: Shape, run: Run, instance: Instance) -> bool:
    """Failed, poisoned or cancelled, and no fallback has rescued it or still may."""
    if instance.state in ("poisoned", "cancelled"):
        return True
    if instance.state != "failed":
        return False
    fallback = fallback_of(shape, run, instance)
    return fallback is None or is_lost(shape, run, fallback)


def outputs(shape: Shape, run: Run, asker: Instance | None) -> dict[str, Json]:
    """Node → output, of all nodes that completed or were rescued."""
    found = {node: effective(shape, run, locate(shape, run, node, asker)) for node in shape.nodes}
    return {node: instance.output for node, instance in found.items() if instance is not None}


def names(shape: Shape, run: Run, asker: Instance | None, **special: Json) -> Names:
    return Names(outputs(shape, run, asker), run.context, run.inputs, shape.node_ids, special)


def named_node(shape: Shape, source: str) -> str | None:
    """The node that a source such as `x.a.b` begins with; the longest id wins."""
    fits = [node for node in shape.nodes if source == node or source.startswith(node + ".")]
    return max(fits, key=len, default=None)


def source_value(shape: Shape, run: Run, asker: Instance | None, source: str) -> Json:
    """Output of a node, else a context key; then the path into it."""
    node = named_node(shape, source)
    if node is not None:
        return walk(
            outputs(shape, run, asker).get(node), [part for part in source[len(node) :].split(".") if part]
        )
    key, *path = source.split(".")
    return walk(run.context.get(key), path)


def taken_edges(shape: Shape, run: Run, instance: Instance) -> dict[int, Edge]:
    """The taken edges into an instance, in blueprint order; of an `any` join only the winning one."""
    winner = run.winners.get(instance.name)
    found = {i: run.edges.get(edge_key(i, instance.path)) for i in shape.joins[instance.node]}
    return {i: e for i, e in found.items() if e and e.state == "taken" and (winner is None or winner == i)}


def input_of(shape: Shape, run: Run, instance: Instance) -> Json:
    """The input rule of DESIGN section 3."""
    spec = shape.nodes[instance.node]
    edges = taken_edges(shape, run, instance)
    if isinstance(spec.inputs, dict):
        return {key: source_value(shape, run, instance, source) for key, source in spec.inputs.items()}
    if isinstance(spec.inputs, str):
        transformed = [edge for edge in edges.values() if edge.has_transform]
        if transformed and named_node(shape, spec.inputs):
            return transformed[0].value
        return source_value(shape, run, instance, spec.inputs)
    if not shape.joins[instance.node]:
        return run.entry
    if spec.config.join_strategy == "all_done":
        return {node: _ending(shape, run, instance, node) for node in shape.predecessors(instance.node)}
    if len(shape.predecessors(instance.node)) == 1 or spec.config.join_strategy == "any":
        return next(iter(edges.values())).value
    by_predecessor: dict[str, Json] = {}
    for i, edge in edges.items():
        by_predecessor.setdefault(shape.edges[i].source, edge.value)
    return by_predecessor


def _ending(shape: Shape, run: Run, asker: Instance, node: str) -> Json:
    """How a predecessor ended, for an `all_done` join."""
    instance = locate(shape, run, node, asker)
    assert instance is not None
    rescued = effective(shape, run, instance)
    if rescued is not None:
        return {"state": "completed", "output": rescued.output, "error": None}
    is_failed = instance.state == "failed" and instance.error is not None
    code, message = instance.error if is_failed else (instance.state, "")
    error = None if instance.state == "skipped" else {"code": code, "message": message}
    return {"state": instance.state, "output": None, "error": error}
