/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Later fragments share the fate of their first, in whatever order they come.
 */
#include "event.h"
#include "packet/rewrite.h"
#include "proto/copies.h"
#include "proto/proto.h"
#include "verdict.h"

static tick expiry(const struct spinat *engine)
{
	return engine->tick + engine->timeouts[SPINAT_TIMEOUT_FRAGMENT];
}

/* The same is done to it as to the first; in a hairpin the copies, too, are of
 * what was translated outward. */
static void follow_first(struct spinat *engine, uint8_t *ip, size_t length,
    const struct fragment_fate *fate)
{
	if (fate->verdict == SPINAT_TRANSLATED) {
		rewrite_addresses(ip, fate->source, fate->destination);
		rewrite_identity(ip, fate->id);
	}
	copies_send_fragment(engine, ip, length, &fate->copies);
}

static enum spinat_verdict share_fate(struct spinat *engine,
    const struct view *view, const struct fragment_fate *fate)
{
	follow_first(engine, view->ip, view->ip_length, fate);
	switch (fate->verdict) {
	case SPINAT_TRANSLATED:
		return verdict_translated(engine, view, fate->to);
	case SPINAT_PASSED:
		return verdict_pass(engine, view, fate->reason);
	default:
		return verdict_drop(engine, view, fate->reason);
	}
}

/* What is none of our business without knowing its first. */
static enum spinat_reason none_of_ours(
    const struct spinat *engine, const struct view *view)
{
	if (engine_leaves_to_kernel(engine, view->protocol))
		return SPINAT_REASON_NOT_IPSEC;
	if (view->side == SPINAT_INSIDE)
		return engine_inside_policy(engine, view_source(view));
	return engine_is_public(engine, view_destination(view), NULL)
	    ? SPINAT_REASON_NONE
	    : SPINAT_REASON_NOT_FOR_US;
}

enum spinat_verdict fragment_packet(struct spinat *engine, struct view *view)
{
	const enum spinat_reason passed = none_of_ours(engine, view);
	struct datagram *datagram;
	uint32_t number;

	if (passed != SPINAT_REASON_NONE)
		return verdict_pass(engine, view, passed);
	number = fragment_datagram(&engine->fragments, view, expiry(engine));
	if (number == 0)
		return verdict_drop(
		    engine, view, SPINAT_REASON_FRAGMENT_MEMORY);
	datagram = &engine->fragments.datagrams[number];
	if (datagram->fate.verdict != SPINAT_HELD)
		return share_fate(engine, view, &datagram->fate);
	if (!fragment_hold(
		&engine->fragments, number, view->ip, view->ip_length))
		return verdict_drop(
		    engine, view, SPINAT_REASON_FRAGMENT_MEMORY);
	return verdict_held(engine, view);
}

/* Sends on what waited: translated ones only; a passed datagram is the
 * gateway's, and what was dropped is gone. */
static void release(struct spinat *engine, uint32_t number)
{
	const struct fragment_fate *fate =
	    &engine->fragments.datagrams[number].fate;
	uint32_t length;

	while ((length = fragment_take(&engine->fragments, number)) != 0) {
		uint8_t *packet = engine->fragments.whole;
		follow_first(engine, packet, length, fate);
		if (fate->verdict == SPINAT_TRANSLATED) {
			engine_emit(engine, fate->to, packet, length);
		} else {
			event_held(engine,
			    &engine->fragments.datagrams[number].key, length,
			    fate->reason);
			engine->stats.reasons[fate->reason]++;
		}
	}
}

uint32_t fragment_first_seen(struct spinat *engine, const struct view *view)
{
	const uint32_t number =
	    fragment_datagram(&engine->fragments, view, expiry(engine));
	const struct fragment_fate *fate =
	    &engine->fragments.datagrams[number].fate;

	if (number != 0 && fate->verdict == SPINAT_TRANSLATED)
		engine->identity = fate->id;
	return number;
}

void fragment_first_done(struct spinat *engine, uint32_t number,
    const struct view *view, enum spinat_verdict verdict)
{
	engine->identity = (be16){0};
	if (number == 0)
		return; /* the later ones find no room either: dropped */
	engine->fragments.datagrams[number].fate = (struct fragment_fate){
	    .verdict = (uint8_t)verdict,
	    .to = view->packet->to,
	    .reason = view->packet->reason,
	    .id = load_be16(view->ip + IP4_ID),
	    .source = load_be32(view->ip + IP4_SOURCE),
	    .destination = load_be32(view->ip + IP4_DESTINATION),
	    .copies = engine->copies,
	};
	release(engine, number);
}
