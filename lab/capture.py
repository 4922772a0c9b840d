"""Captures of what really crossed a wire, and the count that judges a NAT: ESP packets in against ESP packets out.

A lost ping may be the end points' own doing (in an IKEv2 rekey the responder may use a new SA some milliseconds before
the initiator has installed it).  So the lab also counts at the NAT's two sides: every ESP packet, told by SPI and
sequence number, that went in on one side must come out on the other, to the right host.
"""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Iterator

from lab.netns import Namespace
from lab.probes import Count
from lab.topology import Topology

ETHERTYPE_IP = 0x0800
PROTO_ESP = 50


class Capture:
    """tcpdump on one interface, for the time of a `with`.  Afterwards `path` is a complete pcap file."""

    def __init__(
        self, space: Namespace, interface: str, path: Path, expression: str = "", snap: int = 0
    ) -> None:
        self.path = path
        self.path.unlink(missing_ok=True)
        self._log = path.with_suffix(".log")
        self._argv = ["tcpdump", "-n", "-i", interface, "-s", str(snap), "-B", "16384", "-U"]
        self._argv += ["--immediate-mode", "-Z", "root", "-w", str(path), *expression.split()]
        self._space = space
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Capture:
        self._log.unlink(missing_ok=True)
        self._process = self._space.start(*self._argv, log=self._log)
        end = time.monotonic() + 10
        while "listening on" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"tcpdump does not start: {self._log.read_text()}")
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        time.sleep(0.05)  # what is on the wire now still belongs to it
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        log = self._log.read_text()
        if "\n0 packets dropped by kernel" not in log:
            raise RuntimeError(f"the capture is not complete: {log}")


@dataclass(frozen=True)
class Esp:
    """The outside of one ESP packet."""

    source: str
    target: str
    spi: int
    sequence: int


def frames(path: Path) -> Iterator[bytes]:
    """The frames of a classic little-endian pcap file, as tcpdump writes it here."""
    data = path.read_bytes()
    position = 24
    while position + 16 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 8)
        yield data[position + 16 : position + 16 + length]
        position += 16 + length


def esp_packets(path: Path) -> Iterator[Esp]:
    """The ESP packets of a capture (first fragments and whole ones)."""
    for frame in frames(path):
        if len(frame) < 34 or struct.unpack_from("!H", frame, 12)[0] != ETHERTYPE_IP:
            continue
        header = 14 + (frame[14] & 15) * 4
        offset = struct.unpack_from("!H", frame, 20)[0] & 0x1FFF
        if frame[23] != PROTO_ESP or offset != 0 or len(frame) < header + 8:
            continue
        spi, sequence = struct.unpack_from("!II", frame, header)
        yield Esp(socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]), spi, sequence)


class EspWatch:
    """Counts ESP through the NAT, both ways, for the time of a `with`."""

    def __init__(self, topology: Topology, public: str) -> None:
        self._public = public
        directory = topology.run.dir
        expression = "ip proto 50"
        self._inside = Capture(topology.wires, "lan-gw", directory / "esp-inside.pcap", expression, 64)
        self._outside = Capture(topology.router, "pub", directory / "esp-outside.pcap", expression, 64)
        self.out = Count("ESP out", 0, 0)
        self.back = Count("ESP in", 0, 0)

    def __enter__(self) -> EspWatch:
        self._inside.__enter__()
        self._outside.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside.__exit__(kind, error, trace)
        self._outside.__exit__(kind, error, trace)
        inside = list(esp_packets(self._inside.path))
        outside = list(esp_packets(self._outside.path))
        sent = {(p.target, p.spi, p.sequence) for p in inside if p.target.startswith("198.51.100.")}
        left = {(p.target, p.spi, p.sequence) for p in outside if p.source == self._public}
        came = {(p.source, p.spi, p.sequence) for p in outside if p.target == self._public}
        arrived = {(p.source, p.spi, p.sequence) for p in inside if p.target.startswith("192.168.1.")}
        self.out = Count("ESP out", len(sent), len(sent & left))
        self.back = Count("ESP in", len(came), len(came & arrived))
