"""The loads: what is sent through a gateway, and which figures come out.

A load measures one gateway once (`measure`) and gives named figures; run.py does that turn by turn, takes medians and
works out ratios.  A figure's name is the load's, or that and a suffix.
"""

from __future__ import annotations

import abc
import json
import math
import os
import subprocess
import time
from dataclasses import dataclass, field

from bench.gateway.bed import MACS, QUEUES, SINK, Bed
from bench.gateway.gateways import GENERATOR_PRIORITY, Gateway, program_path


@dataclass(frozen=True)
class Effort:
    """How long, and on which CPU."""

    seconds: float
    core: int


@dataclass(frozen=True)
class Figure:
    """One measured value.  `added`: what the same load takes without a gateway is to be taken off.  `compared`: with the
    same of another gateway."""

    value: float
    unit: str
    added: bool = False
    more_is_better: bool = False
    compared: bool = True


@dataclass
class Sample:
    """What one measurement gave: figures by suffix, and what was lost of the packets, as a part of one."""

    figures: dict[str, Figure]
    loss: float | None = None


class Unfit(Exception):
    """A gateway does not carry a load; the sentence says why, and no figure is printed."""


class Load(abc.ABC):
    """One load; `name` follows the gateway's in the names of figures."""

    name = ""
    flows = 1

    def prepare(self, gateway: Gateway) -> None:
        """Before the first measurement of a gateway with this load."""
        gateway.fit(self.flows)

    @abc.abstractmethod
    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        """Measure once; `turn` counts from 0."""


def alone(core: int, *argv: str) -> list[str]:
    """A command line that has a CPU to itself, but for gateways: everybody else keeps the 5 % that the kernel gives them.

    (Being nice would not do: where sessions are scheduled as groups it holds within a session only.)
    """
    return ["taskset", "-c", str(core), "chrt", "-f", str(GENERATOR_PRIORITY), *argv]


def other_core(core: int) -> int:
    """Another CPU, or the same if there is one only."""
    return next((cpu for cpu in sorted(os.sched_getaffinity(0)) if cpu != core), core)


def numbers(text: str) -> dict[str, float]:
    """Names and numbers in turn, as the benchmark's programs print them."""
    words = text.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def run_load(bed: Bed, core: int, *options: str) -> dict[str, float]:
    """bench-gateway-load with the namespaces of a bed."""
    argv = [program_path("bench-gateway-load"), "--generator", bed.generator.name, "--sink", bed.sink.name]
    argv += ["--mac", MACS["in"], "--source-mac", MACS["generator"], "--sequence", str(bed.sequence), *options]
    done = subprocess.run(alone(core, *argv), capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Unfit(done.stderr.strip() or f"bench-gateway-load: exit code {done.returncode}")
    result = numbers(done.stdout)
    bed.sequence = int(result.get("sequence", bed.sequence))
    return result


def open_flows(gateway: Gateway, kind: str, flows: int, first: int = 0) -> None:
    """As many packets of each flow as the gateway must have seen; `first`: where their remotes begin."""
    options = ["--kind", kind, "--flows", str(flows), "--open", str(gateway.openings), "--count", "64"]
    options += ["--first", str(first)]
    opened = run_load(gateway.bed, gateway.core, *options)["opened"]
    if opened < 0.99 * flows:
        raise Unfit(f"only {opened:.0f} of {flows} flows could be opened")


class Taken:
    """What part of the packets between here and `figures` the gateway's BPF programs have taken."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._before = gateway.taken()

    def figures(self, packets: float) -> dict[str, Figure]:
        """A figure, or none of a gateway that has no such programs."""
        if self._before is None:
            return {}
        taken = (self._gateway.taken() or 0) - self._before
        return {".taken": Figure(taken / packets * 100, "%", compared=False)}


def lost(result: dict[str, float]) -> float:
    """What part of the packets did not come out."""
    return 1 - result["received"] / result["sent"]


def offered(result: dict[str, float]) -> float:
    """Packets that were sent, those that open flows (`opened N of N`) too."""
    return result["sent"] + result.get("of", 0)


def judge(gateway: Gateway, result: dict[str, float]) -> None:
    """Refuse a gateway that carries nothing, or lets inside addresses out."""
    if result["received"] == 0:
        raise Unfit("nothing came out")
    if gateway.translates and result["foreign"] > 0:
        raise Unfit(f"{result['foreign']:.0f} of {result['received']:.0f} packets came out untranslated")


# While others were measured, every flow had a break.  What a gateway does for the first packet after one is not what it does
# for those of a flow that is under way.
AWAKE = ["--open", "1"]


@dataclass
class Packets(Load):
    """Frames at random over so many flows, as fast as they go: nanoseconds for each.

    Each flow is opened first, by a packet (or what the gateway needs) that is not measured.
    """

    name: str
    flows: int
    kind: str = "udp"
    imix: bool = False

    def prepare(self, gateway: Gateway) -> None:
        super().prepare(gateway)
        open_flows(gateway, self.kind, self.flows)

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        options = ["--kind", self.kind, "--flows", str(self.flows), "--seconds", f"{effort.seconds}", *AWAKE]
        options += ["--imix"] * self.imix
        options += ["--public", gateway.public] * gateway.translates
        taken = Taken(gateway)
        result = run_load(gateway.bed, effort.core, *options)
        judge(gateway, result)
        each = result["seconds"] / result["timed"] * 1e9
        return Sample({"": Figure(each, "ns/packet", added=True)} | taken.figures(offered(result)), lost(result))


@dataclass
class Wires(Load):
    """Packets on one CPU, and then while another CPU does the same with flows of its own: generator, gateway and sink.

    What the second one carries is not timed: it is taken to be as much as the first.
    """

    name: str
    flows: int

    def prepare(self, gateway: Gateway) -> None:
        gateway.fit(2 * self.flows)
        open_flows(gateway, "udp", self.flows)
        open_flows(gateway, "udp", self.flows, BESIDE_FIRST)

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        cores = [effort.core, other_core(effort.core)]
        if cores[0] % QUEUES == cores[1] % QUEUES:
            raise Unfit(f"CPUs {cores[0]} and {cores[1]} share a queue")
        options = ["--flows", str(self.flows), "--seconds", f"{effort.seconds}", *AWAKE]
        options += ["--public", gateway.public] * gateway.translates
        taken = Taken(gateway)
        alone, both = (run_load(gateway.bed, cores[0], *options, *more) for more in ([], ["--beside", str(cores[1])]))
        one, other = (result["timed"] / result["seconds"] / 1e6 for result in (alone, both))
        for result in (alone, both):
            judge(gateway, result)
        figures = {
            ".one": Figure(one, "Mpackets/s", compared=False),
            ".two": Figure(2 * other, "Mpackets/s", compared=False),
            ".own": Figure(2 * other / one, "times-one", compared=False),
        }
        return Sample(figures | taken.figures(offered(alone) + offered(both)), lost(both))


# As in load.c.
BESIDE_FIRST = 512


@dataclass
class NewFlows(Load):
    """One packet of each of many flows that were never seen before: flows a second, everything counted.

    They are new sessions of inside endpoints with remote hosts that they have not talked to.
    """

    name: str = "new"
    flows: int = 100_000

    def prepare(self, gateway: Gateway) -> None:
        gateway.fit(10 * self.flows)

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        options = ["--flows", str(self.flows), "--count", str(self.flows), "--sequential"]
        options += ["--first", str(1024 * (turn + 1))]
        options += ["--public", gateway.public] * gateway.translates
        result = run_load(gateway.bed, effort.core, *options)
        judge(gateway, result)
        rate = result["timed"] / result["seconds"]
        return Sample({"": Figure(rate, "flows/s", more_is_better=True)}, lost(result))


@dataclass
class Echo(Load):
    """Round trips of one small datagram at a time, which the sink's device returns: microseconds."""

    name: str = "echo"

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        result = run_load(gateway.bed, effort.core, "--echo", SINK, "--seconds", f"{effort.seconds}")
        figures = {f".{name}": Figure(result[name], "us") for name in ("p50", "p99")}
        return Sample(figures, lost(result))


@dataclass
class Tcp(Load):
    """One TCP stream by iperf3, with all offloads that the devices have; client and server on a CPU each."""

    name: str = "tcp"
    _server: list[str] = field(default_factory=lambda: ["iperf3", "-s", "-1"])

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        bed = gateway.bed
        bed.checksum_offload(not gateway.by_xdp)
        server = bed.sink.start(*alone(other_core(effort.core), *self._server))
        try:
            self._wait(bed)
            argv = ["iperf3", "-J", "-c", SINK, "--connect-timeout", "2000", "-t", str(math.ceil(effort.seconds))]
            done = bed.generator.run(*alone(effort.core, *argv), check=False, timeout=effort.seconds + 20)
            report = json.loads(done.stdout or "{}")
            if "error" in report or done.returncode != 0:
                raise Unfit(f"iperf3: {report.get('error', done.stderr.strip())}")
            rate = report["end"]["sum_received"]["bits_per_second"] / 1e9
            return Sample({"": Figure(rate, "Gbit/s", more_is_better=True)})
        finally:
            server.kill()
            server.wait()
            bed.checksum_offload(False)

    @staticmethod
    def _wait(bed: Bed) -> None:
        """Until the server listens."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if ":5201" in bed.sink.run("ss", "-Hltn").stdout:
                return
            time.sleep(0.02)
        raise Unfit("iperf3: the server does not listen")


@dataclass
class Program(Load):
    """The gateway's BPF program alone, by BPF_PROG_RUN, above an empty one."""

    name: str
    flows: int
    kind: str = "udp"

    def prepare(self, gateway: Gateway) -> None:
        super().prepare(gateway)
        open_flows(gateway, self.kind, self.flows)

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        result, taken = self._run(gateway, PROGRAM_ROUNDS, [effort.core])
        return Sample({"": Figure(result["nanoseconds"], "ns/packet")} | taken)

    def _run(self, gateway: Gateway, rounds: int, cores: list[int]) -> tuple[dict[str, float], dict[str, Figure]]:
        """bench-gateway-progrun in the gateway's namespace, and what the program took of the packets."""
        program = gateway.program()
        if program is None:
            raise Unfit("it is no BPF program")
        bed, taken = gateway.bed, Taken(gateway)
        argv = [program_path("bench-gateway-progrun"), *program, self.kind, str(self.flows), str(bed.sequence)]
        argv += [str(rounds), ",".join(map(str, cores))]
        done = bed.gw.run(*alone(cores[0], *argv), check=False, timeout=120)
        if done.returncode != 0:
            raise Unfit(done.stderr.strip())
        result = numbers(done.stdout)
        bed.sequence = int(result.get("sequence", bed.sequence))
        return result, taken.figures(result["packets"])


@dataclass
class Cores(Program):
    """The same program on two CPUs at once: packets a second, and how many times what it carries on one of them."""

    def measure(self, gateway: Gateway, effort: Effort, turn: int) -> Sample:
        other = other_core(effort.core)
        if other == effort.core:
            raise Unfit("there is one CPU")
        result, taken = self._run(gateway, CORES_ROUNDS, [effort.core, other])
        figures = {f".{name}": Figure(result[name], "Mpackets/s", compared=False) for name in ("one", "two")}
        figures |= {f".{name}": Figure(result[name], "times-one", compared=False) for name in ("own", "same", "empty")}
        return Sample(figures | taken)


# Many short ones, so that where others have their 5 % of the CPU only a few are spoilt.
PROGRAM_ROUNDS, CORES_ROUNDS = 15, 5

# Those with many flows come last: what has been learnt stays, and a million needs larger tables.  ESP comes soon after
# the UDP that it is compared with.
LOADS: list[Load] = [
    Packets("udp64.flows-1", 1),
    Packets("esp64.sas-1", 1, "esp"),
    Packets("udp64.flows-10k", 10_000),
    Packets("udp64.remotes-10k", 10_000, "udp-apart"),
    Packets("esp64.sas-10k", 10_000, "esp"),
    Packets("udp64.flows-100k", 100_000),
    Packets("imix.flows-10k", 10_000, imix=True),
    Wires("wires.flows-10k", 10_000),
    Echo(),
    Tcp(),
    NewFlows(),
    Program("program.flows-1", 1),
    Program("program.sas-1", 1, "esp"),
    Program("program.flows-10k", 10_000),
    Program("program.remotes-10k", 10_000, "udp-apart"),
    Program("program.sas-10k", 10_000, "esp"),
    Program("program.flows-100k", 100_000),
    Cores("cores.flows-2", 2),
    Cores("cores.flows-10k", 10_000),
    Packets("udp64.flows-1m", 1_000_000),
    Program("program.flows-1m", 1_000_000),
]


def packet_loads() -> list[str]:
    """The names of the loads of packets, in the order in which one reads them."""
    found = [load for load in LOADS if isinstance(load, Packets)]
    kinds = list(dict.fromkeys(load.name.split(".")[0] for load in found))
    return [load.name for load in sorted(found, key=lambda load: (kinds.index(load.name.split(".")[0]), load.flows))]
