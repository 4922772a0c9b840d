# SPDX-License-Identifier: BSD-2-Clause
"""Other protocols, by address; AH, which cannot cross."""

import pytest
from harness import (A, B, CONF, ICMP, IP, PUBLIC, R, R2, GRE, Raw, ah, event_t,
                     icmp_error, nat, raw)


def packet(source, destination, protocol=47, data=b"\0\0\x08\0payload"):
    return IP(src=source, dst=destination, proto=protocol) / Raw(data)


@pytest.mark.parametrize("protocol", [4, 41, 47, 89, 103, 108, 115, 132, 253])
def test_by_address(protocol):
    run = nat(CONF, [(0, packet(A, R, protocol))],
              [(1, packet(R, PUBLIC, protocol))])
    assert run.to_outside[0][IP].src == PUBLIC
    assert run.to_inside[0][IP].dst == A
    assert run.to_inside[0].raw[20:] == b"\0\0\x08\0payload"


def test_without_any_payload():
    run = nat(CONF, [(0, packet(A, R, data=b""))])
    assert len(run.to_outside) == 1


def test_conflict():
    """A second host cannot have the same protocol to the same remote."""
    run = nat(CONF, [(0, packet(A, R)), (1, packet(B, R)),
                     (2, packet(B, R2)), (3, packet(B, R, 132))],
              [(4, packet(R, PUBLIC)), (5, packet(R2, PUBLIC))])
    assert len(run.to_outside) == 3
    assert run.reason("conflict") == 1
    assert [p[IP].dst for p in run.to_inside] == [A, B]


def test_conflict_ends_with_the_flow():
    run = nat(CONF, [(0, packet(A, R)), (602, packet(B, R))],
              [(603, packet(R, PUBLIC))])
    assert len(run.to_outside) == 2
    assert run.to_inside[0][IP].dst == B
    assert 600 <= event_t(run.expired()[0]) < 601


def test_unsolicited():
    run = nat(CONF, [(0, packet(A, R))], [(1, packet(R2, PUBLIC)),
                                          (2, packet(R, PUBLIC, 132))])
    assert run.to_inside == []


def test_error_about_it():
    run = nat(CONF, [(0, packet(A, R))], [
        (1, icmp_error(R, PUBLIC, packet(PUBLIC, R), 3, 2))])
    (back,) = run.to_inside
    assert back[IP].dst == A
    assert back.raw[28:] == raw(packet(A, R))


def test_gre():
    run = nat(CONF, [(0, IP(src=A, dst=R) / GRE(proto=0x880B) / Raw(b"ppp"))])
    assert run.to_outside[0].raw[20:] == b"\0\0\x88\x0bppp"


# -------------------------------------------------------------------------- AH

def test_ah_is_refused_and_told():
    run = nat(CONF, [(n, ah(A, R)) for n in range(5)] + [(9, ah(B, R))])
    assert run.to_outside == []
    assert run.reason("ah") == 6
    assert run.summary["verdicts"]["dropped"] == 6
    # In plain words, once per host.
    notices = run.named("notice")
    assert len(notices) == 2
    assert all("AH" in event["text"] for event in notices)


def test_ah_is_answered():
    """ICMP 3/13 to the inside sender, with his packet in it."""
    sent = ah(A, R)
    run = nat(CONF, [(0, sent)])
    assert run.to_inside, "no ICMP error"
    error = run.to_inside[0]
    assert error[IP].dst == A
    assert (error[ICMP].type, error[ICMP].code) == (3, 13)
    quote = error.raw[28:]
    assert len(quote) >= 28 and raw(sent).startswith(quote)


def test_ah_answers_are_limited():
    run = nat(CONF, [(n / 1000, ah(A, R)) for n in range(1000)])
    assert 1 <= len(run.to_inside) <= 100


def test_ah_from_outside_reaches_nobody():
    run = nat(CONF, [(0, ah(A, R))], [(1, ah(R, PUBLIC))])
    assert all(p[IP].src != R for p in run.to_inside)
    assert run.to_outside == []
