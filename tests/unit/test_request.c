/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as text: its length, SPIs, names of protocols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/request.h"
#include "daemon/text.h"

static void parser_bounds_its_line(void **state)
{
	static char text[REQUEST_MAX + 1];
	struct request request;
	struct error error;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"show\":\"ike\"}", 14);
	assert_int_equal(
	    request_parse(&request, text, sizeof(text), &error), -EINVAL);
	assert_int_equal(request_parse(&request, text, REQUEST_MAX, &error), 0);
	assert_int_equal(request_parse(&request, text, 0, &error), -EINVAL);
}

static void reads_spis(void **state)
{
	static const char *const wrong[] = {
	    "", "0", "0x", "x1", "0X1", "0x123456789", "0x1g", "0x 1", "1"};
	spinat_be32 spi;

	(void)state;
	assert_true(text_to_spi("0x1", &spi));
	assert_int_equal(text_host32(spi), 1);
	assert_true(text_to_spi("0x089aBcDe", &spi));
	assert_int_equal(text_host32(spi), 0x089abcde);
	assert_true(text_to_spi("0xffffffff", &spi));
	assert_int_equal(text_host32(spi), 0xffffffff);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(text_to_spi(wrong[i], &spi));
}

static void names_protocols_both_ways(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		char text[TEXT_PROTOCOL_MAX];
		uint8_t back = (uint8_t)~i;

		text_protocol(text, (uint8_t)i);
		assert_true(text_to_protocol(text, &back));
		assert_int_equal(back, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parser_bounds_its_line),
	    cmocka_unit_test(reads_spis),
	    cmocka_unit_test(names_protocols_both_ways),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
