"""What the guest's kernel knows of IPsec, host by host: every SA there ever was, and its counters of refused packets.

Part of agent.py, inside the guest: imports nothing of the lab.  The SAs come from the kernel itself as they are
installed (xfrm netlink), not from lists taken now and then, so that an SA is known that a rekey has long replaced: it
says whose an ESP packet in a capture was.
"""

from __future__ import annotations

import socket
import struct
import threading

NETLINK_XFRM = 6
GROUP_SA = 3
XFRM_MSG_NEWSA = 0x10
XFRM_MSG_UPDSA = 0x1A
PROTO_ESP = 50
# In struct nlmsghdr and, behind it, struct xfrm_usersa_info (which begins with a selector of 56 bytes).
TARGET, SPI, PROTOCOL, SOURCE = 72, 88, 92, 96
LENGTH = 112


class SaWatch:
    """Collects the SAs of one host; made in a thread that is in the host's namespace."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str, int], None] = {}
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, 1 << (GROUP_SA - 1)))
        threading.Thread(target=self._body, daemon=True).start()

    def _body(self) -> None:
        while True:
            data = self._socket.recv(1 << 16)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind in (XFRM_MSG_NEWSA, XFRM_MSG_UPDSA) and length >= LENGTH and data[PROTOCOL] == PROTO_ESP:
                    source = socket.inet_ntoa(data[SOURCE : SOURCE + 4])
                    target = socket.inet_ntoa(data[TARGET : TARGET + 4])
                    with self._lock:
                        self._seen[source, target, struct.unpack_from("!I", data, SPI)[0]] = None
                data = data[max((length + 3) & ~3, 16) :]

    def seen(self) -> list[tuple[str, str, int]]:
        """Every (source, target, SPI) so far."""
        with self._lock:
            return list(self._seen)


def counters() -> dict[str, int]:
    """The xfrm counters of the calling thread's namespace."""
    with open("/proc/thread-self/net/xfrm_stat", encoding="ascii") as handle:
        return {name: int(value) for name, value in map(str.split, handle)}
