"""Which hosts a request may reach: the public internet, and what was allowed by name. Pure rules, no network.

Everything else (this machine, its networks, cloud metadata services, spellings that hide them) is refused, so
that data in a run cannot make the machine that executes it ask its neighbours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from flowcraft_engine.errors import ErrorCode, NodeError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_DENIED: Mapping[str, str] = {
    "0.0.0.0/8": "this machine",
    "10.0.0.0/8": "a private network",
    "100.64.0.0/10": "a carrier's private network",
    "127.0.0.0/8": "this machine",
    "168.63.129.16/32": "a cloud's metadata service",
    "169.254.0.0/16": "link-local, where clouds serve their metadata",
    "172.16.0.0/12": "a private network",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "reserved for documentation",
    "192.88.99.0/24": "a tunnel",
    "192.168.0.0/16": "a private network",
    "198.18.0.0/15": "reserved for measurements",
    "198.51.100.0/24": "reserved for documentation",
    "203.0.113.0/24": "reserved for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "2001::/23": "reserved, or a tunnel to an IPv4 address",
    "2001:db8::/32": "reserved for documentation",
    "2002::/16": "a tunnel to an IPv4 address",
    "3fff::/20": "reserved for documentation",
    "::1/128": "this machine",
    "fc00::/7": "a private network",
    "fe80::/10": "link-local",
    "ff00::/8": "multicast",
}
_DENIED_NETWORKS = [(ipaddress.ip_network(text), reason) for text, reason in _DENIED.items()]
#: All public IPv6 addresses are in here.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_NAMES = frozenset(
    {
        "localhost",
        "ip6-localhost",
        "ip6-loopback",
        "broadcasthost",
        "host.docker.internal",
        "gateway.docker.internal",
        "instance-data",
        "kubernetes.default.svc",
        "metadata",
        "metadata.goog",
        "metadata.tencentyun.com",
    }
)
_DENIED_SUFFIXES = (".localhost", ".internal", ".local", ".localdomain", ".home.arpa")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


class HttpError(NodeError):
    """A request failed; `kind` says how: `refused dns connect tls timeout status body redirects`."""

    def __init__(
        self, message: str, kind: str, *, error_code: str = ErrorCode.NODE_FAILED, retryable: bool = True
    ) -> None:
        super().__init__(message, error_code=error_code, retryable=retryable)
        self.kind = kind


def refused(message: str, hint: str | None = None) -> HttpError:
    error = HttpError(message, "refused", retryable=False)
    error.hint = hint
    return error


def _how_to_allow(host: str) -> str:
    """What whoever operates the process can do, if the request is meant."""
    return f"if it is meant: http_allow in the project file, or FLOWCRAFT_HTTP_ALLOW={host}"


class HostRules:
    """The rules, with what `allow` adds: `host`, `host:port`, `*.suffix`, addresses and networks."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._suffixes: list[str] = []
        self._networks: list[Network] = []
        for entry in allow:
            self._add(entry.strip().lower())

    def allows_name(self, host: str, port: int) -> bool:
        """Whether this name was allowed, whatever its addresses are."""
        if host in self._names or f"{host}:{port}" in self._names:
            return True
        return any(host.endswith(suffix) for suffix in self._suffixes)

    def check_name(self, host: str) -> None:
        """Raises `HttpError` for a host that must not even be resolved."""
        if not host:
            raise refused("the URL has no host")
        if host in _DENIED_NAMES or host.endswith(_DENIED_SUFFIXES):
            message = f"requests to {host!r} are refused: the name belongs to this machine or its network"
            raise refused(message, _how_to_allow(host))
        if "%" in host:
            raise refused(f"the host {host!r} is refused: it has a zone or an escape")
        if _NUMBER.fullmatch(host.rpartition(".")[2]) and parse_address(host) is None:
            raise refused(f"the host {host!r} is refused: write an address in its usual form, like 192.0.2.1")

    def check_address(self, host: str, text: str) -> None:
        """Raises `HttpError` unless the address `text`, to which `host` resolved, may be connected to."""
        address = parse_address(text)
        if address is None:
            raise refused(f"{host!r} has the address {text!r}, which is refused")
        if any(address in network for network in self._networks if network.version == address.version):
            return
        reason = denied_because(address)
        if reason is not None:
            shown = repr(host) if host == text else f"{host!r} ({text})"
            message = f"requests to {shown} are refused: the address is {reason}"
            raise refused(message, _how_to_allow(host))

    def _add(self, entry: str) -> None:
        if entry.startswith("*."):
            self._suffixes.append(entry[1:])
            return
        try:
            self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
        except ValueError:
            self._names.add(entry)


def parse_address(text: str) -> Address | None:
    """The address that `text` spells in the usual form; None for all else, such as zones and octals."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def denied_because(address: Address) -> str | None:
    """Why `address` is not public; None if it is."""
    for network, reason in _DENIED_NETWORKS:
        if address.version == network.version and address in network:
            return reason
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_V6:
        return "not public, or hides an IPv4 address"
    return None if address.is_global else "not public"
