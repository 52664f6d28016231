"""The node that makes an HTTP request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.http_params import HttpParams
from flowcraft_engine.nodes.builtin.parameters import builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext

if TYPE_CHECKING:
    from flowcraft_engine.nodes.builtin.http_request import HttpRequester


def handler(settings: BuiltinSettings) -> Handler:
    """The http node of a process; `settings.http_allow` names hosts that are not public and yet allowed."""
    requester: list[HttpRequester] = []

    async def http(ctx: NodeContext, params: HttpParams) -> dict[str, Any]:
        if not requester:  # the HTTP library is loaded by the first request
            from flowcraft_engine.nodes.builtin.http_request import HttpRequester

            requester.append(HttpRequester(settings.http_allow))
        return await requester[0].send(ctx, params)

    http.__doc__ = _DOCUMENTATION
    return builtin_handler(http, "http")


_DOCUMENTATION = """Make an HTTP request; the output is `{status, headers, body}`.

    A status of 400 and more fails the node unless `ok_status` names it; only 408, 425, 429 and 5xx are tried
    again. Requests that change something carry the header `Idempotency-Key`, the same in every attempt.

    Only public hosts can be reached: this machine, private networks and cloud metadata services are refused,
    after every redirect again, unless `http_allow` of the project file names them. Proxy settings of the
    environment are ignored.

        - id: rate
          uses: http
          params: {url: "https://api.example.com/rates", query: {base: "${{ order.currency }}"}, timeout: 5s}
    """
