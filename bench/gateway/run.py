"""`make bench-gateway`: measures all gateways with all loads in one run, and prints lines `bench NAME VALUE UNIT`.

    python3 -m bench.gateway.run [--quick] [--seconds S] [--rounds N] [--gateways A,B] [--loads A,B] [--core N]
                                 [--output FILE]

For each load the gateways have their turns one after the other, and then again, as often as there are rounds: whatever
the machine's neighbours do meanwhile, they do to all of them.  What a gateway adds is the difference between its turn
and that of `redirect` in the same round, and its ratio is to the masquerade of the same round; a figure is the median
over the rounds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

from bench.gateway import conntrack
from bench.gateway.bed import Bed
from bench.gateway.gateways import BASE, FLOOR, GATEWAYS, YARDSTICK, Gateway, program_path
from bench.gateway.lines import Line
from bench.gateway.loads import LOADS, Effort, Load, Program, Sample, Unfit
from lab import need
from lab.cleanup import cleanup
from lab.netns import CommandFailed
from lab.run import Run
from lab.spinatd import SpinatdFailed

LOSS_LIMIT = 0.01


def lacking() -> list[str]:
    """What the machine lacks."""
    found = need.for_namespaces() + need.for_spinatd()
    found += [f"{name} (package {package})" for name, package in
              (("nft", "nftables"), ("iperf3", "iperf3"), ("chrt", "util-linux"), ("bpftool", "bpftool"))
              if shutil.which(name) is None]
    if not os.path.exists(program_path("bench-gateway-load")):
        found.append("the benchmark's programs (clang, bpftool, libbpf-dev; then make build)")
    return found


def busy_cpus(seconds: float = 1.0) -> float:
    """How many CPUs' worth of time is used, by whomever, while we do nothing: how noisy the figures will be."""

    def used() -> float:
        words = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return (sum(words[:8]) - words[3] - words[4]) / os.sysconf("SC_CLK_TCK")  # all but idle and iowait

    before, begin = used(), time.monotonic()
    time.sleep(seconds)
    return (used() - before) / (time.monotonic() - begin)


class Turns:
    """The samples of one load, gateway by gateway and round by round, and the lines that follow from them."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.samples: dict[str, list[Sample]] = {}
        self.skipped: dict[str, str] = {}

    def measure(self, gateways: dict[str, Gateway], effort: Effort, rounds: int) -> None:
        for turn in range(rounds):
            for name, gateway in gateways.items():
                if name in self.skipped or (isinstance(self.load, Program) and gateway.program() is None):
                    continue
                try:
                    if turn == 0:
                        if reason := gateway.refuses(self.load.name, self.load.flows):
                            raise Unfit(reason)
                        self.load.prepare(gateway)
                    self.samples.setdefault(name, []).append(self.load.measure(gateway, effort, turn))
                except (Unfit, CommandFailed, subprocess.TimeoutExpired) as unfit:
                    self.skipped[name] = " ".join(str(unfit).split())
                    self.samples.pop(name, None)

    def _values(self, gateway: str, suffix: str) -> list[float]:
        """A figure in each round, less that of BASE where it is to be taken off."""
        found: list[float] = []
        for turn, sample in enumerate(self.samples[gateway]):
            figure = sample.figures[suffix]
            less = 0.0
            if figure.added:
                less = self.samples[BASE][turn].figures[suffix].value
            found.append(figure.value - less)
        return found

    def _ratio(self, gateway: str, suffix: str, yardstick: str) -> float | None:
        """How many times better than the yardstick; for a program's time, how many times worse than the floor."""
        mine, its = self._values(gateway, suffix), self._values(yardstick, suffix)
        pairs = list(zip(mine, its))
        if any(min(pair) <= 0 for pair in pairs):
            # What it adds is lost in the noise of single rounds; perhaps not in that of all.
            pairs = [(statistics.median(mine), statistics.median(its))]
            if min(pairs[0]) <= 0:
                return None
        inverse = self.samples[gateway][0].figures[suffix].more_is_better or isinstance(self.load, Program)
        return statistics.median(one / other if inverse else other / one for one, other in pairs)

    def lines(self) -> Iterator[Line | str]:
        """What is printed of it."""
        for name, reason in self.skipped.items():
            yield f"bench-skip gateway.{name}.{self.load.name} {reason}"
        for name, samples in self.samples.items():
            yield from self._lines_of(name, samples)

    def _lines_of(self, name: str, samples: list[Sample]) -> Iterator[Line | str]:
        stem = f"gateway.{name}.{self.load.name}"
        losses = [sample.loss for sample in samples if sample.loss is not None]
        loss = statistics.median(losses) if losses else None
        lossy = loss is not None and loss > LOSS_LIMIT
        yardstick, unit = (FLOOR, "times-the-floor") if isinstance(self.load, Program) else (YARDSTICK, "x")
        for suffix, figure in samples[0].figures.items():
            whole = statistics.median(sample.figures[suffix].value for sample in samples)
            if figure.added:
                yield Line(f"{stem}{suffix}.absolute", whole, figure.unit, lossy)
            if figure.added and (name == BASE or BASE not in self.samples):
                continue
            yield Line(f"{stem}{suffix}", statistics.median(self._values(name, suffix)), figure.unit, lossy)
            if figure.compared and name not in (BASE, yardstick) and yardstick in self.samples:
                ratio = self._ratio(name, suffix, yardstick)
                if ratio is None:
                    yield f"bench-skip {stem}{suffix}.ratio what it adds is lost in the noise"
                else:
                    yield Line(f"{stem}{suffix}.ratio", ratio, unit, lossy)
        if loss is not None:
            yield Line(f"{stem}.loss", loss * 100, "%")


def chosen(names: list[str], wanted: str | None) -> list[str]:
    """Those that a comma separated list of beginnings names; all without one."""
    if wanted is None:
        return names
    return [name for name in names if any(name.startswith(one) for one in wanted.split(","))]


def start_all(run: Run, names: list[str], core: int, say: Callable[[str], None]) -> dict[str, Gateway]:
    """A bed for each gateway, and the gateway on it."""
    gateways: dict[str, Gateway] = {}
    for name in names:
        gateway = GATEWAYS[name](Bed(run, name), core)
        gateway.bed.checksum_offload(False)
        try:
            gateway.start()
        except (SpinatdFailed, RuntimeError) as failure:
            say(f"bench-skip gateway.{name} {' '.join(str(failure).split())}")
            continue
        gateways[name] = gateway
    return gateways


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.gateway.run", description="What a gateway adds to a packet.")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a measurement (1)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of which a figure is the median (5)")
    parser.add_argument("--quick", action="store_true", help="a fifth of a second each: to see that it works")
    parser.add_argument("--gateways", help=f"beginnings of names, of {', '.join(GATEWAYS)}")
    parser.add_argument("--loads", help=f"beginnings of names, of {', '.join(load.name for load in LOADS)}")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the CPU that does it all")
    parser.add_argument("--output", type=Path, help="a file that gets the lines too")
    given = parser.parse_args()
    if found := lacking():
        print("bench-gateway: lacking " + "; ".join(found), file=sys.stderr)
        return 1
    names = [BASE] + [name for name in chosen(list(GATEWAYS), given.gateways) if name != BASE]
    loads = [load for load in LOADS if load.name in chosen([load.name for load in LOADS], given.loads)]
    effort = Effort(0.2 if given.quick else given.seconds, given.core)
    kept: list[str] = []

    def say(line: Line | str) -> None:
        print(line, flush=True)
        kept.append(str(line))

    say(Line("gateway.machine.busy", busy_cpus(), "cpus"))
    began = time.monotonic()
    cleanup()
    with Run() as run:
        conntrack.make_room(run)
        gateways = start_all(run, names, given.core, say)
        for load in loads:
            turns = Turns(load)
            turns.measure(gateways, effort, given.rounds)
            for line in turns.lines():
                say(line)
    print(f"bench-gateway: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if given.output:
        given.output.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
