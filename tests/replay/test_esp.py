# SPDX-License-Identifier: BSD-2-Clause
"""Raw ESP: outbound learns, inbound is bound by the association."""

import pytest
from harness import (A, B, CONF, IP, PUBLIC, R, R2, R3, echo, esp,
                     event_t, ike, ikev1_setup, ikev2_setup, nat, spi_of, udp,
                     INFORMATIONAL)

HOUR = 3600.0
OUT, IN = 0xC0000001, 0xD0000001


def setup(host=A, remote=R, cookies=(0x11, 0x22), start=0.0):
    return ikev2_setup(host, remote, *cookies, start=start)


def only_esp(packets):
    return [p for p in packets if p[IP].proto == 50]


def test_both_ways():
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT))],
              outside + [(1.1, esp(R, PUBLIC, IN))])
    (out,), (back,) = only_esp(run.to_outside), only_esp(run.to_inside)
    assert (out[IP].src, out[IP].dst, spi_of(out)) == (PUBLIC, R, OUT)
    assert (back[IP].src, back[IP].dst, spi_of(back)) == (R, A, IN)
    assert out.raw[20:] == bytes(esp(A, R, OUT))[20:]


def test_events():
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT))],
              outside + [(1.1, esp(R, PUBLIC, IN))])
    out = [e for e in run.created() if e["kind"] == "esp-out"]
    bound = [e for e in run.named("bound", "flow") if e["kind"] == "esp-in"]
    assert len(out) == len(bound) == 1
    assert out[0]["spi"] == "0xc0000001" and bound[0]["spi"] == "0xd0000001"
    assert bound[0]["inside"]["address"] == A
    assert bound[0]["remote"]["address"] == R
    assert bound[0]["text"], "why it was given to this host"


def test_without_ike():
    """Manually keyed: the outbound SPI alone makes the one candidate."""
    run = nat(CONF, [(0, esp(A, R, OUT))], [(1, esp(R, PUBLIC, IN))])
    assert only_esp(run.to_inside)[0][IP].dst == A


def test_gateway_first():
    """Right after IKE, before the client sent any ESP."""
    inside, outside = setup()
    run = nat(CONF, inside + [(2, esp(A, R, OUT))],
              outside + [(1, esp(R, PUBLIC, IN)), (3, esp(R, PUBLIC, IN, 2))])
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A, A]


def test_gateway_first_ikev1():
    inside, outside = ikev1_setup(A, R, 0x11, 0x22)
    run = nat(CONF, inside, outside + [(1, esp(R, PUBLIC, IN))])
    assert only_esp(run.to_inside)[0][IP].dst == A


@pytest.mark.parametrize("hours", [1, 5, 20, 24.5])
def test_gateway_first_after_silence(hours):
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT))],
              outside + [(1.1, esp(R, PUBLIC, IN)),
                         (hours * HOUR, esp(R, PUBLIC, IN, 2))])
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A, A]


@pytest.mark.parametrize("hours", [1, 20])
def test_new_spi_after_silence(hours):
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT))],
              outside + [(1.1, esp(R, PUBLIC, IN)),
                         (hours * HOUR, esp(R, PUBLIC, IN + 1))])
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A, A]


def test_over_in_the_end():
    """After 25 h of silence on all sides nothing is left."""
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT))],
              outside + [(1.1, esp(R, PUBLIC, IN)),
                         (27 * HOUR, esp(R, PUBLIC, IN, 2)),
                         (27 * HOUR, esp(R, PUBLIC, IN + 9, 2))])
    assert len(only_esp(run.to_inside)) == 1
    assert run.summary["ike"] == 0
    assert {e["kind"] for e in run.expired()} == {"esp-out", "esp-in"}


def test_rekey():
    """New SPIs each way, the old ones still in use for a while."""
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT)), (11, esp(A, R, OUT + 1)),
                              (12, esp(A, R, OUT, 2))],
              outside + [(2, esp(R, PUBLIC, IN)), (10, esp(R, PUBLIC, IN + 1)),
                         (13, esp(R, PUBLIC, IN, 2))])
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A] * 3
    assert len(only_esp(run.to_outside)) == 3


def test_many_rekeys():
    inside, outside = setup()
    for n in range(50):
        inside.append((10 + 1000 * n, esp(A, R, OUT + n)))
        outside.append((11 + 1000 * n, esp(R, PUBLIC, IN + n)))
    run = nat(CONF, inside, outside)
    assert len(only_esp(run.to_outside)) == len(only_esp(run.to_inside)) == 50


def test_several_sas_at_once():
    """Several child SAs of one pair, all alive."""
    inside, outside = setup()
    for turn in range(3):
        for n in range(5):
            inside.append((10 + turn * 60 + n, esp(A, R, OUT + n, turn + 1)))
            outside.append((10.5 + turn * 60 + n,
                            esp(R, PUBLIC, IN + n, turn + 1)))
    run = nat(CONF, inside, outside)
    assert len(only_esp(run.to_inside)) == 15


def test_one_client_two_gateways():
    """The HOWTO's case."""
    in1, out1 = setup(A, R, (0x11, 0x22))
    in2, out2 = setup(A, R2, (0x33, 0x44), start=.5)
    run = nat(CONF, in1 + in2 + [(2, esp(A, R, OUT)), (2, esp(A, R2, OUT))],
              out1 + out2 + [(3, esp(R, PUBLIC, IN)), (3, esp(R2, PUBLIC, IN)),
                             (4, esp(R2, PUBLIC, IN + 1))])
    assert [(p[IP].src, p[IP].dst) for p in only_esp(run.to_inside)] == [
        (R, A), (R2, A), (R2, A)]


@pytest.mark.parametrize("gateway_first", [False, True])
def test_two_clients_two_gateways(gateway_first):
    """Also with the same SPI numbers."""
    in1, out1 = setup(A, R, (0x11, 0x22))
    in2, out2 = setup(B, R2, (0x33, 0x44), start=.5)
    t = 4 if gateway_first else 2
    run = nat(CONF, in1 + in2 + [(t, esp(A, R, OUT)), (t, esp(B, R2, OUT))],
              out1 + out2 + [(3, esp(R, PUBLIC, IN)), (3, esp(R2, PUBLIC, IN)),
                             (HOUR, esp(R, PUBLIC, IN + 1)),
                             (HOUR, esp(R2, PUBLIC, IN + 1))])
    assert [(p[IP].src, p[IP].dst) for p in only_esp(run.to_inside)] == [
        (R, A), (R2, B), (R, A), (R2, B)]
    assert all(p[IP].src == PUBLIC for p in only_esp(run.to_outside))


def test_same_number_in_both_directions():
    """The receiver chooses: the two need not differ."""
    run = nat(CONF, [(0, esp(A, R, OUT)), (2, esp(A, R, OUT, 2))],
              [(1, esp(R, PUBLIC, OUT)), (3, esp(R, PUBLIC, OUT, 2))])
    assert len(run.to_inside) == 2 and len(run.to_outside) == 2


def test_two_clients_of_one_gateway():
    """Nothing tells yet whose the inbound SPI is: both get the packet."""
    in1, out1 = setup(A, R, (0x11, 0x22))
    in2, out2 = setup(B, R, (0x33, 0x44), start=.5)
    run = nat(CONF, in1 + in2 + [(2, esp(A, R, OUT)), (2, esp(B, R, OUT + 1))],
              out1 + out2 + [(3, esp(R, PUBLIC, IN))])
    assert len(only_esp(run.to_outside)) == 2
    assert sorted(p[IP].dst for p in only_esp(run.to_inside)) == [A, B]
    assert not [e for e in run.events if e["event"] == "confirmed"]


def test_traffic_tells_whose_it_is():
    """Of two that began at once, one answers each packet, at no regular times:
    from then on the SPI is its own, and nobody gets copies."""
    in1, out1 = setup(A, R, (0x11, 0x22))
    in2, out2 = setup(B, R, (0x33, 0x44), start=.01)
    times = [3, 3.2, 3.9, 4.05, 5.6, 6.0, 8.3, 8.9, 9.0, 11.7, 12.1, 14]
    inside = [(t + .001, esp(B, R, OUT + 1, n + 2)) for n, t in enumerate(times)]
    inside += [(t, esp(A, R, OUT, t)) for t in range(2, 8)]
    outside = [(t, esp(R, PUBLIC, IN, n + 1)) for n, t in enumerate(times)]
    run = nat(CONF, in1 + in2 + inside + [(2, esp(B, R, OUT + 1))],
              out1 + out2 + outside + [(20, esp(R, PUBLIC, IN, 90))])
    (event,) = [e for e in run.events if e["event"] == "confirmed"]
    assert event["inside"]["address"] == B
    assert [p[IP].dst for p in only_esp(run.to_inside) if p.t >= 20] == [B]


def test_known_spi_stays_when_a_second_client_comes():
    in1, out1 = setup(A, R, (0x11, 0x22))
    in2, out2 = setup(B, R, (0x33, 0x44), start=10)
    run = nat(CONF, in1 + in2 + [(1.5, esp(A, R, OUT))],
              out1 + out2 + [(1, esp(R, PUBLIC, IN)),
                             (20, esp(R, PUBLIC, IN, 2))])
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A, A]


def test_unanswered_spi_is_in_question_when_a_second_client_comes():
    in1, out1 = setup(A, R, (0x11, 0x22))
    in2, out2 = setup(B, R, (0x33, 0x44), start=10)
    run = nat(CONF, in1 + in2, out1 + out2 + [(1, esp(R, PUBLIC, IN)),
                                              (20, esp(R, PUBLIC, IN, 2))])
    assert sorted(p[IP].dst for p in only_esp(run.to_inside)) == [A, A, B]


def test_junk_esp_buys_no_neighbours_traffic():
    """B sends one ESP packet to A's gateway: A's new SPIs still go to A."""
    inside, outside = setup()
    run = nat(CONF, inside + [(1, esp(A, R, OUT)), (2, esp(B, R, 0xBAD0BAD))],
              outside + [(3, esp(R, PUBLIC, IN))])
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A]


def test_unknown_remote():
    run = nat(CONF, [(0, esp(A, R, OUT))], [(1, esp(R3, PUBLIC, IN))])
    assert run.to_inside == []
    assert run.named("bound") == []


def test_unknown_remote_denied():
    run = nat(CONF + "deny_incoming yes\n", [(0, esp(A, R, OUT))],
              [(1, esp(R3, PUBLIC, IN))])
    assert run.summary["verdicts"]["dropped"] == 1


@pytest.mark.parametrize("spi", [0, 1, 255])
def test_reserved_spi(spi):
    run = nat(CONF, [(0, esp(A, R, OUT)), (1, esp(A, R, spi))],
              [(2, esp(R, PUBLIC, spi))])
    assert len(run.to_outside) == 1 and run.to_inside == []
    assert run.reason("bad-spi") == 2


def test_spi_256_is_fine():
    run = nat(CONF, [(0, esp(A, R, 256))], [(1, esp(R, PUBLIC, 256))])
    assert len(run.to_outside) == len(run.to_inside) == 1


@pytest.mark.parametrize("size", [0, 4, 7])
def test_too_short(size):
    packet = IP(src=A, dst=R, proto=50) / (b"\1\2\3\4\5\6\7"[:size])
    run = nat(CONF, [(0, packet)])
    assert run.to_outside == [] and run.reason("bad-transport") == 1


def test_unsolicited_takes_no_spi():
    """A stranger's packets with the very SPIs before the owner's."""
    run = nat(CONF, [(1, esp(A, R, OUT)), (5, esp(A, R, OUT, 2))],
              [(0, esp(R3, PUBLIC, IN)), (0.1, esp(R, PUBLIC, IN)),
               (2, esp(R, PUBLIC, IN, 2)), (3, esp(R3, PUBLIC, IN, 3)),
               (4, esp(R, PUBLIC, IN, 4))])
    assert len(run.to_outside) == 2
    assert [(p[IP].src, p[IP].dst) for p in run.to_inside] == [(R, A)] * 2


def test_unpaired_is_forgotten_in_two_minutes():
    run = nat(CONF, [(0, esp(A, R, OUT))], until=200)
    (event,) = run.expired()
    assert event["kind"] == "esp-out" and event["reason"] == "idle"
    assert 120 <= event_t(event) < 121


def test_paired_lives_long():
    """Without IKE an SPI counts when it goes on and is answered."""
    run = nat(CONF, [(0, esp(A, R, OUT)), (2, esp(A, R, OUT, 2))],
              [(1 + n / 10, esp(R, PUBLIC, IN, n + 1)) for n in range(3)],
              until=20 * HOUR)
    assert run.expired() == []


def test_inbound_alone_keeps_nothing():
    """What the host never answers is forgotten in two minutes, however much of
    it comes."""
    inside, outside = setup()
    run = nat(CONF, inside, outside + [(1 + n * 10, esp(R, PUBLIC, IN, n + 1))
                                       for n in range(12)], until=125)
    (event,) = [e for e in run.expired() if e["kind"] == "esp-in"]
    assert 121 <= event_t(event) < 122.5


def test_esp_keeps_ike_alive():
    """DPD is silent while ESP flows: after 60 h of ESP alone the gateway's IKE
    message still finds its host."""
    inside, outside = setup()
    for n in range(6):
        inside.append((10 + n * 10 * HOUR, esp(A, R, OUT, n + 1)))
        outside.append((11 + n * 10 * HOUR, esp(R, PUBLIC, IN, n + 1)))
    outside.append((60 * HOUR, ike(R, PUBLIC, 0x11, 0x22, INFORMATIONAL,
                                   from_initiator=False, message_id=0)))
    run = nat(CONF, inside, outside)
    assert run.expired("ike") == []
    assert run.to_inside[-1][IP].dst == A and run.to_inside[-1][IP].proto == 17


def test_ike_keeps_esp_alive():
    """An idle tunnel with DPD: after 60 h of IKE alone the gateway speaks
    first."""
    inside, outside = setup()
    inside.append((1, esp(A, R, OUT)))
    outside.append((1.1, esp(R, PUBLIC, IN)))
    for n in range(1, 7):
        inside.append((n * 10 * HOUR, ike(A, R, 0x11, 0x22, INFORMATIONAL,
                                          message_id=n + 1)))
        outside.append((n * 10 * HOUR + 1, ike(
            R, PUBLIC, 0x11, 0x22, INFORMATIONAL, message_id=n + 1,
            response=True, from_initiator=False)))
    outside.append((65 * HOUR, esp(R, PUBLIC, IN, 2)))
    run = nat(CONF, inside, outside)
    assert [p[IP].dst for p in only_esp(run.to_inside)] == [A, A]


def test_table_of_spis_is_bounded():
    """A flood of unknown SPIs of the client's own gateway (or of who claims to
    be it): sessions and the client's SPI live on."""
    inside, outside = setup()
    inside += [(1, esp(A, R, OUT)), (2, udp()), (400, echo()),
               (500, esp(A, R, OUT, 2))]
    outside += [(1.5, esp(R, PUBLIC, IN))]
    outside += [(3 + n / 100, esp(R, PUBLIC, 0x01000000 + n))
                for n in range(10000)]
    outside += [(450, esp(R, PUBLIC, IN, 2))]
    run = nat(CONF, inside, outside)
    assert run.to_outside[-1][IP].proto == 50
    assert len([p for p in run.to_outside if p[IP].proto == 1]) == 1
    mine = [p for p in only_esp(run.to_inside) if spi_of(p) == IN]
    assert [p[IP].dst for p in mine] == [A, A]


def test_hairpin():
    """Two inside hosts, one a responder by redirect_ipsec, and the tunnel
    between them through the public address."""
    conf = CONF + f"redirect_ipsec {A}\n"
    run = nat(conf, [(0, esp(B, PUBLIC, OUT))])
    assert run.to_outside == []
    assert [p[IP].dst for p in run.to_inside] in ([A], [])
