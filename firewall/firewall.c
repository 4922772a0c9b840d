/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Installing and removing the rules.
 *
 * Two carriers.  With iptables (its nf_tables or its legacy kind, whichever
 * `iptables-restore` is) everything goes into chains of our own in raw, mangle
 * and nat; and where the kernel has nf_tables, the guard stands once more in
 * a table `ip spinat` at the very end of POSTROUTING, out of reach of
 * `iptables -F` and of packets that a verdict accepted.  Without iptables
 * everything is in that table, if the kernel's nf_tables can queue.
 *
 * The guard is set up first and taken away last.  Nothing here runs when the
 * daemon crashes: the queues then have no listener, so the kernel drops what
 * the rules send there, and the guard drops whatever gets past them.
 */
#include "firewall/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/command.h"
#include "firewall/conntrack.h"
#include "firewall/dnat.h"
#include "firewall/masquerade.h"
#include "firewall/nft.h"
#include "firewall/hostports.h"
#include "firewall/rule.h"
#include "firewall/state.h"

enum carrier { CARRIER_IPTABLES, CARRIER_NFT };

/* ------------------------------------------------------------ carriers */

static int choose_carrier(
    const struct conf *conf, enum carrier *carrier, struct error *error)
{
	bool tun = strcmp(conf->backend, "tun") == 0;

	*carrier = CARRIER_IPTABLES;
	if (strcmp(conf->firewall, "nft") != 0 &&
	    command_exists("iptables-restore"))
		return 0;
	*carrier = CARRIER_NFT;
	if (strcmp(conf->firewall, "iptables") == 0)
		return error_set(error, -ENOENT,
		    "firewall iptables: iptables-restore is not installed");
	if (!nft_available())
		return error_set(error, -EOPNOTSUPP,
		    "neither iptables nor a kernel with nf_tables is there "
		    "(or the capability CAP_NET_ADMIN is missing); install "
		    "iptables");
	if (!tun && !nft_can_queue())
		return error_set(error, -EOPNOTSUPP,
		    "this kernel's nf_tables cannot queue packets "
		    "(CONFIG_NFT_QUEUE): install iptables, whose NFQUEUE "
		    "target may work, or set `backend tun`");
	return 0;
}

static char *iptables_saved(const char *program, struct error *error)
{
	const char *const argv[] = {program, NULL};
	char *output = NULL, *errors = NULL;

	int code = command_run(argv, NULL, &output, &errors);
	if (code != 0) {
		error_set(error, code < 0 ? code : -EIO, "%s fails: %s",
		    program, code < 0 ? strerror(-code) : errors);
		free(output);
		output = NULL;
	}
	free(errors);
	return output;
}

/** The rule that iptables-restore's complaint "line 7" is about. */
static void quote_line(
    const char *input, const char *complaint, char *quote, size_t size)
{
	const char *at = strstr(complaint, "line");
	unsigned number = 0;
	quote[0] = 0;
	if (at == NULL ||
	    sscanf(at + strcspn(at, "0123456789"), "%u", &number) != 1)
		return;
	while (--number > 0 && (at = strchr(input, '\n')) != NULL)
		input = at + 1;
	snprintf(quote, size, " [%.*s]", (int)strcspn(input, "\n"), input);
}

static int iptables_restore(const char *input, struct error *error)
{
	static const char *const argv[] = {
	    "iptables-restore", "--noflush", "--wait", NULL};
	char *errors = NULL, quote[256];

	int code = command_run(argv, input, NULL, &errors);
	if (code < 0)
		error_set(error, code, "cannot run iptables-restore: %s",
		    strerror(-code));
	if (code > 0) {
		quote_line(input, errors, quote, sizeof(quote));
		errors[strcspn(errors, "\n")] = 0;
		code = error_set(error, -EIO,
		    "iptables refuses the rules: %s%s", errors, quote);
	}
	free(errors);
	return code;
}

/** Writes rules into a string, whichever printer does it. */
struct text {
	char *string;
	size_t size;
	FILE *file;
};

static bool text_open(struct text *text, struct error *error)
{
	*text = (struct text){0};
	text->file = open_memstream(&text->string, &text->size);
	if (text->file == NULL)
		error_set(error, -ENOMEM, "out of memory");
	return text->file != NULL;
}

/** Makes what is ours in iptables what is in the set, and nothing else. */
static int iptables_apply(const struct ruleset *set, struct error *error)
{
	struct text text;
	if (!command_exists("iptables-save"))
		return 0;
	char *saved = iptables_saved("iptables-save", error);
	if (saved == NULL)
		return -EIO;
	if (!text_open(&text, error)) {
		free(saved);
		return -ENOMEM;
	}
	print_iptables(text.file, set, saved);
	fclose(text.file);
	int code = text.size == 0 ? 0 : iptables_restore(text.string, error);
	free(text.string);
	free(saved);
	return code;
}

static int nft_install(
    const struct ruleset *set, enum part part, struct error *error)
{
	struct text text;
	if (!text_open(&text, error))
		return -ENOMEM;
	print_nft(text.file, set, part);
	fclose(text.file);
	int code = nft_apply(text.string, error);
	free(text.string);
	return code;
}

/* -------------------------------------------------- what stands in the way */

/** The administrator's rules, as text; NULL: there are none of that kind. */
struct theirs {
	char *iptables, *legacy, *nft;
};

/** iptables-legacy-save loads the tables that it is asked about: not for that.
 */
static bool has_legacy_nat(void)
{
	FILE *file = fopen("/proc/net/ip_tables_names", "re");
	char line[64];
	bool has = false;

	if (file == NULL)
		return false;
	while (!has && fgets(line, sizeof(line), file) != NULL)
		has = strcmp(line, "nat\n") == 0;
	fclose(file);
	return has;
}

static void read_theirs(struct theirs *theirs)
{
	*theirs = (struct theirs){.nft = nft_list()};
	if (command_exists("iptables-save"))
		theirs->iptables = iptables_saved("iptables-save", NULL);
	/* It may be that kind itself. */
	if (theirs->iptables != NULL &&
	    (theirs->iptables[0] == '\0' ||
		strstr(theirs->iptables, "(nf_tables)") != NULL) &&
	    command_exists("iptables-legacy-save") && has_legacy_nat())
		theirs->legacy = iptables_saved("iptables-legacy-save", NULL);
}

static void free_theirs(struct theirs *theirs)
{
	free(theirs->iptables);
	free(theirs->legacy);
	free(theirs->nft);
}

static int check_masquerade(const struct conf *conf, struct error *error)
{
	struct spinat_prefix inside[SPINAT_MAX_INSIDE];
	const struct masquerade_query query = {.interface = conf->interface,
	    .inside = inside,
	    .inside_count = ruleset_inside(conf, inside, SPINAT_MAX_INSIDE)};
	char rule[256];

	struct theirs theirs;
	bool found;

	read_theirs(&theirs);
	found = masquerade_in_iptables(
		    theirs.iptables, &query, rule, sizeof(rule)) ||
	    masquerade_in_iptables(theirs.legacy, &query, rule, sizeof(rule)) ||
	    masquerade_in_nft(theirs.nft, &query, rule, sizeof(rule));
	free_theirs(&theirs);
	if (!found)
		return 0;
	return error_set(error, -EEXIST,
	    "in mode full spinatd is the NAT, but a rule translates the "
	    "inside network on %s already: \"%s\"; delete it, or set `mode "
	    "ipsec-only`",
	    conf->interface, rule);
}

void firewall_find_dnat(
    const struct conf *conf, firewall_say *say, void *context)
{
	struct dnat_range *ranges = calloc(DNAT_RANGES(conf), sizeof(*ranges));
	struct dnat_query query = {.interface = conf->interface,
	    .publics = conf->engine.public_addresses,
	    .public_count = conf->engine.public_count,
	    .ranges = ranges};
	struct theirs theirs;

	if (ranges == NULL)
		return;
	read_theirs(&theirs);
	query.range_count = dnat_ranges(conf, ranges);
	query.is_iptables_told = theirs.iptables != NULL;
	dnat_in_iptables(theirs.iptables, &query, say, context);
	dnat_in_iptables(theirs.legacy, &query, say, context);
	dnat_in_nft(theirs.nft, &query, say, context);
	free_theirs(&theirs);
	free(ranges);
}

static int check_conf(const struct conf *conf, struct error *error)
{
	if (conf->engine.public_count == 0)
		return error_set(error, -EADDRNOTAVAIL,
		    "interface %s has no IPv4 address; set alias_address or "
		    "give it one",
		    conf->interface);
	if (conf->engine.inside_count == 0 && conf->inside_interface[0] == 0)
		return error_set(error, -EINVAL,
		    "inside_interface: not set; without it the guard cannot "
		    "know an inside source");
	int code = 0;
	if (conf_gives_ports(conf))
		code = hostports_check(
		    conf->engine.port_low, conf->engine.port_high, error);
	if (code == 0 && conf->engine.mode == SPINAT_MODE_FULL)
		code = check_masquerade(conf, error);
	return code;
}

/* ---------------------------------------------------------- the acts */

/** Notes in the state file what is about to be changed, and reserves ports. */
static int prepare(
    const struct conf *conf, struct state *state, struct error *error)
{
	struct state before;

	/* Of a daemon that crashed; its rules are replaced, not removed. */
	if (state_load(&before)) {
		if (before.reserved[0] != 0)
			(void)hostports_release(before.reserved, NULL);
		/* Those of the tun back end that is open now are its own. */
		if (before.routed && strcmp(conf->backend, "tun") != 0)
			(void)routes_remove(&before.routes, NULL);
	}
	*state = (struct state){.mode = conf->engine.mode};
	state->inside_count =
	    ruleset_inside(conf, state->inside, SPINAT_MAX_INSIDE);
	state->routed = strcmp(conf->backend, "tun") == 0;
	routes_of_conf(&state->routes, conf);
	if (conf_gives_ports(conf)) {
		int code = hostports_reserve(conf->engine.port_low,
		    conf->engine.port_high, state->reserved,
		    sizeof(state->reserved), error);
		if (code != 0)
			return code;
	}
	return state_save(state, error);
}

static int install(const struct ruleset *set, enum carrier carrier,
    const struct state *state, struct error *error)
{
	const struct ruleset nothing = {0};
	int code;

	if (carrier == CARRIER_NFT) {
		code = nft_install(set, PART_ALL, error);
		if (code == 0) /* what an earlier choice left behind */
			code = iptables_apply(&nothing, error);
	} else {
		/* Without nf_tables the guard in mangle has to do. */
		if (nft_available()) {
			code = nft_install(set, PART_GUARD, error);
			if (code != 0)
				return code;
		}
		code = iptables_apply(set, error);
	}
	if (code != 0)
		return code;
	return conntrack_forget(state, CONNTRACK_MASQUERADED, error);
}

int firewall_install(const struct conf *conf, struct error *error)
{
	struct ruleset set;
	struct state state;
	enum carrier carrier;
	bool left_over = state_load(&state);

	int code = choose_carrier(conf, &carrier, error);
	if (code == 0)
		code = check_conf(conf, error);
	if (code == 0)
		code = ruleset_build(&set, conf, error);
	if (code != 0)
		return code;
	code = prepare(conf, &state, error);
	if (code == 0)
		code = install(&set, carrier, &state, error);
	ruleset_free(&set);
	/* The guard of a daemon that crashed stays, whatever failed now. */
	if (code != 0 && !left_over)
		(void)firewall_remove(NULL);
	return code;
}

int firewall_remove(struct error *error)
{
	struct state state;
	const struct ruleset nothing = {0};
	bool known = state_load(&state);

	/* Every step is tried; the first that fails is reported. */
	int code = iptables_apply(&nothing, error);
	if (nft_available()) {
		int result = nft_apply(NFT_REMOVAL, code == 0 ? error : NULL);
		code = code != 0 ? code : result;
	}
	if (!known)
		return code;
	if (state.routed) {
		int result =
		    routes_remove(&state.routes, code == 0 ? error : NULL);
		code = code != 0 ? code : result;
	}
	if (state.reserved[0] != 0) {
		int result =
		    hostports_release(state.reserved, code == 0 ? error : NULL);
		code = code != 0 ? code : result;
	}
	int result =
	    conntrack_forget(&state, CONNTRACK_OURS, code == 0 ? error : NULL);
	code = code != 0 ? code : result;
	if (code == 0)
		state_forget();
	return code;
}

int firewall_detach(struct error *error)
{
	return firewall_remove(error);
}
