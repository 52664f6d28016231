"""All checks, in the order in which people read them."""

from __future__ import annotations

from flowcraft_engine.assembly.fleet import fleet_members
from flowcraft_engine.assembly.servers import examine_redis, is_redis_configured
from flowcraft_engine.assembly.state_file import examine_state
from flowcraft_engine.check import Check, CheckStatus
from flowcraft_engine.diagnosis.fleet import worker_checks
from flowcraft_engine.diagnosis.installation import installation_checks
from flowcraft_engine.diagnosis.node_types import node_checks
from flowcraft_engine.errors import BackendError, UsageError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.settings import Settings


@frozen
class Diagnosis:
    checks: tuple[Check, ...]
    #: Whether a Redis was asked for that cannot be reached.
    is_redis_away: bool = False

    def has(self, status: CheckStatus) -> bool:
        return any(check.status is status for check in self.checks)


async def diagnose(settings: Settings | UsageError) -> Diagnosis:
    """Look at everything; changes nothing. With the error of wrong settings, at what does not depend on them.

    Imports the modules that the settings name, as a run would.
    """
    if isinstance(settings, UsageError):
        wrong = Check.fail("settings", settings.message, settings.hint)
        return Diagnosis((*installation_checks(), wrong))
    here = [*installation_checks(), _project(settings), *node_checks(settings), *examine_state(settings)]
    if not is_redis_configured(settings):
        return Diagnosis((*here, _no_redis()))
    checks: list[Check] = []
    try:
        checks.extend(await examine_redis(settings))
        if not any(check.status is CheckStatus.FAIL for check in checks):
            checks.extend(worker_checks(await fleet_members(settings)))
    except (BackendError, UsageError) as error:
        checks.append(Check.fail("redis", error.message, error.hint))
        return Diagnosis((*here, *checks), is_redis_away=isinstance(error, BackendError))
    return Diagnosis((*here, *checks))


def _project(settings: Settings) -> Check:
    if settings.project is None:
        return Check.ok("project", f"no project file; runs and settings belong to {settings.root}")
    keys = ", ".join(settings.project.table) or "nothing"
    return Check.ok("project", f"{settings.project.path} sets {keys}")


def _no_redis() -> Check:
    words = "none is configured, and none is needed for runs in one process"
    return Check.ok("redis", f"{words}; for a fleet of workers: flowcraft dev, or --redis-url")
