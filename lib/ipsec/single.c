/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/single.h"

/* A session that goes on is heard of that soon before: pings, voice and
 * transfers are.  An idle one tells nothing. */
#define LIVELY_SPAN (5 * SPINAT_SECOND)
/* What was under way when the rival was established comes within that. */
#define GRACE_SPAN (3 * SPINAT_SECOND)
/* Silence that is no chance: of a remote that owes answers, and in which others
 * hear it.  Shorter than any dead peer detection takes to give up. */
#define SILENCE_SPAN (10 * SPINAT_SECOND)
/* A host that was told that its session ended begins anew that soon, and what
 * it was told came as the last of all. */
#define ANEW_SPAN (10 * SPINAT_SECOND)
#define LAST_SPAN (1 * SPINAT_SECOND)
/* Endings of rivals that began within that are one coincidence; after that
 * long, the first is forgotten. */
#define APART_SPAN  (10 * SPINAT_SECOND)
#define RECALL_SPAN (3600 * SPINAT_SECOND)
/* How many are needed: two, and one more for each so many hosts. */
#define ENDINGS       2u
#define ONE_MORE_EACH 8u
/* It is said that often. */
#define SAY_SPAN (3600 * SPINAT_SECOND)

static bool is_within(tick later, tick earlier, spinat_time span)
{
	return !tick_is_after(later, earlier + tick_span(span));
}

/* A remote that serves one peer serves the one that began last. */
struct single_watch single_watch(
    const struct single_rival *rival, struct moment esp, bool newest)
{
	const struct moment before = rival->before;

	return (struct single_watch){
	    .rival = rival->inside,
	    .began = rival->began,
	    .since = rival->since,
	    .on = true,
	    .newest = newest,
	    .lively = newest && esp.was &&
		is_within(rival->began, esp.at, LIVELY_SPAN),
	    /* If both fell silent together, the remote or the way to it did. */
	    .apart = !before.was ||
		!is_within(rival->began, before.at, SILENCE_SPAN),
	};
}

/* The remote told it something, after the rival began and as the last thing,
 * and at once it begins anew: what it was told was an end. */
static bool was_told(const struct single_watch *watch,
    const struct single_sight *sight, tick now)
{
	return sight->begins && sight->told.was &&
	    !tick_is_after(watch->began, sight->told.at) &&
	    is_within(sight->given.at, sight->told.at, LAST_SPAN) &&
	    is_within(now, watch->since, ANEW_SPAN);
}

/* Long enough to tell. */
static bool rival_was_served(
    const struct single_watch *watch, const struct single_sight *sight)
{
	return sight->rival.was &&
	    !is_within(sight->rival.at, watch->since, SILENCE_SPAN);
}

/* It went on sending without any answer, while the rival was served. */
static bool was_starved(
    const struct single_watch *watch, const struct single_sight *sight)
{
	return watch->lively && sight->certain && watch->apart &&
	    sight->sent.was &&
	    !is_within(sight->sent.at, sight->heard.at, SILENCE_SPAN) &&
	    rival_was_served(watch, sight);
}

bool single_is_silent(const struct single_watch *watch, struct moment heard)
{
	return watch->on &&
	    (!heard.was || is_within(heard.at, watch->since, GRACE_SPAN));
}

bool single_is_awaited(
    const struct single_watch *watch, struct moment heard, tick now)
{
	return watch->on &&
	    (is_within(now, watch->since, SILENCE_SPAN) ||
		(watch->lively && single_is_silent(watch, heard)));
}

enum single_verdict single_judge(const struct single_watch *watch,
    const struct single_sight *sight, tick now)
{
	if (!watch->on || !sight->heard.was)
		return SINGLE_OPEN;
	if (!is_within(sight->heard.at, watch->since, SILENCE_SPAN))
		return rival_was_served(watch, sight) ? SINGLE_SERVED
						      : SINGLE_OPEN;
	if (!watch->newest ||
	    !is_within(sight->heard.at, watch->since, GRACE_SPAN))
		return SINGLE_OPEN;
	return was_told(watch, sight, now) || was_starved(watch, sight)
	    ? SINGLE_ENDED
	    : SINGLE_OPEN;
}

void single_note(struct single *single, const struct single_watch *watch,
    be32 inside, unsigned hosts, tick now)
{
	/* What ends in the same moment is one coincidence. */
	if (single->endings != 0 &&
	    is_within(watch->since, single->counted, APART_SPAN))
		return;
	if (single->endings == 0 ||
	    (!single->recognised &&
		!is_within(now, single->first, RECALL_SPAN))) {
		single->endings = 0;
		single->first = now;
	}
	if (single->endings != UINT16_MAX)
		single->endings++;
	single->last = now;
	single->counted = watch->since;
	single->ended = inside;
	single->rival = watch->rival;
	if (single->endings >= ENDINGS + hosts / ONE_MORE_EACH)
		single->recognised = true;
}

bool single_may_say(const struct single *single, tick now)
{
	return !single->said.was || !is_within(now, single->said.at, SAY_SPAN);
}
