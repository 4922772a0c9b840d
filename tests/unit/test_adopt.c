/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An engine that goes on with the tables of one that was stopped anywhere:
 * everything lives in the shared regions, which a fast path reads meanwhile.
 */
#include "clients_fixture.h"

#define FLOW_BYTES 64u
#define READ_BYTES 34u /* of a record, by a fast path */

static uint8_t *region(const struct nat *nat, enum spinat_region which)
{
	return nat->shared.base[which];
}

static uint8_t *record(const struct nat *nat, uint32_t number)
{
	return region(nat, SPINAT_REGION_FLOWS) + FLOW_BYTES * number;
}

/* The nth record that is in use. */
static uint32_t nth(const struct nat *nat, unsigned n)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	do
		assert_true(nat_next_flow(nat, &cursor, &info));
	while (n-- != 0);
	return info.id;
}

/* Another engine, with another memory of its own and the same tables.  The
 * random half of the seed is another one after a restart. */
static struct nat *go_on(struct nat *before, struct spinat_config *config,
    struct spinat_adoption *adoption, const struct spinat_redirect *rule)
{
	struct spinat_memory memory = before->shared;
	struct nat *nat;

	free(memory.base[SPINAT_REGION_ENGINE]);
	memory.base[SPINAT_REGION_ENGINE] =
	    test_memory(memory.size[SPINAT_REGION_ENGINE]);
	config->seed[20] = 77;
	nat = nat_start_in(config, &memory, before->now);
	nat->shared = memory;
	memset(&before->shared, 0, sizeof before->shared);
	nat_stop(before);
	if (rule != NULL)
		assert_int_equal(spinat_add_redirect(nat->engine, rule), 0);
	spinat_adopt(nat->engine, nat->now, adoption);
	return nat;
}

static struct nat *restart(struct nat *before, struct spinat_adoption *adoption)
{
	struct spinat_config config = before->config;

	return go_on(before, &config, adoption, NULL);
}

static struct nat *start_small(void)
{
	struct spinat_config config;

	nat_config(&config);
	return nat_start_shared(&config);
}

static uint16_t udp_out(struct nat *nat, uint32_t from, uint16_t port)
{
	struct pkt pkt;

	make_udp(&pkt, from, port, REMOTE1, 53, "q", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	return source_port(&pkt);
}

static void udp_in(struct nat *nat, uint16_t port, uint32_t to)
{
	struct pkt pkt;

	make_udp(&pkt, REMOTE1, 53, PUBLIC, port, "a", 1);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	assert_int_equal(destination_of(&pkt), to);
}

static uint16_t tcp_out(struct nat *nat, uint16_t port, uint8_t flags)
{
	struct pkt pkt;

	make_tcp(&pkt, INSIDE1, port, REMOTE1, 80, flags, "", 0);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	return source_port(&pkt);
}

static void tcp_in(struct nat *nat, uint16_t port, uint8_t flags)
{
	struct pkt pkt;

	make_tcp(&pkt, REMOTE1, 80, PUBLIC, port, flags, "", 0);
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
}

static uint16_t ping_out(struct nat *nat, uint16_t id)
{
	struct pkt pkt;

	make_echo(&pkt, 8, INSIDE2, REMOTE2, id, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	return echo_id(&pkt);
}

/* ------------------------------------------------------- nothing is wrong */

static void test_sessions_go_on(void **state)
{
	struct nat *nat = start_small();
	const uint16_t tcp = tcp_out(nat, 4000, SYN);
	const uint16_t echo = ping_out(nat, 7);
	const uint16_t udp = udp_out(nat, INSIDE1, 5000);
	struct spinat_adoption adoption;
	struct pkt pkt;
	(void)state;

	tcp_in(nat, tcp, SYN | ACK);
	(void)tcp_out(nat, 4000, ACK);
	udp_in(nat, udp, INSIDE1);
	/* Another remote through the same mapping, and a protocol of its own.
	 */
	make_udp(&pkt, INSIDE1, 5000, REMOTE2, 53, "q", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), udp);
	make_ip(&pkt, PROTO_GRE, INSIDE2, REMOTE2, "gre", 4);
	nat_cross(nat, SPINAT_INSIDE, &pkt);

	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions, 5);
	assert_int_equal(adoption.refused + adoption.mended + adoption.spis, 0);
	assert_int_equal(nat_stats(nat).flows, 5);
	tcp_in(nat, tcp, ACK);
	assert_int_equal(tcp_out(nat, 4000, ACK), tcp);
	assert_int_equal(ping_out(nat, 7), echo);
	assert_int_equal(udp_out(nat, INSIDE1, 5000), udp);
	udp_in(nat, udp, INSIDE1);
	/* Nobody gets a port that is taken; a third remote gets the mapping's.
	 */
	for (uint16_t port = 1; port < 500; port++)
		assert_int_not_equal(udp_out(nat, INSIDE2, port), udp);
	make_udp(&pkt, INSIDE1, 5000, INSIDE3 - INSIDE1 + REMOTE2, 53, "q", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_equal(source_port(&pkt), udp);
	/* Timers run: FIN both ways ends it soon, the rest when it is idle. */
	tcp_in(nat, tcp, FIN | ACK);
	(void)tcp_out(nat, 4000, FIN | ACK);
	nat_wait(nat, 400);
	assert_int_equal(nat_stats(nat).flows, 1); /* GRE */
	nat_wait(nat, 4000);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

/* Of those that share a port, another one is the head now. */
static void test_a_mapping_has_one_head(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	struct pkt pkt;
	uint16_t port;
	(void)state;

	port = udp_out(nat, INSIDE1, 5000);
	nat_wait(nat, 200);
	make_udp(&pkt, INSIDE1, 5000, REMOTE2, 53, "q", 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	nat_wait(nat, 200); /* the first one ends: the second is the head */
	assert_int_equal(nat_stats(nat).flows, 1);
	assert_true(spinat_grace_begin(nat->engine));
	spinat_grace_end(nat->engine);
	assert_int_equal(udp_out(nat, INSIDE1, 5000), port);
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions, 2);
	nat_wait(nat, 200); /* it ends, and the other one goes on */
	assert_int_equal(nat_stats(nat).flows, 1);
	udp_in(nat, port, INSIDE1);
	nat_wait(nat, 400);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

/* What a fast path reads stays as it is, all the time: here, before and after.
 */
static void test_tables_stay_as_they_are(void **state)
{
	static const enum spinat_region kept[] = {SPINAT_REGION_INDEX,
	    SPINAT_REGION_SPIS, SPINAT_REGION_COUNTERS_INSIDE,
	    SPINAT_REGION_COUNTERS_OUTSIDE};
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	uint8_t *before[COUNT_OF(kept)], *records;
	(void)state;

	bring_up(nat, 3);
	for (uint16_t port = 1; port <= 100; port++)
		udp_in(nat, udp_out(nat, INSIDE1, port), INSIDE1);
	for (unsigned i = 0; i < COUNT_OF(kept); i++) {
		before[i] = test_memory(nat->shared.size[kept[i]]);
		memcpy(
		    before[i], region(nat, kept[i]), nat->shared.size[kept[i]]);
	}
	records = test_memory(nat->shared.size[SPINAT_REGION_FLOWS]);
	memcpy(records, record(nat, 0), nat->shared.size[SPINAT_REGION_FLOWS]);
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions, 100);
	assert_int_equal(adoption.spis, 6);
	assert_int_equal(adoption.mended, 0);
	for (unsigned i = 0; i < COUNT_OF(kept); i++) {
		assert_memory_equal(
		    before[i], region(nat, kept[i]), nat->shared.size[kept[i]]);
		free(before[i]);
	}
	for (unsigned n = 0; n < 106; n++) {
		const uint32_t number = nth(nat, n);

		assert_memory_equal(records + FLOW_BYTES * number,
		    record(nat, number), READ_BYTES);
	}
	free(records);
	nat_stop(nat);
}

static void test_esp_goes_on(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	struct spinat_flow_info in, out;
	(void)state;

	bring_up(nat, 2);
	in = flow_of(nat, 0x1001);
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.spis, 4);
	assert_int_equal(adoption.sessions + adoption.refused, 0);
	assert_state(nat, 0x1001, "confirmed", A);
	assert_state(nat, 0x1002, "confirmed", B);
	out = flow_of_kind(nat, SPINAT_FLOW_ESP_OUT, ~0x1001u);
	assert_string_equal(out.state, "paired");
	assert_true(out.open[SPINAT_INSIDE]);
	assert_true(flow_of(nat, 0x1001).open[SPINAT_OUTSIDE]);
	assert_int_equal(flow_of(nat, 0x1001).sequence, in.sequence);
	assert_int_equal(flow_of(nat, 0x1001).created, in.created);
	assert_int_equal(esp_in(nat, 0x1001, in.sequence + 1), HOST(A));
	assert_int_equal(esp_in(nat, 0x1002, 1000), HOST(B));
	/* It is known again who talks to whom: a new SPI has two candidates. */
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	/* Without IKE it lives as long as an SPI does. */
	nat_wait(nat, 26 * 3600.0);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

/* Of what is in question the journal knows more: it brings it back. */
static void test_esp_in_question_does_not(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	struct sequences sequences;
	(void)state;

	bring_up(nat, 2);
	share(nat, &sequences);
	nat = restart(nat, &adoption);
	assert_string_equal(flow_of(nat, 0x1001).state, "gone");
	assert_state(nat, 0x1002, "confirmed", B);
	assert_int_equal(adoption.refused, 1);
	nat_stop(nat);
}

/* What was watched for its sake is open again. */
static void test_probation_ends(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	(void)state;

	bring_up(nat, 2);
	exchange(nat, B, CHILD, 2);
	(void)esp_in(nat, 0x2000, 1);
	assert_string_equal(flow_of(nat, 0x2000).state, "probation");
	assert_false(flow_of_kind(nat, SPINAT_FLOW_ESP_OUT, ~0x1001u)
			 .open[SPINAT_INSIDE]);
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.spis, 4);
	assert_true(flow_of_kind(nat, SPINAT_FLOW_ESP_OUT, ~0x1001u)
			.open[SPINAT_INSIDE]);
	nat_stop(nat);
}

/* ---------------------------------------------------- stopped in the middle */

/* The slots of the index of sessions. */
static uint32_t *slots(const struct nat *nat, unsigned *count)
{
	*count = (unsigned)(nat->shared.size[SPINAT_REGION_INDEX] / 4);
	return (uint32_t *)(void *)region(nat, SPINAT_REGION_INDEX);
}

static uint32_t number_of(const struct nat *nat, uint32_t slot)
{
	struct spinat_layout layout;

	spinat_get_layout(nat->engine, &layout);
	return slot & layout.index.number_mask;
}

/* An empty slot of a bucket. */
static uint32_t *empty(uint32_t *bucket)
{
	while (*bucket != 0)
		bucket++;
	return bucket;
}

/* The nth slot that names a record; NULL: it has none. */
static uint32_t *slot_of(const struct nat *nat, uint32_t number, unsigned nth)
{
	unsigned count;
	uint32_t *slot = slots(nat, &count);

	for (unsigned i = 0; i < count; i++)
		if (slot[i] != 0 && number_of(nat, slot[i]) == number &&
		    nth-- == 0)
			return &slot[i];
	return NULL;
}

/* Published in one index or none; withdrawn from one; moved, and in both. */
static void test_slots_are_mended(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	uint16_t port[4];
	unsigned count;
	uint32_t *slot, *all, *bucket, moved;
	(void)state;

	for (uint32_t n = 0; n < 4; n++) {
		port[n] = udp_out(nat, INSIDE1, (uint16_t)(1000 + n));
		udp_in(nat, port[n], INSIDE1);
	}
	*slot_of(nat, nth(nat, 0), 0) = 0;
	*slot_of(nat, nth(nat, 1), 0) = 0;
	*slot_of(nat, nth(nat, 1), 0) = 0;
	/* Twice in its bucket. */
	slot = slot_of(nat, nth(nat, 2), 0);
	moved = *slot;
	all = slots(nat, &count);
	bucket = slot - (slot - all) % 16;
	*empty(bucket) = moved;
	/* One of nobody, one of a record beyond all, one where it is not to be.
	 */
	*empty(bucket) = moved ^ 1;
	*empty(bucket) = moved | number_of(nat, UINT32_MAX);
	*empty(bucket + 16) = moved;
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions, 4);
	assert_int_equal(adoption.mended, 3 + 1 + 3);
	for (uint32_t n = 0; n < 4; n++) {
		udp_in(nat, port[n], INSIDE1);
		assert_int_equal(
		    udp_out(nat, INSIDE1, (uint16_t)(1000 + n)), port[n]);
		assert_non_null(slot_of(nat, nth(nat, n), 1));
		assert_null(slot_of(nat, nth(nat, n), 2));
	}
	nat_wait(nat, 1000);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

enum { GATE = 33 };

/* Filled in and found, but not yet live; ended, but still found. */
static void test_what_is_not_live_is_free(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	uint32_t number;
	(void)state;

	(void)udp_out(nat, INSIDE1, 1000);
	(void)udp_out(nat, INSIDE1, 1001);
	number = nth(nat, 0);
	record(nat, number)[GATE] = 0;
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions, 1);
	assert_int_equal(adoption.mended, 2);
	assert_null(slot_of(nat, number, 0));
	/* All but one can be opened. */
	for (uint16_t port = 1; port <= 999; port++)
		(void)udp_out(nat, INSIDE2, port);
	assert_int_equal(nat_stats(nat).flows, 1000);
	nat_stop(nat);
}

static void test_two_with_one_key(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	uint32_t one, other;
	uint16_t port;
	(void)state;

	port = udp_out(nat, INSIDE1, 1000);
	one = nat_only_flow(nat).id;
	(void)udp_out(nat, INSIDE2, 1000);
	other = nth(nat, nth(nat, 0) == one);
	memcpy(record(nat, other), record(nat, one), FLOW_BYTES);
	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions, 1);
	assert_int_equal(adoption.refused, 1);
	udp_in(nat, port, INSIDE1);
	nat_wait(nat, 1000);
	assert_int_equal(nat_stats(nat).flows, 0);
	nat_stop(nat);
}

/* ------------------------------------------------- another configuration */

static void test_another_public_address(void **state)
{
	struct nat *nat = start_small();
	struct spinat_config config = nat->config;
	struct spinat_adoption adoption;
	uint32_t number;
	(void)state;

	bring_up(nat, 1);
	(void)udp_out(nat, INSIDE1, 1000);
	number = nth(nat, 0);
	config.public_addresses[0] = wire32(PUBLIC2);
	nat = go_on(nat, &config, &adoption, NULL);
	assert_int_equal(adoption.sessions + adoption.spis, 0);
	assert_int_equal(adoption.refused, 3);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_null(slot_of(nat, number, 0));
	nat_stop(nat);
}

static void test_another_inside(void **state)
{
	struct nat *nat = start_small();
	struct spinat_config config = nat->config;
	struct spinat_adoption adoption;
	(void)state;

	(void)udp_out(nat, INSIDE1, 1000);
	(void)udp_out(nat, INSIDE2, 1000);
	config.inside[0] =
	    (struct spinat_prefix){.address = wire32(INSIDE2), .length = 32};
	nat = go_on(nat, &config, &adoption, NULL);
	assert_int_equal(adoption.sessions, 1);
	assert_int_equal(adoption.refused, 1);
	nat_stop(nat);
}

static void test_mode_ipsec_only(void **state)
{
	struct nat *nat = start_small();
	struct spinat_config config = nat->config;
	struct spinat_adoption adoption;
	(void)state;

	bring_up(nat, 1);
	(void)tcp_out(nat, 1000, SYN);
	config.mode = SPINAT_MODE_IPSEC_ONLY;
	nat = go_on(nat, &config, &adoption, NULL);
	assert_int_equal(adoption.sessions, 0);
	assert_int_equal(adoption.spis, 2);
	nat_stop(nat);
}

/* A rule that is gone, changed, or the same. */
static void test_rules(void **state)
{
	static const struct {
		uint16_t inside_port;
		bool still;
	} cases[] = {{80, true}, {81, false}, {0, false}};
	(void)state;

	for (unsigned i = 0; i < COUNT_OF(cases); i++) {
		struct spinat_redirect rule = {.kind = SPINAT_REDIRECT_PORT,
		    .protocol = PROTO_TCP,
		    .inside = wire32(INSIDE1),
		    .inside_port = 80,
		    .public_port = 8080,
		    .port_count = 1};
		struct nat *nat = start_small();
		struct spinat_config config = nat->config;
		struct spinat_adoption adoption;
		struct pkt pkt;

		assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
		make_tcp(&pkt, REMOTE1, 999, PUBLIC, 8080, SYN, "", 0);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		rule.inside_port = cases[i].inside_port;
		nat = go_on(nat, &config, &adoption,
		    cases[i].inside_port == 0 ? NULL : &rule);
		assert_int_equal(adoption.sessions, cases[i].still);
		assert_int_equal(adoption.refused, !cases[i].still);
		nat_stop(nat);
	}
}

/* --------------------------------------------------------------- damage */

/* Every byte of a record that a fast path reads, and its state. */
static unsigned damage_each(void (*open)(struct nat *nat), unsigned which)
{
	unsigned refused = 0;

	for (unsigned at = 0; at < READ_BYTES; at++) {
		struct nat *nat = start_small();
		struct spinat_adoption adoption;

		open(nat);
		record(nat, nth(nat, which))[at] ^= 0x10;
		nat = restart(nat, &adoption);
		assert_int_equal(
		    nat_stats(nat).flows, adoption.sessions + adoption.spis);
		refused += adoption.refused;
		nat_stop(nat);
	}
	return refused;
}

static void open_session(struct nat *nat)
{
	(void)udp_out(nat, INSIDE1, 1000);
}

static void open_spis(struct nat *nat)
{
	bring_up(nat, 1);
}

/* All but the gate's byte, which is worked out. */
static void test_a_damaged_record_is_refused(void **state)
{
	(void)state;

	assert_int_equal(damage_each(open_session, 0), READ_BYTES - 1);
	assert_int_equal(damage_each(open_spis, 0), READ_BYTES - 1);
	assert_int_equal(damage_each(open_spis, 1), READ_BYTES - 1);
}

static void use(struct nat *nat, uint64_t *random)
{
	struct spinat_flow_info info;
	uint32_t cursor = 0;

	while (nat_next_flow(nat, &cursor, &info))
		continue;
	for (unsigned i = 0; i < 40; i++) {
		struct pkt pkt;

		make_udp(&pkt, INSIDE1 + test_below(random, 3),
		    (uint16_t)(1000 + test_below(random, 50)), REMOTE1, 53, "q",
		    1);
		(void)nat_send(nat, SPINAT_INSIDE, &pkt);
		make_esp(
		    &pkt, REMOTE1, PUBLIC, 0x1000 + test_below(random, 4), i);
		(void)nat_send(nat, SPINAT_OUTSIDE, &pkt);
		nat_wait(nat, test_below(random, 100));
	}
}

/* Whatever is in the regions, it ends well. */
static void test_any_damage(void **state)
{
	uint64_t random = 1;
	unsigned kept = 0;
	(void)state;

	for (unsigned run = 0; run < 300; run++) {
		struct nat *nat = start_small();
		struct spinat_adoption adoption;

		bring_up(nat, 2);
		for (uint16_t port = 1000; port < 1040; port++)
			udp_in(nat, udp_out(nat, INSIDE1, port), INSIDE1);
		for (unsigned n = 1 + test_below(&random, 200); n > 0; n--) {
			const unsigned which = SPINAT_REGION_FLOWS +
			    test_below(
				&random, SPINAT_REGIONS - SPINAT_REGION_FLOWS);
			const size_t size = nat->shared.size[which];
			/* Most of them where something is. */
			const uint32_t at = test_below(&random,
			    (uint32_t)(run % 2 == 0 && size > 4096 ? 4096
								   : size));

			region(nat, (enum spinat_region)which)[at] =
			    (uint8_t)test_random(&random);
		}
		nat = restart(nat, &adoption);
		kept += adoption.sessions + adoption.spis;
		assert_int_equal(
		    nat_stats(nat).flows, adoption.sessions + adoption.spis);
		use(nat, &random);
		nat_wait(nat, 3600 * 24 * 8);
		assert_int_equal(nat_stats(nat).flows, 0);
		nat_stop(nat);
	}
	assert_in_range(kept, 300 * 10, 300 * 44);
}

/* Nothing at all: what a first start would find in fresh memory. */
static void test_empty(void **state)
{
	struct nat *nat = start_small();
	struct spinat_adoption adoption;
	(void)state;

	nat = restart(nat, &adoption);
	assert_int_equal(adoption.sessions + adoption.spis + adoption.refused +
		adoption.mended,
	    0);
	(void)udp_out(nat, INSIDE1, 1);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sessions_go_on),
	    cmocka_unit_test(test_a_mapping_has_one_head),
	    cmocka_unit_test(test_tables_stay_as_they_are),
	    cmocka_unit_test(test_esp_goes_on),
	    cmocka_unit_test(test_esp_in_question_does_not),
	    cmocka_unit_test(test_probation_ends),
	    cmocka_unit_test(test_slots_are_mended),
	    cmocka_unit_test(test_what_is_not_live_is_free),
	    cmocka_unit_test(test_two_with_one_key),
	    cmocka_unit_test(test_another_public_address),
	    cmocka_unit_test(test_another_inside),
	    cmocka_unit_test(test_mode_ipsec_only),
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_a_damaged_record_is_refused),
	    cmocka_unit_test(test_any_damage),
	    cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
