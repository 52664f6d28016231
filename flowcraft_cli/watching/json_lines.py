"""A JSON line for each change, in the form of the log, for those who collect both."""

from __future__ import annotations

import logging

from flowcraft_cli.output import tell
from flowcraft_cli.watching.progress import ENDED, Line
from flowcraft_cli.watching.watcher import Watcher
from flowcraft_cli.watching.words import SILENT, details_of, name_of
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.stores.log_store import LogLine, LogPart
from flowcraft_engine.telemetry.json_log import json_line

_LEVELS = {"failed": logging.ERROR, "poisoned": logging.ERROR, "retrying": logging.WARNING}
_LOGGER = "flowcraft.run"
_NODE = "flowcraft.node"


class JsonWatcher(Watcher):
    """What nodes of this process write to the log comes from its handler, not from here."""

    def __init__(self, *, level: int, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        self._level = level

    def changed(self, line: Line, event: Event) -> None:
        if event.type not in SILENT and not (line.state == "running" and line.is_resumed):
            self._say(line, line.changed_at, _LEVELS.get(line.state, logging.INFO), line.state)

    def blocked(self, line: Line) -> None:
        self._say(line, self.now(), logging.WARNING, "blocked")

    def said(self, part: LogPart, line: LogLine) -> None:
        run = self.progress.runs.get(part.run_id)
        fields = {
            "message": line.text,
            "run": part.run_id,
            "node": part.instance,
            "attempt": part.attempt,
            "blueprint": (run.blueprint_id or None) if run is not None else None,
        }
        logger = _NODE if line.stream == "log" else f"{_NODE}.{line.stream}"
        tell(json_line(line.at, line.level or "INFO", logger, fields))

    def left_out(self, part: LogPart) -> None:
        text = f"{part.left_out:,} bytes left out"
        self.said(part, LogLine(self.now(), "log", "WARNING", text))

    def _say(self, line: Line, at: float, level: int, state: str) -> None:
        if level < self._level:
            return
        run = self.progress.runs.get(line.run_id)
        duration = line.duration(line.changed_at) if line.state in ENDED else None
        details = "" if state == "running" else details_of(line, line.changed_at)
        fields = {
            "message": f"{name_of(line)} {state} {details}".rstrip(),
            "run": line.run_id,
            "node": line.instance,
            "attempt": line.attempt or None,
            "blueprint": (run.blueprint_id or None) if run is not None else None,
            "state": state,
            "duration_s": round(duration, 6) if duration is not None else None,
        }
        tell(json_line(at, logging.getLevelName(level), _LOGGER, fields))
