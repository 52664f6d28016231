"""The text of a blueprint from a path, from stdin or from memory; whatever is no text is named and refused.

Never waits for a pipe or a device that is given as a path, and never reads more than the limit.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from typing import NoReturn

from flowcraft_engine.blueprint.finding import Finding, SourceLocation
from flowcraft_engine.blueprint.limits import Limits
from flowcraft_engine.blueprint.nearest import nearest
from flowcraft_engine.blueprint.report import UnreadableError, finding
from flowcraft_engine.blueprint.source import SourceText, printable

STDIN = "-"

#: How files begin that are not text, and what they are.
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (or an office document)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x7fELF", "a program (ELF)"),
    (b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (b"MZ\x90", "a program (Windows)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
)
_WIDE: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_NOT_A_FILE = (
    (stat.S_ISDIR, "is_a_directory", "is a folder, not a blueprint file", "name a file in it"),
    (stat.S_ISFIFO, "not_a_file", "is a named pipe, not a file", "read it from stdin: flowcraft … - < pipe"),
    (stat.S_ISCHR, "not_a_file", "is a device, not a file", "to read from stdin, write -"),
    (stat.S_ISBLK, "not_a_file", "is a block device, not a file", None),
    (stat.S_ISSOCK, "not_a_file", "is a socket, not a file", None),
)


def read_source(path: str | os.PathLike[str], limits: Limits) -> SourceText:
    """The text of the file, or of stdin for `-`. Raises `UnreadableError`."""
    name = os.fspath(path)
    if name == STDIN:
        return decode("<stdin>", _read_stdin(limits), limits)
    return decode(printable(_from_here(name)), _read_file(name, limits), limits)


def _from_here(name: str) -> str:
    """A file in the current folder is named as seen from there, however it was typed: what is told of it stays
    true where the folder has another place, as in a clone of a repository.
    """
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def decode(name: str, data: bytes, limits: Limits) -> SourceText:
    """UTF-8 text, with or without a byte order mark. Raises `UnreadableError` that names what it is
    instead.
    """
    if len(data) > limits.max_bytes:
        _refuse(
            name,
            "too_large",
            f"the file is larger than {_mebibytes(limits.max_bytes)}",
            "split the blueprint",
        )
    for start, kind in _WIDE:
        if data.startswith(start):
            _refuse(name, "not_utf8", f"the file is {kind} text; a blueprint is UTF-8", "save it as UTF-8")
    for start, kind in _KINDS:
        if data.startswith(start):
            _refuse(name, "binary_file", f"this is {kind}, not a blueprint")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        _refuse_encoding(name, data, error)
    _refuse_nul(SourceText(name, text))
    return SourceText(name, text)


def from_text(name: str, text: str, limits: Limits) -> SourceText:
    """Text that is already in memory, under the same rules as a file."""
    try:
        return decode(name, text.encode(), limits)
    except UnicodeEncodeError as error:
        source = SourceText(name, text.encode("utf-8", "replace").decode())
        text = "half of a surrogate pair, which is no character"
        raise UnreadableError(finding(source, "not_utf8", f"the text holds {text}", error.start)) from None


def _refuse_encoding(name: str, data: bytes, error: UnicodeDecodeError) -> NoReturn:
    if data.count(0, 0, 4_096) > len(data[:4_096]) // 4:
        _refuse(name, "not_utf8", "the file looks like UTF-16 text; a blueprint is UTF-8", "save it as UTF-8")
    if b"\0" in data[:4_096]:
        _refuse(name, "binary_file", "this is a binary file, not a blueprint")
    source = SourceText(name, data.decode(errors="replace"))
    at = len(data[: error.start].decode(errors="replace"))
    bad = data[error.start]
    surrogate = bad == 0xED and data[error.start + 1 : error.start + 2] >= b"\xa0"
    what = "half of a surrogate pair" if surrogate else f"the byte 0x{bad:02x}"
    text = f"the file is not UTF-8: {what} is no character"
    raise UnreadableError(finding(source, "not_utf8", text, at, "save it as UTF-8"))


def _refuse_nul(source: SourceText) -> None:
    at = source.text.find("\0")
    if at < 0:
        return
    start = source.text[:4_096]
    if start.count("\0") > len(start) // 4:
        _refuse(
            source.name,
            "not_utf8",
            "the file looks like UTF-16 text; a blueprint is UTF-8",
            "save it as UTF-8",
        )
    text = "the file holds a NUL character; that is not text"
    raise UnreadableError(finding(source, "nul_character", text, at, "is it a binary file?"))


def _read_stdin(limits: Limits) -> bytes:
    stream = sys.stdin
    if stream is None or stream.closed:
        _refuse(
            "<stdin>", "stdin_closed", "stdin is closed, there is nothing to read", "name a file instead of -"
        )
    try:
        return stream.buffer.read(limits.max_bytes + 1)
    except OSError as error:
        _refuse(
            "<stdin>", "stdin_closed", f"stdin cannot be read: {error.strerror}", "name a file instead of -"
        )


def _read_file(name: str, limits: Limits) -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(name, flags)
    except ValueError:
        _refuse(printable(name), "file_missing", "a file name cannot hold a NUL character")
    except OSError as error:
        _refuse_to_open(name, error)
    try:
        _refuse_what_is_no_file(name, os.fstat(descriptor), limits)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limits.max_bytes + 1)
    except OSError as error:
        _refuse_to_open(name, error)
    finally:
        os.close(descriptor)


def _refuse_what_is_no_file(name: str, status: os.stat_result, limits: Limits) -> None:
    for is_kind, code, message, hint in _NOT_A_FILE:
        if is_kind(status.st_mode):
            _refuse(name, code, f"'{printable(name)}' {message}", hint)
    if status.st_size > limits.max_bytes:
        size, most = _mebibytes(status.st_size), _mebibytes(limits.max_bytes)
        _refuse(name, "too_large", f"the file has {size}; the limit is {most}", "split the blueprint")


def _refuse_to_open(name: str, error: OSError) -> NoReturn:
    shown = printable(name, 200)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        _refuse(name, "file_missing", f"there is no file '{shown}'", _near_file(name))
    if error.errno in (errno.EACCES, errno.EPERM):
        _refuse(
            name, "no_permission", f"'{shown}' may not be read: permission denied", "check its permissions"
        )
    if error.errno == errno.ELOOP:
        _refuse(name, "symlink_loop", f"'{shown}' is a symbolic link that leads back to itself")
    if error.errno == errno.ENAMETOOLONG:
        _refuse(name, "file_missing", f"the file name is too long: '{printable(name, 60)}'")
    if error.errno == errno.ENXIO:
        _refuse(name, "not_a_file", f"'{shown}' is a socket or a device, not a file")
    if error.errno == errno.EISDIR:
        _refuse(name, "is_a_directory", f"'{shown}' is a folder, not a blueprint file", "name a file in it")
    _refuse(name, "unreadable_file", f"'{shown}' cannot be read: {error.strerror}")


def _near_file(name: str) -> str | None:
    path = Path(name)
    try:
        names = [entry.name for _, entry in zip(range(2_000), os.scandir(path.parent or "."), strict=False)]
    except OSError:
        return None
    near = nearest(path.name, names)
    return f"did you mean '{path.with_name(near)}'?" if near else None


def _mebibytes(count: int) -> str:
    return f"{count / 1_048_576:.0f} MiB" if count >= 1_048_576 else f"{count} bytes"


def _refuse(name: str, code: str, message: str, hint: str | None = None) -> NoReturn:
    raise UnreadableError(Finding(code, message, SourceLocation(printable(name, 200), 1, 1), hint))
