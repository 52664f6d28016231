"""The node that makes an HTTP request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Duration, Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext

if TYPE_CHECKING:
    from flowcraft_engine.nodes.builtin.http_request import HttpRequester

_Scalar = str | int | float | bool


class HttpParams(Parameters):
    url: str = Field(description="where to; http or https, a public host unless another one is allowed")
    method: str = Field(default="GET", pattern="^[A-Za-z]+$")
    headers: dict[str, _Scalar] = Field(default_factory=dict)
    query: dict[str, _Scalar | list[_Scalar] | None] = Field(
        default_factory=dict, description="added to the URL; null ones are left out"
    )
    json_body: Any = Field(default=None, alias="json", description="a value to send as JSON")
    body: str | None = Field(default=None, description="text to send")
    timeout: Duration = Field(default=30_000.0, description="for the whole request, redirects included")
    parse: Literal["auto", "json", "text"] = Field(
        default="auto", description="how to read the body; `auto` goes by the content type"
    )
    ok_status: list[int | str] | None = Field(
        default=None, description="statuses that are no failure, like `[200, 404]` or `[2xx]`"
    )

    @field_validator("ok_status")
    @classmethod
    def _check_statuses(cls, value: list[int | str] | None) -> list[int | str] | None:
        for status in value or ():
            text = str(status).lower()
            if not (len(text) == 3 and text[0] in "12345" and (text[1:].isdigit() or text[1:] == "xx")):
                raise ValueError(f"{status!r} is not a status like 404 or 4xx")
        return value

    def accepts(self, status: int) -> bool:
        if self.ok_status is None:
            return status < 400
        wanted = {str(item).lower() for item in self.ok_status}
        return str(status) in wanted or f"{status // 100}xx" in wanted


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
    after every redirect again, unless they were allowed for the whole process. Proxy settings of the
    environment are ignored.

        - id: rate
          uses: http
          params: {url: "https://api.example.com/rates", query: {base: "${{ order.currency }}"}, timeout: 5s}
    """
