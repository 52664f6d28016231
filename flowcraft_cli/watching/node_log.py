"""Brings what nodes write to the log (`ctx.logger`, the output of commands) to the watcher."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flowcraft_cli.watching.watcher import Watcher

_LOGGER = "flowcraft"


class _Handler(logging.Handler):
    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + logging.Formatter().formatException(record.exc_info)
        except Exception as error:  # the arguments of a user's log call may raise anything
            text = f"{record.msg} ({type(error).__name__} while formatting)"
        name = str(getattr(record, "node_id", record.name))
        run_id = str(getattr(record, "run_id", ""))
        inner = run_id.replace("::", "#").split(":")[1:]
        self._watcher.log(record.created, " › ".join([*inner, name]), record.levelname, text)


@contextmanager
def node_log(watcher: Watcher, *, verbose: bool) -> Iterator[None]:
    """Show records of nodes from INFO on, with `verbose` from DEBUG on."""
    logger = logging.getLogger(_LOGGER)
    handler = _Handler(watcher)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
