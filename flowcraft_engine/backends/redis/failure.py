"""From whatever redis-py or the network raised to one sentence with a hint. Never with the password."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import redis
import redis.asyncio.sentinel
import redis.sentinel

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.errors import BackendError

OLDEST_VERSION = (6, 2)
_DOCTOR = "flowcraft doctor looks closer"
_NAME_THE_CA = "name its CA in the URL: ?ssl_ca_certs=FILE"
#: What is said: whether later may be better, the sentence, the hint.
_Words: TypeAlias = tuple[bool, str, str]


class RedisAwayError(BackendError):
    """Redis cannot be used at the moment. Trying again later may help, with nothing changed."""


#: What the server answered, by the first word.
_ANSWERS: dict[str, _Words] = {
    "NOAUTH": (False, "asks for a password", "put it into the URL: redis://:password@host:6379/0"),
    "WRONGPASS": (False, "refused the user name or the password", "check both in the URL"),
    "NOPERM": (
        False,
        "does not allow this to the user of the URL",
        "docs/operations.md (Who may reach it) has the rights that flowcraft needs",
    ),
    "LOADING": (True, "is still loading its data", "try again in a moment"),
    "READONLY": (True, "is a replica, which takes no writes", "name the primary in the URL"),
    "MASTERDOWN": (True, "is a replica without a primary", "name the primary in the URL"),
    "WRONGTYPE": (
        False,
        "holds something else under a key of flowcraft",
        "another program uses the same keys: choose another database, or another --namespace",
    ),
    "OOM": (
        True,
        "is out of memory and takes no writes",
        "raise its maxmemory, or forget old runs: flowcraft prune",
    ),
    "MISCONF": (
        True,
        "takes no writes, because it cannot save its data",
        "look at the disk and the log of Redis",
    ),
    "NOREPLICAS": (True, "takes no writes, because too few replicas are connected", "look at its replicas"),
    "BUSY": (True, "is busy with a script", "try again in a moment"),
    "DENIED": (False, "is in protected mode: it talks to its own machine only", "set a password for it"),
}
_CLUSTER = (
    False,
    "is a part of a Redis Cluster, which is not supported",
    "use one server: the keys of flowcraft live together",
)
#: OpenSSL's codes for a certificate of another host, and of another address.
_OTHER_NAME = (62, 64)
_CLUSTER_WORDS = ("MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN")
#: What comes as a plain `ERR`, by a part of its text.
_TEXTS: tuple[tuple[str, _Words], ...] = (
    (
        "db index is out of range",
        (
            False,
            "has no database {db}",
            "use a smaller number at the end of the URL, or raise its `databases`",
        ),
    ),
    ("select is not allowed in cluster mode", _CLUSTER),
    ("cluster support disabled", _CLUSTER),
    ("max number of clients", (True, "has too many clients", "raise its maxclients, or stop other clients")),
    (
        "no password is set",
        (False, "has no password, and the URL gives one", "leave the password out of the URL"),
    ),
    (
        "without any password configured",
        (False, "has no password, and the URL gives one", "leave it out of the URL"),
    ),
    (
        "unknown command",
        (False, "does not know a command of flowcraft", "Redis 6.2 or newer, or Valkey, is needed"),
    ),
)


@contextmanager
def redis_errors(address: RedisAddress) -> Iterator[None]:
    """Turn what redis-py and the network raise into a `BackendError`, `RedisAwayError` where later may be better."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise backend_error(address, error) from error


def backend_error(address: RedisAddress, error: redis.RedisError | OSError) -> BackendError:
    """The `BackendError` for what was raised while the server was used."""
    may_pass, sentence, hint = _answered(error) or _unreachable(address, error)
    kind = RedisAwayError if may_pass else BackendError
    # Not `format`: the sentence may quote the server, braces and all.
    return kind(f"Redis at {address.place} {sentence.replace('{db}', str(address.db))}", hint=hint)


def _answered(error: BaseException) -> _Words | None:
    """What the server itself said, if it said anything."""
    text = str(error)
    code = getattr(error, "status_code", None) or text.partition(" ")[0].lstrip("-")
    if isinstance(error, redis.exceptions.BusyLoadingError):
        code = "LOADING"
    if isinstance(error, redis.exceptions.InvalidResponse):
        return False, f"is no Redis: {_who_answers(text)}", "check the port in the URL"
    if code in _CLUSTER_WORDS or isinstance(
        error, (redis.exceptions.ClusterError, redis.exceptions.AskError)
    ):
        return _CLUSTER
    if code in _ANSWERS:
        return _ANSWERS[code]
    for part, answer in _TEXTS:
        if part in text.lower():
            return answer
    if isinstance(error, redis.exceptions.AuthenticationError):
        return _ANSWERS["WRONGPASS" if "invalid" in text.lower() else "NOAUTH"]
    if isinstance(error, redis.ResponseError):
        return False, f"refused a command: {_one_line(text)}", _DOCTOR
    return None


def _unreachable(address: RedisAddress, error: BaseException) -> _Words:
    """What keeps us from the server: the network, its certificate, or the client."""
    if isinstance(error, (redis.sentinel.MasterNotFoundError, redis.asyncio.sentinel.MasterNotFoundError)):
        hint = "in a failover try again; else check the name of the service, the hosts and sentinel_password"
        return True, "has no primary that can be used: no Sentinel names one", hint
    cause = _root(error)
    if isinstance(cause, socket.gaierror):
        return True, "cannot be found: there is no such host", "check the host in the URL, and the network"
    start = address.remedy or "is it running? `flowcraft dev` starts one, --redis-url names another"
    return _of_tls(address, cause) or _not_opened(cause, start) or _broken_off(address, error, cause, start)


def _of_tls(address: RedisAddress, cause: BaseException) -> _Words | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        is_other = cause.verify_code in _OTHER_NAME
        hint = "write the host as the certificate names it" if is_other else _NAME_THE_CA
        return False, f"has a certificate that is not trusted: {_one_line(cause.verify_message)}", hint
    if isinstance(cause, ssl.SSLError):
        hint = "check the port; write redis:// for a server without TLS"
        return False, "does not speak TLS as expected", hint
    if address.tls and isinstance(cause, (FileNotFoundError, PermissionError)):
        sentence = "cannot be reached: a certificate file of its URL cannot be read"
        return False, sentence, "check the paths in the URL"
    return None


def _not_opened(cause: BaseException, start: str) -> _Words | None:
    if isinstance(cause, ConnectionRefusedError):
        return True, "refused the connection: nothing listens there", start
    if isinstance(cause, FileNotFoundError):
        return True, "cannot be reached: there is no such socket", start
    if isinstance(cause, PermissionError):
        hint = "check the permissions of the socket"
        return False, "cannot be reached: its socket is not ours to use", hint
    return None


def _broken_off(address: RedisAddress, error: BaseException, cause: BaseException, start: str) -> _Words:
    """Of a connection that was there, or could not be had; whatever it is, there is something to say."""
    if isinstance(error, (redis.TimeoutError, TimeoutError)):
        of_plain = "is it overloaded, stopped or behind a firewall?"
        hint = "if it has no TLS, write redis://" if address.tls else of_plain
        return True, "did not answer in time", hint
    if isinstance(error, redis.exceptions.MaxConnectionsError):
        return True, "has no free connection for this process", "lower --concurrency"
    is_cut = isinstance(cause, (ConnectionResetError, BrokenPipeError))
    if is_cut or (isinstance(error, redis.ConnectionError) and "closed" in str(error).lower()):
        hint = start if address.tls else "if it speaks TLS only, write rediss://; else try again"
        return True, "closed the connection", hint
    if isinstance(cause, OSError) and cause.strerror:
        return True, f"cannot be reached: {_one_line(cause.strerror)}", start
    return True, f"cannot be used: {_one_line(str(error)) or type(error).__name__}", _DOCTOR


def _root(error: BaseException) -> BaseException:
    """The innermost error of the operating system, else the error itself."""
    found, seen = error, error
    while (cause := seen.__cause__ or seen.__context__) is not None:
        seen = cause
        if isinstance(seen, OSError):
            found = seen
    return found


def _who_answers(text: str) -> str:
    # The first byte of "HTTP/1.1 ..." is all that hiredis tells of what it read.
    is_http = "HTTP/" in text or 'got "H"' in text
    return "an HTTP server answers" if is_http else "something else answers"


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")[:200]
