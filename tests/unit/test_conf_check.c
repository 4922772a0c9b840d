/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration as a whole: what contradicts itself, and what is odd.
 */
#include "conf_fixture.h"

static void test_check(void **state)
{
	(void)state;
	assert_check("interface eth0", NULL);
	assert_check("alias_address 203.0.113.5", NULL);
	assert_check("verbose",
	    "f: neither \"interface\" nor \"alias_address\" is set; right "
	    "would be one of them, as in \"interface eth0\"");
	assert_check("interface eth0\n inside_interface eth0",
	    "f:2:2: \"eth0\" is the outside interface already; *");
	assert_check("interface eth0\ndynamic\nalias_address 1.2.3.4",
	    "f:2:1: \"dynamic\" follows the address of the interface*");
	assert_check("inside_network 1.2.3.0/24\nalias_address 1.2.3.4",
	    "f:2:1: the public address 1.2.3.4 lies in the inside_network; "
	    "right would be an address of the outside");
	assert_check(
	    "interface eth0\nredirect_ipsec 10.0.0.1\nmode ipsec-only", NULL);
	assert_check("interface eth0\nredirect_port tcp 10.0.0.1 80\n"
		     "mode ipsec-only",
	    "f:2:1: redirect_port cannot work in mode ipsec-only, *");
	assert_check("interface eth0\nredirect_address 10.0.0.1 1.2.3.4\n"
		     "mode ipsec-only",
	    "f:2:1: redirect_address cannot work in mode ipsec-only, *");
	assert_check("alias_address 1.2.3.4\nredirect_ipsec 1.2.3.4",
	    "f:2:1: the target 1.2.3.4 is a public address of the gateway; *");
}

static void test_check_redirects(void **state)
{
	(void)state;
	assert_check("interface eth0\nredirect_port tcp 10.0.0.1 80-90\n"
		     "redirect_port tcp 10.0.0.2:1 90\n",
	    "f:3:1: this public port is redirected already, at f:2:1 (to "
	    "10.0.0.1); right would be one of them");
	assert_check("interface eth0\nredirect_port tcp 10.0.0.1 80-90\n"
		     "redirect_port udp 10.0.0.2:1 90\n"
		     "redirect_port tcp 10.0.0.2:1 91\n",
	    NULL);
	/* 0.0.0.0 is the first alias_address. */
	assert_check("alias_address 1.2.3.4\nredirect_port tcp 10.0.0.1 80\n"
		     "redirect_port tcp 10.0.0.2 1.2.3.4:80\n",
	    "f:3:1: this public port*");
	assert_check("interface eth0\nredirect_proto gre 10.0.0.1\n"
		     "redirect_proto 47 10.0.0.2\n",
	    "f:3:1: this protocol is redirected already, at f:2:1 *");
	assert_check("interface eth0\nredirect_proto gre 10.0.0.1\n"
		     "redirect_proto gre 10.0.0.2 0.0.0.0 5.6.7.8\n",
	    NULL);
	assert_check("interface eth0\nredirect_ipsec 10.0.0.1\n"
		     "redirect_ipsec 10.0.0.2 5.6.7.8\n",
	    NULL);
	assert_check("interface eth0\nredirect_ipsec 10.0.0.1 5.6.7.8\n"
		     "redirect_ipsec 10.0.0.2 5.6.7.8\n",
	    "f:3:1: IPsec of this remote is redirected already, at f:2:1 *");
}

/* natd(8): of several hosts with one address the last gets what comes in. */
static void test_redirect_address(void **state)
{
	struct conf conf;

	(void)state;
	read_right(&conf,
	    "interface eth0\n"
	    "redirect_address 10.0.0.2 1.2.3.4\n"
	    "redirect_port tcp 10.0.0.9 80\n"
	    "redirect_address 10.0.0.3 1.2.3.4\n"
	    "redirect_address 10.0.0.4 1.2.3.4\n");
	assert_address(conf.redirects[0].inside, "10.0.0.9");
	assert_address(conf.redirects[1].inside, "10.0.0.4");
	assert_address(conf.redirects[2].inside, "10.0.0.3");
	assert_address(conf.redirects[3].inside, "10.0.0.2");
	assert_int_equal(conf_check(&conf, NULL), 0);
	conf_free(&conf);
	assert_check("interface eth0\nredirect_address 10.0.0.1 1.2.3.4\n"
		     "redirect_address 10.0.0.1 1.2.3.5\n",
	    "f:3:1: this host has a public address of its own already, at "
	    "f:2:1 (to 10.0.0.1); right would be one of them");
}

/* What goes by SPIs and cookies is not redirected by protocol or port. */
static void test_redirect_of_ipsec(void **state)
{
	(void)state;
	assert_check("interface e\nredirect_proto ah 10.0.0.1",
	    "f:2:1: AH covers the addresses and cannot cross any NAT; *");
	assert_check("interface e\nredirect_proto 50 10.0.0.1",
	    "f:2:1: ESP goes by its SPIs; right would be \"redirect_ipsec "
	    "10.0.0.1\", which takes its IKE as well");
	assert_check("interface e\nredirect_port udp 10.0.0.1 isakmp",
	    "f:2:1: UDP port 500 is IKE and goes by its cookies; *");
	assert_check("interface e\nredirect_port tcp 10.0.0.1 500", NULL);
	assert_check("interface e\nredirect_port udp 10.0.0.1 1-1023", NULL);
}

static void test_spis_are_flows(void **state)
{
	struct conf conf;

	(void)state;
	read_right(&conf, "max_flows 1000");
	assert_int_equal(conf.engine.max_spis, 1000);
	conf_free(&conf);
	read_right(&conf, "max_flows 1000\nmax_flows 100000");
	assert_int_equal(conf.engine.max_spis, 65536);
	conf_free(&conf);
	assert_check("interface e\nmax_spis 7\nmax_flows 7", NULL);
	assert_check("interface e\nmax_spis 8\nmax_flows 7",
	    "f:2:1: max_spis is 8, but all flows together are 7; *");
}

static void test_fast_path(void **state)
{
	(void)state;
	assert_check("interface e\ninside_interface i\nbackend bpf", NULL);
	assert_check("interface e\nbackend auto", NULL);
	assert_check("interface e\nbackend bpf",
	    "f:2:1: backend bpf needs \"interface\" and \"inside_interface\"; "
	    "*");
	assert_check("alias_address 1.2.3.4\ninside_interface i\nbackend bpf",
	    "f:3:1: backend bpf needs *");
}

static void test_warnings(void **state)
{
	(void)state;
	assert_int_equal(warnings_of("interface eth0"), 0);
	assert_int_equal(warnings_of("alias_address 10.1.1.1"), 1);
	assert_int_equal(warnings_of("interface e\nport_range 5000-5099"), 1);
	assert_int_equal(warnings_of("interface e\nport_range 5000-9000"), 0);
	assert_int_equal(warnings_of("alias_address 1.2.3.4\ndynamic"), 1);
	assert_int_equal(warnings_of("interface e\ntimeout_ike 1m"), 1);
	assert_int_equal(warnings_of("interface e\nunregistered_only\n"
				     "inside_network 1.2.3.0/24"),
	    1);
	assert_int_equal(warnings_of("interface e\ninside_network 10.0.0.0/8\n"
				     "redirect_ipsec 192.168.1.1"),
	    1);
	assert_int_equal(warnings_of("interface e\n"
				     "redirect_port udp 10.0.0.1 1-1023"),
	    1);
	assert_int_equal(warnings_of("interface e\n"
				     "redirect_address 10.0.0.1 1.2.3.4\n"
				     "redirect_address 10.0.0.2 1.2.3.4"),
	    1);
}

static void test_private_addresses(void **state)
{
	static const char *const private[] = {"10.255.0.1", "172.16.0.0",
	    "172.31.255.255", "192.168.0.1", "100.64.0.0", "100.127.255.255"};
	static const char *const public[] = {"11.0.0.0", "172.15.0.1",
	    "172.32.0.0", "192.169.0.1", "100.63.255.255", "100.128.0.0"};

	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		assert_true(address_is_private(address(private[i])));
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
		assert_false(address_is_private(address(public[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_check_redirects),
	    cmocka_unit_test(test_redirect_address),
	    cmocka_unit_test(test_redirect_of_ipsec),
	    cmocka_unit_test(test_spis_are_flows),
	    cmocka_unit_test(test_fast_path),
	    cmocka_unit_test(test_warnings),
	    cmocka_unit_test(test_private_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
