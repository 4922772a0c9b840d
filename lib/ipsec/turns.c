/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/turns.h"

/* What comes so soon may be an answer. */
#define ANSWER_SPAN (SPINAT_SECOND / 16)
/* For having looked for the best rate that explains the answers. */
#define FIT_COST 5

void turns_packet(struct turns *turns, bool served, spinat_time now)
{
	if (turns->packets[served] == UINT16_MAX)
		return;
	turns->packets[served]++;
	turns->packet = now;
	turns->served = served;
}

void turns_sent(struct turns *turns, spinat_time now)
{
	if (turns->packet != 0 && now - turns->packet < ANSWER_SPAN)
		turns->answers[turns->served]++;
	turns->packet = 0;
}

/* The likelihood of the answers to what it got, at the rate that they have
 * (Laplace's rule) and at the rate of those to what it did not get, of which
 * one more would have been answered: as long as there are none, nothing is
 * known. */
deciban turns_weigh(const struct turns *turns)
{
	const uint64_t got = turns->packets[1], hits = turns->answers[1];
	const uint64_t own = hits + 1, own_of = got + 2;
	const uint64_t base = turns->answers[0] + UINT64_C(1);
	const uint64_t base_of = turns->packets[0] + UINT64_C(1);
	deciban weight;

	if (hits == 0 || own * base_of <= base * own_of)
		return 0;
	weight = deciban_of_many((unsigned)hits, own * base_of, base * own_of) +
	    deciban_of_many((unsigned)(got - hits), (own_of - own) * base_of,
		(base_of - base) * own_of) -
	    FIT_COST;
	return weight < 0 ? 0 : weight < TURNS_MOST ? weight : TURNS_MOST;
}
