/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a packet ends.  Giving the verdict, counting it and telling of it are one
 * act: every path through the engine ends in exactly one of these calls.
 */
#ifndef SPINAT_VERDICT_H
#define SPINAT_VERDICT_H

#include "engine.h"

static inline enum spinat_verdict verdict_translated(
    struct spinat *engine, const struct view *view, enum spinat_side to)
{
	view->packet->verdict = SPINAT_TRANSLATED;
	view->packet->to = (uint8_t)to;
	view->packet->reason = SPINAT_REASON_NONE;
	engine->stats.verdicts[SPINAT_TRANSLATED]++;
	return SPINAT_TRANSLATED;
}

/** Left unchanged to the gateway. */
enum spinat_verdict verdict_pass(
    struct spinat *engine, const struct view *view, enum spinat_reason reason);
enum spinat_verdict verdict_drop(
    struct spinat *engine, const struct view *view, enum spinat_reason reason);
/** What parsing refused: dropped, unless it is none of our business. */
enum spinat_verdict verdict_malformed(
    struct spinat *engine, const struct view *view, enum spinat_reason reason);
/** Dropped because a new flow could not be had. */
enum spinat_verdict verdict_refuse(
    struct spinat *engine, const struct view *view, enum spinat_reason reason);
/** A copy was taken. */
enum spinat_verdict verdict_held(
    struct spinat *engine, const struct view *view);
/** Nothing known: to the gateway, or dropped under deny_incoming. */
enum spinat_verdict verdict_unknown(
    struct spinat *engine, const struct view *view, enum spinat_reason passed);

#endif
