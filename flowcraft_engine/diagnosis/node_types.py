"""The user's node types: whether each named module and each installed package gives what it promises."""

from __future__ import annotations

from flowcraft_engine.assembly.nodes import make_registry
from flowcraft_engine.check import Check
from flowcraft_engine.errors import RegistryError, UsageError
from flowcraft_engine.nodes.builtin import builtin_names
from flowcraft_engine.nodes.discovery import installed_entries
from flowcraft_engine.nodes.registry import NodeRegistry
from flowcraft_engine.settings import Settings

_NAME = "nodes"


def node_checks(settings: Settings) -> list[Check]:
    """One check for each module, one for each installed package's node type that is broken."""
    together = _together(settings)  # this makes the modules importable, too
    named = [_module(name) for name in settings.apps]
    if together is not None and all(check.status == "ok" for check in named):
        named.append(together)
    return [*named, *_plugins(), Check.ok(_NAME, f"{len(builtin_names())} node types are built in")]


def _together(settings: Settings) -> Check | None:
    """What is wrong with the registry of all modules, such as a name that two of them define."""
    try:
        make_registry(settings)
    except (RegistryError, UsageError) as error:
        return Check.fail(_NAME, error.message, error.hint)
    return None


def _module(name: str) -> Check:
    own = set(builtin_names())
    try:
        found = [it for it in NodeRegistry.from_module(name) if it not in own]
    except (RegistryError, UsageError) as error:
        return Check.fail(_NAME, error.message, error.hint)
    return Check.ok(_NAME, f"{name}: {_listed(found)}")


def _plugins() -> list[Check]:
    checks: list[Check] = []
    fitting: list[str] = []
    for entry in installed_entries():
        try:
            assert entry.handler
            fitting.append(entry.name)
        except (RegistryError, UsageError) as error:
            words = f"node type {entry.name!r} of {entry.origin} cannot be used: {error.message}"
            checks.append(Check.warn(_NAME, words, error.hint or "update or remove that package"))
    return [*([Check.ok(_NAME, f"installed packages: {_listed(fitting)}")] if fitting else []), *checks]


def _listed(names: list[str]) -> str:
    count = f"{len(names)} node type{'' if len(names) == 1 else 's'}"
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{count} ({shown})" if names else count
