"""One at a time: what loads the whole machine, and what counts each packet.

A namespace shares the processors with all others, so a flood in one run of the lab delays, and in the end loses, the
packets of another.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import Iterator

from lab.run import BASE


@contextmanager
def quiet() -> Iterator[None]:
    """Nobody else who asked for it runs meanwhile, in no run of the lab."""
    BASE.mkdir(parents=True, exist_ok=True)
    with (BASE / "quiet.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
