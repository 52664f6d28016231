from __future__ import annotations

import asyncio
import errno
import os
import signal
import time

import jsonschema
import pytest

from flowcraft_engine.errors import NodeError
from flowcraft_engine.nodes.builtin import BuiltinSettings, process_group, shell
from flowcraft_engine.values import NotSerializableError

pytestmark = pytest.mark.asyncio


@pytest.fixture
def sh(make_ctx, tmp_path):
    """Runs a shell node in an empty folder."""

    async def run(command, environment=None, **params):
        handler = shell.handler(BuiltinSettings(shell_environment=environment))
        return await handler.call(make_ctx(params={"run": command, **params}, blueprint_dir=str(tmp_path)))

    return run


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition) -> None:
    """Wait for something outside of this process; the test's own timeout bounds it."""
    while not condition():
        await asyncio.sleep(0.01)


async def test_output_has_code_and_both_streams(sh):
    assert await sh("echo out; echo err >&2") == {"code": 0, "stdout": "out\n", "stderr": "err\n"}


async def test_list_reaches_the_program_as_it_is(sh):
    words = ["$(id)", "`id`", "${{ x }}", "a b", "; rm -rf /", "*", ""]
    assert await sh(["printf", "%s|", *words], parse="text") == "".join(f"{word}|" for word in words)
    assert await sh(["echo", 1, 2.5, True], parse="text") == "1 2.5 true"


async def test_values_arrive_as_environment_variables_and_stay_data(sh):
    values = {"A": "$(id); `id`", "N": 3, "B": False, "NOTHING": None, "O": {"k": ["é"]}}
    script = 'printf "%s|%s|%s|%s|%s" "$A" "$N" "$B" "$NOTHING" "$O"'
    assert await sh(script, env=values, parse="text") == '$(id); `id`|3|false||{"k": ["é"]}'


async def test_environment_is_inherited_unless_the_process_gives_another(sh, monkeypatch):
    monkeypatch.setenv("SHOP_SECRET", "s")
    assert await sh('echo "${SHOP_SECRET-none}"', parse="text") == "s"
    limited = {"PATH": os.environ["PATH"]}
    assert await sh('echo "${SHOP_SECRET-none}"', environment=limited, parse="text") == "none"


async def test_cwd_begins_at_the_folder_of_the_blueprint(sh, tmp_path):
    (tmp_path / "sub").mkdir()
    assert await sh("pwd -P", parse="text") == os.path.realpath(tmp_path)
    assert await sh("pwd -P", cwd="sub", parse="text") == os.path.realpath(tmp_path / "sub")
    with pytest.raises(NodeError, match="there is no folder"):
        await sh("pwd", cwd="nope")


@pytest.mark.parametrize(
    ("script", "parse", "expected"),
    [
        ("printf 'a\\nb\\n\\n'", "text", "a\nb"),
        ("printf 'a\\nb\\n'", "lines", ["a", "b"]),
        ("true", "lines", []),
        ("printf '\\na\\fb\\342\\200\\250c\\r\\nd'", "lines", ["", "a\fb\u2028c", "d"]),
        ("echo '{\"a\": [1, null]}'", "json", {"a": [1, None]}),
        ("printf '\\377x'", "text", "�x"),
    ],
)
async def test_standard_output_is_parsed(sh, script, parse, expected):
    assert await sh(script, parse=parse) == expected


async def test_output_that_is_not_json_fails(sh):
    with pytest.raises(NodeError, match=r"the standard output is not JSON .*: 'oops'"):
        await sh("echo oops", parse="json")


async def test_brackets_without_end_are_refused_in_the_same_words_by_every_python(sh):
    with pytest.raises(NotSerializableError, match="nested more than 200 deep"):
        await sh("printf '%200000s' '' | tr ' ' '['", parse="json")


async def test_script_stops_at_the_first_command_that_fails(sh):
    with pytest.raises(NodeError, match="exit code 1"):
        await sh("false\necho unreachable")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo one >&2; echo two >&2; exit 3", "exit code 3: one\ntwo"),
        ("echo only-out; exit 4", "exit code 4: only-out"),
        ("exit 5", "exit code 5"),
        ("kill -9 $$", "killed by SIGKILL"),
    ],
)
async def test_failure_says_the_code_and_the_last_words(sh, command, message):
    with pytest.raises(NodeError) as caught:
        await sh(command)
    assert caught.value.message == message
    assert caught.value.retryable


async def test_a_machine_that_is_short_of_something_is_worth_another_attempt(sh, monkeypatch):
    async def short(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio.get_running_loop(), "subprocess_exec", short)
    with pytest.raises(NodeError, match=r"could not be started: .*Too many open files") as caught:
        await sh("true")
    assert caught.value.retryable


async def test_ok_codes_are_no_failure(sh):
    assert (await sh("exit 3", ok_codes=[0, 3]))["code"] == 3
    with pytest.raises(NodeError, match="exit code 0"):
        await sh("exit 0", ok_codes=[3])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-program-here"], "there is no program 'no-such-program-here'"),
        (["./plain"], "may not be executed"),
        (["echo", "a\0b"], "null byte"),
        (["true", "x" * 3_000_000], "too long"),
    ],
)
async def test_command_that_cannot_be_started_is_not_tried_again(sh, tmp_path, command, message):
    (tmp_path / "plain").write_text("x")
    with pytest.raises(NodeError, match=message) as caught:
        await sh(command)
    assert not caught.value.retryable


@pytest.mark.parametrize("env", [{}, {"odd.name": "1"}], ids=["held", "at once"])
async def test_file_that_does_not_say_what_executes_it_is_a_script(sh, tmp_path, env):
    script = tmp_path / "script"
    script.write_text('printf "%s|" "$0" "$@"\n')
    script.chmod(0o755)
    said = await sh(["./script", "a b", "$(id)"], env=env, parse="text")
    assert said.endswith("script|a b|$(id)|")


@pytest.mark.parametrize("env", [{}, {"odd.name": "1"}], ids=["held", "at once"])
async def test_file_with_an_interpreter_that_is_not_there_fails(sh, tmp_path, env):
    script = tmp_path / "script"
    script.write_text("#!/none/such\n")
    script.chmod(0o755)
    with pytest.raises(NodeError):
        await sh(["./script"], env=env)


async def test_standard_input_is_empty(sh):
    assert await sh("cat; echo end", parse="text") == "end"


async def test_lines_appear_in_the_log_as_they_come(sh, caplog, tmp_path):
    caplog.set_level("INFO", "flowcraft.node")
    task = asyncio.ensure_future(sh("echo first; until [ -e go ]; do sleep 0.01; done; printf last >&2"))
    await until(lambda: caplog.records)
    assert not task.done()
    (tmp_path / "go").touch()
    await task
    assert [(record.name, record.getMessage(), record.run_id) for record in caplog.records] == [
        ("flowcraft.node.stdout", "first", "run-1"),
        ("flowcraft.node.stderr", "last", "run-1"),
    ]


async def test_long_output_keeps_its_end_and_says_what_is_missing(sh):
    result = await sh("head -c 3000000 /dev/zero | tr '\\0' x; echo end")
    missing = 3_000_004 - shell.KEPT_BYTES
    assert result["stdout"].startswith(f"[… {missing} bytes left out …]\nxxx")
    assert result["stdout"].endswith("xend\n")
    assert len(result["stdout"]) < shell.KEPT_BYTES + 100


async def test_long_output_is_not_parsed(sh):
    with pytest.raises(NodeError, match="wrote 3000000 bytes") as caught:
        await sh("head -c 3000000 /dev/zero", parse="text")
    assert caught.value.error_code == "output_too_large"


async def test_cancelled_command_gets_term_and_may_clean_up(sh, tmp_path):
    script = "trap 'echo cleaned > marker; exit' TERM; touch ready; while :; do sleep 0.01; done"
    task = asyncio.ensure_future(sh(script))
    await until((tmp_path / "ready").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "marker").read_text() == "cleaned\n"


async def test_whole_group_is_killed_when_it_ignores_term(sh, tmp_path, monkeypatch):
    monkeypatch.setattr(process_group, "GRACE_S", 0.1)
    script = "trap '' TERM; sleep 60 & echo $! > child; echo $$ > parent; touch ready; wait; sleep 60"
    task = asyncio.ensure_future(sh(script))
    await until((tmp_path / "ready").exists)
    pids = [int((tmp_path / name).read_text()) for name in ("child", "parent")]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(is_alive(pid) for pid in pids))


async def test_timeout_ends_the_command(sh, tmp_path):
    file = tmp_path / "pid"

    async def begun(limit: asyncio.Timeout) -> None:
        await until(lambda: file.exists() and file.read_text().strip())
        limit.reschedule(asyncio.get_running_loop().time())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            watching = asyncio.create_task(begun(limit))
            await sh("echo $$ > pid; exec sleep 600")
    await watching
    assert not is_alive(int(file.read_text()))


@pytest.mark.parametrize("redirect", ["", ">/dev/null 2>&1"])
async def test_nothing_that_the_command_started_outlives_it(sh, tmp_path, redirect):
    begin = time.monotonic()
    result = await sh(f"sleep 60 {redirect} & echo $! > pid; echo done")
    assert result["stdout"] == "done\n"
    pid = int((tmp_path / "pid").read_text())
    await until(lambda: not is_alive(pid))
    assert time.monotonic() - begin < process_group.GRACE_S + 30


async def test_process_that_left_the_group_does_not_hold_the_node(sh, tmp_path):
    result = await sh("setsid sleep 60 & echo $! > pid; sleep 0.05; echo done")
    try:
        assert result["stdout"] == "done\n"
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_many_commands_run_at_once(sh):
    results = await asyncio.gather(*(sh(["echo", n], parse="json") for n in range(20)))
    assert results == list(range(20))


@pytest.mark.parametrize(
    ("run", "is_valid"),
    [
        ("echo hi", True),
        ("echo ${HOME}", True),
        ("echo ${{ a.b }}", False),
        ("${{ a.b }}", False),
        ("echo $${{ a.b }}", True),
        (["echo", "${{ a.b }}", 3], True),
        ([], False),
        (3, False),
    ],
)
async def test_schema_refuses_templates_in_script_text(run, is_valid):
    schema = shell.handler(BuiltinSettings()).params_schema
    assert jsonschema.Draft202012Validator(schema).is_valid({"run": run}) is is_valid


@pytest.mark.parametrize("run", ["", [], None, {"a": 1}])
async def test_nothing_to_run_is_an_error(sh, run):
    with pytest.raises(NodeError) as caught:
        await sh(run)
    assert caught.value.error_code == "input_invalid"
