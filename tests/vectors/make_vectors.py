#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the *.vec files: packets and what must become of them, byte for byte.

Both sides are built from scratch with every checksum added up anew; nothing here
knows how the engine works.  The format, one word-separated line each:

    config NAME [VALUE]       before the first packet: same_ports, public A.B.C.D,
                              redirect_port PROTO INSIDE PORT PUBLIC_PORT, ...
    in inside|outside [partial] HEX
                              a packet comes from that side
    translated inside|outside HEX
                              ... it leaves by that side as this
    passed | held             ... it is left as it is | the engine keeps it
    dropped REASON            ... by the name of spinat_reason_name()
    emit inside|outside HEX   a packet that the engine sends of its own while it
                              works on the last one, in order
    wait SECONDS              time passes

What leaves for the outside in fragments has an IP id of the engine's choice: the
one that is written here stands for it, the same one for the same datagram.
    # ...                     a comment
"""
import os
import struct

PUBLIC, INSIDE, INSIDE2 = "203.0.113.1", "10.0.0.1", "10.0.0.2"
REMOTE, ROUTER = "198.51.100.1", "192.0.2.99"
UDP, TCP, ICMP, ESP, GRE, AH = 17, 6, 1, 50, 47, 51


def address(text):
    return bytes(int(part) for part in text.split("."))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def ip(protocol, source, destination, payload, ident=0x1234, fragment=0, ttl=64):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment,
                       ttl, protocol, 0) + address(source) + address(destination)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def with_sum(protocol, source, destination, body, at, mode="full"):
    """Fills in the checksum at an offset: full, partial (pseudo header only) or
    none."""
    if mode == "none":
        return body
    pseudo = b"" if protocol == ICMP else address(source) + \
        address(destination) + struct.pack(">BBH", 0, protocol, len(body))
    if mode == "partial":
        value = 0xFFFF - checksum(pseudo)
    else:
        value = checksum(pseudo + body)
        if protocol == UDP and value == 0:
            value = 0xFFFF
    return body[:at] + struct.pack(">H", value) + body[at + 2:]


def udp(source, sport, destination, dport, data=b"payload!", mode="full", **more):
    body = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
    return ip(UDP, source, destination,
              with_sum(UDP, source, destination, body, 6, mode), **more)


def tcp(source, sport, destination, dport, flags=0x10, data=b"", mode="full", **more):
    body = struct.pack(">HHIIBBHHH", sport, dport, 0x01020304, 0x0A0B0C0D, 0x50,
                       flags, 8192, 0, 0) + data
    return ip(TCP, source, destination,
              with_sum(TCP, source, destination, body, 16, mode), **more)


def icmp(source, destination, kind, code, rest, data=b"", **more):
    body = struct.pack(">BBHI", kind, code, 0, rest) + data
    return ip(ICMP, source, destination,
              with_sum(ICMP, source, destination, body, 2), **more)


def echo(source, destination, ident, kind=8):
    return icmp(source, destination, kind, 0, ident << 16 | 7, b"abcdefgh")


def esp(source, destination, spi, sequence=1):
    return ip(ESP, source, destination,
              struct.pack(">II", spi, sequence) + bytes(range(24)))


def spi(number):
    return struct.pack(">II", 0xC0000000 + number, 1)


def ike(source, destination, initiator, responder, mode="full"):
    data = struct.pack(">QQBBBBII", initiator, responder, 33, 0x20, 34, 8, 0, 44)
    return udp(source, 500, destination, 500, data + b"\x55" * 16, mode)


def fragments(packet, size):
    """Of `size` payload bytes each; the transport's checksum is the whole's."""
    payload = packet[20:]
    source = ".".join(map(str, packet[12:16]))
    destination = ".".join(map(str, packet[16:20]))
    ident = struct.unpack(">H", packet[4:6])[0]
    return [ip(packet[9], source, destination, payload[at:at + size], ident,
               at // 8 | (0x2000 if at + size < len(payload) else 0))
            for at in range(0, len(payload), size)]


class Vectors:
    def __init__(self, name, comment):
        self.name, self.lines = name, [f"# {comment}", "config same_ports"]

    def config(self, text):
        self.lines.append("config " + text)

    def send(self, side, packet, becomes, partial=False):
        self.lines.append(
            f"in {side} {'partial ' if partial else ''}{packet.hex()}")
        if isinstance(becomes, bytes):
            other = "outside" if side == "inside" else "inside"
            self.lines.append(f"translated {other} {becomes.hex()}")
        else:
            self.lines.append(becomes)

    def hairpin(self, packet, becomes):
        self.lines += [f"in inside {packet.hex()}",
                       f"translated inside {becomes.hex()}"]

    def emit(self, side, packet):
        self.lines.append(f"emit {side} {packet.hex()}")

    def wait(self, seconds):
        self.lines.append(f"wait {seconds}")

    def write(self, folder):
        with open(os.path.join(folder, self.name + ".vec"), "w",
                  encoding="ascii") as out:
            out.write("\n".join(self.lines) + "\n")


def sessions():
    v = Vectors("sessions", "TCP, UDP, ICMP queries and GRE, both ways")
    for mode in ("full", "none", "partial"):
        part = mode == "partial"
        v.send("inside", udp(INSIDE, 25000, REMOTE, 53, mode=mode),
               udp(PUBLIC, 25000, REMOTE, 53, mode=mode), part)
        v.send("outside", udp(REMOTE, 53, PUBLIC, 25000, b"odd", mode=mode),
               udp(REMOTE, 53, INSIDE, 25000, b"odd", mode=mode), part)
    for mode in ("full", "partial"):
        part = mode == "partial"
        v.send("inside", tcp(INSIDE, 25001, REMOTE, 80, 2, mode=mode),
               tcp(PUBLIC, 25001, REMOTE, 80, 2, mode=mode), part)
        v.send("outside", tcp(REMOTE, 80, PUBLIC, 25001, 0x12, mode=mode),
               tcp(REMOTE, 80, INSIDE, 25001, 0x12, mode=mode), part)
    v.send("inside", echo(INSIDE, REMOTE, 77), echo(PUBLIC, REMOTE, 77))
    v.send("outside", echo(REMOTE, PUBLIC, 77, 0), echo(REMOTE, INSIDE, 77, 0))
    v.send("inside", ip(GRE, INSIDE, REMOTE, b"gre!"), ip(GRE, PUBLIC, REMOTE, b"gre!"))
    v.send("outside", ip(GRE, REMOTE, PUBLIC, b"erg"), ip(GRE, REMOTE, INSIDE, b"erg"))
    v.send("inside", ip(GRE, INSIDE2, REMOTE, b"gre!"), "dropped conflict")
    v.send("outside", udp(REMOTE, 99, PUBLIC, 25000), "dropped filtered")
    v.send("outside", udp(REMOTE, 53, PUBLIC, 25009), "passed")
    # A checksum that comes out as zero is sent as 0xffff.
    for word in range(0x10000):
        out = udp(PUBLIC, 25000, REMOTE, 53, struct.pack(">H", word))
        if out[26:28] == b"\xff\xff":
            v.send("inside", udp(INSIDE, 25000, REMOTE, 53, struct.pack(">H", word)), out)
    return v


def errors():
    v = Vectors("icmp-errors", "ICMP errors, with what they quote cut and whole")
    flows = [(udp(INSIDE, 25000, REMOTE, 53), udp(PUBLIC, 25000, REMOTE, 53),
              udp(REMOTE, 53, PUBLIC, 25000), udp(REMOTE, 53, INSIDE, 25000)),
             (tcp(INSIDE, 25001, REMOTE, 80, 2), tcp(PUBLIC, 25001, REMOTE, 80, 2),
              tcp(REMOTE, 80, PUBLIC, 25001), tcp(REMOTE, 80, INSIDE, 25001)),
             (echo(INSIDE, REMOTE, 77), echo(PUBLIC, REMOTE, 77),
              echo(REMOTE, PUBLIC, 77, 0), echo(REMOTE, INSIDE, 77, 0)),
             (esp(INSIDE, REMOTE, 0xC0000001), esp(PUBLIC, REMOTE, 0xC0000001),
              esp(REMOTE, PUBLIC, 0xD0000001), esp(REMOTE, INSIDE, 0xD0000001))]
    for inside, outside, answer, answered in flows:
        v.send("inside", inside, outside)
        v.send("outside", answer, answered)
        for kind, code, rest in ((3, 1, 0), (3, 4, 1300), (11, 0, 0)):
            for cut in (28, 29, 40, len(inside)):
                v.send("outside",
                       icmp(ROUTER, PUBLIC, kind, code, rest, outside[:cut]),
                       icmp(ROUTER, INSIDE, kind, code, rest, inside[:cut]))
        for cut in (28, 36, len(answer)):
            v.send("inside", icmp(INSIDE, REMOTE, 3, 3, 0, answered[:cut]),
                   icmp(PUBLIC, REMOTE, 3, 3, 0, answer[:cut]))
        v.send("outside", icmp(ROUTER, PUBLIC, 3, 1, 0, outside[:27]),
               "dropped bad-icmp-quote")
        v.send("outside", icmp(ROUTER, PUBLIC, 5, 1, 0, outside),
               "dropped icmp-refused")
    return v


def ipsec():
    v = Vectors("ipsec", "one client: IKE, then ESP both ways, then AH")
    for mode in ("full", "none"):
        v.send("inside", ike(INSIDE, REMOTE, 1, 0, mode), ike(PUBLIC, REMOTE, 1, 0, mode))
        v.send("outside", ike(REMOTE, PUBLIC, 1, 2, mode), ike(REMOTE, INSIDE, 1, 2, mode))
    v.send("outside", esp(REMOTE, PUBLIC, 0xD0000001), "passed")
    v.send("inside", esp(INSIDE, REMOTE, 0xC0000001), esp(PUBLIC, REMOTE, 0xC0000001))
    v.send("outside", esp(REMOTE, PUBLIC, 0xD0000001), esp(REMOTE, INSIDE, 0xD0000001))
    v.wait(80000)
    v.send("outside", esp(REMOTE, PUBLIC, 0xD0000002), esp(REMOTE, INSIDE, 0xD0000002))
    v.send("inside", esp(INSIDE, REMOTE, 255), "dropped bad-spi")
    v.send("outside", ike(REMOTE, PUBLIC, 9, 0)[:30] + b"", "dropped bad-total-length")
    return v


def pieces():
    v = Vectors("fragments", "fragments, in order and out of it")
    data = bytes(range(100))
    for ident, (side, before, after) in enumerate((
            ("inside", lambda **m: udp(INSIDE, 25000, REMOTE, 53, data, **m),
             lambda **m: udp(PUBLIC, 25000, REMOTE, 53, data, **m)),
            ("outside", lambda **m: udp(REMOTE, 53, PUBLIC, 25000, data, **m),
             lambda **m: udp(REMOTE, 53, INSIDE, 25000, data, **m)))):
        cut = fragments(before(ident=100 + ident), 48)
        done = fragments(after(ident=100 + ident), 48)
        for part, out in zip(cut, done):
            v.send(side, part, out)
        cut = fragments(before(ident=200 + ident), 48)
        done = fragments(after(ident=200 + ident), 48)
        v.send(side, cut[2], "held")
        v.send(side, cut[1], "held")
        v.send(side, cut[0], done[0])
        other = "outside" if side == "inside" else "inside"
        v.emit(other, done[2])
        v.emit(other, done[1])
    # Two hosts choose the same IP id for the same remote at the same time; the
    # first of the one's comes first, the first of the other's last.
    for ident, one, other in (
            (300, lambda host, ident: udp(host, 25010, REMOTE, 53, data, ident=ident),
             lambda host, ident: udp(host, 25011, REMOTE, 53, data, ident=ident)),
            (400, lambda host, ident: ip(ESP, host, REMOTE, spi(7) + data, ident),
             lambda host, ident: ip(ESP, host, REMOTE, spi(8) + data, ident))):
        cut = fragments(one(INSIDE, ident), 48), fragments(other(INSIDE2, ident), 48)
        done = (fragments(one(PUBLIC, ident), 48),
                fragments(other(PUBLIC, ident + 1), 48))
        v.send("inside", cut[0][0], done[0][0])
        v.send("inside", cut[1][2], "held")
        v.send("inside", cut[0][2], done[0][2])
        v.send("inside", cut[1][0], done[1][0])
        v.emit("outside", done[1][2])
        v.send("inside", cut[0][1], done[0][1])
        v.send("inside", cut[1][1], done[1][1])
        # One that comes again is of the datagram that it was of.
        v.send("inside", cut[0][0], done[0][0])
        v.send("inside", cut[0][1], done[0][1])
    return v


def hairpin():
    v = Vectors("hairpin", "two inside hosts through the public address")
    v.send("inside", udp(INSIDE2, 25002, REMOTE, 53), udp(PUBLIC, 25002, REMOTE, 53))
    v.hairpin(udp(INSIDE, 25003, PUBLIC, 25002), udp(PUBLIC, 25003, INSIDE2, 25002))
    v.hairpin(udp(INSIDE2, 25002, PUBLIC, 25003), udp(PUBLIC, 25002, INSIDE, 25003))
    return v


def redirect():
    v = Vectors("redirect", "a static rule to a server inside")
    v.config("redirect_port tcp 10.0.0.2 80 8080")
    v.send("outside", tcp(REMOTE, 999, PUBLIC, 8080, 2), tcp(REMOTE, 999, INSIDE2, 80, 2))
    v.send("inside", tcp(INSIDE2, 80, REMOTE, 999, 0x12), tcp(PUBLIC, 8080, REMOTE, 999, 0x12))
    v.hairpin(tcp(INSIDE, 25004, PUBLIC, 8080, 2), tcp(PUBLIC, 25004, INSIDE2, 80, 2))
    v.hairpin(tcp(INSIDE2, 80, PUBLIC, 25004, 0x12), tcp(PUBLIC, 8080, INSIDE, 25004, 0x12))
    return v


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    for make in (sessions, errors, ipsec, pieces, hairpin, redirect):
        make().write(here)
