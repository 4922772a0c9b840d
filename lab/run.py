"""One run of the lab: a name nobody else uses, a directory, and a clean-up that always happens.

A run is called `spl<pid>.<n>`; its namespaces are `spl<pid>.<n>-<role>` and its files live in
/run/spinat-lab/<pid>.<n>/.  The file `owner` in there holds the start time of the process, so that
lab.cleanup can tell a living run from the leftovers of a dead one whose pid was given to somebody else.

Clean-up runs on normal exit, on an exception, on Ctrl-C, SIGTERM and SIGHUP.  While it runs those
signals are ignored: a second, impatient Ctrl-C must not leave namespaces behind.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Callable

BASE = Path("/run/spinat-lab")
NAME = re.compile(r"^spl(\d+)\.(\d+)(?:-.*)?$")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_numbers = itertools.count()


def start_time(pid: int) -> int | None:
    """When a process started (clock ticks since boot), or None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rsplit(")", 1)[1].split()[19])


class Run:
    """A context manager.  `defer` registers a clean-up; they run in reverse order."""

    def __init__(self) -> None:
        self.name = f"spl{os.getpid()}.{next(_numbers)}"
        self.dir = BASE / self.name.removeprefix("spl")
        self._stack = contextlib.ExitStack()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Run:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._handlers[number] = signal.signal(number, self._interrupt)
        self.dir.mkdir(parents=True, mode=0o755)
        (self.dir / "owner").write_text(f"{start_time(os.getpid())}\n")
        self._stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        return self

    @staticmethod
    def _interrupt(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def defer(self, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` when the run ends, however it ends."""
        self._stack.callback(function, *args)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            self._stack.close()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
