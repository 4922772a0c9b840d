# SPDX-License-Identifier: BSD-2-Clause
"""TCP (RFC 5382): handshake, states, timeouts."""

import pytest
from harness import (A, CONF, IP, PUBLIC, R, R2, TCP, converse, event_t,
                     nat, tcp)


def talk(script, conf=CONF, **options):
    """script: (time, "in"|"out", flags, data); outside packets get the port."""
    inside = [(t, tcp(flags=flags, data=data, seq=n * 1000))
              for n, (t, side, flags, data) in enumerate(script)
              if side == "in"]

    def answers(run):
        port = run.to_outside[0][TCP].sport
        return [(t, tcp(R, PUBLIC, 80, port, flags=flags, data=data,
                        seq=n * 1000))
                for n, (t, side, flags, data) in enumerate(script)
                if side == "out"]

    return converse(conf, inside, answers, **options)


OPEN = [(0, "in", "S", b""), (.1, "out", "SA", b""), (.2, "in", "A", b"")]


def test_page_is_fetched():
    run = talk(OPEN + [(.3, "in", "PA", b"GET /"), (.4, "out", "PA", b"page"),
                       (.5, "out", "FA", b""), (.6, "in", "FA", b""),
                       (.7, "out", "A", b"")])
    assert [p[TCP].flags for p in run.to_outside] == ["S", "A", "PA", "FA"]
    assert [p[TCP].flags for p in run.to_inside] == ["SA", "PA", "FA", "A"]
    assert len({p[TCP].sport for p in run.to_outside}) == 1
    assert all(p[IP].src == PUBLIC for p in run.to_outside)
    assert all(p[IP].dst == A and p[TCP].dport == 1000 for p in run.to_inside)
    assert run.to_outside[2].data == b"GET /"
    assert run.summary["flows"] == (1, 0, 1)


def test_options_and_sequence_numbers_stay():
    syn = tcp(seq=0xFEDCBA98)
    syn[TCP].options = [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)]
    run = nat(CONF, [(0, syn)])
    out = run.to_outside[0][TCP]
    assert out.seq == 0xFEDCBA98
    assert out.options[:3] == [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)]


def the_end(run):
    (event,) = run.expired()
    return event["reason"], event_t(event)


def test_syn_alone_lives_four_minutes():
    reason, t = the_end(talk(OPEN[:1], until=300))
    assert reason == "idle" and 240 <= t < 241


def test_syn_ack_unanswered_is_still_opening_or_established():
    _, t = the_end(talk(OPEN[:2], until=8000))
    assert 240 <= t < 7442


def test_established_lives_two_hours_and_four_minutes():
    reason, t = the_end(talk(OPEN + [(1, "out", "A", b"")], until=8000))
    assert reason == "idle" and 7441 <= t < 7442


def test_established_state_is_told():
    (event,) = talk(OPEN, until=8000).expired()
    assert event["state"] == "established"
    assert event["packets"] == {"inside": 2, "outside": 1}


def test_both_fins():
    run = talk(OPEN + [(1, "in", "FA", b""), (2, "out", "FA", b""),
                       (3, "in", "A", b"")], until=300)
    reason, t = the_end(run)
    assert reason == "closed" and 242 <= t < 244


def test_one_fin_keeps_it_established():
    """Half closed: the other side may go on for long."""
    run = talk(OPEN + [(1, "in", "FA", b""), (1000, "out", "PA", b"late"),
                       (1001, "in", "A", b"")], until=100)
    assert run.expired() == [] and len(run.to_inside) == 2


@pytest.mark.parametrize("side", ["in", "out"])
def test_reset(side):
    reason, t = the_end(talk(OPEN + [(5, side, "R", b"")], until=300))
    assert reason == "closed" and 15 <= t < 16


def test_data_after_a_forged_reset_restores():
    run = talk(OPEN + [(5, "out", "R", b""), (6, "in", "PA", b"alive"),
                       (6.1, "out", "A", b""), (1000, "in", "PA", b"still")])
    assert run.expired() == [] and len(run.to_outside) == 4


def test_timeouts_are_configurable():
    conf = CONF + ("timeout_tcp 100\ntimeout_tcp_opening 20\n"
                   "timeout_tcp_closing 10\ntimeout_tcp_reset 5\n")
    assert 20 <= the_end(talk(OPEN[:1], conf, until=300))[1] < 21
    assert 100 <= the_end(talk(OPEN, conf, until=300))[1] < 102
    assert 11 <= the_end(talk(OPEN + [(1, "in", "FA", b""),
                                      (1, "out", "FA", b"")], conf,
                              until=300))[1] < 13
    assert 6 <= the_end(talk(OPEN + [(1, "in", "R", b"")], conf,
                             until=300))[1] < 7


def test_simultaneous_open():
    """RFC 5382 REQ-2."""
    run = talk([(0, "in", "S", b""), (.1, "out", "S", b""),
                (.2, "in", "SA", b""), (.3, "out", "SA", b""),
                (1, "in", "PA", b"hello"), (2000, "out", "PA", b"hello")])
    assert len(run.to_outside) == 3 and len(run.to_inside) == 3


def test_unsolicited_syn_is_the_gateways():
    run = nat(CONF, [], [(0, tcp(R, PUBLIC, 5555, 22))])
    assert run.summary["verdicts"]["passed"] == 1 and run.to_inside == []


def test_mapping_is_endpoint_independent():
    run = nat(CONF, [(0, tcp()), (1, tcp(destination=R2))])
    assert len({p[TCP].sport for p in run.to_outside}) == 1


def test_port_is_used_again_after_close():
    """A client that opens from the same port again, in closing."""
    run = talk(OPEN + [(1, "in", "FA", b""), (1.1, "out", "FA", b""),
                       (1.2, "in", "A", b""), (5, "in", "S", b""),
                       (5.1, "out", "SA", b""), (5.2, "in", "A", b""),
                       (1000, "out", "PA", b"later")])
    assert run.to_inside[-1].data == b"later"


def test_middle_of_a_connection_opens_a_flow():
    """After a restart of the NAT: data without a SYN goes out translated, or
    is dropped; never as it is (checked for every run)."""
    run = nat(CONF, [(0, tcp(flags="PA", data=b"middle"))])
    assert len(run.to_outside) + run.summary["verdicts"]["dropped"] == 1
