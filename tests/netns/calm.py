"""Waiting until the fast path takes all packets of the flows there are."""

from __future__ import annotations

import time

from lab.spinatd import Spinatd

TICK = (1 << 27) / 1e9  # seconds
PROBE_TICKS = 512  # fast/shared.h
CLOCK_BEGIN = 365 * 24 * 3600  # seconds: daemon/clock.h


def calm(spinat: Spinatd, seconds: float = 3.0) -> None:
    """Wait until no flow has a probe due for so long.

    One packet of a flow in 69 s goes the long way; in the half second after a crash it finds nobody there.
    """
    numbers = [flow["id"] for flow in spinat.show_json("flows")]

    def left(number: int) -> float:
        now = (CLOCK_BEGIN + time.monotonic()) / TICK + number * 37
        return (PROBE_TICKS - now % PROBE_TICKS) * TICK

    end = time.monotonic() + 60
    while any(left(number) < seconds for number in numbers):
        assert time.monotonic() < end, "probes all the time"
        time.sleep(0.2)
