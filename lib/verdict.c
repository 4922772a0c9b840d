/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict.h"

#include "event.h"

static enum spinat_verdict end(struct spinat *engine, const struct view *view,
    enum spinat_verdict verdict, enum spinat_reason reason)
{
	view->packet->verdict = (uint8_t)verdict;
	view->packet->to = view->packet->side;
	view->packet->reason = (uint8_t)reason;
	engine->stats.verdicts[verdict]++;
	engine->stats.reasons[reason]++;
	return verdict;
}

enum spinat_verdict verdict_pass(
    struct spinat *engine, const struct view *view, enum spinat_reason reason)
{
	return end(engine, view, SPINAT_PASSED, reason);
}

enum spinat_verdict verdict_drop(
    struct spinat *engine, const struct view *view, enum spinat_reason reason)
{
	event_packet(engine, SPINAT_EVENT_DROPPED, view, reason, NULL);
	return end(engine, view, SPINAT_DROPPED, reason);
}

enum spinat_verdict verdict_malformed(
    struct spinat *engine, const struct view *view, enum spinat_reason reason)
{
	enum spinat_reason policy = SPINAT_REASON_NONE;

	if (view->ip == NULL)
		return verdict_drop(engine, view, reason);
	if (view->side == SPINAT_INSIDE)
		policy = engine_inside_policy(engine, view_source(view));
	else if (!engine_is_public(engine, view_destination(view), NULL))
		policy = SPINAT_REASON_NOT_FOR_US;
	else if (reason == SPINAT_REASON_ICMP_REFUSED)
		policy = reason;
	if (policy == SPINAT_REASON_NONE &&
	    engine_leaves_to_kernel(engine, view->protocol))
		policy = SPINAT_REASON_NOT_IPSEC;
	return policy == SPINAT_REASON_NONE
	    ? verdict_drop(engine, view, reason)
	    : verdict_pass(engine, view, policy);
}

enum spinat_verdict verdict_refuse(
    struct spinat *engine, const struct view *view, enum spinat_reason reason)
{
	event_packet(engine, SPINAT_EVENT_REFUSED, view, reason, NULL);
	return end(engine, view, SPINAT_DROPPED, reason);
}

enum spinat_verdict verdict_held(struct spinat *engine, const struct view *view)
{
	return end(engine, view, SPINAT_HELD, SPINAT_REASON_NONE);
}

enum spinat_verdict verdict_unknown(
    struct spinat *engine, const struct view *view, enum spinat_reason passed)
{
	return engine->config.deny_incoming
	    ? verdict_drop(engine, view, SPINAT_REASON_NO_FLOW_DENIED)
	    : verdict_pass(engine, view, passed);
}
