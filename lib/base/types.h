/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire-order values are types of their own: a be16 or be32 converts to a host
 * integer only by name, so that mixing the two does not compile.
 */
#ifndef SPINAT_BASE_TYPES_H
#define SPINAT_BASE_TYPES_H

#include "base/platform.h"
#include "spinat/spinat.h"

typedef spinat_be16 be16;
typedef spinat_be32 be32;

/** Our own invariants only: nothing from a packet can reach one. */
#define ENSURE(condition)                                                      \
	do {                                                                   \
		if (__builtin_expect(!(condition), 0))                         \
			__builtin_trap();                                      \
	} while (0)

/** Off the way of an established flow: keeps that short. */
#define SLOW_PATH __attribute__((noinline, cold))

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

static inline uint16_t be16_to_host(be16 value)
{
	return be16toh(value.raw);
}

static inline be16 be16_from_host(uint16_t value)
{
	return (be16){htobe16(value)};
}

static inline uint32_t be32_to_host(be32 value)
{
	return be32toh(value.raw);
}

static inline be32 be32_from_host(uint32_t value)
{
	return (be32){htobe32(value)};
}

static inline bool be16_equal(be16 a, be16 b)
{
	return a.raw == b.raw;
}

static inline bool be32_equal(be32 a, be32 b)
{
	return a.raw == b.raw;
}

static inline bool be32_is_zero(be32 value)
{
	return value.raw == 0;
}

/* Packets are bytes: reads and writes at any alignment. */
static inline be16 load_be16(const uint8_t *at)
{
	be16 value;
	memcpy(&value, at, sizeof value);
	return value;
}

static inline be32 load_be32(const uint8_t *at)
{
	be32 value;
	memcpy(&value, at, sizeof value);
	return value;
}

static inline void store_be16(uint8_t *at, be16 value)
{
	memcpy(at, &value, sizeof value);
}

static inline void store_be32(uint8_t *at, be32 value)
{
	memcpy(at, &value, sizeof value);
}

/* Two values that lie side by side, source and destination or local and
 * remote, as one word; turned, the second comes first. */
static inline uint64_t load_pair32(const void *at)
{
	uint64_t pair;
	memcpy(&pair, at, sizeof pair);
	return pair;
}

static inline uint64_t turn_pair32(uint64_t pair, unsigned turn)
{
	const unsigned by = 32 * turn;
	return pair << by | pair >> (-by & 63);
}

static inline uint32_t load_pair16(const void *at)
{
	uint32_t pair;
	memcpy(&pair, at, sizeof pair);
	return pair;
}

static inline uint32_t turn_pair16(uint32_t pair, unsigned turn)
{
	const unsigned by = 16 * turn;
	return pair << by | pair >> (-by & 31);
}

#endif
