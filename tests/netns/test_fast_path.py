"""The fast path in the kernel: that packets go that way, and that the administrator's rules still hold.

What it does to packets is in tests/fast; here are real hosts, with unfinished checksums and large packets at tc.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Iterator

import pytest
from conftest import Start
from echo import PORT, Echo
from esp_host import GCM, EspHost, connect
from ike_end import IkeEnd, establish
from scapy.layers.inet import IP, UDP, fragment
from scapy.packet import Raw
from test_ordinary import HOST, SERVER, transfer
from wire import watch, wrong_checksums

from lab.probes import ping_from as ping
from lab.spinatd import Spinatd, build_dir
from lab.topology import INSIDE_IF, OUTSIDE_IF, Topology

BACKENDS = ["bpf"]


@pytest.fixture(params=["tc", "clsact", "xdp"])
def fast(request: pytest.FixtureRequest, start: Start, topology: Topology) -> Iterator[Spinatd]:
    """A daemon with its programs at one of the hooks.

    XDP cannot see unfinished checksums: offloads are off, as the lab has them.
    """
    topology.make_xdp_possible(request.param == "xdp")
    yield start(fast_path=request.param)
    topology.make_xdp_possible(False)


def outcomes(spinat: Spinatd, side: str, outcome: str) -> int:
    """How many packets of a side came to this."""
    return int(spinat.show_json("stats")["fast_path"][side][outcome]["packets"])


def taken(spinat: Spinatd, side: str) -> int:
    """How many packets of a side the kernel has translated."""
    return outcomes(spinat, side, "taken")


@pytest.fixture
def echo(topology: Topology, fast: Spinatd) -> Iterator[Echo]:
    one = Echo(topology)
    yield one
    one.close()


def test_known_flows_stay_in_the_kernel(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    with watch(topology) as wire:
        for _ in range(20):
            assert echo.asks()
        assert ping(topology["host"], SERVER, count=5) == 5
    # The first each way opens the flow, the second may still meet closed gates; what would be taken may be a probe.
    assert all(taken(fast, side) + outcomes(fast, side, "probe") >= 18 + 3 for side in ("inside", "outside"))
    assert wire.leaked == [] and wrong_checksums(wire.packets) == []
    # What is counted there is counted once, and seen at once.
    flow = next(one for one in fast.show_json("flows") if one["protocol"] in (17, "udp"))
    assert flow["packets"] == {"inside": 20, "outside": 20}


@pytest.mark.parametrize("tracked", [False, True], ids=["untracked", "tracked"])
def test_fragments_stay_in_the_kernel(topology: Topology, fast: Spinatd, echo: Echo, tracked: bool) -> None:
    """Both ways, and also where connection tracking would put together what is left."""
    rule = ["FORWARD", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"]
    if tracked:
        topology.gw.run("iptables", "-I", *rule)
        time.sleep(0.3)
    try:
        assert all(echo.asks() for _ in range(3))
        before = [taken(fast, side) for side in ("inside", "outside")]
        with watch(topology, "udp") as wire:
            assert all(echo.asks(question=os.urandom(4000)) for _ in range(20))
        after = [taken(fast, side) for side in ("inside", "outside")]
        assert all(now - then in (57, 60) for now, then in zip(after, before)), after  # (one may be a probe)
        assert wire.leaked == [] and wrong_checksums(wire.packets) == []
        assert len({packet.id for packet in wire.from_gateway}) == 20
        # Later ones first: all of these go the long way, and arrive.
        port = echo.host.getsockname()[1]
        data = os.urandom(4000)
        whole = IP(src=HOST, dst=SERVER, id=4711) / UDP(sport=port, dport=PORT) / Raw(data)
        with topology["host"].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for part in reversed(fragment(IP(bytes(whole)), 1400)):
                raw.sendto(bytes(part), (SERVER, 0))
        assert echo.server.recv(65535) == data
        assert taken(fast, "inside") == after[0]
    finally:
        if tracked:
            topology.gw.run("iptables", "-D", *rule)


@pytest.mark.parametrize("offload", ["none", "all", "hosts"])
def test_bulk_tcp(topology: Topology, start: Start, offload: str) -> None:
    """With offload packets are large and their checksums unfinished: for ever, or until they leave the gateway."""
    fast = start()
    topology.offloads(offload != "none")
    if offload == "hosts":
        for interface in ("in", "out"):
            topology.gw.run("ethtool", "-K", interface, "tx", "off")
    try:
        assert transfer(topology["host"], topology["server"], SERVER, SERVER, 7100, 20_000_000)
    finally:
        topology.offloads(False)
    assert taken(fast, "inside") > 200


def test_esp_stays_in_the_kernel(
    topology: Topology, fast: Spinatd, peers: dict[str, EspHost], ike: dict[str, IkeEnd], public: str
) -> None:
    establish(ike, "c1", public, b"client-1", b"gateway1")
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001, GCM)
    with watch(topology, "ip proto 50") as wire:
        assert ping(topology["c1"], "10.2.0.1", count=10) == 10
    assert taken(fast, "inside") >= 5 and taken(fast, "outside") >= 5, fast.show("datapath") + fast.show("flows")
    assert wire.leaked == [] and wrong_checksums(wire.packets) == []
    # Both counted every packet once, and know the last one's number.
    for one in fast.show_json("flows"):
        assert sum(one["packets"].values()) == one["sequence"] >= 10, fast.show("flows")


def test_a_new_rule_holds_for_flows_there_are(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    for _ in range(5):
        assert echo.asks()
    before = taken(fast, "inside")
    assert before > 0
    rule = ["FORWARD", "-s", HOST, "-p", "udp", "--dport", str(PORT), "-j", "DROP"]
    topology.gw.run("iptables", "-I", *rule)
    try:
        time.sleep(0.3)
        assert not echo.asks(answered=False)
        assert taken(fast, "inside") == before
    finally:
        topology.gw.run("iptables", "-D", *rule)
    time.sleep(0.3)
    for _ in range(5):
        assert echo.asks()
    assert taken(fast, "inside") > before


def test_a_rule_that_drops_from_the_start(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    """No packet of a flow that no rule has passed is taken."""
    rule = ["FORWARD", "-s", HOST, "-p", "udp", "--dport", str(PORT), "-j", "DROP"]
    topology.gw.run("iptables", "-I", *rule)
    try:
        for _ in range(3):
            assert not echo.asks(answered=False)
    finally:
        topology.gw.run("iptables", "-D", *rule)
    assert taken(fast, "inside") == 0


def test_a_crash(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    """With `fast_path_linger off` nothing leaves after a crash; test_fast_restart.py has the rest.

    Links are gone with it; filters take nothing when nobody says that the daemon lives.
    """
    for _ in range(3):
        assert echo.asks()
    fast.kill()
    time.sleep(0.6)
    with watch(topology) as wire:
        assert not echo.asks()
        with topology["host"].socket(socket.AF_INET, socket.SOCK_DGRAM) as new:
            new.sendto(b"a new flow", (SERVER, PORT))
        with pytest.raises(TimeoutError):
            while echo.server.recv(100) != b"a new flow":
                pass
    assert wire.leaked == []
    fast.start()
    assert echo.asks()


def filters(topology: Topology) -> int:
    """How many filters of spinat's there are on the gateway."""
    lines = [
        topology.gw.run("tc", "filter", "show", "dev", device, side).stdout
        for device in (INSIDE_IF, OUTSIDE_IF)
        for side in ("ingress", "egress")
    ]
    return "".join(lines).count("spinat:")


def filters_wanted(nat: Spinatd) -> int:
    """How many there should be: at XDP the two programs that note are at tc all the same."""
    path = nat.show_json("stats")["fast_path"]
    if path is None or path["attached_by"] == "links":
        return 0
    return 4 if path["hook"] == "tc" else 2


@pytest.mark.parametrize("after", [{}, {"fast_path": "xdp"}, {"backend": "nfqueue"}, None], ids=str)
def test_what_a_crash_left_is_taken_away(
    topology: Topology, start: Start, after: dict[str, str] | None
) -> None:
    """By the daemon that comes next, or by `spinatd --detach` (None).  Filters of others stay."""
    topology.gw.run("tc", "qdisc", "add", "dev", INSIDE_IF, "clsact", check=False)  # a crash leaves an empty one
    theirs = ["dev", INSIDE_IF, "ingress", "pref", "9"]
    topology.gw.run("tc", "filter", "add", *theirs, "u32", "match", "u32", "0", "0", "flowid", "1:1")
    topology.make_xdp_possible(after == {"fast_path": "xdp"})
    nat = start(fast_path="clsact")
    assert filters(topology) == filters_wanted(nat) == 4
    nat.kill()
    try:
        assert filters(topology) == 4
        if after is None:
            assert nat.detach().returncode == 0
        else:
            nat.options |= after
            nat.start()
            assert filters(topology) == filters_wanted(nat)
            nat.stop()
        assert filters(topology) == 0
        assert "pref 9 u32" in topology.gw.run("tc", "filter", "show", "dev", INSIDE_IF, "ingress").stdout
    finally:
        topology.make_xdp_possible(False)
        topology.gw.run("tc", "filter", "del", *theirs)


def test_show_datapath(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    for _ in range(10):
        assert echo.asks()
    shown = fast.show("datapath")
    hook = "XDP" if fast.options["fast_path"] == "xdp" else "tc"
    assert "taken" in shown and "no-flow" in shown and f"fast path at {hook}, by " in shown, shown
    assert fast.options["fast_path"] != "clsact" or "by clsact filters" in shown, shown


def test_a_device_that_has_no_such_hook_is_named(topology: Topology, start: Start) -> None:
    """`auto` goes on without, and says why."""
    nat = start(backend="auto", inside_interface="lo", inside_network="192.168.1.0/24", fast_path="xdp")
    assert "no fast path: fast_path xdp: lo has no XDP of its own" in nat.said()
    assert nat.show_json("stats")["fast_path"]["hook"] is None


def test_records_are_used_again(topology: Topology, start: Start) -> None:
    """What ended rests until no program may be looking at it, and then makes room."""
    nat = start(max_flows=16, max_spis=1, timeout_udp=6)
    with topology["server"].socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SERVER, PORT))
        server.settimeout(0.5)
        for _ in range(3):
            for number in range(16):
                with topology["host"].socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
                    # The kernel would take one twice, now and then.
                    host.bind(("", 20000 + number))
                    host.sendto(b"one more", (SERVER, PORT))
                assert server.recv(100) == b"one more"
            assert nat.show_json("stats")["flows"] == 16
            end = time.monotonic() + 20
            while nat.show_json("stats")["flows"] > 0:
                assert time.monotonic() < end
                time.sleep(0.2)
            time.sleep(0.5)


@pytest.mark.parametrize("lacking", ["bpf", "perfmon"])
def test_a_capability_that_is_missing_is_named(topology: Topology, start: Start, lacking: str) -> None:
    nat = Spinatd(topology, {"backend": "bpf"})
    nat.config.write_text("\n".join(nat.lines()) + "\n")
    held = ",".join("+" + name for name in ("net_admin", "net_raw", "setpcap", "bpf", "perfmon") if name != lacking)
    spinatd = [str(build_dir() / "spinatd"), "-f", str(nat.config)]
    done = topology.gw.run("setpriv", "--bounding-set", f"-all,{held}", "--", *spinatd, check=False)
    nat.detach()
    assert done.returncode == 1 and "CAP_BPF and CAP_PERFMON" in done.stderr, done
