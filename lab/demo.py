"""`make demo`: IPsec through spinat with real peers, beside the kernel's own masquerade, case by case.

Part one is one inside client with SAs to two outside gateways (IKEv2 to one, IKEv1 to the other), with an ordinary
inside host on the web meanwhile.  Part two runs the lab's cases through spinat and then through the kernel's
MASQUERADE, on the same guest; among them five clients of one gateway.  The exit code says whether spinat passed everything.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from lab import need
from lab.cases import CASES as FEW
from lab.connections import Conn
from lab.espwatch import EspWatch
from lab.masquerade import Masquerade
from lab.nat import Nat
from lab.ordinary import Chatter, Server
from lab.probes import Background, bulk, ping
from lab.report import heading, indent, say, step, table, verdict
from lab.result import Result
from lab.shared import SHARED
from lab.spinatd import Spinatd, SpinatdFailed
from lab.world import World

CASES = FEW | SHARED
# The rows of the table, each in one IKE version, so that both appear and the whole stays under three minutes.
ROWS = (("a", "v2"), ("b", "v1"), ("c", "v2"), ("e", "v2"), ("f", "v1"), ("g", "v2"), ("r", "v2"))
FIVE = (("start-5", "v2"), ("first-5", "v1"))


class Part:
    """Prints steps and remembers whether all of them were good."""

    def __init__(self) -> None:
        self.good = True

    def step(self, what: str, result: str, good: bool, begin: float) -> None:
        """One step of the demonstration."""
        self.good &= good
        step(what, result, good, time.monotonic() - begin)


def part_one(world: World, nat: Spinatd, server: Server) -> bool:
    """One client, two gateways, and ordinary traffic beside them."""
    part = Part()
    host = world.topology["host"]
    guest, pluto = world.guest, world.pluto
    one, two = Conn("c1", "g1", "v2"), Conn("c1", "g2", "v1")
    world.fresh(nat)
    with EspWatch(world.topology, world.guest, nat) as watch, Chatter(server, host) as chatter:
        for conn, gateway in ((one, "g1"), (two, "g2")):
            begin = time.monotonic()
            version = "IKEv2" if conn.version == "v2" else "IKEv1"
            up = world.up(conn)
            part.step(f"{version} with {gateway}", f"client c1 (192.168.1.10), {'SA up' if up else 'no SA'}", up, begin)
        begin = time.monotonic()
        silent = pluto.silent("c1", two)
        count = ping(guest, "g2", "c1", label="g2>c1")
        part.step(
            "gateway g2 speaks first", f"{count}, no ESP from c1 before: {'yes' if silent else 'NO'}",
            count.complete and silent, begin,
        )  # fmt: skip
        begin = time.monotonic()
        counts = [ping(guest, *pair) for pair in (("c1", "g1"), ("c1", "g2"), ("g1", "c1"))]
        part.step("pings", ", ".join(map(str, counts)), all(c.complete for c in counts), begin)
        for end in ("c1", "g1"):
            for gateway in ("g1", "g2") if end == "c1" else ("c1",):
                begin = time.monotonic()
                moved = bulk(guest, end, gateway)
                part.step("bulk transfer over TCP in ESP", str(moved), moved.same, begin)
        for conn, end in ((one, "c1"), (one, "g1"), (two, "c1"), (two, "g2")):
            begin = time.monotonic()
            ends = (conn.client, conn.gateway)
            refused = -sum(guest.ipsec()[end].refused for end in ends)
            with Background(guest, *ends, 50) as out, Background(guest, *reversed(ends), 50) as back:
                time.sleep(0.4)
                rekeyed = pluto.rekey(end, conn, "ipsec")
            refused += sum(guest.ipsec()[end].refused for end in ends)
            lost = sum(one.count.sent - one.count.received for one in (out, back))
            text = f"{'new SPIs' if rekeyed else 'NO NEW SPIS'}, pings meanwhile {out.count}, {back.count}"
            if lost and lost <= refused:
                text += f" ({refused} ESP packets delivered, but refused by an end point between its two SAs)"
            good = rekeyed and out.count.sent == back.count.sent == 50 and lost <= refused
            part.step(f"{end} rekeys the SA with {conn.gateway if end == 'c1' else 'c1'}", text, good, begin)
    begin = time.monotonic()
    part.step(
        "ESP packets through the NAT, all told", f"{watch.out}, {watch.back}",
        watch.out.complete and watch.back.complete, begin,
    )  # fmt: skip
    part.step("packets that spinatd never saw", f"{nat.taken()}: the kernel translated them itself", True, begin)
    part.step(
        "meanwhile, ordinary host .20", f"pages over TCP {chatter.pages}, names over UDP {chatter.names}",
        chatter.pages.complete and chatter.names.complete, begin,
    )  # fmt: skip
    return part.good


def part_two(world: World, nats: list[Nat], rows: list[tuple[str, str]]) -> dict[tuple[str, str, str], Result]:
    """The cases through each NAT."""
    results: dict[tuple[str, str, str], Result] = {}
    for nat in nats:
        say(f"  through {nat.name}:")
        for key, ike in rows:
            result = CASES[key].run(world, nat, ike)
            results[key, ike, nat.name] = result
            brief = f"{result.figure()}, {result.esp_out}, {result.esp_in}" if result.ok else str(result)
            step(f"{key}  {result.title}", brief, result.ok, result.seconds)
        nat.stop()
        world.nat = None
    return results


def print_table(nats: list[Nat], rows: list[tuple[str, str]], results: dict[tuple[str, str, str], Result]) -> None:
    """spinat beside the kernel."""
    titles = {"spinat": "through spinat", "masquerade": "through the kernel's MASQUERADE"}
    lines = []
    for key, ike in rows:
        cells = [(f"{key}  {CASES[key].title}",) * 2, (f"IKE{ike}",) * 2]
        for nat in nats:
            result = results[key, ike, nat.name]
            plain = f"{'works' if result.ok else 'FAILS'}  {result.figure()}"
            cells.append((plain, f"{verdict(result.ok)}  {result.figure()}"))
        lines.append(cells)
    table(["case", "IKE", *(titles[nat.name] for nat in nats)], lines)


def main() -> int:
    """Run the demonstration; the exit code is 0 when spinat passed."""
    parser = argparse.ArgumentParser(prog="lab.demo", description=__doc__)
    parser.add_argument("--only", choices=("spinat", "masquerade"), help="one NAT alone")
    parser.add_argument("--all", action="store_true", help="every case in both IKE versions")
    parser.add_argument("--backend", default="auto", help="spinatd's back end (default: auto)")
    parser.add_argument("--verbose", action="store_true", help="show spinatd's log in the end")
    parser.add_argument("--build", help="where spinatd was built (default: build)")
    arguments = parser.parse_args()
    if arguments.build:
        os.environ["SPINAT_BUILD"] = arguments.build
    lacking = need.for_guest() + (need.for_spinatd() if arguments.only != "masquerade" else [])
    if lacking:
        say("demo: this machine lacks " + "; ".join(lacking))
        return 2
    rows = [(key, ike) for key, _ in ROWS + FIVE for ike in ("v2", "v1")] if arguments.all else list(ROWS + FIVE)
    begin = time.monotonic()
    good = True
    heading("The lab: namespaces, and a guest with real kernel ESP and seven real IKE daemons")
    with World() as world:
        for what, seconds in world.seconds.items():
            step(what, "", True, seconds)
        server = Server(world.topology)
        nats: list[Nat] = []
        spinat: Spinatd | None = None
        if arguments.only != "masquerade":
            spinat = Spinatd(world.topology, {"backend": arguments.backend})
            nats.append(spinat)
        if arguments.only != "spinat":
            nats.append(Masquerade(world.topology))
        try:
            if spinat is not None:
                heading("One client, two gateways, no NAT traversal: through spinat")
                good &= part_one(world, spinat, server)
                say()
                say("  spinat show ipsec")
                indent(spinat.show("ipsec"))
                say("  spinat show datapath")
                indent(spinat.show("datapath"))
            heading("Case by case")
            results = part_two(world, nats, rows)
        except SpinatdFailed as failure:
            say(f"  spinatd failed: {failure}")
            return 1
        finally:
            if spinat is not None and arguments.verbose and spinat.log.exists():
                heading("spinatd's log")
                indent(spinat.log.read_text(errors="replace"))
        heading("spinat beside the kernel's own NAT")
        print_table(nats, rows, results)
    if spinat is not None:
        good &= all(result.ok for (_, _, name), result in results.items() if name == "spinat")
    say()
    say("  Figures: pings answered of pings sent, over ESP. In a rekey an end point itself may refuse a packet")
    say("  between its two SAs; \"works\" then means that the NAT carried every single ESP packet it was given.")
    say()
    say(f"  took {time.monotonic() - begin:.0f} s; everything that was made for it is gone")
    say(f"  {'spinat passed everything' if good else 'spinat FAILED something: see above'}" if spinat else "")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("demo: interrupted; everything that was made for it is gone")
        sys.exit(130)
