"""A control, no competitor: the kernel gives every inside client a public address of its own.

Nothing is shared, so nothing can be ambiguous and no state can be lost.  What a case loses through this one is the
lab's or the end points' doing; it shows that what is asked of a NAT with one address can be had from the peers.
"""

from __future__ import annotations

from lab.nat import DEFAULT, Nat, Timers
from lab.topology import CLIENTS, OUTSIDE_IF, PUBLIC, Topology

# By the clients' inside addresses.
ADDRESSES = {client.address: f"192.0.2.{100 + number}" for number, client in enumerate(CLIENTS, 1)}


class OneToOne(Nat):
    """Static translation, both ways."""

    name = "one to one"

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        self._running = False

    def start(self, timers: Timers = DEFAULT) -> None:
        self.timers = timers
        self._running = True
        self._translate("-A")
        self.topology.router.ip(*(f"route add {public}/32 via {PUBLIC}" for public in ADDRESSES.values()))

    def _translate(self, verb: str) -> None:
        for rule in self._rules(verb):
            self.gw.run(*rule.split())

    @staticmethod
    def _rules(verb: str) -> list[str]:
        rules = []
        for inside, public in ADDRESSES.items():
            rules.append(f"iptables -t nat {verb} POSTROUTING -s {inside} -o {OUTSIDE_IF} -j SNAT --to-source {public}")
            rules.append(f"iptables -t nat {verb} PREROUTING -d {public} -i {OUTSIDE_IF} -j DNAT --to-destination {inside}")
        return rules

    def stop(self) -> None:
        if not self._running:
            return
        self._running = False
        self._translate("-D")
        self.gw.run("conntrack", "-F", check=False)
        self.topology.router.ip(*(f"route del {public}/32" for public in ADDRESSES.values()))

    def public_of(self, inside: str) -> str:
        return ADDRESSES[inside]

    def halt(self, crash: bool = False) -> None:
        self._translate("-D")

    def resume(self) -> None:
        self._translate("-A")
