"""TCP, UDP, ICMP and whatever else the inside network speaks, through spinatd's back ends."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from pathlib import Path

import pytest
from conftest import Start
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.packet import Raw
from wire import watch, wrong_checksums

from lab.netns import Namespace
from lab.ordinary import Server
from lab.probes import command
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd
from lab.topology import ORDINARY, PUBLIC, Topology

FAST = pytest.mark.also("bpf-offload", "bpf-xdp")
HOST, HOST2, SERVER = (ORDINARY[role].address for role in ("host", "host2", "server"))


def udp(space: Namespace, address: str = "", port: int = 0) -> socket.socket:
    """A UDP socket of a host, with a short patience."""
    one = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(2)
    one.bind((address, port))
    return one


@FAST
def test_page_name_and_ping(topology: Topology, server: Server, spinat: Spinatd) -> None:
    with watch(topology) as wire:
        for role in ("host", "host2"):
            assert server.fetch(topology[role])
            assert server.resolve(topology[role])
            assert ping(topology[role], SERVER) == 3
    assert len(wire.from_gateway) > 20
    assert wire.leaked == []
    assert wrong_checksums(wire.packets) == []
    assert {proto for proto in (TCP, UDP, ICMP) if any(proto in p for p in wire.from_gateway)} == {TCP, UDP, ICMP}
    assert spinat.show("flows").count(HOST) >= 3


@FAST
def test_what_reaches_the_inside_has_right_checksums(topology: Topology, server: Server, spinat: Spinatd) -> None:
    from lab.capture import Capture
    from wire import Wire

    path = topology.run.dir / "inside.pcap"
    with Capture(topology["host"], "eth0", path, "ip"):
        assert server.fetch(topology["host"])
        assert server.resolve(topology["host"])
        assert ping(topology["host"], SERVER) == 3
    wire = Wire()
    wire.read(path)
    came = [packet for packet in wire.packets if packet.dst == HOST]
    assert len(came) > 10 and {packet.src for packet in came} == {SERVER}
    assert wrong_checksums(came) == []
    assert {packet.ttl for packet in came} == {62}  # router and gateway took one each


def test_ports_come_from_the_range(topology: Topology, start: Start, public: str) -> None:
    start(port_range="20000-20099")
    sinks = udp(topology["server"], SERVER, 7000)
    senders = [udp(topology["host"]) for _ in range(20)]
    seen = set()
    for sender in senders:
        sender.sendto(b"hello", (SERVER, 7000))
        data, (address, port) = sinks.recvfrom(100)
        assert (data, address) == (b"hello", public)
        seen.add(port)
        sinks.sendto(b"answer", (address, port))
        assert sender.recv(100) == b"answer"
    assert len(seen) == 20 and all(20000 <= port <= 20099 for port in seen)
    for one in [sinks, *senders]:
        one.close()


@FAST
def test_zero_udp_checksum_stays_zero(topology: Topology, spinat: Spinatd) -> None:
    sender = udp(topology["host"])
    sender.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
    sink = udp(topology["server"], SERVER, 7001)
    with watch(topology, "udp port 7001") as wire:
        sender.sendto(b"no checksum", (SERVER, 7001))
        assert sink.recv(100) == b"no checksum"
    assert [packet[UDP].chksum for packet in wire.from_gateway] == [0]
    sender.close()
    sink.close()


@pytest.mark.parametrize("size", [1472, 1473, 8000, 40000])
def test_large_pings_are_fragmented_both_ways(topology: Topology, spinat: Spinatd, size: int) -> None:
    with watch(topology, "icmp") as wire:
        assert ping(topology["host"], SERVER, 3, "-s", str(size)) == 3
    assert wire.leaked == []
    assert wrong_checksums(wire.packets) == []
    pieces = [packet for packet in wire.from_gateway if packet.frag or packet.flags & 1]
    assert bool(pieces) == (size > 1472)


@FAST
def test_udp_datagrams_larger_than_the_wire(topology: Topology, spinat: Spinatd, public: str) -> None:
    sink, sender = udp(topology["server"], SERVER, 7002), udp(topology["host"])
    data = os.urandom(9000)
    for _ in range(3):
        sender.sendto(data, (SERVER, 7002))
        got, back = sink.recvfrom(65535)
        assert got == data and back[0] == public
        sink.sendto(data[::-1], back)
        assert sender.recv(65535) == data[::-1]
    sender.close()
    sink.close()


@pytest.mark.parametrize("order", ["first-last", "reversed"])
def test_fragments_out_of_order(topology: Topology, spinat: Spinatd, order: str, public: str) -> None:
    """Later fragments that come before the one that has the ports, out and in."""
    host, server = topology["host"], topology["server"]
    sink = udp(server, SERVER, 7003)
    receiver = udp(host, HOST, 7777)
    raw_host = host.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw_server = server.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    data = os.urandom(4000)

    def pieces(source: str, sport: int, target: str, dport: int, ident: int) -> list[bytes]:
        whole = IP(src=source, dst=target, id=ident) / UDP(sport=sport, dport=dport) / Raw(data)
        parts = [bytes(part) for part in fragment(IP(bytes(whole)), 1400)]
        assert len(parts) == 3
        return parts[::-1] if order == "reversed" else [*parts[1:], parts[0]]

    with watch(topology, f"udp and dst {SERVER}") as wire:
        for part in pieces(HOST, 7777, SERVER, 7003, 4711):
            raw_host.sendto(part, (SERVER, 0))
        got, back = sink.recvfrom(65535)
    assert got == data and back[0] == public
    # What had to wait was one hop on its way, as what did not.
    assert [packet.ttl for packet in wire.from_gateway] == [63] * 3
    for part in pieces(SERVER, 7003, public, back[1], 4712):
        raw_server.sendto(part, (public, 0))
    assert receiver.recv(65535) == data
    for one in (sink, receiver, raw_host, raw_server):
        one.close()


def transfer(source: Namespace, target: Namespace, address: str, bind: str, port: int, size: int) -> bool:
    """Bulk TCP between two hosts, compared by digest."""
    listener = target.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((bind, port))
    listener.listen(1)
    listener.settimeout(10)
    block = os.urandom(1 << 16)
    got, sent = hashlib.sha256(), hashlib.sha256()

    def receive() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            while data := connection.recv(1 << 18):
                got.update(data)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    with source.socket(socket.AF_INET, socket.SOCK_STREAM) as sender:
        sender.settimeout(30)
        sender.connect((address, port))
        for _ in range(size // len(block)):
            sender.sendall(block)
            sent.update(block)
        sender.shutdown(socket.SHUT_WR)
        thread.join(40)
    listener.close()
    return got.digest() == sent.digest()


@FAST
@pytest.mark.parametrize("offload", [False, True], ids=["wire", "offload"])
def test_bulk_tcp(topology: Topology, spinat: Spinatd, through: str, offload: bool) -> None:
    """With offload, packets of up to 64 KB with unfinished checksums cross the NAT, as on many real machines."""
    if offload and "-" in through:
        pytest.skip("this way has its own offloads")
    if offload:
        topology.offloads(True)
    try:
        assert transfer(topology["host"], topology["server"], SERVER, SERVER, 7100, 20_000_000)
    finally:
        if offload:
            topology.offloads(False)


@FAST
def test_redirect_port_and_hairpin(topology: Topology, start: Start, server: Server, public: str) -> None:
    start(redirect_port=f"tcp {HOST}:80 8080")
    directory = topology.run.dir / "inside-www"
    directory.mkdir(exist_ok=True)
    (directory / "page").write_text("a page of the inside host")
    httpd = topology["host"].start("busybox", "httpd", "-f", "-p", f"{HOST}:80", "-h", str(directory))
    try:
        url = f"http://{public}:8080/page"
        retry = ("--retry", "10", "--retry-connrefused", "--retry-delay", "0", "-sS", "-m", "5")
        topology["host"].run("curl", *retry, f"http://{HOST}/page")
        with watch(topology) as wire:
            assert topology["server"].run("curl", *retry, url).stdout == "a page of the inside host"
            assert topology["host2"].run("curl", *retry, url).stdout == "a page of the inside host"
        assert wire.leaked == []
        assert wrong_checksums(wire.packets) == []
        # The hairpin never leaves: all that crossed the wire is the outside server's.
        assert {packet.dst for packet in wire.from_gateway} == {SERVER}
    finally:
        httpd.terminate()
        httpd.wait()


def test_hairpin_udp_shows_the_public_source(topology: Topology, start: Start, public: str) -> None:
    start(redirect_port=f"udp {HOST}:7004 7004")
    one, other = udp(topology["host"], HOST, 7004), udp(topology["host2"])
    other.sendto(b"hello", (public, 7004))
    data, (address, port) = one.recvfrom(100)
    assert (data, address) == (b"hello", public)
    one.sendto(b"answer", (address, port))
    data, source = other.recvfrom(100)
    assert (data, source) == (b"answer", (public, 7004))
    one.close()
    other.close()


def test_closed_port_reaches_the_sender(topology: Topology, spinat: Spinatd) -> None:
    """ICMP port unreachable crosses, and its quoted packet is translated: the kernel finds the socket by it."""
    sender = udp(topology["host"])
    sender.connect((SERVER, 9))
    sender.send(b"anybody there?")
    with pytest.raises(ConnectionRefusedError):
        sender.recv(100)
    sender.close()


def test_time_exceeded_crosses(topology: Topology, spinat: Spinatd) -> None:
    sniffer = topology["host"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sniffer.settimeout(2)
    sender = udp(topology["host"], HOST, 7005)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
    sender.sendto(b"x", (SERVER, 33434))
    packet = IP(sniffer.recv(2000))
    assert (packet.src, packet.dst, packet[ICMP].type, packet[ICMP].code) == ("203.0.113.254", HOST, 11, 0)
    assert wrong_checksums([packet]) == []
    quoted = IP(bytes(packet[ICMP].payload))
    assert (quoted.src, quoted.dst, quoted[UDP].sport) == (HOST, SERVER, 7005)
    # The quoted header's own checksum is right again: sum it up by hand.
    words = struct.unpack("!10H", bytes(quoted)[:20])
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
    sniffer.close()
    sender.close()


def test_path_mtu_is_discovered(topology: Topology, spinat: Spinatd) -> None:
    topology.router.ip("link set net mtu 1300")
    try:
        too_long = command(SERVER, 3, 0.1, "-M", "do", "-s", "1372")
        out = topology["host"].run(*too_long, check=False).stdout
        assert "mtu = 1300" in out or "mtu=1300" in out, out
        assert ping(topology["host"], SERVER, 3, "-M", "do", "-s", "1272") == 3
    finally:
        topology.router.ip("link set net mtu 1500")
        topology["host"].ip("route flush cache")


@pytest.mark.parametrize("strict", [0, 1, 2])
def test_path_mtu_of_the_gateway_s_own_link_is_discovered(
    topology: Topology, start: Start, backend: str, strict: int
) -> None:
    """The gateway's own kernel says that its outside link is narrow, and to the host that sent: what it quotes has been
    translated already, so it must come back the same way, whatever the gateway thinks of reverse paths (`rp_filter`)."""
    start()
    route = "route replace default via 203.0.113.254"
    sniffer = topology["host"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sniffer.settimeout(2)
    topology.gw.ip(f"{route} mtu 1300")
    topology.gw.sysctl(net__ipv4__conf__all__rp_filter=strict)
    try:
        assert ping(topology["host"], SERVER, 3, "-s", "100") == 3
        out = topology["host"].run(*command(SERVER, 3, 0.1, "-M", "do", "-s", "1372"), check=False).stdout
        assert "mtu = 1300" in out or "mtu=1300" in out, out
        assert ping(topology["host"], SERVER, 3, "-M", "do", "-s", "1272") == 3
        errors = (packet for packet in iter(lambda: IP(sniffer.recv(2000)), None) if packet[ICMP].type == 3)
        error = next(errors)
    finally:
        topology.gw.ip(route)
        topology.gw.sysctl(net__ipv4__conf__all__rp_filter=0)
        topology["host"].ip("route flush cache")
        sniffer.close()
    assert error.src in (("192.0.0.8",) if backend == "tun" else ("192.168.1.1", PUBLIC)), error.src
    assert wrong_checksums([error]) == []
    quoted = IP(bytes(error[ICMP].payload))
    assert (quoted.src, quoted.dst, error[ICMP].nexthopmtu) == (HOST, SERVER, 1300)


def test_other_protocols_by_address(topology: Topology, spinat: Spinatd, public: str) -> None:
    """IP protocol 253 (for experiments, RFC 3692) there and back."""
    inside = topology["host"].socket(socket.AF_INET, socket.SOCK_RAW, 253)
    outside = topology["server"].socket(socket.AF_INET, socket.SOCK_RAW, 253)
    for one in (inside, outside):
        one.settimeout(2)
    inside.sendto(b"there", (SERVER, 0))
    data, (address, _) = outside.recvfrom(2000)
    assert (data[20:], address) == (b"there", public)
    outside.sendto(b"back", (public, 0))
    data, (address, _) = inside.recvfrom(2000)
    assert (data[20:], address) == (b"back", SERVER)
    inside.close()
    outside.close()


def test_ah_is_refused_and_said_why(topology: Topology, spinat: Spinatd) -> None:
    raw = topology["host"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_AH)
    icmp = topology["host"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    icmp.settimeout(2)
    with watch(topology) as wire:
        for sequence in range(1, 4):
            raw.sendto(struct.pack("!BBHII", 4, 4, 0, 0x1234, sequence) + bytes(12), (SERVER, 0))
        packet = IP(icmp.recv(2000))
    assert (packet.dst, packet[ICMP].type, packet[ICMP].code) == (HOST, 3, 13)
    assert wrong_checksums([packet]) == []
    assert wire.from_gateway == []
    log = spinat.log.read_text()
    assert log.count("AH") >= 1 and HOST in log
    raw.close()
    icmp.close()


def test_unsolicited_packets_stay_outside(topology: Topology, spinat: Spinatd, public: str) -> None:
    path = topology.run.dir / "inside.pcap"
    from lab.capture import Capture, frames

    raw = topology["server"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with Capture(topology.wires, "lan-gw", path, "ip"):
        for probe in (
            IP(src=SERVER, dst=public) / UDP(sport=500, dport=500) / bytes(28),
            IP(src=SERVER, dst=public) / UDP(sport=1, dport=12345) / b"x",
            IP(src=SERVER, dst=public) / TCP(sport=1, dport=12345),
            IP(src=SERVER, dst=public, proto=50) / Raw(struct.pack("!II", 0x1000, 1) + bytes(32)),
            IP(src=SERVER, dst=HOST) / UDP(sport=1, dport=2) / b"to a private address",
        ):
            raw.sendto(bytes(probe), (public, 0))
    assert list(frames(path)) == []
    raw.close()


def test_a_full_table_leaks_nothing(topology: Topology, start: Start) -> None:
    nat = start(max_flows=64)
    with watch(topology, "udp") as wire:
        senders = [udp(topology["host"]) for _ in range(200)]
        for sender in senders:
            sender.sendto(b"x", (SERVER, 7006))
        for sender in senders:
            sender.close()
    assert wire.leaked == []
    assert 1 <= len(wire.from_gateway) <= 64
    assert "no-flows" in str(nat.show_json("stats")) or "no_flows" in str(nat.show_json("stats"))


def test_tshark_agrees_about_checksums(topology: Topology, server: Server, spinat: Spinatd) -> None:
    """A second opinion, by Wireshark's dissectors."""
    path: Path = topology.run.dir / "wire-router.pcap"
    with watch(topology):
        assert server.fetch(topology["host"])
        assert server.resolve(topology["host"])
        ping(topology["host"], SERVER)
    checks = [f"-o{proto}.check_checksum:TRUE" for proto in ("ip", "tcp", "udp")]
    fields = [f"-e{name}.checksum.status" for name in ("ip", "tcp", "udp", "icmp")]
    out = topology.gw.run("tshark", "-r", str(path), *checks, "-Y", "ip", "-Tfields", *fields).stdout
    status = {value for line in out.splitlines() for cell in line.split("\t") for value in cell.split(",") if value}
    assert status == {"1"} or status == {"Good"}, status
