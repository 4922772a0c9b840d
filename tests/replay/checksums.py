# SPDX-License-Identifier: BSD-2-Clause
"""Recomputes the checksums of a packet from its bytes, with scapy's sum, and so
independently of the engine's incremental ones."""

import socket
import struct

from scapy.utils import checksum as ones_complement  # noqa: F401

ICMP_ERRORS = (3, 4, 5, 11, 12)


def split(raw):
    """(header length, total length, protocol, fragment offset, more)."""
    total = struct.unpack_from("!H", raw, 2)[0]
    field = struct.unpack_from("!H", raw, 6)[0]
    return ((raw[0] & 15) * 4, total, raw[9], (field & 0x1FFF) * 8,
            bool(field & 0x2000))


def pseudo_sum(raw, protocol, payload):
    """Over the pseudo-header of RFC 793 and the payload with its checksum: zero
    when that is right."""
    return ones_complement(
        raw[12:20] + struct.pack("!BBH", 0, protocol, len(payload)) + payload)


def verify_transport(raw, header, total, protocol):
    payload = raw[header:total]
    if protocol == 6:
        assert pseudo_sum(raw, 6, payload) == 0, "TCP checksum"
    elif protocol == 17:
        length = struct.unpack_from("!H", payload, 4)[0]
        if struct.unpack_from("!H", payload, 6)[0] != 0 and \
                length == len(payload):
            assert pseudo_sum(raw, 17, payload) == 0, "UDP checksum"
    elif protocol == 1:
        assert ones_complement(payload) == 0, "ICMP checksum"
        if payload[0] in ICMP_ERRORS and len(payload) >= 28:
            verify_quote(payload[8:])


def verify_quote(quote):
    """The packet an ICMP error quotes; its transport only if all is there."""
    header, total, protocol, offset, more = split(quote)
    assert ones_complement(quote[:header]) == 0, "quoted IP checksum"
    if offset == 0 and not more and total <= len(quote):
        verify_transport(quote[:total], header, total, protocol)


def verify(raw):
    """Raises AssertionError where a checksum is wrong."""
    header, total, protocol, offset, more = split(raw)
    assert raw[0] >> 4 == 4 and header >= 20 and total == len(raw), "IP lengths"
    assert ones_complement(raw[:header]) == 0, "IP checksum"
    if offset == 0 and not more:
        verify_transport(raw, header, total, protocol)


def addresses_outside(raw, sound=True):
    """The addresses that the outside can read in a packet, and in the quote of
    an ICMP error.  Not sound: the source alone."""
    yield socket.inet_ntoa(raw[12:16])
    if not sound:
        return
    yield socket.inet_ntoa(raw[16:20])
    header, total, protocol, offset, _ = split(raw)
    if protocol == 1 and offset == 0 and total >= header + 28 and \
            raw[header] in ICMP_ERRORS:
        quote = raw[header + 8:]
        yield socket.inet_ntoa(quote[12:16])
        yield socket.inet_ntoa(quote[16:20])
