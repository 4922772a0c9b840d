/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is queued, where, and what the guard drops.
 *
 * Connection tracking sees the inside view.  Packets from the outside are
 * queued in raw PREROUTING, before it; packets to the outside are queued in
 * mangle POSTROUTING, after it.  So it knows every flow as inside host <->
 * remote, in both directions, as if there were no translation: `ct state
 * established` rules in FORWARD work unchanged, nothing has to be exempted
 * from tracking, and the gateway's own connections are tracked as ever.
 *
 * From the outside only what can be ours goes to the queue (public ports,
 * IKE, ESP, ICMP that answers or reports, other protocols); the engine leaves
 * the rest of it to the gateway.  From the inside everything goes there that
 * would leave by the outside interface with an inside source.
 *
 * Of what the gateway itself sends, IKE and ESP from a public address are
 * queued, where nothing else comes by: to be known as its own, not to be
 * translated.
 *
 * The guard hangs behind that, on the same hook and, where the kernel has
 * nf_tables, on a later one too: what has an inside source there has not been
 * translated, whatever happened to the rules before it.
 */
#include "firewall/rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/marks.h"

enum {
	PORT_IKE = 500,
	QUEUE_INSIDE = 0, /* offsets from conf->queue, see backend/nfqueue.c */
	QUEUE_OUTSIDE = 1,
	QUEUE_HAIRPIN = 2,
	QUEUE_OUTSIDE_UDP = 3,
	QUEUE_GATEWAY = 4,
};

static const uint8_t icmp_errors[] = {3, 4, 11, 12};
/* A redirect does not cross, but the engine is to say so. */
static const uint8_t icmp_ours[] = {0, 3, 4, 5, 11, 12};

/* ---------------------------------------------------------- the array */

static void add(struct ruleset *set, const struct rule *rule)
{
	if (set->count == set->room) {
		size_t room = set->room == 0 ? 64 : set->room * 2;
		struct rule *rules =
		    reallocarray(set->rules, room, sizeof(*rules));
		if (rules == NULL) {
			set->failed = true;
			return;
		}
		set->rules = rules;
		set->room = room;
	}
	set->rules[set->count++] = *rule;
}

void ruleset_free(struct ruleset *set)
{
	free(set->rules);
	*set = (struct ruleset){0};
}

bool ruleset_has(const struct ruleset *set, enum chain chain)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->rules[i].chain == chain)
			return true;
	return false;
}

static bool names(const struct net *net, const char *variable)
{
	return net->variable != NULL && strcmp(net->variable, variable) == 0;
}

bool ruleset_uses(const struct ruleset *set, const char *variable)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];
		if (names(&rule->source, variable) ||
		    names(&rule->destination, variable) ||
		    names(&rule->tracked_source, variable))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------- addresses */

const char *net_text(const struct net *net, char text[NET_TEXT])
{
	if (net->variable != NULL) {
		snprintf(text, NET_TEXT, "$%s", net->variable);
		return text;
	}
	char address[INET_ADDRSTRLEN];
	struct in_addr in = {net->prefix.address.raw};
	inet_ntop(AF_INET, &in, address, sizeof(address));
	if (net->prefix.length == 32)
		snprintf(text, NET_TEXT, "%s", address);
	else
		snprintf(text, NET_TEXT, "%s/%u", address, net->prefix.length);
	return text;
}

static struct net network(struct spinat_prefix prefix)
{
	uint32_t mask =
	    prefix.length == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix.length));
	prefix.address.raw &= mask;
	return (struct net){.prefix = prefix, .given = true};
}

static struct net host(spinat_be32 address)
{
	return network((struct spinat_prefix){address, 32});
}

static struct net variable(const char *name)
{
	return (struct net){.variable = name, .given = true};
}

static bool contains(struct spinat_prefix outer, struct spinat_prefix inner)
{
	if (outer.length > inner.length)
		return false;
	if (outer.length == 0)
		return true;
	uint32_t difference =
	    ntohl(outer.address.raw) ^ ntohl(inner.address.raw);
	return difference >> (32 - outer.length) == 0;
}

unsigned ruleset_inside(
    const struct conf *conf, struct spinat_prefix *nets, unsigned max)
{
	/* RFC 1918, and RFC 6598's shared space. */
	const struct spinat_prefix private[] = {{{htonl(0x0a000000)}, 8},
	    {{htonl(0xac100000)}, 12}, {{htonl(0xc0a80000)}, 16},
	    {{htonl(0x64400000)}, 10}};
	const size_t private_count = sizeof(private) / sizeof(private[0]);
	const struct spinat_config *engine = &conf->engine;
	unsigned count = 0;

	if (!engine->unregistered_only) {
		for (unsigned i = 0; i < engine->inside_count; i++)
			if (count < max)
				nets[count++] = engine->inside[i];
		return count;
	}
	for (size_t p = 0; p < private_count; p++) {
		if (engine->inside_count == 0 && count < max)
			nets[count++] = private[p];
		for (unsigned i = 0; i < engine->inside_count; i++) {
			if (count == max)
				return count;
			if (contains(private[p], engine -> inside[i]))
				nets[count++] = engine->inside[i];
			else if (contains(engine->inside[i], private[p]))
				nets[count++] = private[p];
		}
	}
	return count;
}

/** What stands for "an inside source" in a rule, one rule each. */
static unsigned inside_nets(
    const struct conf *conf, struct net nets[SPINAT_MAX_INSIDE])
{
	struct spinat_prefix prefixes[SPINAT_MAX_INSIDE];
	unsigned count = ruleset_inside(conf, prefixes, SPINAT_MAX_INSIDE);
	for (unsigned i = 0; i < count; i++)
		nets[i] = network(prefixes[i]);
	if (count == 0 && conf->engine.inside_count == 0)
		nets[count++] = variable("INSIDE");
	return count;
}

static unsigned public_nets(
    const struct conf *conf, struct net nets[SPINAT_MAX_PUBLIC])
{
	unsigned count = 0;
	while (count < conf->engine.public_count) {
		nets[count] = host(conf->engine.public_addresses[count]);
		count++;
	}
	if (count == 0)
		nets[count++] = variable("PUBLIC");
	return count;
}

/* ------------------------------------------------- what can be ours */

static void add_protocol(
    struct ruleset *set, struct rule rule, uint8_t protocol, const char *note)
{
	rule.protocol = protocol;
	rule.note = note;
	if (rule.action == ACTION_QUEUE && protocol == IPPROTO_UDP &&
	    rule.queue == set->queue + QUEUE_OUTSIDE)
		rule.queue = set->queue + QUEUE_OUTSIDE_UDP;
	add(set, &rule);
}

static void add_port(struct ruleset *set, struct rule rule, uint8_t protocol,
    uint16_t low, uint16_t high, const char *note)
{
	rule.port_low = low;
	rule.port_high = high;
	add_protocol(set, rule, protocol, note);
}

/** IKE, ESP and AH: what mode ipsec-only is about. */
static void add_ipsec(struct ruleset *set, struct rule rule)
{
	add_port(set, rule, IPPROTO_UDP, PORT_IKE, PORT_IKE, "IKE");
	rule.source_low = rule.source_high = PORT_IKE;
	add_protocol(set, rule, IPPROTO_UDP, NULL);
	rule.source_low = rule.source_high = 0;
	add_protocol(set, rule, IPPROTO_ESP, "ESP");
	add_protocol(set, rule, IPPROTO_AH, "AH, to be refused");
}

static void add_icmp(struct ruleset *set, struct rule rule,
    const uint8_t *types, size_t count, const char *note)
{
	rule.typed = true;
	for (size_t i = 0; i < count; i++) {
		rule.type = types[i];
		add_protocol(set, rule, IPPROTO_ICMP, i == 0 ? note : NULL);
	}
}

static void add_fragments(struct ruleset *set, struct rule rule)
{
	rule.fragment = true;
	rule.note = "later fragments, where nothing reassembles";
	add(set, &rule);
}

/** In mode ipsec-only, for either direction. */
static void add_ipsec_only(
    struct ruleset *set, enum chain chain, unsigned queue)
{
	const struct rule rule = {
	    .chain = chain, .action = ACTION_QUEUE, .queue = queue};
	add_ipsec(set, rule);
	add_icmp(set, rule, icmp_errors, sizeof(icmp_errors),
	    "ICMP errors, which may quote ESP or IKE");
	add_fragments(set, rule);
}

static void add_redirects(
    struct ruleset *set, struct rule rule, const struct conf *conf)
{
	for (unsigned i = 0; i < conf->redirect_count; i++) {
		const struct spinat_redirect *redirect = &conf->redirects[i];
		unsigned count = redirect->port_count;
		struct rule own = rule;
		if (redirect->public_address.raw != 0)
			own.destination = host(redirect->public_address);
		switch (redirect->kind) {
		case SPINAT_REDIRECT_PORT:
			if (count == 0)
				count = 1;
			add_port(set, own, redirect->protocol,
			    redirect->public_port,
			    (uint16_t)(redirect->public_port + count - 1),
			    "redirect_port");
			break;
		case SPINAT_REDIRECT_PROTO:
			if (redirect->protocol == 0)
				add_protocol(set, own, IPPROTO_UDP, NULL);
			add_protocol(
			    set, own, redirect->protocol, "redirect_proto");
			break;
		case SPINAT_REDIRECT_ADDRESS:
			add_protocol(set, own, IPPROTO_UDP, "redirect_address");
			add_protocol(set, own, 0, NULL);
			break;
		case SPINAT_REDIRECT_IPSEC:
			break; /* IKE and ESP are queued anyway */
		}
	}
}

/** What of the packets to a public address can be ours in mode full. */
static void add_full_in(struct ruleset *set, enum chain chain, unsigned queue,
    const struct conf *conf)
{
	const struct rule rule = {
	    .chain = chain, .action = ACTION_QUEUE, .queue = queue};
	uint16_t low = conf->engine.port_low, high = conf->engine.port_high;
	if (conf->engine.same_ports)
		low = high = 0;
	add_port(set, rule, IPPROTO_TCP, low, high,
	    conf->engine.same_ports ? "same_ports: any" : "port_range");
	add_port(set, rule, IPPROTO_UDP, low, high, NULL);
	if (!conf->engine.same_ports)
		add_port(set, rule, IPPROTO_UDP, PORT_IKE, PORT_IKE, "IKE");
	add_icmp(
	    set, rule, icmp_ours, sizeof(icmp_ours), "ICMP replies and errors");
	add_fragments(set, rule);
	add_redirects(set, rule, conf);

	struct rule rest = {.chain = chain, .action = ACTION_RETURN};
	add_protocol(set, rest, IPPROTO_TCP, "the rest is the gateway's");
	add_protocol(set, rest, IPPROTO_UDP, NULL);
	add_protocol(set, rest, IPPROTO_ICMP, NULL);
	add_protocol(set, rule, 0, "every other protocol");
}

/* --------------------------------------------------------- the chains */

/** A packet that was in the queue comes through once more (NF_REPEAT). */
static void add_seen(struct ruleset *set, enum chain chain, enum chain seen)
{
	add(set,
	    &(struct rule){.chain = seen,
		.action = ACTION_CLEAR_SEEN,
		.note = "back from spinatd: on to the rules after ours"});
	add(set,
	    &(struct rule){.chain = chain,
		.mark = MARK_SEEN,
		.action = ACTION_GOTO,
		.target = seen});
}

static void add_pre(struct ruleset *set, const struct conf *conf)
{
	struct net nets[SPINAT_MAX_PUBLIC];
	unsigned count = public_nets(conf, nets);
	bool inside_known = conf->inside_interface[0] != 0;

	add_seen(set, CHAIN_PRE, CHAIN_SEEN_PRE);
	if (!inside_known)
		add(set,
		    &(struct rule){.chain = CHAIN_PRE,
			.action = ACTION_RETURN,
			.in = "lo",
			.note = "the gateway talking to itself"});
	for (unsigned i = 0; i < count; i++) {
		struct rule rule = {.chain = CHAIN_PRE,
		    .action = ACTION_GOTO,
		    .target = CHAIN_IN,
		    .in = conf->interface,
		    .destination = nets[i]};
		add(set, &rule);
		rule.target = CHAIN_HAIRPIN;
		rule.note = "an inside host calls the public address";
		rule.in =
		    inside_known ? conf->inside_interface : conf->interface;
		rule.in_differs = !inside_known;
		add(set, &rule);
	}
	add(set,
	    &(struct rule){.chain = CHAIN_OWN,
		.mark = MARK_OWN,
		.action = ACTION_NOTRACK,
		.note = "sent by spinatd, already half of a flow"});
}

/** What goes into a tunnel of the gateway's own leaves by the outside
 * interface too, but not as it is now. */
static void add_encapsulated(
    struct ruleset *set, enum chain chain, const struct conf *conf)
{
	if (access("/proc/net/xfrm_stat", F_OK) == 0)
		add(set,
		    &(struct rule){.chain = chain,
			.out = conf->interface,
			.encapsulated = true,
			.action = ACTION_RETURN,
			.note = "into a tunnel of the gateway's own"});
}

/** After add_post(), whose chain for what was seen this one uses. */
static void add_gateway(struct ruleset *set, const struct conf *conf)
{
	struct net nets[SPINAT_MAX_PUBLIC];
	unsigned count = public_nets(conf, nets);

	add(set,
	    &(struct rule){.chain = CHAIN_GATEWAY,
		.mark = MARK_SEEN,
		.action = ACTION_GOTO,
		.target = CHAIN_SEEN_POST});
	add(set,
	    &(struct rule){.chain = CHAIN_GATEWAY,
		.mark = MARK_OWN,
		.action = ACTION_RETURN,
		.note = "sent by spinatd, for an inside host"});
	for (unsigned i = 0; i < count; i++) {
		struct rule rule = {.chain = CHAIN_GATEWAY,
		    .action = ACTION_QUEUE,
		    .queue = conf->queue + QUEUE_GATEWAY,
		    .bypass = true,
		    .out = conf->interface,
		    .source = nets[i]};
		add_protocol(set, rule, IPPROTO_ESP,
		    "the gateway's own: to be known, and passed");
		rule.source_low = rule.source_high = PORT_IKE;
		add_protocol(set, rule, IPPROTO_UDP, NULL);
	}
}

static void add_post(struct ruleset *set, const struct conf *conf)
{
	struct net nets[SPINAT_MAX_INSIDE];
	unsigned count = inside_nets(conf, nets);
	bool full = conf->engine.mode == SPINAT_MODE_FULL;

	add_seen(set, CHAIN_POST, CHAIN_SEEN_POST);
	add_encapsulated(set, CHAIN_POST, conf);
	for (unsigned i = 0; i < count; i++)
		add(set,
		    &(struct rule){.chain = CHAIN_POST,
			.out = conf->interface,
			.source = nets[i],
			.action = full ? ACTION_QUEUE : ACTION_GOTO,
			.target = CHAIN_OUT,
			.queue = conf->queue + QUEUE_INSIDE});
}

/** In ipsec-only also the exemption from the kernel's masquerade, which would
 * change the tracked flow after the fact, so that its answers, translated
 * before tracking, would not be known. */
static void add_guard(struct ruleset *set, const struct conf *conf)
{
	struct net nets[SPINAT_MAX_INSIDE];
	unsigned count = inside_nets(conf, nets);

	add_encapsulated(set, CHAIN_GUARD, conf);
	for (unsigned i = 0; i < count; i++) {
		struct rule guard = {.chain = CHAIN_GUARD,
		    .out = conf->interface,
		    .source = nets[i],
		    .action = ACTION_DROP,
		    .note = "never untranslated"};
		if (conf->engine.mode == SPINAT_MODE_FULL) {
			add(set, &guard);
			continue;
		}
		add_ipsec(set, guard);
		add_ipsec(set,
		    (struct rule){.chain = CHAIN_NAT,
			.out = conf->interface,
			.tracked_source = nets[i],
			.action = ACTION_NO_NAT});
	}
}

static void add_feed(struct ruleset *set, const struct conf *conf)
{
	unsigned outside = conf->queue + QUEUE_OUTSIDE;
	unsigned hairpin = conf->queue + QUEUE_HAIRPIN;

	add_pre(set, conf);
	if (conf->engine.mode == SPINAT_MODE_FULL) {
		add_full_in(set, CHAIN_IN, outside, conf);
		add_full_in(set, CHAIN_HAIRPIN, hairpin, conf);
	} else {
		add_ipsec_only(set, CHAIN_IN, outside);
		add_ipsec_only(set, CHAIN_HAIRPIN, hairpin);
		add_ipsec_only(set, CHAIN_OUT, conf->queue + QUEUE_INSIDE);
	}
	add_post(set, conf);
	add_gateway(set, conf);
}

int ruleset_build(
    struct ruleset *set, const struct conf *conf, struct error *error)
{
	struct spinat_prefix nets[SPINAT_MAX_INSIDE];

	*set = (struct ruleset){.queue = conf->queue};
	if (conf->interface[0] == 0)
		return error_set(error, -EINVAL,
		    "interface: not set; firewall rules need the name of the "
		    "outside interface");
	if (conf->engine.inside_count > 0 &&
	    ruleset_inside(conf, nets, SPINAT_MAX_INSIDE) == 0)
		return error_set(error, -EINVAL,
		    "unregistered_only: no inside network is a private one "
		    "(RFC 1918, RFC 6598), so nothing would be translated");
	if (strcmp(conf->backend, "tun") == 0) {
		add_guard(set, conf); /* fed by routes, not by rules */
	} else {
		add_feed(set, conf);
		add_guard(set, conf);
	}
	if (set->failed) {
		ruleset_free(set);
		return error_set(error, -ENOMEM, "out of memory");
	}
	return 0;
}
