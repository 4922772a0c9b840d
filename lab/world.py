"""Everything a case needs, together: topology, guest, plutos, and the NAT of the moment.

    with World() as world:
        nat = Masquerade(world.topology)
        result = CASES["a"].run(world, nat, "v2")
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Callable, TypeVar

from lab.cleanup import cleanup
from lab.connections import Conn
from lab.guest import Guest
from lab.nat import DEFAULT, Nat, Timers
from lab.pluto import Pluto
from lab.run import Run
from lab.topology import PEERS, Topology

# The IPsec hosts most cases use; the daemons of the others start when a case needs them.
FIRST = ("c1", "c2", "g1", "g2")
T = TypeVar("T")


class World:
    """Builds the lab with the guest and one pluto per IPsec host; everything ends with the `with`."""

    def __init__(self) -> None:
        self.run = Run()
        self.seconds: dict[str, float] = {}
        self.nat: Nat | None = None
        self._used: set[Conn] = set()

    def __enter__(self) -> World:
        cleanup()
        self.run.__enter__()
        try:
            self.topology = self._timed("topology", lambda: Topology(self.run, "guest"))
            self.guest = self._timed("guest", lambda: Guest(self.topology))
            self.pluto = self._timed("plutos", self._plutos)
        except BaseException as error:
            self.run.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _timed(self, name: str, function: Callable[[], T]) -> T:
        begin = time.monotonic()
        result = function()
        self.seconds[name] = time.monotonic() - begin
        return result

    def _plutos(self) -> Pluto:
        pluto = Pluto.in_guest(self.guest)
        pluto.start(FIRST)
        return pluto

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        begin = time.monotonic()
        self.run.__exit__(kind, error, trace)
        self.seconds["teardown"] = time.monotonic() - begin

    def fresh(self, nat: Nat, timers: Timers = DEFAULT) -> None:
        """A NAT without state, and IPsec hosts without SAs."""
        self.reset()
        if self.nat is not None and self.nat is not nat:
            self.nat.stop()
        self.nat = nat
        nat.restart(timers)

    def reset(self) -> None:
        """Take down every connection that was brought up.  (Loading it again is what stops pluto's reviving it.)"""
        for conn in sorted(self._used, key=str):
            self.pluto.delete(conn)
            for end in (conn.client, conn.gateway):
                self.pluto.add(end, conn)
        self._used.clear()

    def prepare(self, *conns: Conn) -> None:
        """See to it that both ends' daemons run; the connections' SAs will be taken down by `reset`."""
        self.pluto.ensure(*sorted({end for conn in conns for end in (conn.client, conn.gateway)}))
        self._used.update(conns)

    def up(self, conn: Conn, timeout: float = 10, by_gateway: bool = False) -> bool:
        """Bring a connection up."""
        assert self.nat is not None, "a NAT first"
        self.prepare(conn)
        return self.pluto.up(conn, timeout, self.nat.public_of(PEERS[conn.client].address) if by_gateway else None)
