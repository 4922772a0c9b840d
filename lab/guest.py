"""The user-mode-linux guest that holds every IPsec host: a kernel with real ESP, as one process group.

Its root is the host's `/`, read-only, so every installed program is there.  `agent.py` is its init; see there for
what it offers.  Each IPsec host is a network namespace in the guest, and its eth0 is a tap in the lab's `wires`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.topology import MGMT_GUEST, PEERS, Topology

MEMORY = "256M"
PORT = 7700
BOOT_SECONDS = 60
MODULES_BASE = Path("/usr/lib/uml/modules")
MODULES = """
    drivers/net/tun crypto/hmac crypto/jitterentropy_rng crypto/drbg crypto/gf128mul crypto/ghash-generic crypto/ctr
    crypto/gcm crypto/cbc crypto/authenc crypto/authencesn crypto/seqiv crypto/echainiv crypto/sha512_generic
    lib/crypto/libdes crypto/des_generic net/xfrm/xfrm_algo net/xfrm/xfrm_user net/key/af_key net/ipv4/esp4
    net/sched/sch_netem
""".split()


@dataclass(frozen=True)
class Ipsec:
    """What the kernel of one host says: the (source, target, SPI) of every SA there ever was, and its counters."""

    sas: frozenset[tuple[str, str, int]]
    counters: dict[str, int]

    @property
    def refused(self) -> int:
        """Packets that the host's own IPsec dropped (no SA yet, none any more, ...): losses that are no NAT's."""
        return sum(value for name, value in self.counters.items() if not name.startswith("XfrmFwd"))


class GuestError(Exception):
    """The guest did not come up, or could not do what it was asked."""


def modules() -> list[str]:
    """The modules ESP and pluto need, in an order in which each finds those it depends on."""
    versions = sorted(MODULES_BASE.iterdir())
    if not versions:
        raise GuestError(f"no modules under {MODULES_BASE}")
    kernel = versions[-1] / "kernel"
    found: list[str] = []
    for name in MODULES:
        path = kernel / f"{name}.ko"
        if path.exists():  # what is missing is built in, or the agent's own error will say so
            found.append(str(path))
    return found


class Guest:
    """Boots on construction; ends with the run.  `run`, `start` and `transfer` are remote procedure calls."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.share = topology.run.dir / "guest"
        self.share.mkdir()
        self.log = topology.run.dir / "guest.log"
        begin = time.monotonic()
        self.process = self._boot()
        topology.run.defer(self.stop)
        self._wait()
        self.boot_seconds = time.monotonic() - begin

    def _boot(self) -> subprocess.Popen[str]:
        run = self.topology.run
        devices = ["mgmt"] + [f"tap-{role}" for role in PEERS]
        hosts = [
            {
                "role": host.role,
                "device": f"vec{number}",
                "address": host.address,
                "router": host.router,
                "inner": host.inner,
            }
            for number, host in enumerate(PEERS.values(), 1)
        ]
        config = {
            "share": str(self.share),
            "modules": modules(),
            "hosts": hosts,
            "mgmt": MGMT_GUEST,
            "port": PORT,
        }
        path = run.dir / "guest.json"
        path.write_text(json.dumps(config))
        vectors = [
            f"vec{number}:transport=tap,ifname={device},depth=64" for number, device in enumerate(devices)
        ]
        environment = dict(os.environ)
        if os.path.isdir("/dev/shm"):
            environment["TMPDIR"] = "/dev/shm"  # where the guest's memory is: not on a disk
        return self.topology.wires.start(
            "linux.uml",
            f"mem={MEMORY}",
            f"umid={run.name}",
            f"uml_dir={run.dir}",
            "root=/dev/root",
            "rootfstype=hostfs",
            "ro",
            "quiet",
            "con=null",
            "con0=null,fd:1",
            *vectors,
            "init=/usr/bin/python3",
            "--",
            "-I",
            "-S",
            str(Path(__file__).with_name("agent.py")),
            str(path),
            log=self.log,
            env=environment,
        )

    def _wait(self) -> None:
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise GuestError(f"user-mode-linux ended while booting\n{self.log.read_text()}")
            if "agent: ready" in self.log.read_text(errors="replace"):
                self.call({"do": "ping"}, timeout=10)
                return
            time.sleep(0.05)
        raise GuestError(f"user-mode-linux did not boot in {BOOT_SECONDS} s\n{self.log.read_text()}")

    def stop(self) -> None:
        """End the guest: all of its processes are one process group of the host."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)

    def call(self, request: dict[str, Any], timeout: float = 30) -> dict[str, Any]:
        """One request to the agent."""
        with self.topology.wires.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect((MGMT_GUEST, PORT))
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps(request).encode() + b"\n")
                stream.flush()
                line = stream.readline()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply and request["do"] != "transfer":
            raise GuestError(reply["error"])
        return reply

    def run(
        self, host: str, *argv: str, timeout: float = 30, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on one of the guest's hosts."""
        reply = self.call(
            {"do": "run", "host": host, "argv": argv, "timeout": timeout, "stdin": stdin}, timeout + 10
        )
        return subprocess.CompletedProcess(argv, reply["code"], reply["out"], reply["err"])

    def start(self, host: str, *argv: str, log: str) -> int:
        """Start a daemon on one of the guest's hosts; its output goes to the file `log` of the share."""
        reply = self.call({"do": "start", "host": host, "argv": argv, "log": f"/mnt/{log}"})
        return int(reply["pid"])

    def ipsec(self) -> dict[str, Ipsec]:
        """What the kernels of all hosts say of IPsec."""
        return {
            host: Ipsec(frozenset((source, target, spi) for source, target, spi in told["sas"]), told["counters"])
            for host, told in self.call({"do": "ipsec"}).items()
        }

    def transfer(self, source: str, target: str, size: int, timeout: float = 15) -> dict[str, Any]:
        """Send `size` bytes over TCP between two hosts' inner addresses; see agent.transfer."""
        request = {
            "do": "transfer",
            "from": source,
            "to": target,
            "source": PEERS[source].inner,
            "target": PEERS[target].inner,
            "bytes": size,
            "timeout": timeout,
        }
        return self.call(request, 2 * timeout + 10)
