# SPDX-License-Identifier: BSD-2-Clause
"""UDP (RFC 4787): mapping, filtering, checksum, timeout."""

import pytest
from harness import (A, B, CONF, PUBLIC, R, R2, IP, UDP, converse,
                     event_t, nat, udp)

EIF = CONF + "filtering endpoint-independent\n"


def one_way(**options):
    run = nat(CONF, [(0, udp())], **options)
    return run.to_outside[0]


def test_out_and_back():
    run = converse(CONF, [(0, udp(ttl=37, id=4711, tos=0x28))],
                   lambda r: [(0.02, udp(R, PUBLIC, 53, r.to_outside[0][
                       UDP].sport, b"answer"))])
    (out,), (back,) = run.to_outside, run.to_inside
    assert (out[IP].src, out[IP].dst) == (PUBLIC, R)
    assert out[UDP].dport == 53 and out.data == b"query"
    assert (out[IP].ttl, out[IP].id, out[IP].tos) == (37, 4711, 0x28)
    assert (back[IP].src, back[IP].dst) == (R, A)
    assert (back[UDP].sport, back[UDP].dport) == (53, 1000)
    assert back.data == b"answer"
    assert (out.t, back.t) == (0, 0.02)


def test_created_event_tells_the_tuple():
    run = nat(CONF, [(1.25, udp())])
    (event,) = run.created()
    assert event["kind"] == "session" and event["protocol"] == 17
    assert event["inside"] == {"address": A, "port": 1000}
    assert event["remote"] == event["remote_seen"] == {
        "address": R, "port": 53}
    assert event["public"] == {"address": PUBLIC,
                               "port": run.to_outside[0][UDP].sport}
    assert event_t(event) == 1.25
    assert not event["hairpin"] and not event["redirected"]


def test_mapping_is_endpoint_independent():
    """RFC 4787 REQ-1: one inside endpoint, one public endpoint."""
    run = nat(CONF, [(0, udp()), (1, udp(destination=R2, dport=99)),
                     (2, udp(dport=54))])
    assert len({p[UDP].sport for p in run.to_outside}) == 1
    assert run.summary["flows"] == (3, 0, 3)


def test_two_hosts_with_one_port_get_two():
    run = nat(CONF, [(0, udp(A)), (0, udp(B))])
    first, second = run.to_outside
    assert first[UDP].sport != second[UDP].sport
    assert first[IP].src == second[IP].src == PUBLIC


def test_checksum_zero_is_kept_both_ways():
    query = udp()
    query[UDP].chksum = 0

    def answer(run):
        packet = udp(R, PUBLIC, 53, run.to_outside[0][UDP].sport)
        packet[UDP].chksum = 0
        return [(1, packet)]

    run = converse(CONF, [(0, query)], answer)
    assert run.to_outside[0][UDP].chksum == 0
    assert run.to_inside[0][UDP].chksum == 0


def test_checksum_that_becomes_zero_is_sent_as_ffff():
    """RFC 768: zero means none, so a sum of zero is sent as all ones."""
    port = one_way()[UDP].sport
    # A payload that makes the translated packet's checksum come out as zero.
    probe = IP(bytes(udp(PUBLIC, R, port, 53, b"query!\0\0")))
    data = b"query!" + probe[UDP].chksum.to_bytes(2, "big")
    run = nat(CONF, [(0, udp(data=data))])
    assert run.to_outside[0][UDP].chksum == 0xFFFF


@pytest.mark.parametrize("remote, port", [(R2, 53), (R, 54)])
def test_filtered_for_another_remote(remote, port):
    run = converse(CONF, [(0, udp())], lambda r: [
        (1, udp(remote, PUBLIC, port, r.to_outside[0][UDP].sport))])
    assert run.to_inside == []
    assert run.reason("filtered") == 1
    assert run.summary["verdicts"]["dropped"] == 1


def test_endpoint_independent_filtering():
    run = converse(EIF, [(0, udp())], lambda r: [
        (1, udp(R2, PUBLIC, 9, r.to_outside[0][UDP].sport))])
    (back,) = run.to_inside
    assert (back[IP].src, back[IP].dst) == (R2, A)
    assert (back[UDP].sport, back[UDP].dport) == (9, 1000)


def test_unsolicited_is_the_gateways():
    run = nat(CONF, [], [(0, udp(R, PUBLIC, 53, 40000))])
    assert run.to_inside == [] and run.to_outside == []
    assert run.summary["verdicts"]["passed"] == 1
    assert run.reason("no-flow-passed") == 1


def test_another_address_is_not_ours():
    run = nat(CONF, [], [(0, udp(R, "198.51.100.77", 53, 40000))])
    assert run.summary["verdicts"]["passed"] == 1
    assert run.reason("not-for-us") == 1


def test_idle_after_five_minutes():
    run = nat(CONF, [(0, udp())], until=400)
    (event,) = run.expired()
    assert event["reason"] == "idle"
    assert 300 <= event_t(event) < 301
    assert event["packets"] == {"inside": 1, "outside": 0}
    assert run.summary["flows"] == (1, 1, 0)


def test_outbound_refreshes():
    run = nat(CONF, [(0, udp()), (250, udp())], until=600)
    (event,) = run.expired()
    assert 550 <= event_t(event) < 551
    assert event["packets"]["inside"] == 2


def test_timeout_is_configurable():
    run = nat(CONF + "timeout_udp 30\n", [(0, udp())], until=60)
    assert 30 <= event_t(run.expired()[0]) < 31


def test_no_timer_past_the_last_packet_without_until():
    run = nat(CONF, [(0, udp())])
    assert run.expired() == [] and run.summary["flows"] == (1, 0, 1)


def test_timers_fire_between_packets():
    """The flow is gone when the late answer comes."""
    run = converse(CONF, [(0, udp())], lambda r: [
        (302, udp(R, PUBLIC, 53, r.to_outside[0][UDP].sport))])
    assert run.to_inside == []
    assert 300 <= event_t(run.expired()[0]) < 301


def test_answer_just_in_time():
    run = converse(CONF, [(0, udp())], lambda r: [
        (299, udp(R, PUBLIC, 53, r.to_outside[0][UDP].sport))])
    assert len(run.to_inside) == 1


def test_empty_datagram():
    run = nat(CONF, [(0, udp(data=b""))])
    assert run.to_outside[0][UDP].len == 8


def test_nat_traversal_is_plain_udp():
    """UDP 4500 with the marker of zeros: floated IKE (RFC 3948)."""
    run = converse(CONF, [(0, udp(sport=4500, dport=4500,
                                  data=b"\0\0\0\0" + b"i" * 60))],
                   lambda r: [(1, udp(R, PUBLIC, 4500,
                                      r.to_outside[0][UDP].sport))])
    assert run.to_inside[0][UDP].dport == 4500
