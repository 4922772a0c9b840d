"""Rules of the administrator's that send packets elsewhere (DNAT, REDIRECT), beside spinatd's."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Iterator

import pytest
from conftest import Start
from test_ordinary import HOST, SERVER, udp

from lab.netns import Namespace
from lab.spinatd import Spinatd
from lab.topology import OUTSIDE_IF, PUBLIC, Topology

MAPPED, UNMAPPED = 20000, 8080  # of the default port_range, and beside it
ELSEWHERE = 7777


@contextmanager
def iptables(topology: Topology, *rule: str, program: str = "iptables") -> Iterator[None]:
    done = topology.gw.run(program, "-t", "nat", "-A", "PREROUTING", *rule, check=False)
    if done.returncode != 0:
        pytest.skip(f"no {program}: {done.stderr.strip()}")
    yield
    topology.gw.run(program, "-t", "nat", "-D", "PREROUTING", *rule)


@contextmanager
def nft(topology: Topology, family: str, rule: str) -> Iterator[None]:
    hook = "{ type nat hook prerouting priority -100; }"
    topology.gw.run("nft", f"add table {family} theirs; add chain {family} theirs pre {hook}; "
                           f"add rule {family} theirs pre {rule}")
    yield
    topology.gw.run("nft", "delete", "table", family, "theirs")


def moves(port: int) -> list[str]:
    return ["-i", OUTSIDE_IF, "-p", "udp", "--dport", str(port), "-j", "DNAT", "--to", f"{HOST}:{ELSEWHERE}"]


@contextmanager
def answering(space: Namespace, port: int) -> Iterator[None]:
    """A UDP service that says where a datagram came to."""
    with udp(space, "0.0.0.0", port) as one:
        ended = threading.Event()

        def serve() -> None:
            one.settimeout(0.1)
            while not ended.is_set():
                try:
                    _, who = one.recvfrom(100)
                except TimeoutError:
                    continue
                one.sendto(space.role.encode(), who)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def ask(space: Namespace, port: int, times: int = 10) -> set[str]:
    """Who answers at the public address, to a socket that takes answers from there only."""
    with udp(space) as one:
        one.connect((PUBLIC, port))
        answers = set()
        for _ in range(times):
            one.send(b"who?")
            answers.add(one.recv(100).decode())
        return answers


def conflicts(nat: Spinatd) -> list[str]:
    found: list[str] = nat.show_json("stats")["conflicts"]
    for rule in found:
        assert f'"{rule}"; it never sees' in nat.said() and f"  {rule}\n" in nat.show("datapath")
    assert bool(found) == ("rules that never see" in nat.show("datapath")) == ("a rule sends elsewhere" in nat.said())
    return found


@pytest.mark.parametrize("program", ["iptables", "iptables-legacy"])
def test_of_iptables(topology: Topology, start: Start, program: str) -> None:
    with iptables(topology, *moves(MAPPED), program=program), iptables(topology, *moves(UNMAPPED), program=program):
        found = conflicts(start())
    assert len(found) == 1 and found[0].startswith("iptables -t nat -A PREROUTING"), found
    assert f"--dport {MAPPED} -j DNAT" in found[0]


@pytest.mark.parametrize("family", ["ip", "inet"])
def test_of_nft(topology: Topology, start: Start, family: str) -> None:
    with nft(topology, family, f"iifname {OUTSIDE_IF} udp dport {{ 53, {MAPPED} }} redirect to :{ELSEWHERE}"):
        found = conflicts(start())
    table = "theirs" if family == "ip" else "inet theirs"
    assert found == [f'{table}/pre: iifname "{OUTSIDE_IF}" udp dport {{ 53, {MAPPED} }} redirect to :{ELSEWHERE}']


def test_none(topology: Topology, start: Start) -> None:
    with iptables(topology, *moves(UNMAPPED)), nft(topology, "ip", f"iifname in udp dport {MAPPED} redirect"):
        assert conflicts(start()) == []


@pytest.mark.parametrize("port", [MAPPED, UNMAPPED])
def test_it_works_beside(topology: Topology, start: Start, backend: str, port: int) -> None:
    """What is of no flow of spinatd's goes where the rule says, and answers come from where it went."""
    if backend == "tun":
        pytest.skip("the public address of a TUN device is not the one of the rule")
    with iptables(topology, *moves(port)):
        start()
        with answering(topology["host"], ELSEWHERE):
            assert ask(topology["server"], port) == {"host"}


def test_a_flow_comes_first(topology: Topology, start: Start, backend: str, public: str) -> None:
    """Answers to a flow that has got such a port for itself never meet the rule."""
    rule = ["-i", OUTSIDE_IF, "-p", "udp", "-j", "DNAT", "--to", f"{HOST}:{ELSEWHERE}"]
    with iptables(topology, *rule):
        start()
        with udp(topology["host2"]) as inside, udp(topology["server"], SERVER, 7000) as outside:
            for _ in range(10):
                inside.sendto(b"question", (SERVER, 7000))
                data, who = outside.recvfrom(100)
                assert (data, who[0]) == (b"question", public)
                outside.sendto(b"answer", who)
                assert inside.recv(100) == b"answer"


def test_from_inside_the_rule_comes_first(topology: Topology, start: Start, backend: str) -> None:
    """A rule that sends an inside host's packets elsewhere: the answer comes from where the host asked, each time, though
    what crosses the two wires is not one flow."""
    asked = ("198.51.100.99", 7000)
    rule = ["-i", "in", "-p", "udp", "-d", asked[0], "-j", "DNAT", "--to", SERVER]
    with iptables(topology, *rule):
        nat = start()
        with udp(topology["host"]) as inside, answering(topology["server"], asked[1]):
            inside.connect(asked)
            for _ in range(20):
                inside.send(b"who?")
                assert inside.recv(100) == b"server"
        if backend == "bpf":
            fast = nat.show_json("stats")["fast_path"]
            assert fast["inside"]["taken"]["packets"] == fast["outside"]["taken"]["packets"] == 0


