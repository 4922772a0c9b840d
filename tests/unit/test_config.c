/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration's limits, each edge from both sides, and the names.
 */
#include "common.h"

#include <ctype.h>

#include "spinat/spinat.h"

static void start(struct spinat_config *config)
{
	spinat_config_init(config);
	config->public_addresses[0].raw = 1;
	config->public_count = 1;
}

static void good(const struct spinat_config *config)
{
	const char *what = "?";

	assert_int_equal(spinat_config_check(config, &what), 0);
	assert_null(what);
	assert_true(spinat_memory_size(config) != 0);
}

static void bad(const struct spinat_config *config)
{
	const char *what = NULL;

	assert_int_equal(spinat_config_check(config, &what), -22);
	assert_non_null(what);
	assert_true(strlen(what) > 10);
	assert_true(spinat_memory_size(config) == 0);
}

static void test_defaults(void **state)
{
	struct spinat_config config;
	(void)state;

	start(&config);
	good(&config);
	config.public_count = 0;
	bad(&config);
}

static void test_addresses(void **state)
{
	struct spinat_config config;
	(void)state;

	start(&config);
	for (uint32_t i = 0; i < SPINAT_MAX_PUBLIC; i++)
		config.public_addresses[i].raw = i + 1;
	config.public_count = SPINAT_MAX_PUBLIC;
	good(&config);
	config.public_addresses[63].raw = 5;
	bad(&config);
	config.public_addresses[63].raw = 0;
	bad(&config);
	config.public_addresses[63].raw = 64;
	config.public_count = SPINAT_MAX_PUBLIC + 1;
	bad(&config);

	start(&config);
	config.inside_count = SPINAT_MAX_INSIDE;
	good(&config);
	config.inside[63].length = 32;
	good(&config);
	config.inside[63].length = 33;
	bad(&config);
	start(&config);
	config.inside_count = SPINAT_MAX_INSIDE + 1;
	bad(&config);
}

static void test_ike_ports(void **state)
{
	struct spinat_config config;
	(void)state;

	start(&config);
	config.ike_ports = SPINAT_IKE_PORTS_COUNT;
	bad(&config);
	config.ike_ports = SPINAT_IKE_PORTS_AUTO;
	config.ike_ports_count = SPINAT_MAX_IKE_PORTS;
	for (uint32_t i = 0; i < SPINAT_MAX_IKE_PORTS; i++)
		config.ike_ports_rules[i].remote.raw = i + 1;
	good(&config);
	config.ike_ports_rules[255].remote.raw = 3;
	bad(&config);
	config.ike_ports_rules[255].remote.raw = 0;
	bad(&config);
	config.ike_ports_rules[255].remote.raw = 256;
	config.ike_ports_rules[255].policy = SPINAT_IKE_PORTS_COUNT;
	bad(&config);
	config.ike_ports_rules[255].policy = SPINAT_IKE_PORTS_REWRITE;
	config.ike_ports_count = SPINAT_MAX_IKE_PORTS + 1;
	bad(&config);
}

static void test_sizes(void **state)
{
	static const struct {
		size_t at;
		uint32_t highest; /* 0: any */
	} sizes[] = {
	    {offsetof(struct spinat_config, max_flows), SPINAT_MAX_FLOWS},
	    {offsetof(struct spinat_config, max_spis), 0},
	    {offsetof(struct spinat_config, max_ike), SPINAT_MAX_FLOWS},
	    {offsetof(struct spinat_config, max_half_open), SPINAT_MAX_FLOWS},
	    {offsetof(struct spinat_config, max_peers), SPINAT_MAX_FLOWS},
	    {offsetof(struct spinat_config, max_fragments), 65536},
	};
	(void)state;

	for (size_t s = 0; s < COUNT_OF(sizes); s++) {
		struct spinat_config config;
		uint32_t value = 0;

		start(&config);
		memcpy((uint8_t *)&config + sizes[s].at, &value, sizeof value);
		bad(&config);
		value = 1;
		memcpy((uint8_t *)&config + sizes[s].at, &value, sizeof value);
		good(&config);
		if (sizes[s].highest == 0)
			continue;
		value = sizes[s].highest;
		memcpy((uint8_t *)&config + sizes[s].at, &value, sizeof value);
		good(&config);
		value++;
		memcpy((uint8_t *)&config + sizes[s].at, &value, sizeof value);
		bad(&config);
	}
}

static void test_ports(void **state)
{
	static const struct {
		uint16_t low, high;
		bool good;
	} ranges[] = {{1024, 65535, true}, {1024, 1024, true},
	    {65535, 65535, true}, {1023, 65535, false}, {0, 65535, false},
	    {2000, 1999, false}};
	(void)state;

	for (size_t r = 0; r < COUNT_OF(ranges); r++) {
		struct spinat_config config;

		start(&config);
		config.port_low = ranges[r].low;
		config.port_high = ranges[r].high;
		if (ranges[r].good)
			good(&config);
		else
			bad(&config);
	}
}

static void test_timeouts(void **state)
{
	(void)state;
	for (int t = 0; t < SPINAT_TIMEOUT_COUNT; t++) {
		struct spinat_config config;

		start(&config);
		config.timeouts[t] = SPINAT_SECOND;
		good(&config);
		config.timeouts[t] = SPINAT_SECOND - 1;
		bad(&config);
		config.timeouts[t] = -1;
		bad(&config);
		config.timeouts[t] = SPINAT_TIMEOUT_MAX;
		good(&config);
		config.timeouts[t] = SPINAT_TIMEOUT_MAX + 1;
		bad(&config);
	}
}

/* ------------------------------------------------------------- names */

typedef const char *name_of(unsigned value);

static const char *reason(unsigned value)
{
	return spinat_reason_name((enum spinat_reason)value);
}

static const char *verdict(unsigned value)
{
	return spinat_verdict_name((enum spinat_verdict)value);
}

static const char *event(unsigned value)
{
	return spinat_event_name((enum spinat_event_kind)value);
}

static const char *timeout(unsigned value)
{
	return spinat_timeout_name((enum spinat_timeout)value);
}

/* Stable, one of a kind, fit for a machine; beyond the last: "unknown". */
static void check_names(name_of *name, unsigned count)
{
	for (unsigned a = 0; a < count; a++) {
		const char *text = name(a);
		assert_non_null(text);
		assert_true(islower((unsigned char)text[0]));
		for (size_t i = 0; text[i] != '\0'; i++)
			assert_true(islower((unsigned char)text[i]) ||
			    isdigit((unsigned char)text[i]) || text[i] == '-' ||
			    text[i] == '_');
		assert_string_not_equal(text, "unknown");
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(text, name(b));
	}
	assert_string_equal(name(count), "unknown");
	assert_string_equal(name(UINT32_MAX), "unknown");
}

static void test_names(void **state)
{
	(void)state;
	check_names(reason, SPINAT_REASON_COUNT);
	check_names(verdict, SPINAT_VERDICT_COUNT);
	check_names(event, SPINAT_EVENT_KINDS);
	check_names(timeout, SPINAT_TIMEOUT_COUNT);
	for (unsigned r = 0; r < SPINAT_REASON_COUNT; r++)
		assert_true(
		    strlen(spinat_reason_text((enum spinat_reason)r)) > 10);
	assert_non_null(strchr(spinat_version(), '.'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_ike_ports),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_timeouts),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
