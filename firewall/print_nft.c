/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules as a table of its own for nft.
 *
 * ACTION_NO_NAT: nftables has no accept that keeps the other NAT chains of the
 * same hook away, since every base chain is asked.  But the first one that
 * binds the flow ends the search, and binding it to the source it has anyway
 * (`snat to ct original ip saddr`) changes nothing: so it does what iptables'
 * ACCEPT does, and against a masquerade of either tongue.
 */
#include "firewall/rule.h"

#include <netinet/in.h>
#include <string.h>

#include "backend/marks.h"

static const struct place {
	const char *name;
	const char *hook; /* NULL: jumped to */
} places[CHAIN_COUNT] = {
    [CHAIN_PRE] = {"pre", "type filter hook prerouting priority -300"},
    [CHAIN_IN] = {"in", NULL},
    [CHAIN_HAIRPIN] = {"hairpin", NULL},
    [CHAIN_SEEN_PRE] = {"seen_pre", NULL},
    [CHAIN_OWN] = {"own", "type filter hook output priority -300"},
    [CHAIN_GATEWAY] = {"gateway", "type filter hook output priority -150"},
    [CHAIN_POST] = {"post", "type filter hook postrouting priority -150"},
    [CHAIN_OUT] = {"out", NULL},
    [CHAIN_SEEN_POST] = {"seen_post", NULL},
    [CHAIN_GUARD] = {"guard", "type filter hook postrouting priority 300"},
    [CHAIN_NAT] = {"nat", "type nat hook postrouting priority 99"},
};

/* Chains stand before those that jump to them. */
static const enum chain order[] = {CHAIN_SEEN_PRE, CHAIN_IN, CHAIN_HAIRPIN,
    CHAIN_PRE, CHAIN_OWN, CHAIN_SEEN_POST, CHAIN_GATEWAY, CHAIN_OUT, CHAIN_POST,
    CHAIN_NAT, CHAIN_GUARD};

static void print_ports(FILE *to, const char *protocol, const char *which,
    uint16_t low, uint16_t high)
{
	if (low != 0 && low == high)
		fprintf(to, "%s %s %u ", protocol, which, low);
	else if (low != 0)
		fprintf(to, "%s %s %u-%u ", protocol, which, low, high);
}

/** Matching a port or a type implies the protocol. */
static void print_transport(FILE *to, const struct rule *rule)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {{IPPROTO_ICMP, "icmp"}, {IPPROTO_TCP, "tcp"},
	    {IPPROTO_UDP, "udp"}, {IPPROTO_ESP, "esp"}, {IPPROTO_AH, "ah"}};
	char name[8];

	snprintf(name, sizeof(name), "%u", rule->protocol);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == rule->protocol)
			snprintf(name, sizeof(name), "%s", names[i].name);
	if (rule->fragment)
		fputs("ip frag-off & 0x1fff != 0 ", to);
	print_ports(to, name, "sport", rule->source_low, rule->source_high);
	print_ports(to, name, "dport", rule->port_low, rule->port_high);
	if (rule->typed)
		fprintf(to, "icmp type %u ", rule->type);
	else if (rule->protocol != 0 && rule->source_low == 0 &&
	    rule->port_low == 0)
		fprintf(to, "meta l4proto %s ", name);
}

static void print_action(FILE *to, const struct rule *rule)
{
	switch (rule->action) {
	case ACTION_QUEUE:
		fprintf(to, "queue num %u%s", rule->queue,
		    rule->bypass ? " bypass" : "");
		break;
	case ACTION_DROP:
		fputs("counter drop", to);
		break;
	case ACTION_RETURN:
		fputs("return", to);
		break;
	case ACTION_GOTO:
		fprintf(to, "goto %s", places[rule->target].name);
		break;
	case ACTION_NOTRACK:
		fputs("notrack", to);
		break;
	case ACTION_CLEAR_SEEN:
		fprintf(to, "meta mark set meta mark & %#x", ~MARK_SEEN);
		break;
	case ACTION_NO_NAT:
		fputs("snat to ct original ip saddr", to);
		break;
	}
}

static void print_rule(FILE *to, const struct rule *rule)
{
	char text[NET_TEXT];

	fputs("\t\t", to);
	if (rule->in != NULL)
		fprintf(to, "iifname %s\"%s\" ", rule->in_differs ? "!= " : "",
		    rule->in);
	if (rule->out != NULL)
		fprintf(to, "oifname \"%s\" ", rule->out);
	if (rule->source.given)
		fprintf(to, "ip saddr %s ", net_text(&rule->source, text));
	if (rule->destination.given)
		fprintf(to, "ip daddr %s ", net_text(&rule->destination, text));
	if (rule->mark != 0)
		fprintf(to, "meta mark & %#x == %#x ", rule->mark, rule->mark);
	if (rule->tracked_source.given)
		fprintf(to, "ct original ip saddr %s ",
		    net_text(&rule->tracked_source, text));
	if (rule->encapsulated)
		fputs("rt ipsec exists ", to);
	print_transport(to, rule);
	print_action(to, rule);
	fputc('\n', to);
}

void print_nft(FILE *to, const struct ruleset *set, enum part part)
{
	/* Naming it first makes the delete succeed if it was not there. */
	fputs(NFT_REMOVAL "table ip spinat {\n", to);
	for (size_t c = 0; c < sizeof(order) / sizeof(order[0]); c++) {
		const struct place *place = &places[order[c]];
		if (!ruleset_has(set, order[c]) ||
		    (part == PART_GUARD && order[c] != CHAIN_GUARD &&
			order[c] != CHAIN_NAT))
			continue;
		fprintf(to, "\tchain %s {\n", place->name);
		if (place->hook != NULL)
			fprintf(to, "\t\t%s; policy accept;\n", place->hook);
		for (size_t i = 0; i < set->count; i++) {
			const struct rule *rule = &set->rules[i];
			if (rule->chain != order[c])
				continue;
			if (rule->note != NULL)
				fprintf(to, "\t\t# %s\n", rule->note);
			print_rule(to, rule);
		}
		fputs("\t}\n", to);
	}
	fputs("}\n", to);
}
