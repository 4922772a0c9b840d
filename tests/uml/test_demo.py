"""`make demo` leaves nothing behind, also when it is interrupted while the guest and its daemons run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab import need
from lab.netns import command
from lab.run import BASE

ROOT = Path(__file__).resolve().parents[2]


def guests(run: str) -> list[str]:
    """The processes of a run's guest, found by its name in their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"umid={run}\0" in path.read_text(errors="replace"):
                found.append(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals) -> None:
    if lacking := need.for_guest():
        pytest.skip("no guest: lacking " + "; ".join(lacking))
    demo = subprocess.Popen(
        [sys.executable, "-m", "lab.demo", "--only", "masquerade"],
        cwd=ROOT,
        env=dict(os.environ, NO_COLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    run = f"spl{demo.pid}.0"
    assert demo.stdout is not None
    for line in demo.stdout:
        if re.search(r"through masquerade", line):
            break
    spaces = [line for line in command("ip", "netns", "list").stdout.splitlines() if line.startswith(run)]
    assert len(spaces) == 6 and guests(run), "the lab was up when the signal came"
    demo.send_signal(number)
    rest = demo.stdout.read()
    assert demo.wait(30) == 128 + number, rest
    assert "Traceback" not in rest
    assert run not in command("ip", "netns", "list").stdout
    assert guests(run) == []
    assert not (BASE / run.removeprefix("spl")).exists()
