"""Writes the pages that are made from the code: `python -m tests.docs.generate`. The tests compare them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

from flowcraft_engine import NodeRegistry
from flowcraft_engine.blueprint.codes import FINDING_CODES
from flowcraft_engine.errors import ErrorCode
from flowcraft_engine.nodes.describe import NodeDescription, describe_all
from tests.docs.failures import COMMAND_FAILURES, NODE_FAILURES, Failure

ROOT = Path(__file__).parents[2]
_MADE = "<!-- Made by `python -m tests.docs.generate`; edit the code instead. -->\n"


def main() -> None:
    for name, make in PAGES.items():
        (ROOT / "docs" / name).write_text(make(), encoding="utf-8")


# ---- the map of the code -------------------------------------------------------------------------------


def code_map() -> str:
    """Every room and every file, with the first line of its docstring."""
    lines = [_MADE, "# Map of the code", "", _MAP_INTRODUCTION, ""]
    for package in ("flowcraft_cli", "flowcraft_engine"):
        folder = ROOT / package
        lines += [f"## {package}", "", _first_line(folder / "__init__.py"), ""]
        lines += _rows(path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py")
        for room in sorted(path.parent for path in folder.rglob("*/__init__.py")):
            title = str(room.relative_to(ROOT)).replace("/", ".")
            lines += [f"### {title}", "", _first_line(room / "__init__.py"), ""]
            lines += _rows(path for path in sorted(room.glob("*.py")) if path.name != "__init__.py")
    return "\n".join(lines).rstrip() + "\n"


_MAP_INTRODUCTION = """\
Imports go downwards only (`nox -s imports`). Rooms on one line do not import each other.

```text
flowcraft_cli                 command line: parse, call, show
diagnosis | testing           what `flowcraft doctor` looks at; the test kit of workflow authors
assembly                      the only place that wires concrete parts together
settings                      read once, frozen
backends                      SQLite, Dramatiq; the only importers of their libraries
runtime | distributed         the in-process runtime; what a fleet of processes needs
  | reports                   what people and CI systems are told of a run
execution                     the only path a node ever takes: claim, attempt, route, commit
nodes | history | drawing     node types; views of runs; pictures of blueprints
stores                        the ports, and their in-memory form
clock
kernel                        states, joins, routing, retries: pure decisions
blueprint                     the format: reading, checking
expressions                   the expression languages
values | errors | check
frozen | version              frozen dataclasses, made quickly; the version
```"""


def _rows(paths: object) -> list[str]:
    rows = [f"- `{path.name}`: {_first_line(path)}" for path in paths]  # type: ignore[attr-defined]
    return [*rows, ""] if rows else []


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


# ---- built-in nodes ------------------------------------------------------------------------------------


def built_in_nodes() -> str:
    """What the registry says about every built-in node."""
    lines = [
        _MADE,
        "# Built-in nodes",
        "",
        "`flowcraft nodes NAME` prints the same, and that of your own nodes.",
        "",
    ]
    for description in describe_all(NodeRegistry()):
        lines += _node(description)
    return "\n".join(lines).rstrip() + "\n"


#: Examples that show one node of a pair, and what `validate` says of it alone.
_LACKING = {
    "batch-gather": " invalid=gather_without_scatter",
    "loop-controller": " invalid=loop_incomplete",
    "noop": " invalid=unknown_node",
}


def _node(description: NodeDescription) -> list[str]:
    lines = [f"## {description.name}", ""]
    for paragraph in description.documentation.split("\n\n"):
        if re.match(r"\s*- ", paragraph):
            lacking = _LACKING.get(description.name, "")
            lines += [f"```yaml part=nodes{lacking}", _dedented(paragraph), "```", ""]
        else:
            lines += [paragraph.strip(), ""]
    if description.params:
        lines += ["| param | type | default | |", "|---|---|---|---|"]
        for param in description.params:
            default = "**required**" if param.is_required else _default(param.default)
            lines.append(f"| `{param.name}` | {_cell(param.type)} | {default} | {_cell(param.description)} |")
        lines.append("")
    return lines


def _dedented(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[margin:] for line in lines)


def _default(value: object) -> str:
    return "" if value in (None, {}, []) else f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ---- errors --------------------------------------------------------------------------------------------


def errors() -> str:
    """Every code that a user can meet, with its cause and its cure."""
    lines = [_MADE, "# Errors", "", _ERRORS_INTRODUCTION, "", "## Why a node, or a run, failed", ""]
    for code in ErrorCode:
        lines += _failure(str(code), NODE_FAILURES[code])
    lines += ["## Why a command failed", ""]
    for name, failure in COMMAND_FAILURES.items():
        lines += _failure(name, failure)
    lines += ["## Findings of `flowcraft validate`", ""]
    for row in FINDING_CODES.values():
        lines += _failure(row.code, Failure(row.meaning, row.cause, row.cure))
    return "\n".join(lines).rstrip() + "\n"


_ERRORS_INTRODUCTION = """\
Every error has a stable code: in brackets behind a finding of `validate`, as `code` in
every JSON document. The sentences may change, the codes do not."""


def _failure(code: str, failure: Failure) -> list[str]:
    return [
        f"### `{code}`",
        "",
        f"{failure.meaning}<br>",
        f"**Cause**: {failure.cause}<br>",
        f"**Cure**: {failure.cure}",
        "",
    ]


PAGES: dict[str, Callable[[], str]] = {
    "map.md": code_map,
    "built-in-nodes.md": built_in_nodes,
    "errors.md": errors,
}

if __name__ == "__main__":
    main()
