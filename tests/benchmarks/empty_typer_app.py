"""A Typer application that does nothing: what `--help` costs with as many commands as flowcraft has."""

from __future__ import annotations

import typer

COMMANDS = 29


def _command() -> None:
    """Do nothing."""


def main() -> None:
    """The application as Typer makes it: its help is drawn by rich."""
    _app(typer.Typer(help="Do nothing."))


def plain() -> None:
    """The same without rich, which costs more than all of the rest."""
    _app(typer.Typer(help="Do nothing.", rich_markup_mode=None))


def _app(app: typer.Typer) -> None:
    for number in range(1, COMMANDS + 1):
        app.command(f"command-{number}")(_command)
    app()
