/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random choices (ports, ICMP identifiers): SipHash-2-4 over a counter, keyed
 * by the seed that the caller handed in.  Outputs that an observer sees tell
 * nothing about the next ones (RFC 6056 wants ports unguessable), and the same
 * seed gives the same choices.
 */
#ifndef SPINAT_BASE_RANDOM_H
#define SPINAT_BASE_RANDOM_H

#include "base/types.h"

struct random {
	uint64_t key[2];
	uint64_t counter;
};

/** `seed` is 16 bytes. */
void random_init(struct random *random, const uint8_t seed[16]);
uint64_t random_next(struct random *random);
/** Uniform in 0 .. bound-1; bound > 0. */
uint32_t random_below(struct random *random, uint32_t bound);

#endif
