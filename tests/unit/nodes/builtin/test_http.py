from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from flowcraft_engine.nodes.builtin import BuiltinSettings, http, http_request
from flowcraft_engine.nodes.builtin.http_guard import HostRules, HttpError
from flowcraft_engine.nodes.builtin.http_request import HttpRequester
from flowcraft_engine.nodes.builtin.http_transport import CheckedTransport
from flowcraft_engine.nodes.node_output import current_attempt
from flowcraft_engine.values import NotSerializableError
from flowcraft_engine.values.masking import Masker

pytestmark = pytest.mark.asyncio


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A small HTTP server: `answers[path]` is the raw answer; it remembers what it was asked."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, body: bytes | str = b"", status: str = "200 OK", **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.answers[path] = "\r\n".join([*lines, "", ""]).encode() + content

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.connections.discard(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Request(method, target, headers, body))
        answer = self.answers.get(target.partition("?")[0])
        if answer is None:
            await reader.read()  # never answers
        else:
            writer.write(answer)
            await writer.drain()

    async def close(self) -> None:
        """Break off what is still served."""
        for _ in range(
            4
        ):  # a client that gave up while it connected: asyncio loses it if its listener goes first
            await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in self.connections:
                writer.transport.abort()
            await asyncio.wait(others, timeout=0.05)


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await server.close()
        listener.close()


@pytest.fixture
def get(make_ctx):
    """Runs an http node; this machine is allowed unless `allow` says otherwise."""

    async def run(url, *, allow=("127.0.0.1",), **params):
        handler = http.handler(BuiltinSettings(http_allow=allow))
        return await handler.call(make_ctx(params={"url": url, **params}))

    return run


async def test_answer_becomes_status_headers_and_body(get):
    async with running() as server:
        server.answer("/a", "héllo", content_type="text/plain; charset=utf-8", X_Mark="1")
        result = await get(f"{server.url}/a")
    assert (result["status"], result["body"], result["headers"]["x-mark"]) == (200, "héllo", "1")


@pytest.mark.parametrize(
    ("content_type", "parse", "body", "expected"),
    [
        ("application/json", "auto", '{"a": 1}', {"a": 1}),
        ("application/problem+json; charset=utf-8", "auto", "[]", []),
        ("text/plain", "auto", "[1]", "[1]"),
        ("text/plain", "json", "[1]", [1]),
        ("application/json", "text", "[1]", "[1]"),
        ("application/json", "auto", "", None),
        ("application/json", "auto", b"\xef\xbb\xbf[1]", [1]),
        ("application/x-ndjson", "auto", "[1]\n[2]\n", "[1]\n[2]\n"),
        ("text/plain; charset=utf8mb4", "auto", "hé", "hé"),
        ("application/json; charset=hex", "auto", '["hé"]', ["hé"]),
    ],
)
async def test_body_is_parsed_as_asked(get, content_type, parse, body, expected):
    async with running() as server:
        server.answer("/", body, content_type=content_type)
        assert (await get(server.url, parse=parse))["body"] == expected


async def test_request_has_what_the_params_say(get):
    async with running() as server:
        server.answer("/p")
        await get(
            f"{server.url}/p?kept=1",
            method="post",
            query={"q": "a b&c", "many": [1, 2], "none": None},
            headers={"X-Flag": True, "X-Text": "t"},
            json={"n": 1},
        )
    (request,) = server.requests
    assert request.method == "POST"
    assert request.target == "/p?kept=1&q=a+b%26c&many=1&many=2"
    assert (request.headers["x-flag"], request.headers["x-text"]) == ("true", "t")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"n": 1}


async def test_changing_requests_carry_the_idempotency_key(get, make_ctx):
    async with running() as server:
        server.answer("/")
        await get(server.url, method="POST", body="x")
        await get(server.url, method="POST", headers={"idempotency-key": "mine"})
        await get(server.url)
    keys = [request.headers.get("idempotency-key") for request in server.requests]
    assert keys == [make_ctx().idempotency_key, "mine", None]


@pytest.mark.parametrize(
    ("status", "retryable"),
    [("404 Not Found", False), ("400 Bad", False), ("429 Slow", True), ("408 T", True), ("503 Busy", True)],
)
async def test_bad_status_fails_and_says_what_was_answered(get, status, retryable):
    async with running() as server:
        server.answer("/orders/7%208", "because", status=status)
        with pytest.raises(HttpError) as caught:
            await get(f"{server.url.replace('//', '//me:pw@')}/orders/7%208?token=t#part")
    assert caught.value.kind == "status"
    assert caught.value.retryable is retryable
    assert caught.value.message == f"GET {server.url}/orders/7%208 answered {status}: because"


async def test_errors_name_the_path_without_what_only_the_server_may_know(get, make_ctx):
    masker = Masker()
    masker.add("T0/B0 secret")
    ctx = make_ctx()
    ctx.masker = masker
    before = current_attempt.set(ctx)
    try:
        async with running() as server:
            server.answer("/hooks/T0%2FB0%20secret", status="404 Not Found")
            with pytest.raises(HttpError) as caught:
                await get(f"{server.url}/hooks/T0%2FB0%20secret")
            assert caught.value.message == f"GET {server.url}/hooks/*** answered 404 Not Found"
            server.answer(f"/{'a' * 1000}", status="404 Not Found")
            with pytest.raises(HttpError) as caught:
                await get(f"{server.url}/{'a' * 1000}?token=t")
            assert len(caught.value.message) < 330
            assert "token" not in caught.value.message
        with pytest.raises(HttpError, match=r"the URL '/example\.com/a' has no scheme"):
            await get("example.com/a?token=t")
    finally:
        current_attempt.reset(before)


@pytest.mark.parametrize(("ok_status", "is_ok"), [([404], True), (["4xx"], True), ([200, "5xx"], False)])
async def test_ok_status_decides_what_a_failure_is(get, ok_status, is_ok):
    async with running() as server:
        server.answer("/", status="404 Not Found")
        if is_ok:
            assert (await get(server.url, ok_status=ok_status))["status"] == 404
        else:
            with pytest.raises(HttpError):
                await get(server.url, ok_status=ok_status)


async def test_slow_answer_is_a_timeout(get):
    async with running() as server:
        with pytest.raises(
            HttpError, match=r"GET http://[0-9.:]+/slow: no complete answer within 50ms"
        ) as caught:
            await get(f"{server.url}/slow?token=t", timeout="50ms")
    assert (caught.value.kind, caught.value.error_code) == ("timeout", "timeout")


async def test_answer_that_never_ends_is_a_timeout(get):
    async with running() as server:
        server.answers["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
        with pytest.raises(HttpError) as caught:
            await get(server.url, timeout="100ms")
    assert caught.value.kind in ("timeout", "body")


async def test_long_body_is_refused_also_when_it_is_packed(get):
    async with running() as server:
        server.answer("/plain", b"x" * (http_request.MAX_BODY_BYTES + 1))
        server.answer("/packed", gzip.compress(b"x" * 50_000_000), content_encoding="gzip")
        for path in ("/plain", "/packed"):
            with pytest.raises(HttpError, match="longer than") as caught:
                await get(server.url + path)
            assert caught.value.error_code == "output_too_large"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"nonsense\r\n\r\n", "body"),
        (b"", "body"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{", "body"),
    ],
)
async def test_answer_that_is_no_http_or_no_json_is_an_error(get, answer, kind):
    async with running() as server:
        server.answers["/"] = answer
        with pytest.raises(HttpError) as caught:
            await get(server.url)
    assert caught.value.kind == kind


async def test_brackets_without_end_are_refused_in_the_same_words_by_every_python(get):
    body = b"[" * 200_000
    async with running() as server:
        server.answers["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        with pytest.raises(NotSerializableError, match="nested more than 200 deep"):
            await get(server.url, parse="json")


async def test_server_without_tls_is_a_tls_error(get):
    async def speak_plainly(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(HttpError, match="no secure connection") as caught:
            await get(f"https://127.0.0.1:{port}")
    assert caught.value.kind == "tls"


async def test_nobody_listening_is_a_connect_error(get):
    async with running() as server:
        url = server.url
    with pytest.raises(HttpError) as caught:
        await get(url)
    assert (caught.value.kind, caught.value.retryable) == ("connect", True)


async def test_proxies_of_the_environment_are_ignored(get, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with running() as server:
        server.answer("/")
        assert (await get(server.url))["status"] == 200


async def test_json_and_body_together_are_refused(get):
    with pytest.raises(HttpError, match="either 'json' or 'body'"):
        await get("http://127.0.0.1", json=1, body="x")


@pytest.mark.parametrize(
    "params", [{"ok_status": ["6xx"]}, {"ok_status": ["4x"]}, {"method": "G T"}, {"headers": {"a": []}}]
)
async def test_wrong_params_are_input_errors(get, params):
    with pytest.raises(Exception, match="are not valid") as caught:
        await get("http://127.0.0.1", **params)
    assert caught.value.error_code == "input_invalid"


async def test_header_that_would_split_the_request_is_refused(get):
    async with running() as server:
        with pytest.raises(HttpError, match="cannot be made"):
            await get(server.url, headers={"X": "a\r\nY: b"})
        assert not server.requests


async def test_redirect_is_followed_where_it_is_allowed(get):
    async with running() as server:
        server.answer("/from", status="302 Found", location="/to")
        server.answer("/to", "there")
        assert (await get(f"{server.url}/from"))["body"] == "there"


async def test_endless_redirects_end(get):
    async with running() as server:
        server.answer("/", status="302 Found", location="/")
        with pytest.raises(HttpError, match="more than 5 redirects"):
            await get(server.url)
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://localhost/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://127.0.0.1/",
        "http://0x7f000001/",
    ],
)
async def test_redirect_is_checked_again(get, target):
    async with running() as server:
        server.answer("/hop", status="302 Found", location="/hop2")
        server.answer("/hop2", status="307 Temporary Redirect", location=target)
        with pytest.raises(HttpError) as caught:
            await get(f"{server.url}/hop")
    assert caught.value.kind == "refused"
    assert not caught.value.retryable


def resolver(*answers: list[str]):
    """A resolver that gives one answer after the other, and remembers what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


async def test_checked_address_is_the_one_that_is_connected_to_when_the_name_is_bound_anew():
    resolve, asked = resolver(["93.184.216.34"], ["127.0.0.1"])
    reached: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        reached.append(request)
        return httpx.Response(200)

    transport = CheckedTransport(httpx.MockTransport(answer), HostRules(), resolve)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("https://rebound.example/x")
        with pytest.raises(HttpError, match=r"'rebound.example' \(127.0.0.1\) are refused"):
            await client.get("https://rebound.example/x")
    (request,) = reached
    assert str(request.url) == "https://93.184.216.34/x"
    assert request.headers["host"] == "rebound.example"
    assert request.extensions["sni_hostname"] == "rebound.example"
    assert len(asked) == 2


async def test_one_denied_address_among_several_is_enough():
    resolve, _ = resolver(["93.184.216.34", "10.0.0.1"])
    transport = CheckedTransport(httpx.MockTransport(lambda _: httpx.Response(200)), HostRules(), resolve)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(HttpError, match="a private network"):
            await client.get("http://mixed.example/")


async def test_next_address_is_tried_when_one_does_not_answer(make_ctx):
    async with running() as server:
        server.answer("/", "reached")
        resolve, _ = resolver(["127.0.0.2", "127.0.0.1"])
        requester = HttpRequester(["shop.test"], resolve)
        params = http.HttpParams(url=f"http://shop.test:{server.port}/")
        result = await requester.send(make_ctx(), params)
    assert result["body"] == "reached"
    assert server.requests[0].headers["host"] == f"shop.test:{server.port}"


async def test_unknown_host_is_a_dns_error(make_ctx):
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(HttpError, match=r"'nowhere.example' cannot be resolved") as caught:
        await HttpRequester((), resolve).send(make_ctx(), http.HttpParams(url="http://nowhere.example"))
    assert (caught.value.kind, caught.value.retryable) == ("dns", True)


async def test_a_body_that_cannot_be_used_is_told_with_its_request(get):
    async with running() as server:
        server.answer("/rates", "<html>", Content_Type="application/json")
        with pytest.raises(HttpError, match=r"GET http://[0-9.:]+/rates: the response is not JSON .*<html>"):
            await get(f"{server.url}/rates?k=v")
