"""A real worker seen from outside: its log as JSON, its metrics over HTTP, its spans from the real SDK."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from flowcraft_engine.telemetry.trace_ids import TraceIds
from tests.acceptance.fleet.workers import FleetOfTest, Worker, until
from tests.ports import free_port

#: Two modules of nodes, each served by a worker of its own, so that a run goes through both.
NODES = """
import os

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from flowcraft_engine import node

out = open(f"spans-{{os.getpid()}}.txt", "a")
provider = TracerProvider()
provider.add_span_processor(
    BatchSpanProcessor(
        ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\\n"),
        schedule_delay_millis=200,
    )
)
trace.set_tracer_provider(provider)


@node("{name}")
async def act(ctx):
    ctx.logger.warning("{name} is at work\\x1b[2J")
    with trace.get_tracer("shop").start_as_current_span("query"):
        pass
"""
FLOW = """
id: shop
nodes:
  - {id: a, uses: left}
  - {id: b, uses: right, needs: [a]}
  - {id: s, uses: subflow, needs: [b], params: {blueprintId: inner}}
"""
INNER = "id: inner\nnodes: [{id: i, uses: right}]\n"


def spans(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """By the name of the file, which is that of the process."""
    return {it.name: whole_lines(it.read_text()) for it in folder.glob("spans-*")}


def whole_lines(text: str) -> list[dict[str, Any]]:
    """The JSON lines of a text that another process may be writing."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_a_run_is_one_trace_whichever_process_executes_it(fleet: FleetOfTest):
    for name in ("left", "right"):
        fleet.write(f"{name}.py", NODES.format(name=name))
    flow, inner = fleet.write("shop.yaml", FLOW), fleet.write("inner.yaml", INNER)
    workers = [fleet.worker("--app", name, "--traces", flow, inner) for name in ("left", "right")]
    done = fleet("run", flow, "--distributed", "--run-id", "r1", "--blueprints", inner)
    assert done.code == 0, done.err
    for worker in workers:
        assert worker.terminate() == 0, worker.said  # what was not sent yet is sent at the end
    by_process = spans(fleet.folder)
    told = [span for found in by_process.values() for span in found]
    ids, inner_ids = TraceIds.of("r1"), TraceIds.of("r1:s")
    processes = {
        name: {it["name"] for it in found if it["name"] in "ab"} for name, found in by_process.items()
    }
    assert {"a"} in processes.values()
    assert {"b"} in processes.values()
    trace_of = {it["name"]: it["context"]["trace_id"] for it in told if it["name"] in ("a", "b", "s", "i")}
    outer = f"0x{ids.trace_id:032x}"
    assert trace_of == {"a": outer, "b": outer, "s": outer, "i": f"0x{inner_ids.trace_id:032x}"}
    roots = {it["name"]: it for it in told if it["parent_id"] is None}
    assert len([it for it in told if it["name"].startswith("run ")]) == len(roots) == 2, (
        "each told by one process"
    )
    for name, found in (("run shop", ids), ("run inner", inner_ids)):
        assert roots[name]["context"]["trace_id"] == f"0x{found.trace_id:032x}"
        assert roots[name]["context"]["span_id"] == f"0x{found.span_id:016x}"
    root = f"0x{ids.span_id:016x}"
    assert {it["parent_id"] for it in told if it["name"] in ("a", "b", "s", "s waits", "s goes on")} == {root}
    [inside] = [it for it in told if it["name"] == "i"]
    assert [it["context"]["trace_id"] for it in inside["links"]] == [outer]
    [query] = [it for it in told if it["name"] == "query" and it["context"]["trace_id"] == trace_of["i"]]
    assert query["parent_id"] == inside["context"]["span_id"]


def test_the_end_of_a_run_that_was_cancelled_from_outside_is_told_by_one_worker(fleet: FleetOfTest):
    fleet.write("left.py", NODES.format(name="left"))
    flow = fleet.write("flow.yaml", "id: f\nnodes: [{id: w, uses: wait}]\n")
    workers = [fleet.worker("--app", "left", "--traces", flow) for _ in range(2)]
    assert fleet("run", flow, "--distributed", "--run-id", "r1").code == 5
    assert fleet("cancel", "r1").code == 0
    assert fleet("run", flow, "--distributed", "--run-id", "r2").code == 5
    until(lambda: told_runs(fleet))
    time.sleep(1.5)  # the other one looks meanwhile, as often as they do without a reason
    for worker in workers:
        assert worker.terminate() == 0, worker.said
    assert [it["attributes"]["flowcraft.run.status"] for it in told_runs(fleet)] == ["cancelled"]


def told_runs(fleet: FleetOfTest) -> list[dict[str, Any]]:
    return [span for found in spans(fleet.folder).values() for span in found if span["name"] == "run f"]


def log_of(worker: Worker) -> list[dict[str, Any]]:
    return whole_lines(worker.said)


def test_the_log_of_a_worker_is_json_lines_only(fleet: FleetOfTest):
    fleet.write("left.py", NODES.format(name="left"))
    flow = fleet.write("flow.yaml", "id: f\nmetadata: {version: '2'}\nnodes: [{id: a, uses: left}]\n")
    worker = fleet.worker("--app", "left", "--log-format", "json", "--traces", flow)
    assert fleet("run", flow, "--distributed", "--run-id", "r2").code == 0
    [line] = until(lambda: [it for it in log_of(worker) if it["logger"] == "flowcraft.node"])
    [member] = fleet.members()
    assert (line["run"], line["node"], line["attempt"], line["blueprint"], line["version"]) == (
        "r2", "a", 1, "f", "2",
    )  # fmt: skip
    assert line["message"] == "left is at work\x1b[2J"
    assert "\x1b" not in worker.said
    assert line["worker"] == member["name"]
    assert line["trace_id"] == f"{TraceIds.of('r2').trace_id:032x}"
    worker.terminate()
    banner = log_of(worker)[0]
    assert banner["blueprints"] == "f@2"
    assert {it["level"] for it in log_of(worker)} <= {"info", "warning"}


def scrape(port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {
        (it.name, frozenset(it.labels.items())): it.value
        for family in text_string_to_metric_families(text)
        for it in family.samples
    }


def test_each_process_serves_its_metrics_on_a_port_of_its_own(fleet: FleetOfTest):
    flow = fleet.write("flow.yaml", "id: f\nnodes: [{id: a, uses: noop}, {id: b, uses: noop, needs: [a]}]\n")
    port = free_port(in_a_row=2)
    worker = fleet.start_worker("--metrics", str(port), "--processes", "2", flow).wait_until_ready(2)
    for number in range(3):
        assert fleet("run", flow, "--distributed", "--run-id", f"r{number}").code == 0
    key = (
        "flowcraft_node_seconds_count",
        frozenset({("blueprint", "f"), ("node_type", "noop"), ("outcome", "completed")}),
    )
    # A process counts what it has done after it is done; and what Redis does not tell at once is left out.
    until(lambda: sum(scrape(it).get(key, 0) for it in (port, port + 1)) == 6)
    runs = "flowcraft_runs", frozenset({("status", "completed")})
    every = [until(lambda p=it: runs in (found := scrape(p)) and found) for it in (port, port + 1)]
    assert sum(it.get(key, 0) for it in every) == 6
    assert sum(it["flowcraft_claims_total", frozenset({("result", "granted")})] for it in every) >= 3
    for found in every:
        assert found[runs] == 3
        assert found["flowcraft_queue_depth", frozenset({("queue", "default")})] == 0
        assert found["flowcraft_worker_up", frozenset()] == 1
    with urllib.request.urlopen(f"http://127.0.0.1:{port + 1}/healthz", timeout=30) as answer:
        assert answer.read() == b"ok\n"
    # Processes that are replaced take over the ports.
    worker.process.send_signal(signal.SIGHUP)
    worker.wait_until_ready(4)
    assert scrape(port)["flowcraft_worker_up", frozenset()] == 1
    assert scrape(port + 1)["flowcraft_worker_up", frozenset()] == 1
    assert "warning" not in worker.said


def test_what_a_dead_process_leaves_is_counted_by_the_one_that_takes_it_back(fleet: FleetOfTest):
    script = "nap=60; test -e go && nap=0; echo x >> begun; sleep $nap"
    flow = fleet.write("slow.yaml", f'id: f\nnodes: [{{id: a, uses: shell, params: {{run: "{script}"}}}}]\n')
    first = fleet.worker("--lease", "3s", flow)
    [victim] = fleet.members()
    assert fleet("run", flow, "--distributed", "--detach", "--run-id", "r").code == 0
    until((fleet.folder / "begun").exists)
    port = free_port()
    fleet.worker("--metrics", f"127.0.0.1:{port}", flow)
    fleet.write("go", "")
    first.process.send_signal(
        signal.SIGSTOP
    )  # or its supervisor would start another process, which sweeps, too
    try:
        fleet.kill_process(victim)
        assert fleet("wait", "r").code == 0
    finally:
        first.process.send_signal(signal.SIGCONT)
    taken_back = "flowcraft_sweep_actions_total", frozenset({("action", "taken_back")})
    found = until(lambda: taken_back in (it := scrape(port)) and it)
    assert found[taken_back] == 1
    assert found["flowcraft_redelivered_total", frozenset()] == 1


def test_what_cannot_be_served_is_told_before_anything_starts(fleet: FleetOfTest):
    port = int(fleet.url.rpartition(":")[2].partition("/")[0])
    refused = fleet("worker", "--metrics", str(port))
    assert refused.code == 2
    assert f"port {port} of 127.0.0.1" in refused.err
    assert "Traceback" not in refused.err
    assert fleet("worker", "--metrics", "nine").code == 2


def test_while_redis_is_away_the_rest_is_served_and_all_of_it_when_it_is_back(tmp_path, start_redis):
    server = start_redis(persistent=True)
    fleet, port = FleetOfTest(tmp_path, server.address.url), free_port()
    runs = "flowcraft_runs", frozenset({("status", "running")})
    try:
        worker = fleet.worker("--metrics", str(port))
        assert until(lambda: runs in (it := scrape(port)) and it)[runs] == 0
        server.kill()
        away = scrape(port)
        assert away["flowcraft_worker_up", frozenset()] == 1
        assert runs not in away
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
            assert answer.read() == b"ok\n"
        server.restart()
        until(lambda: runs in scrape(port))
        assert worker.terminate() == 0, worker.said
    finally:
        fleet.end()
