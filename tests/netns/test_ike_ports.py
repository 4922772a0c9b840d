"""Public ports of IKE other than 500 (`ike_ports`), through the rules, the queues and the kernel's tracking."""

from __future__ import annotations

import time

import pytest
from conftest import Start
from esp_host import EspHost, address, connect
from ike_end import IkeEnd, establish
from scapy.layers.inet import UDP
from test_restart import Restart, crash_and_start, stop_and_start
from wire import watch, wrong_checksums

from lab.masquerade import Masquerade
from lab.ordinary import Server
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd
from lab.topology import Topology

LOW, HIGH = 20000, 22999
RANGE = f"{LOW}-{HIGH}"


def public_ports(spinat: Spinatd) -> dict[str, int]:
    """By inside host, of its last IKE SA that is shown."""
    return {sa["inside"]: sa["public_port"] for sa in spinat.show_json("ike")}


def speak_first(ike: dict[str, IkeEnd], client: str, public: str, port: int, initiator: bytes) -> None:
    """The gateway asks something under cookies that nobody saw before."""
    sent = ike["g1"].send(public, initiator, b"gatewayX", 37, 0x08, 46, port)
    assert ike[client].receive_from() == (sent, 500)


def test_rewrite(
    topology: Topology, start: Start, peers: dict[str, EspHost], ike: dict[str, IkeEnd], public: str
) -> None:
    """Two clients of one gateway, each with a port of its own, which the gateway speaks to first; and raw ESP."""
    spinat = start(ike_ports=f"rewrite {address('g1')}", port_range=RANGE)
    with watch(topology, "udp or ip proto 50") as wire:
        first = establish(ike, "c1", public, b"client-1", b"gateway1")
        second = establish(ike, "c2", public, b"client-2", b"gateway2")
        assert first != second and LOW <= first <= HIGH and LOW <= second <= HIGH
        assert public_ports(spinat) == {address("c1"): first, address("c2"): second}
        speak_first(ike, "c2", public, second, b"again--2")
        speak_first(ike, "c1", public, first, b"again--1")
        for client, spi, inner in (("c1", 0x2001, "10.1.0.1"), ("c2", 0x2002, "10.1.0.2")):
            connect(peers[client], peers["g1"], public, spi - 0x1000, spi)
            assert ping(topology["g1"], inner) == 3
    assert wire.leaked == [] and wrong_checksums(wire.packets) == []
    assert {p[UDP].sport for p in wire.from_gateway if UDP in p} == {first, second}
    shown = spinat.show("ike")
    assert f"{public}:{first}" in shown and f"{public}:{second}" in shown
    said = spinat.command("explain", address("c2")).stdout
    assert f" as {public}:{second}: established" in said, said


def test_auto(topology: Topology, start: Start, ike: dict[str, IkeEnd], public: str) -> None:
    """A gateway that answers one peer an address and port: the second client is heard on a port of its own."""
    spinat = start(ike_ports="auto", port_range=RANGE)
    assert establish(ike, "c1", public, b"client-1", b"gateway1") == 500
    ports = []
    for wait in (0, 1, 1.5, 2.2):
        time.sleep(wait)
        ike["c2"].send(address("g1"), b"client-2", bytes(8), 34, 0x08, 33)
        ports.append(ike["g1"].receive_from()[1])
    assert ports[:3] == [500] * 3 and LOW <= ports[3] <= HIGH
    assert establish(ike, "c2", public, b"client-2", b"gateway2") == ports[3]
    assert public_ports(spinat) == {address("c1"): 500, address("c2"): ports[3]}
    log = spinat.log.read_text()
    assert "it goes on from a port of its own" in log and f" as {public}:{ports[3]}, cookies" in log


@pytest.mark.parametrize("restart", [stop_and_start, crash_and_start], ids=["stop", "crash"])
def test_own_ports_outlive_a_restart(
    topology: Topology, start: Start, ike: dict[str, IkeEnd], public: str, restart: Restart
) -> None:
    """The gateway is the first to speak, to the ports it knows."""
    spinat = start(ike_ports="rewrite", port_range=RANGE)
    ports = {client: establish(ike, client, public, client.encode() * 4, b"gateway1") for client in ("c1", "c2")}
    restart(spinat)
    assert "tunnels back: 2 (IKE SAs: 2, SPIs out: 0, in: 0)" in spinat.said()
    assert public_ports(spinat) == {address(client): port for client, port in ports.items()}
    for client, port in ports.items():
        speak_first(ike, client, public, port, b"again-" + client.encode())
    sent = ike["c1"].send(address("g1"), b"c1" * 4, b"gateway1", 37, 0x08)
    assert ike["g1"].receive_from() == (sent, ports["c1"])


def test_ipsec_only(
    topology: Topology,
    start: Start,
    server: Server,
    peers: dict[str, EspHost],
    ike: dict[str, IkeEnd],
    public: str,
    backend: str,
) -> None:
    """The kernel's masquerade keeps the rest, and spinatd hears what comes to the ports that it gave."""
    if backend == "tun":
        pytest.skip("mode ipsec-only is nfqueue's")
    masquerade = Masquerade(topology)
    masquerade.start()
    try:
        start(mode="ipsec-only", ike_ports="rewrite", port_range=RANGE)
        reserved = topology.gw.run("sysctl", "-n", "net.ipv4.ip_local_reserved_ports").stdout
        assert RANGE in reserved
        with watch(topology) as wire:
            first = establish(ike, "c1", public, b"client-1", b"gateway1")
            second = establish(ike, "c2", public, b"client-2", b"gateway2")
            assert first != second and LOW <= first <= HIGH and LOW <= second <= HIGH
            speak_first(ike, "c2", public, second, b"again--2")
            connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
            assert ping(topology["c1"], "10.2.0.1") == 3
            assert server.fetch(topology["host"])
        assert wire.leaked == []
    finally:
        masquerade.stop()
