"""IPsec in plain namespaces: scapy's ESP end points, real IKE (pluto, ike-scan) without a guest."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from contextlib import contextmanager
from typing import Iterator

import pytest
from conftest import Start
from esp_host import CBC, GCM, EspHost, address, connect, speak_first
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from wire import watch, wrong_checksums

from lab import need
from lab.connections import Conn
from lab.pluto import Pluto
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd
from lab.topology import Topology


@pytest.fixture(scope="session")
def pluto(topology: Topology) -> Pluto:
    """A pluto on each IPsec host.  Where the kernel has no ESP, IKE works and only installing the SA fails."""
    if lacking := need.for_pluto():
        pytest.skip("no pluto: lacking " + "; ".join(lacking))
    daemons = Pluto.in_spaces(topology)
    daemons.start(("c1", "c2", "g1", "g2"))
    return daemons


@contextmanager
def ike(pluto: Pluto, *conns: Conn, timeout: float = 2) -> Iterator[list[str]]:
    """Each client initiates; gives what pluto said, and forgets it all in the end."""
    try:
        yield [pluto.whack(c.client, "--name", str(c), "--initiate", timeout=timeout).stdout for c in conns]
    finally:
        for conn in conns:
            pluto.delete(conn)
            pluto.add(conn.client, conn)
            pluto.add(conn.gateway, conn)


@pytest.mark.parametrize("suite", [GCM, CBC], ids=["gcm", "cbc"])
def test_esp_both_ways(topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], suite: object, public: str) -> None:
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001, suite)
    with watch(topology, "ip proto 50") as wire:
        assert ping(topology["c1"], "10.2.0.1") == 3
        assert ping(topology["g1"], "10.1.0.1") == 3
    assert wire.leaked == [] and 6 <= len(wire.from_gateway) <= peers["c1"].seen["sent"]
    assert wrong_checksums(wire.packets) == []
    assert peers["g1"].sources == {public} and peers["c1"].sources == {address("g1")}
    for role in ("c1", "g1"):
        assert set(peers[role].seen) <= {"sent", "accepted"}, peers[role].seen


def test_two_gateways_two_clients(topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str) -> None:
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    connect(peers["c1"], peers["g2"], public, 0x1002, 0x2002)
    for target in ("10.2.0.1", "10.2.0.2"):
        assert ping(topology["c1"], target) == 3
    assert peers["c2"].seen["unknown-spi"] == 0
    shown = spinat.show("ipsec")
    assert address("c1") in shown and address("g1") in shown and address("g2") in shown


@pytest.mark.also("bpf")
def test_two_clients_two_gateways(topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str) -> None:
    """Both use the same SPIs: they are told apart by their remotes."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    connect(peers["c2"], peers["g2"], public, 0x1001, 0x2001)
    assert ping(topology["c1"], "10.2.0.1") == 3
    assert ping(topology["c2"], "10.2.0.2") == 3
    assert ping(topology["g1"], "10.1.0.1") == 3
    assert ping(topology["g2"], "10.1.0.2") == 3
    for role in ("c1", "c2"):
        assert peers[role].seen["bad"] == peers[role].seen["unknown-spi"] == 0


@pytest.mark.also("bpf")
def test_rekey_moves_to_new_spis(topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str) -> None:
    """New SPIs each way, the gateway being the first to use them."""
    for turn in range(5):
        connect(peers["c1"], peers["g1"], public, 0x1001 + turn, 0x2001 + turn)
        first, second = ("c1", "10.2.0.1"), ("g1", "10.1.0.1")
        if turn > 0:
            first, second = second, first
        assert ping(topology[first[0]], first[1], 2) == 2
        assert ping(topology[second[0]], second[1], 2) == 2


@pytest.mark.also("bpf")
def test_large_packets_in_esp(topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str) -> None:
    """ESP fragmented outside the tunnel, both ways."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    for space in (topology["c1"], topology["g1"]):
        space.ip("link set esp0 mtu 5000")
    with watch(topology, "ip proto 50") as wire:
        assert ping(topology["c1"], "10.2.0.1", 3, "-s", "4000") == 3
    assert 6 <= sum(packet.frag > 0 for packet in wire.from_gateway) <= 2 * peers["c1"].seen["sent"]
    assert wire.leaked == []


def test_reserved_spi_is_dropped(topology: Topology, spinat: Spinatd) -> None:
    raw = topology["c1"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
    with watch(topology, "ip proto 50") as wire:
        raw.sendto(struct.pack("!II", 255, 1) + bytes(32), (address("g1"), 0))
        raw.sendto(struct.pack("!II", 256, 1) + bytes(32), (address("g1"), 0))
    assert [bytes(packet.payload)[:4] for packet in wire.from_gateway] == [b"\0\0\x01\0"]
    raw.close()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_ike_authenticates_on_port_500(
    topology: Topology, spinat: Spinatd, pluto: Pluto, version: str
) -> None:
    """Two clients with two gateways: all of it on port 500, and each authenticated."""
    conns = [Conn("c1", "g1", version), Conn("c2", "g2", version)]
    with watch(topology, "udp") as wire, ike(pluto, *conns) as said:
        for text in said:
            assert re.search(r"IKE SA established|established IKE SA|authenticated", text), text
        shown = spinat.show("ike")
    packets = [packet for packet in wire.packets if UDP in packet]
    assert len(packets) >= 8
    assert {(p[UDP].sport, p[UDP].dport) for p in packets} == {(500, 500)}
    assert wire.leaked == [] and wrong_checksums(packets) == []
    assert all(address(role) in shown for role in ("c1", "c2", "g1", "g2"))


def test_gateway_speaks_first_after_ike(
    topology: Topology, spinat: Spinatd, pluto: Pluto, peers: dict[str, EspHost], public: str
) -> None:
    """The gateway's ESP is the first ESP there ever was: only IKE told the NAT whose it is."""
    with ike(pluto, Conn("c1", "g1", "v2")) as said:
        assert "authenticated" in said[0], said
        speak_first(topology, peers, public)


def test_nobody_gets_unknown_spis_without_ike(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], public: str
) -> None:
    """The control of the test above: no IKE, no ESP from inside, so nothing comes in."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    assert ping(topology["g1"], "10.1.0.1") == 0
    assert peers["c1"].seen["accepted"] == peers["c1"].seen["unknown-spi"] == 0


def test_explain(
    topology: Topology, spinat: Spinatd, pluto: Pluto, peers: dict[str, EspHost], public: str
) -> None:
    """Two clients of one gateway: spinatd says whose each SPI is, and who else it might have been."""
    conns = [Conn("c1", "g1", "v2"), Conn("c2", "g1", "v2")]
    with ike(pluto, *conns) as said:
        assert all("authenticated" in text for text in said), said
        connect(peers["c2"], peers["g1"], public, 0x1001, 0x2001)
        assert ping(topology["g1"], "10.1.0.2", 20) == 20
        of_spi = spinat.command("explain", "0x00002001")
        of_host = spinat.command("explain", address("c1"))
        of_remote = spinat.command("explain", address("g1"), "--json")
        of_none = spinat.command("explain", "10.9.9.9")
    assert of_spi.returncode == of_host.returncode == of_remote.returncode == 0, of_spi.stderr + of_host.stderr
    assert f"0x00002001 from {address('g1')} goes to {address('c2')}: confirmed" in of_spi.stdout
    assert "traffic told that it is this one's" in of_spi.stdout
    assert re.search(rf"^    {address('c2')} .*, (onset|alone|answers) \+\d+", of_spi.stdout, re.MULTILINE), of_spi.stdout
    assert f"    {address('c1')} " in of_spi.stdout
    assert f"{address('c1')} is a candidate for an unknown SPI of {address('g1')}" in of_host.stdout
    assert f"0x00002001 from {address('g1')}, which goes to {address('c2')} (confirmed)" in of_host.stdout
    got = json.loads(of_remote.stdout)
    assert {peer["inside"] for peer in got["associations"]} == {address("c1"), address("c2")}
    assert {claim["inside"]: claim["owner"] for claim in got["claims"]} == {address("c1"): False, address("c2"): True}
    assert re.search(rf"confirmed: ESP SPI 0x00002001 of {address('g1')} to {address('c2')} .*: of several hosts",
                     spinat.log.read_text())  # fmt: skip
    assert of_none.returncode == 1 and "no IPsec of 10.9.9.9" in of_none.stderr


def test_redirect_ipsec_gives_an_inside_responder_its_ike_and_esp(
    topology: Topology, start: Start, peers: dict[str, EspHost], public: str
) -> None:
    start(redirect_ipsec=address("c1"))
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    listener = topology["c1"].socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sniffer = topology["c1"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    sniffer.settimeout(2)
    raw = topology["g1"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    header = b"initiate" + bytes(8) + bytes([33, 0x20, 34, 0x08]) + struct.pack("!II", 0, 28)
    request = IP(src=address("g1"), dst=public) / UDP(sport=500, dport=500) / Raw(header)
    raw.sendto(bytes(request), (public, 0))
    packet = IP(sniffer.recv(2000))
    assert (packet.src, packet.dst, packet[UDP].dport) == (address("g1"), address("c1"), 500)
    assert bytes(packet[UDP].payload) == header
    assert ping(topology["g1"], "10.1.0.1") == 3
    for one in (listener, sniffer, raw):
        one.close()


@pytest.mark.parametrize("roles", [("host", "host2")])
def test_ike_scan_from_two_hosts_to_one_gateway(
    topology: Topology, spinat: Spinatd, pluto: Pluto, roles: tuple[str, str]
) -> None:
    """Two inside initiators on port 500 towards the same gateway: each gets its own answer."""
    for role in roles:
        done = topology[role].run(
            "ike-scan", "--sport=500", "--retry=1", "--timeout=2000", "--trans=7/256,4,1,14", address("g1"),
            check=False,
        )  # fmt: skip
        assert re.search(r"1 returned (handshake|notify)", done.stdout), done.stdout + done.stderr


def test_unsolicited_ike_does_not_take_the_client_s_port(
    topology: Topology, spinat: Spinatd, pluto: Pluto, public: str
) -> None:
    """Somebody outside sends IKE first; the client behind us still keeps port 500, and gets its answer."""
    raw = topology["g1"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    header = b"stranger" + bytes(8) + bytes([33, 0x20, 34, 0x08]) + struct.pack("!II", 0, 28)
    raw.sendto(bytes(IP(src=address("g1"), dst=public) / UDP(sport=500, dport=500) / Raw(header)), (public, 0))
    raw.sendto(
        bytes(IP(src=address("g1"), dst=public, proto=50) / Raw(struct.pack("!II", 0x3001, 1) + bytes(32))),
        (public, 0),
    )
    time.sleep(0.1)
    with watch(topology, "udp port 500") as wire, ike(pluto, Conn("c1", "g1", "v2")) as said:
        assert "authenticated" in said[0], said
    assert {packet[UDP].sport for packet in wire.from_gateway} == {500}
    raw.close()
