"""Room for a million flows in the kernel's connection tracking.

How many entries there may be, and how many buckets, is said once for the whole machine: in a namespace both can only
be read (Linux 6.18).  So the run raises them where it can, and puts them back when it ends.
"""

from __future__ import annotations

from pathlib import Path

from lab.run import Run

BASE = Path("/proc/sys/net/netfilter")
WANTED = {"nf_conntrack_max": 4_000_000, "nf_conntrack_buckets": 1_048_576}


def make_room(run: Run) -> None:
    """Raise the limits; what cannot be raised stays as it is, and `lacking` will tell."""
    for name, wanted in WANTED.items():
        path = BASE / name
        try:
            before = path.read_text()
            if int(before) < wanted:
                path.write_text(f"{wanted}\n")
                run.defer(path.write_text, before)
        except OSError:
            pass


def lacking(flows: int) -> str | None:
    """Why so many flows cannot be tracked, if they cannot."""
    try:
        room = int((BASE / "nf_conntrack_max").read_text())
    except OSError:
        return None
    if room >= flows:
        return None
    return f"net.netfilter.nf_conntrack_max is {room}, and can be raised in the first namespace only"
