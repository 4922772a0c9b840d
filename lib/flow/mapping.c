/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/mapping.h"

uint32_t mapping_of_inside(const struct flow_table *table, uint8_t protocol,
    struct spinat_endpoint inside)
{
	const struct key key = {
	    .protocol = protocol,
	    .kind = KEY_MAPPING_INSIDE,
	    .local = inside.address,
	    .ids.port.local = inside.port,
	};
	return flow_table_find_mapping(table, &key);
}

uint32_t mapping_of_public(const struct flow_table *table, uint8_t protocol,
    struct spinat_endpoint public_end)
{
	const struct key key = {
	    .protocol = protocol,
	    .kind = KEY_MAPPING_OUTSIDE,
	    .local = public_end.address,
	    .ids.port.local = public_end.port,
	};
	return flow_table_find_mapping(table, &key);
}

static uint64_t hash_of(const struct flow_table *table, const struct flow *flow,
    enum spinat_side side)
{
	const struct key key = flow_mapping_key(flow, side);

	return key_hash(&table->seed, &key);
}

bool mapping_open(struct flow_table *table, uint32_t number)
{
	struct flow *flow = &table->flows[number];
	const uint64_t inside = hash_of(table, flow, SPINAT_INSIDE);

	if (!index_insert(&table->mappings, inside, number))
		return false;
	if (!index_insert(&table->mappings,
		hash_of(table, flow, SPINAT_OUTSIDE), number)) {
		index_remove(&table->mappings, inside, number);
		return false;
	}
	flow->group_next = flow->group_prev = number;
	flow->flags |= FLOW_MAPPED | FLOW_HEAD;
	return true;
}

void mapping_join(struct flow_table *table, uint32_t number, uint32_t sibling)
{
	struct flow *flow = &table->flows[number];
	struct flow *before = &table->flows[sibling];

	flow->group_next = before->group_next;
	flow->group_prev = sibling;
	table->flows[before->group_next].group_prev = number;
	before->group_next = number;
	flow->flags |= FLOW_MAPPED;
}

void mapping_leave(
    struct flow_table *table, struct ports *ports, uint32_t number)
{
	struct flow *flow = &table->flows[number];
	const uint32_t next = flow->group_next;

	if (next == number) {
		for (int side = 0; side < 2; side++)
			index_remove(&table->mappings,
			    hash_of(table, flow, (enum spinat_side)side),
			    number);
		ports_release(ports, flow->public_number,
		    port_class_of(flow->protocol),
		    be16_to_host(flow->side[SPINAT_OUTSIDE].ids.port.local));
	} else {
		table->flows[flow->group_prev].group_next = next;
		table->flows[next].group_prev = flow->group_prev;
		if ((flow->flags & FLOW_HEAD) != 0) {
			for (int side = 0; side < 2; side++)
				index_replace(&table->mappings,
				    hash_of(
					table, flow, (enum spinat_side)side),
				    number, next);
			table->flows[next].flags |= FLOW_HEAD;
		}
	}
	flow->flags &= (uint8_t) ~(FLOW_MAPPED | FLOW_HEAD);
}
