"""What a worker process says while it works: a line for each event that somebody should know of, as text or JSON."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from flowcraft_cli.json_log import OURS, JsonHandler, level_of, level_of_others
from flowcraft_cli.log_text import text_of
from flowcraft_cli.output import tell
from flowcraft_cli.text import safe
from flowcraft_engine.settings import Settings
from flowcraft_engine.telemetry.json_log import json_line
from flowcraft_engine.values.masking import Masker

_LEVELS = {"WARNING": "warning: ", "ERROR": "error: ", "CRITICAL": "error: "}
_PLACE = "flowcraft.worker"


class _TextHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._masker = Masker()

    def hide(self, masker: Masker) -> None:
        self._masker = masker

    def emit(self, record: logging.LogRecord) -> None:
        name = "" if record.name == _PLACE else f"{safe(_origin_of(record))} | "
        for line in self._masker.text(text_of(record)).splitlines() or [""]:
            _say_as_text(f"{name}{_LEVELS.get(record.levelname, '')}{safe(line)}", {})


def _origin_of(record: logging.LogRecord) -> str:
    """The run and the node, for what nodes write."""
    node_id = getattr(record, "node_id", None)
    if node_id is None:
        return record.name
    attempt = getattr(record, "attempt", 1)
    return f"{getattr(record, 'run_id', '')} {node_id}" + (f" (attempt {attempt})" if attempt > 1 else "")


def _say_as_text(text: str, _: Mapping[str, str]) -> None:
    tell(f"{time.strftime('%H:%M:%S')} {text}")


_voice: Callable[[str, Mapping[str, str]], None] = _say_as_text


def say(text: str, **facts: str) -> None:
    """One line, with the time; `facts` are for programs, and only in JSON."""
    _voice(text, facts)


def speak(settings: Settings, name: str | None = None) -> None:
    """From now on `say` says it in the format of the settings; `name` is that of the worker process."""
    global _voice
    fixed = {"worker": name} if name is not None else {}

    def say_as_json(text: str, facts: Mapping[str, str]) -> None:
        message = text.removeprefix(_LEVELS["WARNING"])
        level = "INFO" if message == text else "WARNING"
        tell(json_line(time.time(), level, _PLACE, {"message": message, **fixed, **facts}))

    _voice = say_as_json if settings.log_format == "json" else _say_as_text


def log_to_stderr(settings: Settings, *, verbose: bool, name: str) -> Callable[[Masker], None]:
    """Warnings only, unless somebody wants to hear what nodes write. Call the result with who knows the secrets."""
    speak(settings, name)
    ours, dramatiq = logging.getLogger(OURS), logging.getLogger("dramatiq")
    ours.setLevel(level_of(settings, logging.INFO if verbose else logging.WARNING))
    dramatiq.setLevel(logging.ERROR)
    if settings.log_format == "json":
        root = logging.getLogger()
        as_json = JsonHandler({"worker": name})
        root.addHandler(as_json)
        root.setLevel(level_of_others(settings))
        return as_json.hide
    as_text = _TextHandler()
    for logger in (ours, dramatiq):
        logger.addHandler(as_text)
        logger.propagate = False
    return as_text.hide
