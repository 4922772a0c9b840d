"""A scapy ESP end point in a plain namespace: a TUN device with the inner address, and a raw socket of protocol 50.

What goes into the TUN device is encrypted with the outbound SA and sent as raw ESP; what arrives as ESP is looked up by
SPI, decrypted, its integrity checked, and written to the TUN device.  The kernel's own ping above it then sees only what
really passed.  Everything that arrives is counted, by what became of it.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import threading
from collections import Counter
from typing import Any

from scapy.layers.inet import IP
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation

from lab.netns import Namespace
from lab.probes import ping_from as ping
from lab.topology import HOSTS, PUBLIC, Host, Topology

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
GCM = ("AES-GCM", b"16-byte key here4-by", None, None)
CBC = ("AES-CBC", b"16-byte key here", "HMAC-SHA1-96", b"20-byte key for SHA1")


def security_association(
    spi: int, source: str, target: str, suite: tuple[str, bytes, str | None, bytes | None]
) -> SecurityAssociation:
    """One direction of a tunnel-mode SA."""
    cipher, key, auth, auth_key = suite
    return SecurityAssociation(
        ESP,
        spi=spi,
        crypt_algo=cipher,
        crypt_key=key,
        auth_algo=auth,
        auth_key=auth_key,
        tunnel_header=IP(src=source, dst=target),
    )


GATEWAY = Host("gw", "", PUBLIC, "203.0.113.254", "10.3.0.1")  # the NAT itself, with a tunnel of its own


def address(role: str) -> str:
    """A host's outer address."""
    return HOSTS[role].address


def end_point(topology: Topology, role: str) -> tuple[Host, Namespace]:
    """A host of the lab and its namespace; "gw" is the NAT's own."""
    return (GATEWAY, topology.gw) if role == "gw" else (HOSTS[role], topology[role])


class EspHost:
    """Runs from construction until `close`."""

    def __init__(self, topology: Topology, role: str) -> None:
        self.role = role
        self.host, self.space = end_point(topology, role)
        self.out: dict[str, SecurityAssociation] = {}  # by the remote's inner address
        self.back: dict[int, SecurityAssociation] = {}  # by SPI
        self.seen: Counter[str] = Counter()  # "accepted", "unknown-spi", "bad"
        self.sources: set[str] = set()  # outer sources of what was accepted
        self._lock = threading.Lock()
        self._tun: int = self.space.inside(self._open_tun)
        if role == "gw":  # the others have theirs from the topology
            self.space.ip(f"addr add {self.host.inner}/32 dev esp0")
        self.space.ip("link set esp0 mtu 1400 up", "route add 10.0.0.0/8 dev esp0 src " + str(self.host.inner))
        self._raw = self.space.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
        self._over, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._body, daemon=True)
        self._thread.start()

    @staticmethod
    def _open_tun() -> int:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22x", b"esp0", IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(descriptor, TUNSETIFF, request)
        return descriptor

    def add(self, remote: EspHost, target: str, spi_out: int, spi_in: int, suite: Any = GCM) -> None:
        """Install a pair of SAs with a remote, known as `target` from here (the caller does the other end)."""
        with self._lock:
            own = security_association(spi_out, self.host.address, target, suite)
            self.out[str(remote.host.inner)] = own
            self.back[spi_in] = security_association(spi_in, "0.0.0.0", self.host.address, suite)

    def _body(self) -> None:
        while True:
            ready, _, _ = select.select([self._tun, self._raw, self._over], [], [])
            if self._over in ready:
                return
            with self._lock:
                if self._tun in ready:
                    self._send(os.read(self._tun, 65535))
                if self._raw in ready:
                    self._receive(self._raw.recv(65535))

    def _send(self, data: bytes) -> None:
        packet = IP(data)
        sa = self.out.get(packet.dst)
        if sa is None:
            return
        outer = sa.encrypt(packet)
        self.seen["sent"] += 1  # before anybody can have answered it
        self._raw.sendto(bytes(outer[ESP]), (outer.dst, 0))

    def _receive(self, data: bytes) -> None:
        packet = IP(data)
        sa = self.back.get(packet[ESP].spi)
        if sa is None:
            self.seen["unknown-spi"] += 1
            return
        try:
            inner = sa.decrypt(packet)
        except (IPSecIntegrityError, ValueError):
            self.seen["bad"] += 1
            return
        self.seen["accepted"] += 1
        self.sources.add(packet.src)
        os.write(self._tun, bytes(inner))

    def close(self) -> None:
        """End the thread and take the TUN device away."""
        os.write(self._wake, b"x")
        self._thread.join()
        os.close(self._tun)
        self._raw.close()
        os.close(self._over)
        os.close(self._wake)


def connect(
    inside: EspHost, outside: EspHost, public: str, spi_out: int, spi_in: int, suite: Any = GCM
) -> None:
    """A pair of SAs between an inside host, seen as `public`, and an outside one; `spi_out` is that towards outside."""
    inside.add(outside, outside.host.address, spi_out, spi_in, suite)
    outside.add(inside, public, spi_in, spi_out, suite)


def speak_first(topology: Topology, peers: dict[str, EspHost], public: str) -> None:
    """g1 pings c1: the first ESP between them that there ever was, and c2 gets none of it."""
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001)
    assert ping(topology["g1"], "10.1.0.1") == 3
    assert peers["c2"].seen["unknown-spi"] == 0
