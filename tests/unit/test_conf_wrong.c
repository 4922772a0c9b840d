/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations that are wrong: the fault at its exact place, in words that
 * help.
 */
#include "conf_fixture.h"

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
    {"ike_ports",
	"f:1:10: preserve|rewrite|auto [REMOTE] is missing; right would be "
	"\"ike_ports auto\""},
    {"ike_ports keep",
	"f:1:11: \"keep\" is none of preserve|rewrite|auto [REMOTE]"},
    {"ike_ports 192.0.2.1", "f:1:11: \"192.0.2.1\" is none of *"},
    {"ike_ports auto 192.0.2.300", "f:1:24: \"192.0.2.300\" is no address; *"},
    {"ike_ports auto 0.0.0.0", "f:1:16: 0.0.0.0 is of \"this network\"; *"},
    {"ike_ports auto 192.0.2.1 192.0.2.2",
	"f:1:26: \"192.0.2.2\" is one word too many; *"},
    {"backend divert", "f:1:9: \"divert\" is none of auto|bpf|nfqueue|tun"},
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
    {"queue 65536", "f:1:7: \"65536\" is no number from 0 to 65531"},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wrong_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
