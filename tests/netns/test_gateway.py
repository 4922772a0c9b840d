"""The gateway itself: fails closed, minds the administrator's rules, keeps its own traffic."""

from __future__ import annotations

import re
import shutil
import time

import pytest
from conftest import Start
from scapy.layers.inet import ICMP
from wire import watch

from lab.masquerade import Masquerade
from lab.netns import Namespace
from lab.ordinary import Server
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd, SpinatdFailed, build_dir
from lab.topology import ORDINARY, OUTSIDE_IF, Topology

HOST, SERVER = ORDINARY["host"].address, ORDINARY["server"].address
IDENTIFIER = 4242  # of pings that are told apart from whatever else the host sends


def chatter(space: Namespace, seconds: float) -> None:
    """A host that keeps talking: ICMP, TCP and UDP, many small packets, whether answered or not."""
    count = str(int(seconds * 20))
    pinging = space.start("ping", "-n", "-q", "-i", "0.05", "-c", count, SERVER)
    script = f"i=0; while [ $i -lt {int(seconds * 10)} ]; do i=$((i+1)); echo x | nc -u -w0 -p $((20000+i)) {SERVER} 7; "
    script += f"nc -w1 -z {SERVER} 80; sleep 0.05; done"
    talking = space.start("sh", "-c", script)
    time.sleep(seconds)
    for process in (pinging, talking):
        process.terminate()
        process.wait()


def rules(topology: Topology) -> str:
    """The gateway's firewall, without counters."""
    text = topology.gw.run("iptables-save").stdout
    return "\n".join(
        re.sub(r"\[\d+:\d+\]", "", line) for line in text.splitlines() if not line.startswith("#")
    )


def test_a_crash_leaks_nothing(topology: Topology, server: Server, spinat: Spinatd) -> None:
    """kill -9 while the inside talks: from then on nothing with an inside source leaves."""
    with watch(topology) as before:
        chatter(topology["host"], 0.5)
    assert len(before.from_gateway) > 10  # it did talk
    with watch(topology) as wire:
        talking = topology["host"].start("ping", "-n", "-q", "-i", "0.01", "-c", "400", SERVER)
        time.sleep(0.5)
        spinat.kill()
        chatter(topology["host"], 1.5)
        talking.terminate()
        talking.wait()
    assert wire.leaked == []
    assert len(wire.from_gateway) > 10  # what was translated before the crash is in this capture


def test_a_restart_after_a_crash_works(topology: Topology, server: Server, spinat: Spinatd) -> None:
    assert server.fetch(topology["host"])
    spinat.kill()
    assert not server.resolve(topology["host"])
    spinat.start()
    assert server.fetch(topology["host"]) and server.resolve(topology["host"])


def test_detach_takes_the_guard_away(topology: Topology, spinat: Spinatd) -> None:
    """... and then the gateway only forwards: which also shows that it was the guard that held the leak."""
    argv = ["ping", "-e", str(IDENTIFIER), "-c", "2", "-i", "0.2", "-W", "0.3", SERVER]
    spinat.kill()
    with watch(topology) as guarded:
        topology["host"].run(*argv, check=False)
    assert guarded.leaked == []
    done = spinat.detach()
    assert done.returncode == 0, done.stdout + done.stderr
    with watch(topology) as open_:
        topology["host"].run(*argv, check=False)
    # Told by their identifier: the host may be retransmitting what an earlier test left open.
    pings = [packet for packet in open_.leaked if ICMP in packet and packet[ICMP].id == IDENTIFIER]
    assert [packet.src for packet in pings] == [HOST, HOST]


def test_a_clean_stop_leaves_the_gateway_as_it_was(topology: Topology, start: Start) -> None:
    topology.gw.run("iptables", "-A", "FORWARD", "-p", "tcp", "--dport", "25", "-j", "REJECT")
    try:
        before = rules(topology)
        nat = start()
        assert rules(topology) != before
        nat.stop()
        after = rules(topology)
        assert "REJECT" in after
        own = [line for line in after.splitlines() if "spinat" in line.lower()]
        assert own == []
        kept = [line for line in before.splitlines() if line.startswith("-A")]
        assert [line for line in after.splitlines() if line.startswith("-A")] == kept
    finally:
        topology.gw.run("iptables", "-D", "FORWARD", "-p", "tcp", "--dport", "25", "-j", "REJECT")


def test_the_administrator_s_forward_rules_still_hold(topology: Topology, server: Server, spinat: Spinatd) -> None:
    rule = ["FORWARD", "-s", HOST, "-p", "tcp", "--dport", "80", "-j", "DROP"]
    topology.gw.run("iptables", "-I", *rule)
    try:
        assert not server.fetch(topology["host"])
        assert server.resolve(topology["host"])
    finally:
        topology.gw.run("iptables", "-D", *rule)
    assert server.fetch(topology["host"])


@pytest.mark.parametrize("firewall", [False, True], ids=["open", "stateful"])
def test_the_gateway_s_own_traffic(topology: Topology, server: Server, spinat: Spinatd, firewall: bool) -> None:
    """With an INPUT that only lets answers in, as most gateways have it, and inside hosts talking meanwhile."""
    stateful = [
        ["INPUT", "-i", OUTSIDE_IF, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"],
        ["INPUT", "-i", OUTSIDE_IF, "-j", "DROP"],
    ]
    if firewall:
        for rule in stateful:
            topology.gw.run("iptables", "-A", *rule)
    try:
        pinging = topology["host"].start("ping", "-n", "-q", "-i", "0.05", "-c", "200", SERVER)
        assert server.fetch(topology.gw)
        assert server.resolve(topology.gw)
        assert ping(topology.gw, SERVER, 5) == 5
        assert server.fetch(topology["host"]) and server.resolve(topology["host"])
        pinging.terminate()
        pinging.wait()
    finally:
        if firewall:
            for rule in stateful:
                topology.gw.run("iptables", "-D", *rule)


def test_a_masquerade_that_covers_the_inside_is_refused(topology: Topology, start: Start) -> None:
    masquerade = Masquerade(topology)
    masquerade.start()
    try:
        with pytest.raises(SpinatdFailed, match="(?i)masquerade"):
            start()
        before = rules(topology)
        assert "spinat" not in before.lower()
    finally:
        masquerade.stop()


def test_a_masquerade_of_nftables_is_refused(topology: Topology, start: Start) -> None:
    """The same from a table of the administrator's own, which iptables does not show."""
    script = (
        "add table ip theirs; "
        "add chain ip theirs post { type nat hook postrouting priority 100; }; "
        f"add rule ip theirs post oifname {OUTSIDE_IF} ip saddr 192.168.1.0/24 masquerade"
    )
    topology.gw.run("nft", script)
    try:
        with pytest.raises(SpinatdFailed, match="theirs/post"):
            start()
    finally:
        topology.gw.run("nft", "delete", "table", "ip", "theirs")


def test_ipsec_only_lives_beside_masquerade(topology: Topology, server: Server, start: Start, backend: str) -> None:
    if backend == "tun":
        # A TUN device cannot share the gateway's own address, and spinatd says so.
        with pytest.raises(SpinatdFailed, match="(?s)ipsec-only.*nfqueue"):
            start(mode="ipsec-only")
        return
    masquerade = Masquerade(topology)
    masquerade.start()
    try:
        nat = start(mode="ipsec-only")
        with watch(topology) as wire:
            assert server.fetch(topology["host"])
            assert server.resolve(topology["host"])
        assert len(wire.from_gateway) > 10 and wire.leaked == []
        nat.kill()
        with watch(topology) as wire:
            assert server.fetch(topology["host"])  # not ours: a crash does not touch it
            topology["host"].run("ike-scan", "--sport=500", "--retry=2", "--timeout=200", SERVER, check=False)
        assert wire.leaked == []
        assert nat.detach().returncode == 0
    finally:
        masquerade.stop()


def test_a_bad_configuration_is_said_with_its_place(topology: Topology, start: Start) -> None:
    nat = Spinatd(topology)
    nat.config.write_text(f"interface {OUTSIDE_IF}\nalias_adress 203.0.113.1\n")
    before = rules(topology)
    done = topology.gw.run(str(build_dir() / "spinatd"), "-f", str(nat.config), check=False)
    assert done.returncode != 0
    assert re.search(rf"{re.escape(str(nat.config))}:2:\d+: .*alias_adress", done.stdout + done.stderr)
    assert rules(topology) == before


def test_port_range_is_kept_from_the_gateway_s_own_sockets(topology: Topology, spinat: Spinatd) -> None:
    """No outgoing socket of the gateway gets a port that the NAT gives away."""
    low, high = map(int, topology.gw.run("sysctl", "-n", "net.ipv4.ip_local_port_range").stdout.split())
    reserved = topology.gw.run("sysctl", "-n", "net.ipv4.ip_local_reserved_ports").stdout.strip()
    text = spinat.config.read_text() + str(spinat.show_json("stats"))
    match = re.search(r"port_range\W+(\d+)\W+(\d+)", text)
    first, last = (int(match[1]), int(match[2])) if match else (10000, 29999)
    assert last < low or first > high or f"{first}-{last}" in reserved




def test_a_masquerade_of_both_families_is_refused(topology: Topology, start: Start) -> None:
    """A table of nftables for IPv4 and IPv6 at once, as firewalld has it."""
    script = (
        "add table inet theirs; "
        "add chain inet theirs post { type nat hook postrouting priority 100; }; "
        f"add rule inet theirs post meta nfproto ipv4 oifname {OUTSIDE_IF} masquerade"
    )
    topology.gw.run("nft", script)
    try:
        with pytest.raises(SpinatdFailed, match="inet theirs/post"):
            start()
    finally:
        topology.gw.run("nft", "delete", "table", "inet", "theirs")


@pytest.mark.skipif(shutil.which("iptables-legacy") is None, reason="lacking iptables-legacy")
def test_a_masquerade_of_legacy_iptables_is_refused(topology: Topology, start: Start) -> None:
    rule = ["POSTROUTING", "-o", OUTSIDE_IF, "-j", "MASQUERADE"]
    done = topology.gw.run("iptables-legacy", "-t", "nat", "-A", *rule, check=False)
    if done.returncode != 0:
        pytest.skip(f"no iptables of the older kind: {done.stderr.strip()}")
    try:
        with pytest.raises(SpinatdFailed, match="iptables -t nat -A POSTROUTING"):
            start()
    finally:
        topology.gw.run("iptables-legacy", "-t", "nat", "-D", *rule)
