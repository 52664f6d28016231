"""The timeline of a run as text: a line for each instance, a bar for each attempt, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flowcraft_cli.colour import Palette, Stream
from flowcraft_cli.looks import has_symbols, look_of, short_duration
from flowcraft_cli.text import clip, safe
from flowcraft_engine.reports.scale import Scale

if TYPE_CHECKING:
    from flowcraft_engine.reports.dossier import Dossier
    from flowcraft_engine.reports.timeline import Span

#: Items of a `for_each` are drawn up to this many, instances up to that many.
_MOST_ITEMS = 12
_MOST_ROWS = 40
_TOOK = 9


class Signs(NamedTuple):
    """One character for each kind of time."""

    ran: str
    failed: str
    waited: str
    between: str
    going_on: str
    rule: str


_SYMBOLS = Signs("█", "✗", "░", "·", "▸", "╷")
_ASCII = Signs("#", "x", ":", ".", ">", "|")


def gantt_lines(run: Dossier, palette: Palette, width: int, stream: Stream = "stdout") -> list[str]:
    """The drawing with its axis and its legend; nothing if nothing has started."""
    rows = [(name, spans) for name, spans in run.rows().items() if not _is_left_out(run, name)]
    if not rows:
        return []
    signs = _SYMBOLS if has_symbols(stream) else _ASCII
    names = [_label(name) for name, _ in rows[:_MOST_ROWS]]
    name_width = max(6, min(max(map(len, names)), width // 4))
    chart = _Chart(run, Scale.of(run), palette, signs, max(12, width - name_width - _TOOK - 5))
    lines = [f"  {' ' * name_width}  {chart.axis()}".rstrip()]
    for label, (_, spans) in zip(names, rows, strict=False):
        took = short_duration(sum(span.seconds(run.now) for span in spans)).rjust(_TOOK)
        line = f"  {clip(label, name_width).ljust(name_width)}  {chart.bar(spans)}{palette.dim(took)}"
        lines.append(line.rstrip())
    left_out = len(run.rows()) - len(names)
    if left_out:
        lines.append(palette.dim(f"  … and {left_out} more: flowcraft show {run.run_id} --html FILE"))
    legend = chart.legend(spans for _, spans in rows)
    margin = " " * (name_width + 4 if name_width + 4 + len(legend) <= width else 2)
    lines.append(palette.dim(clip(f"{margin}{legend}", width)))
    return lines


def _label(name: str) -> str:
    return f" {safe(name)}" if name.endswith("]") else safe(name)


def _is_left_out(run: Dossier, name: str) -> bool:
    """Of long lists of items only those are drawn that did not simply complete."""
    instance = run.state.instances.get(name)  # none of an iteration that a rerun has removed
    if not name.endswith("]") or (instance is not None and instance.state != "completed"):
        return False
    return f"{name.rpartition('[')[0]}[{_MOST_ITEMS}]" in run.timeline


class _Chart:
    def __init__(self, run: Dossier, scale: Scale, palette: Palette, signs: Signs, width: int) -> None:
        self._run = run
        self._scale = scale
        self._palette = palette
        self._signs = signs
        self._width = width

    def axis(self) -> str:
        """Round times, each at its place."""
        cells = [" "] * self._width
        free = 0
        for at, told in self._scale.ticks(max(2, self._width // 14)):
            label = f"{self._signs.rule}{told}"
            column = self._column(at)
            if column >= free and column + len(label) <= self._width:
                cells[column : column + len(label)] = label
                free = column + len(label) + 1
        return self._palette.dim("".join(cells).rstrip())

    def bar(self, spans: Sequence[Span]) -> str:
        cells: list[tuple[str, str]] = [(" ", "")] * self._width
        # What ran is drawn over what only waited.
        for span in sorted(spans, key=lambda it: it.kind == "running"):
            first = self._column(span.began)
            ended = span.ended if span.ended is not None else self._run.now
            last = max(first + 1, min(self._column(ended), self._width))
            sign, codes = self._look(span)
            cells[first:last] = [(sign, codes)] * (last - first)
            if span.kind == "running" and span.outcome == "failed":
                cells[last - 1] = (self._signs.failed, codes)
            elif span.ended is None and not self._run.state.is_final:
                cells[last - 1] = (self._signs.going_on, codes)
        return _painted(cells, self._palette)

    def legend(self, rows: Iterable[Sequence[Span]]) -> str:
        signs = self._signs
        words = [(signs.ran, "ran"), (signs.failed, "failed"), (signs.waited, "waited")]
        words += [(signs.between, "between attempts"), (signs.going_on, "under way")]
        shown = "".join(self.bar(spans) for spans in rows)
        return "  ".join(f"{sign} {word}" for sign, word in words if sign in shown)

    def _column(self, at: float) -> int:
        return min(int(self._scale.percent(at) / 100 * self._width), self._width - 1)

    def _look(self, span: Span) -> tuple[str, str]:
        if span.kind == "waiting":
            return self._signs.waited, look_of("waiting").codes
        if span.kind == "retrying":
            return self._signs.between, look_of("retrying").codes
        outcome = span.outcome if span.outcome in ("failed", "cancelled", "poisoned") else "completed"
        return self._signs.ran, look_of(outcome if span.ended is not None else "running").codes


def _painted(cells: Sequence[tuple[str, str]], palette: Palette) -> str:
    """Neighbours of one colour are painted together."""
    parts: list[str] = []
    start = 0
    for index in range(1, len(cells) + 1):
        if index == len(cells) or cells[index][1] != cells[start][1]:
            text = "".join(sign for sign, _ in cells[start:index])
            parts.append(palette.style(text, cells[start][1]) if cells[start][1] else text)
            start = index
    return "".join(parts)
