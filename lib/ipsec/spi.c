/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/spi.h"

#include "ipsec/association.h"
#include "timers.h"

void spi_fill(struct flow *flow, enum spinat_flow_kind kind, be32 inside,
    be32 public_address, be32 remote, be32 spi)
{
	const bool inward = kind == SPINAT_FLOW_ESP_IN;

	for (int side = 0; side < 2; side++) {
		flow->side[side].remote = remote;
		flow->side[side].ids.spi = spi;
	}
	flow->side[SPINAT_INSIDE].local = inside;
	flow->side[SPINAT_OUTSIDE].local = public_address;
	flow->protocol = IPPROTO_ESP;
	flow->key_kind = inward ? KEY_INSIDE_SPI_IN : KEY_INSIDE;
	flow->origin = inward ? SPINAT_OUTSIDE : SPINAT_INSIDE;
	flow->flags = be32_equal(inside, public_address) ? FLOW_OWN : 0;
	flow_set_deltas(flow);
}

uint32_t spi_open(struct spinat *engine, uint32_t number_of_peer,
    enum spinat_flow_kind kind, be32 spi)
{
	const struct peer *peer = peer_at(engine, number_of_peer);
	const uint32_t surplus =
	    association_surplus_flow(engine, number_of_peer, kind);
	struct flow made = {
	    .peer = number_of_peer,
	    .created = engine->tick,
	};
	uint32_t number;

	if (surplus != 0)
		timers_end_flow(engine, surplus, SPINAT_REASON_EVICTED);
	spi_fill(
	    &made, kind, peer->inside, peer->public_address, peer->remote, spi);
	if (peer->redirected)
		made.flags |= FLOW_REDIRECTED;
	if (kind == SPINAT_FLOW_ESP_IN)
		made.state = FLOW_PROBATION;
	else
		made.state = association_is_paired(engine, number_of_peer)
		    ? FLOW_PAIRED
		    : FLOW_UNPAIRED;
	number = flow_table_add(&engine->table, &made);
	if (number == 0)
		return 0;
	association_add_flow(engine, number);
	timers_flow_changed(engine, number);
	engine->stats.flows_created++;
	return number;
}

uint32_t spi_move(struct spinat *engine, uint32_t number, uint32_t peer)
{
	struct flow_table *table = &engine->table;
	const struct flow old = table->flows[number];
	const struct flow_counter counters[2] = {
	    table->counters[0][number], table->counters[1][number]};
	struct flow *flow;
	uint32_t moved;

	association_leave_probation(engine, number);
	table->flows[number].binding = 0; /* which goes with it */
	timers_end_flow(engine, number, SPINAT_REASON_MOVED);
	moved = spi_open(
	    engine, peer, SPINAT_FLOW_ESP_IN, old.side[SPINAT_INSIDE].ids.spi);
	if (moved == 0) {
		binding_put_back(&engine->bindings, old.binding);
		return 0;
	}
	flow = &table->flows[moved];
	flow->created = old.created;
	flow->highest_sequence = old.highest_sequence;
	flow->binding = old.binding;
	for (int side = 0; side < 2; side++)
		table->counters[side][moved] = counters[side];
	binding_at(engine, old.binding)->flow = moved;
	association_enter_probation(engine, moved);
	return moved;
}
