"""Interfaces that are VLANs, inside and outside, over the cables of the lab's other networks."""

from __future__ import annotations

from typing import Iterator

import pytest
from conftest import Start
from scapy.layers.l2 import Dot1Q
from test_fast_path import Echo, taken
from test_ordinary import SERVER, transfer
from wire import watch, wrong_checksums

from lab import need
from lab.netns import Namespace
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd, SpinatdFailed
from lab.topology import PUBLIC, ROUTED, Topology

BACKENDS = ["bpf", "nfqueue", "tun"]
HOST, INSIDE, OUTSIDE, ROUTER = "192.168.10.20", "192.168.10.1", "203.0.114.1", "203.0.114.254"
DEVICES = {"interface": "out.20", "inside_interface": "in.10"}


def add(space: Namespace, cable: str, tag: int, address: str) -> None:
    space.ip(
        f"link add link {cable} name {cable}.{tag} type vlan id {tag}",
        f"addr add {address}/24 dev {cable}.{tag}",
        f"link set {cable}.{tag} up",
    )


@pytest.fixture(params=["wire", "offload"])
def vlans(request: pytest.FixtureRequest, topology: Topology) -> Iterator[None]:
    """VLAN 10 between the host and the gateway, 20 between the gateway and its provider."""
    if lacking := need.for_vlans(topology.gw, "in"):
        pytest.skip("; ".join(lacking))
    if request.param == "offload":
        topology.let_hosts_offload()
    add(topology["host"], "eth0", 10, HOST)
    add(topology.gw, "in", 10, INSIDE)
    add(topology.gw, "out", 20, OUTSIDE)
    add(topology.router, "pub", 20, ROUTER)
    topology["host"].ip(f"route add {SERVER}/32 via {INSIDE}")
    topology.gw.ip(f"route replace default via {ROUTER}")
    topology.router.ip(f"route replace {ROUTED}/32 via {OUTSIDE}")
    yield
    topology.router.ip(f"route replace {ROUTED}/32 via {PUBLIC}", "link del pub.20")
    topology.gw.ip("route replace default via 203.0.113.254", "link del out.20", "link del in.10")
    topology["host"].ip("link del eth0.10")
    topology.offloads(False)


@pytest.fixture
def nat(vlans: None, start: Start, backend: str) -> Spinatd:
    return start(**DEVICES, alias_address=ROUTED if backend == "tun" else OUTSIDE)


def test_traffic_between_vlans(topology: Topology, nat: Spinatd, backend: str) -> None:
    echo = Echo(topology)
    with watch(topology, "vlan") as wire:
        for _ in range(20):
            assert echo.asks()
        assert ping(topology["host"], SERVER, 5) == 5
    echo.close()
    assert wrong_checksums(wire.packets) == []
    assert transfer(topology["host"], topology["server"], SERVER, SERVER, 7100, 10_000_000)
    left = [packet for packet in wire.packets if packet.dst == SERVER]
    assert len(left) == 25 and {packet.src for packet in left} == {nat.options["alias_address"]}
    assert {packet.underlayer[Dot1Q].vlan for packet in wire.packets} == {20}
    if backend == "bpf":
        # The first each way opens the flow, the second may still meet closed gates; then the transfer's.
        assert taken(nat, "inside") > 21 and taken(nat, "outside") > 21, nat.show("datapath")
        assert nat.show_json("stats")["fast_path"]["hook"] == "tc"


def test_xdp_is_refused_on_a_vlan(topology: Topology, vlans: None, start: Start, backend: str) -> None:
    if backend != "bpf":
        pytest.skip("without the fast path there is no XDP")
    with pytest.raises(SpinatdFailed, match=r"fast_path xdp: in\.10 \(vlan\) has no XDP of its own"):
        start(**DEVICES, alias_address=OUTSIDE, fast_path="xdp")


def test_auto_takes_tc_on_a_vlan(topology: Topology, nat: Spinatd, backend: str) -> None:
    if backend != "bpf":
        pytest.skip("without the fast path there is no hook to choose")
    why = "in.10 (vlan) has no XDP of its own; out.20 (vlan) has no XDP of its own"
    assert f"the fast path is at tc: {why}" in nat.said()
    assert nat.show_json("stats")["fast_path"]["why"] == why
    assert f"against XDP: {why}" in nat.show("datapath")
