"""What a worker process says while it works: a plain line for each event that somebody should know of."""

from __future__ import annotations

import logging
import time

from flowcraft_cli.output import tell
from flowcraft_cli.text import safe

_LEVELS = {"WARNING": "warning: ", "ERROR": "error: ", "CRITICAL": "error: "}
_PLACE = "flowcraft.worker"


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + logging.Formatter().formatException(record.exc_info)
        except Exception as error:  # the arguments of a user's log call may raise anything
            text = f"{record.msg} ({type(error).__name__} while formatting)"
        name = "" if record.name == _PLACE else f"{safe(_origin_of(record))} | "
        for line in text.splitlines() or [""]:
            say(f"{name}{_LEVELS.get(record.levelname, '')}{safe(line)}")


def _origin_of(record: logging.LogRecord) -> str:
    """The run and the node, for what nodes write."""
    node_id = getattr(record, "node_id", None)
    return record.name if node_id is None else f"{getattr(record, 'run_id', '')} {node_id}"


def say(text: str) -> None:
    """One line, with the time."""
    tell(f"{time.strftime('%H:%M:%S')} {text}")


def log_to_stderr(*, verbose: bool) -> None:
    """Warnings only, unless somebody wants to hear what nodes write."""
    logging.getLogger("flowcraft").setLevel(logging.INFO if verbose else logging.WARNING)
    for name in ("flowcraft", "dramatiq"):
        logger = logging.getLogger(name)
        logger.addHandler(_Handler())
        logger.propagate = False
    logging.getLogger("dramatiq").setLevel(logging.ERROR)
