"""Bars in groups, with how far each may be off, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 340
LEFT, TOP, FLOOR = 50, 60, 290
COLOURS: Final = ("#b9bccd", "#c77b30", "#1b4965")
Value = tuple[float, float]  # a mean from 0 to 1, and its margin


def bars(title: str, names: Sequence[str], groups: Mapping[str, Sequence[Value]]) -> str:
    """A group of bars for each key, a colour for each name."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif"'
        f' font-size="13" fill="#23242f" role="img" aria-labelledby="t">',
        f'  <title id="t">{escape(title)}</title>',
        f'  <rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'  <text x="{LEFT}" y="22" font-weight="600">{escape(title)}</text>',
        *_legend(names),
        *(_line(step / 5) for step in range(6)),
    ]
    width = (WIDTH - LEFT - 20) / len(groups)
    for place, (group, values) in enumerate(groups.items()):
        left = LEFT + place * width
        parts += _group(group, values, left, width)
    return "\n".join([*parts, "</svg>", ""])


def _group(group: str, values: Sequence[Value], left: float, width: float) -> list[str]:
    bar = 0.8 * width / len(values)
    parts = [f'  <text x="{left + width / 2:.1f}" y="{FLOOR + 20}" text-anchor="middle">{escape(group)}</text>']
    for n, (mean, margin) in enumerate(values):
        x, middle = left + 0.1 * width + n * bar, left + 0.1 * width + (n + 0.5) * bar
        parts += [
            f'  <rect x="{x:.1f}" y="{_y(mean):.1f}" width="{bar - 3:.1f}" height="{FLOOR - _y(mean):.1f}"'
            f' fill="{COLOURS[n % len(COLOURS)]}"/>',
            f'  <path d="M{middle - 1.5:.1f} {_y(mean + margin):.1f}V{_y(mean - margin):.1f}" stroke="#23242f"/>',
        ]
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    return [
        f'  <rect x="{LEFT + n * 130}" y="34" width="11" height="11" fill="{COLOURS[n % len(COLOURS)]}"/>'
        f'<text x="{LEFT + n * 130 + 17}" y="44">{escape(name)}</text>'
        for n, name in enumerate(names)
    ]


def _line(value: float) -> str:
    return (
        f'  <path d="M{LEFT} {_y(value):.1f}H{WIDTH - 20}" stroke="#ecedf6"/>'
        f'<text x="{LEFT - 8}" y="{_y(value) + 4:.1f}" text-anchor="end" font-size="11">{value:.1f}</text>'
    )


def _y(value: float) -> float:
    return FLOOR - value * (FLOOR - TOP)
