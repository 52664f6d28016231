"""The timeline of a run in HTML: a row for each instance, a bar for each attempt and for each wait."""

from __future__ import annotations

from collections.abc import Iterator

from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.markup import tag, text
from flowcraft_engine.reports.moments import duration
from flowcraft_engine.reports.node_anchor import node_id_of
from flowcraft_engine.reports.scale import Scale
from flowcraft_engine.reports.timeline import Span

#: Rows that a reader still scrolls through; of longer runs the first ones.
_MOST_ROWS = 300
_MOST_TICKS = 6
_WAITS = {
    "answer": "a person",
    "timer": "a time",
    "run": "its sub-run",
    "items": "its items",
    "body": "its body",
}


def timeline_section(run: Dossier) -> Iterator[str]:
    """Nothing for a run in which nothing has started."""
    rows = list(run.rows().items())
    if not rows:
        return
    scale = Scale.of(run)
    ticks = "".join(
        f'<span style="left:{scale.percent(at):.2f}%">{text(label)}</span>'
        for at, label in scale.ticks(_MOST_TICKS)
    )
    body = tag("div", f"<div></div>{tag('div', ticks, 'ticks')}", "row axis")
    body += "".join(_row(run, scale, name, spans) for name, spans in rows[:_MOST_ROWS])
    more = ""
    if len(rows) > _MOST_ROWS:
        more = tag("p", f"and {len(rows) - _MOST_ROWS:,} more instances", "note")
    legend = " ".join(
        tag("span", f"<i></i>{words}", f"key {css}")
        for css, words in (
            ("bar completed", "completed"),
            ("bar failed", "failed"),
            ("bar retrying gap", "between two attempts"),
            ("bar waiting gap", "waiting"),
            ("bar running", "under way"),
        )
    )
    content = tag("div", body, "timeline") + more + tag("p", legend, "legend")
    yield tag("section", tag("h2", "Timeline") + content)


def _row(run: Dossier, scale: Scale, name: str, spans: list[Span]) -> str:
    bars = "".join(_bar(run, scale, span) for span in spans)
    link = text(name)
    if name in run.result.nodes:  # which no instance is that a rerun has removed
        link = tag("a", link, href=f"#{node_id_of(run.run_id, name)}", title=name)
    depth = " item" if name.endswith("]") else ""
    return tag("div", tag("div", link, f"name{depth}") + tag("div", bars, "track"), "row")


def _bar(run: Dossier, scale: Scale, span: Span) -> str:
    left = scale.percent(span.began)
    width = scale.percent(span.ended if span.ended is not None else run.now) - left
    seconds = duration(span.seconds(run.now))
    words = {
        "running": f"attempt {span.attempt}: {span.outcome or 'under way'}, {seconds}",
        "waiting": f"waits for {_WAITS.get(span.waits_for or '', 'something')}, {seconds}",
        "retrying": f"between two attempts, {seconds}",
    }[span.kind]
    if span.error is not None:
        words += f": {span.error.get('message')}"
    style = f"left:{left:.3f}%;width:{max(width, 0.0):.3f}%"
    return f'<span class="bar {_look(span)}" style="{style}" title="{text(words)}"></span>'


def _look(span: Span) -> str:
    if span.kind == "retrying":
        return "retrying gap"
    if span.kind == "waiting":
        return "waiting gap"
    if span.outcome in ("completed", "failed", "cancelled", "poisoned"):
        return span.outcome
    if span.outcome in ("released", "died"):
        return "cancelled"
    return "running" if span.ended is None else "completed"
