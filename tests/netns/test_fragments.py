"""Fragments of several clients of one remote: what a real kernel puts together at the other end."""

from __future__ import annotations

import itertools
import os
import socket
import struct
from contextlib import ExitStack, closing
from typing import Iterator

import pytest
from esp_host import address
from ike_end import IkeEnd, establish
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.packet import Raw
from wire import Wire, watch, wrong_checksums

from lab.spinatd import Spinatd
from lab.topology import Topology

IDENT = 4711
CLIENTS = ("c1", "c2")
ORDERS = [order for order in itertools.permutations(range(6)) if order[0] in (2, 3)][::53]  # some, of 240


def cut(whole: IP, size: int = 1400) -> list[bytes]:
    """Three fragments."""
    parts = [bytes(part) for part in fragment(IP(bytes(whole)), size)]
    assert len(parts) == 3
    return parts


def esp(source: str, target: str, spi: int, data: bytes, ident: int = IDENT) -> IP:
    return IP(src=source, dst=target, id=ident, proto=50) / Raw(struct.pack("!II", spi, 1) + data)


def receive(one: socket.socket) -> Iterator[bytes]:
    """The payloads of raw packets, until nothing more comes."""
    while True:
        try:
            packet = one.recv(65535)
        except TimeoutError:
            return
        yield packet[(packet[0] & 15) * 4 :]


def raw(topology: Topology, role: str, protocol: int, patience: float = 0.5) -> closing[socket.socket]:
    one = topology[role].socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    one.settimeout(patience)
    return closing(one)


def send(topology: Topology, pieces: list[tuple[str, bytes]]) -> None:
    """Each piece from its host, one after the other."""
    with ExitStack() as stack:
        senders = {role: stack.enter_context(raw(topology, role, socket.IPPROTO_RAW)) for role, _ in pieces}
        for role, piece in pieces:
            senders[role].sendto(piece, (str(IP(piece).dst), 0))


def assert_two(wire: Wire, public: str) -> None:
    """What left for g1 are fragments of two datagrams, by the public address's right."""
    left = [packet for packet in wire.from_gateway if packet.dst == address("g1")]
    assert {packet.src for packet in left} == {public}
    assert len({packet.id for packet in left}) == 2
    assert wire.leaked == [] and wrong_checksums(left) == []


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
def test_esp_of_one_identification(topology: Topology, spinat: Spinatd, public: str, order: tuple[int, ...]) -> None:
    """Two clients' ESP to one gateway, at the same time and by chance of the same IP id: the gateway gets both."""
    data = {role: os.urandom(4000) for role in CLIENTS}
    spis = {"c1": 0x1001, "c2": 0x1002}
    pieces = [(role, part) for role in CLIENTS for part in cut(esp(address(role), address("g1"), spis[role], data[role]))]
    with raw(topology, "g1", socket.IPPROTO_ESP) as sink, watch(topology, "ip proto 50") as wire:
        send(topology, [pieces[number] for number in order])
        got = sorted(receive(sink))
    assert got == [struct.pack("!II", spis[role], 1) + data[role] for role in CLIENTS]
    assert len(wire.from_gateway) == 6
    assert_two(wire, public)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_others_of_one_identification(topology: Topology, spinat: Spinatd, public: str, protocol: str) -> None:
    """The same of UDP and TCP: their checksums at the other end judge what was put together."""
    data = {role: os.urandom(4000) for role in CLIENTS}
    port = {"udp": UDP(sport=7000, dport=7070), "tcp": TCP(sport=7000, dport=7070, flags="S")}[protocol]
    wholes = {role: IP(src=address(role), dst=address("g1"), id=IDENT) / port / Raw(data[role]) for role in CLIENTS}
    parts = {role: cut(whole) for role, whole in wholes.items()}
    number = {"udp": socket.IPPROTO_UDP, "tcp": socket.IPPROTO_TCP}[protocol]
    with raw(topology, "g1", number) as sink, watch(topology, f"ip proto {number}") as wire:
        send(topology, [(role, parts[role][at]) for at in (2, 0, 1) for role in CLIENTS])
        got = list(receive(sink))
    bodies = [body[20 if protocol == "tcp" else 8 :] for body in got]
    assert sorted(bodies) == sorted(data.values())
    assert len({body[:2] for body in got}) == 2  # a port each
    again = [IP(bytes(IP(src=public, dst=address("g1"), proto=number) / Raw(body))) for body in got]
    assert all(port.__class__ in packet for packet in again) and wrong_checksums(again) == []
    wire.packets = [packet for packet in wire.packets if packet.frag or packet.flags & 1]
    assert_two(wire, public)


def test_what_may_be_cut_on_its_way(topology: Topology, spinat: Spinatd, public: str) -> None:
    """Beyond the gateway there is a narrow link, and a router that cuts in two what it may."""
    topology.router.ip("link set net mtu 1300")
    try:
        wholes = [(role, bytes(esp(address(role), address("g1"), 0x1001, os.urandom(1400)))) for role in CLIENTS]
        with raw(topology, "g1", socket.IPPROTO_ESP) as sink, watch(topology, "ip proto 50") as wire:
            send(topology, wholes)
            got = list(receive(sink))
    finally:
        topology.router.ip("link set net mtu 1500")
    assert got == [whole[20:] for _, whole in wholes]
    assert len(wire.from_gateway) == 2
    assert_two(wire, public)


def test_what_is_no_fragment_keeps_its_own(topology: Topology, spinat: Spinatd) -> None:
    """Short ones, and those that must not be cut: who probes a path knows his probes by their id."""
    short = IP(src=address("c1"), dst=address("g1"), id=IDENT) / UDP(sport=7000, dport=33434) / Raw(bytes(40))
    whole = IP(src=address("c1"), dst=address("g1"), id=IDENT, flags="DF") / UDP(sport=7000, dport=33434) / Raw(bytes(1400))
    with watch(topology, "udp") as wire:
        send(topology, [("c1", bytes(short)), ("c1", bytes(whole))])
    assert [packet.id for packet in wire.from_gateway] == [IDENT] * 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_an_unknown_spi_in_fragments(
    topology: Topology, spinat: Spinatd, ike: dict[str, IkeEnd], public: str, order: tuple[int, ...]
) -> None:
    """The gateway speaks first, and whose it is cannot be known: each candidate gets all of it, once."""
    for number, role in enumerate(CLIENTS):
        establish(ike, role, public, struct.pack("!Q", 0x1100 + number), struct.pack("!Q", 0x2200 + number))
    data = os.urandom(4000)
    parts = cut(esp(address("g1"), public, 0x3003, data))
    with ExitStack() as stack:
        sinks = {role: stack.enter_context(raw(topology, role, socket.IPPROTO_ESP)) for role in CLIENTS}
        with watch(topology, "ip proto 50") as wire:
            send(topology, [("g1", parts[at]) for at in order])
            got = {role: list(receive(sinks[role])) for role in CLIENTS}
    assert got == {role: [struct.pack("!II", 0x3003, 1) + data] for role in CLIENTS}
    assert wire.from_gateway == []
    assert spinat.show_json("stats")["copies"] >= 1
