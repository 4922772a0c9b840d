"""IKE and ESP of the gateway itself, beside two inside clients of the same remote.

With the back end tun the public address of the clients is not the gateway's, so that the two never meet; with nfqueue
they share it.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator

import pytest
from conftest import Start
from esp_host import EspHost, connect, end_point
from ike_end import CHILD, INFORMATIONAL, REQUEST, RESPONSE, IkeEnd, establish, exchange, ike_ends
from scapy.layers.inet import UDP
from wire import watch, wrong_checksums

from lab.masquerade import Masquerade
from lab.netns import Namespace
from lab.ordinary import Server
from lab.spinatd import Spinatd
from lab.topology import OUTSIDE_IF, PUBLIC, Topology

INNER = {"c1": "10.1.0.1", "c2": "10.1.0.2", "gw": "10.3.0.1"}
REMOTE = "10.2.0.1"
RESPONDER = b"remote-1"


def cookie(role: str) -> bytes:
    return role.encode() * 4


@pytest.fixture
def peers(topology: Topology) -> Iterator[dict[str, EspHost]]:
    hosts = {role: EspHost(topology, role) for role in ("c1", "c2", "gw", "g1")}
    yield hosts
    for host in hosts.values():
        host.close()


@pytest.fixture
def ike(topology: Topology) -> Iterator[dict[str, IkeEnd]]:
    with ike_ends(topology, "c1", "c2", "gw", "g1") as ends:
        yield ends


@pytest.fixture
def seen(public: str) -> dict[str, str]:
    """How the remote sees each of them."""
    return {"c1": public, "c2": public, "gw": PUBLIC}


def tunnel(peers: dict[str, EspHost], seen: dict[str, str], role: str, turn: int) -> int:
    """A pair of SAs with the remote; gives the inbound SPI."""
    spi = 0x1000 * (1 + turn) + 1 + list(INNER).index(role)
    connect(peers[role], peers["g1"], seen[role], spi, 0x80000000 + spi)
    return 0x80000000 + spi


def ping(space: Namespace, target: str, count: int = 3, interval: float = 0.1) -> int:
    """How many of the first so many were answered: it sends on until as many answers came, however late they are."""
    argv = ["ping", "-n", "-c", str(count), "-i", str(interval), "-w", "60", target]
    said = space.run(*argv, check=False, timeout=90).stdout
    answers = re.findall(r"icmp_seq=(\d+) ttl=\d+ time=[^(\n]*$", said, re.MULTILINE)
    return sum(int(number) <= count for number in answers)


def set_up(topology: Topology, peers: dict[str, EspHost], ike: dict[str, IkeEnd], seen: dict[str, str]) -> None:
    """One after the other, so that it is certain whose each SPI is: what starts at once is the simulator's matter."""
    for role, inner in INNER.items():
        establish(ike, role, seen[role], cookie(role), RESPONDER)
        tunnel(peers, seen, role, 0)
        assert ping(end_point(topology, role)[1], REMOTE) == ping(topology["g1"], inner) == 3


def all_ping(topology: Topology, count: int = 5) -> dict[str, int]:
    """Each of the three pings the remote, and is pinged by it, all at once; what was answered.

    Not faster than the end points, which are of Python, get through it on a busy machine: else each ping that is late
    brings more of them, and delays all.
    """
    with ThreadPoolExecutor(6) as pool:
        jobs = {f"{role} to g1": pool.submit(ping, end_point(topology, role)[1], REMOTE, count, 0.3) for role in INNER}
        jobs |= {f"g1 to {role}": pool.submit(ping, topology["g1"], inner, count, 0.3) for role, inner in INNER.items()}
        return {name: job.result() for name, job in jobs.items()}


def assert_all(answered: dict[str, int], count: int = 5) -> None:
    assert answered == dict.fromkeys(answered, count)


def assert_owner(spinat: Spinatd, spi: int, role: str, backend: str) -> None:
    """spinat says whose it is; of the gateway's own, with tun, it knows nothing."""
    done = spinat.command("explain", f"0x{spi:08x}")
    if role == "gw" and backend == "tun":
        assert "no SPI" in done.stderr
    elif role == "gw":
        assert re.search(r" goes to the gateway: confirmed", done.stdout), done.stdout
    else:
        assert re.search(rf" goes to 192\.168\.1\.1{int(role[1]) - 1}: confirmed", done.stdout), done.stdout


def test_all_three_at_once(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], ike: dict[str, IkeEnd], seen: dict[str, str],
    backend: str,
) -> None:
    """IKE and ESP of the three, both ways; nothing is lost, and the gateway's own is as it was sent."""
    with watch(topology, "ip proto 50 or udp port 500") as wire:
        set_up(topology, peers, ike, seen)
        assert_all(all_ping(topology))
    assert wire.leaked == [] and wrong_checksums(wire.packets) == []
    assert {(p[UDP].sport, p[UDP].dport) for p in wire.packets if UDP in p} == {(500, 500)}
    assert peers["g1"].seen["bad"] == peers["g1"].seen["unknown-spi"] == 0
    assert all(peer.seen["bad"] == 0 for peer in peers.values())
    if backend == "nfqueue":
        shown = spinat.show("ipsec")
        assert re.search(r"^gateway +198\.51\.100\.10 +203\.0\.113\.1 +yes", shown, re.MULTILINE), shown
        shown = spinat.show("ike")
        assert re.search(r"^gateway .*67776777.*gateway +established", shown, re.MULTILINE), shown


@pytest.mark.parametrize("agreed", [True, False], ids=["agreed", "unseen"])
def test_the_remote_speaks_first_with_a_new_spi(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], ike: dict[str, IkeEnd], seen: dict[str, str],
    backend: str, agreed: bool,
) -> None:
    """To the gateway and to each client in turn, each time with the other two as candidates."""
    set_up(topology, peers, ike, seen)
    assert_all(all_ping(topology))
    for turn, role in enumerate(["gw", "c1", "gw", "c2"], 1):
        if agreed:
            exchange(ike, role, seen[role], cookie(role), RESPONDER, CHILD, turn)
        spi = tunnel(peers, seen, role, turn)
        assert ping(topology["g1"], INNER[role], 20) == 20
        if agreed:  # else pings alone may leave it open for long
            assert_owner(spinat, spi, role, backend)
            assert_all(all_ping(topology, 3), 3)


def test_esp_alone(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], seen: dict[str, str], backend: str
) -> None:
    """Keys set by hand: what the gateway sends shows that what comes may be for it."""
    spi = tunnel(peers, seen, "gw", 0)
    assert ping(topology.gw, REMOTE) == 3
    assert ping(topology["g1"], INNER["gw"], 10) == 10
    assert_owner(spinat, spi, "gw", backend)


def test_ike_that_only_its_owner_can_know(
    topology: Topology, spinat: Spinatd, ike: dict[str, IkeEnd], seen: dict[str, str]
) -> None:
    """Cookies of a rekeyed IKE SA, first used by the remote."""
    for role in INNER:
        establish(ike, role, seen[role], cookie(role), RESPONDER)
    for role in ("gw", "c1"):
        for _ in range(2):
            sent = ike["g1"].send(seen[role], b"rekeyed" + role[:1].encode(), b"elsewher", INFORMATIONAL, REQUEST)
            while ike[role].receive() != sent:
                pass
            sent = ike[role].send(ike["g1"].source, b"rekeyed" + role[:1].encode(), b"elsewher", INFORMATIONAL, RESPONSE)
            assert ike["g1"].receive() == sent


def test_it_is_known_after_a_restart(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], ike: dict[str, IkeEnd], seen: dict[str, str]
) -> None:
    set_up(topology, peers, ike, seen)
    spinat.stop()
    spinat.start(resume=True)
    before = {role: peers[role].seen["unknown-spi"] for role in INNER}
    for role, inner in INNER.items():
        assert ping(topology["g1"], inner) == 3, role
    assert {role: peers[role].seen["unknown-spi"] for role in INNER} == before


def test_a_crash_does_not_hold_it_back(
    topology: Topology, spinat: Spinatd, peers: dict[str, EspHost], ike: dict[str, IkeEnd], seen: dict[str, str]
) -> None:
    """What the gateway sends goes on when nobody reads the queues; what the inside sends does not."""
    set_up(topology, peers, ike, seen)
    assert_all(all_ping(topology))
    spinat.kill()
    time.sleep(0.5)  # what was under way has left
    sent = {role: peers[role].seen["sent"] for role in INNER}
    with watch(topology, "ip proto 50 or udp port 500") as wire:
        for role in INNER:
            end_point(topology, role)[1].run("ping", "-c", "3", "-i", "0.2", "-W", "0.3", REMOTE, check=False)
            ike[role].send(ike["g1"].source, cookie(role), RESPONDER, INFORMATIONAL, REQUEST)
        end = time.monotonic() + 5
        while any(peers[role].seen["sent"] < sent[role] + 3 for role in INNER) and time.monotonic() < end:
            time.sleep(0.1)
    left = [bytes(packet.payload) for packet in wire.from_gateway]
    spi = (0x1001 + list(INNER).index("gw")).to_bytes(4, "big")
    assert sorted(data[:4] for data in left) == sorted([spi] * 3 + [bytes.fromhex("01f401f4")])
    assert cookie("gw") in b"".join(left) and wire.leaked == []


def test_nothing_else_of_the_gateway_is_looked_at(
    topology: Topology, server: Server, spinat: Spinatd, peers: dict[str, EspHost], seen: dict[str, str], backend: str
) -> None:
    if backend == "tun":
        pytest.skip("nothing of the gateway's own comes to a TUN device")
    before = spinat.show_json("stats")["packets"]["inside"]
    assert server.fetch(topology.gw) and server.resolve(topology.gw)
    assert ping(topology.gw, "198.51.100.80") == 3
    assert spinat.show_json("stats")["packets"]["inside"] == before
    tunnel(peers, seen, "gw", 0)
    assert ping(topology.gw, REMOTE) == 3
    assert spinat.show_json("stats")["packets"]["inside"] == before + peers["gw"].seen["sent"]


@pytest.mark.parametrize("mode", ["full", "ipsec-only"])
def test_connection_tracking_knows_it(
    topology: Topology, start: Start, peers: dict[str, EspHost], ike: dict[str, IkeEnd], seen: dict[str, str],
    backend: str, mode: str,
) -> None:
    """An INPUT that lets in only what answers, and in ipsec-only the kernel's masquerade beside it."""
    if backend == "tun" and mode == "ipsec-only":
        pytest.skip("a TUN device cannot do mode ipsec-only")
    stateful = [
        ["INPUT", "-i", OUTSIDE_IF, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"],
        ["INPUT", "-i", OUTSIDE_IF, "-j", "DROP"],
    ]
    masquerade = Masquerade(topology)
    if mode == "ipsec-only":
        masquerade.start()
    for rule in stateful:
        topology.gw.run("iptables", "-A", *rule)
    try:
        start(mode=mode)
        set_up(topology, peers, ike, seen)
        for role in INNER:
            assert ping(end_point(topology, role)[1], REMOTE) == 3
        assert_all(all_ping(topology))
    finally:
        for rule in stateful:
            topology.gw.run("iptables", "-D", *rule)
        if mode == "ipsec-only":
            masquerade.stop()
