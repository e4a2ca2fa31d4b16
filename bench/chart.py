"""A line chart as an SVG file, drawn by hand: what is measured needs no library to be seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 60
_COLORS: Final = ("#1f6f8b", "#c1663b", "#6b6b6b", "#7a4f9a")
_TICKS: Final = 5

Points = Sequence[tuple[float, float]]


def draw(path: Path, title: str, across: str, up: str, lines: Mapping[str, Points]) -> None:
    """Write the chart of some lines, each from left to right; both axes begin at 0."""
    right = max(x for points in lines.values() for x, _ in points)
    top = _round_up(max(y for points in lines.values() for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        across_part = _LEFT + x / right * (_WIDTH - _LEFT - _RIGHT)
        return across_part, _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_text(_WIDTH / 2, 22, title, "middle", 15), _text(_WIDTH / 2, _HEIGHT - 16, across, "middle")]
    parts.append(_text(16, _TOP - 12, up, "start"))
    for step in range(_TICKS + 1):
        x, y = place(right * step / _TICKS, top * step / _TICKS)
        base = _HEIGHT - _BOTTOM
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{top * step / _TICKS:g}", "end"))
        parts.append(_text(x, base + 18, f"{right * step / _TICKS:g}", "middle"))
    for number, (name, points) in enumerate(lines.items()):
        parts += _line(name, [place(*point) for point in points], _COLORS[number % len(_COLORS)], number)
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">\n'
    background = '<rect width="100%" height="100%" fill="white"/>'
    path.write_text(picture + "\n".join([background, *parts]) + "\n</svg>\n", encoding="utf-8")


def _line(name: str, places: Points, color: str, number: int) -> list[str]:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    key = _TOP + 6 + 18 * number
    return [
        f'<polyline points="{joined}" fill="none" stroke="{color}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places),
        f'<rect x="{_LEFT + 14}" y="{key - 9}" width="12" height="10" fill="{color}"/>',
        _text(_LEFT + 32, key, name, "start"),
    ]


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _round_up(value: float) -> float:
    """The next round number: 1, 2 or 5 and zeros."""
    scale = 1.0
    while scale * 10 < value:
        scale *= 10
    while scale > value:
        scale /= 10
    return next(scale * step for step in (1, 2, 5, 10) if scale * step >= value)
