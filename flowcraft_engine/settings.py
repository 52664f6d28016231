"""Settings: read once at the edge, frozen; first flags, then the environment, then the project file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowcraft_engine.errors import UsageError
from flowcraft_engine.nodes.project_file import ProjectFile, find_project_file
from flowcraft_engine.nodes.secret_providers import EnvironmentSecrets, SecretProvider, make_provider

MEMORY = "memory"
DEFAULT_CONCURRENCY = 32
MAX_CONCURRENCY = 100_000
_STATE = Path(".flowcraft") / "state.db"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a command works with. `sources` says for each setting where its value came from."""

    apps: tuple[str, ...] = ()
    #: Files and folders with blueprints for sub-runs.
    blueprints: tuple[Path, ...] = ()
    #: The database of runs; None keeps them in memory.
    state: Path | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    #: Hosts that `http` nodes may reach although they are not public.
    http_allow: tuple[str, ...] = ()
    #: Where secrets are looked for, in this order.
    secrets: tuple[SecretProvider, ...] = (EnvironmentSecrets(),)
    project: ProjectFile | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """A raw value, where it stands in words, and the folder that its relative paths begin at."""

    value: Any
    source: str
    folder: Path


def read_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    near: Path | None = None,
    cwd: Path | None = None,
) -> Settings:
    """The settings of one command. `near` is where the search for the project file begins, upwards.

    It goes on in `cwd`. `flags` has only what was given on the command line. Raises `UsageError` that names
    the flag, the variable or the file with the wrong value.
    """
    here = (cwd or Path.cwd()).resolve()
    around = find_project_file(here)
    project = (find_project_file(near) if near is not None else None) or around
    if project is not None:
        _refuse_unknown_keys(project)
    found = {name: value for name in _READERS if (value := _find(name, flags, environment, project, here))}
    values = {name: _READERS[name](it) for name, it in found.items()}
    root = around.folder if around is not None else here
    return Settings(
        apps=values.get("app", ()),
        blueprints=values.get("blueprints", ()),
        state=values["state"] if "state" in values else root / _STATE,
        concurrency=values.get("concurrency", DEFAULT_CONCURRENCY),
        http_allow=values.get("http_allow", ()),
        secrets=values.get("secrets", (EnvironmentSecrets(),)),
        project=project,
        sources={name: it.source for name, it in found.items()},
    )


def _find(
    name: str,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    project: ProjectFile | None,
    here: Path,
) -> _Found | None:
    if name in flags:
        return _Found(flags[name], f"--{name.replace('_', '-')}", here)
    variable = f"FLOWCRAFT_{name.upper()}"
    if environment.get(variable):
        return _Found(environment[variable], variable, here)
    if project is not None and name in project.table:
        return _Found(project.table[name], f"{project.path}: {name}", project.folder)
    return None


def _refuse_unknown_keys(project: ProjectFile) -> None:
    for key in project.table:
        if key not in _READERS:
            near = difflib.get_close_matches(key, _READERS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(_READERS)}"
            raise UsageError(f"{project.path}: there is no setting {key!r}", hint=hint)


def _texts(it: _Found) -> tuple[str, ...]:
    """One text or several; in the environment they are separated by spaces or commas."""
    if isinstance(it.value, str):
        names = re.split(r"[\s,]+", it.value.strip()) if it.source.startswith("FLOWCRAFT_") else [it.value]
    else:
        names = it.value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"{it.source} must be text or a list of texts, not {it.value!r}")
    return tuple(names)


def _paths(it: _Found) -> tuple[Path, ...]:
    paths = tuple(it.folder / name for name in _texts(it))
    for path in paths:
        if not path.exists():
            raise UsageError(f"{it.source}: there is no file or folder {str(path)!r}")
    return paths


def _secrets(it: _Found) -> tuple[SecretProvider, ...]:
    """In the environment providers are separated by `;`, since commands have spaces."""
    texts = it.value
    if isinstance(texts, str):
        texts = [part.strip() for part in texts.split(";")] if it.source.startswith("FLOWCRAFT_") else [texts]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise UsageError(f"{it.source} must be a provider of secrets or a list of them, not {it.value!r}")
    return tuple(make_provider(text, it.folder) for text in texts)


def _state(it: _Found) -> Path | None:
    if not isinstance(it.value, str) or not it.value.strip() or "\0" in it.value:
        raise UsageError(f"{it.source} must be the path of a file, or 'memory', not {it.value!r}")
    return None if it.value == MEMORY else it.folder / it.value


def _concurrency(it: _Found) -> int:
    text = str(it.value).strip()
    if (
        isinstance(it.value, bool)
        or not re.fullmatch(r"[0-9]{1,9}", text)
        or not 1 <= int(text) <= MAX_CONCURRENCY
    ):
        raise UsageError(f"{it.source} must be a whole number from 1 to {MAX_CONCURRENCY}, not {it.value!r}")
    return int(text)


_READERS: dict[str, Callable[[_Found], Any]] = {
    "app": _texts,
    "blueprints": _paths,
    "state": _state,
    "concurrency": _concurrency,
    "http_allow": _texts,
    "secrets": _secrets,
}
