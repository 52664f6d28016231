"""Every example does what its description says, run by the real command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.examples.conftest import ROOT, Run

FILES = sorted(
    str(path.relative_to(ROOT / "blueprints"))
    for path in (ROOT / "blueprints").rglob("*")
    if path.suffix in (".yaml", ".json")
)


@pytest.mark.parametrize("file", FILES)
def test_every_example_validates_without_a_finding(flowcraft: Run, file: str) -> None:
    ended = flowcraft("validate", file=file)
    assert ended.document["issues"] == []
    assert ended.code == 0


# ---- CI pipeline -------------------------------------------------------------------------------------------


def _source(folder: Path, text: str) -> str:
    package = folder / "source" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(text)
    return str(package.parent)


def test_the_pipeline_checks_and_packs_and_leaves_no_folder_behind(flowcraft: Run, tmp_path: Path) -> None:
    source = _source(tmp_path, "answer = 42\n")
    ended = flowcraft(
        "run", "-i", f"source={source}", "-i", 'packages=["shop"]', file="ci-pipeline/ci-pipeline.yaml"
    )
    assert ended.code == 0
    assert ended.document["outputs"]["files"] == 1
    assert ended.document["outputs"]["package_bytes"] > 0
    assert not Path(ended.document["nodes"]["workspace"]["output"]).exists()


def test_a_source_that_does_not_compile_is_not_packed_but_cleaned_up(flowcraft: Run, tmp_path: Path) -> None:
    source = _source(tmp_path, "answer = = 42\n")
    ended = flowcraft(
        "run", "-i", f"source={source}", "-i", 'packages=["shop"]', file="ci-pipeline/ci-pipeline.yaml"
    )
    assert ended.code == 1
    assert "compile" in [error["node"] for error in ended.document["errors"]]
    assert ended.state("package") == "poisoned"
    assert ended.state("clean-up") == "completed"
    assert not Path(ended.document["nodes"]["workspace"]["output"]).exists()


def test_the_pipeline_checks_this_very_repository(flowcraft: Run) -> None:
    ended = flowcraft("run", file="ci-pipeline/ci-pipeline.yaml")
    assert ended.code == 0, ended.said
    assert ended.document["outputs"]["files"] > 100


# ---- sales report ------------------------------------------------------------------------------------------


def test_the_report_has_every_order_and_tells_the_refused_ones(flowcraft: Run, tmp_path: Path) -> None:
    ended = flowcraft("run", file="sales-report/sales-report.yaml")
    assert ended.code == 0
    outputs = ended.document["outputs"]
    assert outputs == {"report": "sales-report.md", "orders": 355, "total": "39230.72", "refused": 5}
    report = (tmp_path / "sales-report.md").read_text()
    assert "355 orders, 39230.72 EUR; 5 refused." in report
    assert "no rate for CHF" in report
    items = [name for name in ended.document["nodes"] if name.startswith("price[")]
    assert len(items) == 360


def test_a_missing_file_fails_the_report_with_its_name(flowcraft: Run) -> None:
    ended = flowcraft("run", "-i", "file=nowhere.csv", file="sales-report/sales-report.yaml")
    assert ended.code == 1
    assert ended.document["errors"][0]["node"] == "read"
    assert "nowhere.csv cannot be read" in ended.document["errors"][0]["message"]


# ---- payment -----------------------------------------------------------------------------------------------

VERSIONS = ["1.0.0", "2.0.0"]


def _order(card: str, customer: str = "Ann", amount: float = 40) -> list[str]:
    order = {"id": "o-1", "customer": customer, "amount": amount, "card": card}
    return ["-i", f"order={json.dumps(order)}"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("card", "told"),
    [
        ("4441", "paid 40.0, receipt R-"),
        ("4440", "not paid: insufficient funds"),
        ("4449", "we look into your payment"),
    ],
    ids=["paid", "declined", "provider-down"],
)
def test_a_payment_is_routed_by_what_the_provider_says(
    flowcraft: Run, version: str, card: str, told: str
) -> None:
    ended = flowcraft("run", *_order(card), file=f"payment/payment-{version}.yaml")
    assert ended.code == 0
    assert ended.document["version"] == version
    assert ended.document["outputs"]["told"].startswith(told)


@pytest.mark.parametrize(("version", "node"), [("1.0.0", "charge"), ("2.0.0", "capture")])
def test_a_provider_that_recovers_is_asked_until_it_answers(flowcraft: Run, version: str, node: str) -> None:
    ended = flowcraft("run", *_order("4443"), file=f"payment/payment-{version}.yaml")
    assert ended.document["outputs"]["told"].startswith("paid 40.0")
    assert ended.document["nodes"][node]["attempts"] == 3


def test_the_second_version_never_charges_a_suspicious_order(flowcraft: Run) -> None:
    order = _order("4441", customer="new-Bob")
    assert (
        flowcraft("run", *order, file="payment/payment-1.0.0.yaml")
        .document["outputs"]["told"]
        .startswith("paid")
    )
    ended = flowcraft("run", *order, file="payment/payment-2.0.0.yaml")
    assert ended.document["outputs"]["told"] == "we look into your payment"
    assert ended.state("capture") == "skipped"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_above_the_limit_fails_without_a_second_attempt(flowcraft: Run, version: str) -> None:
    ended = flowcraft("run", *_order("4441", amount=6000), file=f"payment/payment-{version}.yaml")
    assert ended.code == 1
    [error] = ended.document["errors"]
    assert (error["node"], error["code"]) == ("validate", "node_failed")
    assert error["location"]["line"] > 1


# ---- approval ----------------------------------------------------------------------------------------------

REQUEST = {"what": "a chair", "amount": 700, "asked_by": "Bob"}


def _ask(flowcraft: Run, **changes: Any) -> Any:
    request = json.dumps({**REQUEST, **changes})
    return flowcraft("run", "--run-id", "chair", "-i", f"request={request}", file="approval/approval.yaml")


def test_a_small_request_needs_nobody(flowcraft: Run) -> None:
    ended = _ask(flowcraft, amount=70)
    assert ended.code == 0
    assert ended.document["outputs"] == {"state": "ordered", "decided_by": "nobody: below the limit"}


@pytest.mark.parametrize(("action", "state"), [("approve", "ordered"), ("reject", "declined")])
def test_a_large_request_waits_for_an_answer_and_is_routed_by_it(
    flowcraft: Run, action: str, state: str
) -> None:
    asked = _ask(flowcraft)
    assert asked.code == 5
    [wait] = asked.document["waiting"]
    assert (wait["node"], wait["reason"]) == ("decision", "answer")
    assert wait["message"] == "Buy a chair for 700, as Bob asks?"
    assert wait["until"] is not None
    ended = flowcraft("resume", "chair", "--action", action, "--output", '{"by": "Ann"}')
    assert ended.code == 0
    assert ended.document["outputs"] == {"state": state, "decided_by": "Ann"}


def test_an_answer_that_does_not_fit_is_refused_and_the_run_keeps_waiting(flowcraft: Run) -> None:
    _ask(flowcraft)
    refused = flowcraft("resume", "chair", "--action", "approve", "--output", '{"by": ""}')
    assert refused.code == 3
    assert flowcraft("show", "chair").document["status"] == "waiting"


def test_a_different_second_answer_is_a_conflict(flowcraft: Run) -> None:
    _ask(flowcraft)
    flowcraft("resume", "chair", "--action", "approve", "--output", '{"by": "Ann"}')
    assert flowcraft("resume", "chair", "--action", "reject", "--output", '{"by": "Eve"}').code == 7


def test_an_action_that_is_neither_fails_the_run(flowcraft: Run) -> None:
    _ask(flowcraft)
    ended = flowcraft("resume", "chair", "--action", "perhaps", "--output", '{"by": "Ann"}')
    assert ended.code == 1
    assert ended.document["errors"][0]["message"] == "the answer was neither approve nor reject"


# ---- polling -----------------------------------------------------------------------------------------------


def test_polling_outlives_an_outage_and_fetches_the_rows(flowcraft: Run) -> None:
    ended = flowcraft("run", "-i", "between=20ms", file="export-polling/export-polling.yaml")
    assert ended.code == 0
    assert ended.document["outputs"] == {"rows": ["name,amount", "Ann,12", "Bob,7"], "asked": 4}
    assert [ended.state(f"ask#{n}") for n in (1, 2, 3, 4)] == [
        "completed",
        "failed",
        "completed",
        "completed",
    ]
    assert [ended.state(f"assume-running#{n}") for n in (1, 2)] == ["skipped", "completed"]
    assert not Path(ended.document["nodes"]["start-export"]["output"]).exists()


# ---- Flowcraft's own format --------------------------------------------------------------------------------


def test_a_blueprint_of_flowcraft_runs_unchanged(flowcraft: Run) -> None:
    ended = flowcraft("run", file="from-flowcraft/newsletter.json")
    assert ended.code == 0
    assert ended.document["outputs"] == {
        "send": "sent 5 letters, the first to: Dear Ann, the tulips are out."
    }
    assert len(ended.document["context"]["letters"]) == 5
