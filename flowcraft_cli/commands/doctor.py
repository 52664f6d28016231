"""`flowcraft doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from flowcraft_cli.options import Json, option
from flowcraft_cli.shared_options import NODES, PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.colour import Palette
    from flowcraft_engine.check import Check
    from flowcraft_engine.diagnosis import Diagnosis
    from flowcraft_engine.errors import UsageError
    from flowcraft_engine.settings import Settings

_FOUND_SOMETHING = 8
_REDIS_AWAY = 9
#: Symbol, the same in ASCII, and colour.
_LOOKS: Final = {"ok": ("✓", "+", "32"), "warn": ("!", "!", "33"), "fail": ("✗", "x", "1;31")}


@takes(NODES, PLACE)
def doctor_command(
    context: typer.Context,
    strict: Annotated[bool, option("--strict", help="Exit code 8 for warnings, too.")] = False,
    json: Json = False,
) -> int:
    """Check Python, packages, settings, nodes, the state file, and Redis and its workers if one is configured.

    Says what was found and what to do about it, and changes nothing. Exit code 8 if a check fails, 9 if Redis
    was asked for and cannot be reached. No password is shown.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit_json, stdout_for_results_only
    from flowcraft_engine.diagnosis import diagnose

    with stdout_for_results_only():
        diagnosis = run_async(diagnose(_settings(context)))
    code = _exit_code(diagnosis, strict=strict)
    if json:
        checks = [check.to_json() for check in diagnosis.checks]
        emit_json({"schema": 1, "ok": code == 0, "checks": checks})
    else:
        _print(diagnosis)
    return code


def _settings(context: typer.Context) -> Settings | UsageError:
    from flowcraft_cli.options import settings_of
    from flowcraft_engine.errors import UsageError

    try:
        return settings_of(context)
    except UsageError as error:  # wrong settings are what a doctor is asked about
        return error


def _exit_code(diagnosis: Diagnosis, *, strict: bool) -> int:
    from flowcraft_engine.check import CheckStatus

    if diagnosis.is_redis_away:
        return _REDIS_AWAY
    has_finding = diagnosis.has(CheckStatus.FAIL) or (strict and diagnosis.has(CheckStatus.WARN))
    return _FOUND_SOMETHING if has_finding else 0


def _print(diagnosis: Diagnosis) -> None:
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.output import emit, tell

    palette = palette_for("stdout")
    column = max(len(check.name) for check in diagnosis.checks) + 4
    for check in diagnosis.checks:
        emit("\n".join(_lines(check, column, palette)))
    tell(f"\n{_summary(diagnosis)}")


def _lines(check: Check, column: int, palette: Palette) -> list[str]:
    """The check beside its name, wrapped in a terminal, then what to do."""
    from flowcraft_cli.looks import has_symbols
    from flowcraft_cli.screen import folded
    from flowcraft_cli.text import safe

    symbol, plain, colour = _LOOKS[check.status]
    are_symbols = has_symbols("stdout")
    mark = palette.style(symbol if are_symbols else plain, colour)
    name = check.name.ljust(column - 2)
    first, *rest = folded(safe(check.found), column, "stdout")
    lines = [f"{mark} {palette.style(name, colour) if check.status != 'ok' else name}{first}"]
    lines.extend(" " * column + line for line in rest)
    if check.advice is not None:
        arrow = "→ " if are_symbols else "-> "
        first, *rest = folded(safe(check.advice), column + len(arrow), "stdout")
        lines.append(f"{' ' * column}{palette.cyan(arrow + first)}")
        lines.extend(" " * (column + len(arrow)) + palette.cyan(line) for line in rest)
    return lines


def _summary(diagnosis: Diagnosis) -> str:
    failed = sum(check.status == "fail" for check in diagnosis.checks)
    warned = sum(check.status == "warn" for check in diagnosis.checks)
    if not failed and not warned:
        return "all is well"
    counts = [(failed, "failed check"), (warned, "warning")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
