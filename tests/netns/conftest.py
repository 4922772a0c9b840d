"""Fixtures of the fast tier: plain namespaces, no guest.  Every test runs once per back end of the daemon."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from esp_host import EspHost  # noqa: E402
from ike_end import IkeEnd, ike_ends  # noqa: E402

from lab import need  # noqa: E402
from lab.cleanup import cleanup  # noqa: E402
from lab.masquerade import Masquerade  # noqa: E402
from lab.ordinary import Server  # noqa: E402
from lab.quiet import quiet  # noqa: E402
from lab.run import Run  # noqa: E402
from lab.spinatd import Spinatd  # noqa: E402
from lab.topology import PUBLIC, ROUTED, Topology  # noqa: E402

Start = Callable[..., Spinatd]


@pytest.fixture(scope="session")
def topology() -> Iterator[Topology]:
    """Every host is a namespace."""
    if lacking := need.for_namespaces():
        pytest.skip("no namespaces: lacking " + "; ".join(lacking))
    cleanup()
    with Run() as run:
        yield Topology(run, "netns")


@pytest.fixture
def alone() -> Iterator[None]:
    """No other test that asks for it runs meanwhile."""
    with quiet():
        yield


@pytest.fixture
def peers(topology: Topology) -> Iterator[dict[str, EspHost]]:
    """An ESP end point on each IPsec host."""
    hosts = {role: EspHost(topology, role) for role in ("c1", "c2", "g1", "g2")}
    yield hosts
    for host in hosts.values():
        host.close()


@pytest.fixture
def ike(topology: Topology) -> Iterator[dict[str, IkeEnd]]:
    """An IKE end point, by hand, on the IPsec hosts that have the same gateway, and on it."""
    with ike_ends(topology, "c1", "c2", "g1") as ends:
        yield ends


@pytest.fixture(scope="session")
def server(topology: Topology) -> Server:
    """The outside server."""
    return Server(topology)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--through",
        help="ways, comma separated, instead of nfqueue, tun and what a test is marked with: `bpf`, `bpf-offload` and `bpf-xdp` are "
        "the fast path on wires as they are, with the hosts' offloads, and at XDP; `masquerade` runs the tests through the "
        "kernel's NAT instead, which shows which of them judge spinat and which the lab",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "also(ways): the usual run has this test through these ways, too")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "through" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--through")
        also = metafunc.definition.get_closest_marker("also")
        usual = ["nfqueue", "tun", *(also.args if also else ())]
        through = getattr(metafunc.module, "BACKENDS", asked.split(",") if asked else usual)
        metafunc.parametrize("through", through, scope="session", indirect=True)


@pytest.fixture(scope="session")
def through(request: pytest.FixtureRequest) -> str:
    """The way of the packets: a back end, and what there is beside it."""
    return str(request.param)


@pytest.fixture(scope="session")
def backend(through: str) -> str:
    """... and the back end alone."""
    return through.partition("-")[0]


@pytest.fixture
def public(backend: str) -> str:
    """The address that the outside sees: a TUN device needs one that is not the gateway's own."""
    return ROUTED if backend == "tun" else PUBLIC


@pytest.fixture(scope="session")
def way(topology: Topology, through: str) -> Iterator[dict[str, str]]:
    """The cables as this way needs them, and the daemon's options for it."""
    if through == "bpf-offload":
        topology.let_hosts_offload()
    if through == "bpf-xdp":
        topology.make_xdp_possible(True)
    yield {"backend": through.partition("-")[0]} | ({"fast_path": "xdp"} if through == "bpf-xdp" else {})
    if through == "bpf-xdp":
        topology.make_xdp_possible(False)
    if through == "bpf-offload":
        topology.offloads(False)


@pytest.fixture
def start(topology: Topology, way: dict[str, str], backend: str) -> Iterator[Start]:
    """`start(name=value ...)` runs a daemon with such options; it is stopped, cleanly, after the test."""
    if backend == "masquerade":
        nat = Masquerade(topology)
        nat.start()
        yield lambda **_options: nat  # type: ignore[misc]
        nat.stop()
        return
    if lacking := need.for_spinatd():
        pytest.skip("not built: " + "; ".join(lacking))
    running: list[Spinatd] = []

    def begin(**options: object) -> Spinatd:
        given = {name: value if isinstance(value, (list, tuple)) else str(value) for name, value in options.items()}
        nat = Spinatd(topology, way | given)  # type: ignore[arg-type]
        running.append(nat)
        nat.start()
        return nat

    yield begin
    for nat in running:
        nat.stop()


@pytest.fixture
def spinat(start: Start) -> Spinatd:
    """A daemon with the plain configuration."""
    return start()
