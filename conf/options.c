/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of all options and the setters that its rows share.  A setter
 * reads setting->rest to its end and either sets all or nothing.
 *
 * A boolean's bare name means yes, as in natd.  Of an option said twice the
 * last counts, as in natd, except for the lists: alias_address and
 * inside_network add up, so does ike_ports by remote, redirects are rules of
 * their own.
 */
#include "conf/options.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf/redirect.h"
#include "conf/values.h"

#define LEAST_PORT 1024

/* --------------------------------------------------------------- setters */

static void *target_of(const struct setting *setting)
{
	return (char *)setting->conf + setting->option->offset;
}

static int set_yes_no(struct setting *setting)
{
	bool *target = target_of(setting), value = true;
	struct slice word;
	int code;

	if (line_next_word(&setting->rest, &word)) {
		code = value_yes_no(setting, word, &value);
		if (code < 0)
			return code;
	}
	code = setting_end(setting);
	if (code == 0)
		*target = value;
	return code;
}

static int set_number(struct setting *setting)
{
	uint32_t *target = target_of(setting);
	struct slice word;
	uint64_t value;
	int code;

	static_assert(sizeof(unsigned) == sizeof(uint32_t),
	    "conf.queue is set as the 32-bit counts are");
	code = setting_need_word(setting, &word, "a number");
	if (code == 0)
		code = value_number(setting, word, setting->option->low,
		    setting->option->high, &value);
	if (code == 0)
		code = setting_end(setting);
	if (code == 0)
		*target = (uint32_t)value;
	return code;
}

/** Inbound SPIs are some of the flows: fewer flows, fewer of them, unless
 * max_spis says itself how many. */
static int set_max_flows(struct setting *setting)
{
	struct conf *conf = setting->conf;
	const struct option_row *spis = option_find(slice_of("max_spis"));
	struct spinat_config initial;
	int code = set_number(setting);

	if (code < 0 || conf->places[spis - conf_options].said)
		return code;
	spinat_config_init(&initial);
	conf->engine.max_spis = initial.max_spis < conf->engine.max_flows
	    ? initial.max_spis
	    : conf->engine.max_flows;
	return 0;
}

static int set_duration(struct setting *setting)
{
	spinat_time *target = target_of(setting), value;
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "a duration");
	if (code == 0)
		code = value_duration(setting, word, &value);
	if (code == 0)
		code = setting_end(setting);
	if (code == 0)
		*target = value;
	return code;
}

static int set_string(struct setting *setting, struct slice value)
{
	char **target = target_of(setting);
	char *copy = strndup(value.start, value.length);

	if (copy == NULL)
		return error_set(setting->error, -ENOMEM, "out of memory");
	free(*target);
	*target = copy;
	return 0;
}

/** The rest of the line, so that a path may have spaces. */
static int set_path(struct setting *setting)
{
	struct slice word, path;
	int code;

	code = setting_need_word(setting, &word, "a path");
	if (code < 0)
		return code;
	path.start = word.start;
	path.length = (size_t)(slice_end(setting->rest) - word.start);
	if (path.length > setting->option->high)
		return setting_fail(setting, path.start,
		    "the path is too long; at most %u characters fit",
		    (unsigned)setting->option->high);
	return set_string(setting, path);
}

static int set_interface(struct setting *setting)
{
	char *target = target_of(setting), name[IFNAMSIZ];
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "the name of an interface");
	if (code < 0)
		return code;
	if (!slice_copy(word, name, sizeof(name)))
		return setting_fail(setting, word.start,
		    "%s is too long for an interface; at most %d characters "
		    "fit",
		    slice_quote(word).text, IFNAMSIZ - 1);
	if (strpbrk(name, "/:%") != NULL || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return setting_fail(setting, word.start,
		    "%s is no name of an interface; right would be as in "
		    "\"%s %s\"",
		    slice_quote(word).text, setting->option->name,
		    setting->option->example);
	code = setting_end(setting);
	if (code == 0)
		memcpy(target, name, sizeof(name));
	return code;
}

/** One of the row's words: its index, and the word itself. */
static int read_choice(
    struct setting *setting, unsigned *index, struct slice *word)
{
	const struct option_row *option = setting->option;
	int code = setting_need_word(setting, word, option->argument);

	if (code < 0)
		return code;
	for (*index = 0; option->choices[*index] != NULL; ++*index)
		if (slice_is(*word, option->choices[*index]))
			return 0;
	return setting_fail(setting, word->start, "%s is none of %s",
	    slice_quote(*word).text, option->argument);
}

/** The same, and nothing after it. */
static int choose(struct setting *setting, unsigned *index, struct slice *word)
{
	int code = read_choice(setting, index, word);

	return code < 0 ? code : setting_end(setting);
}

static int set_mode(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0)
		setting->conf->engine.mode =
		    index == 0 ? SPINAT_MODE_FULL : SPINAT_MODE_IPSEC_ONLY;
	return code;
}

static int set_filtering(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0)
		setting->conf->engine.endpoint_independent_filtering =
		    index == 0;
	return code;
}

static int set_ipsec_addresses(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0)
		setting->conf->engine.ipsec_spread = index == 0;
	return code;
}

/** Of a remote that is named twice the last counts. */
static int set_ike_ports_of(
    struct setting *setting, struct slice word, uint8_t policy)
{
	struct spinat_config *engine = &setting->conf->engine;
	spinat_be32 remote;
	unsigned i = 0;
	int code = value_address(setting, word, ADDRESS_HOST, &remote);

	if (code == 0)
		code = setting_end(setting);
	if (code < 0)
		return code;
	while (i < engine->ike_ports_count &&
	    engine->ike_ports_rules[i].remote.raw != remote.raw)
		i++;
	if (i == SPINAT_MAX_IKE_PORTS)
		return setting_fail(setting, word.start,
		    "too many remotes with ike_ports of their own; at most %d "
		    "fit",
		    SPINAT_MAX_IKE_PORTS);
	engine->ike_ports_rules[i] =
	    (struct spinat_ike_ports_rule){remote, policy};
	if (i == engine->ike_ports_count)
		engine->ike_ports_count++;
	return 0;
}

static int set_ike_ports(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = read_choice(setting, &index, &word);

	if (code < 0)
		return code;
	if (line_next_word(&setting->rest, &word))
		return set_ike_ports_of(setting, word, (uint8_t)index);
	setting->conf->engine.ike_ports = (enum spinat_ike_ports)index;
	return 0;
}

/* One of the choices, copied into a field of this size. */
static int copy_choice(struct setting *setting, char *target, size_t size)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0 && !slice_copy(word, target, size))
		return setting_fail(setting, word.start, "too long");
	return code;
}

static int set_backend(struct setting *setting)
{
	return copy_choice(
	    setting, setting->conf->backend, sizeof(setting->conf->backend));
}

static int set_firewall(struct setting *setting)
{
	return copy_choice(
	    setting, setting->conf->firewall, sizeof(setting->conf->firewall));
}

static int set_log_target(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	return code < 0 ? code : set_string(setting, word);
}

static int set_port_range(struct setting *setting)
{
	struct spinat_config *engine = &setting->conf->engine;
	struct port_range range;
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "a range of ports");
	if (code == 0)
		code = value_ports(setting, word, "udp", &range);
	if (code == 0)
		code = setting_end(setting);
	if (code < 0)
		return code;
	if (range.low < LEAST_PORT)
		return setting_fail(setting, word.start,
		    "the range begins under %d, where the gateway's own "
		    "services are; right would be from %d on",
		    LEAST_PORT, LEAST_PORT);
	engine->port_low = range.low;
	engine->port_high = range.high;
	return 0;
}

static int add_public(struct setting *setting, struct slice word)
{
	struct spinat_config *engine = &setting->conf->engine;
	spinat_be32 address;
	int code = value_address(setting, word, ADDRESS_HOST, &address);

	if (code < 0)
		return code;
	for (unsigned i = 0; i < engine->public_count; i++)
		if (engine->public_addresses[i].raw == address.raw)
			return 0;
	if (engine->public_count == SPINAT_MAX_PUBLIC)
		return setting_fail(setting, word.start,
		    "too many public addresses; at most %d fit",
		    SPINAT_MAX_PUBLIC);
	engine->public_addresses[engine->public_count++] = address;
	return 0;
}

/** "A", "A,B", "A, B" ... */
static int set_alias_address(struct setting *setting)
{
	struct slice piece, word, extra;
	unsigned before = setting->conf->engine.public_count;
	bool more;
	int code;

	do {
		more = slice_split(setting->rest, ',', &piece, &setting->rest);
		if (!line_next_word(&piece, &word))
			code = setting_fail(setting, word.start,
			    "an address is missing; right would be "
			    "\"alias_address %s\"",
			    setting->option->example);
		else if (!line_next_word(&piece, &extra))
			code = add_public(setting, word);
		else
			code = setting_fail(setting, extra.start,
			    "addresses are separated by commas; right would "
			    "be \"alias_address %s\"",
			    setting->option->argument);
	} while (code == 0 && more);
	if (code < 0)
		setting->conf->engine.public_count = before;
	return code;
}

static int set_inside_network(struct setting *setting)
{
	struct spinat_config *engine = &setting->conf->engine;
	struct spinat_prefix prefix;
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "a network");
	if (code == 0)
		code = value_prefix(setting, word, &prefix);
	if (code == 0)
		code = setting_end(setting);
	if (code < 0)
		return code;
	for (unsigned i = 0; i < engine->inside_count; i++)
		if (engine->inside[i].address.raw == prefix.address.raw &&
		    engine->inside[i].length == prefix.length)
			return 0;
	if (engine->inside_count == SPINAT_MAX_INSIDE)
		return setting_fail(setting, word.start,
		    "too many inside networks; at most %d fit",
		    SPINAT_MAX_INSIDE);
	engine->inside[engine->inside_count++] = prefix;
	return 0;
}

static int set_config(struct setting *setting)
{
	struct slice word;
	char path[PATH_MAX];
	size_t length;
	int code;

	if (setting->line != 0)
		return setting_fail(setting, setting->name.start,
		    "a file cannot read another one; right would be "
		    "\"--config FILE\" on the command line, several times if "
		    "need be");
	code = setting_need_word(setting, &word, "a file");
	if (code < 0)
		return code;
	length = (size_t)(slice_end(setting->rest) - word.start);
	if (!slice_copy((struct slice){word.start, length}, path, sizeof(path)))
		return setting_fail(
		    setting, word.start, "the path is too long");
	return conf_read_file(setting->conf, path, setting->error);
}

/* ----------------------------------------------------------------- table */

#define FIELD(member)  .offset = offsetof(struct conf, member)
#define ENGINE(member) .offset = offsetof(struct conf, engine.member)
#define TIMEOUT(index)                                                         \
	.argument = "DURATION", .set = set_duration,                           \
	.offset = offsetof(struct conf, engine.timeouts) +                     \
	    sizeof(spinat_time) * (index)
#define YES_NO      .argument = "[yes|no]", .example = "yes", .set = set_yes_no
#define PATH_HIGH   1023
#define SOCKET_HIGH (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* In the order in which help and manual show them. */
const struct option_row conf_options[] = {
    {"config", 'f', .argument = "FILE", .example = "/etc/spinat.conf",
	.set = set_config,
	.help = "read options from a file (command line only)"},
    /* where */
    {"interface", 'n', .argument = "NAME", .example = "eth0",
	.set = set_interface, FIELD(interface),
	.help = "the outside interface; its address is the public one"},
    {"alias_address", 'a', .argument = "ADDRESS[,ADDRESS...]",
	.example = "203.0.113.5", .set = set_alias_address,
	.help = "the public address, or several: a pool"},
    {"dynamic", 0, YES_NO, .initial = "no", FIELD(dynamic),
	.help = "follow the interface when its address changes"},
    {"inside_interface", 0, .argument = "NAME", .example = "eth1",
	.set = set_interface, FIELD(inside_interface),
	.help = "the interface of the inside network"},
    {"inside_network", 0, .argument = "ADDRESS/LENGTH",
	.example = "192.168.1.0/24", .set = set_inside_network,
	.help = "whose packets are translated; may be given several times"},
    /* what */
    {"mode", 0, .argument = "full|ipsec-only", .example = "full",
	.initial = "full", .set = set_mode, .choices = {"full", "ipsec-only"},
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
	.initial = "address-and-port-dependent", .set = set_filtering,
	.choices = {"endpoint-independent", "address-and-port-dependent"},
	.help = "who outside may use a mapping that an inside host opened"},
    {"ipsec_addresses", 0, .argument = "spread|paired", .example = "spread",
	.initial = "paired", .set = set_ipsec_addresses,
	.choices = {"spread", "paired"},
	.help = "with several public addresses, whether IPsec clients of one "
		"remote get different ones"},
    {"ike_ports", 0, .argument = "preserve|rewrite|auto [REMOTE]",
	.example = "auto", .initial = "preserve", .set = set_ike_ports,
	.choices = {"preserve", "rewrite", "auto"},
	.help = "whether IKE keeps its port 500 outside, with all remotes or "
		"with one"},
    {"same_ports", 'm', YES_NO, .initial = "no", ENGINE(same_ports),
	.help = "keep the inside port where it is free outside"},
    {"port_range", 0, .argument = "LOW-HIGH", .example = "10000-32767",
	.initial = "10000-32767", .set = set_port_range,
	.help = "the public ports that flows are given"},
    /* how much */
    {"max_flows", 0, .argument = "NUMBER", .example = "1048576",
	.initial = "262144", .set = set_max_flows, ENGINE(max_flows), .low = 1,
	.high = SPINAT_MAX_FLOWS, .help = "flows at a time; memory follows"},
    {"max_spis", 0, .argument = "NUMBER", .example = "65536",
	.initial = "65536", .set = set_number, ENGINE(max_spis), .low = 1,
	.high = SPINAT_MAX_FLOWS,
	.help = "incoming SPIs at a time, out of max_flows"},
    {"max_ike", 0, .argument = "NUMBER", .example = "16384", .initial = "16384",
	.set = set_number, ENGINE(max_ike), .low = 1, .high = SPINAT_MAX_FLOWS,
	.help = "IKE SAs at a time"},
    {"max_half_open", 0, .argument = "NUMBER", .example = "256",
	.initial = "256", .set = set_number, ENGINE(max_half_open), .low = 1,
	.high = SPINAT_MAX_FLOWS,
	.help = "of these, half-open ones that one inside host began"},
    {"max_associations", 0, .argument = "NUMBER", .example = "16384",
	.initial = "16384", .set = set_number, ENGINE(max_peers), .low = 1,
	.high = SPINAT_MAX_FLOWS,
	.help = "pairs of inside host and remote gateway at a time"},
    {"max_fragments", 0, .argument = "NUMBER", .example = "256",
	.initial = "256", .set = set_number, ENGINE(max_fragments), .low = 1,
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
    {"backend", 0, .argument = "nfqueue|tun", .example = "nfqueue",
	.initial = "nfqueue", .set = set_backend, .choices = {"nfqueue", "tun"},
	.help = "how packets come to the daemon"},
    {"queue", 0, .argument = "NUMBER", .example = "5000", .initial = "5000",
	.set = set_number, FIELD(queue), .low = 0, .high = 65531,
	.help = "the first of the nfqueue back end's five netfilter queues"},
    {"firewall", 0, .argument = "auto|iptables|nft", .example = "auto",
	.initial = "auto", .set = set_firewall,
	.choices = {"auto", "iptables", "nft"},
	.help = "with what the rules that feed it are installed"},
    {"control_socket", 0, .argument = "PATH", .example = CONF_DEFAULT_SOCKET,
	.initial = CONF_DEFAULT_SOCKET, .set = set_path, FIELD(control_socket),
	.high = SOCKET_HIGH, .help = "where the spinat command reaches it"},
    {"pid_file", 'P', .argument = "PATH", .example = CONF_DEFAULT_PID_FILE,
	.initial = CONF_DEFAULT_PID_FILE, .set = set_path, FIELD(pid_file),
	.high = PATH_HIGH, .help = "where the process id is written"},
    {"journal", 0, .argument = "PATH|off", .example = CONF_DEFAULT_JOURNAL,
	.initial = CONF_DEFAULT_JOURNAL, .set = set_path, FIELD(journal),
	.high = PATH_HIGH, .help = "where IPsec state is kept over a restart"},
    {"log", 'l', YES_NO, .initial = "no", FIELD(log),
	.help = "log flows and statistics"},
    {"log_denied", 0, YES_NO, .initial = "no", FIELD(log_denied),
	.help = "log dropped packets, a limited number"},
    {"log_target", 0, .argument = "stderr|syslog|journal", .example = "syslog",
	.initial = "syslog", .set = set_log_target, FIELD(log_target),
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
