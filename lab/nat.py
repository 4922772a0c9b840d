"""The NAT under test, as the cases see it.

A case asks for a NAT without any state (`start`), perhaps with short timers, and waits until they have run out
(`outlast`).  What `start` gives is a gateway on which nothing of an earlier case is left.
"""

from __future__ import annotations

import abc
import time
from dataclasses import dataclass

from lab.topology import PUBLIC, Topology


@dataclass(frozen=True)
class Timers:
    """Idle timeouts in seconds; None is the NAT's own default.

    `udp` is that of UDP flows, `esp` that of ESP (or, where ESP is nothing special, of any other protocol).  How long
    an IKE association is remembered is left alone: a NAT that has no such notion has only the first two.
    """

    udp: int | None = None
    esp: int | None = None

    @property
    def longest(self) -> int:
        """The longest of the timers that were set."""
        return max(self.udp or 0, self.esp or 0)


DEFAULT = Timers()
SHORT = Timers(udp=2, esp=2)
SHORT_IKE = Timers(udp=2)


class Nat(abc.ABC):
    """One way of translating addresses on the gateway."""

    name: str
    public: str = PUBLIC  # the address that the outside sees

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.gw = topology.gw
        self.timers = DEFAULT

    def public_of(self, inside: str) -> str:
        """The address that the outside sees of an inside host."""
        return self.public

    @abc.abstractmethod
    def start(self, timers: Timers = DEFAULT) -> None:
        """Begin to translate, without any state."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop translating and forget everything.  Harmless when not started."""

    def restart(self, timers: Timers = DEFAULT) -> None:
        """Forget every flow."""
        self.stop()
        self.start(timers)

    def halt(self, crash: bool = False) -> None:
        """Stop (or crash) without forgetting what is kept for the next start.  For NATs that keep anything."""
        raise NotImplementedError(f"{self.name} keeps nothing")

    def resume(self) -> None:
        """Start again after `halt`, with what was kept."""
        raise NotImplementedError(f"{self.name} keeps nothing")

    def outlast(self) -> None:
        """Stay idle until the short timers have run out, with a margin."""
        assert self.timers.longest > 0, "outlast() needs short timers"
        time.sleep(self.timers.longest + 1.5)

    def show(self) -> str:
        """What the NAT says about its IPsec state."""
        return ""
