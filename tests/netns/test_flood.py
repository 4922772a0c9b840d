"""Floods of packets of no flow: they take nothing from the flows there are, from other sources, or from the gateway.

`flood` (flood.c) makes them, with spoofed sources; `drop.bpf.o` is the least that can be done with them.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import Iterator

import pytest
from conftest import Start
from echo import PORT, Echo
from test_ordinary import HOST, HOST2, SERVER, transfer

from lab.netns import Namespace
from lab.spinatd import Spinatd, build_dir
from lab.topology import INSIDE_IF, INSIDE_NET, OUTSIDE_IF, PUBLIC, Topology

BACKENDS = ["bpf"]
pytestmark = pytest.mark.usefixtures("alone")
RATE = 40_000  # packets a second of each flood: more than the budgets, less than the machine can
ANY = "0.0.0.0/1"
PORTS = "10000-32767"


@pytest.fixture(params=["tc", "xdp"])
def hook(request: pytest.FixtureRequest, topology: Topology) -> Iterator[str]:
    """Where the programs are; with XDP the wires take frames."""
    topology.make_xdp_possible(request.param == "xdp")
    yield request.param
    topology.make_xdp_possible(False)


def mac_of(space: Namespace, interface: str) -> str:
    return space.run("cat", f"/sys/class/net/{interface}/address").stdout.strip()


@contextmanager
def flooded(topology: Topology, inside: str = "", outside: str = "", seconds: float = 6) -> Iterator[None]:
    """Floods from the networks `inside` and `outside` to remotes and to the public address."""
    program = str(build_dir() / "tests/netns/flood")
    floods: list[subprocess.Popen[str]] = []
    for space, interface, gate, sources, target, ports in (
        (topology["host2"], "eth0", INSIDE_IF, inside, SERVER, "1-65535"),
        (topology.router, "pub", OUTSIDE_IF, outside, PUBLIC, PORTS),
    ):
        if sources:
            where = (interface, mac_of(topology.gw, gate), sources, target, ports)
            floods.append(space.start(program, *where, str(RATE), str(seconds), stdout=subprocess.PIPE))
    time.sleep(0.5)
    try:
        yield
        for one in floods:
            assert one.poll() is None, "the flood was over before the test"
    finally:
        sent = [one.communicate(timeout=seconds + 30)[0] for one in floods]
    # Less than a quarter of what was asked for is none.
    assert all(int(count) > RATE * seconds / 4 for count in sent), sent


class Stream(Echo):
    """Datagrams of one UDP flow, a thousand a second, each answered by the server."""

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        for one in (self.server, self.host):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sent = self.answered = 0
        self.end = False
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self._answer, self._hear)]

    def _answer(self) -> None:
        while not self.end:
            try:
                data, who = self.server.recvfrom(100)
                self.server.sendto(data, who)
            except TimeoutError:
                pass

    def _hear(self) -> None:
        while not self.end:
            try:
                self.host.recv(100)
                self.answered += 1
            except TimeoutError:
                pass

    def __enter__(self) -> Stream:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end = True
        for thread in self.threads:
            thread.join()
        self.close()

    def run(self, seconds: float) -> float:
        """Sends for so long; the part that was lost."""
        self.sent = self.answered = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.host.send(b"%8d" % self.sent)
            self.sent += 1
            time.sleep(0.001)
        time.sleep(0.5)
        return 1 - self.answered / self.sent


def change_rules(topology: Topology) -> None:
    """Every flow must pass the firewall's rules anew: its packets go the long way once."""
    for how in ("-I", "-D"):
        topology.gw.run("iptables", how, "FORWARD", "-s", "192.0.2.254", "-j", "DROP")


def lost_under_a_flood(topology: Topology) -> tuple[float, bool]:
    """Of an established UDP flow; and whether a bulk transfer by TCP went through, and the rules were passed anew."""
    whole: list[bool] = []
    with Stream(topology) as stream:
        assert stream.run(0.5) == 0
        bulk = threading.Thread(
            target=lambda: whole.append(transfer(topology["host"], topology["server"], SERVER, SERVER, 7301, 4_000_000))
        )
        with flooded(topology, INSIDE_NET, ANY):
            bulk.start()
            lost = stream.run(1)
            change_rules(topology)
            lost = max(lost, stream.run(2))
        bulk.join()
    return lost, whole == [True]


def outcomes(nat: Spinatd, side: str) -> dict[str, int]:
    return {name: one["packets"] for name, one in nat.show_json("stats")["fast_path"][side].items()}


def test_established_flows(topology: Topology, start: Start, hook: str) -> None:
    """They lose no more than where the flood is dropped at once by a program that does nothing else."""
    nat = start(fast_path="tc")
    dropper = str(build_dir() / "tests/netns/drop.bpf.o")
    for interface in (INSIDE_IF, OUTSIDE_IF):
        topology.gw.ip(f"link set dev {interface} xdpdrv obj {dropper} sec xdp")
    try:
        least = lost_under_a_flood(topology)
    finally:
        for interface in (INSIDE_IF, OUTSIDE_IF):
            topology.gw.ip(f"link set dev {interface} xdp off")
    assert outcomes(nat, "inside")["over-budget-all"] == 0
    nat.stop()
    nat = start(fast_path=hook)
    lost = lost_under_a_flood(topology)
    for side in ("inside", "outside"):
        assert outcomes(nat, side)["over-budget-all"] > 10_000, nat.show("datapath")
    print(f"lost {lost}, at least {least}")
    assert lost[1] and least[1]
    assert lost[0] <= least[0] + 0.01


def asks(topology: Topology) -> bool:
    """One datagram of a new flow to the server, and its answer."""
    with (
        topology["server"].socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        topology["host"].socket(socket.AF_INET, socket.SOCK_DGRAM) as host,
    ):
        server.bind((SERVER, PORT))
        for one in (server, host):
            one.settimeout(1)
        try:
            host.sendto(b"question", (SERVER, PORT))
            data, who = server.recvfrom(100)
            server.sendto(data, who)
            return host.recv(100) == b"question"
        except TimeoutError:
            return False


@contextmanager
def listening(space: Namespace, port: int) -> Iterator[None]:
    with space.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("", port))
        one.listen(64)
        yield


def connects(topology: Topology, port: int) -> bool:
    """A new connection from the server to the public address."""
    with topology["server"].socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.settimeout(1)
        try:
            one.connect((PUBLIC, port))
        except (TimeoutError, ConnectionError):
            return False
        return True


def test_new_flows_of_others(topology: Topology, start: Start, hook: str) -> None:
    """One source on each side floods; what others begin is opened."""
    nat = start(fast_path=hook, redirect_port=f"tcp {HOST}:8080 8080")
    with listening(topology["host"], 8080), flooded(topology, f"{HOST2}/32", "198.51.100.99/32"):
        for _ in range(20):
            assert asks(topology) and connects(topology, 8080), nat.show("datapath")
    for side in ("inside", "outside"):
        assert outcomes(nat, side)["over-budget-source"] > 10_000, nat.show("datapath")
        assert outcomes(nat, side)["over-budget-all"] == 0


def test_sockets_of_the_gateway(topology: Topology, start: Start, hook: str) -> None:
    """They are reached though the budget of all is used up: a port that is never ours, and one that may be."""
    nat = start(fast_path=hook)
    with listening(topology.gw, 22), listening(topology.gw, 20022), flooded(topology, outside=ANY):
        for _ in range(10):
            assert connects(topology, 22) and connects(topology, 20022), nat.show("datapath")
    assert outcomes(nat, "outside")["over-budget-all"] > 10_000, nat.show("datapath")


def test_tunnels_of_the_gateway(topology: Topology, start: Start, hook: str) -> None:
    """As long as it has any, what may go into them is not held."""
    start(fast_path=hook, miss_budget=1, miss_budget_source=1)
    policy = "dir out src 192.168.1.0/24 dst 10.99.0.0/24"
    assert not all(asks(topology) for _ in range(5))
    topology.gw.ip(f"xfrm policy add {policy} tmpl src {PUBLIC} dst {SERVER} proto esp mode tunnel")
    try:
        time.sleep(1.5)
        assert all(asks(topology) for _ in range(5))
    finally:
        topology.gw.ip(f"xfrm policy delete {policy}")
