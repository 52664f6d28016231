"""A group of commands that imports a command when it is used."""

from __future__ import annotations

import difflib
import importlib
from typing import Any, Final

import typer
from typer.core import TyperGroup

from flowcraft_cli.catalogue import COMMANDS
from flowcraft_cli.conversion import LeanCommand, spare_conversion
from flowcraft_engine.errors import UsageError

#: What other tools call our commands.
_MEANT: Final = {
    "check": "validate",
    "delete": "prune",
    "describe": "show",
    "help": "--help",
    "history": "events",
    "lint": "validate",
    "ls": "list",
    "new": "init",
    "ps": "list",
    "restart": "retry",
    "runs": "list",
    "start": "run",
    "status": "show",
    "stop": "cancel",
    "trigger": "run",
    "version": "--version",
}


class LazyGroup(TyperGroup):
    """Knows its commands by name; `flowcraft_cli.commands.<name>` is imported on demand."""

    def get_params(self, ctx: Any) -> Any:
        return spare_conversion(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        return load_command(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = [_MEANT[name]] if name in _MEANT else difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean flowcraft {near[0]}?" if near else "flowcraft --help lists them"
            raise UsageError(f"there is no command {name!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.summary))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def load_command(name: str) -> Any:
    """The command, with its options."""
    module = importlib.import_module(f"flowcraft_cli.commands.{name}")
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name, cls=LeanCommand)(getattr(module, f"{name}_command"))
    return typer.main.get_command(single)
