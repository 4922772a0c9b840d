"""Writes a run's lines as tables into a page: `python3 -m bench.gateway.table LINES PAGE.md`.

They replace what is between the two marks below.
"""

from __future__ import annotations

import sys
from typing import Iterator

from bench.gateway.gateways import BASE, FLOOR, GATEWAYS, YARDSTICK
from bench.gateway.lines import Lines, number
from bench.gateway.loads import LOADS, Cores, Program, Wires, packet_loads
from bench.page import main, table

BEGIN = "<!-- figures of bench-gateway: begin (bench/gateway/table.py writes this) -->"
END = "<!-- figures of bench-gateway: end -->"


def with_ratio(lines: Lines, gateway: str, load: str, suffix: str = "") -> str:
    """A figure, and how it compares."""
    cell = lines.cell(gateway, load, suffix)
    ratio = lines.cell(gateway, load, f"{suffix}.ratio").removesuffix("\\*")
    return cell if ratio == "-" else f"{cell} ({ratio})"


# ESP, and UDP with as many flows and as many remotes.
ESP_BESIDE_UDP = (
    ("esp64.sas-1", "udp64.flows-1"),
    ("esp64.sas-10k", "udp64.remotes-10k"),
    ("program.sas-1", "program.flows-1"),
    ("program.sas-10k", "program.remotes-10k"),
)


def esp_beside_udp(lines: Lines, gateway: str, esp: str, udp: str) -> str:
    """How many times ESP's time goes into UDP's; a dash where either is lost in the noise."""
    times = [lines.value(gateway, load) for load in (udp, esp)]
    if any(time is None or time <= 0 for time in times):
        return "-"
    return number(times[0] / times[1])  # type: ignore[operator]


def esp_table(lines: Lines, names: list[str]) -> Iterator[str]:
    """ESP's figures are those of UDP, or nearly: the protocol is another one, the way is the same."""
    rows = [[f"`{name}`", *(esp_beside_udp(lines, name, *pair) for pair in ESP_BESIDE_UDP)] for name in names]
    rows = [row for row in rows if any(cell != "-" for cell in row[1:])]
    if not rows:
        return
    yield "How many times faster ESP is than UDP of as many flows to as many remotes (1: alike):"
    yield ""
    yield from table(["", *(f"{esp} : {udp}" for esp, udp in ESP_BESIDE_UDP)], rows)


def taken_table(lines: Lines, names: list[str], loads: list[str]) -> Iterator[str]:
    """What a fast path left to its daemon would be in its figures, but is no part of what they are meant to say."""
    rows = [[f"`{name}`", *(lines.cell(name, load, ".taken") for load in loads)] for name in names]
    rows = [row for row in rows if any(cell != "-" for cell in row[1:])]
    if not rows:
        return
    yield "What part of those packets the fast path took, %; the rest went through the daemon:"
    yield ""
    yield from table(["", *loads], rows)


TWO_CPUS = {
    ".one": "one CPU, Mpackets/s",
    ".two": "two, Mpackets/s",
    ".own": "times one: own flows",
    ".same": "the same flows",
    ".empty": "an empty program",
}


def cores_tables(lines: Lines, names: list[str]) -> Iterator[str]:
    """One for each load on two CPUs, with the columns that it has."""
    for load in (load for load in LOADS if isinstance(load, (Cores, Wires))):
        suffixes = [s for s in TWO_CPUS if any(lines.value(name, load.name, s) is not None for name in names)]
        rows = [[f"`{name}`", *(lines.cell(name, load.name, suffix) for suffix in suffixes)] for name in names]
        rows = [row for row in rows if any(cell != "-" for cell in row[1:])]
        if rows:
            what = "Generator, gateway and sink" if isinstance(load, Wires) else "The program alone"
            yield f"{what} on two CPUs, `{load.name}`:"
            yield ""
            yield from table(["", *(TWO_CPUS[suffix] for suffix in suffixes)], rows)


def tables(lines: Lines) -> Iterator[str]:
    names = [name for name in GATEWAYS if any(key.startswith(f"gateway.{name}.") for key in lines.figures)]
    packets = packet_loads()
    yield f"What it adds, ns/packet, and in brackets how many times less that is than what `{YARDSTICK}` adds:"
    yield ""
    rows = [[f"`{BASE}`, all of it", *(lines.cell(BASE, load, ".absolute") for load in packets)]]
    rows += [[f"`{name}`", *(with_ratio(lines, name, load) for load in packets)] for name in names if name != BASE]
    yield from table(["", *packets], rows)
    yield from taken_table(lines, names, packets)
    yield from esp_table(lines, [name for name in names if name != BASE])
    yield "The others, in brackets how many times better:"
    yield ""
    others = [("new", ""), ("tcp", ""), ("echo", ".p50"), ("echo", ".p99")]
    yield from table(
        ["", "`new`, flows/s", "`tcp`, Gbit/s", "`echo.p50`, us", "`echo.p99`, us"],
        [[f"`{name}`", *(with_ratio(lines, name, *other) for other in others)] for name in names],
    )
    programs = [load.name for load in LOADS if isinstance(load, Program) and not isinstance(load, Cores)]
    measured = [name for name in names if any(lines.value(name, load) is not None for load in programs)]
    yield f"The program alone, ns/packet, and in brackets how many times that of `{FLOOR}`:"
    yield ""
    yield from table(["", *programs], [[f"`{n}`", *(with_ratio(lines, n, load) for load in programs)] for n in measured])
    yield from cores_tables(lines, names)
    if any(line.lossy for line in lines.figures.values()):
        yield "(\\*) Over 1 % of the packets were lost."
        yield ""
    for name, reason in lines.skipped.items():
        yield f"* `{name}` was not measured: {reason}."
    if lines.skipped:
        yield ""
    busy = lines.figures.get("gateway.machine.busy")
    if busy is not None:
        yield f"When the run began, other work kept {busy.value:.1f} of the machine's CPUs busy."
        yield ""


if __name__ == "__main__":
    sys.exit(main(__doc__, BEGIN, END, tables))
