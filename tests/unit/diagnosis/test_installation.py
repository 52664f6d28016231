from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest

from flowcraft_engine.check import CheckStatus
from flowcraft_engine.diagnosis import installation
from flowcraft_engine.diagnosis.installation import installation_checks


def test_this_installation_is_well_and_names_its_packages() -> None:
    checks = installation_checks()
    assert {check.status for check in checks} == {CheckStatus.OK}
    packages = next(check for check in checks if check.name == "packages")
    for name in ("flowcraft ", "typer ", "redis ", "dramatiq "):
        assert name in packages.found
    assert "pytest" not in packages.found


def _versions(monkeypatch: pytest.MonkeyPatch, **known: str | None) -> None:
    """A machine on which packages have other versions; None: not installed."""
    real = installation.version

    def version(name: str) -> Any:
        found = known.get(name.replace("-", "_").replace(".", "_"), real)
        if found is None:
            raise PackageNotFoundError(name)
        return found if isinstance(found, str) else real(name)

    monkeypatch.setattr(installation, "version", version)


def test_a_missing_package_fails_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _versions(monkeypatch, dramatiq=None)
    [check] = [it for it in installation_checks() if it.status is CheckStatus.FAIL]
    assert (check.found, check.advice) == ("dramatiq is not installed", "pip install 'dramatiq>=2.2'")


@pytest.mark.parametrize(
    ("found", "fits"), [("4.6.0", False), ("5.0", True), ("5.0.0rc1", True), ("10.1", True)]
)
def test_an_old_package_fails(monkeypatch: pytest.MonkeyPatch, found: str, fits: bool) -> None:
    _versions(monkeypatch, redis=found)
    failed = [it.found for it in installation_checks() if it.status is CheckStatus.FAIL]
    assert failed == ([] if fits else [f"redis {found} is too old"])


def test_the_c_parser_is_not_needed_but_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    _versions(monkeypatch, ruamel_yaml_clib=None)
    [check] = [it for it in installation_checks() if it.status is not CheckStatus.OK]
    assert check.status is CheckStatus.WARN
    assert "slowly" in check.found
