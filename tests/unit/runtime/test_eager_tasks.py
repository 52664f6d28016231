"""An application may want its tasks to begin at once; those of the engine begin in their turn all the same."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.task import new_task
from tests.unit.runtime.play import blueprint, runtime

pytestmark = pytest.mark.asyncio


async def test_no_task_factory_is_asked() -> None:
    loop, begun, asked = asyncio.get_running_loop(), [], []

    async def work() -> int:
        begun.append(1)
        return 5

    loop.set_task_factory(lambda _loop, coroutine, **_: asked.append(coroutine))
    task = new_task(work())
    loop.set_task_factory(None)
    assert not (asked or begun)
    assert await task == 5


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
@pytest.mark.parametrize("on_disk", [False, True])
async def test_runs_end_among_eager_tasks(tmp_path: Path, on_disk: bool) -> None:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    made = blueprint("A -> B; A -> C; B -> J; C -> J; J -> N:sub(c); N -> W:wait")
    store = SqliteStore(tmp_path / "state.db") if on_disk else None
    process = runtime(made, blueprints=[blueprint("a -> b", id="c")], store=store)
    result = await asyncio.wait_for(process.run(made, run_id="run"), 30)
    assert result.status == "waiting"
    result = await asyncio.wait_for(process.resume("run", output=1), 30)
    assert result.status == "completed"
    if store is not None:
        await store.close()
