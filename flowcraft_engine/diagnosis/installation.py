"""Python and the packages that flowcraft stands on."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from flowcraft_engine.check import Check

_PACKAGE = "flowcraft-py"
_OLDEST_PYTHON = (3, 11)
#: What flowcraft is slower without, not broken.
_OPTIONAL = {"ruamel-yaml-clib": "large blueprints are read much more slowly"}
_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)(?:.*?>=\s*(?P<least>[0-9.]+))?")


def installation_checks() -> list[Check]:
    return [_python(), *_packages()]


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.version_info < _OLDEST_PYTHON:
        return Check.fail("python", f"{found} is too old", "use Python 3.11 or newer")
    return Check.ok("python", f"{found} ({sys.executable})")


def _packages() -> list[Check]:
    """One line for all that is well, one for each package that is not."""
    try:
        needed = requires(_PACKAGE) or []
        own = version(_PACKAGE)
    except PackageNotFoundError:
        advice = "install it, so that pip watches over what it needs: pip install -e ."
        return [Check.warn("packages", "flowcraft runs from its source and is not installed", advice)]
    fitting: list[str] = [f"flowcraft {own}"]
    checks: list[Check] = []
    for line in needed:
        if not _applies(line) or not (match := _REQUIREMENT.match(line)):
            continue
        problem = _problem(match["name"], match["least"])
        if problem is None:
            fitting.append(f"{match['name']} {version(match['name'])}")
        else:
            checks.append(problem)
    return [Check.ok("packages", ", ".join(fitting)), *checks]


def _applies(requirement: str) -> bool:
    """Of the markers the two that we use: extras, and what is for CPython only."""
    if "extra ==" in requirement:
        return False
    return "CPython" not in requirement or platform.python_implementation() == "CPython"


def _problem(name: str, least: str | None) -> Check | None:
    advice = f"pip install '{name}>={least}'" if least else f"pip install {name}"
    try:
        found = version(name)
    except PackageNotFoundError:
        cost = _OPTIONAL.get(re.sub(r"[-_.]+", "-", name).lower())
        if cost is not None:
            return Check.warn("packages", f"{name} is not installed: {cost}", advice)
        return Check.fail("packages", f"{name} is not installed", advice)
    if least and _numbers(found) < _numbers(least):
        return Check.fail("packages", f"{name} {found} is too old", advice)
    return None


def _numbers(text: str) -> tuple[int, ...]:
    """`2.10.1rc1` → (2, 10, 1): enough to compare a release with the oldest one that fits."""
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("rc")[0])[:3])
