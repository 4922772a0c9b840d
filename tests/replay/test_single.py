# SPDX-License-Identifier: BSD-2-Clause
"""A remote that serves one peer per address: each of two clients drops out as the other begins."""

import pytest

from harness import CONF, IP, PUBLIC, PUBLIC2, R, esp, ikev2_setup, nat

POOL = CONF + f"alias_address {PUBLIC2}\n"
# Both have the first of two addresses by themselves.
A, B = "10.0.0.2", "10.0.0.4"
ROUND = 30


def alternate(rounds, public_of=lambda host, turn: PUBLIC, interval=0.5):
    """In turn one begins and is served, under pings, while the other sends and hears nothing."""
    inside, outside = [], []
    for turn in range(rounds):
        served, other = (A, B) if turn % 2 == 0 else (B, A)
        start = turn * ROUND
        public = public_of(served, turn)
        more_in, more_out = ikev2_setup(served, R, 0x100 + turn, 0x200 + turn, start=start, public=public)
        inside += more_in
        outside += more_out
        for n in range(int((ROUND - 2) / interval)):
            at = start + 1 + n * interval + n % 7 / 100
            inside.append((at, esp(served, R, 0xC0000000 + turn, n + 1)))
            outside.append((at + .02, esp(R, public, 0xD0000000 + turn, n + 1)))
            if turn > 0:
                inside.append((at + .2, esp(other, R, 0xC0000000 + turn - 1, 1000 + n)))
    return inside, outside


def test_said_and_nothing_else():
    run = nat(CONF, *alternate(8))
    (event,) = run.named("one-peer")
    assert event["about"] == "association" and event["reason"] == "none"
    assert (event["inside"], event["by"], event["remote"], event["public"]) == (B, A, R, PUBLIC)
    assert "alias_address" in event["text"] and "NAT traversal" in event["text"]
    assert event["one_peer"]["endings"] == 2
    assert (event["one_peer"]["ended"], event["one_peer"]["rival"]) == (B, A)
    assert event["moved"] is False
    assert not run.named("moved") and not [e for e in run.events if e["reason"] == "displaced"]
    assert {p[IP].src for p in run.to_outside} == {PUBLIC}


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_not_before_the_second_time(rounds):
    assert not nat(CONF, *alternate(rounds)).named("one-peer")


def test_moved_with_two_addresses():
    """At its fourth turn B has the other address, and both go on."""
    inside, outside = alternate(4, lambda host, turn: PUBLIC2 if turn == 3 else PUBLIC)
    last = 4 * ROUND
    for n in range(20):
        for host, public, spi in (A, PUBLIC, 2), (B, PUBLIC2, 3):
            inside.append((last + n, esp(host, R, 0xC0000000 + spi, 2000 + n)))
            outside.append((last + n + .1, esp(R, public, 0xD0000000 + spi, 2000 + n)))
    run = nat(POOL, inside, outside)
    assert len(run.named("one-peer")) == 1
    (moved,) = run.named("moved")
    assert (moved["inside"], moved["public"], moved["moved"]) == (B, PUBLIC2, True)
    assert {e["inside"] if isinstance(e["inside"], str) else e["inside"]["address"]
            for e in run.events if e["reason"] == "displaced"} == {B}
    assert [p[IP].dst for p in run.to_inside if p.t >= last] == [A, B] * 20
    assert [p[IP].src for p in run.to_outside if p.t >= last] == [PUBLIC, PUBLIC2] * 20
