# SPDX-License-Identifier: BSD-2-Clause
"""Public ports: range, randomness, preservation, exhaustion."""

import pytest
from harness import (A, B, CONF, ICMP, PUBLIC, TCP, UDP, echo, event_t, nat,
                     tcp, udp)

MANY = [(n / 100, udp(sport=2000 + n)) for n in range(200)]


def ports(run, layer=UDP):
    return [p[layer].sport for p in run.to_outside]


def test_in_the_range_and_all_different():
    drawn = ports(nat(CONF + "port_range 40000-41000\n", MANY))
    assert len(set(drawn)) == len(drawn) == 200
    assert all(40000 <= port <= 41000 for port in drawn)


def test_default_range():
    """Beside Linux's own ephemeral ports (ip_local_port_range)."""
    assert all(10000 <= port < 32768 for port in ports(nat(CONF, MANY)))


def test_drawn_at_random():
    """RFC 6056: no steps an outsider could guess, and the range is used."""
    drawn = ports(nat(CONF, MANY))
    steps = [b - a for a, b in zip(drawn, drawn[1:])]
    assert len(set(steps)) > 190
    assert drawn != sorted(drawn)
    quarters = {(port - 10000) * 4 // 22768 for port in drawn}
    assert quarters == {0, 1, 2, 3}


def test_seed_decides():
    same = ports(nat(CONF, MANY, seed="7"))
    assert same == ports(nat(CONF, MANY, seed="0x07"))
    assert same != ports(nat(CONF, MANY, seed="8"))
    assert ports(nat(CONF, MANY)) == ports(nat(CONF, MANY, seed="0" * 64))


@pytest.mark.parametrize("make, layer", [(udp, UDP), (tcp, TCP)])
def test_same_ports(make, layer):
    run = nat(CONF + "same_ports yes\n", [
        (0, make(A, sport=20123)), (1, make(B, sport=20123)),
        (2, make(A, sport=20124)), (3, make(A, sport=20123))])
    first, taken, second, again = ports(run, layer)
    assert first == again == 20123 and second == 20124
    assert taken != 20123


def test_same_ports_outside_the_range():
    """The other ports are the host's own."""
    run = nat(CONF + "same_ports yes\n", [(0, udp(sport=40123)),
                                          (1, udp(sport=999))])
    assert all(10000 <= port < 32768 for port in ports(run))


def test_udp_and_tcp_ports_are_apart():
    run = nat(CONF + "same_ports yes\n",
              [(0, udp(A, sport=20123)), (1, tcp(B, sport=20123))])
    assert run.to_outside[0][UDP].sport == 20123
    assert run.to_outside[1][TCP].sport == 20123


FEW = CONF + "port_range 40000-40015\n"


@pytest.mark.parametrize("make, layer", [(udp, UDP), (tcp, TCP)])
def test_ports_run_out(make, layer):
    """Dropped and counted; nothing leaves untranslated (checked for every
    run); those who have a port keep it."""
    run = nat(FEW, [(n / 10, make(sport=1000 + n)) for n in range(24)] +
              [(5, make(sport=1000))])
    drawn = ports(run, layer)
    assert sorted(drawn[:16]) == list(range(40000, 40016))
    assert drawn[16:] == drawn[:1]
    assert run.reason("no-ports") == 8
    assert run.summary["verdicts"]["dropped"] == 8
    assert len(run.dropped("no-ports")) + len(run.named("refused")) >= 8
    assert all(p.ip.src == PUBLIC for p in run.to_outside)


def test_ports_come_back():
    inside = [(n / 10, udp(sport=1000 + n)) for n in range(16)]
    inside += [(10, udp(B, sport=7)), (310, udp(B, sport=7))]
    run = nat(FEW, inside)
    assert len(run.to_outside) == 17 and run.reason("no-ports") == 1


def test_flows_run_out():
    conf = CONF.replace("max_flows 4096", "max_flows 16")
    inside = [(n / 10, udp(sport=1000 + n)) for n in range(40)]
    inside += [(5, udp(sport=1000))]
    run = nat(conf, inside)
    assert len(run.to_outside) == 17
    assert run.reason("no-flows") == 24
    assert run.summary["verdicts"]["dropped"] == 24
    assert run.summary["flows"] == (16, 0, 16)


def test_flows_come_back():
    conf = CONF.replace("max_flows 4096", "max_flows 16")
    inside = [(0, udp(sport=1000 + n)) for n in range(17)]
    inside += [(302, udp(B, sport=2000 + n)) for n in range(17)]
    run = nat(conf, inside, until=400)
    assert len(run.to_outside) == 32 and run.reason("no-flows") == 2
    assert all(300 <= event_t(e) % 302 for e in run.expired()[:16])
    assert run.summary["flows"] == (32, 32, 0)


def test_full_table_never_evicts():
    """New state never ends a flow of another host."""
    conf = CONF.replace("max_flows 4096", "max_flows 16")
    inside = [(0, udp(A, sport=1000 + n)) for n in range(16)]
    inside += [(1, udp(B, sport=n + 1)) for n in range(500)]
    inside += [(2, udp(A, sport=1000 + n)) for n in range(16)]
    run = nat(conf, inside)
    assert ports(run)[:16] == ports(run)[16:]


def test_ports_of_many_remotes():
    """One mapping, many remotes: still one port (no exhaustion)."""
    run = nat(FEW, [(n / 100, udp(destination=f"203.0.113.{n}"))
                    for n in range(1, 100)])
    assert len(set(ports(run))) == 1 and len(run.to_outside) == 99


def test_identifiers_are_not_ports():
    """ICMP's identifiers are drawn from all there are."""
    run = nat(FEW, [(n / 100, echo(ident=1000 + n)) for n in range(100)])
    assert len({p[ICMP].id for p in run.to_outside}) == 100
