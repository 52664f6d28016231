"""Serves `/metrics` and `/healthz` of one worker process, from a thread: a busy event loop does not hide figures."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from flowcraft_engine.errors import BackendError

#: How long a client may take for its request.
_PATIENCE_S = 5.0
_TEXT = "text/plain; charset=utf-8"


class MetricsServer:
    """Serves from `start` to `stop`. `is_healthy` is asked, in a thread, whether the worker still does its work."""

    def __init__(self, registry: CollectorRegistry, is_healthy: Callable[[], bool]) -> None:
        self._registry = registry
        self._is_healthy = is_healthy
        self._server: ThreadingTCPServer | None = None

    def start(self, host: str, port: int) -> str:
        """The URL of the metrics. Port 0 takes a free one. Raises `BackendError` if the address cannot be had."""
        try:
            self._server = server = _server_class(host)((host, port), self._handler())
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise BackendError(
                f"metrics cannot be served on {shown(host, port)}: {why}", hint="choose another --metrics"
            ) from error
        threading.Thread(target=server.serve_forever, name="flowcraft-metrics", daemon=True).start()
        return f"http://{shown(host, int(server.server_address[1]))}/metrics"

    def stop(self) -> None:
        """Stop serving. May be called twice."""
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry, is_healthy = self._registry, self._is_healthy

        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE_S
            server_version, sys_version = "flowcraft", ""

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    encode, content_type = choose_encoder(self.headers.get("Accept") or "")
                    self._answer(HTTPStatus.OK, content_type, encode(registry))
                elif path == "/healthz" and is_healthy():
                    self._answer(HTTPStatus.OK, _TEXT, b"ok\n")
                elif path == "/healthz":
                    self._answer(HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"the event loop does not answer\n")
                else:
                    self._answer(HTTPStatus.NOT_FOUND, _TEXT, b"there are /metrics and /healthz\n")

            def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Scrapes are not worth a line."""

        return Handler


def shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _server_class(host: str) -> type[ThreadingTCPServer]:
    # Not `HTTPServer`, which looks up the name of its address, for as long as a name server likes.
    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that went away is nobody's concern."""

    return Server
