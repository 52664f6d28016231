"""Brings the end of a sub-run home where no process executes the run above it.

The node that waited there ends, and nothing else is executed: what follows is left to whoever goes on with the run,
and has the user's nodes at hand.
"""

from __future__ import annotations

from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.executor import Executor, Publish, Seat
from flowcraft_engine.execution.sub_runs import deliver_result
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.kernel.naming import InstanceName, instance_name


async def bring_home(env: Environment, run_id: str, publish: Publish) -> None:
    """End the node that waits for the ended sub-run `run_id`. Somebody else may do so first; that is as good.

    `publish` is told of what has ended by it, and not of what could begin.
    """
    _, state = await env.store.glance(run_id)
    if state.parent is None:
        return
    parent, instance = state.parent
    await deliver_result(env.store, run_id)

    def publish_ends(of_run: str, effects: Effects) -> None:
        effects.ready, effects.timers, effects.children = [], (), ()
        publish(of_run, effects)

    executor = Executor(env, publish_ends)
    executor.is_draining = True
    for name in dict.fromkeys((instance, _whole(instance))):  # the last item of a batch makes the whole ready
        for claim in await executor.claim(parent, [name]):
            await executor.perform(claim, Seat(parent))


def _whole(instance: str) -> str:
    name = InstanceName.parse(instance)
    return instance if name is None else instance_name(name.node_id, name.path)
