/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/engine.h"

#include <string.h>

void engine_configure(struct spinat_config *config, bool two_addresses)
{
	spinat_config_init(config);
	config->public_addresses[0] = wire32(PUBLIC1);
	config->public_addresses[1] = wire32(PUBLIC2);
	config->public_count = two_addresses ? 2 : 1;
	config->inside[0].address = wire32(INSIDE);
	config->inside[0].length = 8;
	config->inside_count = 1;
	config->events = (1u << SPINAT_EVENT_KINDS) - 1;
}

spinat_time engine_start(bool late)
{
	return late ? INT64_C(1729382256) * SPINAT_SECOND : 0;
}

void *engine_make(
    struct spinat **engine, const struct spinat_config *config, spinat_time now)
{
	const size_t size = spinat_memory_size(config);
	void *memory = aligned_alloc(64, (size + 63) & ~(size_t)63);

	MUST(memory != NULL);
	memset(memory, 0, size);
	MUST(spinat_create(engine, config, memory, size, now) == 0);
	return memory;
}

static uint32_t count_flows(const struct spinat *engine)
{
	struct spinat_flow_info flow;
	uint32_t cursor = 0, count = 0;
	enum spinat_walk step;

	while ((step = spinat_next_flow(engine, &cursor, &flow)) !=
	    SPINAT_WALK_END)
		count += step == SPINAT_WALK_FOUND;
	return count;
}

static uint32_t count_ikes(const struct spinat *engine)
{
	struct spinat_ike_info ike;
	uint32_t cursor = 0, count = 0;
	enum spinat_walk step;

	while (
	    (step = spinat_next_ike(engine, &cursor, &ike)) != SPINAT_WALK_END)
		count += step == SPINAT_WALK_FOUND;
	return count;
}

static uint32_t count_peers(const struct spinat *engine)
{
	struct spinat_peer_info peer;
	uint32_t cursor = 0, count = 0;
	enum spinat_walk step;

	while ((step = spinat_next_peer(engine, &cursor, &peer)) !=
	    SPINAT_WALK_END) {
		if (step != SPINAT_WALK_FOUND)
			continue;
		count++;
		MUST(peer.why != NULL);
		MUST(peer.ike_count + peer.in_count + peer.out_count != 0);
	}
	return count;
}

void engine_look(const struct spinat *engine)
{
	struct spinat_claim_info claim;
	struct spinat_stats stats;
	uint32_t cursor = 0;

	spinat_get_stats(engine, &stats);
	MUST(count_flows(engine) == stats.flows);
	MUST(count_ikes(engine) == stats.ike);
	MUST(count_peers(engine) == stats.peers);
	while (spinat_next_claim(engine, &cursor, &claim) != SPINAT_WALK_END)
		;
}
