"""The node that runs a command."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from flowcraft_engine.errors import ErrorCode, NodeError
from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.builtin.process_group import Captured, Ended, run_command
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.node_output import Show, is_shown, line_logger, without_secrets
from flowcraft_engine.values import NotSerializableError

#: Bytes kept of each stream in `{code, stdout, stderr}`; both, escaped, fit into a node's output.
KEPT_BYTES = 256 * 1024
#: Bytes of standard output that are parsed; more is an error, for data must not lose its beginning.
PARSED_BYTES = 1024 * 1024
_ERROR_LINES = 8
#: What a machine is short of for a moment, so that another attempt may help: descriptors, processes, memory.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})
_ERROR_CHARACTERS = 2_000

_Scalar = str | int | float | bool


class ShellParams(Parameters):
    run: Annotated[
        str | list[_Scalar],
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string", "not": {"pattern": r"(^|[^$])\$\{\{"}},
                    {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
                ]
            }
        ),
    ] = Field(min_length=1, description="the program and its arguments as a list, or script text for `sh`")
    env: dict[str, Any] = Field(
        default_factory=dict, description="environment variables; objects and lists become JSON text"
    )
    cwd: str | None = Field(default=None, description="folder to run in, relative to the blueprint's folder")
    ok_codes: tuple[int, ...] = Field(default=(0,), description="exit codes that are no failure")
    parse: Literal["text", "json", "lines"] | None = Field(
        default=None, description="make the output of the standard output alone"
    )


def handler(settings: BuiltinSettings) -> Handler:
    """The shell node of a process whose commands get `settings.shell_environment` (None: its own)."""

    async def shell(ctx: NodeContext, params: ShellParams) -> Any:
        environment = settings.shell_environment
        return await _shell(ctx, params, os.environ if environment is None else environment)

    shell.__doc__ = _DOCUMENTATION
    return builtin_handler(shell, "shell")


_DOCUMENTATION = """Run a command; the output is `{code, stdout, stderr}`, or its parsed standard output.

    `run` is a list (the program and its arguments) or the text of a script for `sh`, which stops at the first
    command that fails. Values of the run come as environment variables: `${{ }}` inside script text is
    refused. Standard input is empty, output appears in the log line by line, and `cwd` begins at the
    blueprint's folder. Whatever the command has started ends with it. `parse` gives standard output as `text`
    (without its last line ends), as `lines` or as `json`.

        - id: count
          uses: shell
          params:
            run: wc -l < "$FILE"
            env: {FILE: "${{ fetch.path }}"}
            parse: json
        - {id: build, uses: shell, params: {run: [make, -j4, all], cwd: src, ok_codes: [0, 2]}}
    """


async def _shell(ctx: NodeContext, params: ShellParams, base: Mapping[str, str]) -> Any:
    arguments = ["sh", "-ec", params.run] if isinstance(params.run, str) else [_text(x) for x in params.run]
    cwd = _folder(ctx, params.cwd)
    environment = {**base, **{name: _text(value) for name, value in params.env.items()}}
    limit = KEPT_BYTES if params.parse is None else PARSED_BYTES
    try:
        ended = await run_command(
            arguments, cwd=cwd, environment=environment, limit=limit, on_line=_line_logger(ctx)
        )
    except (OSError, ValueError) as error:
        raise _not_started(arguments[0], error) from error
    if ended.code not in params.ok_codes:
        raise NodeError(_failure(ended))
    if params.parse is None:
        return {"code": ended.code, "stdout": ended.stdout.marked(), "stderr": ended.stderr.marked()}
    return _parsed(ended.stdout, params.parse)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _folder(ctx: NodeContext, cwd: str | None) -> str:
    folder = Path(ctx.blueprint_dir or Path.cwd()) / (cwd or "")
    if not folder.is_dir():
        raise NodeError(f"there is no folder {str(folder)!r} to run in", retryable=False)
    return str(folder)


def _line_logger(ctx: NodeContext) -> Show | None:
    """Tells every line to whoever keeps the output of nodes, and to whoever shows it."""
    output = ctx.output
    show = line_logger(ctx) if is_shown() else None
    if output is None:
        return show

    def on_line(stream: str, line: str) -> None:
        output.note(ctx, stream, line + "\n")
        if show is not None:
            show(stream, line)

    return on_line


def _not_started(program: str, error: OSError | ValueError) -> NodeError:
    if isinstance(error, FileNotFoundError):
        reason = f"there is no program {program!r}"
    elif isinstance(error, PermissionError):
        reason = f"{program!r} may not be executed"
    elif isinstance(error, OSError) and error.errno == errno.E2BIG:
        reason = "the arguments and the environment are too long; hand big values over in a file"
    else:
        reason = str(error)
    passes = isinstance(error, OSError) and error.errno in _SHORTAGES
    return NodeError(f"the command could not be started: {reason}", retryable=passes)


def _failure(ended: Ended) -> str:
    """`exit code 2: the last lines that the command wrote`."""
    what = f"exit code {ended.code}" if ended.code >= 0 else f"killed by {_signal_name(-ended.code)}"
    said = without_secrets(ended.stderr.text.strip() or ended.stdout.text.strip())
    tail = "\n".join(said.splitlines()[-_ERROR_LINES:])[-_ERROR_CHARACTERS:]
    return f"{what}: {tail}" if tail else what


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _lines(text: str) -> list[str]:
    """The lines that programs mean, as the log has them; `str.splitlines` divides at form feeds and the like, too."""
    ended = text.removesuffix("\n")
    return [line.rstrip("\r") for line in ended.split("\n")] if text else []


def _parsed(stdout: Captured, parse: str) -> Any:
    if stdout.left_out:
        size = PARSED_BYTES + stdout.left_out
        raise NodeError(
            f"the command wrote {size} bytes, more than the {PARSED_BYTES} that are parsed",
            error_code=ErrorCode.OUTPUT_TOO_LARGE,
            retryable=False,
        )
    if parse == "lines":
        return _lines(stdout.text)
    if parse == "text":
        return stdout.text.rstrip("\r\n")
    try:
        return json.loads(stdout.text)
    except RecursionError:
        raise NotSerializableError.too_deep() from None
    except ValueError as error:
        start = without_secrets(stdout.text.strip())[:200]
        raise NodeError(f"the standard output is not JSON ({error}): {start!r}") from error
