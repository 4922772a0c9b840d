"""Remove what dead runs of the lab left behind: `python3 -m lab.cleanup`.

Only namespaces and directories with the lab's own names are touched, and only when the process that
made them is gone (or its pid now belongs to a process with another start time).
"""

from __future__ import annotations

import fcntl
import shutil
from contextlib import contextmanager
from typing import Iterator

from lab.netns import command, kill_and_delete
from lab.run import BASE, NAME, start_time


def alive(name: str) -> bool:
    """Whether the run that a namespace or directory is named after is still going on."""
    match = NAME.match(name)
    if match is None:
        return True
    pid = int(match[1])
    now = start_time(pid)
    if now is None:
        return False
    try:
        return int((BASE / f"{pid}.{match[2]}" / "owner").read_text()) == now
    except (FileNotFoundError, ValueError):
        # A run between its first two steps has no owner file yet: leave it alone.
        return True


def leftovers() -> tuple[list[str], list[str]]:
    """Namespaces and directory names of dead runs."""
    listed = command("ip", "netns", "list", check=False).stdout.splitlines()
    spaces = [line.split()[0] for line in listed if line.strip()]
    spaces = [name for name in spaces if NAME.match(name) and not alive(name)]
    files = [path.name for path in BASE.iterdir()] if BASE.is_dir() else []
    files = [name for name in files if NAME.match("spl" + name) and not alive("spl" + name)]
    return spaces, files


@contextmanager
def alone() -> Iterator[None]:
    """For the time of the `with` nobody else on this machine cleans up."""
    BASE.mkdir(parents=True, exist_ok=True, mode=0o755)
    with open(BASE / "cleanup.lock", "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def remove() -> int:
    """Remove leftovers; returns how many things were removed.  For who is `alone`."""
    spaces, files = leftovers()
    for name in spaces:
        kill_and_delete(name)
    for name in files:
        command("umount", "--lazy", str(BASE / name / "bpf"), check=False)
        shutil.rmtree(BASE / name, ignore_errors=True)
    return len(spaces) + len(files)


def cleanup() -> int:
    """The same for who is not."""
    with alone():
        return remove()


if __name__ == "__main__":
    print(f"lab: removed {cleanup()} leftovers of dead runs")
