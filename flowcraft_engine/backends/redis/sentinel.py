"""The Sentinels that know which server is the primary of a service. Shown only without their password."""

from __future__ import annotations

import re
from dataclasses import field
from urllib.parse import quote, unquote

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen

DEFAULT_PORT = 26379
_SHAPE = "it looks like redis+sentinel://user:password@host:26379,host2:26379/service/0"
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\],]+)(?::(?P<port>[0-9]{1,5}))?")


@frozen
class Sentinels:
    """Where they are, and the name of the service. The password is that of the Sentinels, not of the service."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, hosts: str, path: str, query: dict[str, str], source: str) -> tuple[Sentinels, str]:
        """From the parts of a URL; beside them what stands for the database. Raises `UsageError`."""
        service, _, database = path.strip("/").partition("/")
        if not service:
            raise UsageError(f"{source} names no service of its Sentinels", hint=_SHAPE)
        places = tuple(_place(text, source) for text in hosts.split(","))
        login = query.get("sentinel_username") or None, query.get("sentinel_password") or None
        return cls(places, unquote(service), *login), database

    @property
    def written_hosts(self) -> str:
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)

    @property
    def written_service(self) -> str:
        return quote(self.service, safe="")


def _place(text: str, source: str) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    port = int(match["port"] or DEFAULT_PORT) if match is not None else 0
    if match is None or not 0 < port < 65_536:
        raise UsageError(f"{source} has a Sentinel that is no host with a port", hint=_SHAPE)
    return match["host"].strip("[]"), port
