"""The scenarios, over any NAT.

    a  one client, one gateway                       e  silence past the NAT's timeout, then the gateway speaks first
    b  one client, two gateways                      f  the gateway's ESP is the first ESP packet there ever was
    c  two clients, two gateways                     g  IKE silent past the UDP timeout, then the gateway rekeys
    h  the client is the responder: `redirect_ipsec` r  the IPsec and the IKE SA rekeyed from each end under pings

Several clients of the same gateway are in shared.py.  Each case starts with a NAT that has no state and IPsec hosts that
have no SAs, and returns what it counted.  What a case must show to pass is said in one place, `Result.ok`: there is no
"nearly".
"""

from __future__ import annotations

from lab.connections import Conn
from lab.nat import SHORT, SHORT_IKE
from lab.probes import bulk
from lab.scene import Case, Scene


def _a(scene: Scene) -> None:
    scene.up(Conn("c1", "g1", scene.ike))
    scene.ping("c1", "g1")
    scene.ping("g1", "c1")


def _b(scene: Scene) -> None:
    scene.up(Conn("c1", "g1", scene.ike), Conn("c1", "g2", scene.ike))
    for one, other in (("c1", "g1"), ("c1", "g2"), ("g1", "c1"), ("g2", "c1")):
        scene.ping(one, other)


def _c(scene: Scene) -> None:
    scene.up(Conn("c1", "g1", scene.ike), Conn("c2", "g2", scene.ike))
    for one, other in (("c1", "g1"), ("c2", "g2"), ("g1", "c1"), ("g2", "c2")):
        scene.ping(one, other)


def _e(scene: Scene) -> None:
    scene.up(Conn("c1", "g1", scene.ike))
    scene.ping("c1", "g1", "c1>g1 before")
    scene.nat.outlast()
    scene.ping("g1", "c1", "g1>c1 after silence")
    # Does the gateway's trying stand in the client's own way?
    with scene.pinging([("g1", "c1")], "trying", 25, 0.1):
        scene.ping("c1", "g1", "c1>g1 meanwhile")


def _f(scene: Scene) -> None:
    conn = Conn("c1", "g1", scene.ike)
    scene.up(conn)
    scene.check("client silent", scene.world.pluto.silent("c1", conn))
    scene.ping("g1", "c1", "g1>c1 first ESP ever")
    scene.ping("c1", "g1")


def _g(scene: Scene) -> None:
    conn = Conn("c1", "g1", scene.ike)
    scene.up(conn)
    # Only IKE's timer is short: ESP finds its way, so what fails here fails for IKE's sake.
    scene.ping("c1", "g1", "c1>g1 before")
    scene.nat.outlast()
    for what in ("ipsec", "ike"):
        scene.rekey("g1", conn, what, timeout=3)
    scene.ping("g1", "c1", "g1>c1 after")
    scene.ping("c1", "g1", "c1>g1 after")


def _h(scene: Scene) -> None:
    scene.up(Conn("c1", "g1", scene.ike), by_gateway=True)
    scene.ping("g1", "c1")
    scene.ping("c1", "g1")


def _r(scene: Scene) -> None:
    conn = Conn("c1", "g1", scene.ike)
    scene.up(conn)
    scene.ping("c1", "g1", "c1>g1 before")  # the client first: who speaks first is another case
    for end in ("c1", "g1"):
        for what in ("ipsec", "ike"):
            with scene.pinging([("c1", "g1"), ("g1", "c1")], f"as {end} rekeys {what}"):
                scene.rekey(end, conn, what)


def _bulk(scene: Scene) -> None:
    scene.up(Conn("c1", "g1", scene.ike))
    scene.result.bulks.append(bulk(scene.world.guest, "c1", "g1"))
    scene.result.bulks.append(bulk(scene.world.guest, "g1", "c1"))


CASES = {
    case.key: case
    for case in (
        Case("a", "one client, one gateway", _a),
        Case("b", "one client, two gateways", _b),
        Case("c", "two clients, two gateways", _c),
        Case("e", "silence past the timeout, gateway first", _e, SHORT),
        Case("f", "gateway's ESP is the first ever", _f),
        Case("g", "IKE silent past the timeout, gateway rekeys", _g, SHORT_IKE),
        Case("h", "the gateway initiates", _h, special=True),
        Case("r", "rekeys from each end, under pings", _r, gap=True),
        Case("bulk", "8 MB over TCP each way", _bulk),
    )
}
STANDARD = [case for case in CASES.values() if not case.special]
