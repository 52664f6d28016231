"""When the next attempt is due: delay × backoff^(attempt-1), spread by jitter."""

from __future__ import annotations

from flowcraft_engine.values.duration import MAX_DURATION_MS


def retry_delay_s(attempt: int, delay_ms: float, backoff: float, jitter: float, chance: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1).

    `chance` in [0, 1) is the caller's random number; `jitter` 0.1 spreads the delay evenly over ±10 %.
    """
    try:
        delay = delay_ms * backoff ** (attempt - 1)
    except OverflowError:
        delay = MAX_DURATION_MS
    delay *= 1 + jitter * (2 * chance - 1)
    return max(0.0, min(delay, MAX_DURATION_MS)) / 1000
