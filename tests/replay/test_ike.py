# SPDX-License-Identifier: BSD-2-Clause
"""IKE on UDP 500: the port is kept, clients are told apart by cookies."""

import pytest
from harness import (A, B, C, CONF, IP, PUBLIC, R, R2, R3, UDP, data_of, esp,
                     event_t, fragments, icmp_error, ike, ikev1_setup,
                     ikev2_setup, nat, reassemble, udp, wholes, AGGRESSIVE, AUTH,
                     CHILD, INFORMATIONAL, INFO1, MAIN, QUICK, SA_INIT)

HOUR = 3600.0
SETUPS = [ikev2_setup, ikev1_setup]


def ends(packets):
    return [(p[IP].src, p[IP].dst) for p in packets]


@pytest.mark.parametrize("setup", SETUPS)
def test_port_500_is_kept(setup):
    inside, outside = setup(A, R, 0x11, 0x22)
    run = nat(CONF, inside, outside)
    assert len(run.to_outside) == len(inside)
    assert len(run.to_inside) == len(outside)
    for p in run.to_outside:
        assert (p[IP].src, p[UDP].sport, p[UDP].dport) == (PUBLIC, 500, 500)
    for p in run.to_inside:
        assert (p[IP].dst, p[UDP].sport, p[UDP].dport) == (A, 500, 500)
    # IKE's payload is never touched.
    assert [bytes(p[UDP].payload) for p in run.to_outside] == [
        bytes(p[UDP].payload) for _, p in inside]
    (event,) = run.named("created", "ike")
    assert (event["inside"], event["remote"]) == (A, R)
    assert event["initiator_spi"] == "0000000000000011"
    assert event["version"] == (2 if setup is ikev2_setup else 1)
    assert event["inside_initiated"]


@pytest.mark.parametrize("setup", SETUPS)
def test_two_clients_two_gateways(setup):
    in1, out1 = setup(A, R, 0x11, 0x22)
    in2, out2 = setup(B, R2, 0x33, 0x44, start=.01)
    run = nat(CONF, in1 + in2, out1 + out2)
    assert all(p[UDP].sport == 500 for p in run.to_outside)
    assert len(run.to_inside) == len(out1) + len(out2)
    assert set(ends(run.to_inside)) == {(R, A), (R2, B)}


@pytest.mark.parametrize("setup", SETUPS)
def test_three_clients_of_one_gateway(setup):
    """All with source port 500; even with the same responder cookie."""
    inside, outside, want = [], [], []
    for n, host in enumerate((A, B, C)):
        more_in, more_out = setup(host, R, 0x100 + n, 0x22, start=n * .01)
        inside += more_in
        outside += more_out
        want += [(t, host) for t, _ in more_out]
    run = nat(CONF, inside, outside)
    assert all(p[UDP].sport == 500 for p in run.to_outside)
    assert [p[IP].dst for p in run.to_inside] == [
        host for _, host in sorted(want, key=lambda item: item[0])]


def test_aggressive_mode():
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, AGGRESSIVE, version=1)),
                     (.2, ike(A, R, 0x11, 0x22, AGGRESSIVE, version=1))],
              [(.1, ike(R, PUBLIC, 0x11, 0x22, AGGRESSIVE, version=1))])
    assert ends(run.to_inside) == [(R, A)] and len(run.to_outside) == 2


def test_same_cookie_to_two_gateways():
    in1, out1 = ikev2_setup(A, R, 0x11, 0x22)
    in2, out2 = ikev2_setup(B, R2, 0x11, 0x22, start=.01)
    run = nat(CONF, in1 + in2, out1 + out2)
    assert set(ends(run.to_inside)) == {(R, A), (R2, B)}


def test_retransmission():
    run = nat(CONF, [(t, ike(A, R, 0x11, 0, SA_INIT)) for t in (0, 1, 3, 7)],
              [(8, ike(R, PUBLIC, 0x11, 0x22, SA_INIT, response=True,
                       from_initiator=False))])
    assert len(run.to_outside) == 4 and ends(run.to_inside) == [(R, A)]
    assert len(run.named("created", "ike")) == 1


def test_cookie_challenge():
    """RFC 7296 2.6: the first answer has a responder cookie of zero; the next
    request then has another message but the same initiator cookie."""
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, SA_INIT)),
                     (.2, ike(A, R, 0x11, 0, SA_INIT, data=b"c" * 120))],
              [(.1, ike(R, PUBLIC, 0x11, 0, SA_INIT, response=True,
                        from_initiator=False)),
               (.3, ike(R, PUBLIC, 0x11, 0x22, SA_INIT, response=True,
                        from_initiator=False))])
    assert ends(run.to_inside) == [(R, A)] * 2


# --------------------------------------------------------------------- rekey

def rekey_by(host_side):
    """IKEv2: CREATE_CHILD_SA in the old SA, then both header SPIs are new."""
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    if host_side:
        inside.append((100, ike(A, R, 0x11, 0x22, CHILD, message_id=2)))
        outside.append((100.1, ike(R, PUBLIC, 0x11, 0x22, CHILD, message_id=2,
                                   response=True, from_initiator=False)))
        # The new SA's first message: the client deletes the old one in the
        # old one, then DPD in the new one.
        inside.append((200, ike(A, R, 0x55, 0x66, INFORMATIONAL)))
        outside.append((200.1, ike(R, PUBLIC, 0x55, 0x66, INFORMATIONAL,
                                   response=True, from_initiator=False)))
    else:
        outside.append((100, ike(R, PUBLIC, 0x11, 0x22, CHILD,
                                 from_initiator=False)))
        inside.append((100.1, ike(A, R, 0x11, 0x22, CHILD, response=True)))
        outside.append((200, ike(R, PUBLIC, 0x55, 0x66, INFORMATIONAL)))
        inside.append((200.1, ike(A, R, 0x55, 0x66, INFORMATIONAL,
                                  response=True, from_initiator=False)))
    return inside, outside


@pytest.mark.parametrize("host_side", [True, False])
def test_rekey(host_side):
    inside, outside = rekey_by(host_side)
    run = nat(CONF, inside, outside)
    assert len(run.to_outside) == len(inside)
    assert ends(run.to_inside) == [(R, A)] * len(outside)
    assert all(p[UDP].sport == 500 for p in run.to_outside)


def test_gateway_uses_new_cookies_after_an_hour():
    """The rekeyed SA's first message is the gateway's DPD, much later."""
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    outside += [(100, ike(R, PUBLIC, 0x11, 0x22, CHILD,
                          from_initiator=False)),
                (HOUR, ike(R, PUBLIC, 0x55, 0x66, INFORMATIONAL))]
    inside += [(100.1, ike(A, R, 0x11, 0x22, CHILD, response=True))]
    run = nat(CONF, inside, outside)
    assert ends(run.to_inside) == [(R, A)] * len(outside)
    bound = run.named("bound", "ike")
    assert bound and bound[-1]["inside"] == A
    assert bound[-1]["initiator_spi"] == "0000000000000055"


def test_gateway_starts_over():
    """A rebooted gateway initiates: its request goes to the one client."""
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    outside += [(100, ike(R, PUBLIC, 0x77, 0, SA_INIT)),
                (101, ike(R, PUBLIC, 0x77, 0x88, AUTH, message_id=1))]
    inside += [(100.5, ike(A, R, 0x77, 0x88, SA_INIT, response=True,
                           from_initiator=False))]
    run = nat(CONF, inside, outside)
    assert ends(run.to_inside) == [(R, A)] * len(outside)
    assert run.to_outside[-1][UDP].sport == 500


def test_ikev1_rekey_from_the_gateway():
    inside, outside = ikev1_setup(A, R, 0x11, 0x22)
    outside += [(2 * HOUR, ike(R, PUBLIC, 0x11, 0x22, QUICK, version=1,
                               message_id=0x99)),
                (2 * HOUR + 1, ike(R, PUBLIC, 0x11, 0x22, INFO1, version=1,
                                   message_id=0x9A))]
    run = nat(CONF, inside, outside)
    assert ends(run.to_inside) == [(R, A)] * len(outside)


@pytest.mark.parametrize("hours", [1, 10, 24])
def test_gateway_rekeys_after_silence(hours):
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    outside.append((hours * HOUR, ike(R, PUBLIC, 0x11, 0x22, CHILD,
                                      from_initiator=False)))
    run = nat(CONF, inside, outside)
    assert ends(run.to_inside) == [(R, A)] * len(outside)


# ------------------------------------------------------------------ lifetimes

def ike_end(run):
    (event,) = run.expired("ike")
    return event_t(event)


def test_unanswered_half_a_minute():
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, SA_INIT))], until=100)
    assert 30 <= ike_end(run) < 31
    assert run.summary["ike"] == 0


def test_unanswered_counts_from_the_last():
    run = nat(CONF, [(t, ike(A, R, 0x11, 0, SA_INIT)) for t in (0, 20)],
              until=100)
    assert 50 <= ike_end(run) < 51


def test_answered_five_minutes():
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, SA_INIT))],
              [(1, ike(R, PUBLIC, 0x11, 0x22, SA_INIT, response=True,
                       from_initiator=False))], until=1000)
    assert 301 <= ike_end(run) < 302


@pytest.mark.parametrize("setup", SETUPS)
def test_established_25_hours(setup):
    inside, outside = setup(A, R, 0x11, 0x22)
    assert nat(CONF, inside, outside, until=24 * HOUR).expired("ike") == []
    run = nat(CONF, inside, outside, until=26 * HOUR)
    assert 25 * HOUR <= ike_end(run) < 25 * HOUR + 2
    assert run.expired("ike")[0]["state"] == "established"


def test_timeouts_are_configurable():
    conf = CONF + "timeout_ike_unanswered 5\ntimeout_ike 60\n"
    run = nat(conf, [(0, ike(A, R, 0x11, 0, SA_INIT))], until=10)
    assert 5 <= ike_end(run) < 6
    run = nat(conf, *ikev2_setup(A, R, 0x11, 0x22), until=100)
    assert 60 <= ike_end(run) < 61


def test_half_open_quota():
    """One host that opens without end has a bounded share of the table, and
    loses its oldest."""
    conf = CONF + "max_ike 256\n"
    inside = [(n / 1000, ike(A, R, 0x1000 + n, 0, SA_INIT))
              for n in range(2000)]
    inside.append((3, ike(B, R, 0x99, 0, SA_INIT)))
    run = nat(conf, inside, [(3.1, ike(R, PUBLIC, 0x99, 0x22, SA_INIT,
                                       response=True, from_initiator=False))])
    assert run.summary["ike"] < 128
    assert len(run.expired("ike")) > 1800
    assert ends(run.to_inside) == [(R, B)]


# ---------------------------------------------------------------- strangers

def test_stranger_is_not_let_in():
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    run = nat(CONF, inside, outside + [
        (10, ike(R3, PUBLIC, 0x77, 0, SA_INIT)),
        (11, ike(R3, PUBLIC, 0x11, 0x22, INFORMATIONAL)),
        (12, ike(R3, PUBLIC, 0x77, 0x88, INFORMATIONAL))])
    assert ends(run.to_inside) == [(R, A)] * len(outside)


def test_unsolicited_takes_no_port_500():
    """A stranger first; then the clients have 500 all the same."""
    inside, outside = ikev2_setup(A, R3, 0x11, 0x22, start=1)
    run = nat(CONF, inside, [(0, ike(R3, PUBLIC, 0x77, 0, SA_INIT)),
                             (0.5, udp(R3, PUBLIC, 500, 500, b"junk"))] +
              outside)
    assert all(p[UDP].sport == 500 for p in run.to_outside)
    assert ends(run.to_inside) == [(R3, A)] * len(outside)


def test_stranger_cannot_take_an_sa_over():
    """The right cookies from the wrong address."""
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, SA_INIT))],
              [(.1, ike(R3, PUBLIC, 0x11, 0x99, SA_INIT, response=True,
                        from_initiator=False)),
               (.2, ike(R, PUBLIC, 0x11, 0x22, SA_INIT, response=True,
                        from_initiator=False))])
    assert ends(run.to_inside) == [(R, A)]


@pytest.mark.parametrize("data", [b"", b"\xff", b"x" * 27])
def test_not_ike(data):
    run = nat(CONF, [(0, udp(A, R, 500, 500, data))])
    assert run.to_outside == [] and run.reason("bad-ike") == 1


def test_to_port_500_from_another():
    """A scanner, or a client behind another NAT: a session like others."""
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, SA_INIT, sport=40500))])
    port = run.to_outside[0][UDP].sport
    run = nat(CONF, [(0, ike(A, R, 0x11, 0, SA_INIT, sport=40500))],
              [(1, ike(R, PUBLIC, 0x11, 0x22, SA_INIT, dport=port))])
    assert run.to_inside[0][UDP].dport == 40500


def test_port_500_is_no_ones_port():
    """same_ports with 500 in the range gives it to no plain session."""
    conf = CONF + "same_ports yes\n"
    run = nat(conf, [(0, ike(A, R, 0x11, 0, SA_INIT)),
                     (1, ike(B, R, 0x12, 0, SA_INIT))])
    assert all(p[UDP].sport == 500 for p in run.to_outside)


def test_checksum_zero_is_kept():
    packet = ike(A, R, 0x11, 0, SA_INIT)
    packet[UDP].chksum = 0
    assert nat(CONF, [(0, packet)]).to_outside[0][UDP].chksum == 0


# ------------------------------------------------------- a responder inside

def test_redirect_ipsec():
    conf = CONF + f"redirect_ipsec {A}\n"
    outside, inside = [], []
    outside += [(0, ike(R3, PUBLIC, 0x77, 0, SA_INIT)),
                (.2, ike(R3, PUBLIC, 0x77, 0x88, AUTH, message_id=1))]
    inside += [(.1, ike(A, R3, 0x77, 0x88, SA_INIT, response=True,
                        from_initiator=False)),
               (.3, ike(A, R3, 0x77, 0x88, AUTH, response=True,
                        from_initiator=False, message_id=1)),
               (2, esp(A, R3, 0xA0000001))]
    outside += [(1, esp(R3, PUBLIC, 0xB0000001))]
    run = nat(conf, inside, outside)
    assert ends(run.to_inside) == [(R3, A)] * 3
    assert ends(run.to_outside) == [(PUBLIC, R3)] * 3
    assert all(p[UDP].sport == 500 for p in run.to_outside[:2])


def test_redirect_ipsec_of_one_remote():
    conf = CONF + f"redirect_ipsec {A} {R3}\n"
    run = nat(conf, [], [(0, ike(R3, PUBLIC, 0x77, 0, SA_INIT)),
                         (1, ike(R2, PUBLIC, 0x78, 0, SA_INIT)),
                         (2, esp(R3, PUBLIC, 0xB0000001)),
                         (3, esp(R2, PUBLIC, 0xB0000002))])
    assert ends(run.to_inside) == [(R3, A)] * 2


def test_redirect_ipsec_takes_only_what_nobody_claims():
    """B's own gateway answers B, not the responder."""
    conf = CONF + f"redirect_ipsec {A}\n"
    inside, outside = ikev2_setup(B, R, 0x11, 0x22)
    run = nat(conf, inside + [(1, esp(B, R, 0xC0000001))],
              outside + [(2, esp(R3, PUBLIC, 0xB0000001))])
    assert ends(run.to_inside) == [(R, B), (R, B), (R3, A)]


def test_redirect_ipsec_two_remotes_two_responders():
    conf = CONF + f"redirect_ipsec {A} {R}\nredirect_ipsec {B}\n"
    run = nat(conf, [], [(0, ike(R, PUBLIC, 0x77, 0, SA_INIT)),
                         (1, ike(R2, PUBLIC, 0x78, 0, SA_INIT))])
    assert ends(run.to_inside) == [(R, A), (R2, B)]


def test_main_mode_request_from_the_gateway():
    """IKEv1: the gateway starts over with Main Mode."""
    inside, outside = ikev1_setup(A, R, 0x11, 0x22)
    outside.append((50, ike(R, PUBLIC, 0x77, 0, MAIN, version=1)))
    run = nat(CONF, inside, outside)
    assert ends(run.to_inside)[-1] == (R, A)
    assert run.to_inside[-1].data == data_of(outside[-1][1])


# ------------------------------------------------------------------ fragments

BIG = bytes(range(256)) * 11


@pytest.mark.parametrize("reverse", [False, True])
def test_fragmented_auth(reverse):
    """IKE_AUTH with certificates, in both directions; with two clients of one
    gateway the cookies are in the first fragment only."""
    def pieces(packet, ident, start):
        packet.id = ident
        parts = fragments(packet, 800, 1600)
        return [(start + n * .001, p) for n, p in
                enumerate(parts[::-1] if reverse else parts)]

    inside, outside = [], []
    for n, host in enumerate((A, B)):
        i, r = 0x100 + n, 0x200 + n
        inside.append((n, ike(host, R, i, 0, SA_INIT)))
        outside.append((n + .1, ike(R, PUBLIC, i, r, SA_INIT, response=True,
                                    from_initiator=False)))
        inside += pieces(ike(host, R, i, r, AUTH, message_id=1, data=BIG),
                         40, n + .2)
        outside += pieces(ike(R, PUBLIC, i, r, AUTH, message_id=1, data=BIG,
                              response=True, from_initiator=False), 50 + n,
                          n + .3)
    run = nat(CONF, inside, outside)
    assert len(run.to_outside) == len(run.to_inside) == 8
    for n, host in enumerate((A, B)):
        mine = [p for p in run.to_inside if p[IP].id == 50 + n]
        assert {p[IP].dst for p in mine} == {host}
        assert data_of(reassemble(mine))[28:] == BIG
    out = wholes(run.to_outside)
    assert {whole.src for whole in out} == {PUBLIC}
    big = [data_of(whole) for whole in out if whole.len > 1000]
    assert [one[28:] for one in big] == [BIG] * 2
    assert [one[7] for one in big] == [0, 1], "each with its own cookie"


# ------------------------------------------------------------- NAT traversal

def natt(source, destination, *cookies, sport=4500, dport=4500, **options):
    """IKE on UDP 4500 behind four zero bytes (RFC 3948 2.2)."""
    message = data_of(ike(source, destination, *cookies, **options))
    return udp(source, destination, sport, dport, b"\0" * 4 + message)


def floated(host, remote, i, r, start=0.0):
    inside = [(start, ike(host, remote, i, 0, SA_INIT)),
              (start + .2, natt(host, remote, i, r, AUTH, message_id=1))]
    outside = [(start + .1, ike(remote, PUBLIC, i, r, SA_INIT, response=True,
                                from_initiator=False))]
    first = nat(CONF, inside, outside)
    port = first.to_outside[-1][UDP].sport
    outside.append((start + .3, natt(remote, PUBLIC, i, r, AUTH, dport=port,
                                     response=True, from_initiator=False,
                                     message_id=1)))
    return inside, outside


def test_float_to_4500():
    inside, outside = floated(A, R, 0x11, 0x22)
    run = nat(CONF, inside, outside)
    assert ends(run.to_inside) == [(R, A)] * 2
    assert run.to_inside[1][UDP].dport == 4500
    assert run.to_outside[1][UDP].dport == 4500


def test_floated_client_gets_no_raw_esp():
    """B speaks raw ESP with the same gateway: the unknown SPI is B's."""
    in1, out1 = floated(A, R, 0x11, 0x22)
    in2, out2 = ikev2_setup(B, R, 0x33, 0x44, start=1)
    run = nat(CONF, in1 + in2 + [(3, esp(B, R, 0xC0000001))],
              out1 + out2 + [(2, esp(R, PUBLIC, 0xD0000001)),
                             (4, esp(R, PUBLIC, 0xD0000002))])
    raw_esp = [p for p in run.to_inside if p[IP].proto == 50]
    assert ends(raw_esp) == [(R, B)] * 2


# ------------------------------------------------- errors with a short quote

def test_error_quoting_eight_bytes():
    """No cookies in it: told by the UDP checksum and the IP identification of
    what was sent last."""
    first = ike(A, R, 0x1111, 0, SA_INIT)
    second = ike(B, R, 0x2222, 0, SA_INIT)
    first.id, second.id = 1001, 1002
    run = nat(CONF, [(0, first), (.1, second)])
    errors = [(1 + n, icmp_error("192.0.2.9", PUBLIC, p.raw, 3, 4, 1400, 8))
              for n, p in enumerate(run.to_outside)]
    run = nat(CONF, [(0, first), (.1, second)], errors)
    assert [p[IP].dst for p in run.to_inside] == [A, B]
    assert [p.raw[28:] for p in run.to_inside] == [
        bytes(first)[:28], bytes(second)[:28]]


def test_error_quoting_eight_bytes_never_sent():
    first = ike(A, R, 0x1111, 0, SA_INIT)
    forged = ike(PUBLIC, R, 0x3333, 0, SA_INIT, data=b"forged" * 9)
    run = nat(CONF, [(0, first)], [
        (1, icmp_error("192.0.2.9", PUBLIC, forged, 3, 4, 1400, 8))])
    assert run.to_inside == []
