"""The nodes of both versions of the payment example. The provider is pretended: see `_provider`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from flowcraft_engine import FatalNodeError, NodeContext, NodeResult, node


class Order(BaseModel):
    id: str = Field(min_length=1)
    customer: str
    amount: float = Field(gt=0)
    card: str


class Charge(BaseModel):
    order: str
    amount: float
    receipt: str
    attempts: int


class Limits(BaseModel):
    limit: float = Field(default=10_000, description="larger orders are refused")


@node("validate-payment")
def validate_payment(input: Order, params: Limits) -> Order:
    """Check an order; one above the limit fails at once."""
    if input.amount > params.limit:
        raise FatalNodeError(f"{input.amount:.2f} is more than the limit of {params.limit:.2f}")
    return input


@node("charge-card-v1")
def charge_card_v1(ctx: NodeContext, input: Order) -> NodeResult:
    """Charge the card in one step; the action is `paid` or `declined`."""
    return _provider(ctx, input)


@node("assess-risk")
def assess_risk(input: Order) -> dict[str, int]:
    """Give an order a score from 0 (trusted) to 100."""
    return {"score": min(100, int(input.amount / 50) + (60 if input.customer.startswith("new-") else 0))}


@node("reserve-amount")
def reserve_amount(ctx: NodeContext, input: Order) -> dict[str, Any]:
    """Reserve the amount on the card; what is reserved twice under one key is reserved once."""
    return {"reservation": ctx.idempotency_key[:8], "amount": input.amount}


class Capture(BaseModel):
    order: Order
    reservation: dict[str, Any]


@node("capture-v2")
def capture_v2(ctx: NodeContext, input: Capture) -> NodeResult:
    """Take what was reserved; the action is `paid` or `declined`."""
    return _provider(ctx, input.order)


@node("manual-review")
def manual_review(ctx: NodeContext) -> NodeResult:
    """Put the order on the pile of a person, with what went wrong."""
    problem = ctx.error["message"] if ctx.error else "looks suspicious"
    return NodeResult({"pile": "payments", "problem": problem}, "review")


@node("tell-customer")
def tell_customer(ctx: NodeContext, params: dict[str, str]) -> str:
    """Write what the customer is told."""
    return params["text"]


def _provider(ctx: NodeContext, order: Order) -> NodeResult:
    """Declines cards that end in 0; is down for those in 9, and until the third attempt for those in 3."""
    last = order.card[-1]
    if last == "9" or (last == "3" and ctx.attempt < 3):
        raise ConnectionError("the payment provider does not answer")
    if last == "0":
        return NodeResult({"order": order.id, "reason": "insufficient funds"}, "declined")
    receipt = f"R-{ctx.idempotency_key[:8]}"
    charge = Charge(order=order.id, amount=order.amount, receipt=receipt, attempts=ctx.attempt)
    return NodeResult(charge, "paid")
