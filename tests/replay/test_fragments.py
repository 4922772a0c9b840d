# SPDX-License-Identifier: BSD-2-Clause
"""Fragments: both directions, any order, bounded."""

import itertools
import random

import pytest
from harness import (A, B, C, CONF, ICMP, IP, PUBLIC, R, TCP, UDP, GRE, Raw,
                     converse, data_of, echo, echo_reply, esp, event_t, fragments, nat,
                     raw, reassemble, tcp, udp, wholes)

DATA = bytes(range(256)) * 12


def big(**options):
    return udp(data=DATA, id=4242, **options)


def at(pieces, start=0.0, step=0.1):
    return [(start + n * step, piece) for n, piece in enumerate(pieces)]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1],
                                   [1, 0, 2], [2, 0, 1]])
def test_outbound(order):
    pieces = fragments(big(), 800, 1600)
    run = nat(CONF, at([pieces[n] for n in order]))
    assert len(run.to_outside) == 3
    whole = reassemble(run.to_outside)
    assert whole[IP].src == PUBLIC and data_of(whole) == DATA
    assert {p[IP].src for p in run.to_outside} == {PUBLIC}
    assert len({p[IP].id for p in run.to_outside}) == 1
    # What waits leaves with its first, and with its first's time.
    first = order.index(0)
    assert [p.t for p in run.to_outside] == sorted(
        max(n, first) / 10 for n in range(3))
    assert run.summary["verdicts"]["held"] == first
    assert run.summary["emitted"] == first


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_inbound(order):
    def answers(run):
        whole = udp(R, PUBLIC, 53, run.to_outside[0][UDP].sport, DATA, id=99)
        pieces = fragments(whole, 1000, 2000)
        return at([pieces[n] for n in order], 1)

    run = converse(CONF, [(0, udp())], answers)
    whole = reassemble(run.to_inside)
    assert (whole[IP].dst, whole[UDP].dport) == (A, 1000)
    assert data_of(whole) == DATA


def test_first_comes_before_what_it_releases():
    pieces = fragments(big(), 800)
    run = nat(CONF, at(pieces[::-1]))
    assert [p[IP].frag for p in run.to_outside] == [0, 100]


@pytest.mark.parametrize("packet", [
    echo(data=DATA, id=7), esp(A, R, 0x12345678, data=DATA, id=7),
    IP(src=A, dst=R, id=7) / GRE() / Raw(DATA),
    tcp(flags="PA", data=DATA, id=7)])
def test_other_protocols(packet):
    for pieces in (fragments(packet, 800, 1600),
                   fragments(packet, 800, 1600)[::-1]):
        run = nat(CONF, at(pieces))
        assert len(run.to_outside) == 3
        assert reassemble(run.to_outside)[IP].src == PUBLIC


def test_big_echo_there_and_back():
    def answers(run):
        whole = echo_reply(R, PUBLIC, run.to_outside[0][ICMP].id, data=DATA)
        whole.id = 31
        return at(fragments(whole, 1480), 1)

    run = converse(CONF, at(fragments(echo(data=DATA, id=7), 1480)), answers)
    whole = reassemble(run.to_inside)
    assert whole[IP].dst == A and whole[ICMP].id == 77
    assert data_of(whole) == DATA


def test_inbound_esp():
    """Fragmented outside the tunnel, the last one first."""
    inside = [(0, esp(A, R, 0x1001))]
    whole = esp(R, PUBLIC, 0x2002, data=DATA, id=5)
    run = nat(CONF, inside, at(fragments(whole, 1480)[::-1], 1))
    assert reassemble(run.to_inside)[IP].dst == A


def test_first_lost():
    """What waited is dropped in time, and told."""
    pieces = fragments(big(), 800, 1600)[1:]
    run = nat(CONF, at(pieces), until=30)
    assert run.to_outside == []
    assert run.reason("fragment-timeout") == 2
    drops = run.dropped("fragment-timeout")
    assert len(drops) == 2
    assert all(9.9 <= event_t(e) <= 11.5 for e in drops)
    assert all(e["source"]["address"] == A for e in drops)


def test_first_comes_too_late():
    pieces = fragments(big(), 800)
    run = nat(CONF, [(0, pieces[1]), (20, pieces[0])])
    assert [p[IP].frag for p in run.to_outside] == [0]


def test_later_ones_are_followed_for_a_while_only():
    pieces = fragments(big(), 800)
    run = nat(CONF, [(0, pieces[0]), (60, pieces[1])], until=60)
    assert len(run.to_outside) == 1


def test_first_refused_drops_the_rest():
    conf = CONF.replace("max_flows 4096", "max_flows 1")
    pieces = fragments(udp(B, data=DATA, id=9), 800)
    for these in (pieces, pieces[::-1]):
        run = nat(conf, [(0, udp(A))] + at(these, 1), until=60)
        assert len(run.to_outside) == 1
        assert run.to_inside == []


TWINS = {
    "udp": lambda host, data: udp(host, data=data, id=4242),
    "tcp": lambda host, data: tcp(host, flags="PA", data=data, id=4242),
    "echo": lambda host, data: echo(host, data=data, id=4242),
    "esp": lambda host, data: esp(host, R, int(host[-1]) << 8, data=data,
                                  id=4242),
}


@pytest.mark.parametrize("kind", TWINS)
def test_two_hosts_with_one_identification(kind):
    """In any order the remote gets two datagrams."""
    data = {A: DATA, B: DATA[::-1]}
    cut = [fragments(TWINS[kind](host, data[host]), 800) for host in data]
    pieces = [piece for two in cut for piece in two]
    orders = list(itertools.permutations(pieces))
    run = nat(CONF, [packet for n, order in enumerate(orders)
                     for packet in at(order, 100 * n)])
    for n in range(len(orders)):
        sent = [p for p in run.to_outside if p.t // 100 == n]
        assert len(sent) == 4 and len({p[IP].id for p in sent}) == 2
        assert sorted(data_of(whole)[-len(DATA):] for whole in wholes(sent)) \
            == sorted(data.values())


def test_every_host_with_one_identification():
    """As all of one kind do that count from zero: many, and mixed."""
    rng = random.Random(11)
    packets = []
    for host in range(100):
        packets += fragments(udp(f"10.0.1.{host}", data=DATA + bytes([host]),
                                 id=1), 800, 1600)
    rng.shuffle(packets)
    run = nat(CONF, at(packets, step=.01))
    got = wholes(run.to_outside)
    assert len(got) == 100
    assert sorted(data_of(whole)[-1] for whole in got) == list(range(100))


def test_long_ones_that_may_be_cut_on_their_way():
    """Whole here, and in pieces beyond: no two of them have one id.  Short ones
    and those that must not be cut are left alone."""
    def ids(data, flags):
        run = nat(CONF, [(0, udp(host, data=data, id=4242, flags=flags))
                         for host in (A, B, C)])
        return [p[IP].id for p in run.to_outside]

    assert len(set(ids(bytes(549), 0))) == 3
    assert ids(bytes(548), 0) == [4242] * 3
    assert ids(bytes(1400), "DF") == [4242] * 3


def test_inbound_ones_keep_theirs():
    answers = [(1 + n / 10, piece) for n, piece in enumerate(
        fragments(esp(R, PUBLIC, 0x2002, data=DATA, id=4242), 800, 1600))]
    run = nat(CONF, [(0, esp(A, R, 0x1001))], answers)
    assert [p[IP].id for p in run.to_inside] == [4242] * 3


def test_first_comes_twice():
    """The network may double it: what comes then is still of one datagram."""
    first, *later = fragments(big(), 800, 1600)
    run = nat(CONF, at([first, later[0], first, later[1]]))
    assert len(run.to_outside) == 4
    assert len(wholes(run.to_outside)) == 1


def test_bounded():
    """A flood of fragments without a first: held up to a bound, the others
    dropped and counted; afterwards all works again."""
    conf = CONF + "max_fragments 16\n"
    flood = []
    for n in range(2000):
        flood.append((n / 1000, fragments(udp(data=DATA, id=n + 1), 800)[1]))
    run = nat(conf, flood + at(fragments(big(), 800)[::-1], 60), until=60)
    assert run.reason("fragment-memory") > 1000
    assert run.summary["verdicts"]["held"] <= 400
    assert len(run.to_outside) == 2
    assert data_of(reassemble(run.to_outside)) == DATA


def test_many_pieces_of_one_datagram_are_bounded():
    pieces = fragments(udp(data=bytes(60000), id=4242), *range(8, 60000, 8))
    run = nat(CONF, [(0, p) for p in pieces[1:6000]], until=60)
    assert run.to_outside == []
    held = run.summary["verdicts"]["held"]
    assert run.reason("fragment-timeout") + run.reason(
        "fragment-memory") >= 5999
    assert held < 5999


@pytest.mark.parametrize("size", [0, 4, 7])
def test_tiny_first_udp(size):
    whole = raw(big())
    piece = IP(whole[:20 + size])
    piece.flags, piece.len = "MF", 20 + size
    del piece.chksum
    run = nat(CONF, [(0, bytes(piece))])
    assert run.to_outside == [] and run.reason("fragment-tiny") == 1


def test_tiny_first_tcp():
    """RFC 1858: the flags would come with the second."""
    run = nat(CONF, at(fragments(tcp(data=DATA), 8)))
    assert run.to_outside == [] or all(
        p[IP].frag for p in run.to_outside) is False
    assert run.reason("fragment-tiny") == 1


def test_overlap_with_the_header():
    """RFC 3128: offset 1 of TCP."""
    whole = tcp(flags="PA", data=DATA, id=6)
    first = fragments(whole, 800)[0]
    evil = fragments(whole, 8, 800)[1]
    run = nat(CONF, [(0, first), (.1, evil)])
    assert len(run.to_outside) == 1
    assert run.reason("fragment-overlap") == 1


def test_unsolicited_is_the_gateways():
    pieces = fragments(udp(R, PUBLIC, 1, 2, DATA, id=8), 800)
    for these in (pieces, pieces[::-1]):
        run = nat(CONF, [], at(these), until=60)
        assert run.to_inside == [] and run.to_outside == []


def test_random_order_of_many():
    """40 datagrams of 20 hosts, cut and shuffled, all arrive whole."""
    rng = random.Random(5)
    packets, sent = [], []
    for n in range(40):
        source = f"10.0.0.{10 + n % 20}"
        data = bytes(rng.randrange(256) for _ in range(1000 + 8 * n))
        sent.append(data)
        packets += fragments(udp(source, data=data, id=n + 1), 400, 800)
    rng.shuffle(packets)
    run = nat(CONF, [(n / 100, p) for n, p in enumerate(packets)])
    assert len(run.to_outside) == len(packets)
    assert sorted(data_of(whole) for whole in wholes(run.to_outside)) == \
        sorted(sent)


def test_tcp_first_is_whole_header():
    run = nat(CONF, at(fragments(tcp(flags="PA", data=DATA), 24)))
    whole = reassemble(run.to_outside)
    assert whole[TCP].dport == 80 and data_of(whole) == DATA
