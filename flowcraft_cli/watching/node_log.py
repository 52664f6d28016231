"""Brings what nodes write to the log (`ctx.logger`, the output of commands) to the watcher, or out as JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from flowcraft_cli.log_text import text_of
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.values.masking import Masker

_LOGGER = "flowcraft"


class _Handler(logging.Handler):
    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher

    def emit(self, record: logging.LogRecord) -> None:
        name = str(getattr(record, "node_id", record.name))
        run_id = str(getattr(record, "run_id", ""))
        inner = run_id.replace("::", "#").split(":")[1:]
        self._watcher.log(record.created, " › ".join([*inner, name]), record.levelname, text_of(record))


@contextmanager
def node_log(watcher: Watcher, settings: Settings, masker: Masker, *, verbose: bool) -> Iterator[None]:
    """Show records of nodes from INFO on, with `verbose` from DEBUG on, or from the level of the settings on."""
    level = logging.DEBUG if verbose else logging.INFO
    if settings.log_level is not None:
        level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    with ExitStack() as stack:
        if settings.log_format == "json" and not isinstance(watcher, SilentWatcher):
            from flowcraft_cli.json_log import JsonHandler, level_of_others

            root_level = level_of_others(settings)
            stack.enter_context(_listening(None, JsonHandler(masker=masker), root_level, propagate=True))
            stack.enter_context(_listening(_LOGGER, None, level, propagate=True))
        else:
            stack.enter_context(_listening(_LOGGER, _Handler(watcher), level, propagate=False))
        yield


@contextmanager
def _listening(
    name: str | None, handler: logging.Handler | None, level: int, *, propagate: bool
) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level, logger.propagate
    if handler is not None:
        logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = propagate
    try:
        yield
    finally:
        if handler is not None:
            logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
