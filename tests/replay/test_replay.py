# SPDX-License-Identifier: BSD-2-Clause
"""The program itself: determinism, captures of all sorts, damage, arguments."""

import json
import os
import random
import struct

import pytest
from harness import (A, B, BASE, CONF, IP, LINK_ETHERNET, LINK_IPV4, LINK_LOOP,
                     LINK_NULL, LINK_RAW, LINK_SLL, LINK_SLL2, NS, PUBLIC, R,
                     UDP, Ether, echo, esp, ikev2_setup, nat, pcap_bytes,
                     raw, read_pcap, replay, tcp, to_ns, udp)

ONE = [(to_ns(0.25), raw(udp()))]


# --------------------------------------------------------------- determinism

def mixed():
    rng = random.Random(3)
    inside, outside = ikev2_setup(A, R, 1, 2)
    for n in range(400):
        host = f"10.0.0.{rng.randrange(2, 20)}"
        packet = rng.choice((udp, tcp, echo))(host)
        if UDP in packet:
            packet[UDP].sport = rng.randrange(1024, 65536)
        inside.append((1 + rng.randrange(500), packet))
        outside.append((1 + rng.randrange(500),
                        udp(R, PUBLIC, 53, rng.randrange(30000, 65536))))
    inside.append((5, esp(A, R, 0x1234567)))
    return inside, outside


def test_same_input_same_seed_same_bytes():
    inside, outside = mixed()
    first, second = (nat(CONF, inside, outside, seed="0xfeed", until=90000)
                     for _ in range(2))
    assert first.files == second.files and first.stdout == second.stdout


def test_another_seed_other_ports():
    inside, outside = mixed()
    first, second = (nat(CONF, inside, outside, seed=s) for s in ("1", "2"))
    assert first.files["x"] != second.files["x"]
    assert len(first.to_outside) == len(second.to_outside)


def test_default_seed_is_zero():
    inside, _ = mixed()
    assert nat(CONF, inside).files == nat(CONF, inside, seed="0").files


# ----------------------------------------------------------------- the merge

def test_order_of_equal_times():
    """Inside first, then the order in the file.  The answer that comes at the
    very time of the question finds the flow."""
    port = nat(CONF, [(0, udp())]).to_outside[0][UDP].sport
    run = nat(CONF, [(0, udp())], [(0, udp(R, PUBLIC, 53, port))])
    assert len(run.to_inside) == 1
    run = nat(CONF, [(0, udp(data=bytes([n]))) for n in range(200)])
    assert [p.data for p in run.to_outside] == [
        bytes([n]) for n in range(200)]


def test_outside_earlier():
    port = nat(CONF, [(0, udp())]).to_outside[0][UDP].sport
    run = nat(CONF, [(0.000001, udp())], [(0, udp(R, PUBLIC, 53, port))])
    assert run.to_inside == []


def test_time_that_goes_back():
    frames = [(to_ns(t), raw(udp(sport=n + 1)))
              for n, t in enumerate((0, 10, 5, 7, 11))]
    run = nat(CONF, inside_capture=pcap_bytes(frames))
    assert [p.t for p in run.to_outside] == [0, 10, 10, 10, 11]
    assert run.warnings.count("time stamp is earlier") == 1
    assert "packet 3" in run.warnings and "2 such" in run.warnings


def test_one_capture_is_enough(tmp_path):
    (tmp_path / "conf").write_text(CONF)
    (tmp_path / "in").write_bytes(pcap_bytes(ONE))
    done = replay(["-f", "conf", "--inside", "in", "--to-outside", "x"],
                  tmp_path)
    assert done.returncode == 0 and done.stderr == b""
    assert len(read_pcap(tmp_path / "x")) == 1
    done = replay(["-f", "conf", "--outside", "in", "--to-inside", "y"],
                  tmp_path)
    assert done.returncode == 0


def test_empty_captures():
    run = nat(CONF, [], [])
    assert run.events == [] and run.to_outside == []
    assert len(run.files["x"]) == 24


# ------------------------------------------------------- formats and links

@pytest.mark.parametrize("nano", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_formats(nano, order):
    ns = BASE * NS + 123456789
    run = nat(CONF, inside_capture=pcap_bytes([(ns, raw(udp()))], nano=nano,
                                              order=order))
    (out,) = run.to_outside
    assert out.ns == (ns if nano else ns // 1000 * 1000)


def frame(link, packet):
    data = raw(packet)
    sll = struct.pack("!HHH8sH", 0, 1, 6, b"\2\0\0\0\0\1\0\0", 0x0800)
    sll2 = struct.pack("!HHIHBB8s", 0x0800, 0, 3, 1, 0, 6, b"\2\0\0\0\0\1")
    return {LINK_ETHERNET: raw(Ether(src="02:00:00:00:00:01",
                                     dst="02:00:00:00:00:02", type=0x0800)) +
            data,
            LINK_RAW: data, 12: data, 14: data, LINK_IPV4: data,
            LINK_SLL: sll + data, LINK_SLL2: sll2 + data,
            LINK_NULL: struct.pack("<I", 2) + data,
            LINK_LOOP: struct.pack(">I", 2) + data}[link]


@pytest.mark.parametrize("link", [LINK_ETHERNET, LINK_RAW, 12, 14, LINK_IPV4,
                                  LINK_SLL, LINK_SLL2, LINK_NULL, LINK_LOOP])
def test_link_types(link):
    run = nat(CONF, inside_capture=pcap_bytes(
        [(to_ns(0), frame(link, udp()))], link))
    assert run.to_outside[0][UDP].dport == 53


@pytest.mark.parametrize("tags", [
    [(0x8100, 7)], [(0x88A8, 7), (0x8100, 8)], [(0x8100, 7), (0x8100, 8)],
    [(0x9100, 1), (0x8100, 2), (0x8100, 3)]])
def test_vlan_tags(tags):
    data = b"\2" * 12
    for kind, number in tags:
        data += struct.pack("!HH", kind, number)
    data += b"\x08\0" + raw(udp(data=b"")) + b"\0" * 18
    run = nat(CONF, inside_capture=pcap_bytes([(to_ns(0), data)],
                                              LINK_ETHERNET))
    assert len(run.to_outside[0].raw) == 28


def test_pppoe_session():
    data = (b"\2" * 12 + b"\x88\x64" + b"\x11\0\0\1" +
            struct.pack("!H", len(raw(udp())) + 2) + b"\0\x21" + raw(udp()))
    run = nat(CONF, inside_capture=pcap_bytes([(to_ns(0), data)],
                                              LINK_ETHERNET))
    assert len(run.to_outside) == 1


def test_what_is_not_ipv4_is_skipped_and_counted():
    ethernet = b"\2" * 12
    frames = [ethernet + b"\x86\xdd" + b"\x60" + b"\0" * 39,   # IPv6
              ethernet + b"\x08\x06" + b"\0" * 28,             # ARP
              ethernet + b"\x00\x20" + b"\x42" * 32,           # LLC
              ethernet + b"\x81\x00\0\1\x86\xdd" + b"\0" * 40,
              ethernet + b"\x81\x00\0", ethernet[:9], b"",
              ethernet + b"\x08\0" + raw(udp())]
    run = nat(CONF, inside_capture=pcap_bytes(
        [(to_ns(n), f) for n, f in enumerate(frames)], LINK_ETHERNET))
    assert run.summary["from"]["inside"] == {"packets": 1, "skipped": 7,
                                             "cut": 0}
    run = nat(CONF, inside_capture=pcap_bytes(
        [(to_ns(0), b"\x60" + b"\0" * 39), (to_ns(1), raw(udp()))]))
    assert run.summary["from"]["inside"]["skipped"] == 1


def test_unknown_link_type():
    run = nat(CONF, inside_capture=pcap_bytes(ONE, 105), status=1)
    assert "in: link type 105" in run.warnings
    assert "Ethernet" in run.warnings


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def pcapng(frames, links=(LINK_RAW,), resolution=None, byte_order="<"):
    """frames: (interface, units since 1970, bytes)."""
    assert byte_order == "<"
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link in links:
        options = b"" if resolution is None else struct.pack(
            "<HHB3xHH", 9, 1, resolution, 0, 0)
        out += block(1, struct.pack("<HHI", link, 0, 262144) + options)
    for interface, units, data in frames:
        out += block(6, struct.pack("<IIIII", interface, units >> 32,
                                    units & 0xFFFFFFFF, len(data),
                                    len(data)) + data)
    return out


@pytest.mark.parametrize("resolution, unit", [(None, 1000), (6, 1000), (9, 1),
                                              (3, 1000000)])
def test_pcapng(resolution, unit):
    ns = BASE * NS + 123456789
    run = nat(CONF, inside_capture=pcapng([(0, ns // unit, raw(udp()))],
                                          resolution=resolution))
    assert run.to_outside[0].ns == ns // unit * unit


def test_pcapng_of_two_interfaces():
    run = nat(CONF, inside_capture=pcapng(
        [(0, BASE * 10**6, frame(LINK_ETHERNET, udp())),
         (1, BASE * 10**6 + 1, frame(LINK_ETHERNET, udp(B)))],
        (LINK_ETHERNET, LINK_ETHERNET)))
    assert len(run.to_outside) == 2


def test_pcapng_of_two_link_types_is_refused():
    run = nat(CONF, inside_capture=pcapng(
        [(0, BASE * 10**6, raw(udp())),
         (1, BASE * 10**6, frame(LINK_ETHERNET, udp()))],
        (LINK_RAW, LINK_ETHERNET)), status=1)
    assert "in: packet " in run.warnings and "tshark" in run.warnings


def test_times_after_2038():
    ns = 3_000_000_000 * NS + 5
    run = nat(CONF, inside_capture=pcap_bytes([(ns, raw(udp()))]))
    assert run.to_outside[0].ns == ns
    assert run.events[0]["time"] == "3000000000.000000005"


def test_times_from_zero():
    run = nat(CONF, inside_capture=pcap_bytes(
        [(0, raw(udp())), (400 * NS, raw(udp(B)))]))
    assert run.events[0]["time"] == "0.000000000"
    assert len(run.expired()) == 1


# --------------------------------------------------------------------- damage

def many(n=20):
    return [(to_ns(i), raw(udp(sport=100 + i))) for i in range(n)]


def test_truncated_capture():
    """Cut anywhere in the last packet: everything before it is there."""
    whole = pcap_bytes(many())
    for cut in (1, 10, 40, len(raw(udp())) + 15):
        run = nat(CONF, inside_capture=whole[:-cut], status=1)
        assert len(run.to_outside) == 19
        assert "in: packet 20:" in run.warnings
        assert len(run.created()) == 19


def test_truncated_in_the_header():
    for size in (0, 3, 4, 10, 23):
        run = nat(CONF, inside_capture=pcap_bytes(many())[:size], status=1)
        assert "in:" in run.warnings


def test_not_a_capture():
    run = nat(CONF, inside_capture=b"#!/bin/sh\necho no capture\n" * 9,
              status=1)
    assert "in: not a capture" in run.warnings


def test_damaged_length():
    data = bytearray(pcap_bytes(many()))
    at = 24 + 5 * (16 + len(raw(udp())))
    struct.pack_into("<I", data, at + 8, 0x7FFFFFFF)
    run = nat(CONF, inside_capture=bytes(data), status=1)
    assert "in: packet 6:" in run.warnings
    assert len(run.to_outside) == 5


def test_damaged_stamp():
    data = bytearray(pcap_bytes(many()))
    at = 24 + 5 * (16 + len(raw(udp())))
    struct.pack_into("<I", data, at + 4, 0xFFFFFFFF)
    run = nat(CONF, inside_capture=bytes(data), status=1)
    assert "in: packet 6:" in run.warnings and "stamp" in run.warnings
    assert len(run.to_outside) == 5


def test_damaged_pcapng():
    whole = pcapng([(0, BASE * 10**6 + n, raw(udp())) for n in range(10)])
    run = nat(CONF, inside_capture=whole[:-7], status=1)
    assert "in: packet 10:" in run.warnings and len(run.to_outside) == 9


def test_other_side_stops_at_the_damage():
    """It is read to the time of the last good packet and no further."""
    broken = pcap_bytes(many(5))[:-3]          # times 0..3 are good
    run = nat(CONF, inside_capture=broken, status=1,
              outside=[(t, udp(R, PUBLIC, 1, 2)) for t in
                       (0, 1, 2.9, 3, 3.000001, 7)])
    assert run.summary["from"]["inside"]["packets"] == 4
    assert run.summary["verdicts"]["passed"] == 4


def test_damage_then_no_timers():
    run = nat(CONF, inside_capture=pcap_bytes(many())[:-1], status=1,
              until=1000)
    assert run.expired() == []


def test_damaged_at_random():
    """Whatever the bytes: an exit code of 0 or 1, sound outputs."""
    rng = random.Random(9)
    whole = bytearray(pcap_bytes(many()))
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 3, 10))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        for status in (0, 1):
            try:
                run = nat(CONF, inside_capture=bytes(data), status=status,
                          sound=False)
                break
            except AssertionError as error:
                assert "exit code" in str(error) and status == 0
        assert run.status in (0, 1)


def test_cut_by_the_snapshot_length():
    packet = raw(udp(data=b"x" * 200))
    run = nat(CONF, inside_capture=pcap_bytes(
        [(to_ns(0), packet[:100], len(packet)), (to_ns(1), raw(udp()))],
        snaplen=100))
    assert run.summary["from"]["inside"]["cut"] == 1
    assert run.reason("bad-total-length") == 1
    assert "cut by the snapshot length" in run.warnings
    assert len(run.to_outside) == 1


def test_cut_padding_does_no_harm():
    packet = raw(udp(data=b""))
    run = nat(CONF, inside_capture=pcap_bytes(
        [(to_ns(0), packet, 46)]))
    assert len(run.to_outside) == 1


# ------------------------------------------------------------------ arguments

@pytest.fixture
def work(tmp_path):
    (tmp_path / "conf").write_text(CONF)
    (tmp_path / "in").write_bytes(pcap_bytes(ONE))
    return tmp_path


@pytest.mark.parametrize("arguments, word", [
    ([], "-f"), (["-f", "conf"], "--inside"),
    (["-f", "conf", "--inside", "in", "--seed", "xyz"], "--seed"),
    (["-f", "conf", "--inside", "in", "--seed", "0x"], "--seed"),
    (["-f", "conf", "--inside", "in", "--seed", "1" + "0" * 64 + "f"],
     "--seed"),
    (["-f", "conf", "--inside", "in", "--until", "-1"], "--until"),
    (["-f", "conf", "--inside", "in", "--until", "1e99"], "--until"),
    (["-f", "conf", "--inside", "in", "--nonsense"], "nonsense"),
    (["-f", "conf", "--inside", "in", "more"], "more")])
def test_wrong_call(work, arguments, word):
    done = replay(arguments, work)
    assert done.returncode == 2 and word in done.stderr.decode()


def test_help(work):
    done = replay(["--help"], work)
    assert done.returncode == 0 and b"--to-outside" in done.stdout


def test_missing_files(work):
    done = replay(["-f", "none", "--inside", "in"], work)
    assert done.returncode == 1 and b"none" in done.stderr
    done = replay(["-f", "conf", "--inside", "none"], work)
    assert done.returncode == 1 and b"none: No such file" in done.stderr


def test_faulty_configuration(work):
    (work / "conf").write_text("alias_address 198.51.100.1\n\nsame_prots y\n")
    done = replay(["-f", "conf", "--inside", "in", "--to-outside", "x"], work)
    assert done.returncode == 1 and b"conf:3:1: " in done.stderr
    assert not (work / "x").exists()


def test_needs_an_alias_address(work):
    (work / "conf").write_text("interface eth0\n")
    done = replay(["-f", "conf", "--inside", "in", "--to-outside", "x"], work)
    assert done.returncode == 1
    assert b"alias_address" in done.stderr and b"eth0" in done.stderr
    assert not (work / "x").exists()


@pytest.mark.parametrize("arguments", [
    ["--to-outside", "in"], ["--to-outside", "./in"], ["--to-inside", "link"],
    ["--events", "in"], ["--events", "conf"], ["--to-outside", "conf"],
    ["--to-outside", "new", "--to-inside", "./new"],
    ["--to-outside", "new", "--events", "./new"]])
def test_no_file_twice(work, arguments):
    os.link(work / "in", work / "link")
    before = (work / "in").read_bytes(), (work / "conf").read_bytes()
    done = replay(["-f", "conf", "--inside", "in", *arguments], work)
    assert done.returncode == 1, done.stdout
    assert b"another file" in done.stderr or b"two files" in done.stderr
    assert before == ((work / "in").read_bytes(), (work / "conf").read_bytes())


def test_output_that_cannot_be_written(work):
    done = replay(["-f", "conf", "--inside", "in", "--to-outside",
                   "no/where/x"], work)
    assert done.returncode == 1 and b"no/where/x" in done.stderr
    if os.path.exists("/dev/full"):
        done = replay(["-f", "conf", "--inside", "in", "--to-outside",
                       "/dev/full"], work)
        assert done.returncode == 1 and b"/dev/full" in done.stderr


def test_events_are_sorted_lines(work):
    done = replay(["-f", "conf", "--inside", "in", "--events", "e"], work)
    assert done.returncode == 0
    text = (work / "e").read_text()
    assert text.endswith("\n") and text.isascii()
    for line in text.splitlines():
        event = json.loads(line)
        assert line == json.dumps(event, sort_keys=True,
                                  separators=(",", ":"))


def test_capture_is_untouched(work):
    replay(["-f", "conf", "--inside", "in", "--to-outside", "x"], work)
    assert (work / "in").read_bytes() == pcap_bytes(ONE)
    assert IP(read_pcap(work / "x")[0][1]).src == PUBLIC
