/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/memo.h"

#include "core.h"
#include "ipsec/claims.h"
#include "ipsec/ike_port.h"
#include "lifetime.h"

/* Flows and IKE SAs are numbered each for themselves: an id has a bit for it.
 * (There are at most 2^26 of either.) */
#define ID_OF_IKE UINT32_C(0x80000000)
/* Records that one step of the walk looks at, but for the rest of the last
 * association. */
#define WALK_STEP 64u

void memos_init(struct memos *memos, struct arena *arena, uint32_t max_flows,
    uint32_t max_ike, tick now)
{
	memset(memos, 0, sizeof *memos);
	marks_init(&memos->flows, arena, max_flows);
	marks_init(&memos->ikes, arena, max_ike);
	memos->walked = now;
}

void memo_flow_changed(struct spinat *engine, uint32_t number)
{
	marks_set(&engine->memos.flows, number);
}

void memo_ike_changed(struct spinat *engine, uint32_t number)
{
	marks_set(&engine->memos.ikes, number);
}

bool memo_is_settling(const struct spinat *engine)
{
	return engine->memos.has_restored &&
	    engine->tick - engine->memos.restored < tick_span(MEMO_SETTLE);
}

/* ------------------------------------------------------- writing it down */

static spinat_time span_since(const struct spinat *engine, tick when)
{
	const int32_t ticks = (int32_t)(engine->tick - when);

	return ticks < 0 ? 0 : (spinat_time)ticks << TICK_SHIFT;
}

static enum spinat_memo_state state_of_flow(enum flow_state state)
{
	switch (state) {
	case FLOW_UNPAIRED:
		return SPINAT_MEMO_UNPAIRED;
	case FLOW_PROBATION:
		return SPINAT_MEMO_BOUND;
	case FLOW_CONFIRMED:
		return SPINAT_MEMO_CONFIRMED;
	case FLOW_SHARED:
		return SPINAT_MEMO_SHARED;
	default:
		return SPINAT_MEMO_PAIRED;
	}
}

static enum spinat_memo_state state_of_ike(enum ike_state state)
{
	switch (state) {
	case IKE_UNANSWERED:
		return SPINAT_MEMO_UNANSWERED;
	case IKE_HALF_OPEN:
		return SPINAT_MEMO_HALF_OPEN;
	default:
		return SPINAT_MEMO_ESTABLISHED;
	}
}

/* Beside the holder. */
static void describe_owners(
    const struct spinat *engine, const struct flow *flow, spinat_be32 *owners)
{
	const struct bindings *bindings = &engine->bindings;
	unsigned count = 0;

	for (uint32_t c = bindings->bindings[flow->binding].claims;
	     c != 0 && count < SPINAT_MEMO_OWNERS; c = bindings->claims[c].next)
		if (bindings->claims[c].owner &&
		    bindings->claims[c].peer != flow->peer &&
		    claims_is_valid(engine, &bindings->bindings[flow->binding],
			&bindings->claims[c]))
			owners[count++] = bindings->claims[c].inside;
}

void memo_of_flow(
    const struct spinat *engine, uint32_t number, struct spinat_memo *memo)
{
	const struct flow_table *table = &engine->table;
	const struct flow *flow = &table->flows[number];
	const struct flow_side *in = &flow->side[SPINAT_INSIDE];

	*memo = (struct spinat_memo){.id = number};
	if (!flow_is_live(flow) || flow_kind(flow) == SPINAT_FLOW_SESSION) {
		memo->gone = true;
		return;
	}
	memo->kind = flow_kind(flow) == SPINAT_FLOW_ESP_IN
	    ? SPINAT_MEMO_ESP_IN
	    : SPINAT_MEMO_ESP_OUT;
	memo->state = (uint8_t)state_of_flow(flow->state);
	memo->inside = in->local;
	memo->public_address = flow->side[SPINAT_OUTSIDE].local;
	memo->remote = in->remote;
	memo->hairpin = engine_is_public(engine, memo->remote, NULL);
	memo->spi = in->ids.spi;
	memo->highest_sequence = flow->highest_sequence;
	if (flow->state == FLOW_SHARED)
		describe_owners(engine, flow, memo->owners);
	/* The others are gone by now. */
	if (flow->state == FLOW_SHARED && be32_is_zero(memo->owners[0]))
		memo->state = SPINAT_MEMO_CONFIRMED;
	memo->age = span_since(engine, flow->created);
	for (int side = 0; side < 2; side++) {
		const struct flow_counter *counter =
		    &table->counters[side][number];
		tick last;
		memo->packets[side] = flow_counter_packets(counter);
		memo->bytes[side] = flow_counter_bytes(counter);
		memo->idle[side] =
		    flow_table_last(table, number, (enum spinat_side)side,
			engine->tick, &last)
		    ? span_since(engine, last)
		    : SPINAT_NEVER;
		/* A fast path's clock may be a tick behind ours. */
		if (memo->idle[side] == memo->age + (1 << TICK_SHIFT))
			memo->idle[side] = memo->age;
	}
}

static void describe_ike(
    const struct spinat *engine, uint32_t number, struct spinat_memo *memo)
{
	const struct ike_sa *sa = &engine->ikes.sas[number];

	*memo = (struct spinat_memo){.id = ID_OF_IKE | number};
	if (!sa->live) {
		memo->gone = true;
		return;
	}
	memo->kind = SPINAT_MEMO_IKE;
	memo->state = (uint8_t)state_of_ike(sa->state);
	memo->inside = sa->inside;
	memo->public_address = sa->public_address;
	memo->remote = sa->remote;
	memo->hairpin = engine_is_public(engine, memo->remote, NULL);
	memcpy(memo->initiator_spi, sa->initiator, 8);
	memcpy(memo->responder_spi, sa->responder, 8);
	memo->version = sa->version;
	memo->protected_from = sa->protected_from;
	memo->inside_initiated = sa->inside_initiated;
	memo->floated = sa->floated;
	memo->public_port = ike_port_of(engine, sa);
	memo->age = span_since(engine, sa->created);
	for (int side = 0; side < 2; side++) {
		memo->packets[side] = sa->packets[side];
		memo->idle[side] = sa->packets[side] == 0
		    ? SPINAT_NEVER
		    : span_since(engine, sa->last[side]);
	}
}

/* ------------------------------------------------------------ the walk */

static bool is_since(tick when, tick since)
{
	return !tick_is_after(since, when);
}

/* Marks what was active of an association; the number of records. */
static unsigned look_at(struct spinat *engine, uint32_t number)
{
	const struct memos *memos = &engine->memos;
	const struct peer *peer = &engine->peers.peers[number];
	unsigned records = 1;

	if (!peer->live)
		return records;
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		records++;
		if (memos->walk_all ||
		    is_since(
			flow_table_last_any(&engine->table, f, engine->tick),
			memos->since))
			memo_flow_changed(engine, f);
	}
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		records++;
		if (memos->walk_all ||
		    is_since(sa->last[SPINAT_INSIDE], memos->since) ||
		    is_since(sa->last[SPINAT_OUTSIDE], memos->since))
			memo_ike_changed(engine, i);
	}
	return records;
}

static void begin_walk(struct spinat *engine, bool all)
{
	struct memos *memos = &engine->memos;

	memos->walk = 1;
	memos->walk_all = all;
	memos->since = memos->walked;
	memos->walked = engine->tick;
}

static void walk_on(struct spinat *engine)
{
	struct memos *memos = &engine->memos;

	for (unsigned looked = 0; looked < WALK_STEP;) {
		if (memos->walk > engine->peers.highest) {
			memos->walk = 0;
			return;
		}
		looked += look_at(engine, memos->walk++);
	}
}

enum spinat_walk spinat_next_change(
    struct spinat *engine, spinat_time now, struct spinat_memo *memo)
{
	struct memos *memos = &engine->memos;
	uint32_t number;

	core_set_now(engine, now);
	if (memos->walk == 0 &&
	    engine->tick - memos->walked >= tick_span(MEMO_REFRESH))
		begin_walk(engine, false);
	if (memos->walk != 0 && memos->flows.count + memos->ikes.count == 0)
		walk_on(engine);
	/* IKE first: who may own an SPI follows from it. */
	number = marks_take(&memos->ikes);
	if (number != 0) {
		describe_ike(engine, number, memo);
		return SPINAT_WALK_FOUND;
	}
	number = marks_take(&memos->flows);
	if (number != 0) {
		memo_of_flow(engine, number, memo);
		return SPINAT_WALK_FOUND;
	}
	return memos->walk != 0 ? SPINAT_WALK_ON : SPINAT_WALK_END;
}

void spinat_change_all(struct spinat *engine)
{
	begin_walk(engine, true);
}
