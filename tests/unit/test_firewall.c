/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules as text, the search for a masquerade in the way, the list of
 * reserved ports, and the checksums that the back ends finish.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/checksum.h"
#include "conf/conf.h"
#include "firewall/hostports.h"
#include "firewall/masquerade.h"
#include "firewall/rule.h"

/* ------------------------------------------------------------- the rules */

enum tongue { IPTABLES, NFT, IPFW };

/** The rules for a configuration's text, as printed.  The caller frees. */
static char *rules(const char *text, enum tongue tongue, const char *saved)
{
	struct conf conf;
	struct error error = {""};
	struct ruleset set;
	char *string = NULL;
	size_t size = 0;

	conf_init(&conf);
	int code = conf_read_text(&conf, "test", text, strlen(text), &error);
	if (code != 0)
		fail_msg("%s", error.text);
	conf.engine.public_addresses[0].raw = inet_addr("198.51.100.1");
	conf.engine.public_count = 1;
	conf.engine.inside[0] =
	    (struct spinat_prefix){{inet_addr("10.0.0.0")}, 24};
	conf.engine.inside_count = 1;
	assert_int_equal(ruleset_build(&set, &conf, &error), 0);
	FILE *file = open_memstream(&string, &size);
	assert_non_null(file);
	if (tongue == IPTABLES)
		print_iptables(file, &set, saved);
	else if (tongue == NFT)
		print_nft(file, &set, PART_ALL);
	else
		print_ipfw(file, &conf);
	fclose(file);
	ruleset_free(&set);
	conf_free(&conf);
	return string;
}

static void assert_has(const char *text, const char *line)
{
	if (text == NULL || strstr(text, line) == NULL)
		fail_msg("\"%s\" is missing in:\n%s", line,
		    text != NULL ? text : "nothing");
}

static void assert_lacks(const char *text, const char *line)
{
	if (text == NULL || strstr(text, line) != NULL)
		fail_msg(
		    "\"%s\" is in:\n%s", line, text != NULL ? text : "nothing");
}

#define FULL                                                                   \
	"interface out\ninside_interface in\nport_range 20000-29999\n"         \
	"queue 5000\n"

static void full_in_iptables(void **state)
{
	(void)state;
	char *text =
	    rules(FULL "redirect_port tcp 10.0.0.3:80 8080\n", IPTABLES, NULL);
	assert_has(text, "-A SPINAT-PRE -d 198.51.100.1 -i out -g SPINAT-IN\n");
	assert_has(
	    text, "-A SPINAT-PRE -d 198.51.100.1 -i in -g SPINAT-HAIRPIN\n");
	assert_has(text,
	    "-A SPINAT-IN -p tcp --dport 20000:29999 -j NFQUEUE --queue-num "
	    "5001\n");
	assert_has(text,
	    "-A SPINAT-IN -p udp --dport 500:500 -j NFQUEUE --queue-num "
	    "5003\n");
	assert_has(text,
	    "-A SPINAT-IN -p tcp --dport 8080:8080 -j NFQUEUE --queue-num "
	    "5001\n");
	assert_has(text,
	    "-A SPINAT-POST -s 10.0.0.0/24 -o out -j NFQUEUE --queue-num "
	    "5000\n");
	assert_has(text, "-A SPINAT-GUARD -s 10.0.0.0/24 -o out -j DROP\n");
	assert_has(text,
	    "-I POSTROUTING 1 -m comment --comment spinat -j SPINAT-POST\n");
	assert_has(text,
	    "-I POSTROUTING 2 -m comment --comment spinat -j SPINAT-GUARD\n");
	assert_lacks(text, "SPINAT-NAT");
	free(text);
}

static void ipsec_only_in_iptables(void **state)
{
	(void)state;
	char *text = rules(FULL "mode ipsec-only\n", IPTABLES, NULL);
	assert_has(text, "-A SPINAT-IN -p 50 -j NFQUEUE --queue-num 5001\n");
	assert_has(text, "-A SPINAT-OUT -p 50 -j NFQUEUE --queue-num 5000\n");
	assert_has(text, "-A SPINAT-GUARD -s 10.0.0.0/24 -o out -p 50 -j DROP");
	assert_has(text,
	    "-A SPINAT-NAT -o out -p 50 -m conntrack --ctorigsrc 10.0.0.0/24 "
	    "-j ACCEPT\n");
	assert_lacks(text, "-p tcp");
	assert_lacks(text, "20000:29999");
	/* Plain traffic of the inside is the kernel's. */
	assert_lacks(text, "-A SPINAT-GUARD -s 10.0.0.0/24 -o out -j DROP");
	free(text);
}

/** Every rule that may be bypassed is for what the gateway itself sends. */
static void assert_bypassed_only_by_own(const char *text)
{
	for (const char *at = text; (at = strstr(at, "bypass")) != NULL; at++) {
		const char *line = at, *end = at + strcspn(at, "\n");
		char rule[200];

		while (line > text && line[-1] != '\n')
			line--;
		snprintf(rule, sizeof(rule), "%.*s", (int)(end - line), line);
		if ((strstr(rule, "-A SPINAT-GATEWAY ") == NULL &&
			strstr(rule, "queue num 5004 bypass") == NULL) ||
		    strstr(rule, "198.51.100.1") == NULL)
			fail_msg("\"%s\" fails open", rule);
	}
}

static void the_gateway_s_own(void **state)
{
	static const char *const modes[] = {FULL, FULL "mode ipsec-only\n"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *text = rules(modes[i], IPTABLES, NULL);
		assert_has(text,
		    "-A SPINAT-GATEWAY -m mark --mark 0x20000000/0x20000000 "
		    "-g SPINAT-SEEN\n");
		assert_has(text,
		    "-A SPINAT-GATEWAY -m mark --mark 0x40000000/0x40000000 "
		    "-j RETURN\n");
		assert_has(text,
		    "-A SPINAT-GATEWAY -s 198.51.100.1 -o out -p 50 "
		    "-j NFQUEUE --queue-num 5004 --queue-bypass\n");
		assert_has(text,
		    "-A SPINAT-GATEWAY -s 198.51.100.1 -o out -p udp "
		    "--sport 500:500 -j NFQUEUE --queue-num 5004 "
		    "--queue-bypass\n");
		assert_has(text,
		    "-I OUTPUT 1 -m comment --comment spinat "
		    "-j SPINAT-GATEWAY\n");
		free(text);
		text = rules(modes[i], NFT, NULL);
		assert_has(text,
		    "\tchain gateway {\n"
		    "\t\ttype filter hook output priority -150;");
		assert_has(text,
		    "\t\toifname \"out\" ip saddr 198.51.100.1 meta l4proto "
		    "esp queue num 5004 bypass\n");
		assert_has(text,
		    "\t\toifname \"out\" ip saddr 198.51.100.1 udp sport 500 "
		    "queue num 5004 bypass\n");
		free(text);
	}
}

static void never_fails_open(void **state)
{
	static const char *const texts[] = {FULL, FULL "mode ipsec-only\n",
	    FULL "same_ports yes\n", FULL "backend tun\n"};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (enum tongue tongue = IPTABLES; tongue <= NFT; tongue++) {
			char *text = rules(texts[i], tongue, NULL);
			assert_bypassed_only_by_own(text);
			assert_has(text,
			    tongue == NFT ? "chain guard {" : "SPINAT-GUARD");
			free(text);
		}
}

static void same_ports_takes_any_port(void **state)
{
	(void)state;
	char *text = rules(FULL "same_ports yes\n", IPTABLES, NULL);
	assert_has(text, "-A SPINAT-IN -p tcp -j NFQUEUE --queue-num 5001\n");
	assert_has(text, "-A SPINAT-IN -p udp -j NFQUEUE --queue-num 5003\n");
	free(text);
}

static void tun_is_guarded_only(void **state)
{
	(void)state;
	char *text = rules(FULL "backend tun\n", IPTABLES, NULL);
	assert_has(text, "-A SPINAT-GUARD -s 10.0.0.0/24 -o out -j DROP\n");
	assert_lacks(text, "NFQUEUE");
	free(text);
}

static void leftovers_go(void **state)
{
	static const char saved[] =
	    "*nat\n:POSTROUTING ACCEPT [0:0]\n:SPINAT-NAT - [0:0]\n"
	    "-A POSTROUTING -m comment --comment spinat -j SPINAT-NAT\n"
	    "-A POSTROUTING -o ppp0 -j MASQUERADE\n"
	    "-A SPINAT-NAT -p esp -j ACCEPT\nCOMMIT\n"
	    "*mangle\n:SPINAT-POST - [0:0]\n"
	    "-A POSTROUTING -m comment --comment spinat -j SPINAT-POST\n"
	    "COMMIT\n";
	const struct ruleset nothing = {0};
	char *string = NULL;
	size_t size;
	(void)state;

	/* Another mode's chain goes, and a jump is not doubled. */
	char *text = rules(FULL, IPTABLES, saved);
	assert_has(text,
	    "*nat\n-D POSTROUTING -m comment --comment spinat -j SPINAT-NAT\n"
	    "-F SPINAT-NAT\n-X SPINAT-NAT\nCOMMIT\n");
	assert_has(text,
	    "-D POSTROUTING -m comment --comment spinat -j SPINAT-POST\n");
	assert_lacks(text, "MASQUERADE");
	free(text);

	/* Removing is the empty set. */
	FILE *file = open_memstream(&string, &size);
	print_iptables(file, &nothing, saved);
	fclose(file);
	assert_string_equal(string,
	    "*mangle\n"
	    "-D POSTROUTING -m comment --comment spinat -j SPINAT-POST\n"
	    "-F SPINAT-POST\n-X SPINAT-POST\nCOMMIT\n"
	    "*nat\n-D POSTROUTING -m comment --comment spinat -j SPINAT-NAT\n"
	    "-F SPINAT-NAT\n-X SPINAT-NAT\nCOMMIT\n");
	free(string);
}

static void ipfw_as_the_howto(void **state)
{
	(void)state;
	char *text = rules(FULL "mode ipsec-only\n"
				"redirect_ipsec 10.0.0.9 192.0.2.9\n",
	    IPFW, NULL);
	assert_has(
	    text, "$fwcmd add divert natd udp from 192.0.2.9 to $firewall 500");
	assert_has(
	    text, "$fwcmd add pass udp from 192.0.2.9 to 10.0.0.9 500\n");
	assert_has(text,
	    "$fwcmd add divert natd esp from 192.0.2.9 to "
	    "$firewall");
	assert_has(text, "$fwcmd add pass esp from 192.0.2.9 to 10.0.0.9\n");
	free(text);
	text = rules(FULL, IPFW, NULL);
	assert_has(
	    text, "$fwcmd add divert natd ip4 from any to any via $oif\n");
	free(text);
}

/* ------------------------------------------------------------ masquerade */

static const struct spinat_prefix *office(void)
{
	static struct spinat_prefix net;
	net = (struct spinat_prefix){{inet_addr("10.0.0.0")}, 24};
	return &net;
}

static bool found(bool nft, const char *text)
{
	const struct masquerade_query query = {"out", office(), 1};
	char rule[256];
	return nft ? masquerade_in_nft(text, &query, rule, sizeof(rule))
		   : masquerade_in_iptables(text, &query, rule, sizeof(rule));
}

static void masquerade_of_iptables(void **state)
{
	static const struct {
		bool covers;
		const char *rules;
	} cases[] = {
	    {true, "-A POSTROUTING -o out -j MASQUERADE\n"},
	    {true, "-A POSTROUTING -j MASQUERADE\n"},
	    {true,
		"-A POSTROUTING -s 10.0.0.0/8 -j SNAT --to-source 1.2.3.4\n"},
	    {true, "-A POSTROUTING -s 10.0.0.7/32 -o out -j MASQUERADE\n"},
	    {true, "-A POSTROUTING -o ou+ -j MASQUERADE\n"},
	    {true,
		"-A POSTROUTING ! -o lo -p tcp -m comment --comment \"a b\" "
		"-j MASQUERADE\n"},
	    {true, "-A POSTROUTING ! -d 10.0.0.0/8 -j MASQUERADE\n"},
	    {true,
		"-A POSTROUTING -m policy --dir out --pol none "
		"-j MASQUERADE\n"},
	    {true, "-A POSTROUTING -j LAN\n-A LAN -o out -j MASQUERADE\n"},
	    {false, "-A POSTROUTING -o ppp0 -j MASQUERADE\n"},
	    {false, "-A POSTROUTING ! -o out -j MASQUERADE\n"},
	    {false,
		"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 "
		"-j MASQUERADE\n"},
	    {false, "-A POSTROUTING ! -s 10.0.0.0/8 -o out -j MASQUERADE\n"},
	    {false, "-A POSTROUTING -m mark --mark 0x1 -j MASQUERADE\n"},
	    {false, "-A POSTROUTING -d 192.0.2.1/32 -j MASQUERADE\n"},
	    {false,
		"-A POSTROUTING -j K\n-A K -m mark ! --mark 0x4000/0x4000 "
		"-j RETURN\n-A K -j MASQUERADE\n"},
	    {false,
		"-A POSTROUTING -s 10.0.0.0/24 -j ACCEPT\n"
		"-A POSTROUTING -o out -j MASQUERADE\n"},
	    {false,
		"-A POSTROUTING -m mark --mark 1 -j L\n"
		"-A L -j MASQUERADE\n"},
	    {false, "-A UNUSED -o out -j MASQUERADE\n"},
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(
		    text, sizeof(text), "*nat\n%sCOMMIT\n", cases[i].rules);
		if (found(false, text) != cases[i].covers)
			fail_msg("%s", cases[i].rules);
	}
	assert_false(found(
	    false, "*mangle\n-A POSTROUTING -o out -j MASQUERADE\nCOMMIT\n"));
}

static void masquerade_of_nft(void **state)
{
	static const struct {
		bool covers;
		const char *rule;
	} cases[] = {
	    {true, "oifname \"out\" masquerade"},
	    {true, "oif \"out\" counter packets 1 bytes 2 masquerade"},
	    {true,
		"ip saddr 10.0.0.0/8 ip daddr != 10.0.0.0/8 oifname { "
		"\"x\", \"out\" } masquerade"},
	    {true, "ip saddr { 192.168.0.0/16, 10.0.0.0/24 } snat to 1.2.3.4"},
	    {true, "oifname \"o*\" meta l4proto { tcp, udp } masquerade"},
	    {true, "oifname != \"lo\" masquerade"},
	    {true, "jump lan"},
	    {false, "oifname \"ppp0\" masquerade"},
	    {false, "oifname != \"out\" masquerade"},
	    {false, "ip saddr 172.16.0.0/12 masquerade"},
	    {false, "ip saddr != 10.0.0.0/8 oifname \"out\" masquerade"},
	    {true, "meta nfproto ipv4 oifname \"out\" masquerade"},
	    {false, "meta nfproto ipv6 oifname \"out\" masquerade"},
	    {false, "meta mark 0x00000001 masquerade"},
	    {false, "ip saddr @clients oifname \"out\" masquerade"},
	    {false, "ip saddr 10.0.0.0/24 accept"},
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text),
		    "table ip t {\n\tset clients {\n\t\ttype ipv4_addr\n\t}\n"
		    "\tchain lan {\n\t\tmasquerade\n\t}\n"
		    "\tchain p {\n\t\ttype nat hook postrouting priority "
		    "srcnat; policy accept;\n\t\t%s\n\t}\n}\n",
		    cases[i].rule);
		if (found(true, text) != cases[i].covers)
			fail_msg("%s", cases[i].rule);
	}
	/* Both families at once, each with chains of its own. */
	assert_true(found(true,
	    "table ip t {\n\tchain lan {\n\t\taccept\n\t}\n}\n"
	    "table inet t {\n\tchain lan {\n\t\tmasquerade\n\t}\n"
	    "\tchain p {\n\t\ttype nat hook postrouting priority srcnat; "
	    "policy accept;\n\t\tjump lan\n\t}\n}\n"));
	/* A chain that hangs on no hook, and our own table. */
	assert_false(
	    found(true, "table ip t {\n\tchain c {\n\t\tmasquerade\n\t}\n}\n"));
	assert_false(found(true,
	    "table ip spinat {\n\tchain nat {\n\t\ttype nat hook postrouting "
	    "priority 99;\n\t\tsnat to ct original ip saddr\n\t}\n}\n"));
}

/* ------------------------------------------------------------ host ports */

static void port_lists(void **state)
{
	static const char *const bad[] = {
	    "a", "1-", "5-4", "65536", "1;2", "-3"};
	bool *map = calloc(65536, sizeof(*map));
	char list[64];
	(void)state;
	assert_non_null(map);
	assert_true(hostports_parse("", map, true));
	assert_true(hostports_format(map, list, sizeof(list)));
	assert_string_equal(list, "");
	assert_true(hostports_parse("8080,20000-29999,0,65535\n", map, true));
	assert_true(hostports_parse("20500", map, false));
	assert_true(hostports_format(map, list, sizeof(list)));
	assert_string_equal(list, "0,8080,20000-20499,20501-29999,65535");
	assert_false(hostports_format(map, list, 8));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(hostports_parse(bad[i], map, true));
	free(map);
}

/* ------------------------------------------------------------- checksums */

/** One's complement, sixteen bits at a time (RFC 1071). */
static uint16_t naive_sum(const uint8_t *data, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void sums_agree(void **state)
{
	uint8_t data[1501];
	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		size_t length = (size_t)rand() % sizeof(data);
		size_t at = (size_t)rand() % (sizeof(data) - length);
		uint32_t start = (uint32_t)rand() & 0xfffff;
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = round % 3 == 0 ? 0xff : (uint8_t)rand();
		uint16_t got = checksum_sum(data + at, length, start);
		uint16_t want = naive_sum(data + at, length, start);
		assert_int_equal(got % 0xffff, want % 0xffff);
	}
}

static void finished_sums_are_right(void **state)
{
	static const uint8_t protocols[] = {6, 17};
	uint8_t packet[600];
	(void)state;
	srand(2);
	for (int round = 0; round < 2000; round++) {
		size_t size = 28 + 12 + (size_t)rand() % 500;
		uint8_t protocol = protocols[round % 2];
		size_t at = 20 + (protocol == 6 ? 16 : 6);
		for (size_t i = 0; i < sizeof(packet); i++)
			packet[i] = (uint8_t)rand();
		packet[0] = 0x45;
		packet[2] = (uint8_t)(size >> 8);
		packet[3] = (uint8_t)size;
		packet[6] = packet[7] = 0;
		packet[9] = protocol;
		/* Link padding behind it does not count. */
		checksum_finish(packet, sizeof(packet));
		uint32_t pseudo = protocol + (uint32_t)(size - 20);
		pseudo += naive_sum(packet + 12, 8, 0);
		assert_int_equal(
		    naive_sum(packet + 20, size - 20, pseudo), 0xffff);
		assert_true(protocol == 6 || packet[at] || packet[at + 1]);
	}
}

static void unfinished_stay_alone(void **state)
{
	uint8_t packet[64], before[64];
	(void)state;
	for (size_t length = 0; length <= sizeof(packet); length++) {
		memset(packet, 0xa5, sizeof(packet));
		packet[0] = 0x45;
		packet[2] = 0;
		packet[3] = 64;
		packet[6] = length == 64 ? 0x20 : 0; /* a first fragment */
		packet[7] = 0;
		packet[9] = 17;
		memcpy(before, packet, sizeof(packet));
		checksum_finish(packet, length);
		assert_memory_equal(packet, before, sizeof(packet));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(full_in_iptables),
	    cmocka_unit_test(ipsec_only_in_iptables),
	    cmocka_unit_test(the_gateway_s_own),
	    cmocka_unit_test(never_fails_open),
	    cmocka_unit_test(same_ports_takes_any_port),
	    cmocka_unit_test(tun_is_guarded_only),
	    cmocka_unit_test(leftovers_go),
	    cmocka_unit_test(ipfw_as_the_howto),
	    cmocka_unit_test(masquerade_of_iptables),
	    cmocka_unit_test(masquerade_of_nft),
	    cmocka_unit_test(port_lists),
	    cmocka_unit_test(sums_agree),
	    cmocka_unit_test(finished_sums_are_right),
	    cmocka_unit_test(unfinished_stay_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
