/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a packet.
 *
 *   parse -> classify -> hash, prefetch its bucket     for all of a burst
 *         -> guess its record, prefetch it             for all of a burst
 *         -> proto/: find or open, translate, rewrite  one after the other
 *         -> later fragments follow their first
 *
 * By the time a packet is worked on, the lines it needs have arrived.  A packet
 * of a burst may open the flow that the next one uses: what was guessed is
 * only a guess, and looked at anew.
 */
#include "core.h"

#include "timers.h"
#include "packet/parse.h"
#include "proto/proto.h"
#include "proto/session.h"
#include "verdict.h"

/* Timers to touch between two bursts at most: what is due is spread out. */
#define TIMERS_A_BURST 64u

/* Mode ipsec-only: the kernel's, and the later fragments with it. */
static SLOW_PATH void pass_to_kernel(struct spinat *engine, struct view *view)
{
	const enum spinat_verdict verdict =
	    verdict_pass(engine, view, SPINAT_REASON_NOT_IPSEC);

	if (view->first_fragment)
		fragment_first_done(
		    engine, fragment_first_seen(engine, view), view, verdict);
}

static inline void look_up_session(struct spinat *engine, struct view *view)
{
	view->hash = key_hash(&engine->table.seed, &view->key);
	index_prefetch(&engine->table.index, view->hash);
}

/* Which table anything but a session is looked up in, and where there:
 * prefetches it.  False: it has its verdict. */
static bool classify(struct spinat *engine, struct view *view)
{
	bool valid;

	switch (view->kind) {
	case VIEW_IKE:
		view->hash = ike_hash(engine, view, &valid);
		if (LIKELY(valid)) {
			index_prefetch(&engine->ikes.index, view->hash);
			break;
		}
		/* What is no IKE may have our end's port 500 all the same;
		 * between two ports 500 it is malformed. */
		if (be16_equal(
			view->key.ids.port.remote, be16_from_host(IKE_PORT)))
			break;
		view->kind = VIEW_SESSION;
		__attribute__((fallthrough));
	case VIEW_SESSION:
		if (engine->config.mode == SPINAT_MODE_IPSEC_ONLY) {
			pass_to_kernel(engine, view);
			return false;
		}
		look_up_session(engine, view);
		break;
	case VIEW_ESP:
		view->hash = key_hash(&engine->table.seed, &view->key);
		index_prefetch(
		    flow_table_index(&engine->table, &view->key), view->hash);
		break;
	default:
		break;
	}
	return true;
}

static inline void prefetch_flow(
    const struct spinat *engine, const struct view *view)
{
	__builtin_prefetch(&engine->table.flows[view->guess], 1);
	__builtin_prefetch(&engine->table.counters[view->side][view->guess], 1);
}

/* The flow it is most likely about: prefetches it and its counter.  False: it
 * is not in its first bucket; the other one is asked for. */
static inline bool guess_flow(
    struct spinat *engine, struct view *view, const struct index *index)
{
	view->guess = index_guess(index, view->hash);
	if (UNLIKELY(view->guess == 0)) {
		index_prefetch_other(index, view->hash);
		return false;
	}
	prefetch_flow(engine, view);
	return true;
}

/* The few that are in their other bucket, which has arrived meanwhile. */
static void guess_again(
    struct spinat *engine, const uint8_t *again, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct view *view = &engine->views[again[i]];

		view->guess =
		    index_guess_other(&engine->table.index, view->hash);
		if (view->guess != 0)
			prefetch_flow(engine, view);
	}
}

static void guess_other(struct spinat *engine, struct view *view)
{
	const uint8_t *sa;

	switch (view->kind) {
	case VIEW_ESP:
		guess_flow(
		    engine, view, flow_table_index(&engine->table, &view->key));
		break;
	case VIEW_IKE:
		view->guess = index_guess(&engine->ikes.index, view->hash);
		sa = (const uint8_t *)&engine->ikes.sas[view->guess];
		__builtin_prefetch(sa, 1);
		__builtin_prefetch(sa + CACHE_LINE, 1);
		break;
	default:
		break;
	}
}

static enum spinat_verdict work(struct spinat *engine, struct view *view)
{
	switch (view->kind) {
	case VIEW_SESSION:
		return session_packet(engine, view);
	case VIEW_ESP:
		return esp_packet(engine, view);
	case VIEW_IKE:
		return ike_packet(engine, view);
	case VIEW_AH:
		return ah_packet(engine, view);
	case VIEW_ICMP_ERROR:
		return icmp_error_packet(engine, view);
	default:
		return fragment_packet(engine, view);
	}
}

/* The datagram is known by the addresses that the packet came with. */
static SLOW_PATH void work_on_first(struct spinat *engine, struct view *view)
{
	const uint32_t datagram = fragment_first_seen(engine, view);

	fragment_first_done(engine, datagram, view, work(engine, view));
}

static void burst(
    struct spinat *engine, struct spinat_packet *packets, size_t count)
{
	/* Most packets are sessions, and known: their way is in line. */
	const uint8_t plain = engine->config.mode == SPINAT_MODE_IPSEC_ONLY
	    ? VIEW_KINDS
	    : VIEW_SESSION;
	struct view *views = engine->views;
	uint8_t again[BURST];
	size_t left = 0, missed = 0;

	for (size_t i = 0; i < count; i++) {
		struct view *view = &views[left];
		const unsigned side = packets[i].side != SPINAT_INSIDE;
		enum spinat_reason reason;

		engine->stats.packets[side]++;
		engine->stats.bytes[side] += packets[i].length;
		reason = parse_packet(view, &packets[i]);
		if (UNLIKELY(reason != SPINAT_REASON_NONE)) {
			verdict_malformed(engine, view, reason);
		} else if (LIKELY(view->kind == plain)) {
			look_up_session(engine, view);
			left++;
		} else {
			left += classify(engine, view);
		}
	}
	for (size_t i = 0; i < left; i++) {
		if (UNLIKELY(views[i].kind != VIEW_SESSION))
			guess_other(engine, &views[i]);
		else if (UNLIKELY(!guess_flow(
			     engine, &views[i], &engine->table.index)))
			again[missed++] = (uint8_t)i;
	}
	guess_again(engine, again, missed);
	for (size_t i = 0; i < left; i++) {
		struct view *view = &views[i];

		if (LIKELY(
			view_is_plain(view) && session_is_known(engine, view)))
			session_follow(engine, view, view->guess, view->side);
		else if (view->first_fragment)
			work_on_first(engine, view);
		else
			work(engine, view);
	}
}

void core_set_now(struct spinat *engine, spinat_time now)
{
	if (now <= engine->now)
		return;
	engine->now = now;
	engine->tick = tick_of(now);
}

/* Between bursts: a few of the timers that are due, and nothing while the tick
 * is one that was finished with. */
static void run_due_timers(struct spinat *engine)
{
	tick next;

	if (LIKELY(engine->tick == engine->timers_done))
		return;
	timers_run(engine, TIMERS_A_BURST);
	if (!timers_next(engine, &next) || (int32_t)(next - engine->tick) > 0)
		engine->timers_done = engine->tick;
}

void spinat_translate(struct spinat *engine, spinat_time now,
    struct spinat_packet *packets, size_t count)
{
	core_set_now(engine, now);
	for (size_t done = 0; done < count; done += BURST) {
		const size_t some = count - done < BURST ? count - done : BURST;
		run_due_timers(engine);
		burst(engine, packets + done, some);
	}
}

spinat_time spinat_run_timers(struct spinat *engine, spinat_time now)
{
	spinat_time when;
	tick next;

	core_set_now(engine, now);
	timers_run(engine, 1024);
	if (!timers_next(engine, &next))
		return SPINAT_NEVER;
	when = tick_to_time(next, engine->now);
	return when > now ? when : now + 1;
}
