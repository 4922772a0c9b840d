"""IKE by hand, in a plain namespace: a header, and what stands for an encrypted payload."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Iterator

from esp_host import end_point
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from lab.topology import Topology

SA_INIT, AUTH, CHILD, INFORMATIONAL = 34, 35, 36, 37
REQUEST, RESPONSE = 0x08, 0x20  # of the initiator of the IKE SA; of its responder
ENCRYPTED, SA = 46, 33


class IkeEnd:
    """An end point on port 500."""

    def __init__(self, topology: Topology, role: str) -> None:
        host, space = end_point(topology, role)
        self.source = host.address
        self._raw = space.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        # So that no "port unreachable" answers.
        self._port = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        space.inside(lambda: self._port.bind((self.source, 500)))
        self._port.settimeout(2)

    def send(
        self, to: str, initiator: bytes, responder: bytes, exchange: int, flags: int, payload: int = ENCRYPTED,
        port: int = 500, number: int = 1,
    ) -> bytes:  # fmt: skip
        """To a port of `to`, from 500."""
        data = initiator + responder + bytes([payload, 0x20, exchange, flags])
        data += struct.pack("!II", number, 60) + bytes(32)
        self._raw.sendto(bytes(IP(src=self.source, dst=to) / UDP(sport=500, dport=port) / Raw(data)), (to, 0))
        return data

    def receive(self) -> bytes:
        return self.receive_from()[0]

    def receive_from(self) -> tuple[bytes, int]:
        """What came, and the port that it came from."""
        data, (_, port) = self._port.recvfrom(2000)
        return data, port

    def close(self) -> None:
        self._raw.close()
        self._port.close()


@contextlib.contextmanager
def ike_ends(topology: Topology, *roles: str) -> Iterator[dict[str, IkeEnd]]:
    """One for each of these hosts."""
    ends = {role: IkeEnd(topology, role) for role in roles}
    try:
        yield ends
    finally:
        for end in ends.values():
            end.close()


def exchange(
    ike: dict[str, IkeEnd], client: str, seen: str, initiator: bytes, responder: bytes, kind: int, number: int = 1
) -> int:
    """A request of a client to g1, which sees it as `seen`, and the response to where it was asked from: to this port."""
    payload = SA if kind == SA_INIT else ENCRYPTED
    known = bytes(8) if kind == SA_INIT else responder
    sent = ike[client].send(ike["g1"].source, initiator, known, kind, REQUEST, payload, number=number)
    data, port = ike["g1"].receive_from()
    assert data == sent
    sent = ike["g1"].send(seen, initiator, responder, kind, RESPONSE, payload, port, number)
    assert ike[client].receive_from() == (sent, 500)
    return port


def establish(ike: dict[str, IkeEnd], client: str, seen: str, initiator: bytes, responder: bytes) -> int:
    """IKE_SA_INIT and IKE_AUTH with g1; the port that g1 sees."""
    exchange(ike, client, seen, initiator, responder, SA_INIT)
    return exchange(ike, client, seen, initiator, responder, AUTH)
