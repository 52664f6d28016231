"""Writes `docs/cli.md` from the commands themselves: `python -m flowcraft_cli.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
from typing import Any

import typer

from flowcraft_cli.catalogue import COMMANDS
from flowcraft_cli.lazy_group import load_command

_INTRODUCTION = """\
# Command line

<!-- Written by `python -m flowcraft_cli.reference > docs/cli.md`; a test compares. -->

Results go to stdout, everything else to stderr. With `--json` stdout has exactly one JSON document, also on
failure: `{"schema": 1, "error": {"code", "message", "hint"}}`, with `issues` for a blueprint that is not valid.

Options come first from the command line, then from `FLOWCRAFT_<OPTION>`, then from the project file. The project
file is `flowcraft.toml`, or `[tool.flowcraft]` of `pyproject.toml`, found upwards from the blueprint, else from the
current folder. It knows:

| key | meaning |
|---|---|
| `app` | module with your nodes, or a list of them |
| `blueprints` | files and folders with blueprints for subflows |
| `state` | where runs are kept: a file, or `memory` |
| `concurrency` | most nodes at a time |
| `http_allow` | hosts that `http` nodes may reach although they are not public |
| `secrets` | where `secret("NAME")` looks: `env`, `file:PATH`, `command:PROGRAM {name}`, or a list of them |
| `backend` | where runs are: `sqlite` or `redis` |
| `redis_url`, `broker_url` | Redis of the runs, Redis of the queue |
| `namespace` | what all keys in Redis begin with |
| `insecure` | whether a Redis on the network without password and TLS may be used |

and the settings of [workers](operations.md#settings-of-workers).

Runs are kept in `.flowcraft/state.db` beside the project file above the current folder, else in the current folder
itself. A run is named by its id, by the beginning of it, or by `@latest`; a sub-run by `parent:node`.

`NO_COLOR` switches colours off, `FORCE_COLOR` on; `CI` and `TERM=dumb` give plain lines instead of the live tree.

| exit code | meaning |
|---|---|
| 0 | completed, or nothing to do |
| 1 | the run failed |
| 2 | wrong usage |
| 3 | blueprint or inputs are not valid |
| 4 | the run was cancelled |
| 5 | the run waits for someone; it can be resumed |
| 6 | `--timeout` of the command passed |
| 7 | no such run, node or file, or its state does not allow it |
| 8 | `--check` or `doctor` found something, or `diff` a difference |
| 9 | the state file, Redis, or another backend cannot be used |
| 70 | a bug in flowcraft |
| 130, 143 | interrupted, terminated: a kept run can be continued, and the message says how |
"""


def reference() -> str:
    """The whole document."""
    parts = [_INTRODUCTION]
    section = ""
    for name, entry in COMMANDS.items():
        if entry.section != section:
            section = entry.section
            parts.append(f"## {section}\n")
        parts.append(_command_text(name))
    return "\n".join(parts)


def _command_text(name: str) -> str:
    command = load_command(name)
    context = typer.Context(command, info_name=f"flowcraft {name}")
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    usage = " ".join([*(f"[{_word(it)}]" if not it.required else _word(it) for it in arguments), "[OPTIONS]"])
    lines = [
        f"### flowcraft {name}\n",
        f"    flowcraft {name} {usage}\n",
        inspect.cleandoc(command.help or ""),
        "",
    ]
    if arguments or options:
        lines.extend(["| | | variable |", "|---|---|---|"])
    lines.extend(f"| `{_word(it)}` | {_cell(it.help)} | |" for it in arguments)
    lines.extend(_option_row(option, context) for option in options)
    return "\n".join(lines) + "\n"


def _option_row(option: Any, context: typer.Context) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    value = "" if option.is_flag else f" `{option.display_type_rich(context).strip('<>')}`"
    variable = f"`{option.envvar}`" if option.envvar else ""
    return f"| {names}{_cell(value)} | {_cell(option.help)} | {variable} |"


def _word(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()) + ("..." if argument.nargs == -1 else "")


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
