# SPDX-License-Identifier: BSD-2-Clause
"""Several clients of one remote, whose IKE and ESP come in fragments, out of
order and mixed with one another; and ICMP errors about their ESP."""

import itertools
import random
import socket

import pytest
from harness import (A, AUTH, B, C, CONF, ICMP, IP, PUBLIC, R, SA_INIT,
                     UDP, data_of, esp, fragments, icmp_error, ike,
                     ikev2_setup, nat, reassemble, wholes)

HOSTS = (A, B, C)
OUT = {host: 0xC0000001 + n for n, host in enumerate(HOSTS)}
IN = {host: 0xD0000001 + n for n, host in enumerate(HOSTS)}
COOKIES = {host: (0x11 + n, 0x99 + n) for n, host in enumerate(HOSTS)}
DATA = bytes(range(256)) * 8
ORDERS = list(itertools.permutations(range(3)))


def mixed(wholes, order, start, step=0.001):
    """The pieces of several datagrams in turns, each datagram's in `order`."""
    cut = [fragments(whole, 800, 1600) for whole in wholes]
    pieces = [datagram[n] for n in order for datagram in cut]
    return [(start + n * step, piece) for n, piece in enumerate(pieces)]


def to_host(run, host, protocol):
    """What a host got, by identification: {id: [pieces]}."""
    got = {}
    for packet in run.to_inside:
        if packet[IP].dst == host and packet[IP].proto == protocol:
            got.setdefault(packet[IP].id, []).append(packet)
    return got


def established():
    """IKE of all three, in the same second."""
    inside, outside = [], []
    for n, host in enumerate(HOSTS):
        more_in, more_out = ikev2_setup(host, R, *COOKIES[host],
                                        start=n / 100)
        inside += more_in
        outside += more_out
    return inside, outside


def begun():
    """... and each has sent ESP and was answered, one after the other."""
    inside, outside = established()
    for n, host in enumerate(HOSTS):
        inside.append((2 + n, esp(host, R, OUT[host])))
        outside.append((2.5 + n, esp(R, PUBLIC, IN[host])))
    return inside, outside


@pytest.mark.parametrize("order", ORDERS)
def test_ike_auth(order):
    """The longest message there is, both ways, of all three at once."""
    inside, outside = [], []
    for host in HOSTS:
        first, second = COOKIES[host]
        inside.append((0, ike(host, R, first, 0, SA_INIT)))
        outside.append((.5, ike(R, PUBLIC, first, second, SA_INIT,
                                response=True, from_initiator=False)))
    requests, answers = [], []
    for n, host in enumerate(HOSTS):
        request = ike(host, R, *COOKIES[host], AUTH, message_id=1,
                      data=bytes([n]) + DATA)
        answer = ike(R, PUBLIC, *COOKIES[host], AUTH, message_id=1,
                     data=bytes([0x80 + n]) + DATA, response=True,
                     from_initiator=False)
        request.id, answer.id = 100, 200 + n
        requests.append(request)
        answers.append(answer)
    run = nat(CONF, inside + mixed(requests, order, 1),
              outside + mixed(answers, order, 2))
    out = [whole for whole in wholes(run.to_outside) if whole.len > 1000]
    assert {(one.src, one[UDP].sport, one[UDP].dport) for one in out} == \
        {(PUBLIC, 500, 500)}
    assert sorted(map(data_of, out)) == sorted(map(data_of, requests))
    for n, host in enumerate(HOSTS):
        got = to_host(run, host, 17)
        assert [i for i in got if i >= 200] == [200 + n], "its own alone"
        back = reassemble(got[200 + n])
        assert back[UDP].dport == 500 and data_of(back) == data_of(answers[n])


@pytest.mark.parametrize("order", ORDERS)
def test_esp_of_known_spis(order):
    inside, outside = begun()
    out = [esp(host, R, OUT[host], 2, DATA, id=100) for host in HOSTS]
    back = [esp(R, PUBLIC, IN[host], 2, DATA, id=200 + n)
            for n, host in enumerate(HOSTS)]
    run = nat(CONF, inside + mixed(out, order, 10),
              outside + mixed(back, order, 11))
    left = [whole for whole in wholes(run.to_outside) if whole.len > 1000]
    assert {whole.src for whole in left} == {PUBLIC}
    assert sorted(bytes(whole)[20:] for whole in left) == \
        sorted(bytes(whole)[20:] for whole in out)
    for n, host in enumerate(HOSTS):
        arrived = reassemble(to_host(run, host, 50)[200 + n])
        assert bytes(arrived)[20:] == bytes(back[n])[20:]


@pytest.mark.parametrize("order", ORDERS)
def test_esp_of_unknown_spis(order):
    """The remote speaks first, to all at once: who else gets a copy of a
    packet gets it whole or not at all, and its owner gets it."""
    inside, outside = established()
    back = [esp(R, PUBLIC, IN[host], 1, DATA, id=200 + n)
            for n, host in enumerate(HOSTS)]
    run = nat(CONF, inside, outside + mixed(back, order, 5), until=60)
    for host in HOSTS:
        for ident, pieces in to_host(run, host, 50).items():
            assert len(pieces) == 3, "no packet in part"
            assert bytes(reassemble(pieces))[20:] == \
                bytes(back[ident - 200])[20:]
    for n, host in enumerate(HOSTS):
        assert 200 + n in to_host(run, host, 50), "the owner got it"


def test_esp_of_one_unknown_spi_among_known_ones():
    """A rekey from the remote's end, its first packet in fragments.  Nothing
    says whose it is, so all three get it, each of them whole."""
    inside, outside = begun()
    new = 0xD0000F01
    pieces = fragments(esp(R, PUBLIC, new, 1, DATA, id=300), 800, 1600)
    rng = random.Random(7)
    for n in range(20):  # the others' traffic goes on meanwhile
        host = rng.choice(HOSTS)
        inside.append((9.9 + n / 100, esp(host, R, OUT[host], 3 + n)))
        outside.append((9.9 + n / 100, esp(R, PUBLIC, IN[host], 3 + n)))
    run = nat(CONF, inside, outside + [(10 + n / 50, piece) for n, piece
                                       in enumerate(pieces[::-1])], until=60)
    got = {host: to_host(run, host, 50).get(300, []) for host in HOSTS}
    assert {host: len(some) for host, some in got.items()} == \
        {host: 3 for host in HOSTS}


@pytest.mark.parametrize("keep", [8, 64])
@pytest.mark.parametrize("host", HOSTS)
def test_error_about_esp_goes_to_its_sender(host, keep):
    """Path MTU discovery through one of the tunnels."""
    inside, outside = begun()
    quoted = esp(PUBLIC, R, OUT[host])
    error = icmp_error("192.0.2.254", PUBLIC, quoted, type=3, code=4,
                       mtu=1300, keep=keep)
    run = nat(CONF, inside, outside + [(10, error)])
    errors = [p for p in run.to_inside if p[IP].proto == 1]
    assert [p[IP].dst for p in errors] == [host]
    assert errors[0][ICMP].nexthopmtu == 1300
    inner = errors[0].raw[28:]
    assert inner[12:20] == socket.inet_aton(host) + socket.inet_aton(R)
    assert inner[20:24] == OUT[host].to_bytes(4, "big")


def test_error_about_fragmented_esp():
    """Only the first fragment may be quoted (RFC 1122 3.2.2): it has the SPI."""
    inside, outside = begun()
    first = fragments(esp(PUBLIC, R, OUT[B], 1, DATA, id=4), 800)[0]
    error = icmp_error("192.0.2.254", PUBLIC, first, type=11, code=1, keep=8)
    run = nat(CONF, inside, outside + [(10, error)])
    assert [p[IP].dst for p in run.to_inside if p[IP].proto == 1] == [B]
