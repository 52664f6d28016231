"""Which watcher fits: silent, plain lines, or the live tree."""

from __future__ import annotations

from flowcraft_cli.colour import is_terminal
from flowcraft_cli.manner import Manner
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher


def choose_watcher(manner: Manner) -> Watcher:
    if manner.quiet:
        return SilentWatcher()
    if is_terminal("stderr"):
        from flowcraft_cli.watching.live import LiveWatcher

        return LiveWatcher(verbose=manner.verbose)
    from flowcraft_cli.watching.plain import PlainWatcher

    return PlainWatcher(verbose=manner.verbose)
