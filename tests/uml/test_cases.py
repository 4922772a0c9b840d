"""The cases of the lab with real peers: through spinat, and through what they are compared with.

What a case must show is `lab.cases.Result.ok`; the message of a failure is everything that was counted.
"""

from __future__ import annotations

import pytest

from lab.cases import CASES, STANDARD
from lab.masquerade import Masquerade
from lab.nat import Nat
from lab.scene import Case
from lab.spinatd import Spinatd
from lab.world import World

BOTH = pytest.mark.parametrize("ike", ["v2", "v1"])


def cases(*keys: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [CASES[key] for key in keys], ids=keys)


def passes(world: World, nat: Nat, case: Case, ike: str) -> None:
    result = case.run(world, nat, ike)
    print(result)
    assert result.ok, str(result)


@BOTH
@cases(*(case.key for case in STANDARD))
def test_spinat(world: World, nfqueue: Spinatd, case: Case, ike: str) -> None:
    passes(world, nfqueue, case, ike)


@cases("a", "e", "f", "g", "bulk")
def test_spinat_tun(world: World, tun: Spinatd, case: Case) -> None:
    passes(world, tun, case, "v2")


def passes_in_the_kernel(world: World, nat: Spinatd, case: Case, ike: str) -> None:
    """... and the fast path has its part: what it takes is ESP, since IKE is the daemon's."""
    passes(world, nat, case, ike)
    taken = nat.taken()
    print(f"taken in the kernel: {taken}")
    assert taken > 0, nat.show("datapath") + nat.show("flows")


@cases("e", "r", "bulk")
def test_spinat_bpf(world: World, bpf: Spinatd, case: Case) -> None:
    passes_in_the_kernel(world, bpf, case, "v2")


@cases("bulk")
def test_spinat_xdp(world: World, xdp: Spinatd, case: Case) -> None:
    passes_in_the_kernel(world, xdp, case, "v1")


@cases("a", "e", "f", "g", "bulk")
def test_spinat_ipsec_only(world: World, ipsec_only: Spinatd, case: Case) -> None:
    passes(world, ipsec_only, case, "v2")


@BOTH
def test_spinat_redirect_ipsec(world: World, redirect: Spinatd, ike: str) -> None:
    passes(world, redirect, CASES["h"], ike)


@cases("a", "c", "r", "bulk")
def test_lab_with_masquerade(world: World, masquerade: Masquerade, case: Case) -> None:
    """What the kernel's NAT is known to carry: when this fails, the lab is at fault and not spinat."""
    passes(world, masquerade, case, "v2")


@pytest.mark.xfail(reason="the kernel's NAT knows no SPI and no cookie", strict=False)
@cases("e", "f", "g")
def test_contrast_with_masquerade(world: World, masquerade: Masquerade, case: Case) -> None:
    """What the kernel's NAT is known to lose.  A kernel that does better is welcome: then this is an XPASS."""
    passes(world, masquerade, case, "v2")


@cases("a")
def test_without_nat_it_fails(world: World, no_nat: Nat, case: Case) -> None:
    """The control: a gateway that does not translate must not pass."""
    result = case.run(world, no_nat, "v2")
    print(result)
    assert not result.ok
    assert result.esp_out.sent == 0 and not any(count.received for count in result.counts)
