"""`--log-format`, `--log-level`, `--traces` of a run in this process; the addresses of metrics."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from flowcraft_cli.working.order import WorkOrder
from flowcraft_cli.working.telemetry import port_of
from flowcraft_engine.errors import UsageError
from flowcraft_engine.settings import Settings, read_settings
from flowcraft_engine.settings.worker import WorkerSettings, read_worker_settings

FLOW = """
id: talk
nodes:
  - {id: a, uses: log, params: {message: "one\\u001b[2J"}}
  - {id: b, uses: shell, params: {run: "exit 3"}, needs: [a]}
outputs: {}
"""


@pytest.fixture
def flow() -> str:
    Path("flow.yaml").write_text(FLOW)
    return "flow.yaml"


def logged(err: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def test_changes_and_messages_are_json_lines(flowcraft, flow):
    done = flowcraft("run", flow, "--log-format", "json", "--run-id", "r1", "--state", "memory")
    assert done.code == 1
    assert [(it["logger"], it["level"], it["node"], it.get("state")) for it in logged(done.err)] == [
        ("flowcraft.run", "info", "a", "running"),
        ("flowcraft.node", "info", "a", None),
        ("flowcraft.run", "info", "a", "completed"),
        ("flowcraft.run", "info", "b", "running"),
        ("flowcraft.run", "error", "b", "failed"),
    ]
    assert {it["run"] for it in logged(done.err)} == {"r1"}
    assert "\x1b" not in done.err


def test_the_level_is_for_both(flowcraft, flow):
    done = flowcraft("run", flow, "--log-format", "json", "--log-level", "error", "--state", "memory")
    [line] = logged(done.err)
    assert (line["node"], line["state"]) == ("b", "failed")
    text = flowcraft("run", flow, "--log-level", "error", "--state", "memory")
    assert "one" not in text.err


def test_no_secret_is_in_a_line_whichever_thread_writes_it(flowcraft, monkeypatch):
    monkeypatch.setenv("WORD", "quite-a-secret-word")
    Path("leaky.py").write_text(
        "import logging, threading\nfrom flowcraft_engine import node\n"
        "@node('leak')\ndef leak(ctx, params):\n"
        "    log = logging.getLogger('billing').warning\n"
        "    thread = threading.Thread(target=log, args=('it is %s', params['word']))\n"
        "    thread.start(); thread.join()\n"
    )
    Path("leak.yaml").write_text(
        "id: f\nnodes: [{id: a, uses: leak, params: {word: \"${{ secret('WORD') }}\"}}]\n"
    )
    monkeypatch.syspath_prepend(str(Path.cwd()))
    done = flowcraft("run", "leak.yaml", "--app", "leaky", "--log-format", "json", "--state", "memory")
    [line] = [it for it in logged(done.err) if it["logger"] == "billing"]
    assert line["message"] == "it is ***"
    assert "quite-a-secret-word" not in done.err


def test_quiet_says_nothing_in_json_either(flowcraft, flow):
    assert logged(flowcraft("run", flow, "--log-format", "json", "--quiet", "--state", "memory").err) == []


def test_the_loggers_are_afterwards_as_they_were(flowcraft, flow):
    before = logging.getLogger().level, list(logging.getLogger().handlers)
    flowcraft("run", flow, "--log-format", "json", "--state", "memory")
    assert (logging.getLogger().level, list(logging.getLogger().handlers)) == before


def test_the_variable_and_the_project_file_say_so_too():
    Path("flowcraft.toml").write_text("log_format = 'json'\ntraces = true\nmetrics = 9464\n")
    assert read_settings({}, {}).log_format == "json"
    assert read_settings({}, {}).traces
    assert read_settings({}, {"FLOWCRAFT_LOG_FORMAT": "text"}).log_format == "text"
    assert read_worker_settings({}, {}).metrics == ("127.0.0.1", 9464)
    with pytest.raises(UsageError, match="debug, info, warning or error"):
        read_settings({"log_level": "loud"}, {})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_an_address_is_of_this_machine_unless_it_says_another(text, address):
    assert read_worker_settings({"metrics": text}, {}).metrics == address


@pytest.mark.parametrize("text", ["", ":9464", "65536", "host", "1:2:3", "http://127.0.0.1:9464"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match="--metrics must be PORT or HOST:PORT"):
        read_worker_settings({"metrics": text}, {})


def test_processes_take_ports_one_after_the_other():
    order = WorkOrder(Settings(), WorkerSettings(metrics=("127.0.0.1", 9464)))
    assert [port_of(order, index) for index in range(2)] == [("127.0.0.1", 9464), ("127.0.0.1", 9465)]
    free = WorkOrder(Settings(), WorkerSettings(metrics=("127.0.0.1", 0)))
    assert port_of(free, 1) == ("127.0.0.1", 0)


#: Runs the command as if a package were not installed, or says which modules it has imported.
WITHOUT = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
from flowcraft_cli.main import main
main()
"""


def run_without(packages: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, packages, *arguments], capture_output=True, text=True, timeout=60
    )


def test_without_the_packages_there_is_a_sentence_and_without_the_flags_nothing(flow):
    away = "opentelemetry,prometheus_client"
    Path("ok.yaml").write_text("id: ok\nnodes: [{id: a, uses: noop}]\n")
    assert run_without(away, "run", "ok.yaml", "--state", "memory").returncode == 0
    traced = run_without(away, "run", "ok.yaml", "--state", "memory", "--traces")
    assert traced.returncode == 2
    assert "traces need opentelemetry-api" in traced.stderr
    assert "flowcraft-py[otel]" in traced.stderr
    counted = run_without(away, "worker", "--metrics", "0")
    assert counted.returncode == 2
    assert "flowcraft-py[metrics]" in counted.stderr
