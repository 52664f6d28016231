"""Which watcher fits: silent, JSON lines, plain lines, or the live tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_cli.colour import is_terminal
from flowcraft_cli.manner import Manner
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings


def choose_watcher(manner: Manner, settings: Settings) -> Watcher:
    if manner.quiet:
        return SilentWatcher()
    if settings.log_format == "json":
        import logging

        from flowcraft_cli.json_log import level_of
        from flowcraft_cli.watching.json_lines import JsonWatcher

        return JsonWatcher(level=level_of(settings, logging.INFO), verbose=manner.verbose)
    if is_terminal("stderr"):
        from flowcraft_cli.watching.live import LiveWatcher

        return LiveWatcher(verbose=manner.verbose)
    from flowcraft_cli.watching.plain import PlainWatcher

    return PlainWatcher(verbose=manner.verbose)
