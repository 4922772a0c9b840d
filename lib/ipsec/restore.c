/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a record again from what was written down of it.
 *
 * A memo comes from a file: every value is checked before it is used, and the
 * checks know what a record can be at all (a state that its counters belie is
 * as wrong as one that does not exist).
 */
#include <errno.h>

#include "ipsec/restore.h"

#include "core.h"
#include "ipsec/association.h"
#include "ipsec/claims.h"
#include "ipsec/confirm.h"
#include "ipsec/half_open.h"
#include "ipsec/ike_port.h"
#include "ipsec/rivals.h"
#include "ipsec/spi.h"
#include "lifetime.h"
#include "timers.h"

/* Older than this is as old as this: ticks are told apart over 9 years, stamps
 * over 26 days, and nothing waits longer than SPINAT_TIMEOUT_MAX. */
#define AGE_MAX  (365 * 24 * 3600 * SPINAT_SECOND)
#define IDLE_MAX (SPINAT_TIMEOUT_MAX + 24 * 3600 * SPINAT_SECOND)

#define PACKETS_MAX ((UINT64_C(1) << (64 - TICK_STAMP_BITS)) - 1)
#define BYTES_MAX   (PACKETS_MAX * UINT16_MAX)

static tick tick_before(
    const struct spinat *engine, spinat_time span, spinat_time longest)
{
	return engine->tick -
	    (tick)((span < longest ? span : longest) >> TICK_SHIFT);
}

static tick created_at(
    const struct spinat *engine, const struct spinat_memo *memo)
{
	return tick_before(engine, memo->age, AGE_MAX);
}

/* The last packet of a side; of one that is yet to speak: when it was made. */
static tick last_of(const struct spinat *engine, const struct spinat_memo *memo,
    enum spinat_side side)
{
	return memo->packets[side] == 0
	    ? created_at(engine, memo)
	    : tick_before(engine, memo->idle[side], IDLE_MAX);
}

/* -------------------------------------------------------------- checking */

static bool sides_are_possible(const struct spinat_memo *memo)
{
	for (int side = 0; side < 2; side++) {
		const bool spoke = memo->packets[side] != 0;
		if (spoke != (memo->idle[side] != SPINAT_NEVER) ||
		    (!spoke && memo->bytes[side] != 0) ||
		    memo->packets[side] > PACKETS_MAX ||
		    memo->bytes[side] > BYTES_MAX)
			return false;
		if (spoke &&
		    (memo->idle[side] < 0 || memo->idle[side] > memo->age))
			return false;
	}
	return memo->age >= 0 && memo->age != SPINAT_NEVER;
}

/* Other hosts than the holder, each once, and none after them. */
static bool owners_are_possible(const struct spinat_memo *memo)
{
	const spinat_be32 *owners = memo->owners;
	unsigned count = 0;

	while (count < SPINAT_MEMO_OWNERS && !be32_is_zero(owners[count]))
		count++;
	for (unsigned i = 0; i < SPINAT_MEMO_OWNERS; i++) {
		if (i >= count && !be32_is_zero(owners[i]))
			return false;
		for (unsigned j = 0; i < count && j < i; j++)
			if (be32_equal(owners[i], owners[j]))
				return false;
		if (be32_equal(owners[i], memo->inside))
			return false;
	}
	return (count != 0) == (memo->state == SPINAT_MEMO_SHARED);
}

static bool esp_is_possible(const struct spinat_memo *memo)
{
	const bool inward = memo->kind == SPINAT_MEMO_ESP_IN;

	return memo->public_port.raw == 0 &&
	    be32_to_host(memo->spi) > ESP_SPI_RESERVED &&
	    (inward ? memo->state == SPINAT_MEMO_BOUND ||
			memo->state == SPINAT_MEMO_CONFIRMED ||
			memo->state == SPINAT_MEMO_SHARED
		    : memo->state == SPINAT_MEMO_UNPAIRED ||
			memo->state == SPINAT_MEMO_PAIRED) &&
	    memo->packets[inward ? SPINAT_INSIDE : SPINAT_OUTSIDE] == 0;
}

static bool ike_is_possible(const struct spinat_memo *memo)
{
	const bool both = memo->packets[SPINAT_INSIDE] != 0 &&
	    memo->packets[SPINAT_OUTSIDE] != 0;

	if (memo->public_port.raw == 0 ||
	    (memo->version != 1 && memo->version != 2) ||
	    memo->protected_from > 3 || ike_spi_is_zero(memo->initiator_spi) ||
	    memo->packets[0] > UINT32_MAX || memo->packets[1] > UINT32_MAX)
		return false;
	switch (memo->state) {
	case SPINAT_MEMO_UNANSWERED:
		return !both && memo->protected_from != 3;
	case SPINAT_MEMO_HALF_OPEN:
		return both && memo->protected_from != 3;
	case SPINAT_MEMO_ESTABLISHED:
		return both && memo->protected_from == 3;
	default:
		return false;
	}
}

/* An inside host that is translated, or a rule's, or the gateway itself. */
static bool host_is_possible(
    const struct spinat *engine, const struct spinat_memo *memo)
{
	return be32_equal(memo->inside, memo->public_address) ||
	    engine_inside_policy(engine, memo->inside) == SPINAT_REASON_NONE ||
	    redirect_is_ipsec_host(&engine->redirects, memo->inside,
		memo->public_address, memo->remote);
}

static int check(const struct spinat *engine, const struct spinat_memo *memo)
{
	const bool own = be32_equal(memo->inside, memo->public_address);

	if (memo->gone || memo->kind >= SPINAT_MEMO_KINDS ||
	    be32_is_zero(memo->inside) || be32_is_zero(memo->public_address) ||
	    be32_is_zero(memo->remote) ||
	    be32_equal(memo->inside, memo->remote) || (own && memo->hairpin) ||
	    !sides_are_possible(memo) || !owners_are_possible(memo))
		return -EINVAL;
	if (memo->kind == SPINAT_MEMO_IKE ? !ike_is_possible(memo)
					  : !esp_is_possible(memo))
		return -EINVAL;
	if (!engine_is_public(engine, memo->public_address, NULL) ||
	    engine_is_public(engine, memo->remote, NULL) != memo->hairpin)
		return -EADDRNOTAVAIL;
	return host_is_possible(engine, memo) ? 0 : -EADDRNOTAVAIL;
}

static enum spinat_timeout timeout_of(const struct spinat_memo *memo)
{
	switch (memo->state) {
	case SPINAT_MEMO_UNANSWERED:
		return SPINAT_TIMEOUT_IKE_UNANSWERED;
	case SPINAT_MEMO_HALF_OPEN:
		return SPINAT_TIMEOUT_IKE_HALF_OPEN;
	case SPINAT_MEMO_ESTABLISHED:
		return SPINAT_TIMEOUT_IKE;
	case SPINAT_MEMO_UNPAIRED:
		return SPINAT_TIMEOUT_ESP_UNPAIRED;
	default:
		return SPINAT_TIMEOUT_ESP;
	}
}

/* What lifetime.c would say of it, but before it is there. */
static bool is_over(const struct spinat *engine, const struct spinat_memo *memo)
{
	const enum spinat_timeout timeout = timeout_of(memo);
	tick last = tick_later(last_of(engine, memo, SPINAT_INSIDE),
	    last_of(engine, memo, SPINAT_OUTSIDE));

	if (timeout == SPINAT_TIMEOUT_IKE || timeout == SPINAT_TIMEOUT_ESP) {
		const uint32_t peer = peer_find(&engine->peers, memo->inside,
		    memo->public_address, memo->remote);
		if (peer != 0)
			last = tick_later(
			    last, lifetime_peer_activity(engine, peer));
	}
	return !tick_is_after(last + engine->timeouts[timeout], engine->tick);
}

/* ---------------------------------------------------------------- making */

/* An owner of a shared SPI is there now, after the SPI itself. */
static void find_claims(struct spinat *engine, uint32_t number)
{
	const struct peer *peers = engine->peers.peers;
	const struct flow *flows = engine->table.flows;

	for (uint32_t p = remote_of(engine, number)->peers;
	     p != 0 && engine->memos.awaited != 0; p = peers[p].next)
		for (uint32_t f = peers[p].flows; f != 0;
		     f = flows[f].group_next) {
			const uint32_t claim = flows[f].state != FLOW_SHARED
			    ? 0
			    : binding_claim(&engine->bindings, flows[f].binding,
				  peers[number].inside);
			if (claim == 0 || claim_at(engine, claim)->peer != 0)
				continue;
			claim_at(engine, claim)->peer = number;
			engine->memos.awaited--;
		}
}

static uint32_t open_peer(struct spinat *engine, const struct spinat_memo *memo)
{
	const tick created = created_at(engine, memo);
	const uint32_t number = peer_open(&engine->peers, memo->inside,
	    memo->public_address, memo->remote, created);
	struct peer *peer = &engine->peers.peers[number];

	if (number == 0)
		return 0;
	/* As old as the oldest of what belongs to it. */
	if (tick_is_after(peer->created, created))
		peer->created = created;
	/* Rules are the configuration's, not the journal's. */
	if (redirect_is_ipsec_host(&engine->redirects, memo->inside,
		memo->public_address, memo->remote))
		peer->redirected = 1;
	find_claims(engine, number);
	rivals_placed(engine, number);
	return number;
}

static void fill_flow(const struct spinat *engine,
    const struct spinat_memo *memo, struct flow *flow)
{
	static const uint8_t states[] = {
	    [SPINAT_MEMO_UNPAIRED] = FLOW_UNPAIRED,
	    [SPINAT_MEMO_PAIRED] = FLOW_PAIRED,
	    [SPINAT_MEMO_BOUND] = FLOW_PROBATION,
	    [SPINAT_MEMO_CONFIRMED] = FLOW_CONFIRMED,
	    [SPINAT_MEMO_SHARED] = FLOW_SHARED,
	};
	const bool inward = memo->kind == SPINAT_MEMO_ESP_IN;

	spi_fill(flow, inward ? SPINAT_FLOW_ESP_IN : SPINAT_FLOW_ESP_OUT,
	    memo->inside, memo->public_address, memo->remote, memo->spi);
	if (memo->hairpin && !inward)
		flow->flags |= FLOW_HAIRPIN;
	flow->state = states[memo->state];
	/* Better its holder alone than nobody. */
	if (flow->state == FLOW_SHARED &&
	    !bindings_have_room(&engine->bindings))
		flow->state = FLOW_CONFIRMED;
	flow->highest_sequence = memo->highest_sequence;
	flow->created = created_at(engine, memo);
}

static void fill_counters(
    struct spinat *engine, const struct spinat_memo *memo, uint32_t number)
{
	for (int side = 0; side < 2; side++) {
		const tick last = last_of(engine, memo, (enum spinat_side)side);
		struct flow_counter *counter =
		    &engine->table.counters[side][number];
		if (memo->packets[side] == 0)
			continue;
		counter->passed_bytes = memo->bytes[side];
		counter->packets_stamp = memo->packets[side]
			<< TICK_STAMP_BITS |
		    (last & TICK_STAMP_MASK);
	}
}

/* An outbound SPI is told from others by its inside host, an inbound one by
 * the public address. */
static bool flow_is_there(const struct spinat *engine, const struct flow *flow)
{
	const struct key key = flow_key(flow, flow->origin);

	return flow_table_find(&engine->table, &key,
		   key_hash(&engine->table.seed, &key)) != 0;
}

static void claim_for(
    struct spinat *engine, const struct flow *flow, be32 inside)
{
	const uint32_t peer = peer_find(&engine->peers, inside,
	    flow->side[SPINAT_OUTSIDE].local, flow->side[SPINAT_INSIDE].remote);
	const uint32_t claim =
	    binding_add_claim(&engine->bindings, flow->binding, peer, inside);

	if (claim == 0)
		return;
	claim_at(engine, claim)->owner = true;
	claim_at(engine, claim)->agreed_before = SPINAT_NEVER;
	engine->memos.awaited += peer == 0;
}

static void restore_owners(
    struct spinat *engine, uint32_t number, const struct spinat_memo *memo)
{
	const struct flow *flow = &engine->table.flows[number];

	confirm_resume_shared(engine, number);
	claim_for(engine, flow, memo->inside);
	for (unsigned i = 0;
	     i < SPINAT_MEMO_OWNERS && !be32_is_zero(memo->owners[i]); i++)
		claim_for(engine, flow, memo->owners[i]);
}

/* Its association, if there is room for one more SPI like this. */
static uint32_t open_place(struct spinat *engine,
    const struct spinat_memo *memo, const struct flow *made)
{
	const uint32_t peer = open_peer(engine, memo);

	if (peer == 0)
		return 0;
	if (association_surplus_flow(engine, peer, flow_kind(made)) == 0 &&
	    (made->state != FLOW_PROBATION ||
		association_surplus_probation(
		    engine, engine->peers.peers[peer].of) == 0))
		return peer;
	peer_close_if_empty(&engine->peers, peer);
	return 0;
}

/* A published flow gets what hangs on it. */
static void settle(
    struct spinat *engine, uint32_t number, const struct spinat_memo *memo)
{
	const struct flow *flow = &engine->table.flows[number];

	association_add_flow(engine, number);
	if (memo->kind == SPINAT_MEMO_ESP_IN)
		association_paired(engine, flow->peer);
	if (flow->state == FLOW_SHARED)
		restore_owners(engine, number, memo);
	timers_flow_changed(engine, number);
	engine->stats.flows_created++;
}

static int restore_flow(struct spinat *engine, const struct spinat_memo *memo)
{
	struct flow made = {0};
	uint32_t number;

	fill_flow(engine, memo, &made);
	if (flow_is_there(engine, &made))
		return -EEXIST;
	made.peer = open_place(engine, memo, &made);
	if (made.peer == 0)
		return -ENOSPC;
	if (engine->peers.peers[made.peer].redirected)
		made.flags |= FLOW_REDIRECTED;
	number = flow_table_add(&engine->table, &made);
	if (number == 0)
		goto full;
	fill_counters(engine, memo, number);
	settle(engine, number, memo);
	if (made.state == FLOW_PROBATION &&
	    !confirm_begin(engine, number, WHY_RESTORED)) {
		timers_end_flow(engine, number, SPINAT_REASON_EVICTED);
		return -ENOSPC;
	}
	return 0;
full:
	peer_close_if_empty(&engine->peers, made.peer);
	return -ENOSPC;
}

/* What a program in the kernel reads of it is what we would make of it. */
static bool is_as_made(const struct flow *flow, const struct flow *made)
{
	return memcmp(flow->side, made->side, sizeof flow->side) == 0 &&
	    flow->protocol == made->protocol &&
	    flow->key_kind == made->key_kind && flow->origin == made->origin &&
	    ((flow->flags ^ made->flags) & ~FLOW_REDIRECTED) == 0 &&
	    flow->address_delta == made->address_delta &&
	    flow->transport_delta == made->transport_delta;
}

int restore_in_place(struct spinat *engine, uint32_t number)
{
	struct flow *flow = &engine->table.flows[number];
	struct flow made = {0};
	struct spinat_memo memo;
	int result;

	/* Of these the journal knows more. */
	if (flow->state != FLOW_UNPAIRED && flow->state != FLOW_PAIRED &&
	    flow->state != FLOW_CONFIRMED)
		return -ENOTSUP;
	if (flow_kind(flow) == SPINAT_FLOW_ESP_IN)
		flow->binding = 0;
	memo_of_flow(engine, number, &memo);
	result = check(engine, &memo);
	if (result != 0)
		return result;
	if (is_over(engine, &memo))
		return -ETIME;
	fill_flow(engine, &memo, &made);
	if (!is_as_made(flow, &made) || made.state != flow->state)
		return -EINVAL;
	flow->peer = open_place(engine, &memo, &made);
	if (flow->peer == 0)
		return -ENOSPC;
	if (engine->peers.peers[flow->peer].redirected)
		flow->flags |= FLOW_REDIRECTED;
	flow->gate &= (uint8_t)~FLOW_WATCHED;
	flow_set_gate(flow);
	settle(engine, number, &memo);
	return 0;
}

static bool ike_is_there(
    const struct spinat *engine, const struct spinat_memo *memo)
{
	const struct ike_query query = {
	    .key = ike_key(
		memo->public_address, memo->remote, memo->initiator_spi),
	    .inside = memo->inside,
	    .responder = memo->responder_spi,
	    .exact = true,
	};

	return ike_find(&engine->ikes, &query,
		   key_hash(&engine->ikes.seed, &query.key)) != 0;
}

static bool is_ike_port(be16 port)
{
	return be16_equal(port, be16_from_host(IKE_PORT));
}

static int restore_ike(struct spinat *engine, const struct spinat_memo *memo)
{
	const bool half_open =
	    memo->inside_initiated && memo->state != SPINAT_MEMO_ESTABLISHED;
	struct ike_sa *sa;
	uint32_t peer, number;

	if (ike_is_there(engine, memo))
		return -EEXIST;
	if (half_open &&
	    half_open_surplus(
		&engine->ikes, memo->inside, engine->config.max_half_open) != 0)
		return -ENOSPC;
	peer = open_peer(engine, memo);
	if (peer == 0)
		return -ENOSPC;
	number = association_surplus_ike(engine, peer) != 0
	    ? 0
	    : ike_open(&engine->ikes, memo->public_address, memo->remote,
		  memo->initiator_spi);
	if (number == 0) {
		peer_close_if_empty(&engine->peers, peer);
		return -ENOSPC;
	}
	sa = &engine->ikes.sas[number];
	sa->inside = memo->inside;
	sa->peer = peer;
	memcpy(sa->responder, memo->responder_spi, 8);
	sa->created = created_at(engine, memo);
	for (int side = 0; side < 2; side++) {
		sa->packets[side] = (uint32_t)memo->packets[side];
		sa->last[side] = last_of(engine, memo, (enum spinat_side)side);
	}
	sa->version = memo->version;
	/* The memo's numbers begin with these three. */
	static_assert((int)SPINAT_MEMO_UNANSWERED == (int)IKE_UNANSWERED &&
		(int)SPINAT_MEMO_HALF_OPEN == (int)IKE_HALF_OPEN &&
		(int)SPINAT_MEMO_ESTABLISHED == (int)IKE_ESTABLISHED,
	    "a memo's state of an IKE SA is the record's");
	sa->state = memo->state;
	sa->protected_from = memo->protected_from;
	sa->inside_initiated = memo->inside_initiated;
	sa->floated = memo->floated;
	sa->seen_from_start = true;
	/* Its port, if it had one of its own, may be another's by now, or not
	 * be among ours any more. */
	if (!is_ike_port(memo->public_port) &&
	    !ike_port_take_again(engine, number, memo->public_port)) {
		ike_close(&engine->ikes, number);
		peer_close_if_empty(&engine->peers, peer);
		return -EADDRNOTAVAIL;
	}
	association_add_ike(engine, number);
	if (half_open)
		half_open_enter(&engine->ikes, number);
	if (sa->state == IKE_ESTABLISHED)
		association_paired(engine, peer);
	timers_ike_changed(engine, number);
	return 0;
}

int spinat_restore(
    struct spinat *engine, spinat_time now, const struct spinat_memo *memo)
{
	int result;

	core_set_now(engine, now);
	result = check(engine, memo);
	if (result != 0)
		return result;
	if (is_over(engine, memo))
		return -ETIME;
	result = memo->kind == SPINAT_MEMO_IKE ? restore_ike(engine, memo)
					       : restore_flow(engine, memo);
	if (result != 0)
		return result;
	engine->memos.has_restored = true;
	engine->memos.restored = engine->tick;
	return 0;
}
