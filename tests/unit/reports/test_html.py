"""The HTML page: complete, self-contained, and unable to do anything but be looked at."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flowcraft_engine.reports.html import html_report
from tests.unit.reports import shop
from tests.unit.reports.ask import dossier_of

pytestmark = pytest.mark.asyncio
_VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Elements, attributes and texts; complains about elements that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_the_page_tells_everything_about_the_run(folder: Path) -> None:
    text = await html_report(await shop.shop_run(folder))
    page = Page(text)
    assert page.open == []
    for words in (
        "payments", "1.2.0", "Take a payment", "golden", "6 completed", "What went wrong", "flow.yaml:7:10",
        "CardError at", "in charge", "Graph", "Timeline", "Values of the run", "Nodes", "sub-run child",
        "attempt 1 of 3: no luck at 1", "poisoned by sub", "`count > 5` does not hold (count = 3)",
    ):  # fmt: skip
        assert words in page.text, words
    assert '"ok": true' in page.text


async def test_it_is_self_contained_and_cannot_run_anything(folder: Path) -> None:
    page = Page(await html_report(await shop.shop_run(folder)))
    names = {name for name, _ in page.elements}
    assert not names & {"script", "iframe", "object", "embed", "link", "form", "base", "b"}
    for name, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes), attributes
        for key in ("src", "href"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:image/svg+xml;base64,")), (name, value)
    policy = next(a["content"] for n, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")


async def test_hostile_data_stays_text(folder: Path) -> None:
    text = await html_report(await shop.shop_run(folder))
    assert "<b>bold</b>" not in text and "\x1b" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text


async def test_every_link_leads_somewhere_and_no_anchor_is_there_twice(folder: Path) -> None:
    page = Page(await html_report(await shop.shop_run(folder)))
    anchors = [value for _, a in page.elements if (value := a.get("id"))]
    assert len(anchors) == len(set(anchors))
    links = {value[1:] for _, a in page.elements if (value := a.get("href")) and value.startswith("#")}
    assert links <= set(anchors)


async def test_a_run_that_waits_says_for_what_and_how_to_answer() -> None:
    run = await dossier_of("A -> W:wait -> B", patch={"W": {"params": {"message": "go on?"}}})
    page = Page(await html_report(run))
    assert "What it waits for" in page.text and "go on?" in page.text
    assert "flowcraft resume run --node W" in page.text


async def test_logs_are_shown_where_there_are_some() -> None:
    run = await dossier_of("A")
    run.logs["A"] = "one\n<two>"
    assert "one\n&lt;two&gt;" in await html_report(run)


async def test_large_runs_make_a_page_that_a_browser_opens() -> None:
    run = await dossier_of("E:each(rows)", inputs={"rows": ["x" * 50] * 3000})
    text = await html_report(run)
    assert len(text) < 2_000_000
    assert "and 2,501 more" in text


async def test_a_run_without_nodes_has_a_page() -> None:
    page = Page(await html_report(await dossier_of("")))
    assert re.search(r"completed\s+main", page.text)
