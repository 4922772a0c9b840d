# SPDX-License-Identifier: BSD-2-Clause
"""natd's options: redirects, deny_incoming, unregistered_only, and what is not
translated at all."""

import pytest
from harness import (A, B, CONF, ICMP, IP, PUBLIC, PUBLIC2, R, R2, TCP, UDP,
                     GRE, Raw, converse, echo, echo_reply, esp, icmp_error, ike,
                     nat, raw, tcp, udp, SA_INIT)

WEB = CONF + f"redirect_port tcp {A}:80 8080\n"


# ---------------------------------------------------------------- redirect_port

def test_redirect_port():
    run = nat(WEB, [(.1, tcp(A, R, 80, 5555, flags="SA"))],
              [(0, tcp(R, PUBLIC, 5555, 8080))])
    (inward,), (outward,) = run.to_inside, run.to_outside
    assert (inward[IP].src, inward[IP].dst) == (R, A)
    assert (inward[TCP].sport, inward[TCP].dport) == (5555, 80)
    assert (outward[IP].src, outward[TCP].sport) == (PUBLIC, 8080)
    (event,) = run.created()
    assert event["redirected"] and event["public"]["port"] == 8080


def test_redirect_port_of_another_protocol():
    run = nat(WEB, [], [(0, udp(R, PUBLIC, 5555, 8080))])
    assert run.to_inside == []


def test_redirect_port_range():
    conf = CONF + f"redirect_port udp {A}:2000-2004 7000-7004\n"
    run = nat(conf, [], [(n, udp(R, PUBLIC, 9, 6999 + n)) for n in range(7)])
    assert [p[UDP].dport for p in run.to_inside] == [2000, 2001, 2002, 2003,
                                                    2004]


def test_redirect_port_of_one_remote():
    conf = CONF + f"redirect_port udp {A}:2000 7000 {R}\n"
    run = nat(conf, [], [(0, udp(R, PUBLIC, 9, 7000)),
                         (1, udp(R2, PUBLIC, 9, 7000))])
    assert [p[IP].src for p in run.to_inside] == [R]


def test_redirect_port_is_nobody_elses():
    """A port with a static rule is never drawn."""
    conf = (CONF + "port_range 40000-40007\n"
            f"redirect_port udp {B}:9 40003\n")
    run = nat(conf, [(n / 10, udp(sport=1000 + n)) for n in range(8)])
    assert sorted(p[UDP].sport for p in run.to_outside) == [
        p for p in range(40000, 40008) if p != 40003]
    assert run.reason("no-ports") == 1


def test_redirected_host_goes_out_as_its_rule():
    """natd: what the server sends from that port leaves from the public."""
    run = nat(CONF + f"redirect_port udp {A}:53 53\n",
              [(0, udp(A, R, 53, 999))])
    assert run.to_outside[0][UDP].sport == 53


def test_error_about_a_redirected_packet():
    first = nat(WEB, [], [(0, tcp(R, PUBLIC, 5555, 8080))]).to_inside[0]
    run = nat(WEB, [(1, icmp_error(A, R, first.raw, keep=8))],
              [(0, tcp(R, PUBLIC, 5555, 8080))])
    assert run.to_outside[0].raw[28:] == raw(tcp(R, PUBLIC, 5555, 8080))[:28]


# ------------------------------------------------- redirect_proto, _address

def test_redirect_proto():
    conf = CONF + f"redirect_proto gre {A}\n"
    gre = IP(src=R, dst=PUBLIC) / GRE() / Raw(b"tunnel")
    back = IP(src=A, dst=R) / GRE() / Raw(b"lennut")
    run = nat(conf, [(1, back)], [(0, gre)])
    assert run.to_inside[0][IP].dst == A
    assert run.to_outside[0][IP].src == PUBLIC


ONE_TO_ONE = CONF + f"redirect_address {A} {PUBLIC2}\n"


def test_redirect_address_inbound():
    run = nat(ONE_TO_ONE, [], [(0, tcp(R, PUBLIC2, 5555, 22)),
                               (1, udp(R, PUBLIC2, 5555, 53)),
                               (2, echo(R, PUBLIC2)),
                               (3, IP(src=R, dst=PUBLIC2) / GRE()),
                               (4, tcp(R, PUBLIC, 5555, 22))])
    assert [p[IP].dst for p in run.to_inside] == [A] * 4
    assert run.to_inside[0][TCP].dport == 22


def test_redirect_address_outbound():
    run = nat(ONE_TO_ONE, [(0, udp(A)), (1, udp(B))])
    assert [p[IP].src for p in run.to_outside] == [PUBLIC2, PUBLIC]


def test_redirect_address_is_nobody_elses():
    """Also where it is one of the pool's."""
    conf = CONF + f"alias_address {PUBLIC2}\nredirect_address {A} {PUBLIC2}\n"
    run = nat(conf, [(n, udp(f"10.0.0.{n}")) for n in range(2, 20)])
    assert [p[IP].src for p in run.to_outside] == [PUBLIC2] + [PUBLIC] * 17


def test_redirect_address_answers():
    run = nat(ONE_TO_ONE, [(1, echo_reply(A, R, 77))],
              [(0, echo(R, PUBLIC2))])
    assert run.to_inside[0][ICMP].id == 77
    assert run.to_outside[0][IP].src == PUBLIC2
    assert run.to_outside[0][ICMP].id == 77


# -------------------------------------------------------------------- policy

DENY = CONF + "deny_incoming yes\n"


@pytest.mark.parametrize("packet", [
    udp(R, PUBLIC, 53, 40000), tcp(R, PUBLIC, 5, 22), echo(R, PUBLIC),
    esp(R, PUBLIC, 0x1234567), ike(R, PUBLIC, 0x77, 0, SA_INIT),
    IP(src=R, dst=PUBLIC) / GRE() / Raw(b"x")])
def test_deny_incoming(packet):
    run = nat(DENY, [], [(0, packet)])
    assert run.to_inside == [] and run.to_outside == []
    assert run.summary["verdicts"]["dropped"] == 1
    (event,) = run.dropped()
    assert event["side"] == "outside"
    assert event["source"]["address"] == R


def test_deny_incoming_lets_answers_in():
    run = converse(DENY, [(0, udp())], lambda r: [
        (1, udp(R, PUBLIC, 53, r.to_outside[0][UDP].sport))])
    assert len(run.to_inside) == 1


def test_deny_incoming_keeps_redirects():
    run = nat(WEB + "deny_incoming yes\n", [],
              [(0, tcp(R, PUBLIC, 5555, 8080))])
    assert len(run.to_inside) == 1


@pytest.mark.parametrize("source, private", [
    ("10.0.0.2", True), ("172.16.0.1", True), ("172.31.255.254", True),
    ("192.168.7.7", True), ("100.64.0.1", True), ("100.127.255.1", True),
    ("172.32.0.1", False), ("172.15.0.1", False), ("192.169.0.1", False),
    ("100.128.0.1", False), ("9.255.255.255", False), ("11.0.0.1", False)])
def test_unregistered_only(source, private):
    run = nat(CONF + "unregistered_only yes\n", [(0, udp(source))])
    if private:
        assert run.to_outside[0][IP].src == PUBLIC
    else:
        assert run.summary["verdicts"]["passed"] == 1
        assert run.reason("not-private") == 1


def test_registered_source_is_translated_otherwise():
    run = nat(CONF, [(0, udp("11.0.0.1"))])
    assert run.to_outside[0][IP].src == PUBLIC


def test_inside_network():
    conf = CONF + "inside_network 10.0.0.0/30\n"
    run = nat(conf, [(0, udp(A)), (1, udp("10.0.0.9"))])
    assert len(run.to_outside) == 1
    assert run.summary["verdicts"]["translated"] == 1


def test_own_traffic_passes():
    run = nat(CONF, [(0, udp(PUBLIC, R))])
    assert run.summary["verdicts"]["passed"] == 1
    assert run.reason("own-traffic") == 1


@pytest.mark.parametrize("destination", ["224.0.0.251", "239.1.2.3",
                                         "255.255.255.255"])
def test_multicast_does_not_leave_untranslated(destination):
    """Whatever is done with it: no inside address outside."""
    run = nat(CONF, [(0, udp(A, destination, 5353, 5353))])
    assert all(p[IP].src == PUBLIC for p in run.to_outside)


def test_spoofed_source_from_outside():
    """An inside address as the source of what comes from the outside is no
    way to reach another inside host."""
    run = converse(CONF, [(0, udp())], lambda r: [
        (1, udp(B, PUBLIC, 53, r.to_outside[0][UDP].sport)),
        (2, udp(B, A, 53, 1000))])
    assert run.to_inside == []


def test_pool_of_addresses():
    """Paired pooling (RFC 4787 REQ-2): one host, one public address."""
    conf = CONF + f"alias_address {PUBLIC2}\n"
    run = nat(conf, [(0, udp(A)), (1, tcp(A)), (2, echo(A)), (3, udp(B)),
                     (4, tcp(B))])
    sources = [p[IP].src for p in run.to_outside]
    assert len(set(sources[:3])) == 1 and len(set(sources[3:])) == 1
    assert set(sources) <= {PUBLIC, PUBLIC2}
