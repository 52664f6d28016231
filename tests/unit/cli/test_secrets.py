"""The canary: a secret is used, said by every kind of node in every way, and found nowhere afterwards."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.cli.conftest import write

Flowcraft = Callable[..., Any]

CANARY = 'c4n4ry/"tweet"+é&1234567890'
NUMBER = "918273645546"
SPELLINGS = [
    CANARY,
    json.dumps(CANARY)[1:-1],
    json.dumps(CANARY, ensure_ascii=False)[1:-1],
    quote(CANARY, safe=""),
    quote(CANARY),
    base64.b64encode(CANARY.encode()).decode().rstrip("="),
    base64.b64encode(b"user:" + CANARY.encode()).decode()[8:-4],
    base64.b64encode(b"me:" + CANARY.encode()).decode()[8:-4],
    CANARY.encode().hex(),
    NUMBER,
    CANARY[:10],
    CANARY[-10:],
]

NODES = """
import base64, json, logging, sys
from urllib.parse import quote
from flowcraft_engine import BaseNode, NodeResult, node

@node("say")
def say(ctx, params):
    secret = params["token"]
    print("printed", secret)
    print("half", secret[:9], end=""); print(secret[9:], file=sys.stdout)
    print(json.dumps({"k": secret}), file=sys.stderr)
    ctx.logger.warning("logged %s and %s", secret[:5] + secret[5:], quote(secret, safe=""))
    logging.getLogger("somebody").error("plain logging of %s", secret)
    ctx.context.set("kept", {"deep": [secret]})
    ctx.context.append("list", "x" + secret)
    basic = base64.b64encode(("user:" + secret).encode()).decode()
    return NodeResult({"out": secret, "basic": basic, secret: 1, "number": int(params["pin"])}, secret)

@node("fail")
def fail(ctx, params):
    try:
        raise ValueError("inner " + params["token"])
    except ValueError as error:
        ctx.logger.exception("it broke")
        raise RuntimeError(f"cannot log in with {params['token']}") from error

@node("prepared")
class Prepared(BaseNode):
    async def prep(self, ctx):
        await ctx.context.set("prepared", ctx.params["token"])
        return {"client": ctx.params["token"]}
    async def exec(self, value, ctx):
        assert value["client"] == ctx.params["token"], "prepared again, not masked"
        if ctx.attempt == 1:
            raise ValueError("once " + value["client"])
        return "fine"
    async def post(self, value, ctx):
        return value
"""

BLUEPRINT = """
id: canary
nodes:
  - {id: say, uses: say, params: {token: '${{ secret("CANARY") }}', pin: '${{ secret("PIN") }}'}}
  - id: shell
    uses: shell
    params: {run: 'echo "$T"; echo "$T" | base64 -w0; exit 3', env: {T: '${{ secret("CANARY") }}'}, ok_codes: [3]}
  - {id: broken, uses: shell, params: {run: 'echo "bad $T" >&2; exit 1', env: {T: 'a${{ secret("CANARY") }}b'}}}
  - {id: fail, uses: fail, config: {max_retries: 2}, params: {token: '${{ secret("CANARY") }}'}}
  - {id: prepared, uses: prepared, config: {max_retries: 2}, params: {token: '${{ secret("CANARY") }}'}}
  - {id: ask, uses: wait, params: {message: 'is ${{ secret("CANARY") }} right?'}}
  - {id: nap, uses: sleep, params: {duration: 1}, inputs: say.out}
  - {id: each, uses: say, for_each: [1, 2], params: {token: '${{ secret("CANARY") }}', pin: '${{ secret("PIN") }}'}}
  - {id: sub, uses: subflow, params: {blueprint_id: child}}
  - {id: put, uses: set, params: {values: {k: '${{ secret("CANARY") }}'}}}
  - {id: log, uses: log, params: {message: '${{ secret("CANARY") }}', level: error}}
  - {id: no, uses: check, params: {that: 'secret("CANARY") == 1', message: 'not ${{ secret("CANARY") }}'}}
  - id: long
    uses: shell
    params:
      run: 'yes "$T" | head -c 300000; yes "$T" | head -c 2100 >&2; exit 1'
      env: {T: '${{ secret("CANARY") }}'}
  - id: cut
    uses: shell
    params: {run: 'printf "%190s" x; echo "$T"', parse: json, env: {T: '${{ secret("CANARY") }}'}}
  - {id: after, uses: noop, needs: [say]}
edges:
  - {source: say, target: nap, condition: 'result.output.out != "***"', transform: 'input.out + "!"'}
outputs: {all: 'say', kept: 'kept'}
"""

CHILD = """
id: child
nodes: [{id: inner, uses: fail, params: {token: '${{ secret("CANARY") }}'}}]
"""


@pytest.fixture
def used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    monkeypatch.setenv("PIN", NUMBER)
    write("canary_nodes.py", NODES)
    write("canary.yaml", BLUEPRINT)
    write("child.yaml", CHILD)


def assert_nowhere(text: str, where: str) -> None:
    for spelling in SPELLINGS:
        assert spelling not in text, f"{where} has {spelling!r}"


def test_the_canary_is_found_nowhere(flowcraft: Flowcraft, used: None) -> None:
    """On the screen, in documents, in logs, in the state file byte by byte, in exported files."""
    app = ("--app", "canary_nodes")
    ran = flowcraft("run", "canary.yaml", "--run-id", "r", *app, "-v")
    assert ran.code == 5
    assert "***" in ran.err
    commands: list[tuple[str, ...]] = [
        ("show", "r", "-v"),
        ("show", "r", "--json"),
        ("show", "r:sub", "--json"),
        ("events", "r"),
        ("events", "r", "--json"),
        ("events", "r:sub", "--json"),
        ("logs", "r"),
        ("logs", "r", "--json"),
        ("resume", "r", "--output", "yes", *app, "--json"),
        ("retry", "r", *app, "-v"),
        ("rerun", "r", "--from", "say", *app),
        ("list", "--json"),
        ("export", "r", "-o", "r.fcrun"),
        ("show", "r.fcrun", "--json"),
        ("run", "canary.yaml", "--dry-run"),
        ("run", "canary.yaml", "--dry-run", "--json"),
        ("validate", "canary.yaml", *app, "--json"),
    ]
    for outcome in [ran, *(flowcraft(*arguments) for arguments in commands)]:
        assert_nowhere(outcome.out, "stdout")
        assert_nowhere(outcome.err, "stderr")
    files = [path for path in Path(".flowcraft").rglob("*") if path.is_file()]
    assert any(path.name == "state.db" for path in files)
    for path in files:
        assert_nowhere(path.read_bytes().decode("utf-8", "replace"), str(path))
    assert_nowhere(gzip.decompress(Path("r.fcrun").read_bytes()).decode(), "the run file")


def test_nodes_get_the_secret_itself_and_others_get_the_mask(flowcraft: Flowcraft, used: None) -> None:
    write(
        "short.yaml",
        "nodes:\n"
        '  - {id: a, uses: shell, params: {run: \'printf %s "$T" | wc -c; echo "$T"\', parse: lines,'
        " env: {T: '${{ secret(\"CANARY\") }}'}}}\n"
        "  - {id: b, uses: set, needs: [a], params: {values: {got: '${{ a[1] }}'}}}\n",
    )
    result = flowcraft("run", "short.yaml", "--json").json
    assert result["nodes"]["a"]["output"] == [str(len(CANARY.encode())), "***"]
    assert result["context"] == {"got": "***"}


def test_a_secret_that_is_not_there_or_too_short_fails_its_node(
    flowcraft: Flowcraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "abc")
    monkeypatch.delenv("NOBODY", raising=False)
    write("none.yaml", "nodes:\n  - {id: a, uses: log, params: {message: '${{ secret(\"NOBODY\") }}'}}\n")
    write("short.yaml", "nodes:\n  - {id: a, uses: log, params: {message: '${{ secret(\"SHORT\") }}'}}\n")
    for name, text in (("none", "there is no secret 'NOBODY'"), ("short", "fewer than 4 characters")):
        (error,) = flowcraft("run", f"{name}.yaml", "--json").json["errors"]
        assert error["code"] == "secret_unavailable"
        assert text in error["message"]


def test_the_project_file_names_places(flowcraft: Flowcraft, folder: Path) -> None:
    (folder / "vault").mkdir()
    write("vault/TOKEN", "from-the-vault\n")
    write("flowcraft.toml", 'secrets = ["env:MY_", "file:vault"]\n')
    write(
        "a.yaml",
        'nodes:\n  - {id: a, uses: check, params: {that: \'secret("TOKEN") == "from-the-vault"\'}}\n',
    )
    assert flowcraft("run", "a.yaml", "-q").code == 0
    write("flowcraft.toml", 'secrets = "nonsense"\n')
    refused = flowcraft("run", "a.yaml")
    assert (refused.code, "there is no provider" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "nodes: [a, b]\nedges: [{source: a, target: b, condition: 'secret(\"X\") == 1'}]",
            "secret_outside_params",
        ),
        ("nodes: [{id: a, uses: noop}]\noutputs: {x: 'secret(\"X\")'}", "secret_outside_params"),
        ("nodes: [{id: a, uses: log, for_each: '${{ [secret(\"X\")] }}'}]", "secret_outside_params"),
        ("nodes: [{id: a, uses: log, params: {message: '${{ secret(name) }}'}}]", "bad_expression"),
        ("nodes: [{id: a, uses: log, params: {message: '${{ secret() }}'}}]", "bad_expression"),
    ],
)
def test_secrets_have_their_places(flowcraft: Flowcraft, text: str, code: str) -> None:
    write("a.yaml", text.replace("[a, b]", "[{id: a, uses: noop}, {id: b, uses: noop}]"))
    assert [issue["code"] for issue in flowcraft("validate", "a.yaml", "--json").json["issues"]] == [code]


def test_the_path_language_knows_secrets_too(flowcraft: Flowcraft, used: None) -> None:
    write(
        "a.yaml",
        "expressions: path\n"
        "nodes: [{id: a, uses: shell, params: {run: 'test ${#T} -gt 9', env: {T: '${{ secret(\"CANARY\") }}'}}}]\n",
    )
    assert flowcraft("run", "a.yaml", "-q").code == 0
