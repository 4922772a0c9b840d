# SPDX-License-Identifier: BSD-2-Clause
"""IPsec clients of one remote behind several public addresses."""

import pytest

from harness import CONF, IP, PUBLIC, PUBLIC2, R, R2, SA_INIT, esp, ike, ikev2_setup, nat

PUBLIC3 = "198.51.100.3"
POOL = CONF + f"alias_address {PUBLIC2}\nalias_address {PUBLIC3}\n"
SPREAD = POOL + "ipsec_addresses spread\n"
# All of them have the same address of three by themselves.
HOSTS = [f"10.0.0.{3 * n}" for n in range(1, 7)]


def addresses(conf, hosts, remotes):
    """As what each host's IKE and then its ESP leave for each remote."""
    inside = [(n, ike(host, remote, n + 1, 0, SA_INIT)) for n, (host, remote) in
              enumerate((h, r) for r in remotes for h in hosts)]
    inside += [(100 + n, esp(host, remote, 0xC0000001 + n)) for n, (host, remote)
               in enumerate((h, r) for r in remotes for h in hosts)]
    run = nat(conf, inside)
    sources = [p[IP].src for p in run.to_outside]
    half = len(sources) // 2
    assert sources[:half] == sources[half:], "ESP and IKE go the same way"
    return [sources[n * len(hosts):(n + 1) * len(hosts)]
            for n in range(len(remotes))]


def test_spread():
    """As many clients as addresses: each its own; then evenly."""
    for first in addresses(SPREAD, HOSTS, [R, R2]):
        assert sorted(first[:3]) == [PUBLIC, PUBLIC2, PUBLIC3]
        assert sorted(first[3:]) == [PUBLIC, PUBLIC2, PUBLIC3]


def test_spread_brings_the_answers_home():
    """Each client's cookies, SPIs and new SPIs, by its own address."""
    (sources,) = addresses(SPREAD, HOSTS[:3], [R])
    inside, outside = [], []
    for n, (host, public) in enumerate(zip(HOSTS, sources)):
        in_n, out_n = ikev2_setup(host, R, n + 1, n + 101, start=n / 10,
                                  public=public)
        inside += in_n
        outside += out_n + [(5 + n, esp(R, public, 0xD0000001))]
    run = nat(SPREAD, inside, outside)
    assert [p[IP].dst for p in run.to_inside if p[IP].proto == 50] == HOSTS[:3]


def test_paired_is_the_default():
    first, second = addresses(POOL, HOSTS, [R, R2])
    assert first == second and len(set(first)) == 1


@pytest.mark.parametrize("conf", [CONF + "ipsec_addresses spread\n", CONF])
def test_one_address(conf):
    assert addresses(conf, HOSTS, [R]) == [[PUBLIC] * 6]
