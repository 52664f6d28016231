"""Log lines as JSON on stderr, from our loggers and from everybody else's."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flowcraft_cli.output import tell
from flowcraft_engine.settings import Settings
from flowcraft_engine.telemetry.json_log import JsonFormatter
from flowcraft_engine.values.masking import Masker

OURS = "flowcraft"


class JsonHandler(logging.Handler):
    """`fixed` is in every line; secrets that `masker` knows are in none."""

    def __init__(self, fixed: Mapping[str, str] | None = None, *, masker: Masker | None = None) -> None:
        super().__init__()
        self._json = JsonFormatter(fixed, masker=masker)

    def hide(self, masker: Masker) -> None:
        """Mask the secrets that it knows, from now on."""
        self._json.masker = masker

    def emit(self, record: logging.LogRecord) -> None:
        tell(self._json.format(record))


def level_of(settings: Settings, default: int) -> int:
    """From which level on there are lines."""
    if settings.log_level is None:
        return default
    return logging.getLevelNamesMapping()[settings.log_level.upper()]


def level_of_others(settings: Settings) -> int:
    """The same for loggers that are not ours: some libraries tell of every request, unless that is wanted."""
    return level_of(settings, logging.WARNING)
