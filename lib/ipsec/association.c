/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/association.h"

#include "ipsec/ike_port.h"
#include "lifetime.h"

static uint16_t *count_of(struct peer *peer, enum spinat_flow_kind kind)
{
	return kind == SPINAT_FLOW_ESP_IN ? &peer->in_count : &peer->out_count;
}

/* Whether what it sends is looked at, for it may tell whose an SPI is. */
static void watch(struct flow *flow, bool watched)
{
	if (flow_kind(flow) != SPINAT_FLOW_ESP_OUT)
		return;
	flow->gate &= (uint8_t)~FLOW_WATCHED;
	if (watched)
		flow->gate |= FLOW_WATCHED;
	flow_set_gate(flow);
}

static void watch_all(
    struct spinat *engine, const struct remote *remote, bool watched)
{
	const struct peer *peers = engine->peers.peers;
	struct flow *flows = engine->table.flows;

	for (uint32_t p = remote->peers; p != 0; p = peers[p].next)
		for (uint32_t f = peers[p].flows; f != 0;
		     f = flows[f].group_next)
			watch(&flows[f], watched);
}

void association_add_flow(struct spinat *engine, uint32_t number)
{
	struct flow *flow = &engine->table.flows[number];
	struct peer *peer = peer_at(engine, flow->peer);

	flow->group_next = peer->flows;
	peer->flows = number;
	++*count_of(peer, flow_kind(flow));
	if (remote_of(engine, flow->peer)->probation_count != 0)
		watch(flow, true);
	memo_flow_changed(engine, number);
}

/* What is known of whose an inbound SPI is ends with it. */
static void drop_binding(struct spinat *engine, uint32_t number)
{
	struct flow *flow = &engine->table.flows[number];

	if (flow_kind(flow) != SPINAT_FLOW_ESP_IN || flow->binding == 0)
		return;
	association_leave_probation(engine, number);
	binding_put_back(&engine->bindings, flow->binding);
	flow->binding = 0;
}

void association_remove_flow(struct spinat *engine, uint32_t number)
{
	struct flow *flows = engine->table.flows;
	struct flow *flow = &flows[number];
	struct peer *peer = peer_at(engine, flow->peer);
	uint32_t *link = &peer->flows;

	drop_binding(engine, number);
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
	ike_port_sa_ended(engine, sa);
	/* What was agreed in it is as dead as it is. */
	if (peer->ike_count == 0)
		expect_forget(&peer->expects);
	peer_close_if_empty(&engine->peers, sa->peer);
}

void association_enter_probation(struct spinat *engine, uint32_t number)
{
	const struct flow *flow = &engine->table.flows[number];
	struct binding *binding = binding_of(engine, number);
	struct remote *remote = remote_of(engine, flow->peer);

	ENSURE(!binding->in_probation);
	binding->next = remote->probation;
	binding->in_probation = true;
	remote->probation = flow->binding;
	engine->bindings.in_probation++;
	if (remote->probation_count++ == 0)
		watch_all(engine, remote, true);
}

void association_leave_probation(struct spinat *engine, uint32_t number)
{
	const struct flow *flow = &engine->table.flows[number];
	struct binding *bindings = engine->bindings.bindings;
	struct remote *remote = remote_of(engine, flow->peer);
	uint32_t *link = &remote->probation;

	if (!bindings[flow->binding].in_probation)
		return;
	while (*link != flow->binding)
		link = &bindings[*link].next;
	*link = bindings[flow->binding].next;
	bindings[flow->binding].in_probation = false;
	engine->bindings.in_probation--;
	if (--remote->probation_count == 0)
		watch_all(engine, remote, false);
}

uint32_t association_surplus_probation(struct spinat *engine, uint32_t number)
{
	const struct remote *remote = &engine->peers.remotes.remotes[number];
	const struct binding *bindings = engine->bindings.bindings;
	uint32_t oldest = 0;
	tick oldest_tick = 0;

	if (remote->probation_count < ASSOCIATION_MAX_PROBATION)
		return 0;
	for (uint32_t b = remote->probation; b != 0; b = bindings[b].next) {
		const tick last = flow_table_last_any(
		    &engine->table, bindings[b].flow, engine->tick);
		if (bindings[b].was_confirmed)
			continue;
		if (oldest == 0 || !tick_is_after(last, oldest_tick)) {
			oldest = bindings[b].flow;
			oldest_tick = last;
		}
	}
	return oldest;
}

/* Not only a few packets, which may be anybody's. */
#define USED_PACKETS 16u

static bool was_used(const struct spinat *engine, uint32_t flow)
{
	return flow_counter_packets(
		   &engine->table.counters[SPINAT_INSIDE][flow]) +
	    flow_counter_packets(
		&engine->table.counters[SPINAT_OUTSIDE][flow]) >=
	    USED_PACKETS;
}

uint32_t association_surplus_flow(
    struct spinat *engine, uint32_t number, enum spinat_flow_kind kind)
{
	struct peer *peer = peer_at(engine, number);
	uint32_t oldest = 0, count = 0;
	tick oldest_tick = 0;
	bool oldest_used = true;

	if (*count_of(peer, kind) < ASSOCIATION_MAX_SPIS)
		return 0;
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		const struct flow *flow = &engine->table.flows[f];
		const tick last =
		    flow_table_last_any(&engine->table, f, engine->tick);
		/* What is in probation has a bound of its own, and takes no
		 * place of what is certain. */
		if (flow_kind(flow) != kind || flow->state == FLOW_PROBATION)
			continue;
		const bool used = was_used(engine, f);
		/* One that was hardly used goes before one that was. */
		if (count++ == 0 || (oldest_used && !used) ||
		    (oldest_used == used &&
			!tick_is_after(last, oldest_tick))) {
			oldest = f;
			oldest_tick = last;
			oldest_used = used;
		}
	}
	return count < ASSOCIATION_MAX_SPIS ? 0 : oldest;
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
		const tick last = tick_later(sa->last[0], sa->last[1]);
		if (oldest == 0 || (!established && oldest_established) ||
		    (established == oldest_established &&
			!tick_is_after(last, oldest_tick))) {
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

static void set_awaits(struct flow *flow, bool awaits)
{
	flow->awaits = awaits;
	flow_set_gate(flow);
}

static uint32_t distance(tick a, tick b)
{
	const int32_t span = (int32_t)(a - b);

	return span < 0 ? (uint32_t)-span : (uint32_t)span;
}

/* The outbound SPI that began nearest to a tick, of those that (do not) await
 * an inbound one. */
static struct flow *nearest_out(
    struct spinat *engine, uint32_t peer, tick seen, bool awaits)
{
	struct flow *nearest = NULL;

	for (uint32_t f = peer_at(engine, peer)->flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		struct flow *flow = &engine->table.flows[f];
		if (flow_kind(flow) == SPINAT_FLOW_ESP_OUT &&
		    (flow->awaits != 0) == awaits &&
		    (nearest == NULL ||
			distance(flow->created, seen) <
			    distance(nearest->created, seen)))
			nearest = flow;
	}
	return nearest;
}

struct expect association_pair(struct spinat *engine, uint32_t peer, tick seen)
{
	struct flow *out = nearest_out(engine, peer, seen, true);

	if (out != NULL)
		set_awaits(out, false);
	return expect_close_best(&peer_at(engine, peer)->expects, seen);
}

void association_unpair(
    struct spinat *engine, uint32_t peer, tick seen, struct expect hint)
{
	struct flow *out = nearest_out(engine, peer, seen, false);

	if (hint.strength == EXPECT_NONE)
		return;
	if (out != NULL)
		set_awaits(out, true);
	expect_reopen(&peer_at(engine, peer)->expects, hint);
}

void association_resumed(struct spinat *engine, uint32_t number)
{
	struct peer *peer = peer_at(engine, number);

	if (peer->in_count != 0)
		return;
	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next)
		set_awaits(&engine->table.flows[f], true);
	expect_open(&peer->expects, EXPECT_STRONG, peer->created);
}

/* How long before the inbound SPI of a pair the outbound one may be used, for
 * the two to count as a pair. */
#define PAIR_SPAN (60 * SPINAT_SECOND)

bool association_awaits(const struct spinat *engine, uint32_t number, tick seen)
{
	for (uint32_t f = engine->peers.peers[number].flows; f != 0;
	     f = engine->table.flows[f].group_next) {
		const struct flow *flow = &engine->table.flows[f];
		if (flow_kind(flow) == SPINAT_FLOW_ESP_OUT && flow->awaits &&
		    (int32_t)(seen - flow->created) <
			(int32_t)tick_span(PAIR_SPAN))
			return true;
	}
	return false;
}

bool association_spoke_since(
    const struct spinat *engine, uint32_t number, tick since)
{
	const struct peer *peer = &engine->peers.peers[number];
	tick last;

	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next)
		if (flow_kind(&engine->table.flows[f]) == SPINAT_FLOW_ESP_OUT &&
		    flow_table_last(&engine->table, f, SPINAT_INSIDE,
			engine->tick, &last) &&
		    tick_is_after(last, since))
			return true;
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		if ((sa->protected_from >> SPINAT_INSIDE & 1) != 0 &&
		    tick_is_after(sa->last[SPINAT_INSIDE], since))
			return true;
	}
	return false;
}

bool association_was_heard(
    const struct spinat *engine, uint32_t number, tick since)
{
	const struct peer *peer = &engine->peers.peers[number];
	tick last;

	for (uint32_t f = peer->flows; f != 0;
	     f = engine->table.flows[f].group_next)
		if (flow_table_last(&engine->table, f, SPINAT_OUTSIDE,
			engine->tick, &last) &&
		    tick_is_after(last, since))
			return true;
	for (uint32_t i = peer->ikes; i != 0; i = engine->ikes.sas[i].next) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		if (sa->packets[SPINAT_OUTSIDE] != 0 &&
		    tick_is_after(sa->last[SPINAT_OUTSIDE], since))
			return true;
	}
	return false;
}

/* What a copy provokes comes within that. */
#define PROVOKED_SPAN (10 * SPINAT_SECOND)

bool association_was_given_copy(const struct spinat *engine, uint32_t number)
{
	const struct peer *peer = &engine->peers.peers[number];

	return peer->copied != 0 && engine->now - peer->copied < PROVOKED_SPAN;
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
		if (engine->table.flows[f].state == FLOW_CONFIRMED ||
		    engine->table.flows[f].state == FLOW_SHARED) {
			*why = "it owns an inbound SPI";
			return true;
		}
	*why = floated ? "it uses NAT traversal (UDP 4500), not raw ESP"
	    : peer->out_count != 0
	    ? "only outbound ESP was seen, nothing came back"
	    : "IKE is not established";
	return false;
}

static bool has_outbound(const struct spinat *engine, uint32_t number)
{
	return engine->peers.peers[number].out_count != 0;
}

bool association_is_one_of(
    const struct spinat *engine, uint32_t number, enum binding_why why)
{
	const char *text;

	return why == WHY_ONLY_SENDER
	    ? has_outbound(engine, number)
	    : association_is_candidate(engine, number, &text);
}

/* How many of a remote's associations count, and which was active last. */
static void count_peers(const struct spinat *engine, uint32_t first,
    be32 sender, struct candidates *candidates)
{
	tick latest = 0;

	candidates->count = 0;
	for (uint32_t p = first; p != 0; p = engine->peers.peers[p].next) {
		tick active;

		if (be32_equal(engine->peers.peers[p].inside, sender) ||
		    !association_is_one_of(engine, p, candidates->why))
			continue;
		active = lifetime_peer_activity(engine, p);
		if (candidates->count++ == 0 || tick_is_after(active, latest)) {
			candidates->latest = p;
			latest = active;
		}
	}
}

struct candidates association_candidates(
    struct spinat *engine, be32 public_address, be32 remote, be32 sender)
{
	const uint32_t first =
	    peer_first_of(&engine->peers, public_address, remote);
	struct candidates candidates = {.why = WHY_SOLE};
	be32 inside;

	count_peers(engine, first, sender, &candidates);
	if (candidates.count == 0) {
		candidates.why = WHY_ONLY_SENDER;
		count_peers(engine, first, sender, &candidates);
	}
	if (candidates.count != 0 ||
	    !redirect_ipsec_host(
		&engine->redirects, public_address, remote, &inside) ||
	    be32_equal(inside, sender))
		return candidates;
	candidates.latest = peer_open(
	    &engine->peers, inside, public_address, remote, engine->tick);
	if (candidates.latest == 0)
		return candidates;
	candidates.why = WHY_RULE;
	candidates.count = 1;
	engine->peers.peers[candidates.latest].redirected = 1;
	return candidates;
}
