# SPDX-License-Identifier: BSD-2-Clause
"""Broken packets: no crash, one verdict each (checked for every run), and
nothing with an inside source leaves."""

import random
import struct
from socket import inet_aton

import pytest
from harness import (A, CONF, IP, LINK_IPV4, PUBLIC, R, TCP, UDP, Raw, ah, echo,
                     esp, fragments, icmp_error, ike, ikev2_setup, nat,
                     pcap_bytes, raw, tcp, to_ns, udp, SA_INIT)

GOOD = [udp(), tcp(flags="SA", data=b"data"), echo(), esp(A, R, 0x12345678),
        ike(A, R, 1, 2, SA_INIT), ah(A, R), IP(src=A, dst=R) / Raw(b"x" * 9),
        icmp_error(A, R, udp(R, A, 53, 1000)), *fragments(
            udp(data=b"y" * 500), 200, 400)]
GOOD_OUT = [udp(R, PUBLIC, 53, 40000), tcp(R, PUBLIC, 80, 40000),
            echo(R, PUBLIC), esp(R, PUBLIC, 0x12345678),
            ike(R, PUBLIC, 1, 2, SA_INIT), ah(R, PUBLIC),
            icmp_error(R, PUBLIC, udp(PUBLIC, R, 40000, 53)),
            icmp_error(R, PUBLIC, esp(PUBLIC, R, 0x12345678)),
            *fragments(udp(R, PUBLIC, 53, 40000, b"y" * 500), 200, 400)]

GOOD = [raw(p) for p in GOOD]
GOOD_OUT = [raw(p) for p in GOOD_OUT]


def run_raw(inside, outside=(), conf=CONF, **options):
    """As IPv4 whatever the version field says."""
    return nat(conf, inside_capture=pcap_bytes(
        [(to_ns(t), p) for t, p in inside], LINK_IPV4),
        outside_capture=pcap_bytes([(to_ns(t), p) for t, p in outside],
                                   LINK_IPV4), sound=False, **options)


def edited(packet, offset, *values):
    data = bytearray(raw(packet))
    data[offset:offset + len(values)] = bytes(values)
    return bytes(data)


@pytest.mark.parametrize("data, reason", [
    (b"", "too-short"), (b"\x45", "too-short"), (raw(udp())[:19], "too-short"),
    (edited(udp(), 0, 0x65), "not-ipv4"), (edited(udp(), 0, 0x05), "not-ipv4"),
    (edited(udp(), 0, 0x44), "bad-header-length"),
    (edited(udp(), 0, 0x40), "bad-header-length"),
    (edited(udp(data=b""), 0, 0x4F), "bad-header-length"),
    (edited(udp(), 2, 0, 19), "bad-total-length"),
    (edited(udp(), 2, 0, 0), "bad-total-length"),
    (edited(udp(), 2, 0xFF, 0xFF), "bad-total-length"),
    (raw(udp())[:-1], "bad-total-length"),
    (raw(IP(src=A, dst=R, proto=17) / Raw(b"1234567")), "bad-transport"),
    (raw(IP(src=A, dst=R, proto=6) / Raw(b"1234567890123456789")),
     "bad-transport"),
    (raw(IP(src=A, dst=R, proto=1) / Raw(b"\x08\0\0\0\0\0\0")),
     "bad-transport"),
    (raw(IP(src=A, dst=R, proto=50) / Raw(b"1234567")), "bad-transport"),
    (raw(IP(src=A, dst=R, proto=17)), "bad-transport")])
def test_reason(data, reason):
    run = run_raw([(0, data)])
    assert run.summary["verdicts"]["dropped"] == 1
    assert run.reason(reason) == 1
    (event,) = run.dropped(reason)
    assert event["text"].strip()


def test_icmp_with_a_cut_quote():
    for keep in range(0, 28):
        body = struct.pack("!BBHI", 3, 3, 0, 0) + raw(udp(R, A, 53, 1000))[
            :keep]
        run = run_raw([(0, raw(IP(src=A, dst=R, proto=1) / Raw(body)))])
        assert run.to_outside == []
        assert run.reason("bad-icmp-quote") == 1


@pytest.mark.parametrize("words", range(6, 16))
def test_options_in_the_ip_header(words):
    """Record route, padded: ports and checksums are found behind it."""
    room = (words - 5) * 4
    option = b"\x07" + bytes([room - 1, 4]) + b"\0" * (room - 3)
    for make in (udp, tcp, echo):
        packet = make()
        packet.options = []
        data = bytearray(raw(packet))
        data[0] = 0x40 | words
        data[20:20] = option
        struct.pack_into("!H", data, 2, len(data))
        data[10:12] = b"\0\0"
        import checksums
        struct.pack_into("!H", data, 10,
                         checksums.ones_complement(bytes(data[:words * 4])))
        run = nat(CONF, [(0, bytes(data))])
        (out,) = run.to_outside
        assert out[IP].src == PUBLIC and out.raw[20:20 + room] == option


def test_options_in_the_quoted_header():
    data = bytearray(raw(udp(data=b"0123456789")))
    data[0] = 0x46
    data[20:20] = b"\x94\x04\0\0"
    struct.pack_into("!H", data, 2, len(data))
    whole = IP(bytes(data))
    del whole.chksum
    sent = bytes(whole)
    out = nat(CONF, [(0, sent)]).to_outside[0]
    run = nat(CONF, [(0, sent)], [(1, icmp_error(R, PUBLIC, out.raw))])
    assert run.to_inside[0].raw[28:] == sent


def test_link_padding_is_dropped():
    run = nat(CONF, [(0, raw(udp(data=b"")) + b"\xAA" * 18)])
    assert len(run.to_outside[0].raw) == 28
    run = nat(CONF, [(0, raw(tcp()) + b"\xAA" * 6)])
    assert run.to_outside[0][TCP].dport == 80


@pytest.mark.parametrize("length", [0, 7, 9, 200, 65535])
def test_udp_length_that_lies(length):
    packet = udp(data=b"0123456789")
    packet[UDP].len = length
    run = run_raw([(0, raw(packet))])
    assert sum(run.summary["verdicts"].values()) == 1


def test_wrong_checksums_stay_wrong():
    """Incremental updates do not mend what was broken before."""
    packet = udp(data=b"0123456789")
    packet[UDP].chksum = 0x1234
    import checksums
    run = nat(CONF, [(0, packet)], sound=False)
    assert run.to_outside[0][IP].src == PUBLIC
    with pytest.raises(AssertionError):
        checksums.verify(run.to_outside[0].raw)


def test_cut_everywhere():
    """Every good packet, cut at every length."""
    inside = [raw(p)[:n] for p in GOOD for n in range(min(len(raw(p)), 120))]
    outside = [raw(p)[:n] for p in GOOD_OUT
               for n in range(min(len(raw(p)), 120))]
    run = run_raw([(n / 1000, p) for n, p in enumerate(inside)],
                  [(n / 1000, p) for n, p in enumerate(outside)])
    assert run.summary["from"]["inside"]["packets"] == len(inside)
    assert run.to_outside == [] and run.to_inside == []


def mended(data):
    """With the IP lengths and checksum right again, so that the mutation gets
    past them."""
    import checksums
    data = bytearray(data)
    header = (data[0] & 15) * 4
    if len(data) < 20 or header < 20 or header > len(data):
        return bytes(data)
    struct.pack_into("!H", data, 2, len(data))
    data[10:12] = b"\0\0"
    struct.pack_into("!H", data, 10,
                     checksums.ones_complement(bytes(data[:header])))
    return bytes(data)


def mutate(rng, packet):
    data = bytearray(raw(packet))
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < .2:
        del data[rng.randrange(len(data)):]
    if rng.random() < .2:
        data += bytes(rng.randrange(256) for _ in range(rng.randrange(40)))
    if not data:
        return b""
    return mended(data) if rng.random() < .7 else bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_mutations(seed):
    """State is kept from packet to packet; the sources are put back so that
    what leaves can be judged."""
    rng = random.Random(seed)
    inside, outside = [], []
    in0, out0 = ikev2_setup(A, R, 1, 2)
    for n in range(3000):
        packet = bytearray(mutate(rng, rng.choice(GOOD)))
        if len(packet) >= 20:
            packet[12:16] = inet_aton(A)
        inside.append((1 + n / 50, bytes(packet)))
        outside.append((1 + n / 50, mutate(rng, rng.choice(GOOD_OUT))))
    run = run_raw([(t, raw(p)) for t, p in in0] + inside,
                  [(t, raw(p)) for t, p in out0] + outside, until=100000)
    assert run.summary["from"]["inside"]["packets"] == 3002
    assert run.summary["to"]["outside"] > 100


@pytest.mark.parametrize("conf", [
    CONF, CONF + "mode ipsec-only\n", CONF + "deny_incoming yes\n",
    CONF + "ike_ports rewrite\n", CONF + "mode ipsec-only\nike_ports auto\n",
    CONF.replace("4096", "3") + "max_ike 2\nmax_associations 1\n"
    "max_fragments 1\n",
    CONF + f"filtering endpoint-independent\nredirect_address {A} {PUBLIC}\n"
    f"redirect_ipsec {A}\n"])
def test_random_bytes(conf):
    rng = random.Random(1)

    def noise():
        data = bytearray(rng.randrange(256)
                         for _ in range(rng.randrange(20, 80)))
        data[0] = rng.choice((0x45, 0x45, 0x46, 0x4F, data[0]))
        data[9] = rng.choice((1, 6, 17, 50, 51, 47, data[9]))
        if rng.random() < .7:
            data[6:8] = rng.choice((b"\0\0", b"\x20\0", b"\0\1", b"\x20\x10"))
        data[12:16] = rng.choice((inet_aton(A), bytes(data[12:16])))
        data[16:20] = rng.choice((inet_aton(PUBLIC), inet_aton(R),
                                  bytes(data[16:20])))
        return mended(data) if rng.random() < .8 else bytes(data)

    run = run_raw([(n / 100, noise()) for n in range(3000)],
                  [(n / 100, noise()) for n in range(3000)], conf,
                  until=200000)
    assert run.summary["flows"][2] == 0, "all flows end in time"
