"""One HTTP request of a node, from its params to its output or a typed error."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Iterable
from typing import Any

import httpx

from flowcraft_engine.errors import ErrorCode
from flowcraft_engine.nodes.builtin.http_guard import HostRules, HttpError, refused
from flowcraft_engine.nodes.builtin.http_params import HttpParams
from flowcraft_engine.nodes.builtin.http_transport import CheckedTransport, Resolver, resolve, without_query
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.node_output import without_secrets
from flowcraft_engine.values import NotSerializableError, format_duration

#: Bytes of a response body, after decompression; a node's output could not be longer.
MAX_BODY_BYTES = 1024 * 1024
_MAX_REDIRECTS = 5
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WORTH_RETRYING = frozenset({408, 425, 429})
_SHOWN_CHARACTERS = 300
#: Some servers begin their JSON with it.
_BYTE_ORDER_MARK = "\ufeff"


class HttpRequester:
    """Sends the requests of one process under the same rules."""

    def __init__(self, allow: Iterable[str] = (), resolver: Resolver = resolve) -> None:
        self._rules = HostRules(allow)
        self._resolver = resolver
        self._tls: ssl.SSLContext | None = None

    async def send(self, ctx: NodeContext, params: HttpParams) -> dict[str, Any]:
        """The output of the node. Raises `HttpError`."""
        try:
            async with asyncio.timeout(params.timeout / 1000), self._client(params.timeout / 1000) as client:
                request = _request(client, ctx, params)
                response = await client.send(request, stream=True)
                content = await _read(response)
        except TimeoutError as error:
            raise _timed_out(params) from error
        except httpx.HTTPError as error:
            raise _translated(error, params) from error
        if not params.accepts(response.status_code):
            raise _bad_status(response, content)
        return {
            "status": response.status_code,
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": _parsed(response, content, params.parse),
        }

    def _client(self, timeout_s: float) -> httpx.AsyncClient:
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        # A kept connection would serve another name at the same address, whose certificate nobody has seen.
        limits = httpx.Limits(max_keepalive_connections=0)
        inner = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits)
        return httpx.AsyncClient(
            transport=CheckedTransport(inner, self._rules, self._resolver),
            trust_env=False,
            follow_redirects=True,
            max_redirects=_MAX_REDIRECTS,
            timeout=timeout_s,
        )


def _request(client: httpx.AsyncClient, ctx: NodeContext, params: HttpParams) -> httpx.Request:
    if params.json_body is not None and params.body is not None:
        raise refused("a request has either 'json' or 'body', not both")
    if "\\" in params.url:
        raise refused("the URL has a backslash, which some read as a slash")
    method = params.method.upper()
    headers = {"User-Agent": "flowcraft"}
    if method not in _SAFE_METHODS:
        headers["Idempotency-Key"] = ctx.idempotency_key
    own = {name.lower() for name in params.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in own}
    headers.update({name: _text(value) for name, value in params.headers.items()})
    query = {name: value for name, value in params.query.items() if value is not None}
    try:
        url = httpx.URL(params.url)
        return client.build_request(
            method,
            url.copy_merge_params(query) if query else url,
            headers=headers,
            json=params.json_body,
            content=params.body,
        )
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise refused(f"the request cannot be made: {error}") from error


def _text(value: str | int | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise HttpError(
                f"{_place(response.request)}: the response is longer than {MAX_BODY_BYTES} bytes",
                "body",
                error_code=ErrorCode.OUTPUT_TOO_LARGE,
                retryable=False,
            )
    return bytes(content)


def _parsed(response: httpx.Response, content: bytes, parse: str) -> Any:
    text = _decoded(response, content)
    if parse == "text" or (parse == "auto" and not _is_json(response)):
        return text
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if not text:
        return None
    try:
        return json.loads(text)
    except RecursionError:
        raise NotSerializableError.too_deep() from None
    except ValueError as error:
        said = without_secrets(text)[:_SHOWN_CHARACTERS]
        message = f"{_place(response.request)}: the response is not JSON ({error}): {said!r}"
        raise HttpError(message, "body") from error


def _decoded(response: httpx.Response, content: bytes) -> str:
    try:
        return content.decode(response.charset_encoding or "utf-8", errors="replace")
    except (LookupError, ValueError):  # a server may name any charset, also one that is none
        return content.decode(errors="replace")


def _is_json(response: httpx.Response) -> bool:
    """Whether the body is one JSON value: of `application/x-ndjson` and the like it is one a line."""
    media_type = response.headers.get("content-type", "").lower().partition(";")[0].strip()
    return re.split("[/+]", media_type)[-1] in ("json", "x-json")


def _bad_status(response: httpx.Response, content: bytes) -> HttpError:
    status = response.status_code
    said = without_secrets(_decoded(response, content).strip())[:_SHOWN_CHARACTERS]
    message = f"{_place(response.request)} answered {status} {response.reason_phrase}".rstrip()
    return HttpError(
        f"{message}: {said}" if said else message,
        "status",
        retryable=status >= 500 or status in _WORTH_RETRYING,
    )


def _timed_out(params: HttpParams) -> HttpError:
    place = _shown(params.method.upper(), httpx.URL(params.url))
    return HttpError(
        f"{place}: no complete answer within {format_duration(params.timeout)}",
        "timeout",
        error_code=ErrorCode.TIMEOUT,
    )


def _translated(error: httpx.HTTPError, params: HttpParams) -> HttpError:
    if isinstance(error, httpx.TimeoutException):
        return _timed_out(params)
    if isinstance(error, httpx.TooManyRedirects):
        text = f"{_place(error.request)}: more than {_MAX_REDIRECTS} redirects"
        return HttpError(text, "redirects", retryable=False)
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return refused(f"the request cannot be made: {error}")
    cause = _tls_error(error)
    if cause is not None:
        return HttpError(f"no secure connection to {_place(error.request)}: {cause}", "tls", retryable=False)
    kind = "connect" if isinstance(error, httpx.ConnectError) else "body"
    return HttpError(f"{_place(error.request)}: {error or type(error).__name__}", kind)


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _place(request: httpx.Request) -> str:
    return _shown(request.method, request.url)


def _shown(method: str, url: httpx.URL) -> str:
    """Method, host and path. What comes after the path, and user names, are for the server only."""
    place = without_secrets(f"{method} {without_query(url)}")
    return place if len(place) <= _SHOWN_CHARACTERS else place[: _SHOWN_CHARACTERS - 1] + "…"
