/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several clients of one gateway, through the public header: probation, its
 * copies, and the mistakes that heal.
 */
#include "clients_fixture.h"

static void test_copies(void **state)
{
	struct nat *nat = start(2);
	const uint64_t copies = nat_stats(nat).copies;
	(void)state;

	exchange(nat, B, CHILD, 2);
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	assert_state(nat, 0x2000, "probation", B);
	assert_int_equal(nat_stats(nat).copies, copies + 1);
	assert_int_equal(nat_stats(nat).probation, 1);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_BOUND), 1);
	/* What is certain has none. */
	assert_int_equal(esp_in(nat, 0x1001, 1000), HOST(A));
	assert_int_equal(esp_in(nat, 0x1002, 1000), HOST(B));
	nat_stop(nat);
}

/* What people are told of an SPI: why, among how many, at what cost. */
static void test_is_explained(void **state)
{
	struct nat *nat = start(3);
	struct spinat_flow_info info;
	(void)state;

	esp_in(nat, 0xd0000001, 1);
	esp_in(nat, 0xd0000001, 2);
	info = flow_of(nat, 0xd0000001);
	assert_string_equal(info.state, "probation");
	assert_int_equal(info.candidates, 3);
	assert_int_equal(info.copies, 4);
	assert_non_null(strstr(info.why, "of several hosts"));
	/* One that was settled long ago. */
	assert_int_equal(flow_of(nat, 0x1001).copies, 0);
	assert_non_null(strstr(flow_of(nat, 0x1001).why, "has answered"));
	nat_stop(nat);
}

static void test_who_agreed_leads(void **state)
{
	static const uint32_t hosts[] = {B, C, A, A, C};
	struct nat *nat = start(3);
	(void)state;

	for (uint32_t i = 0; i < COUNT_OF(hosts); i++) {
		uint32_t sequence = 1;
		exchange(nat, hosts[i], CHILD, 10 + i);
		nat_wait(nat, 0.2);
		assert_int_equal(leader(nat, 0x2000 + i, 1), hosts[i]);
		converse(nat, hosts[i], 0x2000 + i, &sequence);
		nat_wait(nat, 5);
	}
	nat_stop(nat);
}

/* An exchange that one side alone claims, in clear, is none. */
static void test_request_alone_is_weak(void **state)
{
	struct nat *nat = start(2);
	(void)state;

	ike_out(nat, A, protected_of(A, CHILD, INITIATOR, 2));
	exchange(nat, B, CHILD, 2);
	assert_int_equal(leader(nat, 0x2000, 1), B);
	nat_stop(nat);
}

static void test_traffic_ends_copies(void **state)
{
	struct nat *nat = start(3);
	uint32_t sequence = 0;
	uint64_t copies;
	(void)state;

	exchange(nat, B, CHILD, 2);
	converse(nat, B, 0x2000, &sequence);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_CONFIRMED), 1);
	copies = nat_stats(nat).copies;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(esp_in(nat, 0x2000, ++sequence), HOST(B));
		nat_wait(nat, 0.1);
	}
	assert_int_equal(nat_stats(nat).copies, copies);
	assert_int_equal(nat_stats(nat).probation, 0);
	nat_stop(nat);
}

enum { PARTS = 4, PART = 24, WHOLE = 88, HOSTS = 3 };

/* A part as it was sent, but for where it went: what it went as, byte for byte.
 * Notes who has it. */
static void note_part(
    const struct pkt *parts, const uint8_t *data, size_t length, unsigned *got)
{
	const unsigned which = (get16(data + 6) & 0x1fff) * 8u / PART;
	const uint32_t to = get32(data + 16);
	struct pkt want = parts[which];

	assert_true(to == A || to == B || to == C);
	put32(want.data + 16, to);
	fix_sums(&want);
	assert_int_equal(length, want.length);
	assert_memory_equal(data, want.data, length);
	assert_int_equal(got[to - A] & 1u << which, 0);
	got[to - A] |= 1u << which;
}

static void parts_in_order(const unsigned *order)
{
	struct nat *nat = start(HOSTS);
	unsigned got[HOSTS] = {0};
	struct pkt whole, parts[PARTS];
	uint8_t payload[WHOLE];

	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7);
	put32(payload, 0x2000);
	put32(payload + 4, 1);
	exchange(nat, B, CHILD, 2);
	nat_forget(nat);
	make_ip(&whole, PROTO_ESP, REMOTE1, PUBLIC, payload, WHOLE);
	assert_int_equal(make_fragments(&whole, PART, parts, PARTS), PARTS);
	for (unsigned i = 0; i < PARTS; i++) {
		struct pkt part = parts[order[i]];

		nat_send(nat, SPINAT_OUTSIDE, &part);
		if (part.verdict == SPINAT_TRANSLATED)
			note_part(parts, part.data, part.length, got);
		else
			assert_int_equal(part.verdict, SPINAT_HELD);
	}
	for (unsigned e = 0; e < nat->emitted; e++) {
		assert_int_equal(nat->emits[e].to, SPINAT_INSIDE);
		note_part(parts, nat->emits[e].data, nat->emits[e].length, got);
	}
	for (unsigned h = 0; h < HOSTS; h++)
		assert_int_equal(got[h], (1u << PARTS) - 1);
	assert_int_equal(nat_stats(nat).fragments_held, 0);
	nat_stop(nat);
}

/* Each host gets each part once, whatever the order. */
static void test_fragments(void **state)
{
	unsigned orders = 0;
	(void)state;

	for (unsigned code = 0; code < 256; code++) {
		const unsigned order[PARTS] = {
		    code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3};
		unsigned seen = 0;

		for (unsigned i = 0; i < PARTS; i++)
			seen |= 1u << order[i];
		if (seen != 15)
			continue;
		parts_in_order(order);
		orders++;
	}
	assert_int_equal(orders, 24);
}

/* Nor do forged IKE and ESP of its own side alone. */
static void test_junk_makes_no_candidate(void **state)
{
	struct nat *nat = start(2);
	struct ike ike = initial(cookie_of(C));
	(void)state;

	ike_out(nat, C, ike);
	ike_out(nat, C, protected_of(C, AUTH, INITIATOR, 1));
	ike_out(nat, C, protected_of(C, AUTH, RESPONSE, 1));
	ike_out(nat, C, protected_of(C, CHILD, INITIATOR, 2));
	ike_out(nat, C, protected_of(C, CHILD, RESPONSE, 2));
	for (uint32_t i = 1; i < 100; i++) {
		esp_out(nat, C, 0x4000 + i / 10, i);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(esp_in(nat, 0x2000, 1), HOST(A) | HOST(B));
	assert_int_equal(ike_in(nat, rekeyed(INITIATOR)), HOST(A) | HOST(B));
	for (int i = 0; i < 6; i++)
		assert_int_not_equal(
		    only_host(ike_in(nat, initial(0xcccc))), C);
	/* What is certain is in doubt by nothing of that. */
	assert_state(nat, 0x1001, "confirmed", A);
	assert_state(nat, 0x1002, "confirmed", B);
	nat_stop(nat);
}

/* Two clients chose one SPI: in the end both get all of it. */
static void test_same_spi(void **state)
{
	struct nat *nat = start(2);
	struct sequences sequences;
	(void)state;

	share(nat, &sequences);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 1);
	assert_shared(nat, &sequences);
	nat_stop(nat);
}

/* Both begin at once: their sequence numbers go side by side, and neither is
 * believed alone. */
static void test_same_spi_at_once(void **state)
{
	struct nat *nat = start(3);
	uint64_t random = 3;
	uint32_t sequence = 0;
	(void)state;

	exchange(nat, A, CHILD, 2);
	exchange(nat, B, CHILD, 2);
	while (strcmp(sequence == 0 ? "" : flow_of(nat, 0x2000).state,
		   "shared") != 0) {
		assert_true(++sequence < 300);
		assert_true((esp_in(nat, 0x2000, sequence) & HOST(A)) != 0);
		nat_wait(nat, 0.002);
		esp_out(nat, A, 0x4000, sequence);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 300));
		assert_true((esp_in(nat, 0x2000, sequence) & HOST(B)) != 0);
		nat_wait(nat, 0.002);
		esp_out(nat, B, 0x5000, sequence);
		nat_wait(nat, 0.02 + 0.001 * test_below(&random, 300));
		if (sequence > 8)
			assert_string_not_equal(
			    flow_of(nat, 0x2000).state, "confirmed");
	}
	for (int i = 0; i < 300; i++) {
		sequence++;
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(
			    esp_in(nat, 0x2000, sequence), HOST(A) | HOST(B));
	}
	nat_stop(nat);
}

/* One is certain already when the other's first packets come: it takes eight of
 * them to tell that they are not late ones. */
static void test_same_spi_a_little_later(void **state)
{
	struct nat *nat = start(2);
	uint32_t sequence = 0;
	(void)state;

	exchange(nat, A, CHILD, 2);
	converse(nat, A, 0x2000, &sequence);
	for (uint32_t i = 1; i <= 7; i++)
		assert_int_equal(esp_in(nat, 0x2000, i), HOST(A));
	assert_state(nat, 0x2000, "confirmed", A);
	/* So many in 64 are late ones, as often as it takes. */
	for (int turn = 0; turn < 20; turn++) {
		sequence += 65;
		assert_int_equal(esp_in(nat, 0x2000, sequence), HOST(A));
		for (uint32_t i = 1; i <= 7; i++)
			assert_int_equal(
			    esp_in(nat, 0x2000, sequence - i), HOST(A));
	}
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 0);
	assert_int_equal(esp_in(nat, 0x2000, sequence - 8), HOST(A) | HOST(B));
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 1);
	nat_stop(nat);
}

/* An SPI taken for A's, who was the only one, when B's IKE was not seen yet. */
static void test_wrong_binding_heals(void **state)
{
	struct nat *nat = nat_start_default();
	uint32_t sequence = 0;
	(void)state;

	establish(nat, A);
	converse(nat, A, 0x1001, &sequence);
	nat_wait(nat, 100);
	sequence = 0;
	/* A sends all the time. */
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(esp_in(nat, 0x2000, ++sequence), HOST(A));
		nat_wait(nat, 0.01);
		esp_out(nat, A, 0x4000, i);
	}
	assert_state(nat, 0x2000, "confirmed", A);
	establish(nat, B);
	for (uint32_t i = 1; i < 40; i++) {
		esp_out(nat, B, 0x5000, i);
		nat_wait(nat, 0.1);
	}
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DOUBTED), 1);
	converse(nat, B, 0x2000, &sequence);
	assert_state(nat, 0x2000, "confirmed", B);
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_copies),
	    cmocka_unit_test(test_is_explained),
	    cmocka_unit_test(test_who_agreed_leads),
	    cmocka_unit_test(test_request_alone_is_weak),
	    cmocka_unit_test(test_traffic_ends_copies),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_junk_makes_no_candidate),
	    cmocka_unit_test(test_same_spi),
	    cmocka_unit_test(test_same_spi_at_once),
	    cmocka_unit_test(test_same_spi_a_little_later),
	    cmocka_unit_test(test_wrong_binding_heals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
