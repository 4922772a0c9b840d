"""Fixtures of the guest tier: one guest for the whole session, and the NATs over it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab import need  # noqa: E402
from lab.masquerade import Masquerade  # noqa: E402
from lab.nat import DEFAULT, Nat, Timers  # noqa: E402
from lab.onetoone import OneToOne  # noqa: E402
from lab.spinatd import Spinatd  # noqa: E402
from lab.topology import Topology  # noqa: E402
from lab.world import World  # noqa: E402


class NoNat(Nat):
    """A gateway that only forwards: the control that shows that the cases can fail."""

    name = "no NAT"

    def start(self, timers: Timers = DEFAULT) -> None:
        self.timers = timers

    def stop(self) -> None:
        pass


class IpsecOnly(Spinatd):
    """The kernel's masquerade for TCP and UDP, spinat for IKE and ESP."""

    name = "spinat ipsec-only"

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology, {"mode": "ipsec-only"})
        self.masquerade = Masquerade(topology)

    def start(self, timers: Timers = DEFAULT) -> None:
        self.masquerade.start(timers)
        super().start(timers)

    def stop(self) -> None:
        super().stop()
        self.masquerade.stop()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "choice(cases): the cases a test of several clients runs")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every", action="store_true", help="every case of several clients, with 2 to 5 of them, in every IKE version"
    )


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The lab with its guest; skipped with the reason where there can be none."""
    if lacking := need.for_guest():
        pytest.skip("no guest: lacking " + "; ".join(lacking))
    with World() as lab:
        yield lab


@pytest.fixture(scope="session")
def built() -> None:
    """The daemon under test exists."""
    if lacking := need.for_spinatd():
        pytest.skip("not built: " + "; ".join(lacking))


@pytest.fixture(scope="session")
def masquerade(world: World) -> Masquerade:
    return Masquerade(world.topology)


@pytest.fixture(scope="session")
def no_nat(world: World) -> NoNat:
    return NoNat(world.topology)


@pytest.fixture(scope="session")
def nfqueue(world: World, built: None) -> Spinatd:
    return Spinatd(world.topology, {"backend": "nfqueue"})


@pytest.fixture(scope="session")
def tun(world: World, built: None) -> Spinatd:
    return Spinatd(world.topology, {"backend": "tun"})


@pytest.fixture(scope="session")
def bpf(world: World, built: None) -> Spinatd:
    """With the fast path at tc."""
    return Spinatd(world.topology, {"backend": "bpf"})


@pytest.fixture
def xdp(world: World, built: None) -> Iterator[Spinatd]:
    """With the fast path at XDP."""
    world.topology.make_xdp_possible(True)
    yield Spinatd(world.topology, {"backend": "bpf", "fast_path": "xdp"})
    world.topology.make_xdp_possible(False)


@pytest.fixture(scope="session")
def ipsec_only(world: World, built: None) -> IpsecOnly:
    return IpsecOnly(world.topology)


@pytest.fixture(scope="session")
def one_to_one(world: World) -> OneToOne:
    return OneToOne(world.topology)


@pytest.fixture(scope="session")
def journal(world: World, built: None) -> Spinatd:
    if lacking := need.for_journal():
        pytest.skip("; ".join(lacking))
    return Spinatd(world.topology, {"journal": str(world.run.dir / "spinat" / "journal.db")})


@pytest.fixture(scope="session")
def bpf_journal(bpf: Spinatd, journal: Spinatd) -> Spinatd:
    return Spinatd(bpf.topology, bpf.options | journal.options)


@pytest.fixture(scope="session")
def redirect(world: World, built: None) -> Spinatd:
    return Spinatd(world.topology, {"redirect_ipsec": "192.168.1.10"})
