# SPDX-License-Identifier: BSD-2-Clause
"""Hairpin: two inside hosts through the public address (RFC 4787 REQ-9,
RFC 5382 REQ-8, RFC 5508 REQ-7)."""

from harness import (A, B, CONF, ICMP, IP, PUBLIC, R, TCP, UDP, echo,
                     icmp_error, nat, raw, tcp, udp)

OPEN = CONF + "filtering endpoint-independent\n"
WEB = CONF + f"redirect_port tcp {A}:80 8080\nredirect_port udp {A}:53 53\n"


def test_udp_through_a_mapping():
    port = nat(OPEN, [(0, udp(A))]).to_outside[0][UDP].sport
    inside = [(0, udp(A)), (1, udp(B, PUBLIC, 2222, port, b"hello"))]
    run = nat(OPEN, inside)
    (there,) = run.to_inside
    assert there[IP].src == PUBLIC and there[IP].dst == A
    assert there[UDP].dport == 1000 and there[UDP].sport != 2222
    inside.append((2, udp(A, PUBLIC, 1000, there[UDP].sport, b"answer")))
    run = nat(OPEN, inside)
    back = run.to_inside[1]
    assert (back[IP].src, back[IP].dst) == (PUBLIC, B)
    assert (back[UDP].sport, back[UDP].dport) == (port, 2222)
    assert len(run.to_outside) == 1
    assert run.summary["verdicts"]["translated"] == 3


def test_it_is_told():
    port = nat(OPEN, [(0, udp(A))]).to_outside[0][UDP].sport
    run = nat(OPEN, [(0, udp(A)), (1, udp(B, PUBLIC, 2222, port))])
    assert any(event["hairpin"] for event in run.created())


def test_tcp_to_a_redirected_port():
    run = nat(WEB, [(0, tcp(B, PUBLIC, 3333, 8080))])
    (there,) = run.to_inside
    assert (there[IP].src, there[IP].dst, there[TCP].dport) == (PUBLIC, A, 80)
    run = nat(WEB, [(0, tcp(B, PUBLIC, 3333, 8080)),
                    (.1, tcp(A, PUBLIC, 80, there[TCP].sport, "SA")),
                    (.2, tcp(B, PUBLIC, 3333, 8080, "A"))])
    back = run.to_inside[1]
    assert (back[IP].src, back[IP].dst) == (PUBLIC, B)
    assert (back[TCP].sport, back[TCP].dport) == (8080, 3333)
    assert run.to_inside[2][TCP].sport == there[TCP].sport
    assert run.to_outside == []


def test_error_back():
    """The quote is what B sent."""
    first = udp(B, PUBLIC, 2222, 53, b"0123456789")
    there = nat(WEB, [(0, first)]).to_inside[0]
    for keep in (None, 8):
        run = nat(WEB, [(0, first),
                        (1, icmp_error(A, PUBLIC, there.raw, keep=keep))])
        error = run.to_inside[1]
        assert (error[IP].src, error[IP].dst) == (PUBLIC, B)
        assert error[ICMP].type == 3
        whole = raw(first)
        assert error.raw[28:] == (whole if keep is None else whole[:28])


def test_to_itself():
    run = nat(WEB, [(0, udp(A, PUBLIC, 4444, 53))])
    (there,) = run.to_inside
    assert (there[IP].src, there[IP].dst) == (PUBLIC, A)


def test_to_an_unused_port_is_the_gateways():
    run = nat(CONF, [(0, udp(A, PUBLIC, 1000, 53)),
                     (1, tcp(A, PUBLIC, 1000, 22))])
    assert run.to_outside == [] and run.to_inside == []
    assert run.summary["verdicts"]["passed"] == 2


def test_ping_of_the_public_address_is_the_gateways():
    """Whatever identifiers other hosts' pings were given."""
    run = nat(CONF + "same_ports yes\n", [
        (0, echo(A, ident=0)), (0, echo(A, ident=7)),
        (1, echo(B, PUBLIC, ident=7)), (2, echo(B, PUBLIC, ident=0))])
    assert run.to_inside == []
    assert run.summary["verdicts"]["passed"] == 2


def test_neighbours_are_not_filtered():
    """Filtering is for the outside: two hosts that learnt each other's public
    endpoints from a third need not punch holes."""
    port = nat(CONF, [(0, udp(A))]).to_outside[0][UDP].sport
    run = nat(CONF, [(0, udp(A)), (1, udp(B, PUBLIC, 2222, port))])
    assert [p[IP].dst for p in run.to_inside] == [A]
    assert R == run.to_outside[0][IP].dst and len(run.to_outside) == 1
