"""The looks of the SVG: style sheet for light and dark, and icons as paths in a square of 16."""

from __future__ import annotations

from flowcraft_engine.drawing.outcome import STATES

_FONTS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif'

#: Icons are strokes; a font that lacks a symbol cannot spoil them.
ICONS: dict[str, str] = {
    "loop": "M12.8 5.6A5.5 5.5 0 1 0 13.5 8M13.4 2.4V5.8H10",
    "for_each": "M3 4H13M3 8H13M3 12H13",
    "subflow": "M3 3H13V13H3ZM8 5.6V10.4M5.6 8H10.4",
    "wait": "M4 2.5H12M4 13.5H12M5 2.5C5 6 11 10 11 13.5M11 2.5C11 6 5 10 5 13.5",
    "missing": "M8 3.5V9.5M8 12.3V12.5",
}

_CIRCLE = "M8 2A6 6 0 1 1 8 14A6 6 0 1 1 8 2Z"
STATE_ICONS: dict[str, str] = {
    "pending": _CIRCLE,
    "ready": f"{_CIRCLE}M8 6.5A1.5 1.5 0 1 1 8 9.5A1.5 1.5 0 1 1 8 6.5Z",
    "running": f"{_CIRCLE}M6.6 5.2L10.8 8L6.6 10.8Z",
    "retrying": "M12.8 5.6A5.5 5.5 0 1 0 13.5 8M13.4 2.4V5.8H10",
    "waiting": f"{_CIRCLE}M6.4 5.6V10.4M9.6 5.6V10.4",
    "completed": f"{_CIRCLE}M5.2 8.2L7.2 10.2L10.9 6",
    "failed": f"{_CIRCLE}M5.9 5.9L10.1 10.1M10.1 5.9L5.9 10.1",
    "poisoned": "M8 2L14.5 13.5H1.5ZM8 6V9.6M8 11.6V11.8",
    "cancelled": f"{_CIRCLE}M3.8 12.2L12.2 3.8",
    "skipped": "M3.5 4L7.5 8L3.5 12M8.5 4L12.5 8L8.5 12",
    "unknown": f"{_CIRCLE}M6.3 6.4C6.4 4.6 9.7 4.6 9.6 6.6C9.5 8 8 7.9 8 9.3M8 11.2V11.4",
}

#: Name of a colour → (light, dark).
_PALETTE = {
    "paper": ("#ffffff", "#0d1117"),
    "card": ("#f6f8fa", "#161b22"),
    "border": ("#afb8c1", "#3d444d"),
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#59636e", "#9198a1"),
    "line": ("#768390", "#7d8590"),
    "accent": ("#6639ba", "#b392f0"),
    "warn": ("#b35900", "#e3a03a"),
    "dead": ("#d0d7de", "#30363d"),
    "frame": ("#f7f3ff", "#15131f"),
}


def style_sheet(*, with_states: bool) -> str:
    """Fixed rules, colours for light, then those for dark. Renderers without media queries stay light."""
    light, dark = (_scoped(_colours(scheme, with_states=with_states)) for scheme in (0, 1))
    return f"{_scoped(_SHAPES)}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _scoped(rules: tuple[str, ...] | list[str]) -> str:
    """The rules, for flowcraft drawings only: the style sheet of an SVG holds for its whole page."""
    scoped = []
    for rule in rules:
        selectors, _, body = rule.partition("{")
        scoped.append(",".join(f".flowcraft {selector}" for selector in selectors.split(",")) + "{" + body)
    return "".join(scoped)


_SHAPES = (
    f"text{{font-family:{_FONTS};font-size:11.5px}}",
    ".title{font-size:14px;font-weight:600}",
    ".state{font-weight:600}",
    ".card{stroke-width:1.3}",
    ".missing .card{stroke-dasharray:4 3}",
    ".inner,.loop-frame{fill:none;stroke-width:1}",
    ".loop-frame{stroke-dasharray:5 4}",
    ".arrow{fill:none;stroke-width:1.5}",
    ".arrow.fall{stroke-dasharray:6 4}",
    ".arrow.back{stroke-width:1.7}",
    ".kind,.mark{fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}",
)


def _colours(scheme: int, *, with_states: bool) -> list[str]:
    colour = {name: pair[scheme] for name, pair in _PALETTE.items()}
    rules = [
        f".paper{{fill:{colour['paper']}}}",
        f".card{{fill:{colour['card']};stroke:{colour['border']}}}",
        f".inner{{stroke:{colour['border']}}}",
        f".loop-frame{{fill:{colour['frame']};stroke:{colour['accent']};stroke-opacity:.45}}",
        f"text{{fill:{colour['muted']}}}",
        f".title{{fill:{colour['ink']}}}",
        f".kind{{stroke:{colour['accent']}}}",
        f".fallback text{{fill:{colour['warn']}}}",
        f".missing .card{{stroke:{colour['warn']}}}",
    ]
    for style, name in (("line", "line"), ("back", "accent"), ("fall", "warn"), ("dead", "dead")):
        rules += [f".arrow.{style}{{stroke:{colour[name]}}}", f".head.{style}{{fill:{colour[name]}}}"]
    for state in STATES if with_states else ():
        rules += _state_rules(state, scheme)
    return rules


def _state_rules(state: str, scheme: int) -> list[str]:
    look = STATES[state]
    line, fill = look.line[scheme], look.fill[scheme]
    dashed = ";stroke-dasharray:4 3" if state in ("pending", "skipped") else ""
    return [
        f".s-{state} .card{{fill:{fill};stroke:{line}{dashed}}}",
        f".s-{state} .inner{{stroke:{line}}}",
        f".s-{state} .mark{{stroke:{line}}}",
        f".s-{state} .state{{fill:{line}}}",
    ]
