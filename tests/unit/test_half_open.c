/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Half-open IKE SAs of each host against a plain list of them in order.
 */
#include "common.h"

#include "ipsec/half_open.h"

enum { MAX = 60, HOSTS = 5 };

struct model {
	uint32_t of[HOSTS][MAX]; /* oldest first */
	uint32_t count[HOSTS];
};

static be32 host(uint32_t number)
{
	return be32_from_host(0x0a000000 + number);
}

static uint32_t open_one(
    struct ike_table *table, uint32_t inside, uint64_t cookie)
{
	uint8_t initiator[8];
	uint32_t number;

	memcpy(initiator, &cookie, sizeof initiator);
	number =
	    ike_open(table, be32_from_host(1), be32_from_host(2), initiator);
	if (number != 0)
		table->sas[number].inside = host(inside);
	return number;
}

static void forget(struct model *model, uint32_t inside, uint32_t place)
{
	uint32_t *of = model->of[inside];

	memmove(of + place, of + place + 1,
	    (model->count[inside] - place - 1) * sizeof *of);
	model->count[inside]--;
}

static uint32_t expected(const struct ike_table *table,
    const struct model *model, uint32_t inside, uint32_t most)
{
	if (model->count[inside] < most)
		return 0;
	for (uint32_t i = 0; i < model->count[inside]; i++)
		if (table->sas[model->of[inside][i]].state == IKE_UNANSWERED)
			return model->of[inside][i];
	return model->of[inside][0];
}

static void check(const struct ike_table *table, const struct model *model)
{
	for (uint32_t inside = 0; inside < HOSTS; inside++)
		for (uint32_t most = 1; most < MAX; most++)
			assert_int_equal(
			    half_open_surplus(table, host(inside), most),
			    expected(table, model, inside, most));
}

static struct ike_table make_table(void **memory)
{
	static const uint8_t seed[16] = {1};
	struct arena arena = {0};
	struct ike_table table;

	ike_table_init(&table, &arena, MAX, seed, 0);
	*memory = test_memory(arena.used);
	arena = (struct arena){.base = *memory};
	ike_table_init(&table, &arena, MAX, seed, 0);
	return table;
}

static void test_model(void **state)
{
	void *memory;
	struct ike_table table = make_table(&memory);
	struct model model = {0};
	uint64_t random = 1;
	(void)state;

	for (uint32_t i = 0; i < 20000; i++) {
		const uint32_t inside = test_below(&random, HOSTS);
		uint32_t *of = model.of[inside];
		const uint32_t count = model.count[inside];

		if (test_below(&random, 2) == 0) {
			const uint32_t number = open_one(&table, inside, i);
			if (number == 0)
				continue;
			half_open_enter(&table, number);
			of[model.count[inside]++] = number;
		} else if (count != 0) {
			const uint32_t place = test_below(&random, count);
			struct ike_sa *sa = &table.sas[of[place]];

			if (sa->state == IKE_UNANSWERED &&
			    test_below(&random, 2) == 0) {
				ike_set_state(sa, IKE_HALF_OPEN);
			} else {
				/* Established, and ended later; or just so. */
				if (test_below(&random, 2) == 0)
					half_open_leave(&table, of[place]);
				ike_close(&table, of[place]);
				forget(&model, inside, place);
			}
		}
		check(&table, &model);
	}
	for (uint32_t inside = 0; inside < HOSTS; inside++)
		for (; model.count[inside] != 0; forget(&model, inside, 0))
			ike_close(&table, model.of[inside][0]);
	assert_int_equal(table.half_open.used, 0);
	assert_int_equal(table.live, 0);
	free(memory);
}

/* What was never entered is no half-open one, and leaves nothing behind. */
static void test_others(void **state)
{
	void *memory;
	struct ike_table table = make_table(&memory);
	const uint32_t one = open_one(&table, 1, 1),
		       two = open_one(&table, 1, 2);
	(void)state;

	assert_int_equal(half_open_surplus(&table, host(1), 1), 0);
	half_open_enter(&table, two);
	half_open_leave(&table, one);
	assert_int_equal(half_open_surplus(&table, host(1), 1), two);
	ike_close(&table, one);
	assert_int_equal(half_open_surplus(&table, host(1), 1), two);
	half_open_leave(&table, two);
	half_open_leave(&table, two);
	assert_int_equal(half_open_surplus(&table, host(1), 1), 0);
	ike_close(&table, two);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model),
	    cmocka_unit_test(test_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
