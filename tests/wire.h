/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of packets, for tests: plain code that shares nothing with the
 * engine.  Addresses and ports are host-order numbers, and every checksum is
 * added up anew.
 */
#ifndef SPINAT_TESTS_WIRE_H
#define SPINAT_TESTS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "spinat/spinat.h"

#define IP(a, b, c, d)                                                         \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 |      \
	    (uint32_t)(d))

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline uint64_t get64(const uint8_t *at)
{
	return (uint64_t)get32(at) << 32 | get32(at + 4);
}

static inline void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static inline void put64(uint8_t *at, uint64_t value)
{
	put32(at, (uint32_t)(value >> 32));
	put32(at + 4, (uint32_t)value);
}

static inline spinat_be32 wire32(uint32_t host)
{
	uint8_t bytes[4];
	spinat_be32 wire;

	put32(bytes, host);
	memcpy(&wire, bytes, sizeof wire);
	return wire;
}

static inline spinat_be16 wire16(uint32_t host)
{
	uint8_t bytes[2];
	spinat_be16 wire;

	put16(bytes, host);
	memcpy(&wire, bytes, sizeof wire);
	return wire;
}

static inline uint32_t host32(spinat_be32 wire)
{
	uint8_t bytes[4];

	memcpy(bytes, &wire, sizeof bytes);
	return get32(bytes);
}

static inline uint16_t host16(spinat_be16 wire)
{
	uint8_t bytes[2];

	memcpy(bytes, &wire, sizeof bytes);
	return get16(bytes);
}

/** RFC 1071, from scratch: 0 if a checksum among the bytes is right. */
static inline uint16_t plain_checksum(
    const uint8_t *data, size_t length, uint64_t start)
{
	uint64_t sum = start;
	size_t i = 0;

	for (; i + 4 <= length; i += 4)
		sum += get32(data + i);
	if (i + 2 <= length) {
		sum += get16(data + i);
		i += 2;
	}
	if (i < length)
		sum += (uint64_t)data[i] << 8;
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)(0xffff - sum);
}

/** What a transport of `length` bytes adds before its own (RFC 9293 3.1). */
static inline uint64_t pseudo_header(const uint8_t *ip, size_t length)
{
	return (uint64_t)get32(ip + 12) + get32(ip + 16) + ip[9] + length;
}

/** The length of an IP header. */
static inline size_t header_of(const uint8_t *ip)
{
	return (ip[0] & 15u) * 4u;
}

#endif
