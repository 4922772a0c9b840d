/* SPDX-License-Identifier: BSD-2-Clause */
/* The search for rules that send elsewhere what comes to our public ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/dnat.h"

#define CONF "interface out\ninside_interface in\nport_range 20000-29999\n"

/* What was said: how often, and the last. */
struct heard {
	unsigned count;
	char last[2048];
};

static void hear(void *context, const char *rule)
{
	struct heard *heard = context;

	heard->count++;
	snprintf(heard->last, sizeof(heard->last), "%s", rule);
}

enum tongue { IPTABLES, NFT, NFT_BESIDE_IPTABLES };

static struct heard search(const char *text, const char *rules, enum tongue by)
{
	const spinat_be32 public = {inet_addr("198.51.100.1")};
	struct heard heard = {.count = 0};
	struct dnat_range *ranges;
	struct error error = {""};
	struct conf conf;
	struct dnat_query query = {
	    .interface = "out",
	    .publics = &public,
	    .public_count = 1,
	    .is_iptables_told = by == NFT_BESIDE_IPTABLES,
	};

	conf_init(&conf);
	if (conf_read_text(&conf, "test", text, strlen(text), &error) != 0)
		fail_msg("%s", error.text);
	ranges = calloc(DNAT_RANGES(&conf), sizeof(*ranges));
	assert_non_null(ranges);
	query.ranges = ranges;
	query.range_count = dnat_ranges(&conf, ranges);
	assert_true(query.range_count <= DNAT_RANGES(&conf));
	if (by == IPTABLES)
		dnat_in_iptables(rules, &query, hear, &heard);
	else
		dnat_in_nft(rules, &query, hear, &heard);
	free(ranges);
	conf_free(&conf);
	return heard;
}

struct row {
	bool meets;
	const char *rule;
};

static void assert_rows(const char *before, const char *after,
    const struct row *rows, size_t count, enum tongue by)
{
	char text[1024];

	for (size_t i = 0; i < count; i++) {
		snprintf(
		    text, sizeof(text), "%s%s%s", before, rows[i].rule, after);
		if (search(CONF, text, by).count != rows[i].meets)
			fail_msg("%s", rows[i].rule);
	}
}

static void test_iptables(void **state)
{
	static const struct row rows[] = {
	    {true, "-A PREROUTING -j DNAT --to-destination 10.0.0.1"},
	    {true,
		"-A PREROUTING -i out -p tcp -m tcp --dport 20000 -j DNAT "
		"--to-destination 10.0.0.1:80"},
	    {true, "-A PREROUTING -p udp -m udp --dport 1:20000 -j REDIRECT"},
	    {true, "-A PREROUTING -p udp -m udp --dport 500 -j REDIRECT"},
	    {true,
		"-A PREROUTING -p tcp -m multiport --dports 80,443,29999:30000 "
		"-j REDIRECT --to-ports 7"},
	    {true,
		"-A PREROUTING -d 198.51.100.1/32 -p esp -j DNAT --to 1.1.1.1"},
	    {true, "-A PREROUTING ! -i in -p tcp --dport 25000 -j REDIRECT"},
	    {true, "-A PREROUTING -i ou+ -p tcp --dport 25000 -j REDIRECT"},
	    {true, "-A PREROUTING -p tcp ! --dport 80 -j REDIRECT"},
	    {true, "-A PREROUTING ! -p tcp -j REDIRECT"},
	    {true,
		"-A PREROUTING -m addrtype --dst-type LOCAL -j D\n"
		"-A D ! -i d0 -p tcp --dport 20080 -j DNAT --to 172.17.0.2:80"},
	    {false, "-A PREROUTING -i out -p tcp --dport 8080 -j REDIRECT"},
	    {false, "-A PREROUTING -i out -p tcp --dport 30000 -j REDIRECT"},
	    {false, "-A PREROUTING -i out -p tcp --dport 500 -j REDIRECT"},
	    {false, "-A PREROUTING -i in -p tcp --dport 20000 -j REDIRECT"},
	    {false, "-A PREROUTING ! -i out -p tcp --dport 20000 -j REDIRECT"},
	    {false, "-A PREROUTING -d 192.0.2.1/32 -p tcp -j REDIRECT"},
	    {false, "-A PREROUTING -p icmp -j DNAT --to-destination 10.0.0.1"},
	    {false, "-A PREROUTING -p tcp --dport 20000 -j ACCEPT"},
	    {false, "-A OUTPUT -p tcp --dport 20000 -j REDIRECT"},
	    {false, "-A LOST -p tcp --dport 20000 -j REDIRECT"},
	    {false,
		"-A PREROUTING -d 10.96.0.1/32 -p tcp --dport 443 -j K\n"
		"-A K -p tcp -j DNAT --to-destination 10.0.0.1:6443"},
	    {false,
		"-A PREROUTING -p tcp -j K\n"
		"-A K -p udp --dport 20000 -j DNAT --to-destination 1.1.1.1"},
	    /* One that calls itself is not followed for ever. */
	    {false, "-A PREROUTING -j K\n-A K -j K"},
	};
	(void)state;

	assert_rows("*nat\n", "\nCOMMIT\n", rows,
	    sizeof(rows) / sizeof(rows[0]), IPTABLES);
	assert_int_equal(
	    search(CONF, "*mangle\n-A PREROUTING -j DNAT\n", IPTABLES).count,
	    0);
	assert_int_equal(search(CONF, NULL, IPTABLES).count, 0);
}

static void test_nft(void **state)
{
	static const struct row rows[] = {
	    {true, "dnat to 10.0.0.1"},
	    {true, "iifname \"out\" tcp dport 20000 dnat to 10.0.0.1:80"},
	    {true, "iif \"out\" tcp dport { 80, 2000-20000 } redirect to :80"},
	    {true, "iifname { \"x\", \"out\" } udp dport 500 redirect"},
	    {true,
		"iifname \"out\" ip daddr 198.51.100.1 meta l4proto { tcp, udp "
		"} "
		"th dport 20000-20010 redirect to :53"},
	    {true, "ip daddr { 192.0.2.1, 198.51.100.0/24 } dnat to 10.0.0.1"},
	    {true, "ip daddr @ours tcp dport @theirs dnat to 10.0.0.1"},
	    {true, "ip protocol esp dnat ip to 10.0.0.1"},
	    {true, "meta l4proto { icmp, esp, tcp } dnat ip to 10.0.0.1"},
	    {true, "tcp dport != 80 counter packets 0 bytes 0 redirect"},
	    {true,
		"iifname != \"in\" dnat ip to udp dport map { 7 : 10.0.0.1 }"},
	    {true, "fib daddr type local jump lan"},
	    {false, "iifname \"out\" tcp dport 8080 dnat to 10.0.0.1"},
	    {false, "iifname \"in\" tcp dport 20000 dnat to 10.0.0.1"},
	    {false, "iifname != \"out\" tcp dport 20000 dnat to 10.0.0.1"},
	    {false, "ip daddr 192.0.2.1 tcp dport 20000 dnat to 10.0.0.1"},
	    {false, "ip daddr 192.0.2.1 iifname \"out\" dnat to 10.0.0.1"},
	    {true, "ip daddr != 192.0.2.1 tcp dport 20000 dnat to 10.0.0.1"},
	    {false, "meta l4proto { icmp, 47 } dnat to 10.0.0.1"},
	    {false, "tcp dport 20000 accept"},
	    {false, "tcp dport 20000 comment \"dnat\" accept"},
	    {false, "tcp dport 80 jump lan"},
	    {false, "iifname \"in\" goto lan"},
	};
	static const char before[] = "table inet t {\n"
				     "\tset theirs {\n\t\ttype inet_service\n"
				     "\t\telements = { 1, 2 }\n\t}\n"
				     "\tchain lan {\n"
				     "\t\ttcp dport 20000 dnat to 10.0.0.9\n"
				     "\t}\n\tchain p {\n"
				     "\t\ttype nat hook prerouting priority "
				     "dstnat; policy accept;\n\t\t";
	(void)state;

	assert_rows(
	    before, "\n\t}\n}\n", rows, sizeof(rows) / sizeof(rows[0]), NFT);
	/* A chain that hangs elsewhere, our own table, and what iptables says
	 * as well. */
	assert_int_equal(search(CONF,
			     "table ip t {\n\tchain c {\n\t\ttype nat hook "
			     "output priority -100;\n\t\tredirect\n\t}\n}\n",
			     NFT)
			     .count,
	    0);
	assert_int_equal(
	    search(CONF,
		"table ip spinat {\n\tchain c {\n\t\ttype nat hook "
		"prerouting priority 0;\n\t\tredirect\n\t}\n}\n",
		NFT)
		.count,
	    0);
	for (int by = NFT; by <= NFT_BESIDE_IPTABLES; by++)
		assert_int_equal(
		    search(CONF,
			"table ip nat {\n\tchain PREROUTING {\n\t\ttype nat "
			"hook prerouting priority 0;\n\t\tredirect\n\t}\n}\n",
			(enum tongue)by)
			.count,
		    by == NFT);
	assert_int_equal(search(CONF, NULL, NFT).count, 0);
}

/* Which ports are ours is the configuration's affair. */
static void test_ranges(void **state)
{
	static const struct {
		unsigned count;
		const char *conf, *asks;
	} rows[] = {
	    {0, CONF, "-p tcp --dport 8080"},
	    {1, CONF "same_ports yes\n", "-p tcp --dport 8080"},
	    {1, CONF "redirect_port tcp 10.0.0.3:80 8080\n",
		"-p tcp --dport 8080"},
	    {1, CONF "redirect_port tcp 10.0.0.3:80-89 8080-8089\n",
		"-p tcp --dport 8089"},
	    {0, CONF "redirect_port tcp 10.0.0.3:80-89 8080-8089\n",
		"-p tcp --dport 8090"},
	    {0, CONF "redirect_port tcp 10.0.0.3:80 8080\n",
		"-p udp --dport 8080"},
	    {1, CONF "redirect_proto gre 10.0.0.3\n", "-p gre"},
	    {1, CONF "redirect_address 10.0.0.3 198.51.100.1\n",
		"-p tcp --dport 1"},
	    {0, CONF "mode ipsec-only\n", "-p tcp --dport 20000"},
	    {0, CONF "mode ipsec-only\n", "-p udp --dport 20000"},
	    {1, CONF "mode ipsec-only\nike_ports rewrite\n",
		"-p udp --dport 20000"},
	    {0, CONF "mode ipsec-only\nike_ports rewrite\nsame_ports yes\n",
		"-p udp --dport 8080"},
	    {1, CONF "mode ipsec-only\n", "-p udp --dport 500"},
	    {1, CONF "mode ipsec-only\n", "-p esp"},
	};
	char rules[256];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(rules, sizeof(rules),
		    "*nat\n-A PREROUTING %s -j REDIRECT\n", rows[i].asks);
		if (search(rows[i].conf, rules, IPTABLES).count !=
		    rows[i].count)
			fail_msg("%s%s", rows[i].conf, rows[i].asks);
	}
}

/* The rule as the administrator finds it again, and each of several. */
static void test_what_is_said(void **state)
{
	struct heard heard;
	(void)state;

	heard = search(CONF,
	    "*nat\n-A PREROUTING -i out -p esp -j DNAT --to-destination "
	    "1.2.3.4\n-A PREROUTING -p tcp -m comment --comment \"a b\" "
	    "-j REDIRECT\n",
	    IPTABLES);
	assert_int_equal(heard.count, 2);
	assert_string_equal(heard.last,
	    "iptables -t nat -A PREROUTING -p tcp -m comment --comment \"a "
	    "b\" -j REDIRECT");
	heard = search(CONF,
	    "table inet t {\n\tchain p {\n\t\ttype nat hook prerouting "
	    "priority 0;\n\t\tiifname \"out\" redirect to :9\n\t}\n}\n",
	    NFT);
	assert_int_equal(heard.count, 1);
	assert_string_equal(
	    heard.last, "inet t/p: iifname \"out\" redirect to :9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_iptables),
	    cmocka_unit_test(test_nft),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_what_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
