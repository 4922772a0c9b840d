"""libreswan's pluto, one daemon per IPsec host; connections.py says how they are configured.

The same daemon runs in the guest (real kernel ESP) and, where no ESP is needed, in a plain namespace of the host: the
`Where` says how to run a command there.  In a plain namespace of a kernel without ESP, IKE authenticates fully and only
installing the SA fails.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Protocol

from lab import connections
from lab.connections import SECRET, Conn
from lab.guest import Guest
from lab.netns import command
from lab.topology import PEERS, Topology

LIBEXEC = "/usr/libexec/ipsec"
SPI = re.compile(r"^src (\S+) dst (\S+)\n\s+proto esp spi (0x[0-9a-f]+)", re.MULTILINE)
STATE = re.compile(r"^(?:000 )?#(\d+): \"([^\"\n]+)\".*?STATE_(\w+)", re.MULTILINE)
IKE_STATES = {"V2_ESTABLISHED_IKE_SA", "MAIN_I4", "MAIN_R3"}
TRAFFIC = re.compile(r"\"([^\"\n]+)\".* Traffic: ESPin=(\S+) ESPout=(\S+)")


def tail(log: Path, lines: int = 25) -> str:
    """The end of a log file, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


class Where(Protocol):
    """How to run things on an IPsec host."""

    def run(self, host: str, *argv: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""

    def start(self, host: str, *argv: str, log: str) -> int:
        """Start a daemon, its output in the file `log` of the share."""


class Spaces:
    """`Where` the IPsec hosts are plain namespaces."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology

    def run(self, host: str, *argv: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        try:
            return self.topology[host].run(*argv, check=False, timeout=timeout)
        except subprocess.TimeoutExpired as late:  # as the guest's agent has it: what was said so far
            out, err = ((text or b"").decode() for text in (late.stdout, late.stderr))
            return subprocess.CompletedProcess(argv, -1, out, err + "\n(timed out)")

    def start(self, host: str, *argv: str, log: str) -> int:
        return self.topology[host].start(*argv, log=self.topology.run.dir / "pluto" / log).pid


@dataclass(frozen=True)
class SA:
    """One direction of an IPsec SA, as a host's kernel lists it."""

    source: str
    target: str
    spi: str


class Pluto:
    """The daemons of all IPsec hosts."""

    def __init__(self, where: Where, share: Path, seen: str) -> None:
        """`share` is a directory of ours that the hosts see as `seen`."""
        self.where = where
        self.share = share
        self.seen = seen
        self._pids: dict[str, int] = {}  # of the daemons that run
        self._starts = itertools.count(1)
        nss = share / "nss"
        nss.mkdir()
        command("certutil", "-N", "-d", f"sql:{nss}", "--empty-password")
        (share / "secrets").write_text(f': PSK "{SECRET}"\n')
        for host in PEERS:
            (share / f"{host}.conf").write_text(connections.configuration(host))

    @staticmethod
    def in_guest(guest: Guest) -> Pluto:
        """Plutos in the user-mode-linux guest."""
        return Pluto(guest, guest.share, "/mnt")

    @staticmethod
    def in_spaces(topology: Topology) -> Pluto:
        """Plutos in plain namespaces."""
        share = topology.run.dir / "pluto"
        share.mkdir()
        return Pluto(Spaces(topology), share, str(share))

    def _dir(self, host: str) -> str:
        return f"/run/pluto-{host}" if self.seen == "/mnt" else f"{self.seen}/run-{host}"

    def start(self, hosts: Iterable[str], timeout: float = 30) -> None:
        """Start the daemons, all at once, and wait until they listen and have loaded their connections."""
        hosts = tuple(hosts)
        logs = {}
        for host in hosts:
            directory = self._dir(host)
            log = f"pluto-{host}.{next(self._starts)}.log"
            logs[host] = self.share / log
            self._pids[host] = self.where.start(
                host,
                "/bin/sh",
                "-c",
                f"rm -rf {directory} && mkdir -p {directory} && cp -r {self.seen}/nss {directory}/nss && "
                f"exec {LIBEXEC}/pluto --config {self.seen}/{host}.conf --nofork --stderrlog --no-dnssec "
                f"--nhelpers 0 --rundir {directory} --nssdir {directory}/nss --ipsecdir {directory} "
                f"--dumpdir {directory} --secretsfile {self.seen}/secrets",
                log=log,
            )
        end = time.monotonic() + timeout
        for host, log_file in logs.items():
            wanted = len(connections.of(host))
            while not log_file.exists() or log_file.read_text(errors="replace").count(": added ") < wanted:
                if time.monotonic() > end:
                    raise TimeoutError(f"pluto of {host} is not ready\n{tail(log_file)}")
                time.sleep(0.1)

    def ensure(self, *hosts: str) -> None:
        """Start the daemons of those hosts that have none yet."""
        if lacking := [host for host in hosts if host not in self._pids]:
            self.start(lacking)

    def stop(self, host: str) -> None:
        """End a host's daemon, if there is one, without a word to anybody."""
        if (pid := self._pids.pop(host, None)) is not None:
            self.where.run(host, "kill", "-9", str(pid))

    def crash(self, host: str) -> None:
        """A host loses power: its daemon is gone without a word, and so is all that its kernel knew."""
        self.stop(host)
        self.where.run(host, "ip", "xfrm", "state", "flush")
        self.where.run(host, "ip", "xfrm", "policy", "flush")

    def whack(
        self, host: str, *argv: str, timeout: float = 15
    ) -> subprocess.CompletedProcess[str]:
        """One command to one host's pluto."""
        return self.where.run(
            host, f"{LIBEXEC}/whack", "--rundir", self._dir(host), *argv, timeout=timeout
        )

    def add(self, host: str, *conns: Conn) -> None:
        """Load connections (again)."""
        self.load(host, *map(str, conns))

    def load(self, host: str, *names: str) -> None:
        """Load connections by their names."""
        done = self.where.run(
            host,
            f"{LIBEXEC}/addconn",
            "--config",
            f"{self.seen}/{host}.conf",
            "--ctlsocket",
            f"{self._dir(host)}/pluto.ctl",
            *names,
        )
        if done.returncode != 0:
            raise RuntimeError(f"addconn on {host}: {done.stdout}{done.stderr}")

    def up(self, conn: Conn, timeout: float = 15, towards: str | None = None) -> bool:
        """The client initiates (or the gateway, `towards` a public address); true when the IPsec SA is up."""
        end, where = conn.client, []
        if towards is not None:
            end, where = conn.gateway, ["--remote-host", towards]
        done = self.whack(end, "--name", str(conn), "--initiate", *where, timeout=timeout)
        return bool(re.search(r"established (Child|IPsec) SA|IPsec SA established", done.stdout))

    def delete(self, conn: Conn) -> None:
        """Forget a connection and its SAs at both ends (client first: its Delete can still reach the gateway)."""
        for host in (conn.client, conn.gateway):
            self.whack(host, "--name", str(conn), "--delete")

    def spis(self, host: str) -> list[SA]:
        """The ESP SAs in a host's kernel."""
        out = self.where.run(host, "ip", "xfrm", "state").stdout
        return [SA(*match) for match in SPI.findall(out)]

    def states(self, host: str) -> str:
        """What pluto says about its states."""
        return self.whack(host, "--showstates").stdout

    def ike_states(self, host: str, conn: Conn) -> set[int]:
        """The numbers of a connection's established IKE SAs: a rekey makes a new one."""
        found = STATE.findall(self.states(host))
        return {int(number) for number, name, state in found if name == str(conn) and state in IKE_STATES}

    def silent(self, host: str, conn: Conn) -> bool:
        """Whether a host has not sent a single ESP packet over a connection's SAs."""
        sent = [out for name, _in, out in TRAFFIC.findall(self.states(host)) if name == str(conn)]
        return bool(sent) and all(out == "0B" for out in sent)

    def rekey(self, host: str, conn: Conn, what: str, timeout: float = 5) -> bool:
        """Rekey the `ipsec` or the `ike` SA from one end; true when *both* ends have the new SA.

        libreswan's --rekey-ipsec and --rekey-ike know IKEv2 only.  In IKEv1 the same is a new Quick Mode, and for
        the ISAKMP SA its replace event, here brought forward.
        """
        before = self._pairs(conn) if what == "ipsec" else {}
        states = {} if what == "ipsec" else {end: self.ike_states(end, conn) for end in (conn.client, conn.gateway)}
        if conn.version == "v2":
            self.whack(host, "--name", str(conn), f"--rekey-{what}", timeout=timeout)
        elif what == "ipsec":
            self.whack(host, "--name", str(conn), "--initiate", timeout=timeout)
        else:
            # (whack hangs on after this one, so the time it is given is short)
            self.whack(host, "--impair", f"event-sa-replace:{max(states[host])}", timeout=min(timeout, 2))
        end_time = time.monotonic() + 1
        while True:
            if what == "ipsec" and self._paired_anew(conn, before):
                return True
            if what == "ike" and all(self.ike_states(end, conn) - known for end, known in states.items()):
                return True
            if time.monotonic() > end_time:
                return False
            time.sleep(0.2)

    def _pairs(self, conn: Conn) -> dict[bool, set[str]]:
        """The client's SPIs with its gateway: outbound ones under True, inbound ones under False."""
        client, gateway = PEERS[conn.client].address, PEERS[conn.gateway].address
        found = self.spis(conn.client)
        return {
            True: {sa.spi for sa in found if (sa.source, sa.target) == (client, gateway)},
            False: {sa.spi for sa in found if (sa.source, sa.target) == (gateway, client)},
        }

    def _paired_anew(self, conn: Conn, before: dict[bool, set[str]]) -> bool:
        """Whether the client has a new SA each way, and the gateway has the same two."""
        now = self._pairs(conn)
        new = [now[way] - before[way] for way in (True, False)]
        return all(new) and set.union(*new) <= {sa.spi for sa in self.spis(conn.gateway)}
