/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * Sums run over the raw 16-bit words as they stand in memory: one's complement
 * addition does not care for byte order.  A *delta* is the folded sum of ~old
 * and new of every word that changes; it is worked out once per flow and added
 * to each packet.  The way back is its complement.
 */
#ifndef SPINAT_BASE_CSUM_H
#define SPINAT_BASE_CSUM_H

#include "base/types.h"

static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/** ~old + new for one 16-bit word, unfolded. */
static inline uint64_t csum_change16(be16 old, be16 new)
{
	return (uint64_t)(uint16_t)~old.raw + new.raw;
}

/** ~old + new for the two words of an address, unfolded. */
static inline uint64_t csum_change32(be32 old, be32 new)
{
	uint32_t inverse = ~old.raw;
	return (uint64_t)(inverse & 0xffff) + (inverse >> 16) +
	    (new.raw & 0xffff) + (new.raw >> 16);
}

/** A finished checksum after a change: HC' = ~(~HC + ~m + m') (RFC 1624
 * equation 3, the one that never makes 0xffff out of 0).  ~(~a + b) is a - b;
 * where the sum would carry, the difference borrows. */
static inline be16 csum_apply(be16 checksum, uint16_t delta)
{
	uint16_t rest;
	const bool borrow = __builtin_sub_overflow(checksum.raw, delta, &rest);

	return (be16){(uint16_t)(rest - borrow)};
}

/** An unfinished one: it holds the sum itself, not its complement. */
static inline be16 csum_apply_partial(be16 sum_so_far, uint16_t delta)
{
	uint32_t sum = (uint32_t)sum_so_far.raw + delta;
	return (be16){(uint16_t)((sum & 0xffff) + (sum >> 16))};
}

/** The sum over bytes, unfolded; for packets the engine makes itself. */
uint64_t csum_bytes(const uint8_t *data, size_t length);

#endif
