"""A run as a file: nothing is lost on the way, and what is damaged is refused with a sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from flowcraft_engine import ConflictError, FlowcraftError, NotFoundError, parse_blueprint
from flowcraft_engine.assembly.run_file import export_run, read_run
from flowcraft_engine.backends.run_file import store as run_file
from flowcraft_engine.backends.run_file.format import RunFileError, read_run_file, write_run_file
from flowcraft_engine.backends.run_file.store import RunFileStore
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.stores.bundle import restore
from flowcraft_engine.stores.log_store import LogLine, LogPart
from tests.acceptance.notation import child
from tests.contracts.same_state import assert_same_state
from tests.unit.runtime.play import blueprint, runtime

pytestmark = pytest.mark.asyncio

TEXT = "A -> L; L:loop(X..X, false); A -> E:each([1, 2]); A -> N:sub(child) -> B; M:sub(late)"
INNER = [parse_blueprint(child("child", "P -> W:wait -> Q")), parse_blueprint(child("late", "V:wait"))]


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> Any:
    made = SqliteStore(tmp_path / "state.db")
    yield made
    await made.close()


async def start(store: Any, run_id: str = "run") -> Any:
    made = blueprint(TEXT)
    flow = runtime(made, blueprints=INNER, store=store)
    result = await flow.run(made, run_id=run_id)
    assert result.status == "waiting"
    await store.remember(run_id, {"app": ["shop"], "folders": ["/home/somebody"]})
    return flow


@pytest_asyncio.fixture
async def file(store: Any, tmp_path: Path) -> Path:
    await start(store)
    path = tmp_path / "run.fcrun"
    await export_run(store, "run", path, logs=True)
    return path


async def test_an_imported_run_is_the_run_that_was_exported(store: Any, file: Path, tmp_path: Path) -> None:
    other = SqliteStore(tmp_path / "other.db")
    bundle = read_run(file)
    assert bundle.run_id == "run"
    assert await restore(other, bundle) > 0
    assert sorted(await other.tree("run")) == ["run", "run:M", "run:N"]
    for name in await other.tree("run"):
        assert_same_state((await store.snapshot(name))[1], (await other.snapshot(name))[1])
    assert await other.recall("run") == {"app": ["shop"]}, "folders mean nothing elsewhere"
    assert await restore(other, bundle) == 0, "twice is once"
    await other.close()


async def test_a_run_goes_on_in_the_file_and_comes_home(store: Any, file: Path) -> None:
    opened = await RunFileStore.open(file)
    made = blueprint(TEXT)
    flow = runtime(made, blueprints=INNER, store=opened)
    await flow.resume("run", "N", output="yes")
    await flow.resume("run", "M", output="yes")
    assert (await flow.show("run")).status == "completed"
    await opened.close()
    assert await restore(store, read_run(file)) > 0
    assert (await runtime(made, store=store).show("run")).status == "completed"
    assert [it.status for it in await store.list_runs()] == ["completed"] * 3


async def test_a_run_that_went_on_here_is_not_overwritten(store: Any, file: Path) -> None:
    flow = runtime(blueprint(TEXT), blueprints=INNER, store=store)
    await flow.resume("run", "N", output="here")
    assert await restore(store, read_run(file)) == 0, "it has all of that, and more"
    opened = await RunFileStore.open(file)
    await runtime(blueprint(TEXT), blueprints=INNER, store=opened).resume("run", "M", output="there")
    await opened.close()
    with pytest.raises(ConflictError, match="differently"):
        await restore(store, read_run(file))


async def test_two_who_go_on_with_one_file_do_not_overwrite_each_other(file: Path) -> None:
    one, two = [await RunFileStore.open(file) for _ in range(2)]
    for opened, node in ((one, "N"), (two, "M")):
        await runtime(blueprint(TEXT), blueprints=INNER, store=opened).resume("run", node, output=1)
    await one.close()
    with pytest.raises(ConflictError, match="changed by somebody else"):
        await two.close()


async def test_nobody_writes_between_the_look_at_a_file_and_its_writing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    import os

    def write(path: Path, bundle: Any) -> None:
        another = os.open(path.parent, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(another)
        write_run_file(path, bundle)

    monkeypatch.setattr(run_file, "write_run_file", write)
    opened = await RunFileStore.open(file)
    await runtime(blueprint(TEXT), blueprints=INNER, store=opened).resume("run", "N", output=1)
    await opened.close()
    assert await restore(SqliteStore(file.with_name("other.db")), read_run(file)) > 0


async def test_a_signal_leaves_no_half_written_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(file.parent.iterdir())

    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    bundle, content = read_run_file(file)
    monkeypatch.setattr(json, "dumps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_run_file(file, bundle)
    assert sorted(file.parent.iterdir()) == before
    assert file.read_bytes() == content


async def test_two_who_import_a_run_at_once_bring_its_logs_once(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(store)
    await store.write_logs(
        [LogPart("run", "A", 1, 1, (LogLine(1.0, "stdout", None, str(i)),)) for i in range(3)]
    )
    await export_run(store, "run", tmp_path / "run.fcrun", logs=True)
    bundle = read_run(tmp_path / "run.fcrun")
    assert len(bundle.runs[0].logs) >= 3
    one, two = (SqliteStore(tmp_path / "other.db") for _ in range(2))
    asks = one.last_log

    async def last_log(run_id: str) -> int:
        known = await asks(run_id)
        await restore(two, bundle)
        return known

    monkeypatch.setattr(one, "last_log", last_log)
    await restore(one, bundle)
    assert await two.last_log("run") == len(bundle.runs[0].logs)
    await one.close()
    await two.close()


async def test_looking_into_a_file_does_not_write_it(file: Path) -> None:
    before = file.stat().st_mtime_ns
    opened = await RunFileStore.open(file)
    await runtime(blueprint(TEXT), store=opened).show("run")
    await opened.close()
    assert file.stat().st_mtime_ns == before


async def test_a_run_that_is_being_executed_is_refused(store: Any, tmp_path: Path) -> None:
    import asyncio

    gate, begun = asyncio.Event(), asyncio.Event()

    async def slow(ctx: Any) -> None:
        begun.set()
        await gate.wait()

    made = blueprint("A")
    running = asyncio.create_task(runtime(made, {"A": slow}, store=store).run(made, run_id="busy"))
    await begun.wait()
    with pytest.raises(ConflictError, match="A runs"):
        await export_run(store, "busy", tmp_path / "busy.fcrun", logs=True)
    gate.set()
    await running


async def test_a_sub_run_is_exported_with_its_run(store: Any, tmp_path: Path) -> None:
    await start(store)
    with pytest.raises(ConflictError, match="is a sub-run"):
        await export_run(store, "run:N", tmp_path / "inner.fcrun", logs=True)


# ---- damage -------------------------------------------------------------------------------------------------


async def test_a_file_that_ends_too_early_or_has_a_wrong_byte_is_refused(file: Path) -> None:
    content = file.read_bytes()
    meant = gzip.decompress(content)
    random = Random(7)
    for cut in [0, 1, 5, 9, 10, 11, *random.sample(range(12, len(content)), 60), len(content) - 1]:
        file.write_bytes(content[:cut])
        refused(file)
    for place in random.sample(range(len(content)), 150):
        wrong = bytearray(content)
        wrong[place] ^= 1 << random.randrange(8)
        file.write_bytes(bytes(wrong))
        try:
            read_run_file(file)
        except RunFileError:
            continue
        # Bits that gzip ignores (in its header, behind the last block), or the same text, found in another place.
        assert gzip.decompress(wrong) == meant


def refused(path: Path) -> str:
    with pytest.raises(RunFileError) as caught:
        read_run_file(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value.message


async def test_forged_files_are_refused(file: Path) -> None:
    """With a right checksum, but parts that do not fit."""
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()[:-1]]

    def write(documents: list[Any]) -> None:
        import hashlib

        text = b"".join(json.dumps(it).encode() + b"\n" for it in documents)
        trailer = json.dumps({"sha256": hashlib.sha256(text).hexdigest()}).encode()
        file.write_bytes(gzip.compress(text + trailer + b"\n"))

    write(lines)
    assert read_run_file(file)[0].run_id == "run"
    for index in range(1, len(lines)):
        write(lines[:index] + lines[index + 1 :])
        if "log_of" not in lines[index]:
            assert "do not fit together" in refused(file), lines[index]
    write([{**lines[0], "version": 2}, *lines[1:]])
    assert "version 2" in refused(file)
    write([{**lines[0], "format": "other"}, *lines[1:]])
    assert "is not a run file" in refused(file)
    for nonsense in ([], ["text"], [[1]], [{}], [lines[0], {"events_of": "run", "list": 3}]):
        write(nonsense)
        refused(file)


_PACKED = [gzip.compress(text, mtime=0) for text in (b"", b"{}\n")]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", *_PACKED])
async def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.fcrun"
    path.write_bytes(content)
    refused(path)


async def test_a_file_that_is_not_there_or_cannot_be_written(store: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_run_file(tmp_path / "nothing.fcrun")
    await start(store)
    with pytest.raises(FlowcraftError, match="cannot be written"):
        await export_run(store, "run", tmp_path / "no" / "folder.fcrun", logs=True)
    assert list(tmp_path.glob("*.fcrun")) == []


async def test_a_run_that_sleeps_in_a_living_process_is_refused_until_it_is_paused(
    store: Any, tmp_path: Path
) -> None:
    import asyncio

    made = blueprint("S:sleep(60000) -> A")
    flow = runtime(made, store=store)
    async with asyncio.timeout(30):
        running = asyncio.create_task(flow.run(made, run_id="asleep"))
        while not await store.exists("asleep") or not (await store.snapshot("asleep"))[1].waiting:
            await asyncio.sleep(0)
        with pytest.raises(ConflictError, match="is being executed"):
            await export_run(store, "asleep", tmp_path / "asleep.fcrun", logs=True)
        await flow.pause("asleep")
        await export_run(store, "asleep", tmp_path / "asleep.fcrun", logs=True)
        assert (await running).status == "paused"
