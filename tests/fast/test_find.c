/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the programs find flows: where their keys say, by one index or the other,
 * in whichever slot.
 */
#include "fast_fixture.h"

#include "flow/index.h"
#include "flow/key.h"
#include "tests/unit/clients_fixture.h"

/* Of so many flows one would be due at any time. */
static void have_no_probes(struct bed *bed)
{
	bed->away = SPINAT_SECOND;
}

/* The public port is the inside one. */
static struct bed *start_same_ports(void)
{
	struct spinat_config config;

	nat_config(&config);
	config.same_ports = true;
	config.port_low = 1024;
	config.port_high = 65535;
	return fast_start(&config);
}

static void make(struct pkt *pkt, enum spinat_side side, uint16_t port)
{
	if (side == SPINAT_INSIDE)
		make_udp(pkt, INSIDE1, port, REMOTE1, 53, "", 0);
	else
		make_udp(pkt, REMOTE1, 53, PUBLIC, port, "", 0);
}

/* Past all rules in both directions. */
static void open_flow(struct bed *bed, uint16_t port)
{
	for (int side = 0; side < 2; side++) {
		enum answer answer;
		struct pkt pkt;

		make(&pkt, (enum spinat_side)side, port);
		assert_true(
		    fast_cross(bed, (enum spinat_side)side, &pkt, &answer));
	}
	nat_forget(bed->nat);
}

static void assert_found(struct bed *bed, uint16_t port)
{
	for (int side = 0; side < 2; side++) {
		struct pkt pkt;

		make(&pkt, (enum spinat_side)side, port);
		assert_taken(bed, (enum spinat_side)side, &pkt);
	}
}

/* However full the buckets, and in whichever of its two a flow is; with all
 * records used some are nowhere near home. */
static void test_many(void **state)
{
	struct bed *bed = start_same_ports();
	(void)state;

	for (uint16_t i = 0; i < 1000; i++)
		open_flow(bed, (uint16_t)(2000 + i));
	assert_int_equal(nat_stats(bed->nat).flows, 1000);
	have_no_probes(bed);
	for (uint16_t i = 0; i < 1000; i++)
		assert_found(bed, (uint16_t)(2000 + i));
	fast_stop(bed);
}

/* Of a flow from a port of INSIDE1's, as seen by a side. */
static uint64_t hash_of_port(
    const struct spinat_layout *layout, enum spinat_side side, uint16_t port)
{
	struct hash_seed seed = {
	    .add = layout->hash.add, .finish = layout->hash.finish};
	struct key key = {.protocol = PROTO_UDP,
	    .kind = (uint8_t)side,
	    .local = wire32(side == SPINAT_INSIDE ? INSIDE1 : PUBLIC),
	    .remote = wire32(REMOTE1),
	    .ids.port = {be16_from_host(port), be16_from_host(53)}};

	memcpy(seed.times, layout->hash.times, sizeof seed.times);
	return key_hash(&seed, &key);
}

/* Bucket and tag of its outside key, by which it is found by the index alone.
 */
static uint64_t place_of(const struct spinat_layout *layout, uint16_t port)
{
	const struct index index = {.buckets = layout->index.buckets,
	    .number_mask = layout->index.number_mask};
	const uint64_t hash = hash_of_port(layout, SPINAT_OUTSIDE, port);

	return (uint64_t)index_bucket(&index, hash) << 32 |
	    index_tag(&index, hash);
}

static int compare_places(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return one[0] < other[0] ? -1 : one[0] > other[0];
}

/* Two flows of one bucket whose tags are alike: the record decides. */
static void test_alike(void **state)
{
	static uint64_t places[60000][2];
	struct bed *bed = start_same_ports();
	struct spinat_layout layout;
	unsigned pairs = 0;
	(void)state;

	spinat_get_layout(bed->nat->engine, &layout);
	for (unsigned i = 0; i < COUNT_OF(places); i++) {
		places[i][1] = 5000 + i;
		places[i][0] = place_of(&layout, (uint16_t)places[i][1]);
	}
	qsort(places, COUNT_OF(places), sizeof *places, compare_places);
	have_no_probes(bed);
	for (unsigned i = 1; i < COUNT_OF(places); i++) {
		if (places[i][0] != places[i - 1][0])
			continue;
		pairs++;
		open_flow(bed, (uint16_t)places[i - 1][1]);
		open_flow(bed, (uint16_t)places[i][1]);
		assert_found(bed, (uint16_t)places[i - 1][1]);
		assert_found(bed, (uint16_t)places[i][1]);
	}
	assert_int_not_equal(pairs, 0);
	fast_stop(bed);
}

static void out_of(struct bed *bed, uint16_t port, bool is_taken)
{
	struct pkt pkt;

	make(&pkt, SPINAT_INSIDE, port);
	if (is_taken)
		assert_int_equal(fast_run(bed, SPINAT_INSIDE, &pkt), TAKEN);
	else
		assert_left(bed, SPINAT_INSIDE, &pkt, FAST_NO_FLOW);
}

static void clear_region(struct bed *bed, enum spinat_region region)
{
	memset(bed->memory.base[region], 0, bed->memory.size[region]);
}

/* Flows that are where their keys say need no index; of three with one such
 * place two are.  One that is not live is not there. */
static void test_home(void **state)
{
	struct bed *bed = start_same_ports();
	struct spinat_layout layout;
	unsigned found = 0;
	struct flow *first;
	uint16_t ports[3];
	uint32_t home = 0;
	(void)state;

	spinat_get_layout(bed->nat->engine, &layout);
	for (uint16_t port = 2000; found < COUNT_OF(ports); port++) {
		const uint32_t number =
		    flow_home(hash_of_port(&layout, SPINAT_INSIDE, port),
			layout.max_flows);

		/* (The first and the last have no neighbour, maybe.) */
		if (found == 0 ? number == 1 || number == layout.max_flows
			       : number != home)
			continue;
		home = number;
		ports[found++] = port;
		open_flow(bed, port);
		out_of(bed, port, true);
	}
	clear_region(bed, SPINAT_REGION_INDEX);
	out_of(bed, ports[0], true);
	out_of(bed, ports[1], true);
	out_of(bed, ports[2], false);
	first = (struct flow *)bed->memory.base[SPINAT_REGION_FLOWS] + home;
	first->gate &= (uint8_t)~FLOW_LIVE;
	out_of(bed, ports[0], false);
	out_of(bed, ports[1], true);
	fast_stop(bed);
}

/* An inbound SPI, too. */
static void test_home_of_spi(void **state)
{
	struct bed *bed = start_fast();
	enum answer answer;
	struct pkt pkt;
	(void)state;

	bring_up(bed->nat, 1);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 1000);
	assert_true(fast_cross(bed, SPINAT_OUTSIDE, &pkt, &answer));
	clear_region(bed, SPINAT_REGION_SPIS);
	make_esp(&pkt, REMOTE1, PUBLIC, 0x1001, 1001);
	assert_int_equal(fast_run(bed, SPINAT_OUTSIDE, &pkt), TAKEN);
	fast_stop(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_many),
	    FAST_BOTH(test_alike),
	    FAST_BOTH(test_home),
	    FAST_BOTH(test_home_of_spi),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
