/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs in the kernel are told of budgets, by configuration. */
#include "conf_fixture.h"

#include <arpa/inet.h>

#include "daemon/budget.h"

#define BEGIN                                                                  \
	"interface eth0\nalias_address 203.0.113.5,203.0.113.6\n"              \
	"inside_network 192.168.1.0/24\n"

static struct fast_limits limits_of(const char *text, bool has_tunnels)
{
	struct fast_limits limits;
	struct conf conf;

	read_right(&conf, text);
	budget_limits(&limits, &conf, has_tunnels);
	conf_free(&conf);
	return limits;
}

static void test_initial(void **state)
{
	const struct fast_limits limits = limits_of(BEGIN, false);
	(void)state;

	assert_int_equal(limits.cost_source, 1000000);
	assert_int_equal(limits.cost_all, 100000);
	assert_true(limits.is_full);
	assert_false(limits.has_tunnels);
	assert_int_equal(limits.port_low, 10000);
	assert_int_equal(limits.port_high, 32767);
	/* Echo replies, errors and redirects; no echo, which is the gateway's.
	 */
	assert_int_equal(limits.icmp_types, 0x1839);
	assert_int_equal(limits.public_count, 2);
	assert_address(limits.publics[1], "203.0.113.6");
	assert_int_equal(limits.inside_count, 1);
	assert_address(limits.inside[0].address, "192.168.1.0");
	assert_address(limits.inside[0].mask, "255.255.255.0");
}

static void test_any_port(void **state)
{
	struct fast_limits limits = limits_of(BEGIN "same_ports\n", true);
	(void)state;

	assert_true(limits.has_tunnels);
	assert_int_equal(limits.port_low, 0);
	assert_int_equal(limits.port_high, 65535);
	assert_int_equal(limits.icmp_types, UINT32_MAX);
	limits =
	    limits_of(BEGIN "redirect_port tcp 192.168.1.2:80 80\n", false);
	assert_int_equal(limits.port_low, 0);
	assert_int_equal(limits.port_high, 65535);
}

static void test_ipsec_only(void **state)
{
	const struct fast_limits limits =
	    limits_of(BEGIN "mode ipsec-only\n", false);
	(void)state;

	assert_false(limits.is_full);
	assert_true(limits.port_low > 65535);
	assert_int_equal(limits.icmp_types, 0x1818);
}

static void test_rates(void **state)
{
	const struct fast_limits limits = limits_of(
	    BEGIN "miss_budget 1000000\nmiss_budget_source 0\n", false);
	(void)state;

	assert_int_equal(limits.cost_all, 1000);
	assert_int_equal(limits.cost_source, 0);
}

/* What has no private address is not translated, so never queued. */
static void test_unregistered_only(void **state)
{
	const struct fast_limits limits = limits_of(BEGIN
	    "unregistered_only\ninside_network 198.51.100.0/24\n"
	    "inside_network 0.0.0.0/0\n",
	    false);
	(void)state;

	assert_int_equal(limits.inside_count, 5);
	for (unsigned i = 0; i < limits.inside_count; i++)
		assert_int_not_equal(
		    limits.inside[i].address.raw, address("198.51.100.0").raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_initial),
	    cmocka_unit_test(test_any_port),
	    cmocka_unit_test(test_ipsec_only),
	    cmocka_unit_test(test_rates),
	    cmocka_unit_test(test_unregistered_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
