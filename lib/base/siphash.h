/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state and the round of SipHash (Aumasson, Bernstein 2012).
 */
#ifndef SPINAT_BASE_SIPHASH_H
#define SPINAT_BASE_SIPHASH_H

#include <stdint.h>

static inline uint64_t sip_rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

static inline void sip_init(uint64_t v[4], const uint64_t key[2])
{
	v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = sip_rotate(v[1], 13) ^ v[0];
	v[3] = sip_rotate(v[3], 16) ^ v[2];
	v[0] = sip_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = sip_rotate(v[1], 17) ^ v[2];
	v[3] = sip_rotate(v[3], 21) ^ v[0];
	v[2] = sip_rotate(v[2], 32);
}

#endif
