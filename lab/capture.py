"""Captures of what really crossed a wire, and the ESP packets in them."""

from __future__ import annotations

import re
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

ETHERTYPE_IP = 0x0800
PROTO_ESP = 50
# What tcpdump says when it is asked by SIGUSR1.
REPORT = re.compile(r"(\d+) packets? captured, (\d+) packets? received by filter")


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
        self._drain(self._process)
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        log = self._log.read_text()
        if "\n0 packets dropped by kernel" not in log:
            raise RuntimeError(f"the capture is not complete: {log}")

    def _drain(self, process: subprocess.Popen[str]) -> None:
        """Until it has read all that it was given: what it has not when it ends is in nobody's count."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.02)
            reports = REPORT.findall(self._log.read_text())
            if reports and int(reports[-1][0]) >= int(reports[-1][1]):
                return
        raise RuntimeError(f"the capture is never up to date: {self._log.read_text()}")


@dataclass(frozen=True)
class Esp:
    """The outside of one ESP packet; `time` is that of the machine's clock (seconds since 1970)."""

    time: float
    source: str
    target: str
    spi: int
    sequence: int
    length: int  # of the whole IP packet
    dont_fragment: bool


def frames(path: Path) -> Iterator[tuple[float, bytes]]:
    """The frames of a classic little-endian pcap file, as tcpdump writes it here, and when each was seen."""
    data = path.read_bytes()
    position = 24
    while position + 16 <= len(data):
        seconds, micros, length = struct.unpack_from("<III", data, position)
        yield seconds + micros / 1e6, data[position + 16 : position + 16 + length]
        position += 16 + length


def esp_packets(path: Path) -> Iterator[Esp]:
    """The ESP packets of a capture (first fragments and whole ones)."""
    for moment, frame in frames(path):
        if len(frame) < 34 or struct.unpack_from("!H", frame, 12)[0] != ETHERTYPE_IP:
            continue
        header = 14 + (frame[14] & 15) * 4
        length, _id, fragment = struct.unpack_from("!HHH", frame, 16)
        if frame[23] != PROTO_ESP or fragment & 0x1FFF or len(frame) < header + 8:
            continue
        spi, sequence = struct.unpack_from("!II", frame, header)
        ends = (socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]))
        yield Esp(moment, *ends, spi, sequence, length, bool(fragment & 0x4000))
