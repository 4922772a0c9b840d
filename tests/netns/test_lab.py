"""The lab itself: what the other tests rely on.  Needs no daemon."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from esp_host import CBC, GCM, EspHost, connect
from scapy.layers.inet import IP, UDP

from lab.cleanup import alone, cleanup, leftovers, remove
from lab.masquerade import Masquerade
from lab.netns import command
from lab.ordinary import Server
from lab.probes import ping_from as ping
from lab.topology import ORDINARY, PUBLIC, Topology
from wire import watch, wrong_checksums

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
from lab.run import Run
from lab.topology import Topology
with Run() as run:
    topology = Topology(run, "netns")
    topology["host"].start("sleep", "1000")
    print(run.name, flush=True)
    time.sleep(1000)
"""


def spaces(name: str) -> list[str]:
    out = command("ip", "netns", "list").stdout
    return [line for line in out.splitlines() if line.startswith(name + "-")]


def child() -> tuple[subprocess.Popen[str], str]:
    """A process with a lab of its own, and the name of its run."""
    script = SCRIPT.format(root=str(ROOT))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(topology: Topology, number: signal.Signals) -> None:
    process, name = child()
    assert len(spaces(name)) == 13
    process.send_signal(number)
    assert process.wait(20) != 0
    assert spaces(name) == []
    assert not (topology.run.dir.parent / name.removeprefix("spl")).exists()


def test_cleanup_takes_what_a_killed_run_left_and_nothing_else(topology: Topology) -> None:
    process, name = child()
    own = spaces(topology.run.name)
    with alone():  # another run that begins now would take them, too
        process.kill()
        process.wait()
        assert len(spaces(name)) == 13
        assert any(space.startswith(name + "-") for space in leftovers()[0])
        assert remove() >= 14
    assert spaces(name) == []
    assert spaces(topology.run.name) == own


def test_cleanup_leaves_another_living_run_alone(topology: Topology) -> None:
    """Two labs at the same time on one machine, from two trees: neither takes the other's namespaces."""
    process, name = child()
    try:
        before = spaces(name)
        assert len(before) == 13
        cleanup()
        assert spaces(name) == before
        assert (topology.run.dir.parent / name.removeprefix("spl")).exists()
    finally:
        process.terminate()
        process.wait(20)
    assert spaces(name) == []


def test_masquerade_carries_ordinary_traffic(topology: Topology, server: Server) -> None:
    """The page, the name and the ping work in this lab: a failure through spinat is then spinat's."""
    nat = Masquerade(topology)
    nat.start()
    try:
        with watch(topology) as wire:
            assert server.fetch(topology["host"])
            assert server.resolve(topology["host"])
            assert ping(topology["host"], ORDINARY["server"].address) == 3
        assert len(wire.from_gateway) > 10
        assert wire.leaked == []
        assert wrong_checksums(wire.packets) == []
    finally:
        nat.stop()


def test_a_leak_is_seen(topology: Topology, server: Server) -> None:
    """The control of every test that says that nothing leaked: without a NAT, it does."""
    with watch(topology) as wire:
        topology["host"].run("ping", "-c", "1", "-W", "0.3", ORDINARY["server"].address, check=False)
    assert [packet.src for packet in wire.leaked] == [ORDINARY["host"].address]


def test_a_wrong_checksum_is_seen() -> None:
    good = IP(bytes(IP(src="1.2.3.4", dst="5.6.7.8") / UDP(sport=1, dport=2) / b"payload"))
    assert wrong_checksums([good]) == []
    for offset in (11, 27, 30):
        data = bytearray(bytes(good))
        data[offset] ^= 0x10
        assert len(wrong_checksums([IP(bytes(data))])) == 1


@pytest.mark.parametrize("suite", [GCM, CBC], ids=["gcm", "cbc"])
def test_scapy_end_points_through_masquerade(topology: Topology, suite: object) -> None:
    nat = Masquerade(topology)
    nat.start()
    client, gateway = EspHost(topology, "c1"), EspHost(topology, "g1")
    try:
        connect(client, gateway, PUBLIC, 0x1001, 0x2001, suite)
        assert ping(topology["c1"], "10.2.0.1") == 3, (client.seen, gateway.seen)
        assert gateway.sources == {PUBLIC}
        assert min(client.seen["accepted"], gateway.seen["accepted"]) >= 3
    finally:
        client.close()
        gateway.close()
        nat.stop()
