"""The outcome of a node in a run, as far as a drawing shows it. Knows nothing of stores or of history."""

from __future__ import annotations

from collections.abc import Mapping

from flowcraft_engine.frozen import frozen


@frozen
class Outcome:
    """What became of a node: its state and, where they say something, attempts, duration and instances."""

    state: str
    attempts: int = 1
    duration_ms: float | None = None
    #: Loop passes or items of a `for_each`.
    instances: int = 1

    @property
    def details(self) -> str:
        """What the state does not say, such as `3 attempts · 1.2 s · ×12`."""
        parts = []
        if self.attempts > 1:
            parts.append(f"{self.attempts} attempts")
        if self.duration_ms is not None:
            parts.append(short_duration(self.duration_ms))
        if self.instances > 1:
            parts.append(f"×{self.instances}")
        return " · ".join(parts)

    @property
    def sentence(self) -> str:
        return f"{self.state} · {self.details}" if self.details else self.state


Outcomes = Mapping[str, Outcome]


@frozen
class StateLook:
    """How a state looks: never by colour alone. Colours are (light, dark) pairs; `ansi` is an SGR code."""

    symbol: str
    ascii: str
    line: tuple[str, str]
    fill: tuple[str, str]
    ansi: str


#: In the order of a legend.
STATES: dict[str, StateLook] = {
    "pending": StateLook("○", ".", ("#8c959f", "#6e7681"), ("#ffffff", "#161b22"), "2"),
    "ready": StateLook("◎", "o", ("#5a6fb0", "#8ea2e6"), ("#eef1fb", "#1b2136"), "34"),
    "running": StateLook("▸", ">", ("#0969da", "#58a6ff"), ("#ddf0ff", "#0f2744"), "1;34"),
    "retrying": StateLook("↻", "@", ("#bc6c00", "#e3a03a"), ("#fff3dc", "#33240c"), "33"),
    "waiting": StateLook("‖", "=", ("#7d4ed8", "#b392f0"), ("#f3ecff", "#261a3d"), "35"),
    "completed": StateLook("✓", "+", ("#1a7f37", "#3fb950"), ("#e3f7e8", "#0f2a18"), "32"),
    "failed": StateLook("✗", "x", ("#cf222e", "#ff7b72"), ("#ffebe9", "#3c1618"), "1;31"),
    "poisoned": StateLook("☠", "!", ("#a0307f", "#f07cc6"), ("#fdeaf6", "#371529"), "31"),
    "cancelled": StateLook("⊘", "/", ("#6b4f3a", "#c69c7b"), ("#f6efe9", "#2b2119"), "33"),
    "skipped": StateLook("»", "-", ("#8c959f", "#6e7681"), ("#f3f4f6", "#1c2128"), "2"),
}

_UNKNOWN = StateLook("?", "?", ("#57606a", "#8b949e"), ("#ffffff", "#161b22"), "0")


def look_of(state: str) -> StateLook:
    """The look of a state; a state that this version does not know is drawn as a question."""
    return STATES.get(state, _UNKNOWN)


def states_of(outcomes: Outcomes) -> list[str]:
    """The states that occur, in the order of a legend."""
    return [state for state in STATES if any(outcome.state == state for outcome in outcomes.values())]


def short_duration(milliseconds: float) -> str:
    """A duration in two or three digits: `340 ms`, `1.2 s`, `4m 05s`, `2h 10m`."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"
