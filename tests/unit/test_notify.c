/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications in clear, byte by byte, of both versions, cut at every length.
 */
#include "common.h"

#include "ipsec/notify.h"

enum { HEADER = 28, ROOM = 400 };

struct bytes {
	uint8_t data[ROOM];
	size_t length;
};

static void put(struct bytes *bytes, const uint8_t *from, size_t count)
{
	assert_true(bytes->length + count <= ROOM);
	memcpy(bytes->data + bytes->length, from, count);
	bytes->length += count;
}

/* RFC 2408 3.1 and 3.14, RFC 7296 3.1 and 3.10. */
static struct bytes make(uint8_t version, uint8_t next_payload, uint16_t type,
    uint8_t spi_size, const uint8_t *after, size_t count)
{
	struct bytes bytes = {.length = HEADER};
	const uint8_t generic[] = {0, 0, 0, 0};
	const uint8_t doi[] = {0, 0, 0, 1};
	const uint8_t rest[] = {
	    3, spi_size, (uint8_t)(type >> 8), (uint8_t)type};

	bytes.data[0] = 1; /* a cookie that is not zero */
	bytes.data[16] = next_payload;
	bytes.data[17] = (uint8_t)(version << 4);
	bytes.data[18] = version == 1 ? 5 : 37;
	put(&bytes, generic, sizeof generic);
	if (version == 1)
		put(&bytes, doi, sizeof doi);
	put(&bytes, rest, sizeof rest);
	put(&bytes, after, count);
	bytes.data[27] = (uint8_t)bytes.length;
	bytes.data[26] = (uint8_t)(bytes.length >> 8);
	bytes.data[HEADER + 3] = (uint8_t)(bytes.length - HEADER);
	return bytes;
}

/* Behind the bytes there is nothing: the sanitizer sees what looks there. */
static enum notify_kind parse(
    const struct bytes *bytes, size_t length, uint32_t *spi)
{
	uint8_t *exact = malloc(length == 0 ? 1 : length);
	struct ike_message message;
	enum notify_kind kind = NOTIFY_NONE;
	be32 wire = {0};

	assert_non_null(exact);
	memcpy(exact, bytes->data, length);
	if (ike_parse(&message, exact, length))
		kind = notify_parse(&message, exact, length, &wire);
	free(exact);
	*spi = be32_to_host(wire);
	return kind;
}

static uint8_t notify_payload(uint8_t version)
{
	return version == 1 ? 11 : 41;
}

/* In the SPI field, or behind an SPI field of another size. */
static void test_invalid_spi(void **state)
{
	static const struct {
		uint8_t spi_size;
		size_t count;
	} places[] = {{4, 4}, {0, 4}, {8, 12}, {16, 20}, {255, 259}, {4, 20}};
	(void)state;

	for (uint8_t version = 1; version <= 2; version++)
		for (size_t p = 0; p < COUNT_OF(places); p++) {
			uint8_t after[ROOM] = {0};
			const size_t at =
			    places[p].spi_size == 4 ? 0 : places[p].spi_size;
			const uint8_t want[] = {0xc0, 0xff, 0xee, 0x01};
			struct bytes bytes;
			uint32_t spi;

			memset(after, 0x99, sizeof after);
			memcpy(after + at, want, sizeof want);
			bytes = make(version, notify_payload(version), 11,
			    places[p].spi_size, after, places[p].count);
			for (size_t cut = 0; cut <= bytes.length; cut++) {
				const size_t needed = bytes.length -
				    places[p].count + at + sizeof want;
				const enum notify_kind kind =
				    parse(&bytes, cut, &spi);
				assert_int_equal(kind,
				    cut >= needed ? NOTIFY_INVALID_SPI
						  : NOTIFY_NONE);
				if (kind != NOTIFY_NONE)
					assert_int_equal(spi, 0xc0ffee01);
			}
		}
}

static void test_kinds(void **state)
{
	(void)state;
	for (uint8_t version = 1; version <= 2; version++)
		for (unsigned type = 0; type < 65536; type++) {
			const uint8_t spi_bytes[] = {1, 2, 3, 4};
			const struct bytes bytes =
			    make(version, notify_payload(version),
				(uint16_t)type, 4, spi_bytes, sizeof spi_bytes);
			enum notify_kind want = NOTIFY_NONE;
			uint32_t spi;

			if (type == 4)
				want = NOTIFY_INVALID_IKE_SPI;
			else if (type == 11)
				want = NOTIFY_INVALID_SPI;
			else if (type == 14)
				want = NOTIFY_NO_PROPOSAL_CHOSEN;
			assert_int_equal(
			    parse(&bytes, bytes.length, &spi), want);
		}
}

/* Without an SPI, and cut at every length. */
static void test_without_spi(void **state)
{
	static const struct {
		uint16_t type;
		enum notify_kind kind;
	} kinds[] = {{4, NOTIFY_INVALID_IKE_SPI}, {11, NOTIFY_NONE},
	    {14, NOTIFY_NO_PROPOSAL_CHOSEN}};
	(void)state;

	for (uint8_t version = 1; version <= 2; version++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			const struct bytes bytes =
			    make(version, notify_payload(version),
				kinds[k].type, 0, (const uint8_t *)"", 0);
			uint32_t spi;
			for (size_t cut = 0; cut <= bytes.length; cut++)
				assert_int_equal(parse(&bytes, cut, &spi),
				    cut == bytes.length ? kinds[k].kind
							: NOTIFY_NONE);
		}
}

/* Nothing is read of what is encrypted, nor where another payload comes first.
 */
static void test_not_a_notification(void **state)
{
	(void)state;
	for (uint8_t version = 1; version <= 2; version++)
		for (unsigned payload = 0; payload < 256; payload++) {
			struct bytes bytes = make(version, (uint8_t)payload, 14,
			    0, (const uint8_t *)"", 0);
			uint32_t spi;
			assert_int_equal(parse(&bytes, bytes.length, &spi),
			    payload == notify_payload(version)
				? NOTIFY_NO_PROPOSAL_CHOSEN
				: NOTIFY_NONE);
			bytes.data[19] = 1; /* IKEv1: encrypted */
			if (version == 1)
				assert_int_equal(
				    parse(&bytes, bytes.length, &spi),
				    NOTIFY_NONE);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_invalid_spi),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_without_spi),
	    cmocka_unit_test(test_not_a_notification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
