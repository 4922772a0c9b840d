/* SPDX-License-Identifier: BSD-2-Clause */
/* Finishing transport checksums: RFC 1071, RFC 768, RFC 9293, RFC 9260. */
#include "backend/checksum.h"

#include <netinet/in.h>
#include <string.h>

enum {
	IP_HEADER_MIN = 20,
	IP_FRAGMENT_BITS = 0x3fff, /* more-fragments and the offset */
	TCP_CHECKSUM_AT = 16,
	UDP_CHECKSUM_AT = 6,
	SCTP_CHECKSUM_AT = 8,
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint16_t checksum_sum(const uint8_t *data, size_t length, uint32_t start)
{
	/* Sums native words eight bytes at a time: one's complement addition
	 * does not mind the byte order as long as it is the same throughout. */
	uint64_t sum = 0;
	while (length >= 8) {
		uint64_t word;
		memcpy(&word, data, 8);
		sum += word;
		sum += sum < word;
		data += 8;
		length -= 8;
	}
	if (length > 0) {
		uint64_t word = 0;
		memcpy(&word, data, length);
		sum += word;
		sum += sum < word;
	}
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	uint32_t host = ntohs((uint16_t)sum) + start;
	host = (host >> 16) + (host & 0xffff);
	host = (host >> 16) + (host & 0xffff);
	return (uint16_t)host;
}

static uint32_t pseudo_sum(
    const uint8_t *packet, uint8_t protocol, size_t length)
{
	return (uint32_t)get16(packet + 12) + get16(packet + 14) +
	    get16(packet + 16) + get16(packet + 18) + protocol +
	    (uint32_t)length;
}

static uint32_t crc32c(const uint8_t *data, size_t length)
{
	uint32_t crc = 0xffffffff;
	while (length-- > 0) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0x82f63b78 & -(crc & 1));
	}
	return ~crc;
}

void checksum_finish(uint8_t *packet, size_t length)
{
	if (length < IP_HEADER_MIN || (packet[0] >> 4) != 4)
		return;
	size_t header = (packet[0] & 15u) * 4u;
	size_t total = get16(packet + 2);
	if (header < IP_HEADER_MIN || total < header || total > length)
		return;
	if ((get16(packet + 6) & IP_FRAGMENT_BITS) != 0)
		return;
	uint8_t *transport = packet + header;
	size_t size = total - header;
	size_t at;

	switch (packet[9]) {
	case IPPROTO_TCP:
		at = TCP_CHECKSUM_AT;
		break;
	case IPPROTO_UDP:
		at = UDP_CHECKSUM_AT;
		break;
	case IPPROTO_SCTP:
		if (size >= SCTP_CHECKSUM_AT + 4) {
			uint8_t *crc = transport + SCTP_CHECKSUM_AT;
			memset(crc, 0, 4);
			uint32_t value = crc32c(transport, size);
			for (int i = 0; i < 4; i++) /* RFC 9260 A: low first */
				crc[i] = (uint8_t)(value >> (8 * i));
		}
		return;
	default:
		return;
	}
	if (size < at + 2)
		return;
	put16(transport + at, 0);
	uint16_t sum = (uint16_t)~checksum_sum(
	    transport, size, pseudo_sum(packet, packet[9], size));
	if (sum == 0 && packet[9] == IPPROTO_UDP)
		sum = 0xffff; /* RFC 768: zero would say "none" */
	put16(transport + at, sum);
}
