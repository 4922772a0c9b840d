"""libreswan's pluto, one daemon per IPsec host, configured for IPsec as it was before NAT traversal.

No end point here helps the NAT: `encapsulation=no` and `nat-ikev1-method=none`, so IKE stays on UDP port 500 and ESP
stays IP protocol 50 even though the peers could see that there is a NAT.  The gateways accept any address (`%any`)
and know their clients by identity (`@c1`), as a gateway of road warriors does.

A connection is named client-gateway-version, `c1-g1-v2`; both ends know it by that name.  Its traffic selectors are the
two hosts' inner addresses.

The same daemon runs in the guest (real kernel ESP) and, where no ESP is needed, in a plain namespace of the host: the
`Where` says how to run a command there.  In a plain namespace of a kernel without ESP, IKE authenticates fully and only
installing the SA fails.
"""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Protocol

from lab.guest import Guest
from lab.netns import command
from lab.topology import CLIENTS, GATEWAYS, PEERS, Topology

LIBEXEC = "/usr/libexec/ipsec"
SECRET = "the secret of a lab where nothing is secret"
VERSIONS = ("v1", "v2")
SPI = re.compile(r"^src (\S+) dst (\S+)\n\s+proto esp spi (0x[0-9a-f]+)", re.MULTILINE)
STATE = re.compile(r"^(?:000 )?#(\d+): \"([^\"\n]+)\".*?STATE_(\w+)", re.MULTILINE)
IKE_STATES = {"V2_ESTABLISHED_IKE_SA", "MAIN_I4", "MAIN_R3"}
TRAFFIC = re.compile(r"\"([^\"\n]+)\".* Traffic: ESPin=(\S+) ESPout=(\S+)")

CONN = """
conn {name}
    auto=add
    left={left}
    leftid=@{left_id}
    leftsubnet={left_inner}/32
    leftupdown=%disabled
    right={right}
    rightid=@{right_id}
    rightsubnet={right_inner}/32
    rightupdown=%disabled
    authby=secret
    type=tunnel
    ikev2={ikev2}
    encapsulation=no
    nat-ikev1-method=none
    mobike=no
    ike=aes256-sha2_256;modp2048
    esp={esp}
    rekey=yes
    keyingtries=1
"""


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
class Conn:
    """One connection between a client and a gateway."""

    client: str
    gateway: str
    version: str

    def __str__(self) -> str:
        return f"{self.client}-{self.gateway}-{self.version}"


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
        nss = share / "nss"
        nss.mkdir()
        command("certutil", "-N", "-d", f"sql:{nss}", "--empty-password")
        (share / "secrets").write_text(f': PSK "{SECRET}"\n')
        for host in PEERS:
            (share / f"{host}.conf").write_text(self._configuration(host))

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

    @staticmethod
    def _configuration(host: str) -> str:
        client = host in {c.role for c in CLIENTS}
        others = GATEWAYS if client else CLIENTS
        text = "version 2.0\nconfig setup\n    uniqueids=no\n    nhelpers=0\n    ikev1-policy=accept\n"
        for other in others:
            for version in VERSIONS:
                conn = Conn(host, other.role, version) if client else Conn(other.role, host, version)
                text += CONN.format(
                    name=conn,
                    left=PEERS[host].address,
                    left_id=host,
                    left_inner=PEERS[host].inner,
                    right=other.address if client else "%any",
                    right_id=other.role,
                    right_inner=other.inner,
                    ikev2="insist" if version == "v2" else "no",
                    esp="aes_gcm256" if version == "v2" else "aes128-sha1",
                )
        return text

    def _dir(self, host: str) -> str:
        return f"/run/pluto-{host}" if self.seen == "/mnt" else f"{self.seen}/run-{host}"

    def start(self, hosts: Iterable[str] = tuple(PEERS), timeout: float = 30) -> None:
        """Start the daemons, all at once, and wait until they listen and have loaded their connections."""
        hosts = tuple(hosts)
        for host in hosts:
            directory = self._dir(host)
            self.where.start(
                host,
                "/bin/sh",
                "-c",
                f"mkdir -p {directory} && cp -r {self.seen}/nss {directory}/nss && "
                f"exec {LIBEXEC}/pluto --config {self.seen}/{host}.conf --nofork --stderrlog --no-dnssec "
                f"--nhelpers 0 --rundir {directory} --nssdir {directory}/nss --ipsecdir {directory} "
                f"--dumpdir {directory} --secretsfile {self.seen}/secrets",
                log=f"pluto-{host}.log",
            )
        end = time.monotonic() + timeout
        for host in hosts:
            wanted = (len(GATEWAYS) if host in {c.role for c in CLIENTS} else len(CLIENTS)) * len(VERSIONS)
            log = self.share / f"pluto-{host}.log"
            while not log.exists() or log.read_text(errors="replace").count(": added ") < wanted:
                if time.monotonic() > end:
                    raise TimeoutError(f"pluto of {host} is not ready\n{tail(log)}")
                time.sleep(0.1)

    def whack(
        self, host: str, *argv: str, timeout: float = 15
    ) -> subprocess.CompletedProcess[str]:
        """One command to one host's pluto."""
        return self.where.run(
            host, f"{LIBEXEC}/whack", "--rundir", self._dir(host), *argv, timeout=timeout
        )

    def add(self, host: str, *conns: Conn) -> None:
        """Load connections (again)."""
        done = self.where.run(
            host,
            f"{LIBEXEC}/addconn",
            "--config",
            f"{self.seen}/{host}.conf",
            "--ctlsocket",
            f"{self._dir(host)}/pluto.ctl",
            *map(str, conns),
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
        ends = (conn.client, conn.gateway)

        def sas(end: str) -> set[object]:
            return set(self.spis(end)) if what == "ipsec" else set(self.ike_states(end, conn))

        before = {end: sas(end) for end in ends}
        if conn.version == "v2":
            self.whack(host, "--name", str(conn), f"--rekey-{what}", timeout=timeout)
        elif what == "ipsec":
            self.whack(host, "--name", str(conn), "--initiate", timeout=timeout)
        else:
            newest = max(self.ike_states(host, conn))
            # (whack hangs on after this one, so the time it is given is short)
            self.whack(host, "--impair", f"event-sa-replace:{newest}", timeout=min(timeout, 2))
        end_time = time.monotonic() + 1
        while True:
            if all(sas(end) - before[end] for end in ends):
                return True
            if time.monotonic() > end_time:
                return False
            time.sleep(0.2)

    def refused(self, host: str) -> int:
        """Packets that a host's own IPsec dropped (no SA yet, none any more, ...): losses that are no NAT's."""
        text = self.where.run(host, "cat", "/proc/net/xfrm_stat").stdout
        counters = re.findall(r"^Xfrm(?!Fwd)\w+\s+(\d+)$", text, re.MULTILINE)
        if not counters:
            raise RuntimeError(f"{host} has no xfrm statistics: {text!r}")
        return sum(map(int, counters))

    def flush(self, host: str) -> None:
        """Throw a host's SAs out of its kernel, behind pluto's back."""
        self.where.run(host, "ip", "xfrm", "state", "flush")
