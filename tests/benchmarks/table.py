"""Figures as a Markdown table, which a terminal shows well enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.benchmarks.figure import Figure

_HEAD = ("subject", "figure", "target", "median (min..max)", "ratio", "to", "verdict")


def table(figures: Iterable[Figure]) -> str:
    rows = [_HEAD, *(_row(figure) for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    spread = f"{_number(min(figure.measured))}..{_number(max(figure.measured))}"
    return (
        figure.subject,
        figure.name,
        _target(figure),
        f"{_number(figure.median)} {figure.unit} ({spread})",
        "" if ratio is None else f"{_number(ratio)} ×",
        figure.against,
        {True: "pass", False: "FAIL", None: ""}[figure.passes],
    )


def _target(figure: Figure) -> str:
    bounds = []
    if figure.at_most is not None:
        bounds.append(f"≤ {figure.at_most:g} {figure.unit}")
    if figure.at_most_ratio is not None:
        bounds.append(f"≤ {figure.at_most_ratio:g} ×")
    return " or ".join(bounds)


def _number(value: float) -> str:
    """Three digits: more would pretend to know."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"
