/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which record a flow gets: every one is used, none twice, none before a grace
 * period has passed, and each flow one of its homes if that is free.
 */
#include "common.h"

#include <netinet/in.h>

#include "flow/table.h"

#define FLOWS 500u

enum record { FREE, LIVE, RESTING, LEAVING };

struct bed {
	struct flow_table table;
	void *memory[SPINAT_REGIONS];
	enum record record[FLOWS + 2]; /* one beside the last, that is none */
	uint32_t counts[LEAVING + 1];
	uint32_t made; /* so many flows, each another one */
	unsigned at_home, at_second, elsewhere;
	uint64_t random;
};

static void lay_out(struct bed *bed, struct arena *const arenas[SPINAT_REGIONS])
{
	const uint8_t seed[16] = {5};

	flow_table_init(&bed->table, arenas, FLOWS, FLOWS, 1, seed, 7);
}

/* In regions of their own, or all in one. */
static struct bed *start(bool is_shared)
{
	struct bed *bed = test_memory(sizeof *bed);
	struct arena parts[SPINAT_REGIONS] = {{0}};
	struct arena *arenas[SPINAT_REGIONS];

	for (int region = 0; region < SPINAT_REGIONS; region++)
		arenas[region] = &parts[is_shared ? region : 0];
	lay_out(bed, arenas);
	for (int region = 0; region < SPINAT_REGIONS; region++) {
		bed->memory[region] = test_memory(parts[region].used + 64);
		parts[region] = (struct arena){.base = bed->memory[region]};
	}
	lay_out(bed, arenas);
	bed->counts[FREE] = FLOWS;
	bed->random = 9;
	return bed;
}

static void stop(struct bed *bed)
{
	for (int region = 0; region < SPINAT_REGIONS; region++)
		free(bed->memory[region]);
	free(bed);
}

static void move(struct bed *bed, uint32_t number, enum record to)
{
	bed->counts[bed->record[number]]--;
	bed->counts[to]++;
	bed->record[number] = to;
}

/* A session, or an inbound SPI: the one's home is where its inside key says,
 * the other's where its outside key does. */
static struct flow make(struct bed *bed)
{
	const bool is_spi = test_below(&bed->random, 3) == 0;
	const be32 id = be32_from_host(1000 + bed->made++);
	struct flow made = {
	    .protocol = is_spi ? IPPROTO_ESP : IPPROTO_UDP,
	    .key_kind = is_spi ? KEY_INSIDE_SPI_IN : KEY_INSIDE,
	    .state = is_spi ? FLOW_CONFIRMED : FLOW_NEW,
	    .created = 7,
	};

	for (int side = 0; side < 2; side++)
		made.side[side] =
		    (struct flow_side){be32_from_host(1 + (uint32_t)side),
			be32_from_host(9), .ids.spi = id};
	return made;
}

static uint64_t hash_at_home(const struct bed *bed, const struct flow *flow)
{
	const bool is_spi = flow->protocol == IPPROTO_ESP;
	const struct key key =
	    flow_key(flow, is_spi ? SPINAT_OUTSIDE : SPINAT_INSIDE);

	assert_int_equal(key.kind, is_spi ? KEY_OUTSIDE_SPI_IN : KEY_INSIDE);
	return key_hash(&bed->table.seed, &key);
}

static bool is_free(const struct bed *bed, uint32_t number)
{
	return number > 0 && number <= FLOWS && bed->record[number] == FREE;
}

static void assert_is_at_home(
    struct bed *bed, const struct flow *made, uint32_t number)
{
	const uint32_t home = flow_home(hash_at_home(bed, made), FLOWS);
	const uint32_t second = flow_second_home(home);

	assert_in_range(home, 1, FLOWS);
	if (is_free(bed, home)) {
		assert_int_equal(number, home);
		bed->at_home++;
	} else if (is_free(bed, second)) {
		assert_int_equal(number, second);
		bed->at_second++;
	} else {
		bed->elsewhere++;
	}
}

static void add(struct bed *bed)
{
	const struct flow made = make(bed);
	const uint32_t number = flow_table_add(&bed->table, &made);

	if (bed->counts[FREE] == 0) {
		assert_int_equal(number, 0);
		return;
	}
	assert_true(is_free(bed, number));
	if (bed->table.is_shared)
		assert_is_at_home(bed, &made, number);
	move(bed, number, LIVE);
	for (int side = 0; side < 2; side++) {
		const struct key key = flow_key(&made, (enum spinat_side)side);

		assert_int_equal(number,
		    flow_table_find(
			&bed->table, &key, key_hash(&bed->table.seed, &key)));
	}
}

/* The first in this state after some number. */
static uint32_t some(struct bed *bed, enum record state)
{
	uint32_t number = 1 + test_below(&bed->random, FLOWS);

	while (bed->record[number] != state)
		number = number % FLOWS + 1;
	return number;
}

static void end(struct bed *bed)
{
	uint32_t number;

	if (bed->counts[LIVE] == 0)
		return;
	number = some(bed, LIVE);
	flow_table_end(&bed->table, number);
	assert_false(flow_is_live(&bed->table.flows[number]));
	move(bed, number, bed->table.is_shared ? RESTING : FREE);
}

static void move_all(struct bed *bed, enum record from, enum record to)
{
	while (bed->counts[from] != 0)
		move(bed, some(bed, from), to);
}

static void begin_grace(struct bed *bed)
{
	const bool can = bed->counts[RESTING] != 0 && bed->counts[LEAVING] == 0;

	assert_int_equal(flow_table_grace_begin(&bed->table), can);
	if (can)
		move_all(bed, RESTING, LEAVING);
}

static void end_grace(struct bed *bed)
{
	flow_table_grace_end(&bed->table);
	move_all(bed, LEAVING, FREE);
}

static void run(bool is_shared, unsigned adds)
{
	struct bed *bed = start(is_shared);

	for (int step = 0; step < 30000; step++) {
		const unsigned what = test_below(&bed->random, 1000);

		if (what < adds)
			add(bed);
		else if (what < 980)
			end(bed);
		else if (what < 990)
			begin_grace(bed);
		else
			end_grace(bed);
		assert_int_equal(bed->table.live, bed->counts[LIVE]);
		if (!is_shared)
			assert_true(bed->table.highest <= bed->made);
	}
	if (is_shared)
		assert_true(bed->at_home > 1000 && bed->at_second > 100 &&
		    bed->elsewhere > 100);
	stop(bed);
}

static void test_beside_readers(void **state)
{
	(void)state;
	run(true, 500); /* some hundred at a time */
	run(true, 600); /* mostly full */
}

/* No more memory is touched than there were flows at a time. */
static void test_alone(void **state)
{
	struct bed *bed = start(false);
	(void)state;

	for (unsigned i = 0; i < 40; i++)
		add(bed);
	for (unsigned i = 0; i < 10000; i++) {
		end(bed);
		add(bed);
	}
	assert_int_equal(bed->table.highest, 40);
	stop(bed);
	run(false, 500);
	run(false, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_beside_readers),
	    cmocka_unit_test(test_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
