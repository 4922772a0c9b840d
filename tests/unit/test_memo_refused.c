/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is not put back: impossible values, what finds no room, what the
 * configuration does not have any more.
 */
#include <errno.h>

#include "journal_fixture.h"
#include "tunnel_fixture.h"

static struct spinat_memo good_esp(void)
{
	return (struct spinat_memo){
	    .kind = SPINAT_MEMO_ESP_IN,
	    .state = SPINAT_MEMO_BOUND,
	    .inside = wire32(INSIDE1),
	    .public_address = wire32(PUBLIC),
	    .remote = wire32(REMOTE1),
	    .age = 100 * SPINAT_SECOND,
	    .idle = {SPINAT_NEVER, 10 * SPINAT_SECOND},
	    .packets = {0, 5},
	    .bytes = {0, 500},
	    .spi = wire32(256),
	    .highest_sequence = 5,
	};
}

static struct spinat_memo good_ike(void)
{
	return (struct spinat_memo){
	    .kind = SPINAT_MEMO_IKE,
	    .state = SPINAT_MEMO_ESTABLISHED,
	    .inside = wire32(INSIDE1),
	    .public_address = wire32(PUBLIC),
	    .remote = wire32(REMOTE1),
	    .age = 100 * SPINAT_SECOND,
	    .idle = {10 * SPINAT_SECOND, 20 * SPINAT_SECOND},
	    .packets = {2, 2},
	    .initiator_spi = {1},
	    .responder_spi = {2},
	    .version = 2,
	    .protected_from = 3,
	    .public_port = wire16(500),
	};
}

static void refuse(const struct spinat_memo *memo, int expected, int line)
{
	struct nat *nat = nat_start_default();
	const int got = spinat_restore(nat->engine, nat->now, memo);

	if (got != expected)
		fail_msg("line %d: %d, not %d", line, got, expected);
	/* And nothing of it is there. */
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	assert_int_equal(take(nat), 0);
	nat_stop(nat);
}

/* One value of a good memo changed. */
#define REFUSE(good, expected, change)                                         \
	do {                                                                   \
		struct spinat_memo m = good();                                 \
		change;                                                        \
		refuse(&m, expected, __LINE__);                                \
	} while (0)

static void test_garbage_is_refused(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_memo memo = good_esp();
	(void)state;

	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -EEXIST);
	memo = good_ike();
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -EEXIST);
	memo.responder_spi[0] = 3;
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), 0);
	nat_stop(nat);

	REFUSE(good_esp, -EINVAL, m.gone = true);
	REFUSE(good_esp, -EINVAL, m.kind = SPINAT_MEMO_KINDS);
	REFUSE(good_esp, -EINVAL, m.kind = 255);
	REFUSE(good_esp, -EINVAL, m.state = SPINAT_MEMO_PAIRED);
	REFUSE(good_esp, -EINVAL, m.state = SPINAT_MEMO_UNANSWERED);
	REFUSE(good_esp, -EINVAL, m.state = 7);
	REFUSE(good_esp, -EINVAL, m.kind = SPINAT_MEMO_ESP_OUT);
	REFUSE(good_esp, -EINVAL, m.inside = wire32(0));
	REFUSE(good_esp, -EINVAL, m.inside = m.remote);
	REFUSE(
	    good_esp, -EINVAL, (m.inside = m.public_address, m.hairpin = true));
	REFUSE(good_esp, -EINVAL, m.remote = wire32(0));
	REFUSE(good_esp, -EINVAL, m.public_address = wire32(0));
	REFUSE(good_esp, -EINVAL, m.spi = wire32(255));
	REFUSE(good_esp, -EINVAL, m.spi = wire32(0));
	REFUSE(good_esp, -EINVAL, m.age = -1);
	REFUSE(good_esp, -EINVAL, m.age = SPINAT_NEVER);
	REFUSE(good_esp, -EINVAL, m.idle[1] = -1);
	REFUSE(good_esp, -EINVAL, m.idle[1] = INT64_MIN);
	REFUSE(good_esp, -EINVAL, m.idle[1] = m.age + 1);
	REFUSE(good_esp, -EINVAL, m.idle[1] = SPINAT_NEVER);
	REFUSE(good_esp, -EINVAL, m.idle[0] = 0);
	REFUSE(good_esp, -EINVAL, m.packets[1] = 0);
	REFUSE(good_esp, -EINVAL, m.packets[1] = UINT64_C(1) << 40);
	REFUSE(good_esp, -EINVAL, m.bytes[1] = UINT64_C(1) << 56);
	REFUSE(good_esp, -EINVAL, m.bytes[1] = INT64_MAX);
	REFUSE(good_esp, -EINVAL, (m.packets[0] = 1, m.idle[0] = 0));
	REFUSE(good_esp, -EINVAL, m.bytes[0] = 1);
	REFUSE(good_esp, -EADDRNOTAVAIL, m.public_address = wire32(PUBLIC2));
	REFUSE(good_esp, -EADDRNOTAVAIL, m.inside = wire32(REMOTE2));
	REFUSE(good_esp, -EADDRNOTAVAIL,
	    m.inside = m.public_address = wire32(PUBLIC2));
	REFUSE(good_esp, -EADDRNOTAVAIL, m.hairpin = true);
	REFUSE(good_esp, -EADDRNOTAVAIL, m.remote = wire32(PUBLIC));

	REFUSE(good_ike, -EINVAL, m.state = SPINAT_MEMO_HALF_OPEN);
	REFUSE(good_ike, -EINVAL, m.state = SPINAT_MEMO_UNANSWERED);
	REFUSE(good_ike, -EINVAL, m.state = SPINAT_MEMO_BOUND);
	REFUSE(good_ike, -EINVAL, m.state = 255);
	REFUSE(good_ike, -EINVAL, m.protected_from = 1);
	REFUSE(good_ike, -EINVAL, m.protected_from = 7);
	REFUSE(good_ike, -EINVAL, m.version = 0);
	REFUSE(good_ike, -EINVAL, m.version = 3);
	REFUSE(good_ike, -EINVAL, m.initiator_spi[0] = 0);
	REFUSE(good_ike, -EINVAL, m.packets[0] = UINT64_C(1) << 32);
	REFUSE(good_ike, -EINVAL, m.public_port = wire16(0));
	REFUSE(good_ike, -EADDRNOTAVAIL, m.public_port = wire16(501));
	REFUSE(good_ike, -EADDRNOTAVAIL, m.public_port = wire16(PORT_LOW - 1));
	REFUSE(good_ike, -EADDRNOTAVAIL, m.public_port = wire16(PORT_HIGH + 1));
	REFUSE(good_esp, -EINVAL, m.public_port = wire16(500));
	REFUSE(good_ike, -EINVAL, (m.packets[0] = 0, m.idle[0] = SPINAT_NEVER));
	REFUSE(good_ike, -ETIME,
	    m.age = m.idle[0] = m.idle[1] = 26 * 3600 * SPINAT_SECOND);
	REFUSE(
	    good_ike, -ETIME, m.age = m.idle[0] = m.idle[1] = SPINAT_NEVER - 1);
}

/* Random bytes, and good memos with some of them changed: whatever is let in
 * is a record as any other, and can be written down again. */
static void test_random_memos(void **state)
{
	uint64_t random = 5;
	struct spinat_config config;
	struct nat *nat;
	unsigned let_in = 0;
	(void)state;

	nat_config(&config);
	config.events = 0;
	nat = nat_start(&config);
	for (int i = 0; i < 200000; i++) {
		struct spinat_memo memo = i % 2 == 0 ? good_esp() : good_ike();
		uint8_t bytes[sizeof memo];
		const unsigned changes = test_below(&random, 4);

		memo.spi.raw = (uint32_t)test_random(&random);
		memcpy(bytes, &memo, sizeof memo);
		for (unsigned c = 0; c < changes; c++)
			bytes[test_below(&random, sizeof memo)] =
			    (uint8_t)test_below(&random, 6);
		memcpy(&memo, bytes, sizeof memo);
		/* A bool has two values only, in any memo. */
		memo.gone = bytes[offsetof(struct spinat_memo, gone)] & 1;
		memo.hairpin = bytes[offsetof(struct spinat_memo, hairpin)] & 1;
		memo.inside_initiated =
		    bytes[offsetof(struct spinat_memo, inside_initiated)] & 1;
		memo.floated = bytes[offsetof(struct spinat_memo, floated)] & 1;
		let_in += spinat_restore(nat->engine, nat->now, &memo) == 0;
		if (i % 64 == 0)
			nat_wait(nat, 1000);
		if (i % 1000 == 0)
			take(nat);
	}
	assert_in_range(let_in, 1000, 200000);
	nat_wait(nat, 8 * 24 * HOUR);
	assert_int_equal(nat_stats(nat).flows, 0);
	assert_int_equal(nat_stats(nat).ike, 0);
	assert_int_equal(nat_stats(nat).peers, 0);
	take(nat);
	assert_int_equal(journal->count, 0);
	nat_stop(nat);
}

/* No room: of flows, of SPIs of one association, of associations. */
static void test_no_room(void **state)
{
	struct spinat_memo memo = good_esp(), ike = good_ike();
	struct spinat_config config;
	struct nat *nat;
	(void)state;

	memo.state = SPINAT_MEMO_CONFIRMED;
	nat_config(&config);
	config.max_flows = 136;
	config.max_peers = 2;
	config.max_ike = 1;
	nat = nat_start(&config);
	for (uint32_t i = 0; i < 129; i++) {
		memo.spi = wire32(0x1000 + i);
		assert_int_equal(spinat_restore(nat->engine, nat->now, &memo),
		    i < 128 ? 0 : -ENOSPC);
	}
	memo.inside = wire32(INSIDE2);
	for (uint32_t i = 0; i < 9; i++) {
		memo.spi = wire32(0x2000 + i);
		assert_int_equal(spinat_restore(nat->engine, nat->now, &memo),
		    i < 8 ? 0 : -ENOSPC);
	}
	memo.inside = ike.inside = wire32(INSIDE3);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &memo), -ENOSPC);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &ike), -ENOSPC);
	ike.inside = wire32(INSIDE1);
	assert_int_equal(spinat_restore(nat->engine, nat->now, &ike), 0);
	ike.responder_spi[0]++;
	assert_int_equal(spinat_restore(nat->engine, nat->now, &ike), -ENOSPC);
	assert_int_equal(nat_stats(nat).peers, 2);
	nat_stop(nat);
	/* IKE SAs of one association. */
	config.max_ike = 100;
	nat = nat_start(&config);
	for (uint8_t i = 1; i <= 65; i++) {
		ike.initiator_spi[0] = i;
		assert_int_equal(spinat_restore(nat->engine, nat->now, &ike),
		    i <= 64 ? 0 : -ENOSPC);
	}
	nat_stop(nat);
}

/* A rule of the configuration makes its candidate again; the journal does
 * not. */
static void test_rules_are_the_configuration_s(void **state)
{
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_IPSEC,
	    .inside = wire32(INSIDE1),
	};
	(void)state;

	for (int with_rule = 0; with_rule < 2; with_rule++) {
		struct nat *nat = nat_start_default();
		struct spinat_memo memo = good_esp();
		struct spinat_peer_info info;
		uint32_t cursor = 0;

		if (with_rule)
			assert_int_equal(
			    spinat_add_redirect(nat->engine, &rule), 0);
		assert_int_equal(
		    spinat_restore(nat->engine, nat->now, &memo), 0);
		assert_int_equal(spinat_next_peer(nat->engine, &cursor, &info),
		    SPINAT_WALK_FOUND);
		assert_int_equal(info.redirected, with_rule);
		assert_int_equal(info.candidate, with_rule);
		/* An association is as old as its oldest record, and ages that
		 * no clock of ours can tell are old. */
		memo.spi = wire32(300);
		memo.age = 30 * 365 * 24 * 3600 * SPINAT_SECOND;
		assert_int_equal(
		    spinat_restore(nat->engine, nat->now, &memo), 0);
		cursor = 0;
		assert_int_equal(spinat_next_peer(nat->engine, &cursor, &info),
		    SPINAT_WALK_FOUND);
		assert_near(
		    nat->now - info.created, 365 * 24 * 3600 * SPINAT_SECOND);
		nat_stop(nat);
	}
}

/* What belonged to a public address that went away is no more written down. */
static void test_address_change(void **state)
{
	struct nat *nat = nat_start_default();
	const spinat_be32 other = wire32(PUBLIC2);
	(void)state;

	establish(nat, INSIDE1, REMOTE1, 1, 4);
	esp_in(nat, REMOTE1, INSIDE1, 0xd0000001, 1);
	take(nat);
	assert_int_equal(journal->count, 2);
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, &other, 1), 0);
	take(nat);
	assert_int_equal(journal->count, 0);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_garbage_is_refused, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_random_memos, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_no_room, journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(test_rules_are_the_configuration_s,
		journal_set_up, journal_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_address_change, journal_set_up, journal_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
