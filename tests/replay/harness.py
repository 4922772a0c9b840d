# SPDX-License-Identifier: BSD-2-Clause
"""Drives the shipping engine through `spinat replay`.

    run = nat(conf, inside=[(t, packet), ...], outside=[(t, packet), ...])

Times are seconds after BASE; packets are scapy's, or raw bytes.  `run` has what
left (`to_outside`, `to_inside`: lists of Sent), the events, the summary and the
warnings.  Every run is checked for what must hold whatever the input:

* every checksum of every packet that left is right (checksums.py);
* no packet leaves for the outside with an inside address in it;
* no receiver outside would put fragments of two datagrams together;
* every packet read ended in exactly one verdict, and what was written is what
  was translated plus what the engine sent of its own;
* the events are sound JSON with a name, a time and a reason.

Outside packets often depend on the public port drawn: run once with the inside
only, look, and run again with the same seed (`nat` twice, or `converse`).
"""

import functools
import json
import os
import re
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scapy.all import (  # noqa: F401
    ICMP, IP, TCP, UDP, GRE, Ether, Raw)

import checksums

BASE = 1_700_000_000
NS = 1_000_000_000

PUBLIC = "198.51.100.1"
PUBLIC2 = "198.51.100.2"
A = "10.0.0.2"
B = "10.0.0.3"
C = "10.0.0.4"
INSIDE_NET = "10."
R = "203.0.113.1"
R2 = "203.0.113.2"
R3 = "203.0.113.3"

CONF = f"alias_address {PUBLIC}\ninterface eth0\nmax_flows 4096\n"

def find_program():
    """SPINAT, or spinat in the build directory that tests/run.py names."""
    build = Path(os.environ.get(
        "SPINAT_BUILD", Path(__file__).resolve().parents[2] / "build"))
    build = build.resolve()
    found = [p for p in (build / "spinat", build / "cmd" / "spinat")
             if p.exists()]
    return os.environ.get("SPINAT") or str(found[0] if found else
                                           build / "spinat")


SPINAT = find_program()
TIME_LIMIT = 120  # runs under a sanitizer take longer


def to_ns(t):
    """Seconds after BASE to nanoseconds since 1970."""
    return BASE * NS + round(t * NS)


# ------------------------------------------------------------ capture files

LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_SLL2 = 1, 101, 113, 276
LINK_NULL, LINK_LOOP, LINK_IPV4 = 0, 108, 228


def pcap_bytes(frames, link=LINK_RAW, nano=True, order="<", snaplen=262144):
    """frames: (ns since 1970, bytes) or (ns, bytes, original length)."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for frame in frames:
        ns, data = frame[0], bytes(frame[1])
        length = frame[2] if len(frame) > 2 else len(data)
        fraction = ns % NS if nano else ns % NS // 1000
        out.append(struct.pack(order + "IIII", ns // NS, fraction,
                               len(data), length) + data)
    return b"".join(out)


def read_pcap(path):
    """What replay writes: [(ns since 1970, bytes)]; checks the format."""
    data = Path(path).read_bytes()
    magic, major, minor, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, link) == (0xA1B23C4D, 2, 4, LINK_RAW)
    at, packets = 24, []
    while at < len(data):
        sec, nsec, caplen, length = struct.unpack_from("<IIII", data, at)
        assert caplen == length and nsec < NS
        at += 16
        assert at + caplen <= len(data)
        packets.append((sec * NS + nsec, data[at:at + caplen]))
        at += caplen
    return packets


# --------------------------------------------------------------------- runs

def data_of(packet):
    """What TCP, UDP or ICMP carries, whatever scapy takes it for."""
    whole = packet.original if getattr(packet, "original", b"") else \
        raw(packet)
    payload = whole[(whole[0] & 15) * 4:]
    if whole[9] == 6:
        return payload[(payload[12] >> 4) * 4:]
    return payload[8:] if whole[9] in (1, 17) else payload


@dataclass
class Sent:
    """A packet that left."""
    ns: int
    raw: bytes

    @functools.cached_property
    def ip(self):
        return IP(self.raw)

    @property
    def t(self):
        return (self.ns - BASE * NS) / NS

    def __getitem__(self, layer):
        return self.ip[layer]

    @property
    def data(self):
        return data_of(self.raw)


@dataclass
class Run:
    to_outside: list
    to_inside: list
    events: list
    summary: dict
    warnings: str
    status: int
    stdout: str
    files: dict  # name -> bytes, of all outputs

    def named(self, event, about=None):
        return [e for e in self.events if e["event"] == event
                and (about is None or e["about"] == about)]

    def created(self):
        return self.named("created", "flow")

    def dropped(self, reason=None):
        return [e for e in self.named("dropped")
                if reason is None or e["reason"] == reason]

    def expired(self, about="flow"):
        return self.named("expired", about)

    def reason(self, name):
        return self.summary["reasons"].get(name, 0)


def parse_summary(text):
    """The summary that replay prints, as a dict."""
    summary = {"from": {}, "to": {}, "verdicts": {}, "reasons": {}}
    for line in text.splitlines():
        if m := re.match(r"from (\w+)\s+(\d+) packets, (\d+) not IPv4 "
                         r"skipped, (\d+) cut$", line):
            summary["from"][m[1]] = {"packets": int(m[2]),
                                     "skipped": int(m[3]), "cut": int(m[4])}
        elif m := re.match(r"to (\w+)\s+(\d+) packets$", line):
            summary["to"][m[1]] = int(m[2])
        elif m := re.match(r"(translated|passed|held|dropped)\s+(\d+)$", line):
            summary["verdicts"][m[1]] = int(m[2])
        elif m := re.match(r"emitted\s+(\d+)$", line):
            summary["emitted"] = int(m[1])
        elif m := re.match(r"flows\s+(\d+) created, (\d+) ended, (\d+) at the "
                           r"end$", line):
            summary["flows"] = tuple(int(m[i]) for i in (1, 2, 3))
        elif m := re.match(r"ike\s+(\d+) at the end$", line):
            summary["ike"] = int(m[1])
        elif m := re.match(r"reason ([\w-]+)\s+(\d+)  \S.*$", line):
            summary["reasons"][m[1]] = int(m[2])
        else:
            raise AssertionError(f"summary: {line!r}")
    return summary


def replay(arguments, cwd=None):
    """Calls the program; gives the finished process."""
    return subprocess.run([SPINAT, "replay", *map(str, arguments)],
                          capture_output=True, cwd=cwd, timeout=TIME_LIMIT)


def raw(packet):
    return packet if isinstance(packet, bytes) else bytes(packet)


def in_order(packets):
    return sorted(((to_ns(t), raw(p)) for t, p in packets),
                  key=lambda item: item[0])


def nat(conf=CONF, inside=(), outside=(), *, seed=None, until=None,
        inside_capture=None, outside_capture=None, status=0, sound=True):
    """Runs replay.  *_capture: the bytes of a capture file instead of packets.
    status: the exit code expected.  sound=False: the input's checksums or
    lengths are wrong, so the output's may be."""
    with tempfile.TemporaryDirectory(prefix="spinat-replay-") as name:
        top = Path(name)
        (top / "conf").write_text(conf)
        (top / "in").write_bytes(inside_capture if inside_capture is not None
                                 else pcap_bytes(in_order(inside)))
        (top / "out").write_bytes(outside_capture
                                  if outside_capture is not None
                                  else pcap_bytes(in_order(outside)))
        arguments = ["-f", "conf", "--inside", "in", "--outside", "out",
                     "--to-outside", "x", "--to-inside", "y", "--events", "e"]
        if seed is not None:
            arguments += ["--seed", seed]
        if until is not None:
            arguments += ["--until", until]
        done = replay(arguments, cwd=top)
        stderr = done.stderr.decode()
        assert done.returncode == status, \
            f"exit code {done.returncode}, expected {status}:\n{stderr}"
        if not (top / "x").exists():
            return Run([], [], [], {}, stderr, status, "", {})
        run = Run(
            [Sent(ns, p) for ns, p in read_pcap(top / "x")],
            [Sent(ns, p) for ns, p in read_pcap(top / "y")],
            [json.loads(line) for line in (top / "e").read_text().splitlines()],
            parse_summary(done.stdout.decode()), stderr, status,
            done.stdout.decode(),
            {f: (top / f).read_bytes() for f in ("x", "y", "e")})
    for sent in run.to_outside + run.to_inside:
        if sound:
            checksums.verify(sent.raw)
    check_run(run, sound)
    return run


def datagram(sent):
    """By what a receiver knows that fragments are of one datagram (RFC 791)."""
    return sent.raw[4:6] + sent.raw[9:10] + sent.raw[12:20]


def check_fragments(sent):
    """Nothing is there twice, but the same thing, within a datagram's time."""
    seen = {}
    for piece in sent:
        offset = struct.unpack_from("!H", piece.raw, 6)[0] & 0x3FFF
        if offset != 0:
            key = datagram(piece) + bytes([offset >> 8, offset & 0xFF])
            t, before = seen.get(key, (piece.t, piece.raw))
            assert before == piece.raw or piece.t - t > 30, \
                f"two datagrams with one identification: {piece.ip!r}"
            seen[key] = (piece.t, piece.raw)


def check_run(run, sound=True):
    """What holds for every run."""
    if sound:
        check_fragments(run.to_outside)
    summary = run.summary
    read = sum(side["packets"] for side in summary["from"].values())
    assert sum(summary["verdicts"].values()) == read
    written = summary["to"]["outside"] + summary["to"]["inside"]
    assert written == summary["verdicts"]["translated"] + summary["emitted"]
    assert (summary["to"]["outside"], summary["to"]["inside"]) == \
        (len(run.to_outside), len(run.to_inside))
    last = 0
    for event in run.events:
        assert event["event"] in ("created", "bound", "confirmed", "doubted",
                                  "refuted", "refused", "dropped",
                                  "expired", "notice", "one-peer", "moved")
        assert event["about"] in ("packet", "flow", "ike", "association")
        assert event["reason"] and isinstance(event["text"], str)
        assert re.fullmatch(r"\d+\.\d{9}", event["time"])
        assert float(event["time"]) >= last
        last = float(event["time"])
        if event["event"] in ("refused", "dropped", "expired"):
            assert event["reason"] != "none" and event["text"], event
    for sent in run.to_outside:
        for address in checksums.addresses_outside(sent.raw, sound):
            assert not address.startswith(INSIDE_NET), \
                f"an inside address left: {sent.ip!r}"
    for packets in (run.to_outside, run.to_inside):
        stamps = [sent.ns for sent in packets]
        assert stamps == sorted(stamps)


def event_t(event):
    """Seconds after BASE."""
    seconds, fraction = event["time"].split(".")
    return (int(seconds) - BASE) + int(fraction) / NS


def converse(conf, inside, answers, **options):
    """Two stages: what left in the first run is what `answers` (a function of
    the Run, giving outside packets) answers to in the second."""
    first = nat(conf, inside, **options)
    second = nat(conf, inside, answers(first), **options)
    return second


# ------------------------------------------------------------------ packets

def udp(source=A, destination=R, sport=1000, dport=53, data=b"query", **ip):
    return IP(src=source, dst=destination, **ip) / UDP(
        sport=sport, dport=dport) / Raw(data)


def tcp(source=A, destination=R, sport=1000, dport=80, flags="S", data=b"",
        seq=1, **ip):
    return IP(src=source, dst=destination, **ip) / TCP(
        sport=sport, dport=dport, flags=flags, seq=seq) / Raw(data)


def echo(source=A, destination=R, ident=77, seq=1, data=b"ping-ping", **ip):
    return IP(src=source, dst=destination, **ip) / ICMP(
        type=8, id=ident, seq=seq) / Raw(data)


def echo_reply(source, destination, ident, seq=1, data=b"ping-ping"):
    return IP(src=source, dst=destination) / ICMP(
        type=0, id=ident, seq=seq) / Raw(data)


def icmp_error(source, destination, quoted, type=3, code=3, mtu=0, keep=None):
    """keep: how many bytes of the quoted packet's payload stay."""
    quote = raw(quoted)
    if keep is not None:
        quote = quote[:(quote[0] & 15) * 4 + keep]
    body = struct.pack("!BBHHH", type, code, 0, 0, mtu) + quote
    total = checksums.ones_complement(body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return IP(src=source, dst=destination, proto=1) / Raw(body)


def esp(source, destination, spi, seq=1, data=b"\x5a" * 64, **ip):
    return IP(src=source, dst=destination, proto=50, **ip) / Raw(
        struct.pack("!II", spi, seq) + data)


def ah(source, destination, spi=0x1000, seq=1):
    return IP(src=source, dst=destination, proto=51) / Raw(
        struct.pack("!BBHII", 6, 4, 0, spi, seq) + b"\0" * 12 + b"data" * 4)


# Exchange types (RFC 7296 3.1; RFC 2408 3.1).
SA_INIT, AUTH, CHILD, INFORMATIONAL = 34, 35, 36, 37
MAIN, AGGRESSIVE, INFO1, QUICK = 2, 4, 5, 32


def ike_header(initiator, responder, exchange, version, flags, message_id,
               length, first):
    """The ISAKMP header; cookies are integers or 8 bytes."""
    def cookie(value):
        return value if isinstance(value, bytes) else struct.pack("!Q", value)
    return cookie(initiator) + cookie(responder) + struct.pack(
        "!BBBBII", first, version, exchange, flags, message_id, length)


def ike(source, destination, initiator, responder, exchange, *, version=2,
        response=False, from_initiator=True, message_id=0, data=b"\xa5" * 100,
        sport=500, dport=500):
    first = 33  # a Security Association payload
    if version == 2:
        flags = (0x20 if response else 0) | (0x08 if from_initiator else 0)
        if exchange != SA_INIT:
            first = 46  # Encrypted and Authenticated
    else:  # version 1: the encryption bit, once it is protected
        flags = 1 if exchange in (QUICK, INFO1) else 0
    header = ike_header(initiator, responder, exchange, version << 4, flags,
                        message_id, 28 + len(data), first)
    return IP(src=source, dst=destination) / UDP(
        sport=sport, dport=dport) / Raw(header + data)


def ikev2_setup(inside, remote, initiator, responder, start=0.0,
                public=PUBLIC):
    """IKE_SA_INIT and IKE_AUTH of an inside client: (inside, outside)."""
    t = start
    return ([(t, ike(inside, remote, initiator, 0, SA_INIT)),
             (t + 0.2, ike(inside, remote, initiator, responder, AUTH,
                           message_id=1))],
            [(t + 0.1, ike(remote, public, initiator, responder, SA_INIT,
                           response=True, from_initiator=False)),
             (t + 0.3, ike(remote, public, initiator, responder, AUTH,
                           response=True, from_initiator=False,
                           message_id=1))])


def ikev1_setup(inside, remote, initiator, responder, start=0.0,
                public=PUBLIC, quick=0x1234):
    """Main Mode (six messages) and Quick Mode (three)."""
    t = start
    kwargs = {"version": 1}
    main_in = [(t, ike(inside, remote, initiator, 0, MAIN, **kwargs))]
    main_out = [(t + .05, ike(remote, public, initiator, responder, MAIN,
                              **kwargs))]
    for n in (1, 2):
        main_in.append((t + n * .1, ike(inside, remote, initiator, responder,
                                        MAIN, **kwargs)))
        main_out.append((t + n * .1 + .05, ike(remote, public, initiator,
                                               responder, MAIN, **kwargs)))
    main_in += [(t + .3, ike(inside, remote, initiator, responder, QUICK,
                             message_id=quick, **kwargs)),
                (t + .4, ike(inside, remote, initiator, responder, QUICK,
                             message_id=quick, **kwargs))]
    main_out += [(t + .35, ike(remote, public, initiator, responder, QUICK,
                               message_id=quick, **kwargs))]
    return main_in, main_out


def spi_of(sent):
    return struct.unpack("!I", bytes(sent.ip.payload)[:4])[0]


def fragments(packet, *cuts):
    """Splits a whole packet at these payload offsets (multiples of 8)."""
    whole = raw(packet)
    header = (whole[0] & 15) * 4
    payload = whole[header:]
    edges = [0, *cuts, len(payload)]
    out = []
    for begin, end in zip(edges, edges[1:]):
        assert begin % 8 == 0
        more = end < len(payload)
        piece = bytearray(whole[:header] + payload[begin:end])
        struct.pack_into("!H", piece, 2, len(piece))
        struct.pack_into("!H", piece, 6, (0x2000 if more else 0) | begin // 8)
        piece[10:12] = b"\0\0"
        struct.pack_into("!H", piece, 10,
                         checksums.ones_complement(bytes(piece[:header])))
        out.append(bytes(piece))
    return out


def wholes(sent):
    """What a receiver has: the packets that came whole, and the datagrams that
    it puts together, each where its first piece came."""
    pieces = {}
    for n, packet in enumerate(sent):
        whole = struct.unpack_from("!H", packet.raw, 6)[0] & 0x3FFF == 0
        pieces.setdefault(n if whole else datagram(packet), []).append(packet)
    return [reassemble(some) for some in pieces.values()]


def reassemble(pieces):
    """Whole datagram from fragments in any order; its checksums are checked."""
    pieces = [raw(p.raw if isinstance(p, Sent) else p) for p in pieces]
    parts, total = {}, None
    for piece in pieces:
        header = (piece[0] & 15) * 4
        field_ = struct.unpack_from("!H", piece, 6)[0]
        begin = (field_ & 0x1FFF) * 8
        parts[begin] = piece[header:]
        if not field_ & 0x2000:
            total = begin + len(piece) - header
        if begin == 0:
            first = piece[:header]
    payload = b"".join(parts[at] for at in sorted(parts))
    assert total == len(payload)
    whole = bytearray(first + payload)
    struct.pack_into("!H", whole, 2, len(whole))
    struct.pack_into("!H", whole, 6, 0)
    whole[10:12] = b"\0\0"
    struct.pack_into("!H", whole, 10,
                     checksums.ones_complement(bytes(whole[:len(first)])))
    checksums.verify(bytes(whole))
    return IP(bytes(whole))
