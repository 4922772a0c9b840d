"""The lines that benchmarks print, which are all that plot.py and the two table.py know of a run:

    bench NAME VALUE UNIT            a figure; a further word `lossy` says that over 1 % of its packets were lost
    bench-skip NAME REASON           what was not measured, and why
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable


@dataclass(frozen=True)
class Line:
    """One figure."""

    name: str
    value: float
    unit: str
    lossy: bool = False

    def __str__(self) -> str:
        return f"bench {self.name} {number(self.value)} {self.unit}" + " lossy" * self.lossy


def number(value: float) -> str:
    """With as many digits as mean something."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


class Lines:
    """A run's figures by their names."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.figures: dict[str, Line] = {}
        self.skipped: dict[str, str] = {}
        for text in lines:
            words = text.split()
            if len(words) >= 4 and words[0] == "bench":
                self.figures[words[1]] = Line(words[1], float(words[2]), words[3], "lossy" in words[4:])
            elif len(words) >= 3 and words[0] == "bench-skip":
                self.skipped[words[1]] = " ".join(words[2:])

    @classmethod
    def read(cls, path: Path) -> Lines:
        return cls(path.read_text(encoding="utf-8").splitlines())

    def value(self, gateway: str, load: str, suffix: str = "") -> float | None:
        line = self.figures.get(f"gateway.{gateway}.{load}{suffix}")
        return None if line is None else line.value

    def cell(self, gateway: str, load: str, suffix: str = "") -> str:
        """A figure for a table: a dash where there is none, a mark where packets were lost."""
        line = self.figures.get(f"gateway.{gateway}.{load}{suffix}")
        if line is None:
            return "-"
        return number(line.value) + "\\*" * line.lossy
