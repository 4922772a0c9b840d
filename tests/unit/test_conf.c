/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: values that are right, what they come to, how many there
 * may be, and that nothing is half applied.
 */
#include "conf_fixture.h"

#include <netinet/in.h>

static void test_right_values(void **state)
{
	struct conf conf;

	(void)state;
	read_right(&conf,
	    "\xef\xbb\xbf# a comment\r\n"
	    "interface  eth0 \t# trailing\r\n"
	    "\tinside_interface eth1#glued\n"
	    "\n   \n"
	    "alias_address 203.0.113.5\n"
	    "alias_address 203.0.113.6,203.0.113.7, 203.0.113.8 ,203.0.113.5\n"
	    "inside_network 192.168.1.0/24\n"
	    "inside_network 10.0.0.0/8\ninside_network 192.168.1.0/24\n"
	    "mode ipsec-only\nunregistered_only yes\ndeny_incoming\n"
	    "same_ports yes\nsame_ports no\nlog yes\nlog_denied yes\n"
	    "verbose yes\ndynamic yes\nfiltering endpoint-independent\n"
	    "backend tun\nmiss_budget 0\nmiss_budget_source 77\n"
	    "queue 0\nport_range 2000-2999\nmax_flows 7\n"
	    "max_ike 8\nmax_half_open 5\nmax_associations 9\nmax_fragments 10\n"
	    "control_socket /tmp/with space\npid_file /tmp/pid\n"
	    "journal off\njournal /tmp/a journal\n"
	    "log_target journal\ntimeout_udp 90\ntimeout_tcp 3h\n"
	    "timeout_icmp 61s\ntimeout_other 2m\ntimeout_esp 7d");
	assert_string_equal(conf.interface, "eth0");
	assert_string_equal(conf.inside_interface, "eth1");
	assert_int_equal(conf.engine.public_count, 4);
	assert_address(conf.engine.public_addresses[0], "203.0.113.5");
	assert_address(conf.engine.public_addresses[3], "203.0.113.8");
	assert_int_equal(conf.engine.inside_count, 2);
	assert_address(conf.engine.inside[1].address, "10.0.0.0");
	assert_int_equal(conf.engine.inside[1].length, 8);
	assert_int_equal(conf.engine.mode, SPINAT_MODE_IPSEC_ONLY);
	assert_true(conf.engine.unregistered_only);
	assert_true(conf.engine.deny_incoming);
	assert_false(conf.engine.same_ports);
	assert_true(conf.engine.endpoint_independent_filtering);
	assert_true(conf.log && conf.log_denied && conf.verbose);
	assert_true(conf.dynamic);
	assert_string_equal(conf.backend, "tun");
	assert_int_equal(conf.miss_budget, 0);
	assert_int_equal(conf.miss_budget_source, 77);
	assert_int_equal(conf.queue, 0);
	assert_int_equal(conf.engine.port_low, 2000);
	assert_int_equal(conf.engine.port_high, 2999);
	assert_int_equal(conf.engine.max_flows, 7);
	assert_int_equal(conf.engine.max_ike, 8);
	assert_int_equal(conf.engine.max_half_open, 5);
	assert_int_equal(conf.engine.max_peers, 9);
	assert_int_equal(conf.engine.max_fragments, 10);
	assert_string_equal(conf.control_socket, "/tmp/with space");
	assert_string_equal(conf.pid_file, "/tmp/pid");
	assert_string_equal(conf.journal, "/tmp/a journal");
	assert_string_equal(conf.log_target, "journal");
	assert_int_equal(
	    conf.engine.timeouts[SPINAT_TIMEOUT_UDP], 90 * SPINAT_SECOND);
	assert_int_equal(
	    conf.engine.timeouts[SPINAT_TIMEOUT_TCP], 3 * 3600 * SPINAT_SECOND);
	assert_int_equal(
	    conf.engine.timeouts[SPINAT_TIMEOUT_ICMP], 61 * SPINAT_SECOND);
	assert_int_equal(
	    conf.engine.timeouts[SPINAT_TIMEOUT_OTHER], 120 * SPINAT_SECOND);
	assert_int_equal(
	    conf.engine.timeouts[SPINAT_TIMEOUT_ESP], SPINAT_TIMEOUT_MAX);
	conf_free(&conf);
}

static const struct spinat_redirect *rule_of(
    const struct conf *conf, const char *inside)
{
	for (unsigned i = 0; i < conf->redirect_count; i++)
		if (conf->redirects[i].inside.raw == address(inside).raw)
			return &conf->redirects[i];
	fail_msg("no redirect to %s", inside);
	return NULL;
}

/* natd's manual, its section on redirects, and its "no"s. */
static void test_natd_conf(void **state)
{
	const struct spinat_redirect *rule;
	struct conf conf;

	(void)state;
	read_right(&conf,
	    "use_sockets no\nreverse no\nproxy_only no\nudp_eim no\n"
	    "log_ipfw_denied no\nunregistered_only yes\n"
	    "redirect_port tcp 10.0.0.2:telnet 6666\n"
	    "redirect_port udp 10.0.0.3:2300-2399 203.0.113.5:3300-3399\n"
	    "redirect_port tcp 10.0.0.4:22 22 198.51.100.7\n"
	    "redirect_port tcp 10.0.0.5:22 23 198.51.100.7:1024\n"
	    "redirect_port tcp 10.0.0.6:22 24 0.0.0.0:0\n"
	    "redirect_proto gre 10.0.0.7\n"
	    "redirect_proto 41 10.0.0.8 203.0.113.6 198.51.100.8\n"
	    "redirect_address 10.0.0.9 0.0.0.0\n"
	    "redirect_address 10.0.0.10 203.0.113.7\n"
	    "redirect_ipsec 10.0.0.11\n"
	    "redirect_ipsec 10.0.0.12 198.51.100.9\n"
	    "redirect_port tcp 10.0.0.13 8080-8081\n");
	assert_int_equal(conf.redirect_count, 12);

	rule = rule_of(&conf, "10.0.0.2");
	assert_int_equal(rule->kind, SPINAT_REDIRECT_PORT);
	assert_int_equal(rule->protocol, IPPROTO_TCP);
	assert_int_equal(rule->inside_port, 23);
	assert_int_equal(rule->public_port, 6666);
	assert_int_equal(rule->port_count, 1);
	assert_int_equal(rule->public_address.raw, 0);
	assert_int_equal(rule->remote.raw, 0);
	assert_int_equal(rule->remote_port_count, 0);

	rule = rule_of(&conf, "10.0.0.3");
	assert_int_equal(rule->protocol, IPPROTO_UDP);
	assert_int_equal(rule->inside_port, 2300);
	assert_int_equal(rule->public_port, 3300);
	assert_int_equal(rule->port_count, 100);
	assert_address(rule->public_address, "203.0.113.5");

	rule = rule_of(&conf, "10.0.0.4");
	assert_address(rule->remote, "198.51.100.7");
	assert_int_equal(rule->remote_port, 0);
	rule = rule_of(&conf, "10.0.0.5");
	assert_int_equal(rule->remote_port, 1024);
	assert_int_equal(rule->remote_port_count, 1);
	rule = rule_of(&conf, "10.0.0.6");
	assert_int_equal(rule->remote.raw, 0);
	assert_int_equal(rule->remote_port_count, 0);

	rule = rule_of(&conf, "10.0.0.7");
	assert_int_equal(rule->kind, SPINAT_REDIRECT_PROTO);
	assert_int_equal(rule->protocol, IPPROTO_GRE);
	rule = rule_of(&conf, "10.0.0.8");
	assert_int_equal(rule->protocol, 41);
	assert_address(rule->public_address, "203.0.113.6");
	assert_address(rule->remote, "198.51.100.8");

	rule = rule_of(&conf, "10.0.0.9");
	assert_int_equal(rule->kind, SPINAT_REDIRECT_ADDRESS);
	assert_int_equal(rule->public_address.raw, 0);
	rule = rule_of(&conf, "10.0.0.10");
	assert_address(rule->public_address, "203.0.113.7");

	rule = rule_of(&conf, "10.0.0.11");
	assert_int_equal(rule->kind, SPINAT_REDIRECT_IPSEC);
	assert_int_equal(rule->remote.raw, 0);
	rule = rule_of(&conf, "10.0.0.12");
	assert_address(rule->remote, "198.51.100.9");

	rule = rule_of(&conf, "10.0.0.13");
	assert_int_equal(rule->inside_port, 8080);
	assert_int_equal(rule->port_count, 2);
	conf_free(&conf);
}

/* The rule that names its remote goes before the one for any, whatever their
 * order in the text, and takes its place along. */
static void test_narrow_redirects_first(void **state)
{
	static const char *const order[] = {"10.0.0.4", "10.0.0.2", "10.0.0.5",
	    "10.0.0.3", "10.0.0.1", "10.0.0.6"};
	static const unsigned lines[] = {4, 2, 5, 3, 1, 6};
	struct conf conf;

	(void)state;
	read_right(&conf,
	    "redirect_port tcp 10.0.0.1 80\n"
	    "redirect_port tcp 10.0.0.2 80 1.2.3.4\n"
	    "redirect_port tcp 10.0.0.3 80 0.0.0.0:99\n"
	    "redirect_port tcp 10.0.0.4 80 1.2.3.4:99\n"
	    "redirect_proto gre 10.0.0.5 0.0.0.0 1.2.3.4\n"
	    "redirect_address 10.0.0.6 0.0.0.0\n");
	for (unsigned i = 0; i < 6; i++) {
		assert_address(conf.redirects[i].inside, order[i]);
		assert_int_equal(conf.redirect_places[i].line, lines[i]);
		assert_int_equal(conf.redirect_places[i].column, 1);
	}
	conf_free(&conf);
}

/* Remote ports pair off with public ones, as natd does it. */
static void test_paired_remote_ports(void **state)
{
	struct conf conf;

	(void)state;
	read_right(
	    &conf, "redirect_port udp 10.0.0.1:100-102 200-202 1.2.3.4:10-12");
	assert_int_equal(conf.redirect_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(conf.redirects[i].inside_port, 100 + i);
		assert_int_equal(conf.redirects[i].public_port, 200 + i);
		assert_int_equal(conf.redirects[i].remote_port, 10 + i);
		assert_int_equal(conf.redirects[i].port_count, 1);
		assert_int_equal(conf.redirects[i].remote_port_count, 1);
	}
	assert_string_equal(redirect_format(&conf.redirects[1]).text,
	    "udp to the public address:201 from 1.2.3.4:11 -> 10.0.0.1:101");
	conf_free(&conf);
}

static void test_whole_port_range(void **state)
{
	struct conf conf;

	(void)state;
	read_right(&conf, "redirect_port tcp 10.0.0.1 1-65535");
	assert_int_equal(conf.redirects[0].port_count, 65535);
	conf_free(&conf);
}

static void test_bounds_of_text(void **state)
{
	static const char nul[] = "verbose\nlog\0yes\n";
	static const char nul_in_comment[] = "# a\0b";
	const size_t too_big = 1024 * 1024 + 1;
	char *text = malloc(too_big);
	struct error error;
	struct conf conf;

	(void)state;
	assert_non_null(text);
	conf_init(&conf);
	assert_int_equal(
	    conf_read_text(&conf, "f", nul, sizeof(nul) - 1, &error), -EINVAL);
	assert_message(error.text, "f:2:4: a NUL byte; *");
	assert_false(conf.verbose);
	assert_int_equal(conf_read_text(&conf, "f", nul_in_comment,
			     sizeof(nul_in_comment) - 1, &error),
	    -EINVAL);
	assert_message(error.text, "f:1:4: a NUL byte; *");

	memset(text, '#', too_big);
	assert_int_equal(
	    conf_read_text(&conf, "f", text, too_big, &error), -EFBIG);
	assert_message(error.text, "f:1:1: the file is too big; *");
	assert_int_equal(
	    conf_read_text(&conf, "f", text, 4097, &error), -EINVAL);
	assert_message(error.text, "f:1:4097: the line is too long; *");
	assert_int_equal(conf_read_text(&conf, "f", text, 4096, &error), 0);
	/* A whole MiB of lines. */
	for (size_t i = 0; i < too_big - 1; i++)
		text[i] = i % 8 == 7 ? '\n' : "verbose"[i % 8];
	assert_int_equal(
	    conf_read_text(&conf, "f", text, too_big - 1, &error), 0);
	assert_true(conf.verbose);
	assert_int_equal(conf_read_text(&conf, "f", NULL, 0, &error), 0);
	conf_free(&conf);
	free(text);
}

static void test_bounds_of_lists(void **state)
{
	char text[16384] = "";
	size_t at = 0;
	struct error error;
	struct conf conf;

	(void)state;
	for (unsigned i = 0; i < SPINAT_MAX_PUBLIC + 1; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "alias_address 1.2.3.%u\n", i + 1);
	assert_wrong(
	    text, "f:65:15: too many public addresses; at most 64 fit");
	at = 0;
	for (unsigned i = 0; i < SPINAT_MAX_INSIDE + 1; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "inside_network 10.%u.0.0/16\n", i);
	assert_wrong(text, "f:65:16: too many inside networks; at most 64 fit");

	at = 0;
	for (unsigned i = 0; i < SPINAT_MAX_IKE_PORTS + 1; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "ike_ports auto 192.0.%u.%u\n", 2 + i / 200, 1 + i % 200);
	assert_wrong(text,
	    "f:257:16: too many remotes with ike_ports of their own; at most "
	    "256 fit");

	/* Redirects grow over several powers of two, and across copies. */
	conf_init(&conf);
	for (unsigned i = 0; i < 600; i++) {
		char value[64];

		sprintf(value, "tcp 10.0.0.1 %u", i + 1);
		assert_int_equal(
		    conf_option(&conf, "redirect_port", value, &error), 0);
	}
	assert_int_equal(conf.redirect_count, 600);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(conf.redirects[i].public_port, i + 1);
	conf_free(&conf);
}

static void test_nothing_half_applied(void **state)
{
	struct error error;
	struct conf conf;

	(void)state;
	read_right(&conf, "interface eth0\nredirect_ipsec 10.0.0.1\n");
	assert_int_equal(read_text(&conf,
			     "interface eth1\nalias_address 1.2.3.4\n"
			     "redirect_ipsec 10.0.0.2\npid_file /x\n"
			     "mode ipsec-only\nmode wrong\n",
			     &error),
	    -EINVAL);
	assert_message(error.text, "f:6:6: *");
	assert_string_equal(conf.interface, "eth0");
	assert_int_equal(conf.engine.public_count, 0);
	assert_int_equal(conf.redirect_count, 1);
	assert_string_equal(conf.pid_file, CONF_DEFAULT_PID_FILE);
	assert_int_equal(conf.engine.mode, SPINAT_MODE_FULL);
	conf_free(&conf);
}

static void test_cut_message(void **state)
{
	char name[600];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_wrong(name, "f:1:1: there is no option \"nnnnnnnnn*");
	assert_int_equal(error_set(NULL, -5, "x"), -5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_right_values),
	    cmocka_unit_test(test_natd_conf),
	    cmocka_unit_test(test_narrow_redirects_first),
	    cmocka_unit_test(test_paired_remote_ports),
	    cmocka_unit_test(test_whole_port_range),
	    cmocka_unit_test(test_bounds_of_text),
	    cmocka_unit_test(test_bounds_of_lists),
	    cmocka_unit_test(test_nothing_half_applied),
	    cmocka_unit_test(test_cut_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
