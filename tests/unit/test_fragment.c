/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments, in both directions and any order: later ones go where their first
 * went, and what is held is bounded.
 */
#include "nat_fixture.h"

enum { PARTS = 4, SIZE = 24, PAYLOAD = 88 };

struct cut {
	struct pkt part[PARTS];
};

static void cut_packet(const struct pkt *whole, uint16_t id, struct cut *cut)
{
	struct pkt copy = *whole;

	put16(copy.data + 4, id);
	assert_int_equal(make_fragments(&copy, SIZE, cut->part, PARTS), PARTS);
}

static void make_whole(
    struct pkt *pkt, bool outward, uint16_t port, const uint8_t *payload)
{
	if (outward)
		make_udp(pkt, INSIDE1, 4000, REMOTE1, 53, payload, PAYLOAD - 8);
	else
		make_udp(pkt, REMOTE1, 53, PUBLIC, port, payload, PAYLOAD - 8);
}

/* Puts together what came out, and looks whether it is the datagram that the
 * other side should see, its checksum included. */
static void check_whole(const struct pkt *whole, const uint8_t *const *parts,
    const size_t *lengths, size_t count, uint32_t source, uint32_t destination)
{
	struct pkt together = *whole;
	size_t have = 0;

	for (size_t i = 0; i < count; i++) {
		const size_t at = (get16(parts[i] + 6) & 0x1fff) * 8u;
		assert_int_equal(get16(parts[i] + 2), lengths[i]);
		assert_int_equal(plain_checksum(parts[i], 20, 0), 0);
		assert_int_equal(get32(parts[i] + 12), source);
		assert_int_equal(get32(parts[i] + 16), destination);
		memcpy(together.data + 20 + at, parts[i] + 20, lengths[i] - 20);
		have += lengths[i] - 20;
	}
	assert_int_equal(have, PAYLOAD);
	put32(together.data + 12, source);
	put32(together.data + 16, destination);
	fix_sums(&together);
	/* fix_sums() made a right one: it must be what was there. */
	for (size_t i = 0; i < count; i++)
		if ((get16(parts[i] + 6) & 0x1fff) == 0)
			assert_memory_equal(
			    together.data + 20, parts[i] + 20, 8);
}

/* One order of four fragments. */
static void one_order(bool outward, const unsigned *order)
{
	struct nat *nat = nat_start_default();
	const enum spinat_side side = outward ? SPINAT_INSIDE : SPINAT_OUTSIDE;
	uint8_t payload[PAYLOAD];
	const uint8_t *parts[PARTS];
	size_t lengths[PARTS], count = 0;
	struct pkt whole, opener;
	struct cut cut;
	bool first_seen = false;

	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7);
	make_whole(&opener, true, 0, payload);
	nat_cross(nat, SPINAT_INSIDE, &opener);
	make_whole(&whole, outward, source_port(&opener), payload);
	cut_packet(&whole, 0x7777, &cut);
	for (unsigned i = 0; i < PARTS; i++) {
		struct pkt *part = &cut.part[order[i]];
		first_seen = first_seen || order[i] == 0;
		nat_send(nat, side, part);
		assert_int_equal(part->verdict,
		    first_seen ? SPINAT_TRANSLATED : SPINAT_HELD);
		if (part->verdict != SPINAT_TRANSLATED)
			continue;
		assert_int_equal(part->to, !side);
		parts[count] = part->data;
		lengths[count++] = part->length;
	}
	for (unsigned i = 0; i < nat->emitted; i++) {
		assert_int_equal(nat->emits[i].to, !side);
		parts[count] = nat->emits[i].data;
		lengths[count++] = nat->emits[i].length;
	}
	assert_int_equal(count, PARTS);
	check_whole(&whole, parts, lengths, count, outward ? PUBLIC : REMOTE1,
	    outward ? REMOTE1 : INSIDE1);
	assert_int_equal(nat_stats(nat).fragments_held, 0);
	nat_stop(nat);
}

static void test_every_order(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		const unsigned order[PARTS] = {
		    code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3};
		unsigned seen = 0;
		for (unsigned i = 0; i < PARTS; i++)
			seen |= 1u << order[i];
		if (seen != 15)
			continue;
		one_order(true, order);
		one_order(false, order);
	}
}

static void test_esp_and_ike(void **state)
{
	struct nat *nat = nat_start_default();
	const struct ike ike = {.initiator = 7,
	    .version = 2,
	    .exchange = 34,
	    .flags = 8,
	    .padding = 60};
	struct pkt whole, parts[8];
	size_t count;
	(void)state;

	make_esp(&whole, INSIDE1, REMOTE1, 0x1000, 1);
	count = make_fragments(&whole, 16, parts, COUNT_OF(parts));
	for (size_t i = 0; i < count; i++) {
		nat_cross(nat, SPINAT_INSIDE, &parts[i]);
		assert_int_equal(source_of(&parts[i]), PUBLIC);
	}
	make_esp(&whole, REMOTE1, PUBLIC, 0x2000, 1);
	count = make_fragments(&whole, 16, parts, COUNT_OF(parts));
	for (size_t i = count; i-- > 1;)
		nat_expect(nat, SPINAT_OUTSIDE, &parts[i], SPINAT_HELD,
		    SPINAT_REASON_NONE);
	nat_cross(nat, SPINAT_OUTSIDE, &parts[0]);
	assert_int_equal(nat->emitted, count - 1);
	for (size_t i = 0; i < nat->emitted; i++)
		assert_int_equal(get32(nat->emits[i].data + 16), INSIDE1);
	make_ike(&whole, INSIDE1, REMOTE1, &ike);
	put16(whole.data + 4, 99);
	fix_sums(&whole);
	count = make_fragments(&whole, 48, parts, COUNT_OF(parts));
	for (size_t i = 0; i < count; i++)
		nat_cross(nat, SPINAT_INSIDE, &parts[i]);
	nat_stop(nat);
}

/* What the first one became, the later ones become. */
static void test_fates(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[PAYLOAD] = {0};
	struct pkt whole;
	struct cut cut;
	(void)state;

	/* Passed: to the gateway. */
	make_udp(&whole, REMOTE1, 53, PUBLIC, 22, payload, PAYLOAD - 8);
	cut_packet(&whole, 1, &cut);
	for (unsigned i = 0; i < PARTS; i++)
		nat_expect(nat, SPINAT_OUTSIDE, &cut.part[i], SPINAT_PASSED,
		    SPINAT_REASON_NO_FLOW_PASSED);
	/* Dropped. */
	make_ip(&whole, PROTO_AH, INSIDE1, REMOTE1, payload, PAYLOAD);
	cut_packet(&whole, 2, &cut);
	for (unsigned i = 0; i < PARTS; i++)
		nat_expect(nat, SPINAT_INSIDE, &cut.part[i], SPINAT_DROPPED,
		    SPINAT_REASON_AH);
	/* None of ours needs no first. */
	make_udp(&whole, REMOTE1, 53, REMOTE2, 22, payload, PAYLOAD - 8);
	cut_packet(&whole, 3, &cut);
	nat_expect(nat, SPINAT_OUTSIDE, &cut.part[2], SPINAT_PASSED,
	    SPINAT_REASON_NOT_FOR_US);
	make_udp(&whole, IP(192, 168, 1, 1), 4000, REMOTE1, 53, payload,
	    PAYLOAD - 8);
	cut_packet(&whole, 4, &cut);
	nat_expect(nat, SPINAT_INSIDE, &cut.part[2], SPINAT_PASSED,
	    SPINAT_REASON_NOT_INSIDE);
	nat_stop(nat);
}

/* Held ones whose first is refused are dropped: counted, told of. */
static void test_held_then_dropped(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[PAYLOAD] = {0};
	struct pkt whole;
	struct cut cut;
	(void)state;

	make_ip(&whole, PROTO_AH, INSIDE1, REMOTE1, payload, PAYLOAD);
	cut_packet(&whole, 2, &cut);
	for (unsigned i = PARTS; i-- > 1;)
		nat_expect(nat, SPINAT_INSIDE, &cut.part[i], SPINAT_HELD,
		    SPINAT_REASON_NONE);
	assert_int_equal(nat_stats(nat).fragments_held, PARTS - 1);
	nat->dropped_later = PARTS - 1;
	nat_forget(nat);
	nat_expect(
	    nat, SPINAT_INSIDE, &cut.part[0], SPINAT_DROPPED, SPINAT_REASON_AH);
	assert_int_equal(nat_stats(nat).fragments_held, 0);
	assert_int_equal(nat_events(nat, SPINAT_EVENT_DROPPED), PARTS);
	nat_stop(nat);
}

static void test_timeout(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[PAYLOAD] = {0};
	struct pkt whole;
	struct cut cut;
	(void)state;

	make_whole(&whole, true, 0, payload);
	cut_packet(&whole, 9, &cut);
	nat_expect(
	    nat, SPINAT_INSIDE, &cut.part[1], SPINAT_HELD, SPINAT_REASON_NONE);
	nat_wait(nat, 9.999);
	assert_int_equal(nat_stats(nat).fragments_held, 1);
	nat_wait(nat, 0.5);
	assert_int_equal(nat_stats(nat).fragments_held, 0);
	assert_true(
	    nat_stats(nat).reasons[SPINAT_REASON_FRAGMENT_TIMEOUT] == 1);
	assert_int_equal(nat->emitted, 0);
	nat_stop(nat);
}

static void test_exhaustion(void **state)
{
	struct nat *nat = nat_start_default(); /* 16 datagrams, 32 chunks */
	uint8_t payload[PAYLOAD] = {0};
	unsigned held = 0;
	struct pkt whole;
	struct cut cut;
	(void)state;

	make_whole(&whole, true, 0, payload);
	for (uint16_t id = 0; id < 40; id++) {
		cut_packet(&whole, id, &cut);
		nat_send(nat, SPINAT_INSIDE, &cut.part[1]);
		if (cut.part[1].verdict == SPINAT_HELD)
			held++;
		else
			assert_int_equal(
			    cut.part[1].reason, SPINAT_REASON_FRAGMENT_MEMORY);
	}
	assert_int_equal(held, 16);
	/* First ones still cross; and it heals. */
	cut_packet(&whole, 50, &cut);
	nat_cross(nat, SPINAT_INSIDE, &cut.part[0]);
	nat_wait(nat, 11);
	for (unsigned i = 0; i < 40; i++) {
		cut_packet(&whole, 60, &cut);
		nat_send(nat, SPINAT_INSIDE, &cut.part[1]);
		if (cut.part[1].verdict != SPINAT_HELD)
			break;
		held++;
	}
	assert_int_equal(held, 16 + 32);
	nat_wait(nat, 11);
	cut_packet(&whole, 61, &cut);
	nat_expect(
	    nat, SPINAT_INSIDE, &cut.part[1], SPINAT_HELD, SPINAT_REASON_NONE);
	nat_stop(nat);
}

/* Datagrams of one IP id that differ in anything else are different ones. */
static void test_keys(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[PAYLOAD] = {0};
	struct pkt whole;
	struct cut cut;
	(void)state;

	make_whole(&whole, true, 0, payload);
	cut_packet(&whole, 9, &cut);
	nat_cross(nat, SPINAT_INSIDE, &cut.part[0]);
	for (int other = 0; other < 3; other++) {
		struct pkt part = cut.part[1];
		if (other == 0)
			put32(part.data + 12, INSIDE2);
		else if (other == 1)
			put32(part.data + 16, REMOTE2);
		else
			part.data[9] = PROTO_GRE;
		fix_sums(&part);
		nat_expect(
		    nat, SPINAT_INSIDE, &part, SPINAT_HELD, SPINAT_REASON_NONE);
	}
	nat_cross(nat, SPINAT_INSIDE, &cut.part[1]);
	nat_stop(nat);
}

static void test_attacks(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt pkt;
	(void)state;

	make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN, "abcdefgh", 8);
	put16(pkt.data + 6, 0x2001);
	fix_sums(&pkt);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_FRAGMENT_OVERLAP);
	make_ip(&pkt, PROTO_TCP, INSIDE1, REMOTE1, "0123456789abcdef", 16);
	put16(pkt.data + 6, 0x2000);
	fix_sums(&pkt);
	nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
	    SPINAT_REASON_FRAGMENT_TINY);
	nat_stop(nat);
}

/* Within a hairpin too. */
static void test_hairpin(void **state)
{
	struct nat *nat = nat_start_default();
	uint8_t payload[PAYLOAD] = {0};
	struct pkt whole, server;
	struct cut cut;
	(void)state;

	make_udp(&server, INSIDE2, 5000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &server);
	make_udp(&whole, INSIDE1, 4000, PUBLIC, source_port(&server), payload,
	    PAYLOAD - 8);
	cut_packet(&whole, 9, &cut);
	for (unsigned i = 0; i < PARTS; i++) {
		nat_send(nat, SPINAT_INSIDE, &cut.part[i]);
		assert_true(cut.part[i].verdict == SPINAT_TRANSLATED);
		assert_int_equal(cut.part[i].to, SPINAT_INSIDE);
		assert_int_equal(source_of(&cut.part[i]), PUBLIC);
		assert_int_equal(destination_of(&cut.part[i]), INSIDE2);
	}
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_order),
	    cmocka_unit_test(test_esp_and_ike),
	    cmocka_unit_test(test_fates),
	    cmocka_unit_test(test_held_then_dropped),
	    cmocka_unit_test(test_timeout),
	    cmocka_unit_test(test_exhaustion),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_attacks),
	    cmocka_unit_test(test_hairpin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
