/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the fields of the headers lie, as offsets, and their constants.
 * Fields are read through load_be16()/load_be32() after their length was
 * checked; no struct is laid over a packet.
 */
#ifndef SPINAT_PACKET_HEADER_H
#define SPINAT_PACKET_HEADER_H

#include "base/platform.h"

/* IPv4 (RFC 791 3.1) */
enum {
	IP4_TOS = 1,
	IP4_TOTAL_LENGTH = 2,
	IP4_ID = 4,
	IP4_FRAGMENT = 6,
	IP4_TTL = 8,
	IP4_PROTOCOL = 9,
	IP4_CHECKSUM = 10,
	IP4_SOURCE = 12,
	IP4_DESTINATION = 16,
	IP4_HEADER_MIN = 20,
	IP4_PLAIN = 0x45, /* version 4, five words: no options */
};
#define IP4_DONT_FRAGMENT   0x4000u
#define IP4_MORE_FRAGMENTS  0x2000u
#define IP4_FRAGMENT_OFFSET 0x1fffu

/* TCP (RFC 9293 3.1), UDP (RFC 768) */
enum {
	L4_SOURCE_PORT = 0,
	L4_DESTINATION_PORT = 2,
	TCP_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_CHECKSUM = 16,
	TCP_HEADER_MIN = 20,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
	UDP_HEADER = 8,
	/* UDP-Lite (RFC 3828 3.1) and DCCP (RFC 4340 5.1), by chance alike */
	LITE_CHECKSUM = 6,
	LITE_HEADER = 8,
};
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };

/* ICMP (RFC 792) */
enum {
	ICMP_TYPE = 0,
	ICMP_CODE = 1,
	ICMP_CHECKSUM = 2,
	ICMP_ID = 4,
	ICMP_NEXT_MTU = 6, /* RFC 1191 4 */
	ICMP_QUOTE = 8,
	ICMP_HEADER = 8,
};
enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP_TIMESTAMP = 13,
	ICMP_ADDRESS_MASK_REPLY = 18,
};
enum { ICMP_CODE_NEEDS_FRAGMENT = 4, ICMP_CODE_PROHIBITED = 13 };

/* ESP (RFC 4303 2): SPI, sequence number */
enum { ESP_SPI = 0, ESP_SEQUENCE = 4, ESP_HEADER = 8, ESP_SPI_RESERVED = 255 };

/* ISAKMP (RFC 2408 3.1), IKEv2 (RFC 7296 3.1) */
enum {
	IKE_PORT = 500,
	IKE_NATT_PORT = 4500,
	IKE_INITIATOR_SPI = 0,
	IKE_RESPONDER_SPI = 8,
	IKE_NEXT_PAYLOAD = 16,
	IKE_VERSION = 17,
	IKE_EXCHANGE = 18,
	IKE_FLAGS = 19,
	IKE_MESSAGE_ID = 20,
	IKE_LENGTH = 24,
	IKE_HEADER = 28,
};

#endif
