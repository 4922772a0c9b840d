/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator's own random numbers (splitmix64): one run, one seed, the same
 * run on every machine.
 */
#ifndef SPINAT_SIM_RNG_H
#define SPINAT_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/** 0 .. 1, 1 excluded. */
static inline double rng_unit(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) / 9007199254740992.0;
}

static inline bool rng_chance(struct rng *rng, double probability)
{
	return rng_unit(rng) < probability;
}

/** low .. high, both included. */
static inline int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
	return low + (int64_t)(rng_next(rng) % (uint64_t)(high - low + 1));
}

/** The same, any order of magnitude being as likely as any other. */
int64_t rng_between_log(struct rng *rng, int64_t low, int64_t high);
/** Times between events that know nothing of one another. */
int64_t rng_exponential(struct rng *rng, int64_t mean);

#endif
