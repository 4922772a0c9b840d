/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IP id of what leaves: behind one public address no two datagrams have one
 * of which a receiver would put fragments together.
 */
#include "nat_fixture.h"

enum { PARTS = 3, SIZE = 40, PAYLOAD = 104, ID = 0x1234 };
enum { DONT = 0x4000, MORE = 0x2000 };

static uint16_t id_of(const uint8_t *ip)
{
	return get16(ip + 4);
}

/* What a packet must be when it has left: all of it that is not told here is
 * what it was, its checksums added up anew. */
static struct pkt as_it_leaves(const struct pkt *before, uint32_t source,
    uint32_t destination, uint16_t id)
{
	struct pkt pkt = *before;

	put32(pkt.data + 12, source);
	put32(pkt.data + 16, destination);
	put16(pkt.data + 4, id);
	fix_sums(&pkt);
	return pkt;
}

/* The transport of a first one changes also: its port or identifier, and the
 * checksum, which covers what is not here. */
static size_t touched(const uint8_t *ip)
{
	const bool first = (get16(ip + 6) & 0x1fff) == 0;

	if (!first || ip[9] == PROTO_ESP || ip[9] == PROTO_GRE)
		return 0;
	return ip[9] == PROTO_TCP ? 20 : 8;
}

/* Returns the id it left with. */
static uint16_t check_left(const struct pkt *before, const uint8_t *data,
    size_t length, uint32_t source, uint32_t destination)
{
	const uint16_t id = id_of(data);
	const struct pkt want = as_it_leaves(before, source, destination, id);
	const size_t from = 20 + touched(before->data);

	assert_int_equal(length, want.length);
	assert_memory_equal(data, want.data, 20);
	assert_memory_equal(data + from, want.data + from, length - from);
	assert_int_not_equal(id, 0);
	return id;
}

static void make_whole(
    struct pkt *whole, uint8_t protocol, uint32_t from, uint32_t to)
{
	uint8_t payload[PAYLOAD];

	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 5 + from);
	switch (protocol) {
	case PROTO_TCP:
		make_tcp(whole, from, 4000, to, 80, SYN, payload, PAYLOAD - 20);
		break;
	case PROTO_UDP:
		make_udp(whole, from, 4000, to, 53, payload, PAYLOAD - 8);
		break;
	case PROTO_ICMP:
		payload[0] = 8;
		payload[1] = 0;
		make_ip(whole, protocol, from, to, payload, PAYLOAD);
		break;
	default:
		/* Of ESP the first word: another SPI each. */
		make_ip(whole, protocol, from, to, payload, PAYLOAD);
		break;
	}
	put16(whole->data + 4, ID);
	fix_sums(whole);
}

static void swap(unsigned *order, unsigned a, unsigned b)
{
	const unsigned kept = order[a];

	order[a] = order[b];
	order[b] = kept;
}

/* The next order of numbers; false: that was the last. */
static bool next_order(unsigned *order, unsigned count)
{
	unsigned pivot = count - 1, with = count - 1;

	while (pivot > 0 && order[pivot - 1] > order[pivot])
		pivot--;
	if (pivot == 0)
		return false;
	while (order[with] < order[pivot - 1])
		with--;
	swap(order, pivot - 1, with);
	for (unsigned end = count - 1; pivot < end; pivot++, end--)
		swap(order, pivot, end);
	return true;
}

/* Two hosts' datagrams of one id, three fragments each, in one order. */
static void two_hosts(struct nat *nat, uint8_t protocol, const unsigned *order)
{
	struct pkt cut[2][PARTS], whole;
	uint16_t ids[2] = {0};
	unsigned left = 0;

	for (unsigned h = 0; h < 2; h++) {
		make_whole(&whole, protocol, INSIDE1 + h, REMOTE1);
		assert_int_equal(
		    make_fragments(&whole, SIZE, cut[h], PARTS), PARTS);
	}
	nat_forget(nat);
	for (unsigned i = 0; i < 2u * PARTS; i++) {
		const unsigned h = order[i] / PARTS, part = order[i] % PARTS;
		struct pkt pkt = cut[h][part];
		const unsigned emitted = nat->emitted;
		uint16_t id;

		nat_send(nat, SPINAT_INSIDE, &pkt);
		if (pkt.verdict == SPINAT_HELD)
			continue;
		assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
		id = check_left(
		    &cut[h][part], pkt.data, pkt.length, PUBLIC, REMOTE1);
		assert_true(ids[h] == 0 || ids[h] == id);
		ids[h] = id;
		left++;
		for (unsigned e = emitted; e < nat->emitted; e++) {
			const uint8_t *data = nat->emits[e].data;
			const unsigned which =
			    (get16(data + 6) & 0x1fff) * 8u / SIZE;
			assert_int_equal(nat->emits[e].to, SPINAT_OUTSIDE);
			assert_int_equal(
			    check_left(&cut[h][which], data,
				nat->emits[e].length, PUBLIC, REMOTE1),
			    id);
			left++;
		}
	}
	assert_int_equal(left, 2 * PARTS);
	assert_int_not_equal(ids[0], ids[1]);
}

static void test_two_hosts_of_one_id(void **state)
{
	static const uint8_t protocols[] = {
	    PROTO_ESP, PROTO_UDP, PROTO_TCP, PROTO_ICMP};
	(void)state;

	for (size_t p = 0; p < COUNT_OF(protocols); p++) {
		struct nat *nat = nat_start_default();
		unsigned order[2 * PARTS], orders = 0;

		for (unsigned i = 0; i < COUNT_OF(order); i++)
			order[i] = i;
		do {
			two_hosts(nat, protocols[p], order);
			nat_wait(nat, 11); /* the datagrams are forgotten */
			orders++;
		} while (next_order(order, COUNT_OF(order)));
		assert_int_equal(orders, 720);
		nat_stop(nat);
	}
}

/* Whole ones that may be cut on their way, and those that are not. */
static void test_whole_ones(void **state)
{
	static const struct {
		size_t length;
		unsigned flags;
		bool anew;
	} kinds[] = {
	    {576, 0, false},
	    {577, 0, true},
	    {577, DONT, false},
	    {1500, 0, true},
	    {1500, DONT, false},
	    {1500, DONT | MORE, true},
	    {60, MORE, true},
	    {60, DONT | MORE, true},
	};
	struct nat *nat = nat_start_default();
	static uint8_t payload[1500];
	struct pkt before, pkt;
	(void)state;

	for (size_t k = 0; k < COUNT_OF(kinds); k++)
		for (int esp = 0; esp < 2; esp++) {
			if (esp)
				make_ip(&before, PROTO_ESP, INSIDE1, REMOTE1,
				    payload, kinds[k].length - 20);
			else
				make_udp(&before, INSIDE1, 4000, REMOTE1, 53,
				    payload, kinds[k].length - 28);
			if (esp)
				put32(before.data + 20, 0x1000);
			put16(before.data + 4, (uint32_t)(ID + k));
			put16(before.data + 6, kinds[k].flags);
			fix_sums(&before);
			pkt = before;
			nat_cross(nat, SPINAT_INSIDE, &pkt);
			assert_int_equal(
			    check_left(&before, pkt.data, pkt.length, PUBLIC,
				REMOTE1) != ID + k,
			    kinds[k].anew);
		}
	nat_stop(nat);
}

static uint16_t long_one(
    struct nat *nat, uint32_t from, uint32_t to, uint8_t flags, size_t length)
{
	static uint8_t payload[PACKET_ROOM];
	struct pkt pkt;

	make_udp(&pkt, from, 4000, to, 53, payload, length - 28);
	if ((flags & SPINAT_PACKET_CSUM_PARTIAL) != 0)
		make_partial(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	return id_of(pkt.data);
}

/* None comes again before all others have, and zero never does. */
static void test_a_whole_round(void **state)
{
	struct nat *nat = nat_start_default();
	static uint8_t seen[0x10000];
	(void)state;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 1; i < 0x10000; i++) {
			const uint16_t id =
			    long_one(nat, INSIDE1 + i % 3, REMOTE1, 0, 600);
			assert_int_equal(seen[id]++, round);
		}
	assert_int_equal(seen[0], 0);
	nat_stop(nat);
}

/* The segments of a large one go on from its id. */
static void test_large_ones_take_more(void **state)
{
	struct nat *nat = nat_start_default();
	uint16_t first, second;
	(void)state;

	first =
	    long_one(nat, INSIDE1, REMOTE1, SPINAT_PACKET_CSUM_PARTIAL, 4000);
	second = long_one(nat, INSIDE2, REMOTE1, 0, 600);
	assert_true((uint16_t)(second - first) >= 4000 / 536);
	assert_int_equal(
	    (uint16_t)(long_one(nat, INSIDE1, REMOTE1, 0, 600) - second), 1);
	nat_stop(nat);
}

/* Where another remote begins does not tell. */
static void test_sequences_are_apart(void **state)
{
	struct nat *nat = nat_start_default();
	unsigned near = 0;
	uint16_t last = 0;
	(void)state;

	for (uint32_t i = 0; i < 64; i++) {
		const uint16_t id = long_one(nat, INSIDE1, REMOTE1 + i, 0, 600);
		near += (uint16_t)(id - last + 64) < 128;
		last = id;
	}
	assert_true(near < 4);
	nat_stop(nat);
}

/* A first one that comes again, as networks double it, is still of the same
 * datagram; after the datagram's time it is of another. */
static void test_first_comes_again(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt whole, cut[PARTS], pkt;
	uint16_t id;
	(void)state;

	make_whole(&whole, PROTO_ESP, INSIDE1, REMOTE1);
	make_fragments(&whole, SIZE, cut, PARTS);
	pkt = cut[0];
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	id = id_of(pkt.data);
	for (unsigned i = 0; i < PARTS; i++) {
		pkt = cut[i];
		nat_cross(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(id_of(pkt.data), id);
	}
	/* Meanwhile others get others. */
	make_whole(&pkt, PROTO_ESP, INSIDE2, REMOTE1);
	put16(pkt.data + 6, MORE);
	fix_sums(&pkt);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_not_equal(id_of(pkt.data), id);
	nat_wait(nat, 11);
	pkt = cut[0];
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	assert_int_not_equal(id_of(pkt.data), id);
	nat_stop(nat);
}

/* What comes in, what is passed and what is dropped keeps its own. */
static void test_inbound_and_refused(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt whole, cut[PARTS];
	(void)state;

	make_whole(&whole, PROTO_ESP, INSIDE1, REMOTE1);
	nat_cross(nat, SPINAT_INSIDE, &whole);
	make_whole(&whole, PROTO_ESP, REMOTE1, PUBLIC);
	make_fragments(&whole, SIZE, cut, PARTS);
	for (unsigned i = 0; i < PARTS; i++) {
		struct pkt pkt = cut[i];
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(
		    check_left(&cut[i], pkt.data, pkt.length, REMOTE1, INSIDE1),
		    ID);
	}
	/* Of an address that is not inside; nat_send() sees that it stays. */
	make_whole(&whole, PROTO_UDP, IP(192, 168, 1, 1), REMOTE1);
	make_fragments(&whole, SIZE, cut, PARTS);
	for (unsigned i = 0; i < PARTS; i++)
		nat_expect(nat, SPINAT_INSIDE, &cut[i], SPINAT_PASSED,
		    SPINAT_REASON_NOT_INSIDE);
	nat_stop(nat);
}

/* In a hairpin the receiver is an inside host, and what it sees is public. */
static void test_hairpin(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt server, whole, cut[2][PARTS];
	uint16_t ids[2] = {0};
	uint8_t payload[PAYLOAD] = {0};
	(void)state;

	make_udp(&server, INSIDE3, 5000, REMOTE1, 53, "x", 1);
	nat_cross(nat, SPINAT_INSIDE, &server);
	for (unsigned h = 0; h < 2; h++) {
		make_udp(&whole, INSIDE1 + h, 4000, PUBLIC,
		    source_port(&server), payload, PAYLOAD - 8);
		put16(whole.data + 4, ID);
		fix_sums(&whole);
		make_fragments(&whole, SIZE, cut[h], PARTS);
	}
	for (unsigned i = 0; i < 2u * PARTS; i++) {
		const unsigned h = i % 2;
		struct pkt pkt = cut[h][i / 2];
		uint16_t id;

		nat_send(nat, SPINAT_INSIDE, &pkt);
		assert_int_equal(pkt.verdict, SPINAT_TRANSLATED);
		assert_int_equal(pkt.to, SPINAT_INSIDE);
		id = check_left(
		    &cut[h][i / 2], pkt.data, pkt.length, PUBLIC, INSIDE3);
		assert_true(i < 2 || ids[h] == id);
		ids[h] = id;
	}
	assert_int_not_equal(ids[0], ids[1]);
	nat_stop(nat);
}

/* IKE of two inside hosts through the public address, up to a child SA. */
static void agree(struct nat *nat, uint32_t initiator, uint32_t responder)
{
	struct pkt pkt;

	for (unsigned i = 0; i < 4; i++) {
		const bool answer = i % 2 != 0;
		const struct ike ike = {.initiator = 7,
		    .responder = i == 0 ? 0 : 8,
		    .version = 2,
		    .exchange = i < 2 ? 34 : 35,
		    .flags = answer ? 32 : 8,
		    .next_payload = i < 2 ? 33 : 46,
		    .message_id = i / 2,
		    .padding = 60};
		make_ike(&pkt, answer ? responder : initiator, PUBLIC, &ike);
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_TRANSLATED,
		    SPINAT_REASON_NONE);
		assert_int_equal(
		    destination_of(&pkt), answer ? initiator : responder);
	}
}

/* ESP in a hairpin whose owner is not certain: each candidate gets all of it,
 * and nobody sees the sender's own address or id. */
static void test_hairpin_of_esp_with_copies(void **state)
{
	const struct spinat_redirect rule = {
	    .kind = SPINAT_REDIRECT_IPSEC, .inside = wire32(INSIDE2)};
	(void)state;

	for (int turned = 0; turned < 2; turned++) {
		struct nat *nat = nat_start_default();
		unsigned got[2] = {0};
		struct pkt whole, cut[PARTS];
		uint16_t id = 0;

		assert_int_equal(spinat_add_redirect(nat->engine, &rule), 0);
		agree(nat, INSIDE3, INSIDE2);
		make_whole(&whole, PROTO_ESP, INSIDE1, PUBLIC);
		make_fragments(&whole, SIZE, cut, PARTS);
		nat_forget(nat);
		for (unsigned i = 0; i < PARTS; i++) {
			const unsigned part = turned ? PARTS - 1 - i : i;
			struct pkt pkt = cut[part];
			nat_send(nat, SPINAT_INSIDE, &pkt);
			if (pkt.verdict != SPINAT_TRANSLATED) {
				assert_int_equal(pkt.verdict, SPINAT_HELD);
				continue;
			}
			id = check_left(&cut[part], pkt.data, pkt.length,
			    PUBLIC, destination_of(&pkt));
			got[destination_of(&pkt) - INSIDE2] |= 1u << part;
		}
		for (unsigned e = 0; e < nat->emitted; e++) {
			const uint8_t *data = nat->emits[e].data;
			const unsigned part =
			    (get16(data + 6) & 0x1fff) * 8u / SIZE;
			assert_int_equal(
			    check_left(&cut[part], data, nat->emits[e].length,
				PUBLIC, get32(data + 16)),
			    id);
			got[get32(data + 16) - INSIDE2] |= 1u << part;
		}
		assert_int_not_equal(id, ID);
		assert_int_equal(got[0], (1u << PARTS) - 1);
		assert_int_equal(got[1], (1u << PARTS) - 1);
		nat_stop(nat);
	}
}

/* An ICMP error that quotes eight bytes of IKE is told by the id that the
 * message left with. */
static void test_error_about_long_ike(void **state)
{
	struct nat *nat = nat_start_default();
	struct pkt sent[2], pkt;
	(void)state;

	for (uint32_t i = 0; i < 2; i++) {
		const struct ike ike = {.initiator = 7 + i,
		    .version = 2,
		    .exchange = 34,
		    .flags = 8,
		    .padding = 600};
		make_ike(&sent[i], INSIDE1 + i, REMOTE1, &ike);
		put16(sent[i].data + 4, ID);
		fix_sums(&sent[i]);
		nat_cross(nat, SPINAT_INSIDE, &sent[i]);
	}
	assert_int_not_equal(id_of(sent[0].data), id_of(sent[1].data));
	for (uint32_t i = 0; i < 2; i++) {
		make_icmp_error(
		    &pkt, 3, 1, REMOTE1, PUBLIC, 0, sent[i].data, 28);
		nat_cross(nat, SPINAT_OUTSIDE, &pkt);
		assert_int_equal(destination_of(&pkt), INSIDE1 + i);
	}
	nat_stop(nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_hosts_of_one_id),
	    cmocka_unit_test(test_whole_ones),
	    cmocka_unit_test(test_a_whole_round),
	    cmocka_unit_test(test_large_ones_take_more),
	    cmocka_unit_test(test_sequences_are_apart),
	    cmocka_unit_test(test_first_comes_again),
	    cmocka_unit_test(test_inbound_and_refused),
	    cmocka_unit_test(test_hairpin),
	    cmocka_unit_test(test_hairpin_of_esp_with_copies),
	    cmocka_unit_test(test_error_about_long_ike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
