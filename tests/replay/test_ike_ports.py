# SPDX-License-Identifier: BSD-2-Clause
"""Public ports of IKE other than 500 (ike_ports)."""

import pytest
from harness import (A, B, C, CONF, IP, PUBLIC, R, R2, UDP, data_of, converse,
                     esp, fragments, ike, ikev1_setup, ikev2_setup, nat, AUTH,
                     INFORMATIONAL, SA_INIT)

LOW, HIGH = 20000, 20999
RANGE = f"port_range {LOW}-{HIGH}\n"
REWRITE = CONF + RANGE + f"ike_ports rewrite {R}\n"
AUTO = CONF + RANGE + "ike_ports auto\n"
SETUPS = [ikev2_setup, ikev1_setup]


def to_ports(packets, ports):
    """What a remote sends, to the port of each initiator's cookie."""
    for _, packet in packets:
        packet[UDP].dport = ports[bytes(packet[UDP].payload)[:8]]
    return packets


def ports_of(run):
    return {p.data[:8]: p[UDP].sport for p in run.to_outside if UDP in p.ip}


@pytest.mark.parametrize("setup", SETUPS)
def test_rewrite(setup):
    """Three clients of one gateway and of another that no rule names."""
    inside, outside, elsewhere = [], [], []
    for n, host in enumerate((A, B, C)):
        more, answers = setup(host, R, 0x100 + n, 0x22, start=n * .01)
        inside += more
        outside += answers
        more, answers = setup(host, R2, 0x200 + n, 0x33, start=1 + n * .01)
        inside += more
        elsewhere += answers
    run = converse(REWRITE, inside,
                   lambda first: to_ports(outside, ports_of(first)) + elsewhere)
    ports = ports_of(run)
    assert len(run.to_inside) == len(outside) + len(elsewhere)
    for p in run.to_inside:
        assert (p[UDP].sport, p[UDP].dport) == (500, 500)
    of_r = {p[UDP].sport for p in run.to_outside if p[IP].dst == R}
    assert len(of_r) == 3 and all(LOW <= port <= HIGH for port in of_r)
    assert {p[UDP].sport for p in run.to_outside if p[IP].dst == R2} == {500}
    assert [p.data for p in run.to_outside] == [
        data_of(packet) for _, packet in sorted(inside, key=lambda i: i[0])]
    for event in run.named("created", "ike"):
        assert event["public_port"] == ports[bytes.fromhex(
            event["initiator_spi"])]
    assert run.named("notice") == [] and run.summary["ike"] == 6


def test_fragments():
    """Later fragments of what goes by such a port, the other way round too."""
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    big = ike(A, R, 0x11, 0x22, AUTH, message_id=2, data=b"x" * 2000)
    inside += [(2, f) for f in fragments(big, 800, 1600)]

    def answers(first):
        ports = ports_of(first)
        port = ports[bytes(7) + b"\x11"]
        back = ike(R, PUBLIC, 0x11, 0x22, AUTH, message_id=2, response=True,
                   from_initiator=False, data=b"y" * 2000, dport=port)
        return to_ports(outside, ports) + [
            (3 + n / 10, f) for n, f in
            enumerate(reversed(fragments(back, 800, 1600)))]

    run = converse(REWRITE, inside, answers)
    assert [p[IP].dst for p in run.to_inside] == [A] * 5
    assert run.to_inside[2][UDP].dport == 500  # the first, then those held
    assert [p[IP].src for p in run.to_outside] == [PUBLIC] * 5


def test_auto():
    """A second client that is not answered on 500, and is on its own port."""
    inside, outside = ikev2_setup(A, R, 0x11, 0x22)
    second, late = ikev2_setup(B, R, 0x33, 0x44, start=17)
    inside += [(t, ike(B, R, 0x33, 0, SA_INIT)) for t in (10, 11, 13)] + second

    ports = ports_of(nat(AUTO, inside, outside))
    run = nat(AUTO, inside, outside + to_ports(late, ports) + [
        (30, esp(R, PUBLIC, 0xC0000001))])
    sent = [p[UDP].sport for p in run.to_outside
            if p.data[:8] == bytes(7) + b"\x33"]
    assert sent[:3] == [500] * 3
    assert sent[3] == sent[4] and LOW <= sent[3] <= HIGH
    (notice,) = run.named("notice", "ike")
    assert (notice["inside"], notice["public_port"]) == (B, sent[3])
    assert "port of its own" in notice["text"]
    # Both are candidates for what the gateway sends next.
    assert {p[IP].dst for p in run.to_inside if p[IP].proto == 50} == {A, B}


def test_remote_speaks_first():
    """Cookies that nobody saw, to each client's own port."""
    in_a, out_a = ikev2_setup(A, R, 0x11, 0x22)
    in_b, out_b = ikev2_setup(B, R, 0x33, 0x44, start=1)

    def answers(first):
        ports = ports_of(first)
        late = [(3600 + n, ike(R, PUBLIC, 0x55 + n, 0x66, INFORMATIONAL,
                               dport=ports[bytes(7) + bytes([cookie])]))
                for n, cookie in enumerate((0x33, 0x11))]
        return to_ports(out_a + out_b, ports) + late

    run = converse(REWRITE, in_a + in_b, answers)
    assert [p[IP].dst for p in run.to_inside[-2:]] == [B, A]
    assert run.summary["emitted"] == 0
    assert [e["text"] for e in run.named("bound", "ike")] == [
        "it came to this host's own port"] * 2
