"""The context of a run in Redis: what the journal says, with large values fetched one by one, when they are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from flowcraft_engine.backends.redis.shared_run import SharedRun
from flowcraft_engine.values import JsonObject, is_kept

#: Gives a value with everything that is kept elsewhere in its place.
FillIn = Callable[[str, Any], Awaitable[Any]]


class SharedContext:
    """Reads the state that this process has of the run; steps that are not confirmed yet do not show."""

    __slots__ = ("_fill_in", "_run")

    def __init__(self, run: SharedRun, fill_in: FillIn) -> None:
        self._run = run
        self._fill_in = fill_in

    async def read(self, keys: tuple[str, ...]) -> JsonObject:
        await self._run.settled()
        context = self._run.state.context
        found = {key: context[key] for key in keys if key in context}
        return await self._whole(found)

    async def read_all(self) -> JsonObject:
        await self._run.settled()
        return await self._whole(dict(self._run.state.context))

    async def _whole(self, found: JsonObject) -> JsonObject:
        if not self._run.has_kept:
            return found
        state = self._run.state
        kept = {key: value for key, value in found.items() if is_kept(value)}
        if not kept:
            return found
        filled: JsonObject = await self._fill_in(state.run_id, kept)
        for key, value in filled.items():
            if state.context.get(key) is kept[key]:
                # The same value, at hand from now on: no change that anybody would want to take back.
                dict.__setitem__(state.context, key, value)
        return {**found, **filled}
