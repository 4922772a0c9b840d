"""Tables in a page of the documentation, between two marks, so that no figure is ever copied by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Iterable, Iterator

from bench.gateway.lines import Lines


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Lines of Markdown."""
    head = list(head)
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def fill(page: str, begin: str, end: str, tables: Iterable[str]) -> str:
    """The page with the tables between the marks."""
    before, rest = page.split(begin)
    after = rest.split(end)[1]
    return before + begin + "\n\n" + "\n".join(tables) + "\n" + end + after


def main(usage: str | None, begin: str, end: str, tables: Callable[[Lines], Iterable[str]]) -> int:
    """A program that is called with a file of lines and a page."""
    if len(sys.argv) != 3:
        print(usage, file=sys.stderr)
        return 2
    page = Path(sys.argv[2])
    made = tables(Lines.read(Path(sys.argv[1])))
    page.write_text(fill(page.read_text(encoding="utf-8"), begin, end, made), encoding="utf-8")
    return 0
