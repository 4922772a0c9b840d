/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port allocator against a set of booleans.
 */
#include "common.h"

#include <netinet/in.h>

#include "flow/ports.h"

#define ADDRESSES 3u

struct bed {
	struct ports ports;
	struct random random;
	void *memory;
	uint64_t choices;
	bool taken[ADDRESSES][PORT_CLASSES][65536];
};

static struct bed *start(uint64_t choices)
{
	const uint8_t seed[16] = {1, 2, 3};
	struct bed *bed = test_memory(sizeof *bed);
	struct arena count = {.base = NULL}, arena;

	ports_init(&bed->ports, &count, ADDRESSES);
	bed->memory = test_memory(count.used);
	arena = (struct arena){.base = bed->memory};
	ports_init(&bed->ports, &arena, ADDRESSES);
	random_init(&bed->random, seed);
	bed->choices = choices;
	return bed;
}

static void stop(struct bed *bed)
{
	free(bed->memory);
	free(bed);
}

static bool any_free(
    const struct bed *bed, unsigned a, unsigned c, uint32_t low, uint32_t high)
{
	for (uint32_t port = low; port <= high; port++)
		if (!bed->taken[a][c][port])
			return true;
	return false;
}

static void draw(
    struct bed *bed, unsigned a, unsigned c, uint16_t low, uint16_t high)
{
	uint16_t port = 0;
	const bool got = ports_draw(
	    &bed->ports, a, (enum port_class)c, &bed->random, low, high, &port);

	assert_true(got == any_free(bed, a, c, low, high));
	if (!got)
		return;
	assert_in_range(port, low, high);
	assert_false(bed->taken[a][c][port]);
	bed->taken[a][c][port] = true;
}

static void test_against_model(void **state)
{
	struct bed *bed = start(11);
	(void)state;

	for (int round = 0; round < 40000; round++) {
		const unsigned a = test_below(&bed->choices, ADDRESSES);
		const unsigned c = test_below(&bed->choices, PORT_CLASSES);
		const uint16_t port =
		    (uint16_t)(60000 + test_below(&bed->choices, 300));
		bool *taken = &bed->taken[a][c][port];

		switch (test_below(&bed->choices, 3)) {
		case 0:
			assert_true(ports_reserve(&bed->ports, a,
					(enum port_class)c, port) == !*taken);
			*taken = true;
			break;
		case 1:
			if (*taken)
				ports_release(
				    &bed->ports, a, (enum port_class)c, port);
			*taken = false;
			break;
		default:
			draw(bed, a, c, port,
			    (uint16_t)(port + test_below(&bed->choices, 80)));
			break;
		}
	}
	stop(bed);
}

/* Every port of a range is drawn once, then none; whatever its edges. */
static void test_exhaustion_and_edges(void **state)
{
	static const uint16_t ranges[][2] = {{0, 0}, {65535, 65535}, {0, 65535},
	    {1, 64}, {63, 64}, {64, 127}, {65, 190}, {65472, 65535},
	    {10000, 10000}, {10000, 32767}};
	struct bed *bed = start(12);
	(void)state;

	for (size_t r = 0; r < COUNT_OF(ranges); r++) {
		const uint16_t low = ranges[r][0], high = ranges[r][1];
		for (uint32_t port = low; port <= high; port++) {
			uint16_t drawn;
			assert_true(ports_draw(&bed->ports, 1, PORT_UDP,
			    &bed->random, low, high, &drawn));
			assert_in_range(drawn, low, high);
			assert_false(bed->taken[1][PORT_UDP][drawn]);
			bed->taken[1][PORT_UDP][drawn] = true;
		}
		draw(bed, 1, PORT_UDP, low, high);
		/* The others are untouched. */
		assert_true(ports_reserve(&bed->ports, 1, PORT_TCP, low));
		assert_true(ports_reserve(&bed->ports, 0, PORT_UDP, high));
		ports_release(&bed->ports, 1, PORT_TCP, low);
		ports_release(&bed->ports, 0, PORT_UDP, high);
		memset(&bed->ports.sets[1 * PORT_CLASSES], 0,
		    PORT_CLASSES * sizeof bed->ports.sets[0]);
		memset(bed->taken, 0, sizeof bed->taken);
	}
	stop(bed);
}

/* The last free port of a nearly full range is found, wherever it is. */
static void test_last_one(void **state)
{
	struct bed *bed = start(13);
	(void)state;

	for (uint32_t port = 20000; port <= 20999; port++)
		assert_true(
		    ports_reserve(&bed->ports, 2, PORT_ICMP, (uint16_t)port));
	for (int round = 0; round < 3000; round++) {
		const uint16_t hole =
		    (uint16_t)(20000 + test_below(&bed->choices, 1000));
		uint16_t port;
		ports_release(&bed->ports, 2, PORT_ICMP, hole);
		assert_true(ports_draw(&bed->ports, 2, PORT_ICMP, &bed->random,
		    20000, 20999, &port));
		assert_int_equal(port, hole);
	}
	stop(bed);
}

/* Neighbours in time are unrelated: chi squared of first draws, and of the
 * steps between one draw and the next. */
static void test_draws_are_uniform(void **state)
{
	enum { CELLS = 64, DRAWS = 20000 };
	struct bed *bed = start(14);
	double where[CELLS] = {0}, step[CELLS] = {0};
	double chi_where = 0, chi_step = 0;
	uint16_t last = 10000;
	(void)state;

	for (int i = 0; i < DRAWS; i++) {
		uint16_t port;
		assert_true(ports_draw(&bed->ports, 0, PORT_TCP, &bed->random,
		    10000, 26383, &port));
		where[(port - 10000) / 256]++;
		step[(16384 + port - last) % 16384 / 256]++;
		last = port;
		ports_release(&bed->ports, 0, PORT_TCP, port);
	}
	for (int cell = 0; cell < CELLS; cell++) {
		const double expected = (double)DRAWS / CELLS;
		chi_where += (where[cell] - expected) *
		    (where[cell] - expected) / expected;
		chi_step += (step[cell] - expected) * (step[cell] - expected) /
		    expected;
	}
	/* 63 degrees of freedom: mean 63, standard deviation 11.2. */
	assert_true(chi_where < 120 && chi_where > 20);
	assert_true(chi_step < 120 && chi_step > 20);
	stop(bed);
}

/* The port after a block that is taken is no more likely than others, and the
 * last of a range no less. */
static void test_draws_are_fair(void **state)
{
	struct bed *bed = start(15);
	unsigned after = 0, last = 0;
	uint16_t port;
	(void)state;

	for (uint32_t taken = 10000; taken < 18192; taken++)
		assert_true(
		    ports_reserve(&bed->ports, 0, PORT_TCP, (uint16_t)taken));
	for (int i = 0; i < 8000; i++) {
		assert_true(ports_draw(&bed->ports, 0, PORT_TCP, &bed->random,
		    10000, 26383, &port));
		after += port == 18192;
		ports_release(&bed->ports, 0, PORT_TCP, port);
		assert_true(ports_draw(&bed->ports, 0, PORT_UDP, &bed->random,
		    40000, 40001, &port));
		last += port == 40001;
		ports_release(&bed->ports, 0, PORT_UDP, port);
	}
	assert_true(after < 60);
	assert_in_range(last, 3700, 4300);
	stop(bed);
}

static void test_classes(void **state)
{
	(void)state;
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		const enum port_class class = port_class_of((uint8_t)protocol);
		assert_int_equal(class,
		    protocol == IPPROTO_TCP        ? PORT_TCP
			: protocol == IPPROTO_UDP  ? PORT_UDP
			: protocol == IPPROTO_ICMP ? PORT_ICMP
						   : PORT_CLASSES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_against_model),
	    cmocka_unit_test(test_exhaustion_and_edges),
	    cmocka_unit_test(test_last_one),
	    cmocka_unit_test(test_draws_are_uniform),
	    cmocka_unit_test(test_draws_are_fair),
	    cmocka_unit_test(test_classes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
