"""The format of run files: gzip-compressed lines of JSON, a header first, a checksum last. See docs/run-files.md."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from flowcraft_engine.errors import BackendError, NotFoundError, UsageError
from flowcraft_engine.kernel.event import RUN_STARTED, Event
from flowcraft_engine.kernel.fold import replay
from flowcraft_engine.stores.bundle import Bundle, BundledRun, plans_of
from flowcraft_engine.stores.log_store import LogLine, LogPart
from flowcraft_engine.version import __version__

FORMAT = "flowcraft-run"
VERSION = 1
#: Events of one line, so that no line is too long to be read at once.
_EVENTS_A_LINE = 500
#: Bytes of a file, when it is not compressed any more.
_LARGEST = 1024 * 1024 * 1024


class RunFileError(UsageError):
    """The file is no run file, or it is damaged."""

    code = "run_file_invalid"
    exit_code = 3


def write_run_file(path: Path, bundle: Bundle) -> None:
    """Write the whole file, or leave what was there. Raises `BackendError`."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
            checksum = hashlib.sha256()
            for document in _documents(bundle):
                line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
                checksum.update(line)
                file.write(line)
            file.write(json.dumps({"sha256": checksum.hexdigest()}).encode() + b"\n")
        Path(name).replace(path)
    except BaseException as error:  # a signal, too
        with suppress(OSError):
            Path(name).unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: Path, error: OSError) -> BackendError:
    return BackendError(f"the run file {path} cannot be written: {error.strerror or error}")


def _documents(bundle: Bundle) -> Iterator[dict[str, Any]]:
    yield {
        "format": FORMAT,
        "version": VERSION,
        "run_id": bundle.run_id,
        "written_by": f"flowcraft {__version__}",
        "options": bundle.options,
    }
    for digest, snapshot in bundle.blueprints.items():
        yield {"digest": digest, **snapshot}
    for run in bundle.runs:
        yield {"run_id": run.run_id, "digest": run.digest, "events": len(run.events)}
        rest = iter(run.events)
        while part := list(islice(rest, _EVENTS_A_LINE)):
            yield {"events_of": run.run_id, "list": part}
        for logged in run.logs:
            yield {
                "log_of": run.run_id,
                "instance": logged.instance,
                "generation": logged.generation,
                "attempt": logged.attempt,
                "lines": logged.lines,
                "left_out": logged.left_out,
            }


def read_run_file(path: Path) -> tuple[Bundle, bytes]:
    """The run in a file, and the bytes of the file.

    Raises `NotFoundError`, or `RunFileError` with a sentence for what cannot be used.
    """
    content = read_bytes(path)
    documents = _documents_of(path, content)
    header = documents[0]
    if header.get("format") != FORMAT:
        raise RunFileError(f"{path} is not a run file", hint="flowcraft export RUN -o FILE writes one")
    if header.get("version") != VERSION:
        raise RunFileError(
            f"{path} has version {header.get('version')} of the format, this flowcraft reads {VERSION}",
            hint="upgrade flowcraft",
        )
    try:
        bundle = _bundle(documents)
        _check(bundle)
    except Exception as error:  # whatever a forged or half understood file makes of the fold
        raise _damaged(path, f"its parts do not fit together ({type(error).__name__})") from error
    return bundle, content


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise BackendError(f"the run file {path} cannot be read: {error.strerror or error}") from error


def _documents_of(path: Path, content: bytes) -> list[dict[str, Any]]:
    """All lines but the last, once their checksum is right."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            data = file.read(_LARGEST + 1)
    except gzip.BadGzipFile as error:
        raise RunFileError(
            f"{path} is not a run file, or its beginning is damaged",
            hint="flowcraft export RUN -o FILE writes one",
        ) from error
    except EOFError as error:
        raise _damaged(path, "it ends too early") from error
    except zlib.error as error:
        raise _damaged(path, "it cannot be decompressed") from error
    if len(data) > _LARGEST:
        raise RunFileError(f"{path} is larger than {_LARGEST // 1024**3} GiB when it is decompressed")
    *lines, last = data.splitlines(keepends=True) or [b""]
    try:
        trailer = json.loads(last)
        documents = [json.loads(line) for line in lines]
    except ValueError as error:
        raise _damaged(path, "it is not made of lines of JSON") from error
    if not documents or not all(isinstance(it, dict) for it in [trailer, *documents]):
        raise _damaged(path, "it is empty")
    if trailer.get("sha256") != hashlib.sha256(b"".join(lines)).hexdigest():
        raise _damaged(path, "its checksum is wrong")
    return documents


def _damaged(path: Path, how: str) -> RunFileError:
    return RunFileError(f"the run file {path} is damaged: {how}", hint="copy or export it again")


def _bundle(documents: list[dict[str, Any]]) -> Bundle:
    bundle = Bundle(options=documents[0]["options"])
    runs: dict[str, BundledRun] = {}
    counts: dict[str, int] = {}
    for document in documents[1:]:
        if "events_of" in document:
            runs[document["events_of"]].events.extend(Event(*fields) for fields in document["list"])
        elif "log_of" in document:
            lines = tuple(LogLine(*line) for line in document["lines"])
            part = LogPart(
                document["log_of"],
                document["instance"],
                document["generation"],
                document["attempt"],
                lines,
                document["left_out"],
            )
            runs[part.run_id].logs.append(part)
        elif "run_id" in document:
            run = runs[document["run_id"]] = BundledRun(document["run_id"], document["digest"], [])
            bundle.runs.append(run)
            counts[run.run_id] = document["events"]
        else:
            bundle.blueprints[document.pop("digest")] = document
    if any(len(run.events) != counts[run.run_id] for run in bundle.runs):
        raise ValueError("events are missing")
    return bundle


def _check(bundle: Bundle) -> None:
    """Raises whatever it is, if the events of the runs cannot be folded."""
    plans = plans_of(bundle)
    for run in bundle.runs:
        if run.events[0].type != RUN_STARTED or run.events[0].data["digest"] != run.digest:
            raise ValueError("a run without its beginning")
        if run.run_id != bundle.run_id and not run.run_id.startswith(f"{bundle.run_id}:"):
            raise ValueError("a run that does not belong here")
        replay(plans[run.digest], run.run_id, run.events)
