/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/score.h"

#include <assert.h>

/* Without any hint, of a fresh SA: every SA is made by an exchange that we see,
 * so only what was forgotten or is keyed by hand has none. */
#define UNEXPECTED (-20)
/* A hint that was just made, strong or weak. */
#define EXPECTED_STRONG 20
#define EXPECTED_WEAK   14
/* The first use comes within a second as a rule, and hours later at times: its
 * density falls with the age, so each tenfold age takes ten.  The oldest hint
 * is still better than none. */
#define EXPECTED_LEAST (-14)

/* Posterior odds that are believed. */
#define BELIEVED 20

#define AWAITS           8
#define ONSET_LEAST      1000000 /* ns: nothing begins sooner */
#define ONSET_MOST       10
#define SILENT           10
#define GOES_ON          (-3)
#define PROMPTS_MOST     10
#define ALONE_MOST       20
#define VOLUME_SLACK     2u
#define VOLUME_MOST      4
#define ECHO             3
#define ECHOES_MOST      6
#define CIPHER_DISAGREES (-12)
#define OBJECTED         (-6)
#define HOLDS            3

static deciban weigh_expected(const struct evidence *e)
{
	const uint64_t seconds = (uint64_t)(e->expect_age / SPINAT_SECOND);
	deciban weight;

	if (!e->fresh || e->relaxed)
		return 0; /* older than what we remember */
	if (e->expected == EXPECT_NONE)
		return UNEXPECTED;
	weight = e->expected == EXPECT_STRONG ? EXPECTED_STRONG : EXPECTED_WEAK;
	weight -= deciban_of(1 + seconds, 1);
	return weight > EXPECTED_LEAST ? weight : EXPECTED_LEAST;
}

static deciban weigh_awaits(const struct evidence *e)
{
	return e->out_awaits ? AWAITS : 0;
}

/* Two SPIs that are a pair begin together.  Hosts that start at the same time
 * do so within a second or so: by chance the lag is under T in 2 T of it. */
static deciban weigh_onset(const struct evidence *e)
{
	deciban weight;

	if (!e->out_awaits || e->out_lag >= SPINAT_SECOND / 2)
		return 0;
	weight = deciban_of(
	    (uint64_t)SPINAT_SECOND, 2 * (uint64_t)e->out_lag + ONSET_LEAST);
	return weight < ONSET_MOST ? weight : ONSET_MOST;
}

static deciban weigh_succession(const struct evidence *e)
{
	switch (e->succession) {
	case SUCCESSION_SILENT:
		return SILENT;
	case SUCCESSION_GOES_ON:
		return GOES_ON;
	default:
		return 0;
	}
}

/* What seems to be answers is none if it comes whether the host got anything or
 * not. */
static deciban weigh_answers(const struct evidence *e)
{
	const deciban turns = turns_weigh(&e->turns);
	const deciban weight =
	    timing_weigh(&e->answers, &e->streams) + (turns < 0 ? turns : 0);

	return weight > 0 ? weight : 0;
}

static deciban weigh_prompts(const struct evidence *e)
{
	const deciban weight = timing_weigh(&e->prompts, &e->streams);

	return weight < PROMPTS_MOST ? weight : PROMPTS_MOST;
}

static deciban weigh_turns(const struct evidence *e)
{
	const deciban weight = turns_weigh(&e->turns);

	return weight > 0 ? weight : 0;
}

/* That it has just begun to send is the onset's. */
static deciban weigh_alone(const struct evidence *e)
{
	/* What it sends on its own account is no answer. */
	const deciban weight = e->alone && e->sent <= 2u * e->answers.trials
	    ? timing_coincidence(&e->answers, &e->streams, e->quiet) -
		weigh_onset(e)
	    : 0;

	return weight < 0 ? 0 : weight < ALONE_MOST ? weight : ALONE_MOST;
}

static deciban weigh_volume(const struct evidence *e)
{
	deciban weight;

	if (e->near <= e->near_other)
		return 0;
	weight = deciban_of((uint64_t)e->near + VOLUME_SLACK,
	    (uint64_t)e->near_other + VOLUME_SLACK);
	return weight < VOLUME_MOST ? weight : VOLUME_MOST;
}

static deciban weigh_echoes(const struct evidence *e)
{
	const int all = e->echoes * ECHO;

	return all < ECHOES_MOST ? all : ECHOES_MOST;
}

static deciban weigh_cipher(const struct evidence *e)
{
	return e->cipher_differs ? CIPHER_DISAGREES : 0;
}

static deciban weigh_objected(const struct evidence *e)
{
	return e->objected ? OBJECTED : 0;
}

static deciban weigh_holds(const struct evidence *e)
{
	return e->holds ? HOLDS : 0;
}

static const struct {
	const char *name;
	deciban (*weigh)(const struct evidence *evidence);
} table[] = {
    [SCORE_EXPECTED] = {"expected", weigh_expected},
    [SCORE_AWAITS] = {"awaits", weigh_awaits},
    [SCORE_ONSET] = {"onset", weigh_onset},
    [SCORE_SUCCESSION] = {"succession", weigh_succession},
    [SCORE_ANSWERS] = {"answers", weigh_answers},
    [SCORE_PROMPTS] = {"prompts", weigh_prompts},
    [SCORE_TURNS] = {"turns", weigh_turns},
    [SCORE_ALONE] = {"alone", weigh_alone},
    [SCORE_VOLUME] = {"volume", weigh_volume},
    [SCORE_ECHOES] = {"echoes", weigh_echoes},
    [SCORE_CIPHER] = {"cipher", weigh_cipher},
    [SCORE_OBJECTED] = {"objected", weigh_objected},
    [SCORE_HOLDS] = {"holds", weigh_holds},
};
static_assert(sizeof table / sizeof table[0] == SCORE_ROWS,
    "every row has a name and a weight");

deciban score(const struct evidence *evidence, deciban rows[SCORE_ROWS])
{
	deciban sum = 0;

	for (unsigned row = 0; row < SCORE_ROWS; row++) {
		const deciban weight = table[row].weigh(evidence);
		if (rows != NULL)
			rows[row] = weight;
		sum += weight;
	}
	return sum;
}

deciban score_believed(unsigned candidates)
{
	return BELIEVED + deciban_of(candidates, 1);
}

deciban score_of_traffic(const deciban rows[SCORE_ROWS])
{
	return rows[SCORE_ONSET] + rows[SCORE_SUCCESSION] +
	    rows[SCORE_ANSWERS] + rows[SCORE_PROMPTS] + rows[SCORE_TURNS] +
	    rows[SCORE_ALONE] + rows[SCORE_VOLUME] + rows[SCORE_ECHOES];
}

const char *score_row_name(enum score_row row)
{
	ENSURE((unsigned)row < SCORE_ROWS);
	return table[row].name;
}
