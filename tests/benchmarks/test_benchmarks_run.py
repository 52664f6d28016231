"""The benchmarks themselves still run. Nothing is timed here."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_cli.catalogue import COMMANDS
from tests.benchmarks.effort import SMOKE
from tests.benchmarks.empty_typer_app import COMMANDS as EMPTY_COMMANDS
from tests.benchmarks.figure import Figure
from tests.benchmarks.growth import exponent
from tests.benchmarks.page import PAGE, page
from tests.benchmarks.results import keep, newest, result_of
from tests.benchmarks.schedule import critical_path_ms
from tests.benchmarks.subjects import SUBJECTS
from tests.benchmarks.table import table


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_subject_measures_something(subject: str) -> None:
    figures = SUBJECTS[subject](SMOKE)
    assert figures
    assert {figure.subject for figure in figures} == {subject}
    assert all(name in table(figures) for name in (figure.name for figure in figures))


def test_the_empty_application_has_as_many_commands() -> None:
    assert len(COMMANDS) == EMPTY_COMMANDS


def test_a_figure_passes_if_it_keeps_one_of_its_bounds() -> None:
    figure = Figure("s", "f", "ms", (3.0, 5.0, 4.0), "other", (1.0, 1.0, 2.0), at_most=3.5, at_most_ratio=3)
    assert (figure.median, figure.ratio, figure.passes) == (4.0, 3.0, True)


def test_a_figure_fails_if_it_breaks_all_of_its_bounds() -> None:
    assert Figure("s", "f", "ms", (4.0,), "other", (1.0,), at_most=3, at_most_ratio=3).passes is False
    assert Figure("s", "f", "ms", (4.0,)).passes is None


def test_linear_growth_has_the_exponent_one() -> None:
    assert exponent((10, 100, 1_000), (7.0, 7.0, 7.0)) == pytest.approx(1)
    assert exponent((10, 100, 1_000), (1.0, 10.0, 100.0)) == pytest.approx(2)


def test_the_critical_path_is_the_longer_branch() -> None:
    assert critical_path_ms(10) == pytest.approx(255)


def test_a_result_that_is_kept_is_read_as_it_was(tmp_path: Path) -> None:
    result = result_of([Figure("s", "f", "ms", (4.0, 5.0), "other", (1.0, 2.0), at_most=3)], 0.5)
    keep(result, tmp_path)
    assert newest(tmp_path) == result


def test_the_page_shows_the_newest_result_that_is_kept() -> None:
    result = newest()
    assert result is None or PAGE.read_text(encoding="utf-8") == page(result)
