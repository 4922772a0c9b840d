"""An inside host and an outside server that answers each of its datagrams: one UDP flow."""

from __future__ import annotations

import socket

from lab.topology import HOSTS, Topology

SERVER = HOSTS["server"].address
PORT = 7200


class Echo:
    """A UDP socket on a host, and one on the server that answers each datagram."""

    def __init__(self, topology: Topology) -> None:
        self.server = topology["server"].socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind((SERVER, PORT))
        self.host = topology["host"].socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.host.connect((SERVER, PORT))
        for one in (self.server, self.host):
            one.settimeout(1)

    def asks(self, answered: bool = True, question: bytes = b"question") -> bool:
        """One datagram there, and one back; whether they arrived."""
        try:
            self.host.send(question)
            data, who = self.server.recvfrom(65535)
            if not answered:
                return True
            self.server.sendto(data, who)
            return self.host.recv(65535) == data == question
        except TimeoutError:
            return False

    def close(self) -> None:
        self.server.close()
        self.host.close()
