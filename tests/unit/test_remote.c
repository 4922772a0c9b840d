/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of remotes against a plain array, and full; what is counted of it.
 */
#include "common.h"

#include "ipsec/peer.h"

enum { MAX = 50, PAIRS = 120 };

static struct remotes make_remotes(void **memory, uint32_t max)
{
	static const uint8_t seed[16] = {1};
	struct arena arena = {0};
	struct remotes remotes;

	remotes_init(&remotes, &arena, max, seed);
	*memory = test_memory(arena.used);
	arena = (struct arena){.base = *memory};
	remotes_init(&remotes, &arena, max, seed);
	return remotes;
}

static be32 public_of(uint32_t pair)
{
	return be32_from_host(0xcb007100 + pair % 3);
}

static be32 address_of(uint32_t pair)
{
	return be32_from_host(0xc6336400 + pair / 3);
}

static void check_new(const struct remote *remote, uint32_t pair)
{
	assert_true(be32_equal(remote->public_address, public_of(pair)));
	assert_true(be32_equal(remote->address, address_of(pair)));
	assert_true(bucket_has(&remote->unknown, REMOTE_UNKNOWN.burst));
	assert_true(bucket_has(&remote->reserve, REMOTE_RESERVE.burst));
	assert_true(bucket_has(&remote->copies, REMOTE_COPIES.burst));
	assert_int_equal(remote->peers, 0);
	assert_int_equal(remote->probation, 0);
}

static void test_model(void **state)
{
	void *memory;
	struct remotes remotes = make_remotes(&memory, MAX);
	uint32_t model[PAIRS] = {0}, live = 0, refused = 0;
	uint64_t random = 1;
	(void)state;

	for (int i = 0; i < 200000; i++) {
		const uint32_t pair = test_below(&random, PAIRS);
		const be32 public_address = public_of(pair);
		const be32 address = address_of(pair);
		uint32_t number;

		assert_int_equal(remote_find(&remotes, public_address, address),
		    model[pair]);
		if (test_below(&random, 2) == 0) {
			number = remote_open(
			    &remotes, public_address, address, (tick)i);
			if (model[pair] != 0) {
				assert_int_equal(number, model[pair]);
				continue;
			}
			refused += number == 0;
			assert_int_equal(number == 0, live == MAX);
			if (number == 0)
				continue;
			live++;
			model[pair] = number;
			check_new(&remotes.remotes[number], pair);
			/* Spend it, so that the next one's must be full anew.
			 */
			remotes.remotes[number].unknown.eighths = 0;
			remotes.remotes[number].peer_count = 1;
		} else if (model[pair] != 0) {
			/* Not while it has an association. */
			remote_close_if_empty(&remotes, model[pair]);
			assert_int_equal(
			    remote_find(&remotes, public_address, address),
			    model[pair]);
			remotes.remotes[model[pair]].peer_count = 0;
			remote_close_if_empty(&remotes, model[pair]);
			model[pair] = 0;
			live--;
		}
	}
	assert_true(refused > 100);
	free(memory);
}

/* How many there are of what is marked follows what ends. */
static void test_counts(void **state)
{
	static const uint8_t seed[16] = {1};
	struct arena arena = {0};
	struct peers peers;
	void *memory;
	uint32_t number;
	(void)state;

	peers_init(&peers, &arena, MAX, seed);
	memory = test_memory(arena.used);
	arena = (struct arena){.base = memory};
	peers_init(&peers, &arena, MAX, seed);
	number = peer_open(
	    &peers, be32_from_host(1), public_of(0), address_of(0), 0);
	peer_set_astray(&peers, number);
	peer_set_astray(&peers, number);
	assert_int_equal(peers.astray, 1);
	peers.remotes.remotes[peers.peers[number].of].single.recognised = true;
	peers.remotes.singles = 1;
	peer_close_if_empty(&peers, number);
	assert_int_equal(peers.astray, 0);
	assert_int_equal(peers.remotes.singles, 0);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model),
	    cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
