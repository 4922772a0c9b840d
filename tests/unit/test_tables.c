/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of IPsec and of fragments against naive ones: associations by pair
 * and by remote, IKE SAs by their cookies, held fragments in their order.
 */
#include "common.h"

#include "ipsec/ike_sa.h"
#include "ipsec/peer.h"
#include "packet/fragment.h"

static be32 address(uint32_t host)
{
	return be32_from_host(host);
}

/* ------------------------------------------------------------- peers */

#define PEERS 60u

struct peer_model {
	bool live;
	uint32_t inside, remote, number;
};

/* All of a remote's, each once. */
static void check_remote(const struct peers *peers,
    const struct peer_model *model, size_t count, uint32_t remote)
{
	bool seen[PEERS + 1] = {false};
	unsigned listed = 0, expected = 0;

	for (uint32_t p = peer_first_of(peers, address(1), address(remote));
	     p != 0; p = peers->peers[p].next) {
		assert_false(seen[p]);
		seen[p] = true;
		assert_int_equal(be32_to_host(peers->peers[p].remote), remote);
		listed++;
	}
	for (size_t m = 0; m < count; m++)
		if (model[m].live && model[m].remote == remote) {
			assert_true(seen[model[m].number]);
			expected++;
		}
	assert_int_equal(listed, expected);
}

static void test_peers(void **state)
{
	const uint8_t seed[16] = {3};
	struct arena arena = {.base = NULL};
	struct peer_model model[200] = {{false, 0, 0, 0}};
	struct peers peers;
	uint64_t random = 5;
	uint32_t live = 0;
	void *memory;
	(void)state;

	peers_init(&peers, &arena, PEERS, seed);
	memory = test_memory(arena.used);
	arena = (struct arena){.base = memory};
	peers_init(&peers, &arena, PEERS, seed);
	for (int round = 0; round < 40000; round++) {
		const uint32_t at = test_below(&random, 200);
		struct peer_model *one = &model[at];
		const uint32_t inside = 100 + at / 5, remote = 50 + at % 5;
		const uint32_t found = peer_find(
		    &peers, address(inside), address(1), address(remote));

		assert_int_equal(found != 0, one->live);
		if (one->live)
			assert_int_equal(found, one->number);
		if (!one->live) {
			const uint32_t number = peer_open(&peers,
			    address(inside), address(1), address(remote), 0);
			assert_int_equal(number != 0, live < PEERS);
			if (number != 0) {
				*one = (struct peer_model){
				    true, inside, remote, number};
				live++;
			}
		} else if (test_below(&random, 2)) {
			/* Somebody still belongs to it. */
			peers.peers[found].out_count = 1;
			peer_close_if_empty(&peers, found);
			assert_true(peers.peers[found].live);
			peers.peers[found].out_count = 0;
			peer_close_if_empty(&peers, found);
			one->live = false;
			live--;
		} else {
			assert_int_equal(peer_open(&peers, address(inside),
					     address(1), address(remote), 9),
			    found);
		}
		assert_int_equal(peers.live, live);
		check_remote(&peers, model, 200, remote);
	}
	free(memory);
}

/* --------------------------------------------------------------- IKE */

#define SAS 40u

struct sa_model {
	bool live;
	uint32_t number, inside;
	uint8_t initiator[8], responder[8];
};

static uint32_t look_up(const struct ike_table *table, uint32_t inside,
    const uint8_t initiator[8], const uint8_t responder[8], bool exact)
{
	const struct ike_query query = {
	    .key = ike_key(address(1), address(2), initiator),
	    .inside = address(inside),
	    .responder = responder,
	    .exact = exact,
	};

	return ike_find(table, &query, key_hash(&table->seed, &query.key));
}

static void test_ike(void **state)
{
	static const uint8_t zero[8];
	const uint8_t seed[16] = {4};
	struct arena arena = {.base = NULL};
	struct sa_model model[SAS + 1];
	struct ike_table table;
	uint64_t random = 6;
	uint32_t live = 0;
	void *memory;
	(void)state;

	memset(model, 0, sizeof model);
	ike_table_init(&table, &arena, SAS, seed, 0);
	memory = test_memory(arena.used);
	arena = (struct arena){.base = memory};
	ike_table_init(&table, &arena, SAS, seed, 0);
	for (int round = 0; round < 40000; round++) {
		/* Few cookies, so that hosts share them. */
		const uint8_t initiator[8] = {
		    1, 0, 0, 0, 0, 0, 0, (uint8_t)test_below(&random, 12)};
		const uint8_t responder[8] = {
		    2, 0, 0, 0, 0, 0, 0, (uint8_t)test_below(&random, 3)};
		const uint32_t inside = 100 + test_below(&random, 4);
		const uint32_t number =
		    look_up(&table, inside, initiator, responder, true);
		uint32_t expected = 0;

		for (uint32_t m = 1; m <= SAS; m++)
			if (model[m].live && model[m].inside == inside &&
			    memcmp(model[m].initiator, initiator, 8) == 0 &&
			    memcmp(model[m].responder, responder, 8) == 0)
				expected = m;
		assert_int_equal(number, expected);
		/* By the initiator alone: established ones only with a
		 * responder that is open. */
		assert_true((look_up(&table, inside, initiator, zero, false) !=
				0) >= (expected != 0));
		if (expected != 0)
			assert_int_not_equal(look_up(&table, inside, initiator,
						 responder, false),
			    0);
		if (number != 0 && test_below(&random, 3) == 0) {
			ike_close(&table, number);
			model[number].live = false;
			live--;
		} else if (number == 0) {
			const uint32_t made =
			    ike_open(&table, address(1), address(2), initiator);
			assert_int_equal(made != 0, live < SAS);
			if (made == 0)
				continue;
			assert_false(model[made].live);
			model[made].live = true;
			model[made].inside = inside;
			memcpy(model[made].initiator, initiator, 8);
			memcpy(model[made].responder, responder, 8);
			table.sas[made].inside = address(inside);
			memcpy(table.sas[made].responder, responder, 8);
			table.sas[made].state = IKE_ESTABLISHED;
			live++;
		}
		assert_int_equal(table.live, live);
	}
	free(memory);
}

/* Every length of header and every version. */
static void test_ike_parse(void **state)
{
	uint8_t bytes[40] = {1};
	struct ike_message message;
	(void)state;

	bytes[27] = 40;
	for (unsigned version = 0; version < 256; version++)
		for (size_t length = 0; length <= sizeof bytes; length++) {
			uint8_t *exact = malloc(length == 0 ? 1 : length);
			memcpy(exact, bytes, length);
			if (length > 17)
				exact[17] = (uint8_t)version;
			assert_int_equal(ike_parse(&message, exact, length),
			    length >= 28 &&
				(version >> 4 == 1 || version >> 4 == 2));
			free(exact);
		}
	bytes[17] = 0x20;
	bytes[27] = 27; /* a length under the header */
	assert_false(ike_parse(&message, bytes, sizeof bytes));
	bytes[27] = 28;
	assert_true(ike_parse(&message, bytes, sizeof bytes));
	bytes[18] = 34;
	assert_true(ike_parse(&message, bytes, sizeof bytes));
	assert_true(message.initial);
	bytes[15] = 1;
	assert_true(ike_parse(&message, bytes, sizeof bytes));
	assert_false(message.initial);
	for (unsigned next = 0; next < 256; next++) {
		bytes[16] = (uint8_t)next;
		assert_true(ike_parse(&message, bytes, sizeof bytes));
		assert_int_equal(
		    message.is_protected, next == 46 || next == 53);
	}
	bytes[0] = 0;
	assert_false(ike_parse(&message, bytes, sizeof bytes));
}

static void test_ike_states_go_forward(void **state)
{
	struct ike_sa sa = {.state = IKE_UNANSWERED};
	(void)state;

	ike_set_state(&sa, IKE_HALF_OPEN);
	ike_set_state(&sa, IKE_ESTABLISHED);
	assert_int_equal(sa.state, IKE_ESTABLISHED);
	assert_string_equal(ike_state_name(IKE_UNANSWERED), "unanswered");
	assert_string_equal(ike_state_name(IKE_HALF_OPEN), "half-open");
	assert_string_equal(ike_state_name(IKE_ESTABLISHED), "established");
}

/* --------------------------------------------------------- fragments */

#define DATAGRAMS 6u
#define HELD      100u

struct held {
	uint32_t length;
	uint8_t fill;
};

struct fragment_bed {
	struct fragments fragments;
	struct held held[20][HELD];
	unsigned count[20];
	uint32_t number[20]; /* 0: none */
	uint8_t packet[FRAGMENT_MAX + 1];
};

static uint32_t datagram_of(struct fragment_bed *bed, uint16_t id)
{
	uint8_t header[20] = {0x45};
	struct view view = {
	    .ip = header, .side = SPINAT_INSIDE, .protocol = 17};

	store_be16(header + 4, be16_from_host(id));
	view.key.local = address(1);
	view.key.remote = address(2);
	return fragment_datagram(&bed->fragments, &view, 100);
}

static unsigned chunks_of(uint32_t length)
{
	return (length + FRAGMENT_CHUNK - 1) / FRAGMENT_CHUNK;
}

static void test_fragments(void **state)
{
	const uint8_t seed[16] = {5};
	struct arena arena = {.base = NULL};
	struct fragment_bed *bed = test_memory(sizeof *bed);
	uint64_t random = 7;
	unsigned chunks = 0, datagrams = 0, holds = 0, refusals = 0;
	void *memory;
	(void)state;

	fragments_init(&bed->fragments, &arena, DATAGRAMS, seed, 0);
	memory = test_memory(arena.used);
	arena = (struct arena){.base = memory};
	fragments_init(&bed->fragments, &arena, DATAGRAMS, seed, 0);
	for (int round = 0; round < 60000; round++) {
		const uint16_t id = (uint16_t)test_below(&random, 20);
		uint32_t *number = &bed->number[id];

		if (*number == 0) {
			*number = datagram_of(bed, id);
			assert_int_equal(*number != 0, datagrams < DATAGRAMS);
			datagrams += *number != 0;
			continue;
		}
		assert_int_equal(datagram_of(bed, id), *number);
		if (test_below(&random, 3) != 0) {
			const uint32_t length = 20 +
			    test_below(&random,
				test_below(&random, 9) == 0 ? 9000 : 1500);
			const uint8_t fill = (uint8_t)test_random(&random);
			const bool room = bed->count[id] < 64 &&
			    chunks + chunks_of(length) <= 2 * DATAGRAMS;
			memset(bed->packet, fill, length);
			assert_int_equal(fragment_hold(&bed->fragments, *number,
					     bed->packet, length),
			    room);
			holds += room;
			refusals += !room;
			if (!room)
				continue;
			bed->held[id][bed->count[id]++] =
			    (struct held){length, fill};
			chunks += chunks_of(length);
		} else if (bed->count[id] != 0) {
			const struct held *first = &bed->held[id][0];
			assert_int_equal(
			    fragment_take(&bed->fragments, *number),
			    first->length);
			for (uint32_t i = 0; i < first->length; i++)
				assert_int_equal(
				    bed->fragments.whole[i], first->fill);
			chunks -= chunks_of(first->length);
			bed->count[id]--;
			memmove(&bed->held[id][0], &bed->held[id][1],
			    bed->count[id] * sizeof *first);
		} else {
			assert_int_equal(
			    fragment_take(&bed->fragments, *number), 0);
			fragment_end(&bed->fragments, *number);
			*number = 0;
			datagrams--;
		}
	}
	assert_true(holds > 1000 && refusals > 1000);
	free(memory);
	free(bed);
}

/* The largest there is goes in and comes out whole. */
static void test_largest_fragment(void **state)
{
	const uint8_t seed[16] = {5};
	struct arena arena = {.base = NULL};
	struct fragment_bed *bed = test_memory(sizeof *bed);
	uint32_t number;
	void *memory;
	(void)state;

	fragments_init(&bed->fragments, &arena, 40, seed, 0);
	memory = test_memory(arena.used);
	arena = (struct arena){.base = memory};
	fragments_init(&bed->fragments, &arena, 40, seed, 0);
	for (size_t i = 0; i < sizeof bed->packet; i++)
		bed->packet[i] = (uint8_t)(i * 31 >> 3);
	number = datagram_of(bed, 1);
	assert_false(fragment_hold(
	    &bed->fragments, number, bed->packet, FRAGMENT_MAX + 1));
	assert_true(
	    fragment_hold(&bed->fragments, number, bed->packet, FRAGMENT_MAX));
	assert_int_equal(fragment_take(&bed->fragments, number), FRAGMENT_MAX);
	assert_memory_equal(bed->fragments.whole, bed->packet, FRAGMENT_MAX);
	/* And no more than 64 of one datagram, whatever room there is. */
	for (unsigned i = 0; i < 80; i++)
		assert_int_equal(
		    fragment_hold(&bed->fragments, number, bed->packet, 100),
		    i < 64);
	free(memory);
	free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_peers),
	    cmocka_unit_test(test_ike),
	    cmocka_unit_test(test_ike_parse),
	    cmocka_unit_test(test_ike_states_go_forward),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_largest_fragment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
