"""Where a Redis server is, read from a URL. Shown only with its password masked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import field, replace
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from flowcraft_engine.backends.redis.sentinel import Sentinels
from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen

DEFAULT_PORT = 6379
_MASK = "***"
_SHAPE = "it looks like redis://user:password@host:6379/0, rediss://… for TLS, or unix:///path/to/socket?db=0"
_ENCODE = "characters like @ : / # ? % in a password are written percent-encoded: @ is %40"
_CERTIFICATE_CHECKS = ("required", "optional", "none")
#: Of the query of a URL: what says how TLS is spoken, as redis-py spells it.
_TLS_KEYS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_QUERY_KEYS = ("db", "username", "password", *_TLS_KEYS)
_SENTINEL_KEYS = ("sentinel_username", "sentinel_password")
_SENTINEL = "+sentinel"
_END_OF_HOSTS = re.compile(r"[/?#]")
_SCHEMES = ("redis", "rediss", "unix", f"redis{_SENTINEL}", f"rediss{_SENTINEL}")
_REFUSED = {
    "redis+cluster": "Redis Cluster is not supported: the keys of flowcraft live on one server",
    "rediss+cluster": "Redis Cluster is not supported: the keys of flowcraft live on one server",
    "redis-cluster": "Redis Cluster is not supported: the keys of flowcraft live on one server",
}


@frozen
class RedisAddress:
    """One logical database of one server. Neither `repr` nor `str` nor `masked` shows the password."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    #: The path of a unix socket; host and port mean nothing then.
    socket: str | None = None
    #: Options of redis-py about certificates, from the URL.
    tls_options: tuple[tuple[str, str], ...] = ()
    #: Who knows the primary; host and port mean nothing then.
    sentinels: Sentinels | None = None
    #: What helps if nothing listens there, where that is known.
    remedy: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, url: str, *, source: str = "the Redis URL") -> RedisAddress:
        """The address that a URL names. Raises `UsageError` without repeating what may hold a password."""
        parts = _split(url.strip(), source)
        query = _query(parts, source)
        tls_options = tuple((name, query[name]) for name in _TLS_KEYS if name in query)
        if tls_options and not parts.scheme.startswith("rediss"):
            raise UsageError(f"{source} has {tls_options[0][0]}, which needs TLS", hint="write rediss://…")
        username, password = _credentials(parts, query)
        is_socket = parts.scheme == "unix"
        sentinels, database = _sentinels(parts, query, source)
        has_host = not is_socket and sentinels is None
        return cls(
            host=_host(parts, source) if has_host else "localhost",
            port=_port(parts, source) if has_host else DEFAULT_PORT,
            db=_database(query.get("db") if is_socket or "db" in query else database, source),
            username=username,
            password=password,
            tls=parts.scheme.startswith("rediss"),
            socket=_socket(parts, source) if is_socket else None,
            tls_options=tls_options,
            sentinels=sentinels,
        )

    def __str__(self) -> str:
        return self.masked

    @property
    def url(self) -> str:
        """The URL with its password: for other processes, never for output."""
        return self._written(lambda password: quote(password, safe=""))

    @property
    def masked(self) -> str:
        """The URL as it may be shown."""
        return self._written(lambda _: _MASK)

    @property
    def place(self) -> str:
        """Host and port, or the socket, or the service, for sentences."""
        if self.sentinels is not None:
            return f"{self.sentinels.service} of Sentinel {self.sentinels.written_hosts}"
        return self.socket or f"{self._bracketed_host}:{self.port}"

    @property
    def broker(self) -> RedisAddress:
        """The queue's own logical database: the next one."""
        return replace(self, db=self.db + 1)

    @property
    def is_loopback(self) -> bool:
        """Whether nobody on the network is between us and the server; where a Sentinel points, nobody knows."""
        if self.sentinels is not None:
            return False
        if self.socket is not None or self.host.lower().rstrip(".") == "localhost":
            return True
        try:
            ip = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return (mapped or ip).is_loopback

    def require_safe(self, *, insecure: bool = False) -> None:
        """Raises `UsageError` for a server on the network that asks for no password and speaks no TLS."""
        if insecure or self.is_loopback or self.password is not None or self.tls:
            return
        raise UsageError(
            f"{self.masked} is on the network, with neither a password nor TLS: whoever reaches it owns all runs",
            hint="use redis://:password@… or rediss://…, or say --insecure for a network that you trust",
        )

    @property
    def _bracketed_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def _written(self, shown: Callable[[str], str]) -> str:
        """The URL, with what `shown` makes of passwords."""
        user = quote(self.username or "", safe="")
        secret = f":{shown(self.password)}" if self.password is not None else ""
        login = f"{user}{secret}@" if user or secret else ""
        if self.socket is not None:
            return f"unix://{login}{quote(self.socket)}?db={self.db}"
        pairs = [f"{name}={quote(value, safe='/')}" for name, value in self.tls_options]
        scheme, place, path = "rediss" if self.tls else "redis", self.place, f"/{self.db}"
        if (it := self.sentinels) is not None:
            scheme, place, path = scheme + _SENTINEL, it.written_hosts, f"/{it.written_service}/{self.db}"
            pairs += [f"sentinel_username={quote(it.username, safe='')}"] if it.username is not None else []
            pairs += [f"sentinel_password={shown(it.password)}"] if it.password is not None else []
        query = f"?{'&'.join(pairs)}" if pairs else ""
        return f"{scheme}://{login}{place}{path}{query}"


def broker_address(state: RedisAddress, url: str | None, *, source: str = "the broker URL") -> RedisAddress:
    """Where the queue lives: the named database, else the one after the state's. Never the state's own."""
    broker = RedisAddress.parse(url, source=source) if url is not None else state.broker
    if (broker.place, broker.db) == (state.place, state.db):
        raise UsageError(
            f"{source} names the database of the runs, {state.masked}: the queue needs one of its own",
            hint=f"use another number at the end, such as /{state.db + 1}",
        )
    return broker


def _split(url: str, source: str) -> SplitResult:
    try:
        parts = _parts_of(url)
    except ValueError:
        # No `from`: the cause may quote a part of the password.
        raise UsageError(f"{source} is not a valid URL", hint=_SHAPE) from None
    if parts.scheme in _REFUSED:
        raise UsageError(f"{source}: {_REFUSED[parts.scheme]}", hint=_SHAPE)
    if parts.scheme not in _SCHEMES:
        raise UsageError(f"{source} does not begin with redis://, rediss:// or unix://", hint=_SHAPE)
    if not url.lower().startswith(f"{parts.scheme}://"):
        raise UsageError(f"{source} has no // after {parts.scheme}:", hint=_SHAPE)
    if parts.fragment or "#" in url:
        raise UsageError(f"{source} has a # in it", hint=_ENCODE)
    if "," in parts.netloc.rpartition("@")[2] and not parts.scheme.endswith(_SENTINEL):
        hint = "for Sentinels write redis+sentinel://host:26379,host2:26379/service/0"
        raise UsageError(f"{source} names several servers; flowcraft uses one", hint=hint)
    return parts


def _parts_of(url: str) -> SplitResult:
    """As `urlsplit`, which takes brackets for one address from end to end: in a list of hosts each may have some."""
    scheme, mark, rest = url.partition("://")
    netloc = _END_OF_HOSTS.split(rest, maxsplit=1)[0]
    user, at, hosts = netloc.rpartition("@")
    if "," not in hosts:
        return urlsplit(url)
    one = urlsplit(f"{scheme}{mark}{user}{at}hosts{rest[len(netloc) :]}")
    return one._replace(netloc=netloc)


def _query(parts: SplitResult, source: str) -> dict[str, str]:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = _QUERY_KEYS + (_SENTINEL_KEYS if parts.scheme.endswith(_SENTINEL) else ())
    for name in query:
        if name not in known:
            raise UsageError(f"{source} has an unknown option after ?", hint=f"known are {', '.join(known)}")
    if query.get("ssl_cert_reqs", "none") not in _CERTIFICATE_CHECKS:
        raise UsageError(f"{source}: ssl_cert_reqs must be one of {', '.join(_CERTIFICATE_CHECKS)}")
    if query.get("ssl_check_hostname", "true").lower() not in ("true", "false"):
        raise UsageError(f"{source}: ssl_check_hostname must be true or false")
    return query


def _credentials(parts: SplitResult, query: dict[str, str]) -> tuple[str | None, str | None]:
    username = unquote(parts.username) if parts.username else query.get("username")
    password = unquote(parts.password) if parts.password else query.get("password")
    return username or None, password or None


def _sentinels(parts: SplitResult, query: dict[str, str], source: str) -> tuple[Sentinels | None, str]:
    """The Sentinels, if the URL names some, and what stands for the database in its path."""
    if not parts.scheme.endswith(_SENTINEL):
        return None, parts.path.strip("/")
    return Sentinels.parse(parts.netloc.rpartition("@")[2], parts.path, query, source)


def _host(parts: SplitResult, source: str) -> str:
    host = unquote(parts.hostname or "")
    if not host and parts.netloc.rpartition("@")[2]:
        raise UsageError(f"{source} has no host before its port", hint=_ENCODE)
    if any(c.isspace() or not c.isprintable() for c in host):
        raise UsageError(f"{source} has a host with spaces or control characters", hint=_SHAPE)
    return host or "localhost"


def _port(parts: SplitResult, source: str) -> int:
    try:
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise UsageError(f"{source} has no valid port after its host", hint=_ENCODE)
    return port


def _socket(parts: SplitResult, source: str) -> str:
    host = parts.netloc.rpartition("@")[2]
    if host or not parts.path.strip("/"):
        raise UsageError(
            f"{source} has no absolute path of a socket", hint="write unix:///path/to/socket?db=0"
        )
    return unquote(parts.path)


def _database(text: str | None, source: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise UsageError(f"{source} must end with the number of a database, such as /0", hint=_ENCODE)
    return int(text)
