"""IKE by hand: a header, and what stands for an encrypted payload."""

from __future__ import annotations

import socket
import struct

from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from lab.topology import HOSTS, Topology


class IkeEnd:
    """An end point on port 500 of a plain namespace."""

    def __init__(self, topology: Topology, role: str) -> None:
        self.source = HOSTS[role].address
        self._raw = topology[role].socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        # So that no "port unreachable" answers.
        self._port = topology[role].socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        topology[role].inside(lambda: self._port.bind((self.source, 500)))
        self._port.settimeout(2)

    def send(
        self, to: str, initiator: bytes, responder: bytes, exchange: int, flags: int, payload: int = 46, port: int = 500
    ) -> bytes:
        """To a port of `to`, from 500."""
        data = initiator + responder + bytes([payload, 0x20, exchange, flags]) + struct.pack("!II", 1, 60) + bytes(32)
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


def establish(ike: dict[str, IkeEnd], client: str, public: str, initiator: bytes, responder: bytes) -> int:
    """IKE_SA_INIT and IKE_AUTH with g1, which answers to where it was asked from: to this port."""
    gateway, nothing = ike["g1"].source, bytes(8)
    port = 500
    for from_client, known, exchange, flags, payload in (
        (True, nothing, 34, 0x08, 33),
        (False, responder, 34, 0x20, 33),
        (True, responder, 35, 0x08, 46),
        (False, responder, 35, 0x20, 46),
    ):
        if from_client:
            sent = ike[client].send(gateway, initiator, known, exchange, flags, payload)
            data, port = ike["g1"].receive_from()
            assert data == sent
        else:
            sent = ike["g1"].send(public, initiator, known, exchange, flags, payload, port)
            assert ike[client].receive_from() == (sent, 500)
    return port
