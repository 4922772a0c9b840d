# SPDX-License-Identifier: BSD-2-Clause
"""Random conversations of many hosts against a naive model of the NAT, and
time in large steps."""

import random

import pytest
from harness import (A, B, BASE, CONF, ICMP, IP, NS, PUBLIC, R, UDP, echo, esp,
                     event_t, ikev2_setup, nat, pcap_bytes, raw, tcp, to_ns,
                     udp)

DAY = 86400.0
TIMEOUT = 30.0
MODEL = CONF + "port_range 40000-40031\ntimeout_udp 30\n"


class Model:
    """UDP flows {(inside, remote): last seen} and mappings {inside: port}."""

    def __init__(self):
        self.flows = {}
        self.ports = {}

    def live(self, t, slack):
        return {key for key, last in self.flows.items()
                if t - last < TIMEOUT + slack}

    def forget(self, t):
        """Drops what has surely expired."""
        self.flows = {key: last for key, last in self.flows.items()
                      if t - last < TIMEOUT + 1}
        inside = {key[0] for key in self.flows}
        self.ports = {key: port for key, port in self.ports.items()
                      if key in inside}


def conversation(seed):
    rng = random.Random(seed)
    t, inside, outside = 0.0, [], []
    for n in range(2500):
        t = round(t + rng.choice((.01, .1, .1, 1, 1, 3)), 6)
        remote, rport = rng.choice((R, B.replace("10", "203"), "192.0.2.1")), \
            rng.choice((53, 54))
        if rng.random() < .5:
            inside.append((t, udp(f"10.0.0.{rng.randrange(2, 6)}", remote,
                                  1000 + rng.randrange(4), rport,
                                  n.to_bytes(4, "big"))))
        else:
            outside.append((t, udp(remote, PUBLIC, rport,
                                   40000 + rng.randrange(32),
                                   n.to_bytes(4, "big"))))
    return inside, outside


@pytest.mark.parametrize("seed", range(6))
def test_udp(seed):
    inside, outside = conversation(seed)
    run = nat(MODEL, inside, outside, seed=str(seed))
    out = {p.data: p for p in run.to_outside}
    back = {p.data: p for p in run.to_inside}
    model = Model()
    packets = sorted([(t, 0, p) for t, p in inside] +
                     [(t, 1, p) for t, p in outside], key=lambda x: x[:2])
    delivered = filtered = 0
    for t, side, packet in packets:
        model.forget(t)
        data = bytes(packet[UDP].payload)
        if side == 0:
            end = (packet[IP].src, packet[UDP].sport)
            remote = (packet[IP].dst, packet[UDP].dport)
            sent = out.get(data)
            if sent is None:  # all ports taken: there must be 32 mappings
                assert len(model.ports) == 32
                continue
            port = sent[UDP].sport
            alive = {key[0] for key in model.live(t, -1)}
            if end in alive:
                assert port == model.ports[end], "the mapping is kept"
            for other, taken in model.ports.items():
                if other != end and other in alive:
                    assert port != taken, "one port, two hosts"
            # Another's that is just about to expire may be given away.
            model.ports = {k: v for k, v in model.ports.items() if v != port}
            model.ports[end] = port
            model.flows[end, remote] = t
        else:
            remote = (packet[IP].src, packet[UDP].sport)
            port = packet[UDP].dport
            got = back.get(data)
            owners = [end for end, p in model.ports.items() if p == port]
            surely = [key for key in model.live(t, -1)
                      if key[0] in owners and key[1] == remote]
            if got is not None:
                end = (got[IP].dst, got[UDP].dport)
                assert end in owners and (end, remote) in model.flows
                model.flows[end, remote] = t
                delivered += 1
            else:
                assert not surely, "a live flow's packet was lost"
                filtered += bool(owners)
    assert delivered > 20 and filtered > 200


def test_all_end_at_once():
    """More timers at one time than one call runs."""
    conf = CONF.replace("4096", "16384")
    run = nat(conf, [(0, udp(f"10.0.{n // 200}.{n % 200 + 1}", sport=n + 1000))
                     for n in range(6000)], until=310)
    assert run.summary["flows"] == (6000, 6000, 0)
    assert all(300 <= event_t(e) < 301 for e in run.expired())


def test_two_months_of_tunnel():
    """Stamps wrap in between; nothing ends before its time or after it."""
    inside, outside = ikev2_setup(A, R, 1, 2)
    for n in range(75):
        t = 1 + n * .8 * DAY
        inside.append((t, esp(A, R, 0xC0000001, n + 1)))
        outside.append((t + 1, esp(R, PUBLIC, 0xD0000001, n + 1)))
        inside.append((t + 2, esp(A, R, 0xC0000001, 1000 + n)))
    run = nat(CONF, inside, outside, until=3 * DAY)
    assert len([p for p in run.to_inside if p[IP].proto == 50]) == 75
    last = inside[-1][0]
    ended = [event_t(e) for e in run.expired() + run.expired("ike")]
    assert len(ended) == 3
    assert all(last + 25 * 3600 <= t < last + 25 * 3600 + 2 for t in ended)


@pytest.mark.parametrize("days", [20, 26, 27, 53, 100, 249, 398, 500, 3650])
def test_long_silence(days):
    """What is over stays over, whatever the clocks inside wrap to."""
    port = nat(CONF, [(0, udp())]).to_outside[0][UDP].sport
    run = nat(CONF, [(0, udp()), (0, tcp()), (0, echo()),
                     (0, esp(A, R, 0x1001))],
              [(days * DAY, udp(R, PUBLIC, 53, port)),
               (days * DAY, esp(R, PUBLIC, 0x2002))], until=DAY)
    assert run.to_inside == []
    assert len(run.expired()) == 4
    assert all(event_t(e) < 301 for e in run.expired())


def test_a_clock_that_was_set():
    """A device without a clock boots in 1970 and then learns the time."""
    run = nat(CONF, inside_capture=pcap_bytes([
        (0, raw(udp())), (NS, raw(udp())), (to_ns(0), raw(udp(B))),
        (to_ns(10), raw(udp(A)))]), until=400)
    assert [p.ns for p in run.to_outside] == [0, NS, to_ns(0), to_ns(10)]
    assert [e["time"].split(".")[0] for e in run.expired()] == [
        "301", str(BASE + 300), str(BASE + 310)]


def test_two_months_of_keepalives():
    """A UDP flow kept up for 67 days is one flow with one port."""
    inside = [(n * 290, udp(data=b"")) for n in range(20000)]
    inside = [(t, bytes(inside[0][1])) for t, _ in inside]
    run = nat(CONF, inside, until=400)
    assert run.summary["flows"] == (1, 1, 0)
    assert len({p.raw[20:22] for p in run.to_outside}) == 1
    assert ICMP not in run.to_outside[0].ip
