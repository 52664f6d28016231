"""What a worker sends to Redis and gets from there for a node: commands, and bytes in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowcraft_engine import Blueprint
from flowcraft_engine.blueprint.model import InputSpec
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import Bench
from tests.benchmarks.fleet.latency import line
from tests.benchmarks.fleet.nodes import TEXT
from tests.benchmarks.fleet.relay import Relay
from tests.benchmarks.fleet.workers import workers
from tests.benchmarks.rounds import rounds
from tests.benchmarks.shapes import chain, diamond

_KB, _MB = 1024, 1024 * 1024
_CHAIN, _CHAINS = 50, 4
_SHORT, _LONG = 10, 400


@dataclass(frozen=True)
class _ANode:
    sent: float
    executed: float
    kb: float
    kb_from_server: float


def measure_traffic(bench: Bench, effort: Effort) -> list[Figure]:
    found: dict[str, list[_ANode]] = {"diamonds": [], "small": [], "large": [], "short": [], "long": []}
    for _ in rounds(effort.long_rounds):
        found["diamonds"].append(_measure(bench, diamond(), effort.fleet_runs))
        for name, size in (("small", _KB), ("large", _MB)):
            found[name].append(_measure(bench, _beside_context(), _CHAINS, {"small": 1, "large": "x" * size}))
        for name, length in (("short", _SHORT), ("long", _LONG)):
            found[name].append(_measure(bench, line([TEXT] * length), _LONG // length))
    busy = f"{effort.fleet_runs} diamonds, 1 process"
    beside, texts = f"{_CHAINS} chains of {_CHAIN}", "with outputs of 1 KB: from Redis"
    return [
        _figure(f"commands sent, {busy}", "a node", [it.sent for it in found["diamonds"]], 4),
        _figure(f"commands executed, {busy}", "a node", [it.executed for it in found["diamonds"]], None),
        _figure(f"both directions, {busy}", "KB/node", [it.kb for it in found["diamonds"]], 2.5),
        _figure(f"{beside}, context of 1 KB", "KB/node", [it.kb for it in found["small"]], 2.5),
        _compared(f"{beside}, context of 1 MB", "1 KB", found["large"], found["small"], "kb"),
        _figure(
            f"chain of {_SHORT} {texts}", "KB/node", [it.kb_from_server for it in found["short"]], 4
        ),
        _figure(f"chain of {_LONG} {texts}", "KB/node", [it.kb_from_server for it in found["long"]], 4),
        _compared(f"chain of {_LONG} {texts}", str(_SHORT), found["long"], found["short"], "kb_from_server"),
    ]  # fmt: skip


def _figure(name: str, unit: str, measured: list[float], at_most: float | None) -> Figure:
    return Figure("fleet", name, unit, tuple(measured), at_most=at_most)


def _compared(name: str, against: str, large: list[_ANode], small: list[_ANode], what: str) -> Figure:
    values, others = (tuple(getattr(it, what) for it in side) for side in (large, small))
    return Figure("fleet", name, "KB/node", values, against, others, at_most_ratio=1.05)


def _beside_context() -> Blueprint:
    """A chain whose nodes do not read the large key of the context."""
    nodes = chain(_CHAIN).nodes
    first = nodes[0].model_copy(update={"inputs": "small"})
    inputs = {"small": InputSpec(type="integer"), "large": InputSpec(type="string")}
    return chain(_CHAIN).model_copy(update={"inputs": inputs, "nodes": (first, *nodes[1:])})


def _measure(
    bench: Bench, blueprint: Blueprint, runs: int, inputs: Mapping[str, Any] | None = None
) -> _ANode:
    bench.empty()
    bench.start(blueprint, runs, inputs)
    nodes = runs * len(blueprint.nodes)
    address = bench.server.address
    with (
        Relay(address.host, address.port) as relay,
        workers(1, bench.url_at(relay.port)) as (worker,),
    ):
        before, executed = relay.traffic, bench.executed()
        worker.begin_to_go()
        bench.wait_for(runs)
        traffic, executed = relay.traffic - before, bench.executed() - executed
    return _ANode(
        sent=traffic.commands / nodes,
        executed=executed / nodes,
        kb=(traffic.to_server + traffic.from_server) / nodes / _KB,
        kb_from_server=traffic.from_server / nodes / _KB,
    )
