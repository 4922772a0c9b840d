/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/turns.h"

/* What comes so soon may be an answer. */
#define ANSWER_SPAN (SPINAT_SECOND / 16)
/* One octave of likelihood. */
#define OCTAVE 0x10000
/* Beyond this all is said. */
#define OCTAVES_MOST (40 * OCTAVE)
/* Of what it sends, in eighths: seven are answers, four, one; or none.  Each of
 * these hypotheses gets a quarter. */
#define EIGHTHS      8u
#define QUARTER_COST (2 * OCTAVE)

static void end_round(struct turns *turns, bool answered)
{
	if (turns->asked == UINT16_MAX) {
		turns->asked /= 2;
		turns->answered /= 2;
	}
	turns->asked++;
	if (answered)
		turns->answered++;
	turns->round = 0;
}

static void ask(struct turns *turns, spinat_time now)
{
	if (turns->round != 0 && now - turns->round >= ANSWER_SPAN)
		end_round(turns, false);
	if (turns->round == 0)
		turns->round = now;
}

void turns_packet(
    struct turns *turns, uint32_t chance, bool served, spinat_time now)
{
	if (turns->packet == 0 || now - turns->packet >= ANSWER_SPAN) {
		turns->missed = TURNS_ONE;
		turns->served = false;
	}
	turns->packet = now;
	turns->missed =
	    (uint32_t)((uint64_t)turns->missed * (TURNS_ONE - chance) >> 16);
	turns->served = turns->served || served;
	if (served)
		ask(turns, now);
}

static void add(int32_t *sum, int octaves)
{
	*sum += octaves;
	if (*sum > OCTAVES_MOST)
		*sum = OCTAVES_MOST;
	if (*sum < -OCTAVES_MOST)
		*sum = -OCTAVES_MOST;
}

/* An answer is sent because some were got; of the rest, as many follow some
 * that were got as the lots say. */
static void weigh(int32_t *sum, unsigned answers, bool served, uint32_t lot)
{
	const unsigned rest = EIGHTHS - answers;

	if (served)
		add(sum,
		    log2_fixed(
			(uint64_t)answers * TURNS_ONE + (uint64_t)rest * lot) -
			log2_fixed((uint64_t)EIGHTHS * lot));
	else
		add(sum, log2_fixed(rest) - log2_fixed(EIGHTHS));
}

static void weigh_sent(struct turns *turns)
{
	const uint32_t lot = TURNS_ONE - turns->missed;

	weigh(&turns->most, 7, turns->served, lot);
	weigh(&turns->half, 4, turns->served, lot);
	weigh(&turns->some, 1, turns->served, lot);
}

void turns_sent(struct turns *turns, spinat_time now)
{
	if (turns->packet != 0 && now - turns->packet < ANSWER_SPAN)
		weigh_sent(turns);
	turns->packet = 0;
	if (turns->round != 0)
		end_round(turns, now - turns->round < ANSWER_SPAN);
}

static int32_t greater(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

deciban turns_weigh(const struct turns *turns)
{
	const int32_t best =
	    greater(turns->most, greater(turns->half, turns->some));
	const deciban weight = best > QUARTER_COST
	    ? deciban_of_octaves(best - QUARTER_COST)
	    : best < 0 ? deciban_of_octaves(best)
		       : 0;

	return weight < -TURNS_MOST ? -TURNS_MOST
	    : weight < TURNS_MOST   ? weight
				    : TURNS_MOST;
}
