/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/association.h"

#include "lifetime.h"

static struct peer *peer_at(struct spinat *engine, uint32_t number)
{
	return &engine->peers.peers[number];
}

static uint16_t *count_of(struct peer *peer, enum spinat_flow_kind kind)
{
	return kind == SPINAT_FLOW_ESP_IN ? &peer->in_count : &peer->out_count;
}

void association_add_flow(struct spinat *engine, uint32_t number)
{
	struct flow *flow = &engine->table.flows[number];
	struct peer *peer = peer_at(engine, flow->peer);

	flow->group_next = peer->flows;
	peer->flows = number;
	++*count_of(peer, flow_kind(flow));
	memo_flow_changed(engine, number);
}

void association_remove_flow(struct spinat *engine, uint32_t number)
{
	struct flow *flows = engine->table.flows;
	struct flow *flow = &flows[number];
	struct peer *peer = peer_at(engine, flow->peer);
	uint32_t *link = &peer->flows;

	while (*link != number)
		link = &flows[*link].group_next;
	*link = flow->group_next;
	--*count_of(peer, flow_kind(flow));
	memo_flow_changed(engine, number);
	peer_close_if_empty(&engine->peers, flow->peer);
}

void association_add_ike(struct spinat *engine, uint32_t number)
{
	struct ike_sa *sa = &engine->ikes.sas[number];
	struct peer *peer = peer_at(engine, sa->peer);

	sa->next = peer->ikes;
	peer->ikes = number;
	peer->ike_count++;
	memo_ike_changed(engine, number);
}

void association_remove_ike(struct spinat *engine, uint32_t number)
{
	struct ike_sa *sa = &engine->ikes.sas[number];
	struct peer *peer = peer_at(engine, sa->peer);
	uint32_t *link = &peer->ikes;

	while (*link != number)
		link = &engine->ikes.sas[*link].next;
	*link = sa->next;
	peer->ike_count--;
	memo_ike_changed(engine, number);
	peer_close_if_empty(&engine->peers, sa->peer);
}

uint32_t association_surplus_flow(
    struct spinat *engine, uint32_t number, enum spinat_flow_kind kind)
{
	struct peer *peer = peer_at(engine, number);
	uint32_t oldest = 0;
	tick oldest_tick = 0;

	if (*count_of(peer, kind) < ASSOCIATION_MAX_SPIS)
		return 0;
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		const tick last =
		    flow_table_last_any(&engine->table, f, engine->tick);
		if (flow_kind(&engine->table.flows[f]) == kind &&
		    (oldest == 0 || (int32_t)(last - oldest_tick) <= 0)) {
			oldest = f;
			oldest_tick = last;
		}
	}
	return oldest;
}

uint32_t association_surplus_ike(struct spinat *engine, uint32_t number)
{
	const struct peer *peer = peer_at(engine, number);
	uint32_t oldest = 0;
	bool oldest_established = true;
	tick oldest_tick = 0;

	if (peer->ike_count < ASSOCIATION_MAX_IKES)
		return 0;
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		const bool established = sa->state == IKE_ESTABLISHED;
		const tick last = (int32_t)(sa->last[0] - sa->last[1]) > 0
		    ? sa->last[0]
		    : sa->last[1];
		if (oldest == 0 || (!established && oldest_established) ||
		    (established == oldest_established &&
			(int32_t)(last - oldest_tick) <= 0)) {
			oldest = i;
			oldest_established = established;
			oldest_tick = last;
		}
	}
	return oldest;
}

void association_paired(struct spinat *engine, uint32_t number)
{
	for (uint32_t f = peer_at(engine, number)->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		struct flow *flow = &engine->table.flows[f];
		if (flow->state != FLOW_UNPAIRED)
			continue;
		flow_set_state(flow, FLOW_PAIRED);
		memo_flow_changed(engine, f);
	}
}

bool association_is_paired(const struct spinat *engine, uint32_t number)
{
	const struct peer *peer = &engine->peers.peers[number];

	if (peer->in_count != 0)
		return true;
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next)
		if (engine->ikes.sas[i].state == IKE_ESTABLISHED)
			return true;
	return false;
}

bool association_confirms(const struct spinat *engine, uint32_t number)
{
	const struct flow *in = &engine->table.flows[number];
	const struct peer *peer = &engine->peers.peers[in->peer];
	tick last;

	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next)
		if (flow_kind(&engine->table.flows[f]) == SPINAT_FLOW_ESP_OUT &&
		    flow_table_last(&engine->table, f, SPINAT_INSIDE,
			engine->tick, &last) &&
		    (int32_t)(last - in->created) > 0)
			return true;
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		if ((sa->protected_from >> SPINAT_INSIDE & 1) != 0 &&
		    (int32_t)(sa->last[SPINAT_INSIDE] - in->created) > 0)
			return true;
	}
	return false;
}

bool association_is_candidate(
    const struct spinat *engine, uint32_t number, const char **why)
{
	const struct peer *peer = &engine->peers.peers[number];
	bool floated = false;

	if (peer->redirected) {
		*why = "a redirect_ipsec rule names it";
		return true;
	}
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		floated = floated || sa->floated;
		if (sa->state == IKE_ESTABLISHED && !sa->floated) {
			*why = "IKE is established: protected messages seen "
			       "from both sides";
			return true;
		}
	}
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next)
		if (flow_kind(&engine->table.flows[f]) == SPINAT_FLOW_ESP_IN &&
		    association_confirms(engine, f)) {
			*why = "it answered on an inbound SPI";
			return true;
		}
	*why = floated ? "it uses NAT traversal (UDP 4500), not raw ESP"
	    : peer->out_count != 0
	    ? "only outbound ESP was seen, nothing came back"
	    : "IKE is not established";
	return false;
}

/* The associations of a remote that `accept` takes: how many, and which of
 * them was active last. */
static unsigned count_peers(const struct spinat *engine, be32 public_address,
    be32 remote, be32 sender,
    bool (*accept)(
	const struct spinat *engine, uint32_t peer, const char **why),
    uint32_t *latest, const char **why)
{
	unsigned count = 0;
	tick latest_tick = 0;

	for (uint32_t p = peer_first_of(&engine->peers, public_address, remote);
	     p != 0; p = engine->peers.peers[p].next) {
		const char *reason;
		tick active;

		if (be32_equal(engine->peers.peers[p].inside, sender) ||
		    !accept(engine, p, &reason))
			continue;
		active = lifetime_peer_activity(engine, p);
		if (count++ == 0 || (int32_t)(active - latest_tick) > 0) {
			*latest = p;
			*why = reason;
			latest_tick = active;
		}
	}
	return count;
}

static bool has_outbound(
    const struct spinat *engine, uint32_t number, const char **why)
{
	*why = "the only host that sends ESP to this remote";
	return engine->peers.peers[number].out_count != 0;
}

/* How long a new outbound SPI lets expect an inbound one: rekeying gives both
 * within a second, and traffic that answers follows soon or not at all. */
#define EXPECT_SPAN (60 * SPINAT_SECOND)

/* A host that lately began to send with an SPI newer than any it receives with:
 * the other half of that pair must be on its way. */
static bool awaits_inbound(
    const struct spinat *engine, uint32_t number, const char **why)
{
	const struct peer *peer = &engine->peers.peers[number];
	bool has_out = false, has_in = false;
	tick out = 0, in = 0;

	if (!association_is_candidate(engine, number, why))
		return false;
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		const struct flow *flow = &engine->table.flows[f];
		const bool inbound = flow_kind(flow) == SPINAT_FLOW_ESP_IN;
		bool *has = inbound ? &has_in : &has_out;
		tick *newest = inbound ? &in : &out;

		if (!*has || (int32_t)(flow->created - *newest) > 0)
			*newest = flow->created;
		*has = true;
	}
	*why = "the only candidate whose newest outbound SPI has no inbound "
	       "one yet";
	return has_out && engine->tick - out < tick_span(EXPECT_SPAN) &&
	    (!has_in || (int32_t)(out - in) > 0);
}

enum association_choice association_choose(struct spinat *engine,
    be32 public_address, be32 remote, be32 sender, uint32_t *peer,
    const char **why)
{
	unsigned count = count_peers(engine, public_address, remote, sender,
	    association_is_candidate, peer, why);
	be32 inside;

	if (count == 0)
		count = count_peers(engine, public_address, remote, sender,
		    has_outbound, peer, why);
	if (count != 0)
		return count == 1 ? ASSOCIATION_ONE : ASSOCIATION_SEVERAL;
	if (!redirect_ipsec_host(
		&engine->redirects, public_address, remote, &inside) ||
	    be32_equal(inside, sender))
		return ASSOCIATION_NONE;
	*peer = peer_open(
	    &engine->peers, inside, public_address, remote, engine->tick);
	if (*peer == 0)
		return ASSOCIATION_NONE;
	engine->peers.peers[*peer].redirected = 1;
	*why = "a redirect_ipsec rule names it";
	return ASSOCIATION_ONE;
}

enum association_choice association_choose_for_spi(struct spinat *engine,
    be32 public_address, be32 remote, be32 sender, uint32_t *peer,
    const char **why)
{
	const enum association_choice choice = association_choose(
	    engine, public_address, remote, sender, peer, why);

	if (choice == ASSOCIATION_SEVERAL &&
	    count_peers(engine, public_address, remote, sender, awaits_inbound,
		peer, why) == 1)
		return ASSOCIATION_ONE;
	return choice;
}
