"""Several clients of the same gateway, all with raw ESP through one public address.

    start           all at the same moment, then pings both ways       one-by-one  the same, one after the other
    first           the gateway's ESP is the first ever, for each client
    silence         idle past the short timers, then the gateway speaks first, with the SPIs it had
    silence-rekey   idle past the short timers, the gateway rekeys and speaks first, with new SPIs
    rekey           IPsec and IKE SA rekeyed from each end, one client at a time, under everybody's pings
    overlap         all rekey their IPsec SAs at once: from the clients, from the gateway, mixed; under pings
    overlap-ike     all rekey their IKE SAs at once, then the other end uses the new ones
    client-reboots  the last client loses all state and starts anew, while the others go on
    gateway-reboots the gateway loses all state, all clients start anew
    gateway-calls   ... and the gateway initiates towards the clients (like the telephone: some calls go astray)
    restart, crash  spinatd ends and starts again while the gateway pings all (needs a journal)
    natt            c2 does NAT traversal (UDP 4500), the others do not

Each with any number of clients and either IKE version; `mixed` gives the odd clients IKEv1 and the even ones IKEv2.

What one inbound SPI tells nobody in clear, evidence and copies must: no ping may be lost in any of these, except where
an end point itself refuses an ESP packet between two of its SAs (`gap`), or while spinatd does not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable

from lab.connections import Conn
from lab.nat import DEFAULT, SHORT, Timers
from lab.scene import Case, Pair, Scene
from lab.together import together

GATEWAY = "g1"


def conns(count: int, ike: str) -> list[Conn]:
    """A connection of each of the first `count` clients with the gateway."""
    versions = [("v1" if number % 2 else "v2") if ike == "mixed" else ike for number in range(1, count + 1)]
    return [Conn(f"c{number}", GATEWAY, version) for number, version in enumerate(versions, 1)]


def outward(group: list[Conn]) -> list[Pair]:
    """Each client pings the gateway."""
    return [(conn.client, conn.gateway) for conn in group]


def inward(group: list[Conn]) -> list[Pair]:
    """The gateway pings each client."""
    return [(conn.gateway, conn.client) for conn in group]


def both(group: list[Conn]) -> list[Pair]:
    return outward(group) + inward(group)


def _start(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    scene.ping_together(both(group))


def _one_by_one(scene: Scene, group: list[Conn]) -> None:
    for conn in group:
        scene.up(conn)
        scene.ping_together(both([conn]))
    scene.ping_together(both(group), "in the end")


def _first(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    silent = together(partial(scene.world.pluto.silent, conn.client, conn) for conn in group)
    scene.check("clients silent", all(silent))
    scene.ping_together(inward(group), "first ESP ever")
    scene.ping_together(outward(group))


def _silence(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    scene.ping_together(outward(group), "before")
    scene.nat.outlast()
    scene.ping_together(inward(group), "after silence")
    scene.ping_together(outward(group), "after")


def _silence_rekey(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    scene.ping_together(outward(group), "before")
    scene.nat.outlast()
    rekey_together(scene, [(GATEWAY, conn) for conn in group], "ipsec")
    scene.ping_together(inward(group), "after silence")
    scene.ping_together(outward(group), "after")


def rekey_together(scene: Scene, ends: list[tuple[str, Conn]], what: str) -> None:
    """Rekey all at the same moment, each from the end given."""
    calls = [partial(scene.world.pluto.rekey, end, conn, what) for end, conn in ends]
    for (end, conn), done in zip(ends, together(calls)):
        scene.check(f"{end} rekeys {what} of {conn}", done)


def _rekey(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    turn = 0
    for by_client in (True, False):
        for what in ("ipsec", "ike"):
            conn = group[turn % len(group)]
            turn += 1
            end = conn.client if by_client else conn.gateway
            # In IKEv1 this is a Main Mode that the gateway begins.  Which of its clients it is for is told by an
            # identity inside it: it goes to one of them, and to the next when it comes again (see gateway-calls).
            if what == "ike" and not by_client and conn.version == "v1":
                continue
            with scene.pinging(both(group), f"as {end} rekeys {what} of {conn.client}"):
                scene.rekey(end, conn, what)


def _overlap(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    rounds = {
        "clients": [(conn.client, conn) for conn in group],
        "gateway": [(conn.gateway, conn) for conn in group],
        "either": [(conn.client if n % 2 else conn.gateway, conn) for n, conn in enumerate(group)],
    }
    for who, ends in rounds.items():
        with scene.pinging(both(group), f"as {who} rekey"):
            rekey_together(scene, ends, "ipsec")


def _overlap_ike(scene: Scene, group: list[Conn]) -> None:
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    for by_client in (True, False):
        ends = [(conn.client if by_client else conn.gateway, conn) for conn in group]
        others = [(conn.gateway if by_client else conn.client, conn) for conn in group]
        with scene.pinging(both(group), f"as {'clients' if by_client else 'gateway'} rekey", count=80):
            rekey_together(scene, ends, "ike")
            # The new IKE SA's cookies were never seen in clear; now the end that did not ask for it speaks first.
            rekey_together(scene, others, "ipsec")


def _client_reboots(scene: Scene, group: list[Conn]) -> None:
    pluto = scene.world.pluto
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    last, others = group[-1], group[:-1]
    with scene.pinging(both(others), "meanwhile", count=60):
        pluto.crash(last.client)
        pluto.ensure(last.client)
        scene.up(last)
        scene.ping_together(inward([last]), "after the reboot, first")
    scene.ping_together(both(group), "after")


def _gateway_reboots(scene: Scene, group: list[Conn]) -> None:
    reboot_gateway(scene, group)
    scene.up_together(group)
    scene.ping_together(inward(group), "after the reboot, first")
    scene.ping_together(outward(group), "after")


def reboot_gateway(scene: Scene, group: list[Conn]) -> None:
    """All are up; then the gateway loses power, and the clients give up what they had with it."""
    pluto = scene.world.pluto
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    pluto.crash(GATEWAY)
    pluto.ensure(GATEWAY)

    def forget(conn: Conn) -> None:
        pluto.whack(conn.client, "--name", str(conn), "--delete")
        pluto.add(conn.client, conn)

    together(partial(forget, conn) for conn in group)


def _gateway_calls(scene: Scene, group: list[Conn]) -> None:
    reboot_gateway(scene, group)
    for conn in group:
        tries = 2 * len(group)
        came = any(scene.world.up(conn, timeout=3, by_gateway=True) for _ in range(tries))
        scene.check(f"the gateway reaches {conn.client} within {tries} tries", came)
    scene.ping_together(both(group), "after")


def _away(scene: Scene, group: list[Conn], crash: bool) -> None:
    scene.up_together(group)
    scene.ping_together(both(group), "before")
    with scene.pinging(inward(group), "meanwhile", count=80):
        with scene.watch.away():
            scene.nat.halt(crash)
            scene.nat.resume()
    scene.ping_together(both(group), "after")
    rekey_together(scene, [(GATEWAY, conn) for conn in group], "ipsec")
    scene.ping_together(inward(group), "after the rekey, first")


def _natt(scene: Scene, group: list[Conn]) -> None:
    group = [Conn("c2", GATEWAY, "v1", natt=True) if conn.client == "c2" else conn for conn in group]
    scene.up_together(group)
    encapsulated = "espinudp" in scene.world.guest.run("c2", "ip", "xfrm", "state").stdout
    scene.check("c2 on UDP 4500", encapsulated)
    scene.ping_together(inward(group), "first ESP ever")
    scene.ping_together(outward(group))
    rekey_together(scene, [(GATEWAY, conn) for conn in group], "ipsec")
    scene.ping_together(inward(group), "after the rekey, first")
    scene.ping_together(outward(group), "after")


@dataclass(frozen=True)
class Scenario:
    """A case for any number of clients."""

    key: str
    title: str
    body: Callable[[Scene, list[Conn]], None]
    timers: Timers = DEFAULT
    gap: bool = False

    def case(self, count: int) -> Case:
        """The case with so many clients: its key is `key-count`."""
        return Case(
            f"{self.key}-{count}",
            f"{NUMBERS[count]} at one gateway, {self.title}",
            lambda scene: self.body(scene, conns(count, scene.ike)),
            self.timers,
            special=True,
            gap=self.gap,
        )


NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
SCENARIOS = (
    Scenario("start", "all at once", _start),
    Scenario("one-by-one", "in turn", _one_by_one),
    Scenario("first", "its ESP first", _first),
    Scenario("silence", "it speaks after silence", _silence, SHORT),
    Scenario("silence-rekey", "it rekeys after silence", _silence_rekey, SHORT),
    Scenario("rekey", "rekeys", _rekey, gap=True),
    Scenario("overlap", "overlapping rekeys", _overlap, gap=True),
    Scenario("overlap-ike", "overlapping IKE rekeys", _overlap_ike, gap=True),
    Scenario("client-reboots", "one reboots", _client_reboots),
    Scenario("gateway-reboots", "it reboots", _gateway_reboots),
    Scenario("gateway-calls", "it reboots and calls", _gateway_calls),
    Scenario("restart", "the NAT restarts", partial(_away, crash=False)),
    Scenario("crash", "the NAT crashes", partial(_away, crash=True)),
    Scenario("natt", "one on UDP 4500", _natt),
)
SHARED = {case.key: case for one in SCENARIOS for case in (one.case(count) for count in NUMBERS)}
