"""What an HTTP request is asked to be."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from flowcraft_engine.nodes.builtin.parameters import Duration, Parameters

_Scalar = str | int | float | bool


class HttpParams(Parameters):
    url: str = Field(description="where to; http or https, a public host unless another one is allowed")
    method: str = Field(default="GET", pattern="^[A-Za-z]+$")
    headers: dict[str, _Scalar] = Field(default_factory=dict)
    query: dict[str, _Scalar | list[_Scalar] | None] = Field(
        default_factory=dict, description="added to the URL; null ones are left out"
    )
    json_body: Any = Field(default=None, alias="json", description="a value to send as JSON")
    body: str | None = Field(
        default=None, description="text to send; for an object or a list there is `json`"
    )
    timeout: Duration = Field(
        default=30_000.0,
        description="for the whole request, redirects included",
        json_schema_extra={"default": "30s"},
    )
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
