"""Times as words: a moment with how far it is away, and durations."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: float | None, now: float) -> str:
    """`2026-01-31T09:30:00Z (12s ago)`, `2026-01-31T09:30:00Z (in 4m 10s)`."""
    if at is None:
        return "an unknown time"
    text = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    away = f"in {duration(at - now)}" if at > now else f"{duration(now - at)} ago"
    return f"{text} ({away})"


def duration(seconds: float) -> str:
    """`12ms`, `0.8s`, `1m 05s`, `2h 10m`, `3d 4h`."""
    if seconds < 0.0995:
        return f"{max(seconds, 0) * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 48 else f"{hours // 24}d {hours % 24}h"
