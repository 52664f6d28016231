"""The nodes of the sales report: read a CSV, price each order, sum up, write the report."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from flowcraft_engine import FatalNodeError, NodeContext, node

_CENT = Decimal("0.01")


class Source(BaseModel):
    file: str = Field(description="the CSV file, relative to the blueprint's folder")


class Order(BaseModel):
    """One line of the file; pydantic refuses what is no order."""

    order_id: str = Field(pattern=r"^S-\d{5}$")
    day: date
    region: str = Field(min_length=1)
    product: str
    quantity: int = Field(gt=0)
    unit_price: Decimal = Field(gt=0)
    currency: str


class Rates(BaseModel):
    rates: dict[str, Decimal] = Field(description="what one unit of a currency is worth in euros")


class Priced(BaseModel):
    order_id: str
    month: str
    region: str
    product: str
    euros: Decimal


class ReportPlace(BaseModel):
    file: str = Field(description="the report, relative to the folder of the command")


@node("read-orders")
def read_orders(ctx: NodeContext, params: Source) -> list[dict[str, str]]:
    """The lines of a CSV file, one object each."""
    path = Path(ctx.blueprint_dir or ".") / params.file
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise FatalNodeError(f"{params.file} cannot be read: {error.strerror}") from error


@node("price-order")
def price_order(input: Order, params: Rates) -> Priced:
    """What one order is worth in euros; an order that is wrong fails alone."""
    rate = params.rates.get(input.currency)
    if rate is None:
        raise FatalNodeError(f"order {input.order_id}: no rate for {input.currency}")
    euros = (input.quantity * input.unit_price * rate).quantize(_CENT, ROUND_HALF_UP)
    return Priced(
        order_id=input.order_id,
        month=f"{input.day:%Y-%m}",
        region=input.region,
        product=input.product,
        euros=euros,
    )


@node("sum-up")
def sum_up(input: list[dict[str, Any]]) -> dict[str, Any]:
    """Totals by region, product and month; what was refused is counted, not dropped in silence."""
    good = [Priced.model_validate(row) for row in input if "error" not in row]
    return {
        "orders": len(good),
        "refused": [row["error"]["message"] for row in input if "error" in row],
        "total": sum((row.euros for row in good), Decimal(0)),
        "by_region": _totals(good, "region"),
        "by_product": _totals(good, "product"),
        "by_month": _totals(good, "month"),
    }


@node("write-report")
def write_report(input: dict[str, Any], params: ReportPlace) -> str:
    """Write the report as Markdown; the output is its path."""
    summary = f"{input['orders']} orders, {input['total']} EUR; {len(input['refused'])} refused."
    lines = ["# Sales", "", summary, ""]
    for title in ("region", "product", "month"):
        lines += [f"| {title} | EUR |", "|---|---:|"]
        lines += [f"| {name} | {euros} |" for name, euros in input[f"by_{title}"].items()]
        lines.append("")
    lines += ["Refused:", "", *(f"- {problem.splitlines()[0]}" for problem in input["refused"]), ""]
    path = Path(params.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def _totals(rows: list[Priced], key: str) -> dict[str, Decimal]:
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[getattr(row, key)] += row.euros
    return dict(sorted(totals.items()))
