/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/options.h"

#include <assert.h>
#include <sys/un.h>

#include "conf/redirect.h"
#include "conf/setters.h"

/* ----------------------------------------------------------------- table */

#define FIELD(member)  .offset = offsetof(struct conf, member)
#define ENGINE(member) .offset = offsetof(struct conf, engine.member)
#define TIMEOUT(index)                                                         \
	.argument = "DURATION", .set = setter_duration,                        \
	.offset = offsetof(struct conf, engine.timeouts) +                     \
	    sizeof(spinat_time) * (index)
#define YES_NO      .argument = "[yes|no]", .example = "yes", .set = setter_yes_no
#define PATH_HIGH   1023
#define SOCKET_HIGH (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* In the order in which help and manual show them. */
const struct option_row conf_options[] = {
    {"config", 'f', .argument = "FILE", .example = "/etc/spinat.conf",
	.set = setter_config,
	.help = "read options from a file (command line only)"},
    /* where */
    {"interface", 'n', .argument = "NAME", .example = "eth0",
	.set = setter_interface, FIELD(interface),
	.help = "the outside interface; its address is the public one"},
    {"alias_address", 'a', .argument = "ADDRESS[,ADDRESS...]",
	.example = "203.0.113.5", .set = setter_alias_address,
	.help = "the public address, or several: a pool"},
    {"dynamic", 0, YES_NO, .initial = "no", FIELD(dynamic),
	.help = "follow the interface when its address changes"},
    {"inside_interface", 0, .argument = "NAME", .example = "eth1",
	.set = setter_interface, FIELD(inside_interface),
	.help = "the interface of the inside network"},
    {"inside_network", 0, .argument = "ADDRESS/LENGTH",
	.example = "192.168.1.0/24", .set = setter_inside_network,
	.help = "whose packets are translated; may be given several times"},
    /* what */
    {"mode", 0, .argument = "full|ipsec-only", .example = "full",
	.initial = "full", .set = setter_mode,
	.choices = {"full", "ipsec-only"},
	.help = "translate everything, or IKE and ESP alone"},
    {"redirect_port", 0,
	.argument = "tcp|udp TARGET[:PORTS] [ALIAS:]PORTS [REMOTE[:PORTS]]",
	.example = "tcp 192.168.1.10:80 8080", .set = redirect_set_port,
	.help = "public ports that lead to an inside host"},
    {"redirect_proto", 0, .argument = "PROTOCOL LOCAL [PUBLIC [REMOTE]]",
	.example = "gre 192.168.1.10", .set = redirect_set_proto,
	.help = "an IP protocol that leads to an inside host"},
    {"redirect_address", 0, .argument = "LOCAL PUBLIC",
	.example = "192.168.1.10 203.0.113.6", .set = redirect_set_address,
	.help = "a whole public address that stands for an inside host"},
    {"redirect_ipsec", 0, .argument = "HOST [REMOTE]",
	.example = "192.168.1.10", .set = redirect_set_ipsec,
	.help = "IKE and ESP that nobody else claims lead to an inside host"},
    {"unregistered_only", 'u', YES_NO, .initial = "no",
	ENGINE(unregistered_only),
	.help = "translate private source addresses only"},
    {"deny_incoming", 'd', YES_NO, .initial = "no", ENGINE(deny_incoming),
	.help = "drop incoming packets that match nothing"},
    {"filtering", 0,
	.argument = "endpoint-independent|address-and-port-dependent",
	.example = "endpoint-independent",
	.initial = "address-and-port-dependent", .set = setter_filtering,
	.choices = {"endpoint-independent", "address-and-port-dependent"},
	.help = "who outside may use a mapping that an inside host opened"},
    {"ipsec_addresses", 0, .argument = "spread|paired", .example = "spread",
	.initial = "paired", .set = setter_ipsec_addresses,
	.choices = {"spread", "paired"},
	.help = "with several public addresses, whether IPsec clients of one "
		"remote get different ones"},
    {"ike_ports", 0, .argument = "preserve|rewrite|auto [REMOTE]",
	.example = "auto", .initial = "preserve", .set = setter_ike_ports,
	.choices = {"preserve", "rewrite", "auto"},
	.help = "whether IKE keeps its port 500 outside, with all remotes or "
		"with one"},
    {"same_ports", 'm', YES_NO, .initial = "no", ENGINE(same_ports),
	.help = "keep the inside port where it is free outside"},
    {"port_range", 0, .argument = "LOW-HIGH", .example = "10000-32767",
	.initial = "10000-32767", .set = setter_port_range,
	.help = "the public ports that flows are given"},
    /* how much */
    {"max_flows", 0, .argument = "NUMBER", .example = "1048576",
	.initial = "262144", .set = setter_max_flows, ENGINE(max_flows),
	.low = 1, .high = SPINAT_MAX_FLOWS,
	.help = "flows at a time; memory follows"},
    {"max_spis", 0, .argument = "NUMBER", .example = "65536",
	.initial = "65536", .set = setter_number, ENGINE(max_spis), .low = 1,
	.high = SPINAT_MAX_FLOWS,
	.help = "incoming SPIs at a time, out of max_flows"},
    {"max_ike", 0, .argument = "NUMBER", .example = "16384", .initial = "16384",
	.set = setter_number, ENGINE(max_ike), .low = 1,
	.high = SPINAT_MAX_FLOWS, .help = "IKE SAs at a time"},
    {"max_half_open", 0, .argument = "NUMBER", .example = "256",
	.initial = "256", .set = setter_number, ENGINE(max_half_open), .low = 1,
	.high = SPINAT_MAX_FLOWS,
	.help = "of these, half-open ones that one inside host began"},
    {"max_associations", 0, .argument = "NUMBER", .example = "16384",
	.initial = "16384", .set = setter_number, ENGINE(max_peers), .low = 1,
	.high = SPINAT_MAX_FLOWS,
	.help = "pairs of inside host and remote gateway at a time"},
    {"max_fragments", 0, .argument = "NUMBER", .example = "256",
	.initial = "256", .set = setter_number, ENGINE(max_fragments), .low = 1,
	.high = 65536,
	.help = "fragmented datagrams that are followed at a time"},
    /* how long */
    {"timeout_udp", 0, TIMEOUT(SPINAT_TIMEOUT_UDP), .example = "5m",
	.initial = "300", .help = "UDP, idle"},
    {"timeout_tcp_opening", 0, TIMEOUT(SPINAT_TIMEOUT_TCP_OPENING),
	.example = "4m", .initial = "240", .help = "TCP, not yet established"},
    {"timeout_tcp", 0, TIMEOUT(SPINAT_TIMEOUT_TCP), .example = "124m",
	.initial = "7440", .help = "TCP, established and idle"},
    {"timeout_tcp_closing", 0, TIMEOUT(SPINAT_TIMEOUT_TCP_CLOSING),
	.example = "4m", .initial = "240", .help = "TCP, closed by both sides"},
    {"timeout_tcp_reset", 0, TIMEOUT(SPINAT_TIMEOUT_TCP_RESET),
	.example = "10s", .initial = "10", .help = "TCP, reset"},
    {"timeout_icmp", 0, TIMEOUT(SPINAT_TIMEOUT_ICMP), .example = "1m",
	.initial = "60", .help = "ICMP queries"},
    {"timeout_other", 0, TIMEOUT(SPINAT_TIMEOUT_OTHER), .example = "10m",
	.initial = "600", .help = "any other protocol, idle"},
    {"timeout_esp", 0, TIMEOUT(SPINAT_TIMEOUT_ESP), .example = "25h",
	.initial = "25h", .help = "an SPI and its association, idle"},
    {"timeout_esp_unpaired", 0, TIMEOUT(SPINAT_TIMEOUT_ESP_UNPAIRED),
	.example = "2m", .initial = "120",
	.help = "an outgoing SPI that nothing ever answered"},
    {"timeout_ike", 0, TIMEOUT(SPINAT_TIMEOUT_IKE), .example = "25h",
	.initial = "25h", .help = "an established IKE SA, idle"},
    {"timeout_ike_half_open", 0, TIMEOUT(SPINAT_TIMEOUT_IKE_HALF_OPEN),
	.example = "5m", .initial = "300",
	.help = "an IKE SA that was answered, but not completed"},
    {"timeout_ike_unanswered", 0, TIMEOUT(SPINAT_TIMEOUT_IKE_UNANSWERED),
	.example = "30s", .initial = "30",
	.help = "an IKE SA that was never answered"},
    {"timeout_fragment", 0, TIMEOUT(SPINAT_TIMEOUT_FRAGMENT), .example = "10s",
	.initial = "10",
	.help = "a fragmented datagram whose first fragment does not come"},
    /* the daemon */
    {"backend", 0, .argument = "auto|bpf|nfqueue|tun", .example = "auto",
	.initial = "auto", .set = setter_backend,
	.choices = {"auto", "bpf", "nfqueue", "tun"},
	.help = "how packets come to the daemon"},
    {"fast_path", 0, .argument = "auto|tc|clsact|xdp", .example = "auto",
	.initial = "auto", .set = setter_fast_path,
	.choices = {"auto", "tc", "clsact", "xdp"},
	.help = "where the programs of the back end bpf see packets"},
    {"fast_path_linger", 0, .argument = "DURATION|off", .example = "60s",
	.initial = "60", .set = setter_duration_or_off, FIELD(fast_path_linger),
	.help = "how long they go on without spinatd"},
    {"bpffs", 0, .argument = "PATH", .example = CONF_DEFAULT_BPFFS,
	.initial = CONF_DEFAULT_BPFFS, .set = setter_path, FIELD(bpffs),
	.high = PATH_HIGH,
	.help = "the BPF file system, where they are named meanwhile"},
    {"miss_budget", 0, .argument = "NUMBER", .example = "10000",
	.initial = "10000", .set = setter_number, FIELD(miss_budget), .low = 0,
	.high = 1000000,
	.help = "packets of no known flow that these leave to the daemon, a "
		"second each way; 0: any number"},
    {"miss_budget_source", 0, .argument = "NUMBER", .example = "1000",
	.initial = "1000", .set = setter_number, FIELD(miss_budget_source),
	.low = 0, .high = 1000000,
	.help = "of these, packets of one source; 0: any number"},
    {"queue", 0, .argument = "NUMBER", .example = "5000", .initial = "5000",
	.set = setter_number, FIELD(queue), .low = 0, .high = 65531,
	.help = "the first of the nfqueue back end's five netfilter queues"},
    {"firewall", 0, .argument = "auto|iptables|nft", .example = "auto",
	.initial = "auto", .set = setter_firewall,
	.choices = {"auto", "iptables", "nft"},
	.help = "with what the rules that feed it are installed"},
    {"control_socket", 0, .argument = "PATH", .example = CONF_DEFAULT_SOCKET,
	.initial = CONF_DEFAULT_SOCKET, .set = setter_path,
	FIELD(control_socket), .high = SOCKET_HIGH,
	.help = "where the spinat command reaches it"},
    {"pid_file", 'P', .argument = "PATH", .example = CONF_DEFAULT_PID_FILE,
	.initial = CONF_DEFAULT_PID_FILE, .set = setter_path, FIELD(pid_file),
	.high = PATH_HIGH, .help = "where the process id is written"},
    {"journal", 0, .argument = "PATH|off", .example = CONF_DEFAULT_JOURNAL,
	.initial = CONF_DEFAULT_JOURNAL, .set = setter_path, FIELD(journal),
	.high = PATH_HIGH, .help = "where IPsec state is kept over a restart"},
    {"log", 'l', YES_NO, .initial = "no", FIELD(log),
	.help = "log flows and statistics"},
    {"log_denied", 0, YES_NO, .initial = "no", FIELD(log_denied),
	.help = "log dropped packets, a limited number"},
    {"log_target", 0, .argument = "stderr|syslog|journal", .example = "syslog",
	.initial = "syslog", .set = setter_log_target, FIELD(log_target),
	.choices = {"stderr", "syslog", "journal"},
	.help = "where the log goes"},
    {"verbose", 'v', YES_NO, .initial = "no", FIELD(verbose),
	.help = "stay in the foreground and log to stderr"},
};
const unsigned conf_option_count =
    sizeof(conf_options) / sizeof(conf_options[0]);
static_assert(sizeof(conf_options) / sizeof(conf_options[0]) <= CONF_OPTION_MAX,
    "struct conf has a place for each option");

/* ---------------------------------------------------------------- lookup */

const struct option_row *option_find(struct slice name)
{
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct option_row *option = &conf_options[i];

		if (slice_is(name, option->name) ||
		    (name.length == 1 && option->short_name != 0 &&
			name.start[0] == option->short_name))
			return option;
	}
	return NULL;
}

static int fail_unknown(struct setting *setting)
{
	const char *nearest, *full_name, *advice;
	bool ignorable;
	struct slice word;

	if (natd_option_find(setting->name, &full_name, &advice, &ignorable)) {
		if (ignorable && line_next_word(&setting->rest, &word) &&
		    slice_is(word, "no"))
			return 0;
		return setting_fail(setting, setting->name.start,
		    "natd's %s is not supported yet; %s", full_name, advice);
	}
	nearest = option_nearest(setting->name);
	if (nearest != NULL)
		return setting_fail(setting, setting->name.start,
		    "there is no option %s; did you mean \"%s\"?",
		    slice_quote(setting->name).text, nearest);
	return setting_fail(setting, setting->name.start,
	    "there is no option %s; spinat.conf(5) has them all",
	    slice_quote(setting->name).text);
}

int option_set(struct setting *setting)
{
	int code;

	setting->option = option_find(setting->name);
	if (setting->option == NULL)
		return fail_unknown(setting);
	code = setting->option->set(setting);
	if (code == 0)
		setting->conf->places[setting->option - conf_options] =
		    setting_place(setting);
	return code;
}
