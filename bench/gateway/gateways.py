"""The gateways that are measured.

To add one, write a line in `GATEWAYS` (a back end of spinatd) or a class (anything else).  What a gateway says of
itself:

    name        in the names of the figures
    translates  whether the sink must see the public address: a gateway that did not translate is not measured
    public      that address
    by_xdp      it takes packets by XDP, whose users see checksums as they are: TCP's must be finished by the ends
    openings    how many packets of a flow it must have seen until it treats it as it will from then on
    taken()     how many packets its BPF programs have translated so far: None, if it is none of which one may ask
    program()   its BPF program, for measuring that alone: ("xdp", DEVICE), or ("xdp" or "tc", "ID@DEVICE")
    refuses()   why it cannot carry a load, if it cannot
    fit()       called before a load of so many flows
"""

from __future__ import annotations

import abc
import json
import os
import select
import subprocess
from pathlib import Path
from typing import Callable

from bench.gateway import conntrack
from bench.gateway.bed import INSIDE_NET, MACS, OUTSIDE, Bed
from lab.spinatd import Spinatd, build_dir
from lab.topology import INSIDE_IF, OUTSIDE_IF

START_SECONDS = 10.0
# How many flows spinatd has room for if its configuration says nothing.
DEFAULT_FLOWS = 262144
# What spinatd attaches to the inside device, at tc.
TC_PROGRAM = "fast_tc_inside"
# Real-time priorities, on the CPU that everything runs on: gateways that are processes go before the generator (live.c
# says why), and nobody else comes in between.
GENERATOR_PRIORITY, DAEMON_PRIORITY = 1, 2


def program_path(name: str) -> str:
    """A program of the benchmark."""
    return str(build_dir() / "bench" / "gateway" / name)


def programs_of(process: int) -> set[int]:
    """The numbers of the BPF programs that a process holds."""
    held = "".join(one.read_text() for one in Path(f"/proc/{process}/fdinfo").iterdir())
    return {int(line.split()[1]) for line in held.splitlines() if line.startswith("prog_id:")}


class Gateway(abc.ABC):
    """Something between the two devices of a bed's gateway."""

    name = ""
    translates = True
    public = OUTSIDE
    by_xdp = False
    openings = 1

    def __init__(self, bed: Bed, core: int) -> None:
        self.bed = bed
        self.core = core

    @abc.abstractmethod
    def start(self) -> None:
        """Begin.  The run's end stops it."""

    def fit(self, flows: int) -> None:
        """A load of so many flows comes."""

    def refuses(self, load: str, flows: int) -> str | None:
        """Why it cannot carry a load, if it cannot."""
        return None

    def taken(self) -> int | None:
        """How many packets from inside its BPF programs have translated, if it tells."""
        return None

    def program(self) -> tuple[str, str] | None:
        """Which BPF program it is, if it is one."""
        return None


class Xdp(Gateway):
    """A program of the benchmark's own, held by bench-gateway-xdp."""

    by_xdp = True
    process: subprocess.Popen[str] | None = None

    def __init__(self, bed: Bed, core: int) -> None:
        super().__init__(bed, core)
        bed.run.defer(self.stop)

    def hold(self, *arguments: str) -> None:
        """Put it there, in the place of an earlier one."""
        self.stop()
        argv = [program_path("bench-gateway-xdp"), self.name, INSIDE_IF, OUTSIDE_IF, *arguments]
        self.process = self.bed.gw.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        said = self.process.stdout.readline() if ready else "nothing"
        if said != "ready\n":
            raise RuntimeError(f"bench-gateway-xdp says: {said.strip()}")

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


class Redirect(Xdp):
    """No gateway: frames are moved from one device to the other.  What others take beyond it is what they add."""

    name = "redirect"
    translates = False

    def start(self) -> None:
        self.hold()

    def refuses(self, load: str, flows: int) -> str | None:
        return "it is no router: TCP does not pass" if load == "tcp" else None


class Forward(Gateway):
    """The kernel routes, without a firewall and without connection tracking."""

    name = "forward"
    translates = False

    def start(self) -> None:
        pass


class Masquerade(Gateway):
    """The kernel's NAT, by nftables."""

    name = "masquerade"

    def start(self) -> None:
        self.bed.gw.run(
            "nft",
            "add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }; "
            f"add rule ip nat out oifname {OUTSIDE_IF} ip saddr {INSIDE_NET} masquerade",
        )

    def refuses(self, load: str, flows: int) -> str | None:
        return conntrack.lacking(flows)


class Floor(Xdp):
    """The least that a NAT in XDP must do (floor.bpf.c), with a table laid out for the load."""

    name = "floor"

    def start(self) -> None:
        self.fit(1)

    def fit(self, flows: int) -> None:
        self.hold(str(flows), OUTSIDE, MACS["generator"], MACS["sink"])

    def program(self) -> tuple[str, str] | None:
        return "xdp", INSIDE_IF


class Spinat(Gateway):
    """spinatd with one of its back ends, configured as in the README; it is started anew with room for the largest load
    when that comes.

    The process has the CPU that everything runs on, and a real-time priority there: see live.c.  `options` are lines of
    its configuration; `program` says where its BPF program is attached to the inside device, "xdp" or "tc", if it is.
    """

    def __init__(
        self, bed: Bed, core: int, name: str, by_xdp: bool = False, program: str = "", openings: int = 1, **options: str
    ) -> None:
        super().__init__(bed, core)
        self.name = name
        self.by_xdp = by_xdp
        self.openings = openings
        self._program = program
        # Every packet of a load may open a flow: no budget of the fast path's is to hold it.
        budgets = {"miss_budget": "0", "miss_budget_source": "0"}
        given = {"same_ports": "yes", "inside_network": INSIDE_NET, "timeout_udp": "3600"} | budgets
        self.daemon = Spinatd(bed, given | options)  # type: ignore[arg-type]
        self.public = self.daemon.public

    def start(self) -> None:
        self.daemon.start()
        process = self.daemon.process
        assert process is not None
        os.sched_setaffinity(process.pid, {self.core})
        os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(DAEMON_PRIORITY))

    def fit(self, flows: int) -> None:
        if flows > DEFAULT_FLOWS and "max_flows" not in self.daemon.options:
            self.daemon.stop()
            self.daemon.options["max_flows"] = "2200000"
            self.start()

    def refuses(self, load: str, flows: int) -> str | None:
        if load.startswith("wires") and not self._program:
            return "its daemon has one CPU"
        return conntrack.lacking(flows) if self.daemon.options["backend"] != "tun" else None

    def taken(self) -> int | None:
        fast_path = self.daemon.show_json("stats")["fast_path"]
        return None if fast_path is None else int(fast_path["inside"]["taken"]["packets"])

    def program(self) -> tuple[str, str] | None:
        if self._program != "tc":
            return (self._program, INSIDE_IF) if self._program else None
        # (bpftool does not list what is attached by a tcx link, and there may be other daemons.)
        assert self.daemon.process is not None
        shown = json.loads(self.bed.gw.run("bpftool", "-j", "prog", "show").stdout)
        named = {one["id"] for one in shown if one.get("name") == TC_PROGRAM}
        (found,) = named & programs_of(self.daemon.process.pid)
        return "tc", f"{found}@{INSIDE_IF}"


def _spinat(name: str, **options: object) -> Callable[[Bed, int], Gateway]:
    return lambda bed, core: Spinat(bed, core, name, **options)  # type: ignore[arg-type]


# In the order of their turns.  The first one is what others are measured beyond, and those whose part is small follow
# it at once, so that the machine has no time to change its pace.
GATEWAYS: dict[str, Callable[[Bed, int], Gateway]] = {
    "redirect": Redirect,
    "floor": Floor,
    "spinat-xdp": _spinat(
        "spinat-xdp", backend="bpf", fast_path="xdp", by_xdp=True, program="xdp", openings=2
    ),
    "spinat-tc": _spinat("spinat-tc", backend="bpf", fast_path="tc", program="tc", openings=2),
    "forward": Forward,
    "masquerade": Masquerade,
    "spinat-nfqueue": _spinat("spinat-nfqueue", backend="nfqueue"),
    "spinat-tun": _spinat("spinat-tun", backend="tun"),
}
BASE = "redirect"
YARDSTICK = "masquerade"
FLOOR = "floor"
