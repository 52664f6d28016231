"""A Typer application that does nothing: what `--help` costs with as many commands as flowcraft has."""

from __future__ import annotations

import typer

COMMANDS = 13

app = typer.Typer(help="Do nothing.", add_completion=False)


def _command() -> None:
    """Do nothing."""


for _number in range(1, COMMANDS + 1):
    app.command(f"command-{_number}")(_command)


def main() -> None:
    app()
