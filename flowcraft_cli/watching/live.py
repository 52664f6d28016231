"""The live tree: redrawn ten times a second, gone when the run has ended; log lines pass above it."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from flowcraft_cli.colour import wants_colour
from flowcraft_cli.looks import has_symbols, look_of, short_duration
from flowcraft_cli.output import tell
from flowcraft_cli.remedies import remedies
from flowcraft_cli.text import clip, safe
from flowcraft_cli.watching.progress import ENDED, Line
from flowcraft_cli.watching.watcher import Watcher, lines_of
from flowcraft_cli.watching.words import details_of, explained

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"
_PERIOD_S = 0.1
#: More than this many lines of log in one period nobody can read.
_MOST_LOG_LINES = 2_000
_LOG_STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red", "DEBUG": "dim"}
_COUNTED = (
    "failed",
    "running",
    "retrying",
    "waiting",
    "completed",
    "poisoned",
    "cancelled",
    "skipped",
    "pending",
)


class LiveWatcher(Watcher):
    """A tree of the nodes with their states, as many as the screen has room for."""

    _live: Live | None = None
    _ticker: asyncio.Task[None] | None = None
    _frame = 0

    async def __aenter__(self) -> Watcher:
        # The real stderr: nodes that print go through rich, and so above the tree.
        colour = wants_colour("stderr")
        self._symbols = has_symbols("stderr")
        self._log_lines: list[Text] = []
        self._printing = threading.Lock()
        self._console = Console(
            file=sys.stderr, no_color=not colour, highlight=False, markup=False, emoji=False
        )
        self._live = Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._live.start()
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: Any) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        if self._live is not None:
            self._print_log()
            self._live.update(Text(""), refresh=True)
            self._live.stop()
            self._live = None

    def log(self, at: float, name: str, level: str, text: str) -> None:
        if self._live is None:
            tell(f"{safe(name)}: {safe(text, lines=True)}")
            return
        bar = "│" if self._symbols else "|"
        for part in lines_of(text):
            line = Text.assemble(
                (safe(name), "cyan"), (f" {bar} ", "dim"), (safe(part), _LOG_STYLES.get(level, ""))
            )
            self._log_lines.append(line)

    def flush(self) -> None:
        if self._live is not None:
            self._print_log()

    def _print_log(self) -> None:
        """Lines are printed together: each print draws the tree again."""
        with self._printing:
            lines, self._log_lines = self._log_lines, []
        left_out = len(lines) - _MOST_LOG_LINES
        if left_out > 0:
            lines = [Text(f"… {left_out} lines left out", style="dim"), *lines[left_out:]]
        if lines:
            self._console.print(Text("\n").join(lines), soft_wrap=True)

    async def _tick(self) -> None:
        while self._live is not None:
            self._print_log()
            self._live.update(self._drawing(), refresh=True)
            self._frame += 1
            await asyncio.sleep(_PERIOD_S)

    def _drawing(self) -> Group:
        width, height = self._console.size
        lines = self.progress.in_order()
        room = max(3, height - (8 if any(line.missing for line in lines) else 4))
        shown = lines if len(lines) <= room else most_telling(lines, room - 1)
        name_width = max((len(safe(line.instance)) + 2 * line.depth for line in shown), default=8)
        name_width = max(8, min(name_width, width * 2 // 5))
        rows = [self._row(line, name_width, width) for line in shown]
        counts = self._counts(len(lines) - len(shown), width)
        return Group(self._title(width), *rows, counts, *self._advice(lines, width))

    def _title(self, width: int) -> Text:
        run = self.progress.runs.get(self.progress.run_id)
        if run is None or not run.created_at:
            return Text("")
        age = short_duration(self.now() - run.created_at)
        text = Text.assemble(
            (safe(run.blueprint_id), "bold"), ("  run ", "dim"), run.run_id, (f"  {age}", "dim")
        )
        text.truncate(width - 1, overflow="ellipsis")
        return text

    def _row(self, line: Line, name_width: int, width: int) -> Text:
        look = look_of("blocked" if line.missing else line.state)
        symbol = look.symbol if self._symbols else look.ascii
        if line.state == "running":
            frames = _FRAMES if self._symbols else _ASCII_FRAMES
            symbol = frames[self._frame % len(frames)]
        indent = "  " * line.depth
        name = clip(safe(line.instance), max(4, name_width - len(indent)))
        details = details_of(line, self.now())
        if line.total and line.state not in ENDED and width >= 60:
            details += f"  {self._bar(line.done / line.total, 20)}"
        if self.verbose and line.state not in ("pending", "failed", "retrying"):
            details += f"  ({safe(explained(line) or '')})"
        style = "dim" if line.state in ("pending", "skipped") else "" if line.state in ENDED else "bold"
        row = Text.assemble(
            f" {indent}", (symbol, look.style), " ", (name.ljust(name_width - len(indent)), style), "  "
        )
        row.append(
            details, "red" if line.state in ("failed", "retrying") else "dim" if line.state in ENDED else ""
        )
        row.truncate(width - 1, overflow="ellipsis")
        return row

    def _advice(self, lines: list[Line], width: int) -> list[Text]:
        """What helps when no worker fits."""
        missing = next((line.missing for line in lines if line.missing), None)
        found = (
            [Text(f" {it}", "yellow") for it in remedies(self.progress.run_id, missing)] if missing else []
        )
        for text in found:
            text.truncate(width - 1, overflow="ellipsis")
        return found

    def _bar(self, share: float, cells: int) -> str:
        full = min(cells, max(0, round(share * cells)))
        return ("━" * full + "╌" * (cells - full)) if self._symbols else ("#" * full + "." * (cells - full))

    def _counts(self, hidden: int, width: int) -> Text:
        counts = self.progress.counts()
        text = Text(" ")
        for state in _COUNTED:
            if counts[state]:
                text.append(f"{counts[state]} {state}", look_of(state).style)
                text.append("  ")
        if hidden > 0:
            text.append(f"({hidden} more not shown)", "dim")
        text.truncate(width - 1, overflow="ellipsis")
        return text


def most_telling(lines: list[Line], room: int) -> list[Line]:
    """What is under way or has failed, then what changed last; in the order of the tree.

    A node comes before its items: its line has their progress.
    """

    def rank(line: Line) -> tuple[bool, bool, int, float]:
        return not line.is_urgent, line.is_item, line.urgency, -line.changed_at

    chosen = {id(line) for line in sorted(lines, key=rank)[:room]}
    return [line for line in lines if id(line) in chosen]
