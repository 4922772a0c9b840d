/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: every option right and wrong, faults at their exact
 * place, nothing half applied, the manual page beside the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "conf/conf.h"
#include "conf/options.h"
#include "conf/redirect.h"
#include "conf/values.h"

#ifndef CONF_MANUAL
#define CONF_MANUAL "man/spinat.conf.5"
#endif

static int read_text(struct conf *conf, const char *text, struct error *error)
{
	return conf_read_text(conf, "f", text, strlen(text), error);
}

/** Parses what must be right; free it. */
static void read_right(struct conf *conf, const char *text)
{
	struct error error = {""};

	conf_init(conf);
	if (read_text(conf, text, &error) != 0)
		fail_msg("%s\n%s", text, error.text);
}

/** The whole message, or its beginning when `expected` ends in "*". */
static void assert_message(const char *got, const char *expected)
{
	size_t length = strlen(expected);

	if (length > 0 && expected[length - 1] == '*') {
		if (strncmp(got, expected, length - 1) != 0)
			fail_msg("got      %s\nexpected %s", got, expected);
	} else {
		assert_string_equal(got, expected);
	}
}

static void assert_wrong(const char *text, const char *expected)
{
	struct error error = {""};
	struct conf conf;

	conf_init(&conf);
	if (read_text(&conf, text, &error) == 0)
		fail_msg("taken for right: %s", text);
	assert_message(error.text, expected);
	conf_free(&conf);
}

/** What conf_check() says; NULL: nothing. */
static void assert_check(const char *text, const char *expected)
{
	struct error error = {""};
	struct conf conf;
	int code;

	read_right(&conf, text);
	code = conf_check(&conf, &error);
	if (expected == NULL && code != 0)
		fail_msg("%s\n%s", text, error.text);
	if (expected != NULL && code == 0)
		fail_msg("taken for right: %s", text);
	if (expected != NULL)
		assert_message(error.text, expected);
	conf_free(&conf);
}

static spinat_be32 address(const char *text)
{
	struct in_addr parsed;

	assert_int_equal(inet_pton(AF_INET, text, &parsed), 1);
	return (spinat_be32){parsed.s_addr};
}

static void assert_address(spinat_be32 got, const char *expected)
{
	assert_string_equal(address_format(got).text, expected);
}

/* -------------------------------------------------------------- wrong ones */

static const struct {
	const char *text, *expected;
} wrong[] = {
    /* names */
    {"bogus\n",
	"f:1:1: there is no option \"bogus\"; spinat.conf(5) has "
	"them all"},
    {"\n\n  interfaec eth0\n",
	"f:3:3: there is no option \"interfaec\"; did "
	"you mean \"interface\"?"},
    {"same-ports yes",
	"f:1:1: there is no option \"same-ports\"; did you "
	"mean \"same_ports\"?"},
    {"Verbose",
	"f:1:1: there is no option \"Verbose\"; did you mean "
	"\"verbose\"?"},
    {"timout_udp 5m",
	"f:1:1: there is no option \"timout_udp\"; did you "
	"mean \"timeout_udp\"?"},
    {"x\x80y 1", "f:1:1: there is no option \"x\\x80y\"; *"},
    /* natd's */
    {"use_sockets yes", "f:1:1: natd's use_sockets is not supported yet; *"},
    {"use_sockets", "f:1:1: natd's use_sockets is not supported yet; *"},
    {"reverse yes", "f:1:1: natd's reverse is not supported yet; *"},
    {"proxy_only yes", "f:1:1: natd's proxy_only is not supported yet; *"},
    {"proxy_rule port 80 server 10.0.0.1:3128",
	"f:1:1: natd's proxy_rule is not supported yet; *"},
    {"target_address 10.0.0.1",
	"f:1:1: natd's target_address is not supported yet; *"},
    {"punch_fw 100:10", "f:1:1: natd's punch_fw is not supported yet; *"},
    {"udp_eim", "f:1:1: natd's udp_eim is not supported yet; *"},
    {"instance a", "f:1:1: natd's instance is not supported yet; *"},
    {"globalport 9", "f:1:1: natd's globalport is not supported yet; *"},
    {"log_ipfw_denied yes",
	"f:1:1: natd's log_ipfw_denied is not supported yet; *"},
    {"log_facility daemon",
	"f:1:1: natd's log_facility is not supported yet; *"},
    {"skinny_port 2000", "f:1:1: natd's skinny_port is not supported yet; *"},
    {"exit_delay 10", "f:1:1: natd's exit_delay is not supported yet; *"},
    {"port natd", "f:1:1: natd's port is not supported yet; *"},
    {"in_port 1", "f:1:1: natd's in_port is not supported yet; *"},
    {"out_port 1", "f:1:1: natd's out_port is not supported yet; *"},
    {"redirect_port tcp 10.0.0.1:80,10.0.0.2:80 80",
	"f:1:30: natd's list of targets (LSNAT) is not supported yet; *"},
    {"redirect_address 10.0.0.1,10.0.0.2 1.2.3.4",
	"f:1:26: natd's list of targets (LSNAT) is not supported yet; *"},
    /* raw text */
    {"verbose\nver\x01"
     "bose",
	"f:2:4: a control character; *"},
    /* booleans */
    {"dynamic maybe", "f:1:9: \"maybe\" is neither \"yes\" nor \"no\""},
    {"deny_incoming Yes", "f:1:15: \"Yes\" is neither \"yes\" nor \"no\""},
    {"log yes  please # x",
	"f:1:10: \"please\" is one word too many; right would be \"log "
	"[yes|no]\""},
    {"log_denied 1", "f:1:12: \"1\" is neither*"},
    {"same_ports on", "f:1:12: \"on\" is neither*"},
    {"unregistered_only ,", "f:1:19: \",\" is neither*"},
    {"verbose true", "f:1:9: \"true\" is neither*"},
    /* interfaces */
    {"interface",
	"f:1:10: the name of an interface is missing; right would "
	"be \"interface eth0\""},
    {"interface\t  # none", "f:1:10: the name of an interface is missing*"},
    {"interface abcdefghijklmnop",
	"f:1:11: \"abcdefghijklmnop\" is too long for an interface; at most "
	"15 characters fit"},
    {"interface ../x", "f:1:11: \"../x\" is no name of an interface; *"},
    {"interface eth0:1", "f:1:11: \"eth0:1\" is no name of an interface; *"},
    {"interface %s%n", "f:1:11: \"%s%n\" is no name of an interface; *"},
    {"inside_interface a b", "f:1:20: \"b\" is one word too many; *"},
    /* addresses */
    {"alias_address",
	"f:1:14: an address is missing; right would be "
	"\"alias_address 203.0.113.5\""},
    {"alias_address 1.2.3.256",
	"f:1:21: \"1.2.3.256\" is no address; right would be four numbers "
	"from 0 to 255, as in 192.0.2.1"},
    {"alias_address 1.2.3", "f:1:20: \"1.2.3\" is no address; *"},
    {"alias_address 1.2.3.4.5", "f:1:22: \"1.2.3.4.5\" is no address; *"},
    {"alias_address 01.2.3.4", "f:1:15: \"01.2.3.4\" is no address; *"},
    {"alias_address 1..2.3", "f:1:17: \"1..2.3\" is no address; *"},
    {"alias_address 99999999999999999999.1.1.1", "f:1:15: *"},
    {"alias_address a/b", "f:1:15: \"a/b\" is no address; *"},
    {"alias_address 0.0.0.0", "f:1:15: 0.0.0.0 is of \"this network\"; *"},
    {"alias_address 127.0.0.1", "f:1:15: 127.0.0.1 is a loopback address; *"},
    {"alias_address 224.0.0.1", "f:1:15: 224.0.0.1 is a multicast address; *"},
    {"alias_address 255.255.255.255",
	"f:1:15: 255.255.255.255 is a reserved or broadcast address; *"},
    {"alias_address localhost", "f:1:15: 127.0.0.1 is a loopback address; *"},
    {"alias_address 1.2.3.4,", "f:1:23: an address is missing; *"},
    {"alias_address 1.2.3.4,,1.2.3.5", "f:1:23: an address is missing; *"},
    {"alias_address 1.2.3.4 1.2.3.5",
	"f:1:23: addresses are separated by commas; right would be "
	"\"alias_address ADDRESS[,ADDRESS...]\""},
    {"inside_network", "f:1:15: a network is missing; *"},
    {"inside_network 10.0.0.0",
	"f:1:24: the prefix length is missing; right would be ADDRESS/LENGTH, "
	"as in 192.168.1.0/24, or 10.0.0.0/32 for one host"},
    {"inside_network 10.0.0.0/33", "f:1:25: \"33\" is no number from 0 to 32"},
    {"inside_network 10.0.0.0/", "f:1:25: \"\" is no number from 0 to 32"},
    {"inside_network 10.0.0.1/8",
	"f:1:16: 10.0.0.1/8 has bits set after its prefix; the network would "
	"be 10.0.0.0/8"},
    {"inside_network home/8", "f:1:16: \"home/8\" is no network; *"},
    {"inside_network 10.0.0.0/8 x", "f:1:27: \"x\" is one word too many; *"},
    /* words */
    {"mode fast", "f:1:6: \"fast\" is none of full|ipsec-only"},
    {"mode",
	"f:1:5: full|ipsec-only is missing; right would be \"mode "
	"full\""},
    {"filtering open",
	"f:1:11: \"open\" is none of "
	"endpoint-independent|address-and-port-dependent"},
    {"ipsec_addresses many", "f:1:17: \"many\" is none of spread|paired"},
    {"backend divert", "f:1:9: \"divert\" is none of nfqueue|tun"},
    {"log_target file", "f:1:12: \"file\" is none of stderr|syslog|journal"},
    {"log_target syslog x", "f:1:19: \"x\" is one word too many; *"},
    /* numbers */
    {"max_flows 0", "f:1:11: \"0\" is no number from 1 to 67108864"},
    {"max_flows 67108865", "f:1:11: *"},
    {"max_flows 18446744073709551617", "f:1:11: *"},
    {"max_flows 99999999999999999999999999999999", "f:1:11: *"},
    {"max_ike -1", "f:1:9: \"-1\" is no number*"},
    {"max_associations +1", "f:1:18: \"+1\" is no number*"},
    {"max_spis 0", "f:1:10: \"0\" is no number from 1 to 67108864"},
    {"max_fragments 65537", "f:1:15: \"65537\" is no number from 1 to 65536"},
    {"max_fragments 1k", "f:1:15: \"1k\" is no number*"},
    {"queue 65536", "f:1:7: \"65536\" is no number from 0 to 65532"},
    {"queue", "f:1:6: a number is missing; right would be \"queue 5000\""},
    {"port_range 10-5",
	"f:1:12: the range \"10-5\" is empty; right would be "
	"5-10"},
    {"port_range 1023-9000",
	"f:1:12: the range begins under 1024, where the gateway's own "
	"services are; right would be from 1024 on"},
    {"port_range 1-65536", "f:1:14: \"65536\" is no number from 1 to 65535"},
    {"port_range 0-10", "f:1:12: \"0\" is no number from 1 to 65535"},
    {"port_range 1-2-3", "f:1:14: \"2-3\" is no number*"},
    {"port_range 1-", "f:1:14: \"\" is no number*"},
    {"port_range -1", "f:1:12: \"-1\" is no port or service of udp; *"},
    /* durations */
    {"timeout_udp 5x",
	"f:1:13: \"5x\" is no duration; right would be "
	"seconds, or a number with s, m, h or d, as in 300 or "
	"25h"},
    {"timeout_udp h", "f:1:13: \"h\" is no duration; *"},
    {"timeout_udp 0",
	"f:1:13: \"0\" is out of bounds; right would be from "
	"1s to 7d"},
    {"timeout_udp 8d", "f:1:13: \"8d\" is out of bounds; *"},
    {"timeout_udp 604801", "f:1:13: \"604801\" is out of bounds; *"},
    {"timeout_udp 18446744073709551615d", "f:1:13: *"},
    {"timeout_udp 1 h", "f:1:15: \"h\" is one word too many; *"},
    {"timeout_tcp_opening x", "f:1:21: *"},
    {"timeout_tcp x", "f:1:13: *"},
    {"timeout_tcp_closing x", "f:1:21: *"},
    {"timeout_tcp_reset x", "f:1:19: *"},
    {"timeout_icmp x", "f:1:14: *"},
    {"timeout_other x", "f:1:15: *"},
    {"timeout_esp x", "f:1:13: *"},
    {"timeout_esp_unpaired x", "f:1:22: *"},
    {"timeout_ike x", "f:1:13: *"},
    {"timeout_ike_half_open x", "f:1:23: *"},
    {"timeout_ike_unanswered x", "f:1:24: *"},
    {"timeout_fragment x", "f:1:18: *"},
    /* paths */
    {"control_socket", "f:1:15: a path is missing; *"},
    {"control_socket /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"f:1:16: the path is too long; at most 107 characters fit"},
    {"journal",
	"f:1:8: a path is missing; right would be \"journal "
	"/var/lib/spinat/journal.db\""},
    {"pid_file",
	"f:1:9: a path is missing; right would be \"pid_file "
	"/run/spinat/spinatd.pid\""},
    {"config /etc/x", "f:1:1: a file cannot read another one; *"},
    /* redirect_port */
    {"redirect_port",
	"f:1:14: tcp or udp is missing; right would be "
	"\"redirect_port tcp 192.168.1.10:80 8080\""},
    {"redirect_port tcp", "f:1:18: the target is missing; *"},
    {"redirect_port tcp 10.0.0.1:80",
	"f:1:30: the public port is missing; "
	"*"},
    {"redirect_port icmp 10.0.0.1 80",
	"f:1:15: \"icmp\" is neither \"tcp\" nor \"udp\"; *"},
    {"redirect_port tcp 10.0.0.1: 80", "f:1:28: a port is missing here"},
    {"redirect_port tcp 10.0.0.1:80-81 80",
	"f:1:34: ports on the public side: 1, of the target: 2; right would "
	"be as many"},
    {"redirect_port tcp 10.0.0.1:no-such-thing 80",
	"f:1:28: \"no-such-thing\" is no port or service of tcp; *"},
    {"redirect_port tcp 10.0.0.1:0 80",
	"f:1:28: \"0\" is no number from 1 to 65535"},
    {"redirect_port tcp 0.0.0.0:1 80", "f:1:19: 0.0.0.0 is *"},
    {"redirect_port tcp 10.0.0.1:80 1.2.3.4",
	"f:1:38: the public port is missing; right would be PORT or "
	"ADDRESS:PORT"},
    {"redirect_port tcp 10.0.0.1:80 1.2.3.4:",
	"f:1:39: a port is missing here"},
    {"redirect_port tcp 10.0.0.1:80 80 5.6.7.8:1-2",
	"f:1:42: ports of the remote: 2, on the public side: 1; right would "
	"be as many, or none for any"},
    {"redirect_port tcp 10.0.0.1:80 80 5.6.7.999", "f:1:40: *"},
    {"redirect_port tcp 10.0.0.1:80 80 5.6.7.8 x",
	"f:1:42: \"x\" is one word too many; *"},
    {"redirect_port udp 10.0.0.1 1-5000 1.2.3.4:1-5000",
	"f:1:1: too many redirects; *"},
    /* the others */
    {"redirect_proto", "f:1:15: the protocol is missing; *"},
    {"redirect_proto gre", "f:1:19: the inside host is missing; *"},
    {"redirect_proto nix 10.0.0.1",
	"f:1:16: \"nix\" is no IP protocol; right would be a number from 1 "
	"to 255 or a name from protocols(5), as in gre"},
    {"redirect_proto 256 10.0.0.1",
	"f:1:16: \"256\" is no number from 1 to 255"},
    {"redirect_proto 0 10.0.0.1", "f:1:16: \"0\" is no number from 1 to 255"},
    {"redirect_proto gre 10.0.0", "f:1:26: \"10.0.0\" is no address; *"},
    {"redirect_proto gre 10.0.0.1 x.", "f:1:29: the host \"x.\" is not *"},
    {"redirect_proto gre 10.0.0.1 1.2.3.4 5.6.7.8 9",
	"f:1:45: \"9\" is one word too many; *"},
    {"redirect_address 10.0.0.1",
	"f:1:26: the public address is missing; right would be "
	"\"redirect_address 192.168.1.10 203.0.113.6\""},
    {"redirect_address", "f:1:17: the inside host is missing; *"},
    {"redirect_address 10.0.0.1 1.2.3.4 5",
	"f:1:35: \"5\" is one word too many; *"},
    {"redirect_ipsec",
	"f:1:15: the inside host is missing; right would be "
	"\"redirect_ipsec 192.168.1.10\""},
    {"redirect_ipsec 10.0.0.1 1.2.3.4 5",
	"f:1:33: \"5\" is one word too many; *"},
    {"redirect_ipsec 0.0.0.0", "f:1:16: 0.0.0.0 is *"},
};

static void test_wrong_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_wrong(wrong[i].text, wrong[i].expected);
}

/* ------------------------------------------------------------ right ones */

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
	    "backend tun\nqueue 0\nport_range 2000-2999\nmax_flows 7\n"
	    "max_ike 8\nmax_associations 9\nmax_fragments 10\n"
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
	assert_int_equal(conf.queue, 0);
	assert_int_equal(conf.engine.port_low, 2000);
	assert_int_equal(conf.engine.port_high, 2999);
	assert_int_equal(conf.engine.max_flows, 7);
	assert_int_equal(conf.engine.max_ike, 8);
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

/* ----------------------------------------------------------------- bounds */

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

/* ------------------------------------------------------------- the files */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX", expected[128];
	struct error error;
	struct conf conf;
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	close(file);
	conf_init(&conf);
	write_file(path, "interface eth0\nlog yes");
	assert_int_equal(conf_read_file(&conf, path, &error), 0);
	assert_true(conf.log);
	write_file(path, "log no\nlog what\n");
	assert_int_equal(conf_read_file(&conf, path, &error), -EINVAL);
	sprintf(expected, "%s:2:5: \"what\" is neither*", path);
	assert_message(error.text, expected);
	assert_true(conf.log);
	unlink(path);
	assert_int_equal(conf_read_file(&conf, path, &error), -ENOENT);
	sprintf(expected, "%s: cannot be opened: *", path);
	assert_message(error.text, expected);
	assert_int_equal(conf_read_file(&conf, "/tmp", &error), -EISDIR);
	conf_free(&conf);
}

struct heard {
	unsigned faults, warnings;
	char last[512];
};

static void hear(void *context, bool fatal, const char *text)
{
	struct heard *heard = context;

	fatal ? heard->faults++ : heard->warnings++;
	snprintf(heard->last, sizeof(heard->last), "%s", text);
}

static void test_diagnose_says_all(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX", expected[128];
	struct heard heard = {0, 0, ""};
	struct conf conf;
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	close(file);
	write_file(path, "log what\nverbose\nmode x\nqueue y\n");
	conf_init(&conf);
	assert_int_equal(conf_diagnose_file(&conf, path, hear, &heard), 3);
	assert_int_equal(heard.faults, 3);
	sprintf(expected, "%s:4:7: *", path);
	assert_message(heard.last, expected);
	conf_free(&conf);

	write_file(path, "alias_address 192.168.1.1\ntimeout_udp 20\n");
	heard = (struct heard){0, 0, ""};
	conf_init(&conf);
	assert_int_equal(conf_diagnose_file(&conf, path, hear, &heard), 0);
	assert_int_equal(heard.warnings, 2);
	sprintf(expected, "%s:2:1: timeout_udp is under 120 seconds: *", path);
	assert_message(heard.last, expected);
	conf_free(&conf);
	unlink(path);
}

/* ---------------------------------------------------------- command line */

static int parse(struct conf *conf, struct error *error,
    const struct conf_flag *flags, char *const *argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return conf_parse_args(conf, argc, argv, flags, error);
}

#define PARSE(conf, error, flags, ...)                                         \
	parse(conf, error, flags, (char *const[]){"spinatd", __VA_ARGS__, NULL})

static void test_arguments(void **state)
{
	bool help = false, detach = false;
	const struct conf_flag flags[] = {
	    {"help", 'h', &help}, {"detach", 0, &detach}, {NULL, 0, NULL}};
	char path[] = "/tmp/test_conf.XXXXXX";
	struct error error;
	struct conf conf;
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	close(file);
	write_file(path, "interface eth9\nqueue 9\n");
	conf_init(&conf);
	assert_int_equal(
	    PARSE(&conf, &error, flags, "-queue", "3", "-f", path, "-n", "eth1",
		"--alias_address", "1.2.3.4,", "1.2.3.5", "-a", "1.2.3.6", "-v",
		"-u", "-m", "no", "-d", "-l", "-P", "/p", "--max_ike=77",
		"-redirect_port", "tcp", "10.0.0.1:80", "8080", "--help",
		"--detach", "-dynamic"),
	    0);
	assert_string_equal(conf.interface, "eth1");
	assert_int_equal(conf.queue, 9);
	assert_int_equal(conf.engine.public_count, 3);
	assert_true(conf.verbose && conf.engine.unregistered_only);
	assert_true(conf.engine.deny_incoming && conf.log && conf.dynamic);
	assert_false(conf.engine.same_ports);
	assert_string_equal(conf.pid_file, "/p");
	assert_int_equal(conf.engine.max_ike, 77);
	assert_int_equal(conf.redirect_count, 1);
	assert_true(help && detach);
	conf_free(&conf);
	unlink(path);
}

static void test_wrong_arguments(void **state)
{
	char many[5000];
	struct error error;
	struct conf conf;

	(void)state;
	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	conf_init(&conf);
	assert_int_equal(PARSE(&conf, &error, NULL, "eth0"), -EINVAL);
	assert_message(
	    error.text, "command line: \"eth0\" belongs to no option; *");
	assert_int_equal(PARSE(&conf, &error, NULL, "-"), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "--"), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, ""), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "--="), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "--qeue", "1"), -EINVAL);
	assert_message(error.text,
	    "command line: there is no option "
	    "\"qeue\"; did you mean \"queue\"?");
	assert_int_equal(PARSE(&conf, &error, NULL, "-s"), -EINVAL);
	assert_message(error.text,
	    "command line: natd's use_sockets is not supported yet; *");
	assert_int_equal(PARSE(&conf, &error, NULL, "-n"), -EINVAL);
	assert_string_equal(error.text,
	    "--interface: the name of an interface is missing; right would be "
	    "\"interface eth0\"");
	assert_int_equal(
	    PARSE(&conf, &error, NULL, "-v", "--queue", "x"), -EINVAL);
	assert_message(error.text, "--queue: \"x\" is no number*");
	assert_false(conf.verbose);
	assert_int_equal(PARSE(&conf, &error, NULL, "-P", "a\nb"), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "-P", many), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, many), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "-f", "/nowhere"), -ENOENT);
	conf_free(&conf);
}

/* -------------------------------------------------------------- the whole */

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

static unsigned warnings_of(const char *text)
{
	struct heard heard = {0, 0, ""};
	struct conf conf;

	read_right(&conf, text);
	assert_int_equal(conf_inspect(&conf, hear, &heard), 0);
	conf_free(&conf);
	return heard.warnings;
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

/* ---------------------------------------------- the table and its picture */

static void test_timeout_names(void **state)
{
	char name[64], value[8] = "77s";

	(void)state;
	for (unsigned i = 0; i < SPINAT_TIMEOUT_COUNT; i++) {
		struct error error;
		struct conf conf;

		conf_init(&conf);
		sprintf(name, "timeout_%s",
		    spinat_timeout_name((enum spinat_timeout)i));
		if (conf_option(&conf, name, value, &error) != 0)
			fail_msg("%s", error.text);
		for (unsigned j = 0; j < SPINAT_TIMEOUT_COUNT; j++)
			assert_int_equal(i == j,
			    conf.engine.timeouts[j] == 77 * SPINAT_SECOND);
		conf_free(&conf);
	}
}

/** All that an option can set, as text. */
static char *picture(const struct conf *conf)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	conf_print_summary(conf, out);
	fprintf(out, "%d %d %d %d %s %s %s %u %u\n", conf->dynamic, conf->log,
	    conf->log_denied, conf->verbose, conf->control_socket,
	    conf->pid_file, conf->log_target, conf->engine.max_peers,
	    conf->engine.max_ike);
	for (unsigned i = 0; i < SPINAT_TIMEOUT_COUNT; i++)
		fprintf(out, "%lld ", (long long)conf->engine.timeouts[i]);
	fclose(out);
	return text;
}

/* The default that the table (and with it the manual) names is the one that
 * conf_init() sets; every example is right. */
static void test_defaults_and_examples(void **state)
{
	(void)state;
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct option_row *option = &conf_options[i];
		struct conf conf;
		struct error error;
		char *before, *after;

		conf_init(&conf);
		before = picture(&conf);
		if (option->initial != NULL &&
		    conf_option(&conf, option->name, option->initial, &error) !=
			0)
			fail_msg("%s", error.text);
		after = picture(&conf);
		assert_string_equal(before, after);
		free(before);
		free(after);
		if (strcmp(option->name, "config") != 0 &&
		    conf_option(&conf, option->name, option->example, &error) !=
			0)
			fail_msg("%s", error.text);
		conf_free(&conf);
	}
}

static void test_table_is_unambiguous(void **state)
{
	const char *name, *advice;
	bool ignorable;

	(void)state;
	for (unsigned i = 0; i < conf_option_count; i++) {
		char letter[2] = {conf_options[i].short_name, '\0'};

		assert_ptr_equal(option_find(slice_of(conf_options[i].name)),
		    &conf_options[i]);
		if (letter[0] != '\0')
			assert_ptr_equal(
			    option_find(slice_of(letter)), &conf_options[i]);
		assert_false(natd_option_find(slice_of(conf_options[i].name),
		    &name, &advice, &ignorable));
	}
}

static char *load_manual(void)
{
	FILE *file = fopen(CONF_MANUAL, "r");
	char *text = calloc(1, 1 << 20);

	if (file == NULL)
		return text;
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void test_manual_has_every_option(void **state)
{
	char *manual = load_manual();

	(void)state;
	if (manual[0] == '\0') {
		free(manual);
		skip();
	}
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct option_row *option = &conf_options[i];
		char item[80], letter[16], initial[96], *start, *stop;

		sprintf(item, "\n.It Ic %s ", option->name);
		start = strstr(manual, item);
		if (start == NULL)
			fail_msg("no %s in the manual", option->name);
		stop = strstr(start + 1, "\n.It Ic ");
		if (stop != NULL)
			*stop = '\0';
		if (option->initial != NULL) {
			sprintf(initial, "\nDefault:\n.%s %s .",
			    option->initial[0] == '/' ? "Pa" : "Cm",
			    option->initial);
			if (strstr(start, initial) == NULL)
				fail_msg("%s: no default %s in the manual",
				    option->name, option->initial);
		}
		sprintf(letter, "Fl %c", option->short_name);
		if (option->short_name != 0 && strstr(start, letter) == NULL)
			fail_msg("%s: no -%c in the manual", option->name,
			    option->short_name);
		if (stop != NULL)
			*stop = '\n';
	}
	free(manual);
}

/** What conf_check() lets through the engine takes, rule by rule. */
static void assert_engine_takes(const char *text)
{
	struct spinat_config *config;
	struct spinat *engine;
	struct conf conf;
	void *memory;
	size_t size;

	read_right(&conf, text);
	assert_int_equal(conf_check(&conf, NULL), 0);
	config = &conf.engine;
	if (config->public_count == 0)
		config->public_addresses[config->public_count++] =
		    address("192.0.2.1");
	config->max_flows = config->max_spis = 1024;
	config->max_ike = config->max_peers = 64;
	size = spinat_memory_size(config);
	memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
	assert_non_null(memory);
	memset(memory, 0, size);
	assert_int_equal(spinat_create(&engine, config, memory, size, 0), 0);
	for (unsigned i = 0; i < conf.redirect_count; i++)
		assert_int_equal(
		    spinat_add_redirect(engine, &conf.redirects[i]), 0);
	free(memory);
	conf_free(&conf);
}

static void test_engine_takes_it(void **state)
{
	(void)state;
	assert_engine_takes("interface eth0");
	assert_engine_takes("interface eth0\n"
			    "redirect_port tcp 10.0.0.1 80\n"
			    "redirect_port tcp 10.0.0.2 80 1.2.3.4\n"
			    "redirect_port tcp 10.0.0.3 80 1.2.3.4:99\n"
			    "redirect_port tcp 10.0.0.3 81 0.0.0.0:99\n"
			    "redirect_port udp 10.0.0.3 80\n"
			    "redirect_port udp 10.0.0.3 600-699 1.2.3.4:1-100\n"
			    "redirect_proto gre 10.0.0.1\n"
			    "redirect_proto gre 10.0.0.2 0.0.0.0 1.2.3.4\n"
			    "redirect_address 10.0.0.5 5.6.7.8\n"
			    "redirect_address 10.0.0.6 5.6.7.8\n"
			    "redirect_ipsec 10.0.0.1\n"
			    "redirect_ipsec 10.0.0.2 1.2.3.4\n");
}

/* The examples are right, as files and as wholes, and raise no warning. */
static void test_manual_examples(void **state)
{
	char *manual = load_manual(), *at = manual;
	unsigned found = 0;

	(void)state;
	if (manual[0] == '\0') {
		free(manual);
		skip();
	}
	while ((at = strstr(at, "\n.Bd -literal")) != NULL) {
		char *text = strchr(at + 1, '\n') + 1;
		char *stop = strstr(text, "\n.Ed");

		assert_non_null(stop);
		*stop = '\0';
		assert_int_equal(warnings_of(text), 0);
		assert_engine_takes(text);
		at = stop + 1;
		found++;
	}
	assert_true(found >= 4);
	free(manual);
}

/** The command's exit code, its output thrown away. */
static int check_quietly(char *option, char *path)
{
	char *argv[] = {"check", option, path, NULL};
	int quiet = open("/dev/null", O_WRONLY), out = dup(1), err = dup(2);
	int code, argc = option == NULL ? 1 : path == NULL ? 2 : 3;

	assert_true(quiet >= 0 && out >= 0 && err >= 0);
	fflush(NULL);
	dup2(quiet, 1);
	dup2(quiet, 2);
	code = cmd_check(argc, argv);
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	close(quiet);
	close(out);
	close(err);
	return code;
}

static void test_command_exit_codes(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX";
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	close(file);
	write_file(path, "interface eth0\n");
	assert_int_equal(check_quietly("-f", path), 0);
	assert_int_equal(check_quietly("-h", NULL), 0);
	write_file(path, "interface eth0\nmode x\n");
	assert_int_equal(check_quietly("--config", path), 1);
	write_file(path, "");
	assert_int_equal(check_quietly("-f", path), 1);
	unlink(path);
	assert_int_equal(check_quietly("-f", path), 1);
	assert_int_equal(check_quietly(NULL, NULL), 2);
	assert_int_equal(check_quietly("-f", NULL), 2);
	assert_int_equal(check_quietly("-x", path), 2);
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
	    cmocka_unit_test(test_wrong_lines),
	    cmocka_unit_test(test_right_values),
	    cmocka_unit_test(test_natd_conf),
	    cmocka_unit_test(test_narrow_redirects_first),
	    cmocka_unit_test(test_paired_remote_ports),
	    cmocka_unit_test(test_whole_port_range),
	    cmocka_unit_test(test_bounds_of_text),
	    cmocka_unit_test(test_bounds_of_lists),
	    cmocka_unit_test(test_nothing_half_applied),
	    cmocka_unit_test(test_cut_message),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_diagnose_says_all),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_wrong_arguments),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_check_redirects),
	    cmocka_unit_test(test_redirect_address),
	    cmocka_unit_test(test_redirect_of_ipsec),
	    cmocka_unit_test(test_spis_are_flows),
	    cmocka_unit_test(test_warnings),
	    cmocka_unit_test(test_timeout_names),
	    cmocka_unit_test(test_defaults_and_examples),
	    cmocka_unit_test(test_table_is_unambiguous),
	    cmocka_unit_test(test_manual_has_every_option),
	    cmocka_unit_test(test_engine_takes_it),
	    cmocka_unit_test(test_manual_examples),
	    cmocka_unit_test(test_command_exit_codes),
	    cmocka_unit_test(test_private_addresses),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
