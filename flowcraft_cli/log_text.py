"""Log records as text for people."""

from __future__ import annotations

import logging


def text_of(record: logging.LogRecord) -> str:
    """The message, with the traceback if there is one. Never raises."""
    try:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
    except Exception as error:  # the arguments of a user's log call may raise anything
        text = f"{record.msg} ({type(error).__name__} while formatting)"
    return text
