"""Three namespaces in a row, and the wires between them; each gateway that is measured has a bed of its own.

     generator                    gateway                        sink
    +---------+ eth0         in +---------+ out         eth0 +---------+
    | 10.1.0.1| --------------- |.254.254 | ---------------- |  .254   |
    +---------+   10.1.0.0/16   +---------+  203.0.113.0/24  +---------+
                             203.0.113.1, or 192.0.2.1 routed to it

The load goes to 198.18.0.0/15, which is beyond the sink.  Gateways are measured turn by turn, and nothing is set up or
taken down in between: what one has learnt it keeps, and no other one can disturb it.
"""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import Iterable

from lab.netns import Namespace
from lab.run import Run
from lab.topology import INSIDE_IF, OUTSIDE_IF, ROUTED

HOST = "10.1.0.1"
GATEWAY = "10.1.254.254"
INSIDE_NET = "10.1.0.0/16"
SINK = "203.0.113.254"
OUTSIDE = "203.0.113.1"

DEVICE = "eth0"
# Of each wire.  A CPU sends by that of its number, modulo this: so veth does for frames from XDP, and the rest is told to.
# What it sends so it receives itself at the other end.  (They are there from the start: on Linux 6.18 the queues that a
# veth gets after an XDP program run none.)
QUEUES = min(2, os.cpu_count() or 1)
MACS = {"generator": "02:00:00:00:00:01", "in": "02:00:00:00:00:02", "out": "02:00:00:00:00:03", "sink": "02:00:00:00:00:04"}


def mask_of(cpus: Iterable[int]) -> str:
    """As the kernel reads a set of CPUs: words of eight digits."""
    digits = f"{sum(1 << cpu for cpu in cpus):x}"
    words = [digits[max(0, end - 8) : end] for end in range(len(digits), 0, -8)]
    return ",".join(reversed(words))


class Bed:
    """The namespaces, addressed and connected; `run` ends them."""

    def __init__(self, run: Run, name: str) -> None:
        self.dir: Path = run.dir / name
        self.dir.mkdir()
        self.sequence = 0  # the highest sequence number that any SA of this bed has had
        # What lab.spinatd asks a topology for.  Its directory is the bed's: there are several daemons in a run.
        self.run = types.SimpleNamespace(dir=self.dir, defer=run.defer)
        self.generator = Namespace(run, f"{name}-gen")
        self.gw = Namespace(run, f"{name}-gw")
        self.sink = Namespace(run, f"{name}-sink")
        self._wires()
        self._settings()

    def _wires(self) -> None:
        queues = f"numrxqueues {QUEUES} numtxqueues {QUEUES}"
        for space, mac, device, other in (
            (self.generator, "generator", INSIDE_IF, "in"),
            (self.sink, "sink", OUTSIDE_IF, "out"),
        ):
            self.gw.ip(
                f"link add {device} address {MACS[other]} {queues} type veth "
                f"peer name {DEVICE} address {MACS[mac]} {queues} netns {space.name}"
            )
        self.gw.ip(
            f"addr add {GATEWAY}/16 dev {INSIDE_IF}",
            f"addr add {OUTSIDE}/24 dev {OUTSIDE_IF}",
            f"link set {INSIDE_IF} up",
            f"link set {OUTSIDE_IF} up",
            f"route add default via {SINK}",
            f"neigh add {SINK} lladdr {MACS['sink']} dev {OUTSIDE_IF} nud permanent",
            f"neigh add {HOST} lladdr {MACS['generator']} dev {INSIDE_IF} nud permanent",
        )
        self.generator.ip(
            f"addr add {HOST}/16 dev {DEVICE}",
            f"link set {DEVICE} up",
            f"route add default via {GATEWAY}",
            f"neigh add {GATEWAY} lladdr {MACS['in']} dev {DEVICE} nud permanent",
        )
        self.sink.ip(
            f"addr add {SINK}/24 dev {DEVICE}",
            f"link set {DEVICE} up",
            f"neigh add {OUTSIDE} lladdr {MACS['out']} dev {DEVICE} nud permanent",
            f"route add {ROUTED}/32 via {OUTSIDE}",
            f"route add {INSIDE_NET} via {OUTSIDE}",  # for the gateway that only forwards
        )

    def _settings(self) -> None:
        self.gw.sysctl(
            net__ipv4__ip_forward=1,
            net__ipv4__conf__all__send_redirects=0,
            net__ipv4__conf__in__send_redirects=0,
            # What is measured has had its flows opened once, minutes before.
            net__netfilter__nf_conntrack_udp_timeout=3600,
            net__netfilter__nf_conntrack_generic_timeout=3600,
        )
        for space in (self.generator, self.gw, self.sink):
            space.sysctl(net__ipv6__conf__all__disable_ipv6=1)
        # A veth takes frames from XDP only if it has NAPI, that is a program or GRO.  As most real devices have GRO,
        # all of these do.
        for space, device in ((self.generator, DEVICE), (self.gw, INSIDE_IF), (self.gw, OUTSIDE_IF), (self.sink, DEVICE)):
            space.run("ethtool", "-K", device, "gro", "on")
            for queue in range(QUEUES if QUEUES > 1 else 0):
                mask = mask_of(range(queue, os.cpu_count() or 1, QUEUES))
                space.run("sh", "-ec", f"echo {mask} > /sys/class/net/{device}/queues/tx-{queue}/xps_cpus")

    def checksum_offload(self, enabled: bool) -> None:
        """On the ends.  Whoever takes packets by XDP gets them with checksums as they are, so they must be finished."""
        for space in (self.generator, self.sink):
            space.run("ethtool", "-K", DEVICE, "tx", "on" if enabled else "off")
