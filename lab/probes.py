"""What the cases measure: pings with loss counts, and bulk transfers compared by digest.

`ping` is iputils' own, so a reply that is counted was checked by code that knows nothing of this project.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass

from lab.guest import Guest
from lab.netns import Namespace
from lab.topology import PEERS

TRANSMITTED = re.compile(r"(\d+) packets transmitted")
REPLY = re.compile(r"^\d+ bytes from .*icmp_seq=(\d+) ttl=\d+ time=[\d.]+ ms( \(DUP!\))?$", re.MULTILINE)
# Seconds that the last reply may take.  Without a deadline ping waits for it one interval, or twice the longest round trip,
# and no longer once anything was answered, whatever its -W; on a busy machine a reply is later than that at times, and late
# is not lost.  With one it sends on until as many were answered, and what it sends then counts neither way.
PATIENCE = 2
# A busy machine may send at a third of the pace that was asked for; what was not sent yet at the deadline, or just so, is
# not lost either.
PACE = 3
RTT = re.compile(r"= [\d.]+/([\d.]+)/")


@dataclass(frozen=True)
class Count:
    """Packets sent and answered one way."""

    label: str
    sent: int
    received: int
    rtt_ms: float | None = None
    duplicates: int = 0

    @property
    def complete(self) -> bool:
        """Everything was sent (a ping that could not even start does not count as success) and answered."""
        return self.sent > 0 and self.received == self.sent

    def __str__(self) -> str:
        return f"{self.label} {self.received}/{self.sent}"


def parse(label: str, output: str, count: int) -> Count:
    """What ping printed of its first `count` packets."""
    match = TRANSMITTED.search(output)
    if match is None:
        return Count(label, 0, 0)
    replies = [(int(sequence), bool(again)) for sequence, again in REPLY.findall(output) if int(sequence) <= count]
    answered = {sequence for sequence, _ in replies}
    rtt = RTT.search(output)
    return Count(
        label, min(int(match[1]), count), len(answered), float(rtt[1]) if rtt else None, sum(again for _, again in replies)
    )


def command(target: str, count: int, interval: float, *options: str) -> list[str]:
    """A ping whose output `parse` reads.  It ends with the last reply; what is not answered takes until the deadline."""
    deadline = math.ceil(count * interval * PACE) + PATIENCE
    return ["ping", "-n", "-c", str(count), "-i", str(interval), "-w", str(deadline), *options, target]


def ping_between(
    guest: Guest, host: str, source: str, target: str, label: str, count: int = 5, interval: float = 0.1, *options: str
) -> Count:
    """Ping from one inner address of a host to another host's."""
    argv = command(target, count, interval, "-I", source, *options)
    return parse(label, guest.run(host, *argv, timeout=count * interval + 20).stdout, count)


def ping_from(space: Namespace, target: str, count: int = 3, *options: str) -> int:
    """How many pings of a namespace were answered."""
    return parse(target, space.run(*command(target, count, 0.1, *options), check=False).stdout, count).received


def ping(
    guest: Guest,
    source: str,
    target: str,
    count: int = 5,
    interval: float = 0.1,
    label: str | None = None,
    size: int = 56,
    *options: str,
) -> Count:
    """Ping between two IPsec hosts' inner addresses."""
    addresses = (str(PEERS[source].inner), str(PEERS[target].inner))
    return ping_between(
        guest, source, *addresses, label or f"{source}>{target}", count, interval, "-s", str(size), *options
    )


class Background:
    """A ping that runs while something else happens: `with Background(...) as b: ...; b.count`."""

    def __init__(
        self,
        guest: Guest,
        source: str,
        target: str,
        count: int,
        interval: float = 0.05,
        label: str | None = None,
    ) -> None:
        self._arguments = (guest, source, target, count, interval, label)
        self._thread = threading.Thread(target=self._body, daemon=True)
        self.count = Count(label or f"{source}>{target}", 0, 0)

    def _body(self) -> None:
        self.count = ping(*self._arguments)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


@dataclass(frozen=True)
class Bulk:
    """A TCP transfer through a tunnel."""

    label: str
    bytes: int
    arrived: int
    seconds: float
    same: bool
    error: str

    @property
    def mbit(self) -> float:
        """Megabits of payload a second."""
        return self.arrived * 8 / 1e6 / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        if not self.same:
            return f"{self.label} FAILED at {self.arrived} of {self.bytes} bytes: {self.error}"
        return f"{self.label} {self.bytes / 1e6:.0f} MB at {self.mbit:.0f} Mbit/s"


def bulk(guest: Guest, source: str, target: str, size: int = 8_000_000) -> Bulk:
    """Send bytes over TCP between inner addresses; `same` says that the SHA-256 of what arrived is that of what left."""
    reply = guest.transfer(source, target, size)
    return Bulk(
        f"{source}>{target}",
        size,
        int(reply.get("bytes", 0)),
        float(reply.get("seconds", 0)),
        bool(reply.get("same", False)),
        str(reply.get("error", "")),
    )
