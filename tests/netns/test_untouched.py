"""What is none of the fast path's business goes its way as ever, with the programs at either hook."""

from __future__ import annotations

import socket
import struct
from typing import Iterator

import pytest
from calm import calm
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from test_fast_path import PORT, Echo, echo, fast, outcomes, taken
from test_ordinary import HOST, SERVER

from lab.netns import Namespace
from lab.ordinary import Server
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd
from lab.topology import INSIDE_IF, OUTSIDE_IF, PUBLIC, Topology

__all__ = ["echo", "fast"]  # fixtures
BACKENDS = ["bpf"]
GROUP = "239.1.2.3"


def both(spinat: Spinatd) -> tuple[int, int]:
    """How many packets were taken from each side."""
    return taken(spinat, "inside"), taken(spinat, "outside")


def mac(space: Namespace, interface: str) -> str:
    return space.run("cat", f"/sys/class/net/{interface}/address").stdout.strip()


def send_frame(space: Namespace, interface: str, frame: Ether) -> None:
    with space.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        raw.send(bytes(frame))


def warm_up(spinat: Spinatd, echo: Echo) -> tuple[int, int]:
    """A flow whose packets are taken both ways; how many were."""
    for _ in range(5):
        assert echo.asks()
    calm(spinat, 5)
    before = both(spinat)
    assert min(before) > 0
    return before


def nothing_came(one: socket.socket) -> bool:
    try:
        one.recv(100)
    except TimeoutError:
        return True
    return False


def test_a_tag_on_the_parent_is_another_network(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    """A VLAN may have the same addresses: what looks like a flow's but for the tag is not the flow's."""
    before = warm_up(fast, echo)
    sport = echo.host.getsockname()[1]
    flow = next(one for one in fast.show_json("flows") if one["protocol"] in (17, "udp"))
    public_port = int(flow["public"]["port"])
    out = IP(src=HOST, dst=SERVER) / UDP(sport=sport, dport=PORT) / b"from the inside"
    back = IP(src=SERVER, dst=PUBLIC) / UDP(sport=PORT, dport=public_port) / b"from the outside"
    for tagged in (True, False):
        for space, interface, to, packet in (
            (topology["host"], "eth0", mac(topology.gw, INSIDE_IF), out),
            (topology.router, "pub", mac(topology.gw, OUTSIDE_IF), back),
        ):
            head = Ether(dst=to, src=mac(space, interface))
            send_frame(space, interface, head / Dot1Q(vlan=10) / packet if tagged else head / packet)
        if tagged:
            assert nothing_came(echo.server) and nothing_came(echo.host)
            assert both(fast) == before
            assert outcomes(fast, "inside", "not-ipv4") > 0 and outcomes(fast, "outside", "not-ipv4") > 0
    # Without the tag the same frames are the flow's.
    assert (echo.server.recv(100), echo.host.recv(100)) == (b"from the inside", b"from the outside")
    assert both(fast) == (before[0] + 1, before[1] + 1)


def test_ipv6(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    before = warm_up(fast, echo)
    seen = outcomes(fast, "inside", "not-ipv4")
    ends = ((topology.gw, INSIDE_IF, "fd00::1"), (topology["host"], "eth0", "fd00::20"))
    for space, interface, address in ends:
        space.ip(f"addr add {address}/64 dev {interface} nodad")
    try:
        assert ping(topology["host"], "fd00::1", 5) == 5
    finally:
        for space, interface, address in ends:
            space.ip(f"addr del {address}/64 dev {interface}")
    assert both(fast) == before and outcomes(fast, "inside", "not-ipv4") >= seen + 5


def test_arp(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    """Neighbours that were forgotten are found again, by either end, through the programs."""
    warm_up(fast, echo)
    seen = [outcomes(fast, side, "not-ipv4") for side in ("inside", "outside")]
    for space in (topology["host"], topology.gw, topology.router):
        space.ip("neigh flush all")
    assert echo.asks()
    after = [outcomes(fast, side, "not-ipv4") for side in ("inside", "outside")]
    assert all(now > then for now, then in zip(after, seen))


def test_multicast(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    before = warm_up(fast, echo)
    with topology.gw.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.settimeout(2)
        listener.bind((GROUP, PORT))
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("192.168.1.1"))
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        with topology["host"].socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((HOST, 0))
            for number in range(5):
                sender.sendto(bytes([number]), (GROUP, PORT))
                data, (address, _) = listener.recvfrom(100)
                assert (data, address) == (bytes([number]), HOST)
    assert both(fast) == before


@pytest.fixture(scope="module")
def third(topology: Topology) -> Iterator[Namespace]:
    """A network on a third interface of the gateway, with one host, which the provider has a route to."""
    space = Namespace(topology.run, "third")
    topology.gw.ip(f"link add third type veth peer name eth0 netns {space.name}")
    topology.gw.ip("addr add 198.18.0.1/24 dev third", "link set third up")
    space.ip("addr add 198.18.0.2/24 dev eth0", "link set eth0 up", "route add default via 198.18.0.1")
    topology.router.ip(f"route add 198.18.0.0/24 via {PUBLIC}")
    yield space
    topology.router.ip("route del 198.18.0.0/24")
    topology.gw.ip("link del third")


def test_other_interfaces(topology: Topology, fast: Spinatd, echo: Echo, third: Namespace) -> None:
    """From the inside, and from the outside, to a third network and back, with their own addresses."""
    before = warm_up(fast, echo)
    with third.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.settimeout(2)
        sink.bind(("198.18.0.2", PORT))
        for role, address in (("host", HOST), ("server", SERVER)):
            with topology[role].socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.settimeout(2)
                for _ in range(5):
                    sender.sendto(b"there", ("198.18.0.2", PORT))
                    data, source = sink.recvfrom(100)
                    assert (data, source[0]) == (b"there", address)
                    sink.sendto(b"back", source)
                    assert sender.recv(100) == b"back"
    assert both(fast) == before


def test_the_gateway_s_own_traffic(topology: Topology, fast: Spinatd, echo: Echo, server: Server) -> None:
    before = warm_up(fast, echo)
    assert server.fetch(topology.gw) and server.resolve(topology.gw)
    assert ping(topology.gw, SERVER, 5) == ping(topology.gw, HOST, 5) == ping(topology["host"], "192.168.1.1", 5) == 5
    assert both(fast) == before
