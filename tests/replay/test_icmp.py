# SPDX-License-Identifier: BSD-2-Clause
"""ICMP (RFC 5508): queries, and errors from both realms."""

import pytest
from harness import (A, B, CONF, ICMP, IP, PUBLIC, R, R2, TCP, UDP,
                     converse, echo, echo_reply, esp, event_t, icmp_error, ike,
                     nat, raw, tcp, udp, SA_INIT)

ROUTER = "192.0.2.9"


def inner(sent):
    """The quoted packet's bytes."""
    return bytes(sent.raw[28:])


def test_echo():
    run = converse(CONF, [(0, echo())], lambda r: [
        (.01, echo_reply(R, PUBLIC, r.to_outside[0][ICMP].id))])
    (out,), (back,) = run.to_outside, run.to_inside
    assert out[IP].src == PUBLIC and back[IP].dst == A
    assert back[ICMP].id == 77 and back[ICMP].type == 0
    assert back.data == b"ping-ping"


def test_two_hosts_with_one_identifier():
    inside = [(0, echo(A)), (0.1, echo(B))]
    run = converse(CONF, inside, lambda r: [
        (1 + n, echo_reply(R, PUBLIC, p[ICMP].id))
        for n, p in enumerate(r.to_outside)])
    assert run.to_outside[0][ICMP].id != run.to_outside[1][ICMP].id
    assert [p[IP].dst for p in run.to_inside] == [A, B]
    assert all(p[ICMP].id == 77 for p in run.to_inside)


def test_idle_after_a_minute():
    (event,) = nat(CONF, [(0, echo())], until=100).expired()
    assert 60 <= event_t(event) < 61 and event["reason"] == "idle"


def test_echo_from_outside_is_the_gateways():
    run = nat(CONF, [], [(0, echo(R, PUBLIC))])
    assert run.summary["verdicts"]["passed"] == 1 and run.to_inside == []


def test_reply_nobody_asked_for():
    run = nat(CONF, [], [(0, echo_reply(R, PUBLIC, 40000))])
    assert run.to_inside == []


PACKETS = {"udp": udp(data=b"0123456789abcdef"),
           "tcp": tcp(flags="S", data=b""),
           "echo": echo(data=b"0123456789abcdef")}


@pytest.mark.parametrize("name", PACKETS)
@pytest.mark.parametrize("keep", [None, 8, 12])
@pytest.mark.parametrize("type, code, mtu", [(3, 3, 0), (3, 4, 1400),
                                             (11, 0, 0)])
def test_error_from_outside(name, keep, type, code, mtu):
    """The quote is what the inside host sent, byte for byte, also where it is
    cut: its transport checksum then cannot be recomputed, but must fit."""
    sent = PACKETS[name]
    run = converse(CONF, [(0, sent)], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw, type, code, mtu,
                       keep))])
    (back,) = run.to_inside
    assert (back[IP].src, back[IP].dst) == (ROUTER, A)
    assert (back[ICMP].type, back[ICMP].code) == (type, code)
    if mtu:
        assert back[ICMP].nexthopmtu == mtu
    whole = raw(sent)
    assert inner(back) == (whole if keep is None else whole[:20 + keep])


def test_quote_with_checksum_zero():
    sent = udp()
    sent[UDP].chksum = 0
    run = converse(CONF, [(0, sent)], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw))])
    assert inner(run.to_inside[0]) == raw(sent)


def test_quote_with_a_ttl_that_ran_out():
    def answer(run):
        quoted = run.to_outside[0].ip.copy()
        quoted.ttl = 0
        del quoted.chksum
        return [(1, icmp_error(ROUTER, PUBLIC, quoted, 11, 0, 0, 8))]

    run = converse(CONF, [(0, tcp())], answer)
    expected = IP(raw(tcp()))
    expected.ttl = 0
    del expected.chksum
    assert inner(run.to_inside[0]) == bytes(expected)[:28]


def test_error_from_inside():
    """The host refuses what came in; the outside sees its own packet."""
    port = nat(CONF, [(0, udp())]).to_outside[0][UDP].sport
    answer = udp(R, PUBLIC, 53, port, b"0123456789abcdef")
    delivered = nat(CONF, [(0, udp())], [(1, answer)]).to_inside[0]
    for keep in (None, 8):
        run = nat(CONF, [(0, udp()),
                         (2, icmp_error(A, R, delivered.raw, keep=keep))],
                  [(1, answer)])
        error = run.to_outside[1]
        assert (error[IP].src, error[IP].dst) == (PUBLIC, R)
        whole = raw(answer)
        assert inner(error) == (whole if keep is None else whole[:28])


def test_error_from_a_router_inside():
    """Another inside address sends it: it leaves as the public one."""
    port = nat(CONF, [(0, udp())]).to_outside[0][UDP].sport
    answer = udp(R, PUBLIC, 53, port, b"0123456789abcdef")
    delivered = nat(CONF, [(0, udp())], [(1, answer)]).to_inside[0]
    run = nat(CONF, [(0, udp()), (2, icmp_error(
        "10.0.0.254", R, delivered.raw, 11, 0))], [(1, answer)])
    error = run.to_outside[1]
    assert error[IP].src == PUBLIC and inner(error) == raw(answer)


def test_error_ends_no_flow():
    """RFC 5508 REQ-9, RFC 4787 REQ-12."""
    def answers(run):
        out = run.to_outside[0]
        return [(1, icmp_error(ROUTER, PUBLIC, out.raw)),
                (2, icmp_error(ROUTER, PUBLIC, out.raw, 3, 2)),
                (3, udp(R, PUBLIC, 53, out[UDP].sport))]

    run = converse(CONF, [(0, udp())], answers)
    assert len(run.to_inside) == 3 and run.expired() == []


def test_error_opens_no_flow():
    run = converse(CONF, [(0, udp())], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw))])
    assert run.summary["flows"] == (1, 0, 1)


@pytest.mark.parametrize("quoted", [
    udp(PUBLIC, R, 50000, 53), tcp(PUBLIC, R, 50000, 80),
    esp(PUBLIC, R, 0x12345678), udp(PUBLIC, R2, 500, 500)])
def test_error_about_nothing_of_ours(quoted):
    """Passed to the gateway, whose packet it may be, or dropped."""
    run = nat(CONF, [(0, udp())], [(1, icmp_error(ROUTER, PUBLIC, quoted))])
    assert run.to_inside == []


def test_error_about_the_wrong_remote():
    run = converse(CONF, [(0, udp())], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, udp(PUBLIC, R2, r.to_outside[0][
            UDP].sport, 53)))])
    assert run.to_inside == []


def test_error_from_inside_about_nothing():
    run = nat(CONF, [(0, icmp_error(A, R, udp(R, A, 1, 2)))])
    assert run.to_outside == []
    assert run.summary["verdicts"]["dropped"] == 1


def test_redirect_does_not_cross():
    run = converse(CONF, [(0, udp())], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw, 5, 1))])
    assert run.to_inside == []


def test_error_about_an_error():
    """RFC 1122 3.2.2: there is no such thing."""
    def answers(run):
        error = icmp_error(PUBLIC, R, run.to_outside[0].raw)
        return [(1, icmp_error(ROUTER, PUBLIC, error))]

    assert converse(CONF, [(0, udp())], answers).to_inside == []


@pytest.mark.parametrize("keep", [0, 4, 7])
def test_quote_too_short(keep):
    run = converse(CONF, [(0, udp())], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw, keep=keep))])
    assert run.to_inside == []
    assert run.reason("bad-icmp-quote") == 1


@pytest.mark.parametrize("keep", [None, 8])
def test_error_quoting_esp(keep):
    """Eight bytes are the SPI and the sequence number."""
    sent = esp(A, R, 0xC0FFEE01, seq=9)
    run = converse(CONF, [(0, sent)], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw, 3, 4, 1400,
                       keep))])
    (back,) = run.to_inside
    assert (back[IP].dst, back[ICMP].nexthopmtu) == (A, 1400)
    whole = raw(sent)
    assert inner(back) == (whole if keep is None else whole[:28])


def test_error_quoting_esp_never_sent():
    """A sequence number above the highest sent, or an unknown SPI: forged."""
    run = nat(CONF, [(0, esp(A, R, 0xC0FFEE01, seq=9))], [
        (1, icmp_error(ROUTER, PUBLIC, esp(PUBLIC, R, 0xC0FFEE01, 10), 3, 4,
                       1400, 8)),
        (2, icmp_error(ROUTER, PUBLIC, esp(PUBLIC, R, 0xC0FFEE02, 9), 3, 4,
                       1400, 8)),
        (3, icmp_error(ROUTER, PUBLIC, esp(PUBLIC, R, 0xC0FFEE01, 9), 3, 4,
                       500, 8))])
    assert run.to_inside == []


@pytest.mark.parametrize("keep", [None, 24])
def test_error_quoting_ike(keep):
    """With the cookies in the quote it is told whose it is."""
    sent = ike(A, R, 0x1111, 0, SA_INIT)
    run = converse(CONF, [(0, sent)], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw, keep=keep))])
    (back,) = run.to_inside
    assert back[IP].dst == A
    whole = raw(sent)
    assert inner(back) == (whole if keep is None else whole[:44])


def test_error_quoting_ike_of_two_clients():
    first, second = (ike(A, R, 0x1111, 0, SA_INIT),
                     ike(B, R, 0x2222, 0, SA_INIT))
    run = converse(CONF, [(0, first), (.1, second)], lambda r: [
        (1, icmp_error(ROUTER, PUBLIC, r.to_outside[0].raw)),
        (2, icmp_error(ROUTER, PUBLIC, r.to_outside[1].raw))])
    assert [p[IP].dst for p in run.to_inside] == [A, B]
    assert [inner(p) for p in run.to_inside] == [raw(first), raw(second)]


def test_unused_fields_of_tcp_quote():
    sent = tcp(flags="PA", data=b"x" * 40)
    run = converse(CONF, [(0, tcp()), (1, sent)], lambda r: [
        (2, icmp_error(ROUTER, PUBLIC, r.to_outside[1].raw, 3, 4, 576, 20))])
    assert inner(run.to_inside[0]) == raw(sent)[:40]
    assert run.to_inside[0][ICMP].nexthopmtu == 576
    assert TCP in run.to_outside[0].ip
