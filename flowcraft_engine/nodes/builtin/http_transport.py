"""Sends requests to the very addresses that were checked. Names are resolved once; redirects come here."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx

from flowcraft_engine.nodes.builtin.http_guard import HostRules, HttpError, parse_address, refused
from flowcraft_engine.nodes.node_thread import call_in_thread

#: Gives the addresses of a host name.
Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
_PORTS = {"http": 80, "https": 443}


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, as the machine's resolver gives them."""
    # Not the loop's own way: its threads would hold up the end of the process while a resolver is silent.
    found = await call_in_thread(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedTransport(httpx.AsyncBaseTransport):
    """Checks every request, redirects included, and connects to the addresses that it has checked."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, rules: HostRules, resolver: Resolver = resolve
    ) -> None:
        self._inner = inner
        self._rules = rules
        self._resolver = resolver

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii").lower().rstrip(".")
        addresses = await self._addresses(request.url, host)
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(_aimed_at(address, host, request))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # the next address of the same host
        return await self._inner.handle_async_request(_aimed_at(addresses[-1], host, request))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _addresses(self, url: httpx.URL, host: str) -> list[str]:
        if not url.scheme:
            raise refused(f"the URL {without_query(url)!r} has no scheme: write https://… or http://…")
        if url.scheme not in _PORTS:
            raise refused(f"the scheme {url.scheme!r} is refused: only http and https are possible")
        port = url.port or _PORTS[url.scheme]
        is_allowed = self._rules.allows_name(host, port)
        if not is_allowed:
            self._rules.check_name(host)
        addresses = await self._resolved(host, port)
        if not is_allowed:
            for address in addresses:
                self._rules.check_address(host, address)
        return addresses

    async def _resolved(self, host: str, port: int) -> list[str]:
        if parse_address(host) is not None:
            return [host]
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise HttpError(f"the host {host!r} cannot be resolved: {error}", "dns") from error
        if not addresses:
            raise HttpError(f"the host {host!r} has no address", "dns")
        return addresses


def without_query(url: httpx.URL) -> str:
    """The URL as errors name it: without user name, query and fragment."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _aimed_at(address: str, host: str, request: httpx.Request) -> httpx.Request:
    """The same request to a fixed address; the `Host` header is there already, TLS still verifies `host`."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )
