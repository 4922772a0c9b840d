# SPDX-License-Identifier: BSD-2-Clause
"""mode ipsec-only: the kernel's masquerade keeps TCP and UDP."""

import pytest
from harness import (A, B, CONF, ICMP, IP, PUBLIC, R, UDP, ah, echo, esp,
                     fragments, icmp_error, ikev2_setup, nat, tcp, udp)

ONLY = CONF + "mode ipsec-only\n"


@pytest.mark.parametrize("packet", [
    udp(), tcp(), echo(), udp(sport=4500, dport=4500, data=b"\0" * 40),
    IP(src=A, dst=R, proto=47) / b"gre-gre-gre"])
def test_everything_else_passes(packet):
    run = nat(ONLY, [(0, packet)])
    assert run.summary["verdicts"]["passed"] == 1
    assert run.reason("not-ipsec") == 1
    assert run.summary["flows"] == (0, 0, 0)


@pytest.mark.parametrize("packet", [
    udp(R, PUBLIC, 53, 40000), tcp(R, PUBLIC, 80, 40000), echo(R, PUBLIC),
    icmp_error(R, PUBLIC, udp(PUBLIC, R, 40000, 53))])
def test_everything_else_from_outside_passes(packet):
    run = nat(ONLY, [], [(0, packet)])
    assert run.summary["verdicts"]["passed"] == 1


def test_fragments_of_others_pass():
    pieces = fragments(udp(data=b"x" * 2000, id=5), 800)
    run = nat(ONLY, [(n, p) for n, p in enumerate(pieces)])
    assert run.summary["verdicts"]["passed"] == 2


def test_ipsec_is_translated():
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    inside.append((1, esp(A, R, 0xC0000001)))
    outside.append((2, esp(R, PUBLIC, 0xD0000001)))
    run = nat(ONLY, inside, outside)
    assert len(run.to_outside) == len(inside)
    assert [p[IP].dst for p in run.to_inside] == [A] * len(outside)
    assert all(p[UDP].sport == 500 for p in run.to_outside[:-1])


def test_errors_about_esp_are_translated():
    run = nat(ONLY, [(0, esp(A, R, 0xC0000001, 5))],
              [(1, icmp_error(R, PUBLIC, esp(PUBLIC, R, 0xC0000001, 5), 3, 4,
                              1400, 8))])
    assert run.to_inside[0][IP].dst == A
    assert run.to_inside[0][ICMP].nexthopmtu == 1400


def test_fragmented_esp():
    pieces = fragments(esp(A, R, 0xC0000001, data=b"x" * 2000, id=5), 800)
    run = nat(ONLY, [(n, p) for n, p in enumerate(pieces)])
    assert [p[IP].src for p in run.to_outside] == [PUBLIC] * 2


def test_ah_is_refused():
    run = nat(ONLY, [(0, ah(A, R)), (1, ah(B, R))])
    assert run.to_outside == [] and run.reason("ah") == 2
