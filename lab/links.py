"""Narrow and unruly links, with several clients of one gateway behind the NAT.

    mtu        beyond the provider's router packets over 1300 bytes do not pass: the ICMP error that says so comes from
               outside and quotes ESP; the NAT must give it to the client whose ESP that was, and to nobody else
    mtu-own    the same for the NAT's own outside link: here the gateway's kernel speaks
    fragments  every IPsec host's own link takes 300 bytes and disorders them: IKE and ESP come in fragments, both ways,
               later ones before first ones

A route's `mtu` makes a router refuse (or fragment) what it forwards, as a narrow link does; a veth of a smaller MTU
would swallow what its peer sends without a word.
"""

from __future__ import annotations

import struct
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Iterator

from lab.capture import Capture, frames
from lab.connections import Conn
from lab.netns import Namespace
from lab.probes import bulk
from lab.scene import Case, Scene
from lab.shared import GATEWAY, NUMBERS, Scenario, both, inward, outward
from lab.together import together
from lab.topology import OUTSIDE_IF, PEERS, PUBLIC, ROUTED, Topology

MTU = 1300
TINY = 300
NET_ROUTE = "198.51.100.0/24 dev net proto kernel scope link src 198.51.100.1"
PUB_ROUTE = "203.0.113.0/24 dev pub proto kernel scope link src 203.0.113.254"
ROUTED_ROUTE = f"{ROUTED}/32 via {PUBLIC}"
DEFAULT_ROUTE = f"default via 203.0.113.254 dev {OUTSIDE_IF}"


@contextmanager
def narrow(space: Namespace, *routes: str) -> Iterator[None]:
    """For the time of the `with` these routes of a router take packets of 1300 bytes at most."""
    space.ip(*(f"route replace {route} mtu {MTU}" for route in routes))
    try:
        yield
    finally:
        space.ip(*(f"route replace {route}" for route in routes))


def knows(scene: Scene, client: str) -> bool:
    """Whether a client's kernel was told that the way to the gateway is narrow."""
    return f" mtu {MTU}" in scene.world.guest.run(client, "ip", "route", "get", PEERS[GATEWAY].address).stdout


def probe(scene: Scene, client: str) -> None:
    """A ping that must not be fragmented and is too long."""
    argv = ["ping", "-n", "-M", "do", "-c", "2", "-i", "0.2", "-W", "1", "-s", "1372"]
    scene.world.guest.run(client, *argv, "-I", str(PEERS[client].inner), str(PEERS[GATEWAY].inner))


def _discover(scene: Scene, group: list[Conn]) -> None:
    """All are up.  The last client meets the narrow link, then the others; then all transfer at once."""
    guest = scene.world.guest
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    clients = [conn.client for conn in group]
    for client in clients:
        guest.run(client, "ip", "route", "flush", "cache")
    told: list[str] = []
    for client in reversed(clients):
        scene.check(f"{client} does not know yet", not knows(scene, client))
        probe(scene, client)
        told.append(client)
        right = [one for one in clients if knows(scene, one)] == sorted(told)
        scene.check(f"{client} and nobody else was told", right)
    scene.result.bulks += together(partial(bulk, guest, *pair, 2_000_000) for pair in outward(group))
    scene.result.bulks += together(partial(bulk, guest, *pair, 2_000_000) for pair in inward(group))
    scene.ping_together(both(group), "after")


def _mtu(scene: Scene, group: list[Conn]) -> None:
    with narrow(scene.world.topology.router, NET_ROUTE, PUB_ROUTE, ROUTED_ROUTE):
        _discover(scene, group)


def _mtu_own(scene: Scene, group: list[Conn]) -> None:
    scene.watch.limit = MTU
    with narrow(scene.world.topology.gw, DEFAULT_ROUTE):
        _discover(scene, group)


@contextmanager
def unruly(scene: Scene, hosts: list[str]) -> Iterator[None]:
    """For the time of the `with` these hosts' links take 300 bytes, and delay each packet by a time of its own."""
    guest = scene.world.guest
    for host in hosts:
        guest.run(host, "ip", "link", "set", "eth0", "mtu", str(TINY))
        guest.run(host, "tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "6ms", "6ms")
    try:
        yield
    finally:
        for host in hosts:
            guest.run(host, "tc", "qdisc", "del", "dev", "eth0", "root")
            guest.run(host, "ip", "link", "set", "eth0", "mtu", "1500")


class Disorder:
    """Counts fragmented datagrams at the NAT, and those of them that came disordered, for the time of a `with`."""

    def __init__(self, topology: Topology) -> None:
        self.counts: dict[str, tuple[int, int]] = {}  # "ESP out": (fragmented, disordered)
        directory = topology.run.dir
        self._captures = {
            "out": Capture(topology.wires, "lan-gw", directory / "fragments-out.pcap", "src net 192.168.1.0/24", 64),
            "in": Capture(topology.router, "pub", directory / "fragments-in.pcap", "src net 198.51.100.0/24", 64),
        }
        self._stack = ExitStack()

    def __enter__(self) -> Disorder:
        for capture in self._captures.values():
            self._stack.enter_context(capture)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for way, capture in self._captures.items():
            for protocol, name in ((17, "IKE"), (50, "ESP")):
                self.counts[f"{name} {way}"] = disordered(capture.path, protocol)


def disordered(path: Path, protocol: int) -> tuple[int, int]:
    """How many datagrams of a protocol are fragmented in a capture, and in how many a first fragment is not the first."""
    seen: dict[bytes, list[int]] = {}
    for _, frame in frames(path):
        if len(frame) >= 34 and frame[12:14] == b"\x08\x00" and frame[23] == protocol:
            field = struct.unpack_from("!H", frame, 20)[0]
            if field & 0x3FFF:  # more fragments, or an offset
                seen.setdefault(frame[18:20] + frame[26:34], []).append(field & 0x1FFF)
    return len(seen), sum(offsets[0] != 0 for offsets in seen.values())


def _fragments(scene: Scene, group: list[Conn]) -> None:
    hosts = [conn.client for conn in group] + [GATEWAY]
    with unruly(scene, hosts), Disorder(scene.world.topology) as disorder:
        scene.up_together(group)
        scene.ping_together(inward(group), "in fragments, first", 1000, "-M", "dont")
        scene.ping_together(outward(group), "in fragments", 1000, "-M", "dont")
        time.sleep(0.2)
    for name, (fragmented, mixed) in disorder.counts.items():
        # (There are too few of IKE to count on a disorder.)
        good = fragmented > 0 and (mixed > 0 or name.startswith("IKE"))
        scene.check(f"{name}: {fragmented} datagrams in fragments, {mixed} disordered", good)


SCENARIOS = (
    Scenario("mtu", "narrow link beyond", _mtu),
    Scenario("mtu-own", "narrow own link", _mtu_own),
    Scenario("fragments", "disordered fragments", _fragments),
)
LINKS: dict[str, Case] = {case.key: case for one in SCENARIOS for case in (one.case(count) for count in NUMBERS)}
