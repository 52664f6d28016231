"""The published list of findings is complete, and loading stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from flowcraft_engine import blueprint
from flowcraft_engine.blueprint.codes import FINDING_CODES

ROOM = Path(blueprint.__file__).parent
_CODE = re.compile(r"\"([a-z][a-z0-9]*(?:_[a-z0-9]+)+|cycle|unreachable)\"")


def test_every_code_has_a_meaning_a_cause_and_a_cure() -> None:
    for row in FINDING_CODES.values():
        assert row.meaning.endswith(".")
        assert row.cause.endswith(".")
        assert row.cure


def test_every_listed_code_is_used_and_every_used_code_is_listed() -> None:
    texts = {path.name: path.read_text() for path in ROOM.glob("*.py") if path.name != "codes.py"}
    used = {code for text in texts.values() for code in _CODE.findall(text)}
    assert set(FINDING_CODES) <= used
    calls = re.compile(r"(?:\.error|\.warning|_stop|_refuse|tell)\(\s*\"([a-z_]+)\"")
    told = {code for text in texts.values() for code in calls.findall(text)}
    assert told <= set(FINDING_CODES)


def test_loading_imports_neither_the_event_loop_nor_a_backend_nor_json_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("nodes:\n  - {id: a, uses: log, params: {message: '${{ inputs.x }}'}}\n")
    code = (
        "import sys; from flowcraft_engine.blueprint import load_blueprint; "
        f"load_blueprint({str(path)!r}); "
        "print([n for n in ('asyncio', 'redis', 'dramatiq', 'httpx', 'jsonschema') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]", run.stdout


def test_a_large_file_is_checked_in_one_pass_with_its_places(tmp_path: Path) -> None:
    count = 10_000
    lines = ["id: big", "nodes:"]
    for index in range(count):
        lines += [f"  - id: node-{index}", "    uses: noop", "    params: {limit: 3, name: x}"]
        lines += ["    config:", "      max_retries: 3", "      timeout: 30s"]
    lines += ["edges:", *(f"  - node-{index} -> node-{index + 1}" for index in range(count - 1))]
    path = tmp_path / "big.yaml"
    path.write_text("\n".join(lines))
    loaded = blueprint.load_blueprint(path)
    assert len(loaded.nodes) == count
    assert loaded.locations[f"node-{count - 1}"].line == 3 + 6 * (count - 1)
