"""What a worker cannot serve of its files, with the places: told at its start, and when it reads them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.findings import tell_findings
from flowcraft_cli.working.equipment import Equipment
from flowcraft_cli.working.log import say
from flowcraft_cli.working.order import WorkOrder

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.finding import Finding


def tell_shortcomings(order: WorkOrder, equipment: Equipment) -> None:
    """Files that are no blueprints, and nodes that nobody here can execute."""
    remedy = (
        "it is looked at again when it changes" if order.is_alone else "--strict refuses to start with it"
    )
    for path, findings in equipment.broken.items():
        _tell(order, findings)
        say(f"warning: {path} is not served; {remedy}")
    for path, findings in equipment.unknown.items():
        _tell(order, findings)
        say(f"warning: {path} has nodes that nobody here can execute; {remedy}")


def _tell(order: WorkOrder, findings: Sequence[Finding]) -> None:
    if order.settings.log_format != "json":
        tell_findings(findings)
        return
    for finding in findings:
        say(f"warning: {finding.location}: {finding.message} [{finding.code}]")
