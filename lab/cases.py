"""The scenarios, over any NAT.

    a  one client, one gateway                       e  silence past the NAT's timeout, then the gateway speaks first
    b  one client, two gateways                      f  the gateway's ESP is the first ESP packet there ever was
    c  two clients, two gateways                     g  IKE silent past the UDP timeout, then the gateway rekeys
    d  two clients, the same gateway  (for later)    r  the IPsec and the IKE SA rekeyed from each end under pings
    h  the client is the responder: `redirect_ipsec`

Each case starts with a NAT that has no state and IPsec hosts that have no SAs, and returns what it counted.  What a
case must show to pass is said in one place, `Result.ok`: there is no "nearly".
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable

from lab.capture import EspWatch
from lab.nat import DEFAULT, SHORT, SHORT_IKE, Nat, Timers
from lab.pluto import Conn
from lab.probes import Background, Bulk, Count, bulk, ping
from lab.topology import PEERS
from lab.world import World


@dataclass
class Result:
    """What one case counted through one NAT."""

    case: str
    title: str
    nat: str
    ike: str
    counts: list[Count] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    bulks: list[Bulk] = field(default_factory=list)
    # ESP packets at the NAT's two sides, told by SPI and sequence number: what it carried of what it was given.
    esp_out: Count = Count("ESP out", 0, 0)
    esp_in: Count = Count("ESP in", 0, 0)
    # ESP packets that the NAT delivered and an end point had no SA for (yet, or any more).
    refused: int = 0
    # Whether a ping may fall into the end points' own gap between two SAs (only where SAs are replaced).
    gap: bool = False
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        """Pings without an answer."""
        return sum(count.sent - count.received for count in self.counts)

    @property
    def ok(self) -> bool:
        """The NAT carried every ESP packet, every ping was answered once, every check held, every transfer is intact.

        A ping may be missing only where SAs are being replaced and an end point itself refused an ESP packet that the
        NAT had delivered.
        """
        return (
            self.esp_out.complete
            and self.esp_in.complete
            and all(count.sent > 0 and count.duplicates == 0 for count in self.counts)
            and self.lost <= (self.refused if self.gap else 0)
            and all(held for _, held in self.checks)
            and all(one.same for one in self.bulks)
        )

    def figure(self) -> str:
        """The sum of it, for a table: pings answered, and checks that held."""
        sent = sum(count.sent for count in self.counts)
        parts = [f"{sent - self.lost}/{sent}"] if sent else [f"{one.mbit:.0f} Mbit/s" for one in self.bulks]
        rekeys = [held for what, held in self.checks if " rekeys " in what]
        if rekeys:
            parts.append(f"rekeys {sum(rekeys)}/{len(rekeys)}")
        return ", ".join(parts)

    def __str__(self) -> str:
        parts = [str(count) for count in self.counts]
        parts += [f"{what}: {'yes' if held else 'NO'}" for what, held in self.checks]
        parts += [str(one) for one in self.bulks]
        parts += [str(self.esp_out), str(self.esp_in)]
        if self.refused:
            parts.append(f"refused by end points {self.refused}")
        return ", ".join(parts)

    def up(self, world: World, *conns: Conn) -> bool:
        """Bring connections up; notes any that does not come up."""
        good = True
        for conn in conns:
            if not world.up(conn):
                self.checks.append((f"{conn} up", False))
                good = False
        return good

    def ping(self, world: World, source: str, target: str, label: str | None = None) -> None:
        """Five pings through the tunnel."""
        self.counts.append(ping(world.guest, source, target, label=label))


Body = Callable[[World, Nat, str, Result], None]


@dataclass(frozen=True)
class Case:
    """A scenario: `run` it through a NAT, in one IKE version."""

    key: str
    title: str
    body: Body
    timers: Timers = DEFAULT
    # Needs something that not every NAT is asked for (several clients of one gateway, a redirect): not in STANDARD.
    special: bool = False
    # Replaces SAs under traffic: see Result.gap.
    gap: bool = False

    def run(self, world: World, nat: Nat, ike: str = "v2") -> Result:
        """Run the case."""
        result = Result(self.key, self.title, nat.name, ike, gap=self.gap)
        begin = time.monotonic()
        world.fresh(nat, self.timers)
        before = sum(world.pluto.refused(host) for host in PEERS)
        with EspWatch(world.topology, nat.public) as watch:
            self.body(world, nat, ike, result)
        result.esp_out, result.esp_in = watch.out, watch.back
        result.refused = sum(world.pluto.refused(host) for host in PEERS) - before
        result.seconds = time.monotonic() - begin
        return result


def _a(world: World, _nat: Nat, ike: str, result: Result) -> None:
    result.up(world, Conn("c1", "g1", ike))
    result.ping(world, "c1", "g1")
    result.ping(world, "g1", "c1")


def _b(world: World, _nat: Nat, ike: str, result: Result) -> None:
    result.up(world, Conn("c1", "g1", ike), Conn("c1", "g2", ike))
    for one, other in (("c1", "g1"), ("c1", "g2"), ("g1", "c1"), ("g2", "c1")):
        result.ping(world, one, other)


def _c(world: World, _nat: Nat, ike: str, result: Result) -> None:
    result.up(world, Conn("c1", "g1", ike), Conn("c2", "g2", ike))
    for one, other in (("c1", "g1"), ("c2", "g2"), ("g1", "c1"), ("g2", "c2")):
        result.ping(world, one, other)


def _d(world: World, _nat: Nat, ike: str, result: Result) -> None:
    result.up(world, Conn("c1", "g1", ike), Conn("c2", "g1", ike))
    for one, other in (("c1", "g1"), ("c2", "g1"), ("g1", "c1"), ("g1", "c2")):
        result.ping(world, one, other)


def _e(world: World, nat: Nat, ike: str, result: Result) -> None:
    result.up(world, Conn("c1", "g1", ike))
    result.ping(world, "c1", "g1", "c1>g1 before")
    nat.outlast()
    result.ping(world, "g1", "c1", "g1>c1 after silence")
    # Does the gateway's trying stand in the client's own way?
    with Background(world.guest, "g1", "c1", 25, 0.1) as trying:
        time.sleep(0.5)
        result.ping(world, "c1", "g1", "c1>g1 meanwhile")
    result.counts.append(trying.count)


def _f(world: World, _nat: Nat, ike: str, result: Result) -> None:
    conn = Conn("c1", "g1", ike)
    result.up(world, conn)
    result.checks.append(("client silent", world.pluto.silent("c1", conn)))
    result.ping(world, "g1", "c1", "g1>c1 first ESP ever")
    result.ping(world, "c1", "g1")


def _g(world: World, nat: Nat, ike: str, result: Result) -> None:
    conn = Conn("c1", "g1", ike)
    result.up(world, conn)
    # Only IKE's timer is short: ESP finds its way, so what fails here fails for IKE's sake.
    result.ping(world, "c1", "g1", "c1>g1 before")
    nat.outlast()
    for what in ("ipsec", "ike"):
        result.checks.append((f"g1 rekeys {what}", world.pluto.rekey("g1", conn, what, timeout=3)))
    result.ping(world, "g1", "c1", "g1>c1 after")
    result.ping(world, "c1", "g1", "c1>g1 after")


def _h(world: World, _nat: Nat, ike: str, result: Result) -> None:
    conn = Conn("c1", "g1", ike)
    result.checks.append(("g1 initiates", world.up(conn, by_gateway=True)))
    result.ping(world, "g1", "c1")
    result.ping(world, "c1", "g1")


def _r(world: World, _nat: Nat, ike: str, result: Result) -> None:
    conn = Conn("c1", "g1", ike)
    result.up(world, conn)
    result.ping(world, "c1", "g1", "c1>g1 before")  # the client first: who speaks first is another case
    for end in ("c1", "g1"):
        for what in ("ipsec", "ike"):
            label = f"{end} rekeys {what}"
            with (
                Background(world.guest, "c1", "g1", 40, label=f"c1>g1 as {label}") as out,
                Background(world.guest, "g1", "c1", 40, label=f"g1>c1 as {label}") as back,
            ):
                time.sleep(0.4)
                result.checks.append((label, world.pluto.rekey(end, conn, what)))
            result.counts += [out.count, back.count]


def _bulk(world: World, _nat: Nat, ike: str, result: Result) -> None:
    result.up(world, Conn("c1", "g1", ike))
    result.bulks.append(bulk(world.guest, "c1", "g1"))
    result.bulks.append(bulk(world.guest, "g1", "c1"))


CASES = {
    case.key: case
    for case in (
        Case("a", "one client, one gateway", _a),
        Case("b", "one client, two gateways", _b),
        Case("c", "two clients, two gateways", _c),
        Case("d", "two clients, the same gateway", _d, special=True),
        Case("e", "silence past the timeout, gateway first", _e, SHORT),
        Case("f", "gateway's ESP is the first ever", _f),
        Case("g", "IKE silent past the timeout, gateway rekeys", _g, SHORT_IKE),
        Case("h", "the gateway initiates", _h, special=True),
        Case("r", "rekeys from each end, under pings", _r, gap=True),
        Case("bulk", "8 MB over TCP each way", _bulk),
    )
}
STANDARD = [case for case in CASES.values() if not case.special]
