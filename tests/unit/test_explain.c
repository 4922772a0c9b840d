/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine says of why an inbound SPI is whose it is: the walk over
 * claims, one flow's claims, and what a flow of ESP has beside others.
 */
#include "nat_fixture.h"

#define FIRST_SPI 0xd0000001u

static struct ike message(uint32_t host, bool protected, bool response)
{
	return (struct ike){
	    .initiator = 0x1100 + host,
	    .responder = protected || response ? 0x2200 + host : 0,
	    .version = 2,
	    .exchange = protected ? 35 : 34,
	    .flags = response ? 0x20 : 0x08,
	    .next_payload = protected ? 46 : 33,
	    .message_id = protected,
	    .padding = 100,
	};
}

/* IKE of an inside host with the first remote. */
static void establish(struct nat *nat, uint32_t inside)
{
	struct pkt pkt;

	for (int step = 0; step < 4; step++) {
		const bool response = step % 2 != 0;
		const struct ike ike = message(inside, step >= 2, response);

		make_ike(&pkt, response ? REMOTE1 : inside,
		    response ? PUBLIC : REMOTE1, &ike);
		nat_cross(nat, response ? SPINAT_OUTSIDE : SPINAT_INSIDE, &pkt);
	}
}

static void esp_in(struct nat *nat, uint32_t spi, uint32_t sequence)
{
	struct pkt pkt;

	make_esp(&pkt, REMOTE1, PUBLIC, spi, sequence);
	assert_int_equal(
	    nat_send(nat, SPINAT_OUTSIDE, &pkt), SPINAT_TRANSLATED);
}

static void esp_out(struct nat *nat, uint32_t inside)
{
	struct pkt pkt;

	make_esp(&pkt, inside, REMOTE1, 0xc0000001, 1);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
}

/* All claims, by walking; how many. */
static unsigned walk(
    const struct nat *nat, struct spinat_claim_info *claims, unsigned room)
{
	struct spinat_claim_info info;
	uint32_t cursor = 0;
	unsigned count = 0;

	for (;;) {
		switch (spinat_next_claim(nat->engine, &cursor, &info)) {
		case SPINAT_WALK_END:
			return count;
		case SPINAT_WALK_FOUND:
			assert_true(count < room);
			claims[count++] = info;
			break;
		default:
			break;
		}
	}
}

static const struct spinat_claim_info *claim_of(
    const struct spinat_claim_info *claims, unsigned count, uint32_t inside)
{
	for (unsigned i = 0; i < count; i++)
		if (host32(claims[i].inside) == inside)
			return &claims[i];
	fail_msg("no claim of %x", inside);
	return NULL;
}

static void test_sole_has_one_claim_and_then_none(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_claim_info claims[4];
	struct spinat_flow_info flow;
	(void)state;

	establish(nat, INSIDE1);
	nat_wait(nat, 2); /* what it says from now on is an answer */
	esp_in(nat, FIRST_SPI, 1);
	flow = nat_only_flow(nat);
	assert_string_equal(flow.state, "probation");
	assert_string_equal(flow.why, "the only host here that may own it");
	assert_int_equal(flow.candidates, 1);
	assert_int_equal(walk(nat, claims, 4), 1);
	assert_int_equal(claims[0].flow, flow.id);
	assert_true(claims[0].holds && !claims[0].owner);

	nat_wait(nat, 1);
	esp_out(nat, INSIDE1);
	esp_in(nat, FIRST_SPI, 2);
	esp_in(nat, FIRST_SPI, 3);
	assert_int_equal(walk(nat, claims, 4), 0);
	for (uint32_t cursor = 0; nat_next_flow(nat, &cursor, &flow);) {
		assert_non_null(flow.why);
		if (flow.kind == SPINAT_FLOW_ESP_OUT) {
			assert_string_equal(flow.why,
			    "learnt from the inside host's own packet");
			continue;
		}
		assert_string_equal(flow.state, "confirmed");
		assert_string_equal(
		    flow.why, "the only host that may own it has answered");
		assert_int_equal(flow.candidates, 1);
		assert_int_equal(flow.sequence, 3);
	}
	nat_stop(nat);
}

static void test_claims_of_several(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_claim_info claims[4], one;
	const struct spinat_claim_info *first, *second;
	struct spinat_flow_info flow;
	(void)state;

	establish(nat, INSIDE1);
	nat_wait(nat, 3);
	establish(nat, INSIDE2);
	nat_wait(nat, 2);
	esp_in(nat, FIRST_SPI, 1);
	esp_in(nat, FIRST_SPI, 2);
	flow = nat_only_flow(nat);
	assert_int_equal(flow.candidates, 2);
	assert_int_equal(flow.copies, 2);
	assert_int_equal(nat_stats(nat).copies, 2);
	assert_int_equal(nat_stats(nat).probation, 1);

	assert_int_equal(walk(nat, claims, 4), 2);
	first = claim_of(claims, 2, INSIDE1);
	second = claim_of(claims, 2, INSIDE2);
	assert_int_equal(host32(first->spi), FIRST_SPI);
	assert_int_equal(host32(first->remote), REMOTE1);
	assert_int_equal(host32(first->public_address), PUBLIC);
	assert_true(first->holder.raw == flow.inside.address.raw);
	assert_string_equal(first->state, "probation");
	assert_int_equal(first->holds + second->holds, 1);
	assert_int_equal(first->copies + second->copies, 2);
	/* How long before the SPI each agreed, to the tick. */
	assert_in_range(first->agreed_before, 4.8e9, 5.2e9);
	assert_in_range(second->agreed_before, 1.8e9, 2.2e9);
	for (unsigned i = 0; i < 2; i++) {
		int sum = 0;
		for (unsigned row = 0; row < SPINAT_SCORE_ROWS; row++) {
			const int weight = claims[i].rows[row];
			sum += weight;
			assert_int_not_equal(weight != 0 &&
				strcmp(spinat_score_row_text(row, weight),
				    "nothing to say") == 0,
			    1);
		}
		assert_int_equal(claims[i].score, sum);
		assert_true(spinat_get_claim(nat->engine, flow.id, i, &one));
		assert_true(one.inside.raw == claims[i].inside.raw);
	}
	assert_false(spinat_get_claim(nat->engine, flow.id, 2, &one));
	assert_false(spinat_get_claim(nat->engine, 0, 0, &one));
	assert_false(spinat_get_claim(nat->engine, UINT32_MAX, 0, &one));
	nat_stop(nat);
}

static void test_refuted_for_a_minute(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_claim_info claims[4];
	const struct spinat_claim_info *claim = NULL;
	struct pkt got, icmp;
	uint32_t other;
	(void)state;

	establish(nat, INSIDE1);
	establish(nat, INSIDE2);
	nat_wait(nat, 2);
	esp_in(nat, FIRST_SPI, 1);
	assert_int_equal(walk(nat, claims, 4), 2);
	other = host32(claims[claims[0].holds ? 1 : 0].inside);
	assert_int_equal(claim_of(claims, 2, other)->refuted_at, 0);

	nat_wait(nat, 1);
	make_esp(&got, REMOTE1, other, FIRST_SPI, 1);
	make_icmp_error(&icmp, 3, 2, other, REMOTE1, 0, got.data, 28);
	nat_expect(
	    nat, SPINAT_INSIDE, &icmp, SPINAT_DROPPED, SPINAT_REASON_PROVOKED);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_REFUTED), 1);
	for (unsigned i = 0; i < nat->event_count; i++)
		assert_int_equal(host32(nat->events[i].by),
		    nat->events[i].kind == SPINAT_EVENT_REFUTED ? other : 0);

	assert_int_equal(walk(nat, claims, 4), 2);
	claim = claim_of(claims, 2, other);
	assert_true(claim->refuted && !claim->holds);
	assert_in_range(nat->now - claim->refuted_at, 0, 0.2e9);
	nat_wait(nat, 30);
	assert_int_equal(walk(nat, claims, 4), 2);
	assert_true(claim_of(claims, 2, other)->refuted);
	nat_wait(nat, 31);
	if (walk(nat, claims, 4) == 2) {
		claim = claim_of(claims, 2, other);
		assert_false(claim->refuted);
		assert_true(claim->refuted_at != 0);
	}
	nat_stop(nat);
}

/* Many bindings, their claims all seen once, none twice. */
static void test_walk_sees_every_claim_once(void **state)
{
	struct nat *nat = nat_start_default();
	struct spinat_claim_info claims[80];
	(void)state;

	for (uint32_t host = 0; host < 3; host++)
		establish(nat, INSIDE1 + host);
	nat_wait(nat, 1);
	for (uint32_t spi = 0; spi < 20; spi++)
		esp_in(nat, FIRST_SPI + spi, 1);
	assert_int_equal(walk(nat, claims, 80), 60);
	for (unsigned i = 0; i < 60; i++)
		for (unsigned j = 0; j < i; j++)
			assert_false(claims[i].spi.raw == claims[j].spi.raw &&
			    claims[i].inside.raw == claims[j].inside.raw);
	nat_stop(nat);
}

static void test_names_of_rows(void **state)
{
	(void)state;
	for (unsigned row = 0; row < SPINAT_SCORE_ROWS; row++) {
		assert_string_not_equal(spinat_score_row_name(row), "unknown");
		for (unsigned other = 0; other < row; other++)
			assert_string_not_equal(spinat_score_row_name(row),
			    spinat_score_row_name(other));
		assert_string_equal(
		    spinat_score_row_text(row, 0), "nothing to say");
	}
	assert_string_equal(
	    spinat_score_row_name(SPINAT_SCORE_ROWS), "unknown");
	assert_string_equal(
	    spinat_score_row_text(SPINAT_SCORE_ROWS, 1), "nothing to say");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sole_has_one_claim_and_then_none),
	    cmocka_unit_test(test_claims_of_several),
	    cmocka_unit_test(test_refuted_for_a_minute),
	    cmocka_unit_test(test_walk_sees_every_claim_once),
	    cmocka_unit_test(test_names_of_rows),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
