"""The count that judges a NAT: ESP packets in against ESP packets out.

A lost ping may be the end points' own doing (in an IKEv2 rekey the responder may use a new SA some milliseconds before
the initiator has installed it).  So the lab also counts at the NAT's two sides: every ESP packet, told by SPI and
sequence number, that went in on one side must come out on the other, *to the right host*.

Whose an inbound SPI is, the clients' own kernels say: it is the host that has, or had, the SA.  A NAT that cannot know
may give a packet to several hosts, for only the owner can use it.  Such copies are counted; they harm nobody, but
each one makes a host's kernel count a packet without an SA, and that must not excuse a lost ping: see `refused`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from types import TracebackType
from typing import Iterator

from lab.capture import Capture, Esp, esp_packets
from lab.guest import Guest, Ipsec
from lab.nat import Nat
from lab.probes import Count
from lab.topology import CLIENTS, Topology

INSIDE = "192.168.1."
OUTSIDE = "198.51.100."
Key = tuple[str, int, int]  # remote, SPI, sequence number


class EspWatch:
    """Counts ESP through the NAT, both ways, for the time of a `with`."""

    def __init__(self, topology: Topology, guest: Guest, nat: Nat) -> None:
        self._publics = {nat.public_of(client.address) for client in CLIENTS}
        self._guest = guest
        directory = topology.run.dir
        expression = "ip proto 50"
        self._inside = Capture(topology.wires, "lan-gw", directory / "esp-inside.pcap", expression, 64)
        self._outside = Capture(topology.router, "pub", directory / "esp-outside.pcap", expression, 64)
        self._before: dict[str, Ipsec] = {}
        self._outages: list[tuple[float, float]] = []
        # The longest packet that the NAT's outside link takes: longer ones that must not be fragmented do not count.
        self.limit = 65535
        self.out = Count("ESP out", 0, 0)
        self.back = Count("ESP in", 0, 0)
        # ESP packets that the NAT gave to a host that does not own their SPI, beside the one that does.
        self.copies = 0
        # ESP packets that were delivered to the right host, which had no SA for them (yet, or any more).
        self.refused = 0
        # ESP packets lost while there was no NAT at all.
        self.outage = 0

    @contextmanager
    def away(self) -> Iterator[None]:
        """For this time there is no NAT: what is lost is counted apart."""
        begin = time.time()
        yield
        self._outages.append((begin, time.time()))

    def __enter__(self) -> EspWatch:
        self._before = self._guest.ipsec()
        self._inside.__enter__()
        self._outside.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside.__exit__(kind, error, trace)
        self._outside.__exit__(kind, error, trace)
        self._judge(list(esp_packets(self._inside.path)), list(esp_packets(self._outside.path)), self._guest.ipsec())

    def _judge(self, inside: list[Esp], outside: list[Esp], after: dict[str, Ipsec]) -> None:
        """The counts, from what crossed the two wires and what the hosts' kernels say."""
        owners = inbound_owners(after)
        sent = {
            (p.target, p.spi, p.sequence): p.time
            for p in inside
            if p.target.startswith(OUTSIDE) and not (p.length > self.limit and p.dont_fragment)
        }
        left = {(p.target, p.spi, p.sequence) for p in outside if p.source in self._publics}
        came = {(p.source, p.spi, p.sequence): p.time for p in outside if p.target in self._publics}
        arrived: set[Key] = set()
        strangers: dict[str, int] = {}  # copies, by the host that got them
        for p in inside:
            if p.target.startswith(INSIDE):
                if p.target in owners.get((p.source, p.spi), {p.target}):
                    arrived.add((p.source, p.spi, p.sequence))
                else:
                    strangers[p.target] = strangers.get(p.target, 0) + 1
        self.out, lost_out = self._count("ESP out", sent, left)
        self.back, lost_back = self._count("ESP in", came, arrived)
        self.outage = lost_out + lost_back
        self.copies = sum(strangers.values())
        addresses = {client.role: client.address for client in CLIENTS}
        for host, ipsec in after.items():
            copies = strangers.get(addresses.get(host, ""), 0)
            self.refused += max(0, ipsec.refused - self._before[host].refused - copies)

    def _count(self, label: str, given: dict[Key, float], carried: set[Key]) -> tuple[Count, int]:
        """What was carried of what was given; and what was lost while the NAT was away, which is no part of that."""
        outages = [(_last_carried(given, carried, begin), end) for begin, end in self._outages]
        lost = {
            key
            for key, moment in given.items()
            if key not in carried and any(begin <= moment <= end for begin, end in outages)
        }
        wanted = given.keys() - lost
        return Count(label, len(wanted), len(wanted & carried)), len(lost)


def _last_carried(given: dict[Key, float], carried: set[Key], begin: float) -> float:
    """When the NAT, stopped at `begin`, took the last packet that it carried: what came after waited in its queue."""
    return max((moment for key, moment in given.items() if key in carried and moment <= begin), default=begin)


def inbound_owners(hosts: dict[str, Ipsec]) -> dict[tuple[str, int], set[str]]:
    """Whose the inbound SPIs are: (remote, SPI) to the addresses of the clients that had such an SA."""
    owners: dict[tuple[str, int], set[str]] = {}
    for client in CLIENTS:
        for source, target, spi in hosts[client.role].sas:
            if target == client.address:
                owners.setdefault((source, spi), set()).add(target)
    return owners
