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
#include "proto/copies.h"
#include "proto/proto.h"
#include "proto/session.h"
#include "verdict.h"

/* Timers to touch between two bursts at most: what is due is spread out. */
#define TIMERS_A_BURST 64u

/* A counter is asked for so many packets before its own: asked for with their
 * records, those of a burst are more lines than a core can wait for. */
#define AHEAD 16

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
		if (engine->config.mode != SPINAT_MODE_IPSEC_ONLY) {
			look_up_session(engine, view);
			break;
		}
		if (!ike_takes(engine, view)) {
			pass_to_kernel(engine, view);
			return false;
		}
		index_prefetch(&engine->ikes.index, view->hash);
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

static inline void prefetch_record(
    const struct spinat *engine, const struct view *view)
{
	__builtin_prefetch(&engine->table.flows[view->guess], 1);
}

static inline void prefetch_counter(
    const struct spinat *engine, const struct view *view)
{
	__builtin_prefetch(&engine->table.counters[view->side][view->guess], 1);
}

/* The flow it is most likely about: prefetches its record.  False: it is not
 * in its first bucket; the other one is asked for. */
static inline bool guess_flow(
    const struct spinat *engine, struct view *view, const struct index *index)
{
	const uint32_t bucket = index_bucket(index, view->hash);

	if (UNLIKELY(
		!index_guess_in(index, bucket, view->hash, &view->guess))) {
		index_prefetch_other(index, view->hash);
		return false;
	}
	prefetch_record(engine, view);
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
		prefetch_record(engine, view);
	}
}

static void guess_other(struct spinat *engine, struct view *view)
{
	const uint8_t *sa;

	view->guess = 0;
	switch (view->kind) {
	case VIEW_ESP:
		guess_flow(
		    engine, view, flow_table_index(&engine->table, &view->key));
		break;
	case VIEW_IKE:
		sa = (const uint8_t *)&engine->ikes
			 .sas[index_guess(&engine->ikes.index, view->hash)];
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

	copies_none(engine);
	fragment_first_done(engine, datagram, view, work(engine, view));
}

/* The first pass.  Returns where the views of those end that have no verdict
 * yet. */
static struct view *parse_all(
    struct spinat *engine, struct spinat_packet *packets, size_t count)
{
	/* Most packets are sessions: their way is in line. */
	const uint8_t plain = engine->config.mode == SPINAT_MODE_IPSEC_ONLY
	    ? VIEW_KINDS
	    : VIEW_SESSION;
	/* Added up here: each packet would wait for the one before it, to read
	 * the sum that it has just written. */
	uint64_t packets_from[2] = {0}, bytes_from[2] = {0};
	struct view *view = engine->views;

	for (size_t i = 0; i < count; i++) {
		struct spinat_packet *packet = &packets[i];
		const unsigned side = packet->side != SPINAT_INSIDE;
		enum spinat_reason reason;

		packets_from[side]++;
		bytes_from[side] += packet->length;
		reason = parse_packet(view, packet);
		if (UNLIKELY(reason != SPINAT_REASON_NONE)) {
			verdict_malformed(engine, view, reason);
		} else if (LIKELY(view->kind == plain)) {
			look_up_session(engine, view);
			view++;
		} else {
			view += classify(engine, view);
		}
	}
	for (int side = 0; side < 2; side++) {
		engine->stats.packets[side] += packets_from[side];
		engine->stats.bytes[side] += bytes_from[side];
	}
	return view;
}

/* The second. */
static void guess_all(struct spinat *engine, const struct view *end)
{
	const struct index index = engine->table.index;
	struct view *const views = engine->views;
	uint8_t again[BURST];
	size_t missed = 0;

	for (struct view *view = views; view < end; view++) {
		if (UNLIKELY(view->kind != VIEW_SESSION))
			guess_other(engine, view);
		else if (UNLIKELY(!guess_flow(engine, view, &index)))
			again[missed++] = (uint8_t)(view - views);
		if (view < views + AHEAD)
			prefetch_counter(engine, view);
	}
	guess_again(engine, again, missed);
}

/* The third. */
static void work_all(struct spinat *engine, const struct view *end)
{
	for (struct view *view = engine->views; view < end; view++) {
		if (end - view > AHEAD)
			prefetch_counter(engine, view + AHEAD);
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
	if (!timers_next(engine, &next) || tick_is_after(next, engine->tick))
		engine->timers_done = engine->tick;
}

void spinat_translate(struct spinat *engine, spinat_time now,
    struct spinat_packet *packets, size_t count)
{
	core_set_now(engine, now);
	for (size_t done = 0; done < count; done += BURST) {
		const size_t some = count - done < BURST ? count - done : BURST;
		const struct view *end;

		run_due_timers(engine);
		end = parse_all(engine, packets + done, some);
		guess_all(engine, end);
		work_all(engine, end);
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
