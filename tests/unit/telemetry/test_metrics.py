"""Metrics of a worker process, read by the client library's own parser, over HTTP."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowcraft_engine import FlowRuntime, NodeRegistry, node
from flowcraft_engine.errors import BackendError
from flowcraft_engine.stores.fleet_sizes import FleetSizes
from flowcraft_engine.telemetry.bounded_labels import BoundedLabels
from flowcraft_engine.telemetry.loop_question import LoopQuestion
from flowcraft_engine.telemetry.metrics import WorkerMetrics
from flowcraft_engine.telemetry.metrics_server import MetricsServer
from tests.unit.telemetry.flows import flow

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def samples(text: str) -> Samples:
    return {
        (it.name, frozenset(it.labels.items())): it.value
        for family in text_string_to_metric_families(text)
        for it in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics(sizes=lambda: FleetSizes({"running": 2, "failed": 1}, {"default": 7}))


@pytest.fixture
def url(metrics: WorkerMetrics) -> Iterator[str]:
    server = MetricsServer(metrics.registry, lambda: True)
    yield server.start("127.0.0.1", 0)
    server.stop()
    server.stop()


@pytest.mark.asyncio
async def test_calls_of_nodes_are_counted_by_blueprint_type_and_outcome(metrics, url):
    reached = threading.Event()
    running: list[float] = []

    @node("ok")
    def ok(ctx: Any) -> None:
        running.append(value(samples(get(url)[1]), "flowcraft_nodes_running"))

    @node("bad")
    async def bad(ctx: Any) -> None:
        reached.set()
        raise ValueError

    made = flow(
        "id: f\nnodes:\n"
        "  - {id: a, uses: ok}\n"
        "  - {id: b, uses: ok, needs: [a]}\n"
        "  - {id: c, uses: bad, needs: [b], config: {maxRetries: 3}}\n"
    )
    await FlowRuntime(registry=NodeRegistry([ok, bad]), middleware=[metrics]).run(made, run_id="secret-run")
    status, text = get(url)
    found = samples(text)
    assert status == 200
    assert reached.is_set()
    assert running == [1, 1]
    count = "flowcraft_node_seconds_count"
    assert value(found, count, blueprint="f", node_type="ok", outcome="completed") == 2
    assert value(found, count, blueprint="f", node_type="bad", outcome="failed") == 3
    assert value(found, "flowcraft_nodes_running") == 0
    assert "secret-run" not in text


def test_what_the_worker_did_beside_that(metrics, url):
    metrics.claimed(True)
    metrics.claimed(False)
    metrics.swept("published", 3)
    metrics.swept("taken_back", 2)
    metrics.swept("due", 10)
    found = samples(get(url)[1])
    assert value(found, "flowcraft_claims_total", result="granted") == 1
    assert value(found, "flowcraft_claims_total", result="refused") == 1
    assert value(found, "flowcraft_sweep_actions_total", action="published") == 3
    assert value(found, "flowcraft_sweep_actions_total", action="retired") == 0
    assert value(found, "flowcraft_redelivered_total") == 5
    assert value(found, "flowcraft_worker_up") == 1


def test_how_much_there_is_in_the_fleet(url):
    found = samples(get(url)[1])
    assert value(found, "flowcraft_runs", status="running") == 2
    assert value(found, "flowcraft_queue_depth", queue="default") == 7


def test_without_an_answer_of_the_fleet_the_rest_is_served():
    server = MetricsServer(WorkerMetrics(sizes=lambda: None).registry, lambda: True)
    status, text = get(server.start("127.0.0.1", 0))
    server.stop()
    assert status == 200
    assert "flowcraft_worker_up 1.0" in text
    assert "flowcraft_runs" not in text


def test_the_number_of_series_is_bounded():
    labels = BoundedLabels(most=2)
    seen = [labels.of(f"b{number}", "noop") for number in range(4)]
    assert seen == [("b0", "noop"), ("b1", "noop"), ("other", "other"), ("other", "other")]
    assert labels.of("b1", "noop") == ("b1", "noop")


def test_other_paths_are_not_there_and_a_port_is_had_once(metrics, url):
    root = url.removesuffix("/metrics")
    assert get(f"{root}/healthz") == (200, "ok\n")
    assert get(f"{root}/")[0] == 404
    port = int(root.rpartition(":")[2])
    with pytest.raises(BackendError, match=f"127.0.0.1:{port}"):
        MetricsServer(metrics.registry, lambda: True).start("127.0.0.1", port)


@pytest.mark.asyncio
async def test_a_loop_that_is_held_up_is_not_healthy_and_is_asked_once_only():
    asked = []

    async def answer() -> bool:
        asked.append(1)
        return True

    question = LoopQuestion(asyncio.get_running_loop(), answer)
    server = MetricsServer(WorkerMetrics().registry, lambda: question.ask(0.05) is True)
    url = server.start("127.0.0.1", 0).replace("/metrics", "/healthz")
    assert await asyncio.to_thread(get, url) == (200, "ok\n")
    assert get(url)[0] == 503  # this very call holds it up
    assert get(url)[0] == 503
    await asyncio.sleep(0.1)  # the question is answered, some turns of the loop later
    assert await asyncio.to_thread(get, url) == (200, "ok\n")
    server.stop()
    assert len(asked) == 3
