"""Imports the modules that the user named, and says in a sentence why one cannot be imported."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from flowcraft_engine.errors import RegistryError, UsageError


def add_import_folders(folders: Iterable[Path]) -> None:
    """Make modules in `folders` importable, the first folder first."""
    for folder in reversed([str(folder.resolve()) for folder in folders]):
        if folder not in sys.path:
            sys.path.insert(0, folder)


def load_target(target: str) -> Any:
    """The module, or with `module:attr` the attribute. Raises `RegistryError`, `UsageError`."""
    name, colon, attribute = target.partition(":")
    module = load_module(name)
    if not colon:
        return module
    value: Any = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            from flowcraft_engine.blueprint.nearest import nearest

            near = nearest(part, dir(value))
            raise RegistryError(
                f"module {name!r} has no {attribute!r}",
                hint=f"did you mean {name}:{near}?" if near else None,
            ) from None
    return value


def load_module(name: str) -> ModuleType:
    """Import a module by its dotted name. Raises `UsageError` for what is no name, else `RegistryError`."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{name!r} is not the name of a module", hint=_name_hint(name))
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise RegistryError(
                f"there is no module {name!r}", hint=_missing_hint(name, error.name)
            ) from error
        raise _broken(name, error) from error
    except SystemExit as error:
        raise RegistryError(
            f"importing {name!r} ended the process: sys.exit({error.code!r}){_place(error)}",
            hint="guard the script's start with if __name__ == '__main__':",
        ) from error
    except Exception as error:  # a module may raise anything when it is imported
        raise _broken(name, error) from error
    if not isinstance(module, ModuleType):
        raise RegistryError(f"importing {name!r} gave a {type(module).__name__}, not a module")
    return module


def _broken(name: str, error: Exception) -> RegistryError:
    return RegistryError(f"importing {name!r} failed{_place(error)}: {type(error).__name__}: {error}")


def _place(error: BaseException) -> str:
    """` at file:line` of the user's code: where it was entered, and where it broke."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {_short(error.filename)}:{error.lineno}"
    frames = _user_frames(error.__traceback__)
    if not frames:
        return ""
    first, last = frames[0], frames[-1]
    via = "" if first == last else f" (imported at {first})"
    return f" at {last}{via}"


def _user_frames(trace: TracebackType | None) -> list[str]:
    return [
        f"{_short(frame.filename)}:{frame.lineno}"
        for frame in traceback.extract_tb(trace)
        if not frame.filename.startswith("<frozen") and frame.filename not in (__file__, importlib.__file__)
    ]


def _short(file: str) -> str:
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _name_hint(name: str) -> str:
    if name.endswith(".py") or "/" in name:
        dotted = name.removesuffix(".py").strip("./").replace("/", ".")
        if all(part.isidentifier() for part in dotted.split(".")):
            return f"write it like an import: {dotted}"
    return "write it like an import: shop.nodes, or shop.nodes:registry"


def _missing_hint(name: str, missing: str) -> str:
    parent = name.rpartition(".")[0]
    if name.endswith(".py"):
        return _name_hint(name)
    if parent and parent in sys.modules and hasattr(sys.modules[parent], name.rpartition(".")[2]):
        return f"write {parent}:{name.rpartition('.')[2]}"
    where = f"it was looked for in {Path.cwd()} and among the installed packages"
    if parent and missing != name and "." in name:
        return f"{missing!r} was not found either; {where}"
    return where
