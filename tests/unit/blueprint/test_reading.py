"""Whatever is named as a blueprint and is none gets its own sentence, and nothing ever hangs."""

from __future__ import annotations

import io
import os
import socket
import sys
from pathlib import Path

import pytest

from flowcraft_engine.blueprint import (
    BlueprintError,
    Limits,
    MissingBlueprintError,
    check_blueprint_file,
    load_blueprint,
    load_blueprint_text,
    parse_blueprint,
)

VALID = "nodes:\n  - {id: a, uses: noop}\n"


def _refusal(path: str | Path, limits: Limits | None = None) -> tuple[str, str]:
    blueprint, findings = check_blueprint_file(path, limits=limits or Limits())
    assert blueprint is None
    return findings[-1].code, findings[-1].message


def test_a_missing_file_is_not_found_and_the_nearest_name_is_shown(tmp_path: Path) -> None:
    (tmp_path / "payment.yaml").write_text(VALID)
    with pytest.raises(MissingBlueprintError) as caught:
        load_blueprint(tmp_path / "paymet.yaml")
    assert caught.value.exit_code == 7
    assert "payment.yaml" in str(caught.value.findings[0].hint)


def test_a_folder_a_pipe_a_device_and_a_socket_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    server = socket.socket(socket.AF_UNIX)
    try:
        # The path of a socket is short by law.
        monkeypatch.chdir(tmp_path)
        server.bind("s.yaml")
    finally:
        server.close()
    assert _refusal(tmp_path)[0] == "is_a_directory"
    assert _refusal(tmp_path / "pipe.yaml") == (
        "not_a_file",
        f"'{tmp_path}/pipe.yaml' is a named pipe, not a file",
    )
    assert "device" in _refusal("/dev/zero")[1]
    assert _refusal(tmp_path / "s.yaml")[0] == "not_a_file"


def test_a_link_that_leads_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    assert _refusal(tmp_path / "a.yaml")[0] == "symlink_loop"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(VALID)
    path.chmod(0)
    assert _refusal(path)[0] == "no_permission"


def test_a_refused_permission_is_worded_even_when_the_system_only_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert _refusal(tmp_path / "a.yaml")[0] == "no_permission"


def test_names_that_no_file_can_have_are_missing_files(tmp_path: Path) -> None:
    assert _refusal("a\0b")[0] == "file_missing"
    assert _refusal("x" * 5000)[0] == "file_missing"


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    assert _refusal(path) == ("too_large", "the file has 50 MiB; the limit is 16 MiB")
    path.write_text(VALID + "#" * 2_000)
    assert _refusal(path, Limits(max_bytes=1_000))[0] == "too_large"


def test_stdin_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(VALID.encode())))
    blueprint = load_blueprint("-")
    assert blueprint.id == "blueprint"
    assert str(blueprint.locations["a"]) == "<stdin>:2:10"
    assert blueprint.folder is None


def test_empty_closed_and_absent_stdin_have_their_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert _refusal("-")[0] == "empty_blueprint"
    sys.stdin.close()
    assert _refusal("-")[0] == "stdin_closed"
    monkeypatch.setattr(sys, "stdin", None)
    assert _refusal("-")[0] == "stdin_closed"


def test_the_folder_of_the_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.b.yaml").write_text(VALID)
    blueprint = load_blueprint(tmp_path / "a.b.yaml")
    assert blueprint.folder == str(tmp_path)
    assert blueprint.id == "a.b"


def test_text_with_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(BlueprintError) as caught:
        load_blueprint_text("id: \ud800\nnodes: []\n")
    assert caught.value.findings[0].code == "not_utf8"


def test_data_that_is_not_json_is_refused_with_its_path() -> None:
    with pytest.raises(BlueprintError) as caught:
        parse_blueprint({"nodes": [{"id": "a", "uses": "noop", "params": {"x": {1, 2}}}]})
    assert caught.value.findings[0].code == "not_json"
    assert "$.nodes[0].params.x" in str(caught.value)


def test_a_text_in_the_place_of_data_is_told() -> None:
    with pytest.raises(BlueprintError, match="is a mapping, not a str"):
        parse_blueprint("nodes: []")  # type: ignore[arg-type]  # as a program without a type checker does


def test_limits_of_nodes_edges_values_and_depth_are_told_with_their_number() -> None:
    nodes = [{"id": f"n{index}", "uses": "noop"} for index in range(30)]
    edges = [f"n{index} -> n{index + 1}" for index in range(29)]
    data = {"nodes": nodes, "edges": edges}

    def code(limits: Limits) -> str:
        with pytest.raises(BlueprintError) as caught:
            parse_blueprint(data, limits=limits)
        return caught.value.findings[-1].code

    assert code(Limits(max_nodes=29)) == "too_many_nodes"
    assert code(Limits(max_edges=28)) == "too_many_edges"
    assert code(Limits(max_depth=2)) == "too_deep"
    with pytest.raises(BlueprintError, match="more than 20 values"):
        load_blueprint_text("nodes: [" + "1," * 30 + "[2]]", limits=Limits(max_values=20))


@pytest.mark.parametrize("name", ["<memory>", "x.json"])
def test_sixty_four_levels_are_read_and_sixty_five_are_not(name: str) -> None:
    def text(levels: int) -> str:
        # The mapping itself is the first level.
        return '{"nodes": [], "x-a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    load_blueprint_text(text(64), name)
    with pytest.raises(BlueprintError, match="more than 64 levels"):
        load_blueprint_text(text(65), name)
    with pytest.raises(BlueprintError, match="more than 64 levels"):
        load_blueprint_text(text(65).replace('"', ""), "<memory>")
    deep: list[object] = []
    for _ in range(63):
        deep = [deep]
    with pytest.raises(BlueprintError, match="more than 64 levels"):
        parse_blueprint({"nodes": [], "x-a": deep})


def test_many_findings_are_cut_and_counted() -> None:
    text = "nodes:\n" + "".join(f"  - {{id: n{index}, uses: noop, nope: 1}}\n" for index in range(30))
    with pytest.raises(BlueprintError) as caught:
        load_blueprint_text(text, limits=Limits(max_findings=10))
    assert len(caught.value.findings) == 11
    assert "20 more problems" in caught.value.findings[-1].message
