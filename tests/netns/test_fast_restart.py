"""With the fast path no packet of a flow that is established is lost to a restart, a crash or another version.

While spinatd is away the programs in the kernel go on with the tables, and whoever starts next takes both over.
What they do not know is dropped, and nothing leaves untranslated.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from typing import Callable, Iterator

import pytest
from calm import calm
from conftest import Start
from echo import SERVER, Echo
from esp_host import GCM, EspHost, connect
from ike_end import IkeEnd, establish
from scapy.layers.inet import IP, TCP
from wire import INSIDE, watch, wrong_checksums

from lab.netns import Namespace, command
from lab.probes import ping_from as ping
from lab.spinatd import Spinatd, build_dir
from lab.topology import INSIDE_IF, OUTSIDE_IF, Topology

BACKENDS = ["bpf"]
pytestmark = pytest.mark.usefixtures("alone")


def stop_and_start(spinat: Spinatd) -> None:
    spinat.stop()
    spinat.start(resume=True)


def crash_and_start(spinat: Spinatd) -> None:
    calm(spinat)
    spinat.kill()
    spinat.start(resume=True)


def stay_away(spinat: Spinatd) -> None:
    """Longer than anything waits for an answer."""
    spinat.stop()
    time.sleep(2)
    spinat.start(resume=True)


Restart = Callable[[Spinatd], None]


@pytest.fixture(params=["tc", "clsact", "xdp"])
def fast(request: pytest.FixtureRequest, start: Start, topology: Topology) -> Iterator[Spinatd]:
    topology.make_xdp_possible(request.param == "xdp")
    spinat = start(fast_path=request.param, fast_path_linger=60)
    yield spinat
    spinat.stop()
    assert spinat.detach().returncode == 0
    topology.make_xdp_possible(False)


def taken(spinat: Spinatd, side: str) -> int:
    count: int = spinat.show_json("stats")["fast_path"][side]["taken"]["packets"]
    return count


class Traffic:
    """iperf3's UDP both ways and TCP, and pings, of an inside host."""

    def __init__(self, topology: Topology, seconds: int) -> None:
        server, host = topology["server"], topology["host"]
        self._servers = [
            server.start("iperf3", "-s", "-1", "-p", str(port), stdout=subprocess.DEVNULL) for port in (5301, 5302, 5303)
        ]
        time.sleep(0.3)
        common = ["iperf3", "-J", "-c", SERVER, "-t", str(seconds)]
        loads = [
            ["-p", "5301", "-u", "-b", "500k", "-l", "250"],
            ["-p", "5302", "-u", "-b", "500k", "-l", "250", "-R"],
            ["-p", "5303", "-b", "4M"],
        ]
        self._clients = [host.start(*common, *load, stdout=subprocess.PIPE, text=True) for load in loads]
        ping = ["ping", "-n", "-c", str(seconds * 50), "-i", "0.02", SERVER]
        self._clients.append(host.start(*ping, stdout=subprocess.PIPE, text=True))

    def end(self) -> None:
        """Until all is over: no connection broke, and as much came as was to come."""
        for client in self._clients:
            said, _ = client.communicate(timeout=60)
            assert client.returncode == 0, said
            if said.startswith("{"):
                assert json.loads(said)["end"]["sum_received"]["bytes"] > 100_000, said
        for server in self._servers:
            server.wait(10)


def carried(packets: list[IP]) -> Counter[str]:
    """What crossed a wire from and to the server: packets, and of TCP, which may be cut anew, bytes.

    A host that waits for a processor loses packets of its own, so what the gateway lost is counted at its two sides.
    """
    counts: Counter[str] = Counter()
    for packet in packets:
        way = "in" if packet.src == SERVER else "out"
        if TCP in packet:
            counts[f"tcp {way}"] += packet.len - 4 * packet.ihl - 4 * packet[TCP].dataofs
        else:
            counts[f"{packet.proto} {way}"] += 1
    return counts


def state(topology: Topology, spinat: Spinatd) -> str:
    """All that tells where a packet was lost."""
    queues = topology.gw.run("cat", "/proc/net/netfilter/nfnetlink_queue").stdout
    return "\n".join([spinat.said(), spinat.show("datapath"), spinat.show("stats"), queues])


@contextmanager
def under_way(topology: Topology, spinat: Spinatd, seconds: int) -> Iterator[Traffic]:
    """Traffic that the kernel carries by itself by now."""
    traffic = Traffic(topology, seconds)
    time.sleep(1.5)
    before = taken(spinat, "inside"), taken(spinat, "outside")
    time.sleep(0.5)
    assert taken(spinat, "inside") > before[0] + 40 and taken(spinat, "outside") > before[1] + 40
    yield traffic


@pytest.mark.parametrize(
    "fast, restart",
    [
        ("tc", stop_and_start),
        ("tc", crash_and_start),
        ("clsact", crash_and_start),
        ("xdp", stop_and_start),
        ("xdp", stay_away),
    ],
    indirect=["fast"],
)
def test_established_flows_lose_nothing(topology: Topology, fast: Spinatd, restart: Restart) -> None:
    what = f"ip host {SERVER}"
    with watch(topology, what, snap=2048) as wire, watch(topology, what, INSIDE, snap=128) as inside:
        with under_way(topology, fast, 8) as traffic:
            before = program_ids(fast)
            restart(fast)
            said = fast.said()
            time.sleep(0.5)
            count = taken(fast, "inside")
            time.sleep(0.5)
            assert taken(fast, "inside") > count + 40, said
        traffic.end()
    assert carried(wire.packets) == carried(inside.packets), state(topology, fast)
    assert len(carried(wire.packets)) == 6 and min(carried(wire.packets).values()) > 300, carried(wire.packets)
    assert wire.leaked == []
    # The router's GRO, without which it takes no frames of XDP, puts TCP together before the capture sees it.
    whole = [packet for packet in wire.packets if TCP not in packet or fast.options["fast_path"] != "xdp"]
    assert len(whole) > 1000 and wrong_checksums(whole[:2000]) == []
    # Each link is the one of before and runs another program: that of whoever started last.
    after = program_ids(fast)
    assert len(after) == 4 and after.keys() == before.keys()
    for name in after:
        assert after[name][0] == before[name][0] and after[name][1] != before[name][1]
    word = "crashed" if restart is crash_and_start else "stopped"
    # Each iperf3 has a TCP session for itself.
    found = re.search(rf"a spinatd that {word}, (\d+) sessions and 0 SPIs go on; 0 flows .*, 0 places", said)
    assert found is not None and int(found[1]) >= 7, said
    assert f"took over {found[1]} sessions and 0 SPIs of a spinatd that {word}" in fast.show("datapath")


def program_ids(spinat: Spinatd) -> dict[str, tuple[int, int]]:
    """Of each link that is pinned: its id, and that of the program that it runs; or of each filter."""
    links = (spinat.bpffs / "spinat").glob("*/fast_*")
    shown = {link.name: json.loads(command("bpftool", "-j", "link", "show", "pinned", str(link)).stdout) for link in links}
    return {name: (link["id"], link["prog_id"]) for name, link in shown.items()} | filter_programs(spinat.gw)


def filter_programs(gw: Namespace) -> dict[str, tuple[int, int]]:
    """Of our filters at clsact: the handle, and the program's id."""
    found = {}
    for device in (INSIDE_IF, OUTSIDE_IF):
        for side in ("ingress", "egress"):
            for one in json.loads(gw.run("tc", "-j", "filter", "show", "dev", device, side).stdout or "[]"):
                options = one.get("options", {})
                if options.get("bpf_name", "").startswith("spinat:"):
                    found[f"{device} {side}"] = int(options["handle"], 16), options["prog"]["id"]
    return found


@pytest.fixture
def echo(topology: Topology) -> Iterator[Echo]:
    one = Echo(topology)
    yield one
    one.close()


def test_nothing_gets_out_while_it_is_away(topology: Topology, fast: Spinatd, echo: Echo) -> None:
    """A stop leaves the programs and the guard: known flows go on, new ones wait, until --detach ends it all."""
    with watch(topology) as wire:
        assert all(echo.asks() for _ in range(5))
        fast.stop()
        assert "known flows go on in the kernel for 60 s" in fast.said()
        assert all(echo.asks() for _ in range(5))
        assert ping(topology["host2"], SERVER, 2, "-W", "1") == 0
    assert wire.leaked == []
    assert fast.detach().returncode == 0
    assert not echo.asks()
    assert not list((fast.bpffs / "spinat").glob("*/*")), "nothing is left"
    fast.start()


def test_alone_for_too_long(topology: Topology, start: Start, echo: Echo) -> None:
    """Rules may have changed: after fast_path_linger nothing is taken any more."""
    fast = start(fast_path_linger=3)
    with watch(topology) as wire:
        assert all(echo.asks() for _ in range(5))
        fast.stop()
        assert all(echo.asks() for _ in range(5))
        time.sleep(3.5)
        assert not echo.asks()
    assert wire.leaked == []
    assert fast.detach().returncode == 0
    fast.start()


def test_off_ends_with_it(topology: Topology, start: Start, echo: Echo) -> None:
    fast = start(fast_path_linger="off")
    assert all(echo.asks() for _ in range(5))
    assert program_ids(fast) == {}
    fast.kill()
    assert not echo.asks()
    fast.start(resume=True)
    assert "go on" not in fast.said()
    assert not list((fast.bpffs / "spinat").glob("*/*"))


def test_esp_goes_on(
    topology: Topology, fast: Spinatd, peers: dict[str, EspHost], ike: dict[str, IkeEnd], public: str
) -> None:
    """Tunnels with raw ESP, in the kernel before, meanwhile and after; and the journal knows the rest."""
    establish(ike, "c1", public, b"client-1", b"gateway1")
    connect(peers["c1"], peers["g1"], public, 0x1001, 0x2001, GCM)
    assert ping(topology["c1"], "10.2.0.1", count=10) == 10
    before = taken(fast, "inside")
    assert ping(topology["c1"], "10.2.0.1", count=3) == 3
    assert taken(fast, "inside") >= before + 3, fast.show("flows")
    time.sleep(0.5)
    calm(fast, 10)
    # The first one after a while is a probe.
    assert ping(topology["c1"], "10.2.0.1", count=3) == 3
    fast.kill()
    assert ping(topology["c1"], "10.2.0.1", count=3) == 3, peers["c1"].seen
    fast.start(resume=True)
    assert "0 sessions and 2 SPIs go on" in fast.said()
    assert "tunnels back: 1 (IKE SAs: 1, SPIs out: 1, in: 1)" in fast.said()
    assert ping(topology["c1"], "10.2.0.1", count=5) == 5
    assert ping(topology["g1"], "10.1.0.1", count=5) == 5
    for one in fast.show_json("flows"):
        assert sum(one["packets"].values()) == one["sequence"] >= 10, fast.show("flows")


def test_another_size_begins_anew(topology: Topology, start: Start) -> None:
    fast = start(fast_path_linger=60)
    assert ping(topology["host"], SERVER) == 3
    fast.stop()
    fast.options["max_flows"] = "1000"
    fast.start(resume=True)
    assert "no flow of before goes on: what was left is of another version, or of other sizes" in fast.said()
    assert fast.show_json("stats")["flows"] == 0
    assert ping(topology["host"], SERVER) == 3
    fast.stop()
    fast.detach()
    fast.start()


def test_another_hook(topology: Topology, fast: Spinatd) -> None:
    """tc instead of XDP, or the other way round: the flows go on, and nothing of the other hook is left."""
    assert ping(topology["host"], SERVER) == 3
    fast.stop()
    topology.make_xdp_possible(True)
    fast.options["fast_path"] = {"tc": "xdp", "clsact": "tc", "xdp": "clsact"}[str(fast.options["fast_path"])]
    fast.start(resume=True)
    assert "1 sessions and 0 SPIs go on" in fast.said()
    assert ping(topology["host"], SERVER) == 3
    assert len(program_ids(fast)) == 4


def test_another_back_end(topology: Topology, start: Start) -> None:
    """Programs of before would go on beside it."""
    fast = start(fast_path_linger=60)
    assert ping(topology["host"], SERVER) == 3
    fast.stop()
    assert len(program_ids(fast)) == 4
    fast.options["backend"] = "nfqueue"
    fast.start(resume=True)
    assert program_ids(fast) == {} and "fast path: removed from 1 interface" in fast.said()
    assert ping(topology["host"], SERVER) == 3


def test_one_at_a_time(topology: Topology, fast: Spinatd) -> None:
    """A second daemon on the same interface is told so, and disturbs nothing."""
    other = Spinatd(topology, {"backend": "bpf", "fast_path_linger": "60"})
    other.config = fast.dir / "other.conf"
    lines = [line for line in other.lines() if not line.startswith(("pid_file", "control_socket"))]
    lines += [f"pid_file {fast.dir}/other.pid", f"control_socket {fast.dir}/other"]
    other.config.write_text("\n".join(lines) + "\n")
    done = topology.gw.run(str(build_dir() / "spinatd"), "-f", str(other.config), check=False)
    assert done.returncode == 1 and "another spinatd has a fast path on out" in done.stderr, done
    assert len(program_ids(fast)) == 4
    assert ping(topology["host"], SERVER) == 3
