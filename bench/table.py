"""Writes the lines of `make bench` as tables into a page: `python3 -m bench.table LINES PAGE.md`.

They replace what is between the two marks below.
"""

from __future__ import annotations

import sys
from typing import Iterator

from bench.gateway.lines import Lines
from bench.page import main, table

BEGIN = "<!-- figures of bench: begin (bench/table.py writes this) -->"
END = "<!-- figures of bench: end -->"

SIZES = ("1", "1k", "10k", "100k", "1m", "8m")
WAYS = [f"engine.{proto}.{way}" for proto in ("udp", "tcp", "esp", "ike") for way in ("out", "in")]
# Name, what comes behind the size, unit.
ENGINE = [(way, "", "ns/packet") for way in WAYS] + [
    ("engine.udp.in", ".single", "ns/packet"),
    ("floor.udp", "", "ns/packet"),
    ("engine.udp.out", ".ratio", ""),
    ("engine.new", "", "flows/s"),
    ("engine.memory", "", "bytes/flow"),
]
# IKE has no table in a map.
MAPS = [(way, f"{burst}{room}.ratio", "") for room in (".map", ".small") for burst in ("", ".single")
        for way in WAYS if ".ike." not in way]


def cell(lines: Lines, name: str) -> str:
    line = lines.figures.get(name)
    return "-" if line is None else f"{line.value:.10g}"  # as it was printed


def sizes_table(lines: Lines, wanted: list[tuple[str, str, str]]) -> Iterator[str]:
    """A row for each name, a column for each size; without rows that have nothing."""
    rows = []
    for name, suffix, unit in wanted:
        cells = [cell(lines, f"{name}.{size}{suffix}") for size in SIZES]
        head = f"`{name}`" + f" `{suffix}`" * bool(suffix) + f", {unit}" * bool(unit)
        if any(one != "-" for one in cells):
            rows.append([head, *cells])
    if rows:
        yield from table(["", *SIZES], rows)


def programs_table(lines: Lines) -> Iterator[str]:
    """How large the fast path's are."""
    found = [name for name in lines.figures if name.startswith("fast.program.")]
    names = [name.split(".")[2] for name in found if name.endswith(".instructions")]
    counts = ("instructions", "verified")
    if names:
        yield "Instructions of the fast path's programs:"
        yield ""
        yield from table(
            ["", "as the kernel runs it", "that the verifier went through"],
            [[f"`{one}`", *(cell(lines, f"fast.program.{one}.{count}") for count in counts)] for one in names],
        )


def tables(lines: Lines) -> Iterator[str]:
    yield from sizes_table(lines, ENGINE)
    if any(name.endswith(".map.ratio") for name in lines.figures):
        yield "With the tables in BPF maps, and on 4 KiB pages, times what it takes in memory of its own:"
        yield ""
        yield from sizes_table(lines, MAPS)
    yield from programs_table(lines)
    for name, reason in lines.skipped.items():
        yield f"* `{name}` was not measured: {reason}."
    if lines.skipped:
        yield ""


if __name__ == "__main__":
    sys.exit(main(__doc__, BEGIN, END, tables))
