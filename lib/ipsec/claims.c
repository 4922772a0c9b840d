/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/claims.h"

#include "ipsec/association.h"

/* What a host says of itself is believed so long. */
#define REFUTED_SPAN (60 * SPINAT_SECOND)
/* A host's silence before an SPI appeared says how rarely it sends, up to: */
#define SILENCE_MOST (60 * SPINAT_SECOND)
/* An old SPI fell silent as the new one began: within these, before and since.
 */
#define SUCCESSION_SPAN    (2 * SPINAT_SECOND)
#define SUCCESSION_SINCE   (SPINAT_SECOND / 2)
#define SUCCESSION_SLACK   (SPINAT_SECOND / 4)
#define SUCCESSION_PACKETS 3u

bool claims_is_valid(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim)
{
	const struct peer *peer = &engine->peers.peers[claim->peer];
	const uint32_t holder = engine->table.flows[binding->flow].peer;

	return peer->live && be32_equal(peer->inside, claim->inside) &&
	    peer->of == engine->peers.peers[holder].of;
}

bool claims_is_refuted(const struct spinat *engine, const struct claim *claim)
{
	return claim->refuted &&
	    engine->tick - claim->refuted_at < tick_span(REFUTED_SPAN);
}

bool claims_counts(const struct spinat *engine, const struct binding *binding,
    const struct claim *claim)
{
	return claims_is_valid(engine, binding, claim) &&
	    !claims_is_refuted(engine, claim);
}

static enum succession succession_of(
    const struct spinat *engine, const struct binding *binding, uint32_t peer)
{
	const struct flow *flows = engine->table.flows;
	const tick seen = tick_of(binding->seen);
	enum succession found = SUCCESSION_NONE;

	for (uint32_t f = engine->peers.peers[peer].flows; f != 0;
	     f = flows[f].group_next) {
		tick last;

		if (f == binding->flow ||
		    flow_kind(&flows[f]) != SPINAT_FLOW_ESP_IN ||
		    flows[f].state == FLOW_PROBATION ||
		    !flow_table_last(
			&engine->table, f, SPINAT_OUTSIDE, engine->tick, &last))
			continue;
		if ((int32_t)(last - seen) >
		    (int32_t)tick_span(SUCCESSION_SLACK))
			found = found == SUCCESSION_NONE ? SUCCESSION_GOES_ON
							 : found;
		else if ((int32_t)(seen - last) <
			(int32_t)tick_span(SUCCESSION_SPAN) &&
		    engine->tick - seen > tick_span(SUCCESSION_SINCE) &&
		    binding->packets >= SUCCESSION_PACKETS)
			found = SUCCESSION_SILENT;
	}
	return found;
}

void claims_evidence(const struct spinat *engine, uint32_t number,
    const struct claim *claim, struct evidence *evidence)
{
	const struct binding *binding = &engine->bindings.bindings[number];
	const struct peer *peer = &engine->peers.peers[claim->peer];
	const tick seen = tick_of(binding->seen);
	const struct expect *hint = expect_best(&peer->expects, seen);

	*evidence = (struct evidence){
	    .fresh = binding->first_sequence <= SEQUENCE_FRESH,
	    .relaxed = memo_is_settling(engine),
	    .out_awaits = association_awaits(engine, claim->peer, seen),
	    .succession = succession_of(engine, binding, claim->peer),
	    .answers = claim->answers,
	    .prompts = claim->prompts,
	    .turns = claim->turns,
	    .sent = claim->sent,
	    .streams = streams_of(&binding->cover, &claim->cover, engine->now),
	    .quiet = engine->now - claim->begun,
	    .alone = binding->senders == 1 && claim->sent != 0 &&
		(claim->expecting || binding->first_sequence > SEQUENCE_FRESH),
	    .out_lag = peer->began > binding->seen
		? peer->began - binding->seen
		: binding->seen - peer->began,
	    .echoes = claim->echoes,
	    .cipher_differs = sizes_disagree(&binding->sizes, &claim->sizes),
	    .near = claim->near,
	    .near_other = claim->near == binding->near_most
		? binding->near_next
		: binding->near_most,
	    .objected = claim->objected,
	    .holds = engine->table.flows[binding->flow].peer == claim->peer,
	};
	if (hint != NULL) {
		const spinat_time age =
		    binding->seen - tick_to_time(hint->opened, engine->now);
		evidence->expected = (enum expect_strength)hint->strength;
		evidence->expect_age = age > 0 ? age : 0;
		/* Who has just agreed on an SA is about to send. */
		if (evidence->quiet >
		    engine->now - binding->seen + evidence->expect_age)
			evidence->quiet =
			    engine->now - binding->seen + evidence->expect_age;
	}
}

/* Since when the host has not sent: its silence tells how rarely it does. */
static spinat_time silent_since(const struct spinat *engine, uint32_t peer)
{
	spinat_time since = engine->now - SILENCE_MOST;

	for (uint32_t f = engine->peers.peers[peer].flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		tick last;
		if (flow_table_last(&engine->table, f, SPINAT_INSIDE,
			engine->tick, &last) &&
		    tick_to_time(last, engine->now) > since)
			since = tick_to_time(last, engine->now);
	}
	return since;
}

static void add_claim(struct spinat *engine, uint32_t number, uint32_t peer)
{
	const uint32_t claim = binding_add_claim(
	    &engine->bindings, number, peer, engine->peers.peers[peer].inside);

	if (claim != 0)
		claim_at(engine, claim)->begun = silent_since(engine, peer);
}

void claims_update(struct spinat *engine, uint32_t number, be32 sender)
{
	struct binding *binding = binding_at(engine, number);
	struct peer *peers = engine->peers.peers;
	const uint32_t holder = engine->table.flows[binding->flow].peer;
	const uint32_t first = remote_of(engine, holder)->peers;
	enum binding_why tier = WHY_ONLY_SENDER;

	binding->looked = engine->now;
	for (uint32_t p = first; p != 0; p = peers[p].next) {
		peers[p].mark = 0;
		if (association_is_one_of(engine, p, WHY_SOLE))
			tier = WHY_SOLE;
	}
	for (uint32_t c = binding->claims; c != 0;
	     c = claim_at(engine, c)->next) {
		struct claim *claim = claim_at(engine, c);
		if (claims_is_valid(engine, binding, claim))
			peers[claim->peer].mark = c;
	}
	for (int expecting = 1; expecting >= 0; expecting--)
		for (uint32_t p = first; p != 0; p = peers[p].next) {
			if (binding->claim_count >= CLAIMS_MOST)
				return;
			if (peers[p].mark != 0 ||
			    be32_equal(peers[p].inside, sender) ||
			    (expecting &&
				expect_best(&peers[p].expects, engine->tick) ==
				    NULL) ||
			    (p != holder &&
				!association_is_one_of(engine, p, tier)))
				continue;
			add_claim(engine, number, p);
			peers[p].mark = 1;
		}
}
