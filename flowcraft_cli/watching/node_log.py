"""Brings what nodes write to the log (`ctx.logger`, the output of commands) to the watcher, or out as JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from flowcraft_cli.log_text import text_of
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher, source_name

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
        name = source_name(str(getattr(record, "run_id", "")), name)
        self._watcher.log(record.created, name, record.levelname, text_of(record))

    def flush(self) -> None:
        self._watcher.flush()


def shown_level(settings: Settings, *, verbose: bool) -> int:
    """Records of nodes are shown from INFO on, with `verbose` from DEBUG on, or from the level of the settings on."""
    if settings.log_level is not None:
        return logging.getLevelNamesMapping()[settings.log_level.upper()]
    return logging.DEBUG if verbose else logging.INFO


@contextmanager
def node_log(watcher: Watcher, settings: Settings, masker: Masker, *, verbose: bool) -> Iterator[None]:
    """Show what nodes write, from `shown_level` on."""
    level = shown_level(settings, verbose=verbose)
    with ExitStack() as stack:
        if settings.log_format == "json" and not isinstance(watcher, SilentWatcher):
            from flowcraft_cli.json_log import JsonHandler, level_of_others

            root_level = level_of_others(settings)
            stack.enter_context(_listening(None, JsonHandler(masker=masker), root_level, propagate=True))
            stack.enter_context(_listening(_LOGGER, None, level, propagate=True))
        elif isinstance(watcher, SilentWatcher):
            # Records that nobody sees are not even made.
            stack.enter_context(_listening(_LOGGER, None, logging.CRITICAL + 1, propagate=False))
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
