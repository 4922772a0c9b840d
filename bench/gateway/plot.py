"""Draws a run's lines: `python3 -m bench.gateway.plot LINES FILE.svg`.

A row for each load of packets, a dot for each gateway, at what it adds to a packet; the scale is logarithmic, so that
equal distances are equal ratios.  SVG is written by hand: there is nothing here that would need more.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Iterator

from bench.gateway.gateways import BASE, GATEWAYS
from bench.gateway.lines import Lines, number
from bench.gateway.loads import packet_loads

WIDTH, LEFT, RIGHT, TOP, ROW = 900, 140, 30, 96, 40
# (Okabe and Ito's colours, which most colour-blind eyes tell apart.)
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000")
FONT = 'font-family="sans-serif" font-size="13" fill="#333"'


class Scale:
    """From nanoseconds to a place in the picture; whole powers of ten at both ends."""

    def __init__(self, values: list[float]) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)

    def __call__(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> Iterator[int]:
        for power in range(self.low, self.high + 1):
            yield from (10**power * step for step in ((1, 2, 5) if power < self.high else (1,)))


def text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT} {more}>{words}</text>'


def draw(lines: Lines) -> str:
    """The picture, as text."""
    loads = packet_loads()
    names = [name for name in GATEWAYS if name != BASE]
    found = {
        (name, load): value
        for name in names
        for load in loads
        if (value := lines.value(name, load)) is not None and value > 0
    }
    if not found:
        raise SystemExit("no figures of packets among these lines")
    loads = [load for load in loads if any(load == other for _, other in found)]
    names = [name for name in names if any(name == other for other, _ in found)]
    scale = Scale(list(found.values()))
    bottom = TOP + ROW * len(loads)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 46}" role="img">',
        "<title>What a gateway adds to a packet, in nanoseconds</title>",
        f'<rect width="{WIDTH}" height="{bottom + 46}" fill="white"/>',
        text(12, 26, "What a gateway adds to a packet, ns (less is better; one core; no dot: lost in the noise)", more='font-weight="bold"'),
    ]
    for index, name in enumerate(names):
        x, y = 20 + index % 6 * 145, 52 + index // 6 * 20
        parts.append(f'<circle cx="{x}" cy="{y}" r="6" fill="{COLOURS[index % len(COLOURS)]}"/>')
        parts.append(text(x + 12, y + 4.5, name))
    for tick in scale.ticks():
        x = scale(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(text(x, bottom + 20, str(tick), "middle"))
    for row, load in enumerate(loads):
        y = TOP + ROW * row + ROW / 2 - 4
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#bbb"/>')
        parts.append(text(LEFT - 12, y + 4.5, load, "end"))
        for index, name in enumerate(names):
            if (value := found.get((name, load))) is not None:
                tip = f"<title>{name}, {load}: {number(value)} ns</title>"
                colour = COLOURS[index % len(COLOURS)]
                parts.append(f'<circle cx="{scale(value):.1f}" cy="{y}" r="6.5" fill="{colour}" '
                             f'fill-opacity="0.85" stroke="white">{tip}</circle>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    Path(sys.argv[2]).write_text(draw(Lines.read(Path(sys.argv[1]))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
