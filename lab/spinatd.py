"""spinat on the gateway: writes its configuration, runs the daemon, asks it what it knows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from lab.nat import DEFAULT, Nat, Timers
from lab.netns import command
from lab.pluto import tail
from lab.run import Run
from lab.topology import INSIDE_IF, OUTSIDE_IF, PUBLIC, ROUTED, Topology

PATIENCE = 60.0  # seconds to start or to stop in: for what hangs, on a machine that is busy with other tests


def build_dir() -> Path:
    """Where spinatd and spinat were built: $SPINAT_BUILD, or `build` beside the sources."""
    return Path(os.environ.get("SPINAT_BUILD") or Path(__file__).resolve().parent.parent / "build").resolve()


def bpffs(run: Run) -> Path:
    """A BPF file system of the run's own: `ip netns exec` hides the usual one, and what it mounts ends with it."""
    place = run.dir / "bpf"
    if not place.is_dir():
        place.mkdir()
        command("mount", "-t", "bpf", "-o", "mode=0700", "bpf", str(place))
        run.defer(command, "umount", "--lazy", str(place))
    return place


class SpinatdFailed(Exception):
    """The daemon did not start, or ended by itself."""


class Spinatd(Nat):
    """spinatd in the gateway's namespace.

    `options` are added to (or replace) the configuration's lines; a sequence writes a line per element.
    """

    name = "spinat"

    def __init__(
        self, topology: Topology, options: Mapping[str, str | Sequence[str]] | None = None
    ) -> None:
        super().__init__(topology)
        self.options = dict(options or {})
        self.public = ROUTED if self.options.get("backend") == "tun" else PUBLIC
        self.dir = topology.run.dir / "spinat"
        self.dir.mkdir(exist_ok=True)
        self.config = self.dir / "spinat.conf"
        self.socket = self.dir / "control"
        self.log = self.dir / "spinatd.log"
        self.journal = self.dir / "journal.db"
        self.bpffs = bpffs(topology.run)
        self.process: subprocess.Popen[str] | None = None
        self._crashed = False
        self._log_begin = 0
        topology.run.defer(self._end)

    def lines(self, timers: Timers = DEFAULT) -> list[str]:
        """The configuration, as lines."""
        options: dict[str, str | Sequence[str]] = {
            "interface": OUTSIDE_IF,
            "inside_interface": INSIDE_IF,
            "alias_address": self.public,
            "mode": "full",
            "backend": "nfqueue",
            "fast_path_linger": "off",  # so that a stop ends all
            "verbose": "yes",
            "control_socket": str(self.socket),
            "pid_file": str(self.dir / "pid"),
            "journal": str(self.journal),
            "bpffs": str(self.bpffs),
        }
        if timers.udp is not None:
            options["timeout_udp"] = str(timers.udp)
        if timers.esp is not None:
            options["timeout_esp"] = str(timers.esp)
        options |= self.options
        lines: list[str] = []
        for name, value in options.items():
            for one in [value] if isinstance(value, str) else value:
                lines.append(f"{name} {one}".rstrip())
        return lines

    def start(self, timers: Timers = DEFAULT, resume: bool = False) -> None:
        """Begin without any state, or with `resume` as a user's restart does: with the journal there is."""
        assert self.process is None, "spinatd runs already"
        if not resume:
            for old in self.dir.glob("journal.db*"):
                old.unlink()
        self.timers = timers
        self.config.write_text("\n".join(self.lines(timers)) + "\n")
        self.socket.unlink(missing_ok=True)
        self._log_begin = self.log.stat().st_size if self.log.exists() else 0
        # (A sanitizer build ends at the first finding, so that stop() or start() sees it.)
        environment = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"} | dict(os.environ)
        self.process = self.gw.start(
            str(build_dir() / "spinatd"), "-f", str(self.config), log=self.log, env=environment
        )
        self._crashed = False
        end = time.monotonic() + PATIENCE
        while self.command("show", "stats").returncode != 0:
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise SpinatdFailed(f"spinatd ended with exit code {code}\n{tail(self.log)}")
            if time.monotonic() > end:
                self.kill()
                raise SpinatdFailed(f"spinatd's control socket does not answer\n{tail(self.log)}")
            time.sleep(0.05)

    def said(self) -> str:
        """What it logged since it was last started."""
        return self.log.read_bytes()[self._log_begin :].decode()

    def stop(self) -> None:
        """A clean stop: SIGTERM.  The daemon takes its rules away itself."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is not None:
            raise SpinatdFailed(f"spinatd ended by itself: exit code {process.returncode}\n{tail(self.log)}")
        process.terminate()
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise SpinatdFailed(f"spinatd does not stop on SIGTERM\n{tail(self.log)}") from None
        if code != 0:
            raise SpinatdFailed(f"spinatd stopped with exit code {code}\n{tail(self.log)}")

    def halt(self, crash: bool = False) -> None:
        if crash:
            self.kill()
        else:
            self.stop()

    def resume(self) -> None:
        self.start(self.timers, resume=True)

    def _end(self) -> None:
        """The run ends: stop, and take away what a crash left outside the namespace."""
        try:
            self.stop()
        finally:
            if self._crashed:
                self.detach()

    def kill(self) -> None:
        """A crash: SIGKILL."""
        self._crashed = True
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def detach(self) -> subprocess.CompletedProcess[str]:
        """`spinatd --detach`: take away the rules that a crashed daemon left."""
        return self.gw.run(str(build_dir() / "spinatd"), "--detach", "-f", str(self.config), check=False)

    def command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """`spinat ARGV`, talking to this daemon."""
        return self.gw.run(str(build_dir() / "spinat"), *argv, "-s", str(self.socket), check=False)

    def show(self, what: str = "ipsec") -> str:
        done = self.command("show", what)
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def taken(self) -> int:
        """How many packets the programs in the kernel have translated."""
        fast = self.show_json("stats")["fast_path"]
        if not fast or not fast["hook"]:
            return 0
        return sum(int(fast[side]["taken"]["packets"]) for side in ("inside", "outside"))

    def show_json(self, what: str) -> Any:
        """`spinat show WHAT --json`, parsed."""
        done = self.command("show", what, "--json")
        if done.returncode != 0:
            raise SpinatdFailed(f"spinat show {what} --json: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)
