"""A run whose place nobody has named while `flowcraft dev` runs: it is in the state file, or in the Redis of dev."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from flowcraft_cli.run_ids import LATEST, find_run
from flowcraft_engine.errors import BackendError, NotFoundError, UsageError

if TYPE_CHECKING:
    from flowcraft_cli.run_place import RunPlace
    from flowcraft_engine.settings import Settings

_CHOICE = "--backend sqlite or --backend redis says which"


@asynccontextmanager
async def found_in_either(
    here: Settings, there: Settings, text: str, *, only_looks: bool
) -> AsyncIterator[tuple[RunPlace, str, bool]]:
    """The place and the id of the run that `text` means, and whether it is `there`, in the Redis of `flowcraft dev`.

    Never guesses: a text that means a run in both is refused, unless it is the whole id in one of them only; `@latest`
    is the one that was begun last. If the state file cannot be read, only a whole id is found in Redis. Raises
    `UsageError`, `NotFoundError`, `BackendError`.
    """
    from flowcraft_cli.run_place import open_place

    async with AsyncExitStack() as stack:
        file, in_file, unreadable = None, None, None
        try:
            file = await stack.enter_async_context(open_place(here, only_looks=only_looks))
            in_file = await _found(file, text)
        except BackendError as error:
            unreadable = error
        redis, in_redis = None, None
        try:
            redis = await stack.enter_async_context(open_place(there, only_looks=only_looks))
            in_redis = await _found(redis, text)
        except BackendError:
            if in_file is None and unreadable is None:
                raise
        if unreadable is not None and in_redis != text:
            hints = [unreadable.hint, "--backend redis looks in the Redis of flowcraft dev only"]
            raise BackendError(unreadable.message, hint="; ".join(filter(None, hints))) from unreadable
        if file is not None and in_file is not None and redis is not None and in_redis is not None:
            is_there = await _is_there(text, (file, in_file), (redis, in_redis))
        else:
            is_there = in_redis is not None
        place, run_id = (redis, in_redis) if is_there else (file, in_file)
        if place is None or run_id is None:
            raise NotFoundError(
                f"there is no run {text!r}, neither in the state file nor in the Redis of flowcraft dev",
                hint="flowcraft list shows the one, flowcraft list --backend redis the other",
            )
        yield place, run_id, is_there


async def _found(place: RunPlace | None, text: str) -> str | None:
    try:
        return await find_run(place.store, text) if place is not None else None
    except NotFoundError:
        return None


async def _is_there(text: str, file: tuple[RunPlace, str], redis: tuple[RunPlace, str]) -> bool:
    """Which of two runs is meant; True for the one in Redis."""
    (here, mine), (there, theirs) = file, redis
    if text == LATEST:
        return await _begun(there, theirs) > await _begun(here, mine)
    if (mine == text) == (theirs == text):
        raise UsageError(
            f"{text!r} is a run in the state file ({mine}), and one in the Redis of flowcraft dev ({theirs})",
            hint=_CHOICE,
        )
    return theirs == text


async def _begun(place: RunPlace, run_id: str) -> float:
    _, state = await place.store.glance(run_id)
    return state.created_at
