/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing: every truncation of valid packets, in memory that ends where the
 * packet does, and the exact reason each time.
 */
#include "nat_fixture.h"

#include "packet/parse.h"

static enum spinat_reason parse(
    const struct pkt *pkt, uint32_t length, uint8_t side, struct view *view)
{
	uint8_t *exact = malloc(length == 0 ? 1 : length);
	struct spinat_packet packet = {
	    .data = exact, .length = length, .side = side};
	enum spinat_reason reason;

	memcpy(exact, pkt->data, length);
	memset(view, 0xee, sizeof *view);
	reason = parse_packet(view, &packet);
	if (reason == SPINAT_REASON_NONE) {
		assert_ptr_equal(view->ip, exact);
		assert_true(view->l4 >= exact + 20);
		assert_true(
		    view->l4 + view->l4_length == exact + view->ip_length);
	}
	free(exact);
	return reason;
}

/* The least of a transport that is needed. */
static void check_truncations(const struct pkt *pkt, uint32_t need)
{
	const uint32_t header = (pkt->data[0] & 15u) * 4u;
	struct view view;

	for (uint8_t side = 0; side < 2; side++)
		for (uint32_t length = 0; length <= pkt->length; length++) {
			struct pkt cut = *pkt;
			enum spinat_reason expected =
			    SPINAT_REASON_BAD_TOTAL_LENGTH;
			/* As it stands: the data ends early. */
			if (length < 20)
				expected = SPINAT_REASON_TOO_SHORT;
			else if (length < header)
				expected = SPINAT_REASON_BAD_HEADER_LENGTH;
			else if (length == pkt->length)
				expected = SPINAT_REASON_NONE;
			assert_int_equal(
			    parse(pkt, length, side, &view), expected);
			/* With a total length that says so. */
			if (length < header)
				continue;
			put16(cut.data + 2, length);
			assert_int_equal(parse(&cut, length, side, &view),
			    length - header < need ? SPINAT_REASON_BAD_TRANSPORT
						   : SPINAT_REASON_NONE);
			put16(cut.data + 6, 0x2000);
			assert_int_equal(parse(&cut, length, side, &view),
			    length - header < need ? SPINAT_REASON_FRAGMENT_TINY
						   : SPINAT_REASON_NONE);
			/* Under the header. */
			put16(cut.data + 2, header - 1);
			assert_int_equal(parse(&cut, length, side, &view),
			    SPINAT_REASON_BAD_TOTAL_LENGTH);
		}
}

static void add_options(struct pkt *pkt)
{
	memmove(pkt->data + 60, pkt->data + 20, pkt->length - 20);
	memset(pkt->data + 20, 1, 40);
	pkt->data[0] = 0x4f;
	pkt->length += 40;
	put16(pkt->data + 2, pkt->length);
}

static void test_every_truncation(void **state)
{
	const struct ike ike = {.initiator = 7, .version = 2};
	struct pkt pkt;
	(void)state;

	for (int options = 0; options < 2; options++)
		for (int kind = 0; kind < 6; kind++) {
			uint32_t need = 8;
			if (kind == 0)
				make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53,
				    "0123456789", 10);
			else if (kind == 1)
				make_tcp(&pkt, INSIDE1, 4000, REMOTE1, 80, SYN,
				    "0123", 4);
			else if (kind == 2)
				make_echo(&pkt, 8, INSIDE1, REMOTE1, 1, 1);
			else if (kind == 3)
				make_esp(&pkt, INSIDE1, REMOTE1, 0x1000, 1);
			else if (kind == 4)
				make_ike(&pkt, INSIDE1, REMOTE1, &ike);
			else
				make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1,
				    "0123456789", 10);
			if (kind == 1)
				need = 20;
			if (kind == 5)
				need = 0;
			if (options)
				add_options(&pkt);
			check_truncations(&pkt, need);
		}
}

static void test_header(void **state)
{
	struct view view;
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, "0123456789", 10);
	for (unsigned first = 0; first < 256; first++) {
		const unsigned header = (first & 15) * 4;
		pkt.data[0] = (uint8_t)first;
		assert_int_equal(parse(&pkt, pkt.length, 0, &view),
		    first >> 4 != 4 ? SPINAT_REASON_NOT_IPV4
			: header < 20 || header > pkt.length
			? SPINAT_REASON_BAD_HEADER_LENGTH
			: header + 8 > pkt.length ? SPINAT_REASON_BAD_TRANSPORT
						  : SPINAT_REASON_NONE);
	}
}

static void test_keys(void **state)
{
	const struct ike ike = {.initiator = 7, .version = 2};
	struct view in, out;
	struct pkt pkt;
	(void)state;

	make_udp(&pkt, INSIDE1, 4000, REMOTE1, 53, NULL, 0);
	assert_int_equal(
	    parse(&pkt, pkt.length, SPINAT_INSIDE, &in), SPINAT_REASON_NONE);
	make_udp(&pkt, REMOTE1, 53, INSIDE1, 4000, NULL, 0);
	assert_int_equal(
	    parse(&pkt, pkt.length, SPINAT_OUTSIDE, &out), SPINAT_REASON_NONE);
	/* The same tuple from both sides, but for the side. */
	assert_int_equal(in.key.kind, KEY_INSIDE);
	assert_int_equal(out.key.kind, KEY_OUTSIDE);
	out.key.kind = in.key.kind;
	assert_memory_equal(&in.key, &out.key, sizeof in.key);
	assert_int_equal(be32_to_host(in.key.local), INSIDE1);
	assert_int_equal(be32_to_host(in.key.remote), REMOTE1);
	assert_int_equal(be16_to_host(in.key.ids.port.local), 4000);
	assert_int_equal(be16_to_host(in.key.ids.port.remote), 53);
	assert_int_equal(in.key.extra, 0);
	assert_int_equal(be32_to_host(view_source(&out)), REMOTE1);
	assert_int_equal(be32_to_host(view_destination(&out)), INSIDE1);

	make_echo(&pkt, 8, INSIDE1, REMOTE1, 77, 5);
	parse(&pkt, pkt.length, SPINAT_INSIDE, &in);
	assert_int_equal(in.kind, VIEW_SESSION);
	assert_int_equal(be16_to_host(in.key.ids.port.local), 77);
	assert_int_equal(be16_to_host(in.key.ids.port.remote), 0);
	make_ip(&pkt, PROTO_GRE, INSIDE1, REMOTE1, "0123", 4);
	parse(&pkt, pkt.length, SPINAT_INSIDE, &in);
	assert_int_equal(in.kind, VIEW_SESSION);
	assert_int_equal(in.key.ids.raw, 0);
	make_esp(&pkt, REMOTE1, PUBLIC, 0xabcd0123, 1);
	parse(&pkt, pkt.length, SPINAT_OUTSIDE, &out);
	assert_int_equal(out.kind, VIEW_ESP);
	assert_int_equal(out.key.kind, KEY_OUTSIDE_SPI_IN);
	assert_int_equal(be32_to_host(out.key.ids.spi), 0xabcd0123);
	make_ip(&pkt, PROTO_AH, INSIDE1, REMOTE1, "0123", 4);
	parse(&pkt, pkt.length, SPINAT_INSIDE, &in);
	assert_int_equal(in.kind, VIEW_AH);
	make_ike(&pkt, INSIDE1, REMOTE1, &ike);
	parse(&pkt, pkt.length, SPINAT_INSIDE, &in);
	assert_int_equal(in.kind, VIEW_IKE);
	put16(pkt.data + 6, 1);
	parse(&pkt, pkt.length, SPINAT_INSIDE, &in);
	assert_int_equal(in.kind, VIEW_LATER_FRAGMENT);
	assert_false(in.first_fragment);
}

/* A quote: at least its IP header, all of it, and eight bytes. */
static void test_quotes(void **state)
{
	struct pkt inner, pkt;
	(void)state;

	make_udp(&inner, PUBLIC, 4000, REMOTE1, 53, "0123456789", 10);
	for (int options = 0; options < 2; options++) {
		for (size_t quoted = 0; quoted <= inner.length; quoted++) {
			const uint32_t header = (inner.data[0] & 15u) * 4u;
			struct spinat_packet packet = {.side = SPINAT_OUTSIDE};
			struct quote quote;
			struct view view;
			make_icmp_error(
			    &pkt, 3, 1, REMOTE1, PUBLIC, 0, inner.data, quoted);
			packet.data = malloc(pkt.length);
			packet.length = pkt.length;
			memcpy(packet.data, pkt.data, pkt.length);
			assert_int_equal(
			    parse_packet(&view, &packet), SPINAT_REASON_NONE);
			assert_int_equal(view.kind, VIEW_ICMP_ERROR);
			assert_int_equal(
			    parse_quote(&view, &quote), quoted >= header + 8);
			free(packet.data);
		}
		add_options(&inner);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_truncation),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_quotes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
