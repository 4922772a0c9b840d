"""Words and tables for a plain terminal.  Colour only on a terminal that did not ask for none (NO_COLOR)."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import Sequence

WIDTH = 100


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def paint(text: str, code: str) -> str:
    """Text in an ANSI style, where that makes sense."""
    return f"\033[{code}m{text}\033[0m" if _colour() else text


def verdict(good: bool, width: int = 0) -> str:
    """`works` or `FAILS`."""
    return paint("works".ljust(width), "32") if good else paint("FAILS".ljust(width), "1;31")


def say(text: str = "") -> None:
    """One line, at once."""
    print(text, flush=True)


def heading(text: str) -> None:
    """The start of a part."""
    say()
    say(paint(f"== {text} " + "=" * max(0, WIDTH - 4 - len(text)), "1"))


def step(what: str, result: str, good: bool | None = None, seconds: float | None = None) -> None:
    """One thing done: what, how it went, how long it took."""
    mark = "  " if good is None else paint("ok", "32") if good else paint("NO", "1;31")
    took = "" if seconds is None else paint(f"{seconds:5.1f} s", "2")
    lines = textwrap.wrap(result, WIDTH - 62) or [""]
    say(f"  {mark} {what:<46} {lines[0]:<{WIDTH - 62}} {took}".rstrip())
    for line in lines[1:]:
        say(f"     {'':<46} {line}")


def indent(text: str, by: str = "     ") -> None:
    """Somebody else's words, set off."""
    for line in text.rstrip("\n").splitlines() or ["(nothing)"]:
        say(by + line)


def table(head: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> None:
    """A table.  A cell is its text and how it looks (the text painted), so that columns line up."""
    widths = [max(len(row[i][0]) for row in [[(h, h) for h in head], *rows]) for i in range(len(head))]
    say("  " + "  ".join(paint(text.ljust(width), "1") for text, width in zip(head, widths)).rstrip())
    say("  " + "  ".join("-" * width for width in widths))
    for row in rows:
        cells = [look + " " * (width - len(text)) for (text, look), width in zip(row, widths)]
        say("  " + "  ".join(cells).rstrip())
