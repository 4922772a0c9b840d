"""A network namespace made by this run, commands inside it, and sockets that belong to it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable, Sequence, TypeVar

from lab.run import Run

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


class CommandFailed(Exception):
    """A command that had to succeed did not."""

    def __init__(self, argv: Sequence[str], result: subprocess.CompletedProcess[str]) -> None:
        text = (result.stdout + result.stderr).strip()
        super().__init__(f"{' '.join(argv)}: exit code {result.returncode}\n{text}")


def command(
    *argv: str,
    check: bool = True,
    timeout: float = 30,
    stdin: str | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command outside any namespace, in a session of its own (Ctrl-C is ours to handle)."""
    result = subprocess.run(
        argv,
        input=stdin if stdin is not None else "",
        text=True,
        capture_output=True,
        timeout=timeout,
        start_new_session=True,
        cwd=cwd,
    )
    if check and result.returncode != 0:
        raise CommandFailed(argv, result)
    return result


def processes_in(name: str) -> list[int]:
    """The processes whose network namespace is the one called `name`."""
    out = command("ip", "netns", "pids", name, check=False).stdout
    return [int(pid) for pid in out.split()]


def kill_and_delete(name: str) -> None:
    """End every process in a namespace, then remove it.  Only for namespaces that this lab made."""
    for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 3.0)):
        end = time.monotonic() + patience
        pids = processes_in(name)
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        while pids and time.monotonic() < end:
            time.sleep(0.02)
            pids = processes_in(name)
        if not pids:
            break
    command("ip", "netns", "delete", name, check=False)


class Namespace:
    """One host of the topology.  Created at once, removed when the run ends."""

    def __init__(self, run: Run, role: str) -> None:
        self.role = role
        self.name = f"{run.name}-{role}"
        command("ip", "netns", "add", self.name)
        run.defer(kill_and_delete, self.name)
        self.ip("link set lo up")

    def __str__(self) -> str:
        return self.role

    def argv(self, *argv: str) -> list[str]:
        """The command line that runs `argv` in here."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(
        self, *argv: str, check: bool = True, timeout: float = 30, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in here and wait for it."""
        return command(*self.argv(*argv), check=check, timeout=timeout, stdin=stdin)

    def start(self, *argv: str, log: Path | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start a command in here; the namespace's removal ends it at the latest."""
        out: Any = subprocess.DEVNULL
        if log is not None:
            out = open(log, "a", encoding="utf-8")
        try:
            given: dict[str, Any] = dict(
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True, start_new_session=True
            )
            return subprocess.Popen(self.argv(*argv), **(given | options))
        finally:
            if log is not None:
                out.close()

    def ip(self, *lines: str) -> None:
        """Run `ip` command lines in here, all in one process."""
        command("ip", "-n", self.name, "-batch", "-", stdin="\n".join(lines) + "\n")

    def sysctl(self, **values: int | str) -> None:
        """Set sysctls; a double underscore stands for a dot: net__ipv4__ip_forward=1."""
        pairs = [f"{name.replace('__', '.')}={value}" for name, value in values.items()]
        self.run("sysctl", "-q", "-w", *pairs)

    def inside(self, function: Callable[[], T]) -> T:
        """Call a function in a thread that has entered this namespace (sockets made there stay in it)."""
        result: list[T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                with open(f"/run/netns/{self.name}", "rb") as handle:
                    if _libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                        code = ctypes.get_errno()
                        raise OSError(code, os.strerror(code), self.name)
                result.append(function())
            except BaseException as error:  # handed to the caller below
                failure.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this namespace."""
        return self.inside(lambda: socket.socket(family, kind, protocol))
