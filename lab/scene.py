"""A case, and what its body works with: a NAT without state, IPsec hosts without SAs, and a sheet to count on."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Callable, Iterable, Iterator

from lab.connections import Conn
from lab.espwatch import EspWatch
from lab.nat import DEFAULT, Nat, Timers
from lab.probes import Background, Count, ping
from lab.result import Result
from lab.together import together
from lab.world import World

Pair = tuple[str, str]  # who pings whom


@dataclass(frozen=True)
class Scene:
    """What one run of a case has: its methods do something and note in `result` how it went."""

    world: World
    nat: Nat
    ike: str
    result: Result
    watch: EspWatch

    def check(self, what: str, held: bool) -> bool:
        """Note something that must be true."""
        self.result.checks.append((what, held))
        return held

    def up(self, *conns: Conn, by_gateway: bool = False) -> None:
        """Bring connections up, one after the other; notes any that does not come up."""
        for conn in conns:
            if not self.world.up(conn, by_gateway=by_gateway):
                self.check(f"{conn} up", False)

    def up_together(self, conns: Iterable[Conn]) -> None:
        """Bring connections up, all started at the same moment."""
        conns = list(conns)
        self.world.prepare(*conns)
        for conn, came in zip(conns, together(partial(self.world.up, conn) for conn in conns)):
            if not came:
                self.check(f"{conn} up", False)

    def ping(self, source: str, target: str, label: str | None = None) -> None:
        """Five pings through the tunnel."""
        self.result.counts.append(ping(self.world.guest, source, target, label=label))

    def ping_together(self, pairs: Iterable[Pair], when: str = "", size: int = 56, *options: str) -> None:
        """Five pings through each tunnel, all at the same moment."""
        guest = self.world.guest

        def one(pair: Pair) -> Count:
            label = f"{pair[0]}>{pair[1]} {when}".rstrip()
            return ping(guest, *pair, 5, 0.1, label, size, *options)

        self.result.counts += together(partial(one, pair) for pair in pairs)

    @contextmanager
    def pinging(self, pairs: Iterable[Pair], when: str = "", count: int = 40, interval: float = 0.05) -> Iterator[None]:
        """Pings that run while the body of the `with` does something else (and to their end)."""
        runs: list[Background] = []
        with ExitStack() as stack:
            for one, other in pairs:
                label = f"{one}>{other} {when}".rstrip()
                run = Background(self.world.guest, one, other, count, interval, label)
                runs.append(stack.enter_context(run))
            time.sleep(0.4)
            yield
        self.result.counts += [run.count for run in runs]

    def rekey(self, end: str, conn: Conn, what: str, timeout: float = 5) -> None:
        """Rekey the `ipsec` or the `ike` SA of a connection from one end."""
        self.check(f"{end} rekeys {what} of {conn}", self.world.pluto.rekey(end, conn, what, timeout))

    def add(self, count: Count) -> None:
        """Note what was counted elsewhere."""
        self.result.counts.append(count)


Body = Callable[[Scene], None]


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
        with EspWatch(world.topology, world.guest, nat) as watch:
            self.body(Scene(world, nat, ike, result, watch))
        result.watched(watch)
        result.seconds = time.monotonic() - begin
        return result
