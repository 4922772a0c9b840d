/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings: rings of flows behind one public port, joined and left at random,
 * against a plain count of members; the port goes with the last.
 */
#include "common.h"

#include <netinet/in.h>

#include "flow/mapping.h"

#define FLOWS    200u
#define MAPPINGS 12u

struct bed {
	struct flow_table table;
	struct ports ports;
	void *memory;
	unsigned mapping[FLOWS + 1]; /* 1 .. MAPPINGS; 0: the flow is not */
	unsigned members[MAPPINGS + 1];
	uint64_t random;
};

static void start(struct bed *bed)
{
	const uint8_t seed[16] = {5};
	struct arena arena = {.base = NULL};
	struct arena *arenas[SPINAT_REGIONS];

	memset(bed, 0, sizeof *bed);
	for (int region = 0; region < SPINAT_REGIONS; region++)
		arenas[region] = &arena;
	flow_table_init(&bed->table, arenas, FLOWS, 10, MAPPINGS, seed, 0);
	ports_init(&bed->ports, &arena, 1);
	bed->memory = test_memory(arena.used);
	arena = (struct arena){.base = bed->memory};
	flow_table_init(&bed->table, arenas, FLOWS, 10, MAPPINGS, seed, 0);
	ports_init(&bed->ports, &arena, 1);
}

static struct spinat_endpoint inside_of(unsigned mapping)
{
	return (struct spinat_endpoint){
	    be32_from_host(0x0a000001 + mapping / 3),
	    be16_from_host((uint16_t)(4000 + mapping % 3))};
}

static struct spinat_endpoint public_of(unsigned mapping)
{
	return (struct spinat_endpoint){be32_from_host(0xcb007101),
	    be16_from_host((uint16_t)(20000 + mapping))};
}

static uint8_t protocol_of(unsigned mapping)
{
	return mapping % 2 == 0 ? IPPROTO_UDP : IPPROTO_TCP;
}

static enum port_class class_of(unsigned mapping)
{
	return port_class_of(protocol_of(mapping));
}

static void join(struct bed *bed, unsigned mapping, uint32_t remote)
{
	const struct spinat_endpoint in = inside_of(mapping),
				     out = public_of(mapping);
	const uint32_t sibling =
	    mapping_of_inside(&bed->table, protocol_of(mapping), in);
	const struct flow made = {
	    .protocol = protocol_of(mapping),
	    .side = {{in.address, be32_from_host(remote),
			 .ids.port = {in.port, be16_from_host(53)}},
		{out.address, be32_from_host(remote),
		    .ids.port = {out.port, be16_from_host(53)}}},
	};
	const uint32_t number = flow_table_add(&bed->table, &made);

	if (number == 0) {
		assert_int_equal(bed->table.live, FLOWS);
		return;
	}
	if (bed->members[mapping] == 0) {
		assert_int_equal(sibling, 0);
		assert_true(ports_reserve(&bed->ports, 0, class_of(mapping),
		    (uint16_t)(20000 + mapping)));
		assert_true(mapping_open(&bed->table, number));
	} else {
		assert_int_not_equal(sibling, 0);
		mapping_join(&bed->table, number, sibling);
	}
	bed->mapping[number] = mapping;
	bed->members[mapping]++;
}

static void leave(struct bed *bed, uint32_t number)
{
	const unsigned mapping = bed->mapping[number];

	mapping_leave(&bed->table, &bed->ports, number);
	flow_table_end(&bed->table, number);
	bed->mapping[number] = 0;
	bed->members[mapping]--;
	if (bed->members[mapping] == 0) {
		/* The port is free again. */
		assert_true(ports_reserve(&bed->ports, 0, class_of(mapping),
		    (uint16_t)(20000 + mapping)));
		ports_release(&bed->ports, 0, class_of(mapping),
		    (uint16_t)(20000 + mapping));
	}
}

/* Both look-ups give the head; the ring holds every member once. */
static void check(const struct bed *bed, unsigned mapping)
{
	const uint32_t by_inside = mapping_of_inside(
	    &bed->table, protocol_of(mapping), inside_of(mapping));
	const uint32_t by_public = mapping_of_public(
	    &bed->table, protocol_of(mapping), public_of(mapping));
	unsigned members = 0, heads = 0;
	uint32_t at = by_inside;

	assert_int_equal(by_inside, by_public);
	assert_int_equal(by_inside != 0, bed->members[mapping] != 0);
	/* The other protocol has none on the same numbers. */
	assert_int_equal(mapping_of_inside(&bed->table,
			     protocol_of(mapping + 1), inside_of(mapping)),
	    0);
	if (at == 0)
		return;
	assert_true((bed->table.flows[at].flags & FLOW_HEAD) != 0);
	do {
		const struct flow *flow = &bed->table.flows[at];
		assert_int_equal(bed->mapping[at], mapping);
		assert_true((flow->flags & FLOW_MAPPED) != 0);
		heads += (flow->flags & FLOW_HEAD) != 0;
		assert_int_equal(
		    bed->table.flows[flow->group_next].group_prev, at);
		at = flow->group_next;
		assert_true(++members <= FLOWS);
	} while (at != by_inside);
	assert_int_equal(members, bed->members[mapping]);
	assert_int_equal(heads, 1);
}

static void test_against_model(void **state)
{
	struct bed *bed = test_memory(sizeof *bed);
	unsigned seen = 0;
	(void)state;

	start(bed);
	bed->random = 8;
	for (uint32_t round = 0; round < 60000; round++) {
		const uint32_t number = 1 + test_below(&bed->random, FLOWS);
		/* Phases that fill up and that empty. */
		const bool filling = round / 2000 % 2 == 0;
		unsigned mapping = 1 + test_below(&bed->random, MAPPINGS);

		if (filling || bed->mapping[number] == 0) {
			if (filling || test_below(&bed->random, 3) == 0)
				join(bed, mapping, 0x08000000 + round);
		} else {
			mapping = bed->mapping[number];
			leave(bed, number);
		}
		check(bed, mapping);
		check(bed, 1 + round % MAPPINGS);
		assert_true(bed->table.mappings.used / 2 <= MAPPINGS);
		seen += bed->members[mapping] == 0;
	}
	assert_true(seen > 20);
	free(bed->memory);
	free(bed);
}

/* Each of three may be the head that goes. */
static void test_head_hands_over(void **state)
{
	struct bed *bed = test_memory(sizeof *bed);
	(void)state;

	start(bed);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 3; i++)
			join(bed, 1, 0x08080800 + i);
		for (unsigned i = 0; i < 3; i++) {
			leave(bed,
			    mapping_of_public(
				&bed->table, protocol_of(1), public_of(1)));
			check(bed, 1);
		}
	}
	free(bed->memory);
	free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_against_model),
	    cmocka_unit_test(test_head_hands_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
