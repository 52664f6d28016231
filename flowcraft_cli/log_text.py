"""Log records as text for people."""

from __future__ import annotations

import logging

from flowcraft_engine.nodes.node_output import untold


def text_of(record: logging.LogRecord) -> str:
    """The message, with the traceback if there is one. Never raises."""
    try:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
    except Exception as error:  # the arguments of a user's log call may raise anything
        text = untold(record.msg, error)
    return text
