"""What a capture shows, judged by code that is not the project's own: scapy computes the checksums again."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from lab.capture import Capture
from lab.topology import PUBLIC, ROUTED, Topology


class Wire:
    """The IPv4 packets that crossed a wire; filled when the `with` of `watch` ends."""

    def __init__(self) -> None:
        self.packets: list[IP] = []

    def read(self, path: Path) -> None:
        self.packets = [frame[IP] for frame in rdpcap(str(path)) if IP in frame]

    @property
    def from_gateway(self) -> list[IP]:
        """What left by the outside interface."""
        return [packet for packet in self.packets if not str(packet.src).startswith("198.51.100.")
                and packet.src != "203.0.113.254"]

    @property
    def leaked(self) -> list[IP]:
        """What left with a source that nobody outside may see."""
        return [packet for packet in self.from_gateway if packet.src not in (PUBLIC, ROUTED)]


OUTSIDE, INSIDE = ("router", "pub"), ("wires", "lan-gw")


@contextmanager
def watch(
    topology: Topology, expression: str = "ip", where: tuple[str, str] = OUTSIDE, snap: int = 0
) -> Iterator[Wire]:
    """Capture between the gateway and its provider's router, or the inside network.

    With `snap` (bytes of each frame) there is room for many more that come at once.
    """
    wire = Wire()
    space, interface = where
    path = topology.run.dir / f"wire-{space}.pcap"
    with Capture(getattr(topology, space), interface, path, expression, snap):
        yield wire
    wire.read(path)


def recomputed(packet: IP) -> tuple[dict[str, int], dict[str, int]]:
    """The checksums a packet carries, and those scapy computes for it."""
    names = {"ip": (IP, "chksum")}
    whole = packet.flags & 1 == 0 and packet.frag == 0
    if whole:
        for name, layer in (("tcp", TCP), ("udp", UDP), ("icmp", ICMP)):
            if layer in packet and packet.getlayer(layer).underlayer is packet:
                names[name] = (layer, "chksum")
    carried = {name: int(getattr(packet[layer], field)) for name, (layer, field) in names.items()}
    again = packet.copy()
    # Link padding is not part of the packet; scapy would sum it up.
    again = IP(bytes(again)[: again.len])
    for layer, field in names.values():
        delattr(again[layer], field)
    rebuilt = IP(bytes(again))
    computed = {name: int(getattr(rebuilt[layer], field)) for name, (layer, field) in names.items()}
    return carried, computed


def wrong_checksums(packets: list[IP]) -> list[str]:
    """The packets whose checksums are not what scapy computes (a UDP checksum of 0 means none: RFC 768)."""
    wrong = []
    for packet in packets:
        carried, computed = recomputed(packet)
        if carried.get("udp") == 0:
            computed["udp"] = 0
        if carried != computed:
            wrong.append(f"{packet.summary()}: carries {carried}, should be {computed}")
    return wrong


__all__ = ["Ether", "Wire", "recomputed", "watch", "wrong_checksums"]
