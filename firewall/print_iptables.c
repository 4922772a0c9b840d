/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules as input of iptables-restore --noflush. */
#include "firewall/rule.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "backend/marks.h"

#define COMMENT "-m comment --comment spinat"
#define PREFIX  "SPINAT-"

static const struct place {
	const char *table, *name;
	const char *base; /* the chain that jumps to it, or NULL */
	unsigned position;
} places[CHAIN_COUNT] = {
    [CHAIN_PRE] = {"raw", PREFIX "PRE", "PREROUTING", 1},
    [CHAIN_IN] = {"raw", PREFIX "IN", NULL, 0},
    [CHAIN_HAIRPIN] = {"raw", PREFIX "HAIRPIN", NULL, 0},
    [CHAIN_SEEN_PRE] = {"raw", PREFIX "SEEN", NULL, 0},
    [CHAIN_OWN] = {"raw", PREFIX "OWN", "OUTPUT", 1},
    [CHAIN_GATEWAY] = {"mangle", PREFIX "GATEWAY", "OUTPUT", 1},
    [CHAIN_POST] = {"mangle", PREFIX "POST", "POSTROUTING", 1},
    [CHAIN_OUT] = {"mangle", PREFIX "OUT", NULL, 0},
    [CHAIN_SEEN_POST] = {"mangle", PREFIX "SEEN", NULL, 0},
    [CHAIN_GUARD] = {"mangle", PREFIX "GUARD", "POSTROUTING", 2},
    [CHAIN_NAT] = {"nat", PREFIX "NAT", "POSTROUTING", 1},
};
static const char *const tables[] = {"raw", "mangle", "nat"};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

static void print_protocol(FILE *to, uint8_t protocol)
{
	switch (protocol) {
	case 0:
		break;
	case IPPROTO_TCP:
		fputs(" -p tcp", to);
		break;
	case IPPROTO_UDP:
		fputs(" -p udp", to);
		break;
	case IPPROTO_ICMP:
		fputs(" -p icmp", to);
		break;
	default:
		fprintf(to, " -p %u", protocol);
	}
}

static void print_ports(
    FILE *to, const char *option, uint16_t low, uint16_t high)
{
	if (low != 0)
		fprintf(to, " --%s %u:%u", option, low, high);
}

static void print_action(FILE *to, const struct rule *rule)
{
	switch (rule->action) {
	case ACTION_QUEUE:
		fprintf(to, " -j NFQUEUE --queue-num %u%s", rule->queue,
		    rule->bypass ? " --queue-bypass" : "");
		break;
	case ACTION_DROP:
		fputs(" -j DROP", to);
		break;
	case ACTION_RETURN:
		fputs(" -j RETURN", to);
		break;
	case ACTION_GOTO:
		fprintf(to, " -g %s", places[rule->target].name);
		break;
	case ACTION_NOTRACK:
		fputs(" -j CT --notrack", to);
		break;
	case ACTION_CLEAR_SEEN:
		fprintf(to, " -j MARK --set-xmark 0x0/%#x", MARK_SEEN);
		break;
	case ACTION_NO_NAT:
		fputs(" -j ACCEPT", to);
		break;
	}
}

static void print_rule(FILE *to, const struct rule *rule)
{
	char text[NET_TEXT];

	fprintf(to, "-A %s", places[rule->chain].name);
	if (rule->source.given)
		fprintf(to, " -s %s", net_text(&rule->source, text));
	if (rule->destination.given)
		fprintf(to, " -d %s", net_text(&rule->destination, text));
	if (rule->in != NULL)
		fprintf(to, "%s -i %s", rule->in_differs ? " !" : "", rule->in);
	if (rule->out != NULL)
		fprintf(to, " -o %s", rule->out);
	print_protocol(to, rule->protocol);
	if (rule->fragment)
		fputs(" -f", to);
	print_ports(to, "sport", rule->source_low, rule->source_high);
	print_ports(to, "dport", rule->port_low, rule->port_high);
	if (rule->typed)
		fprintf(to, " -m icmp --icmp-type %u", rule->type);
	if (rule->mark != 0)
		fprintf(to, " -m mark --mark %#x/%#x", rule->mark, rule->mark);
	if (rule->tracked_source.given)
		fprintf(to, " -m conntrack --ctorigsrc %s",
		    net_text(&rule->tracked_source, text));
	if (rule->encapsulated)
		fputs(" -m policy --dir out --pol ipsec", to);
	print_action(to, rule);
	fputc('\n', to);
}

/** One line of `saved` after the other; false at the end. */
static bool next_line(const char **at, char *line, size_t size)
{
	if (**at == 0)
		return false;
	size_t length = strcspn(*at, "\n");
	snprintf(line, size, "%.*s", (int)length, *at);
	*at += length;
	if (**at == '\n')
		(*at)++;
	return true;
}

/** Deletes the jumps from the base chains of `table` to chains of ours. */
static void print_unjump(FILE *to, const char *saved, const char *table)
{
	char line[1024];
	bool here = false;

	while (saved != NULL && next_line(&saved, line, sizeof(line))) {
		if (line[0] == '*')
			here = strcmp(line + 1, table) == 0;
		else if (here && strncmp(line, "-A ", 3) == 0 &&
		    strncmp(line + 3, PREFIX, strlen(PREFIX)) != 0 &&
		    (strstr(line, " -j " PREFIX) != NULL ||
			strstr(line, " -g " PREFIX) != NULL))
			fprintf(to, "-D %s\n", line + 3);
	}
}

/** The next chain of ours that is in `table` of `saved`; *at starts as saved.
 */
static bool next_chain(
    const char **at, bool *here, const char *table, char *name, size_t size)
{
	char line[1024];
	while (*at != NULL && next_line(at, line, sizeof(line))) {
		if (line[0] == '*')
			*here = strcmp(line + 1, table) == 0;
		if (!*here ||
		    strncmp(line, ":" PREFIX, strlen(":" PREFIX)) != 0)
			continue;
		snprintf(
		    name, size, "%.*s", (int)strcspn(line + 1, " "), line + 1);
		return true;
	}
	return false;
}

static bool is_in_set(
    const struct ruleset *set, const char *table, const char *name)
{
	for (enum chain c = 0; c < CHAIN_COUNT; c++)
		if (strcmp(places[c].table, table) == 0 &&
		    strcmp(places[c].name, name) == 0)
			return ruleset_has(set, c);
	return false;
}

/** Writes `-act CHAIN` for each chain in `saved` that is no longer wanted. */
static bool print_leftovers(FILE *to, const struct ruleset *set,
    const char *saved, const char *table, char act)
{
	char name[64];
	bool here = false, any = false;
	while (next_chain(&saved, &here, table, name, sizeof(name))) {
		if (is_in_set(set, table, name))
			continue;
		any = true;
		if (to != NULL)
			fprintf(to, "-%c %s\n", act, name);
	}
	return any;
}

static void print_table(
    FILE *to, const struct ruleset *set, const char *saved, const char *table)
{
	fprintf(to, "*%s\n", table);
	for (enum chain c = 0; c < CHAIN_COUNT; c++)
		if (strcmp(places[c].table, table) == 0 && ruleset_has(set, c))
			/* Also empties a chain that is there already. */
			fprintf(to, ":%s - [0:0]\n", places[c].name);
	print_unjump(to, saved, table);
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];
		if (strcmp(places[rule->chain].table, table) != 0)
			continue;
		if (rule->note != NULL)
			fprintf(to, "# %s\n", rule->note);
		print_rule(to, rule);
	}
	for (enum chain c = 0; c < CHAIN_COUNT; c++)
		if (strcmp(places[c].table, table) == 0 &&
		    places[c].base != NULL && ruleset_has(set, c))
			fprintf(to, "-I %s %u " COMMENT " -j %s\n",
			    places[c].base,
			    ruleset_has(set, CHAIN_POST) ? places[c].position
							 : 1,
			    places[c].name);
	print_leftovers(to, set, saved, table, 'F');
	print_leftovers(to, set, saved, table, 'X');
	fputs("COMMIT\n", to);
}

void print_iptables(FILE *to, const struct ruleset *set, const char *saved)
{
	for (size_t t = 0; t < TABLES; t++) {
		bool wanted = false;
		for (enum chain c = 0; c < CHAIN_COUNT; c++)
			wanted = wanted ||
			    (strcmp(places[c].table, tables[t]) == 0 &&
				ruleset_has(set, c));
		if (wanted || print_leftovers(NULL, set, saved, tables[t], 0))
			print_table(to, set, saved, tables[t]);
	}
}
