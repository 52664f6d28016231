from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from flowcraft_engine.errors import FlowcraftError, RegistryError, UsageError
from flowcraft_engine.nodes.discovery import discover
from flowcraft_engine.nodes.project_file import find_project_file
from flowcraft_engine.nodes.registry import NodeRegistry

NODES = """
from flowcraft_engine.nodes.decorator import node
from flowcraft_engine.nodes.registry import NodeRegistry

@node("charge")
def charge(input):
    return input

def unmarked(input):
    return input

registry = NodeRegistry([charge, unmarked])
listed = [unmarked]

def make():
    return registry

def broken():
    raise ValueError("no database")

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("shop"):
            del sys.modules[name]


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def own_names(registry: NodeRegistry) -> list[str]:
    return [name for name in registry.names() if not registry.get(name).is_builtin]


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("shop_a", ["charge"]),
        ("shop_a:registry", ["charge", "unmarked"]),
        ("shop_a:listed", ["unmarked"]),
        ("shop_a:make", ["charge", "unmarked"]),
        ("shop_a:charge", ["charge"]),
    ],
)
def test_app_names_a_module_a_registry_a_list_a_factory_or_a_node(folder, target, names):
    write(folder, "shop_a.py", NODES)
    registry = discover([target])
    assert own_names(registry) == names
    assert registry.is_complete


def test_several_apps_are_joined(folder):
    write(folder, "shop_a.py", NODES)
    write(folder, "shop_b/__init__.py", "")
    write(folder, "shop_b/more.py", NODES.replace('"charge"', '"refund"'))
    assert own_names(discover(["shop_a", "shop_b.more"])) == ["charge", "refund"]


def test_from_module_takes_a_module_object(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    write(folder, "shop_a.py", NODES)
    import importlib

    assert own_names(NodeRegistry.from_module(importlib.import_module("shop_a"))) == ["charge"]
    assert own_names(NodeRegistry.from_module("shop_a")) == ["charge"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("flowcraft.toml", 'app = "shop_a"\ntimeout = "5m"\n'),
        ("pyproject.toml", '[tool.flowcraft]\napp = ["shop_a"]\ntimeout = "5m"\n'),
    ],
)
def test_project_file_is_found_upwards_and_its_folder_is_importable(folder, monkeypatch, file, text):
    write(folder, f"project/{file}", text)
    write(folder, "project/shop_a.py", NODES)
    deep = folder / "project" / "flows" / "deep"
    deep.mkdir(parents=True)
    project = find_project_file(deep)
    assert project is not None
    assert project.table["timeout"] == "5m"
    assert own_names(discover(project=project)) == ["charge"]


def test_app_of_the_command_line_takes_the_place_of_the_project_file(folder):
    write(folder, "flowcraft.toml", 'app = "shop_missing"')
    write(folder, "shop_a.py", NODES)
    assert own_names(discover(["shop_a"], project=find_project_file(folder))) == ["charge"]


def test_pyproject_without_our_table_is_passed_over(folder):
    write(folder, "flowcraft.toml", "app = []")
    write(folder, "sub/pyproject.toml", "[tool.other]\nx = 1\n")
    project = find_project_file(folder / "sub")
    assert project is not None
    assert project.path.name == "flowcraft.toml"


@pytest.mark.parametrize("text", ["app = ", "app = 3", "app = [1]"])
def test_project_file_that_is_wrong_is_a_usage_error(folder, text):
    write(folder, "flowcraft.toml", text)
    with pytest.raises(UsageError, match=r"flowcraft\.toml"):
        discover(project=find_project_file(folder))


def test_without_any_app_the_registry_is_not_complete(folder):
    assert not discover().is_complete


def failure(folder: Path, target: str) -> FlowcraftError:
    with pytest.raises(FlowcraftError) as caught:
        discover([target])
    return caught.value


def test_missing_module_is_told_apart_from_one_that_fails_inside(folder):
    write(folder, "shop_c.py", "import json\nimport no_such_thing\n")
    assert failure(folder, "shop_none").message == "there is no module 'shop_none'"
    message = failure(folder, "shop_c").message
    assert message == (
        "importing 'shop_c' failed at shop_c.py:2: ModuleNotFoundError: No module named 'no_such_thing'"
    )


def test_failure_deep_inside_names_both_places(folder):
    write(folder, "shop_d.py", "\nimport shop_e\n")
    write(folder, "shop_e.py", "\n\n1 / 0\n")
    assert (
        "failed at shop_e.py:3 (imported at shop_d.py:2): ZeroDivisionError"
        in failure(folder, "shop_d").message
    )


def test_syntax_error_is_placed(folder):
    write(folder, "shop_f.py", "x = 1\ndef (:\n")
    assert "failed at shop_f.py:2: SyntaxError" in failure(folder, "shop_f").message


def test_module_that_exits_is_an_error(folder):
    write(folder, "shop_g.py", "import sys\nsys.exit(4)\n")
    error = failure(folder, "shop_g")
    assert "ended the process: sys.exit(4) at shop_g.py:2" in error.message
    assert "__main__" in (error.hint or "")


@pytest.mark.parametrize(
    ("target", "kind", "message", "hint"),
    [
        ("shop_a.py", RegistryError, "there is no module 'shop_a.py'", "write it like an import: shop_a"),
        ("./shop/a.py", UsageError, "not the name of a module", "shop.a"),
        ("", UsageError, "not the name of a module", "shop.nodes"),
        ("shop_a:regisrty", RegistryError, "has no 'regisrty'", "shop_a:registry"),
        ("shop_a.charge", RegistryError, "there is no module 'shop_a.charge'", "write shop_a:charge"),
        ("shop_z.nodes", RegistryError, "there is no module 'shop_z.nodes'", "it was looked for in"),
        ("shop_a:number", RegistryError, "is a int", "NodeRegistry"),
        ("shop_a:broken", RegistryError, "failed: ValueError: no database", ""),
        ("shop_h", RegistryError, "defines no nodes", "shop_h:mine"),
        ("shop_i", RegistryError, "gave a Strange, not a module", ""),
    ],
)
def test_wrong_apps_are_explained(folder, target, kind, message, hint):
    write(folder, "shop_a.py", NODES)
    write(
        folder,
        "shop_h.py",
        "from flowcraft_engine.nodes.registry import NodeRegistry\nmine = NodeRegistry()\n",
    )
    write(folder, "shop_i.py", "import sys\nclass Strange: pass\nsys.modules[__name__] = Strange()\n")
    error = failure(folder, target)
    assert type(error) is kind
    assert message in error.message
    assert hint in (error.hint or "")


def install(folder: Path, entry_points: str) -> None:
    write(folder, "shopkit-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: shopkit\nVersion: 1.0\n")
    write(folder, "shopkit-1.0.dist-info/entry_points.txt", entry_points)


def test_entry_points_are_imported_one_by_one_when_they_are_used(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    install(folder, "[flowcraft.nodes]\nkit-charge = shop_a:unmarked\nkit-broken = shop_none:x\n")
    write(folder, "shop_a.py", NODES)
    registry = discover()
    assert "kit-broken" in registry.names()
    assert "shop_a" not in sys.modules
    assert registry.get("kit-charge").name == "kit-charge"
    with pytest.raises(RegistryError, match="there is no module 'shop_none'"):
        registry.get("kit-broken")


def test_a_registry_refuses_what_holds_no_nodes():
    with pytest.raises(RegistryError, match="defines no nodes"):
        NodeRegistry.from_module("json")


class Refusing:
    """Like the proxies of web frameworks: asked outside of a request, they raise."""

    def __getattribute__(self, name):
        raise RuntimeError("working outside of request context")


def test_proxies_in_a_module_are_not_touched():
    import types

    module = types.ModuleType("shop_proxies")
    module.request = Refusing()
    with pytest.raises(RegistryError, match="defines no nodes"):
        NodeRegistry.from_module(module)
