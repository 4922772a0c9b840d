/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both tongues are read line by line into what a rule of a chain asks of a
 * packet: interface, destination, protocol and ports.  From the chains on
 * PREROUTING the calls are followed, and where they end in a rule that sends
 * elsewhere, all rules on the way have to allow for one of spinatd's ranges.
 */
#include "firewall/dnat.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/words.h"

enum { PORTS_MAX = 16, BASES_MAX = 16 };

enum {
	PROTOCOL_TCP = 1,
	PROTOCOL_UDP = 2,
	PROTOCOL_ESP = 4,
	PROTOCOL_OTHER = 8,
};

struct ports {
	uint16_t low, high;
};

struct rule {
	char chain[WORDS_NAME], target[WORDS_NAME]; /* target: of a call */
	bool applies;       /* interface and destination allow for ours */
	bool moves;         /* sends elsewhere */
	unsigned protocols; /* bits of PROTOCOL_*; 0: any */
	struct ports ports[PORTS_MAX];
	unsigned port_count; /* 0: any */
	char text[WORDS_LINE];
};

struct rules {
	struct rule *all;
	size_t count, room;
	bool is_iptables; /* the tongue */
	char bases[BASES_MAX][WORDS_NAME];
	size_t base_count;
};

/* ------------------------------------------------- what spinatd maps */

static struct dnat_range range_of(const struct spinat_redirect *redirect)
{
	const unsigned count =
	    redirect->port_count == 0 ? 1 : redirect->port_count;
	struct dnat_range range = {
	    .protocol = redirect->protocol, .low = 0, .high = 65535};

	switch (redirect->kind) {
	case SPINAT_REDIRECT_PORT:
		range.low = redirect->public_port;
		range.high = (uint16_t)(range.low + count - 1);
		break;
	case SPINAT_REDIRECT_IPSEC:
		range.protocol = IPPROTO_ESP;
		break;
	case SPINAT_REDIRECT_PROTO:
	case SPINAT_REDIRECT_ADDRESS:
		break;
	}
	return range;
}

size_t dnat_ranges(const struct conf *conf, struct dnat_range *ranges)
{
	const struct spinat_config *engine = &conf->engine;
	const bool full = engine->mode == SPINAT_MODE_FULL;
	const bool any = full && engine->same_ports;
	const uint16_t low = any ? 0 : engine->port_low;
	const uint16_t high = any ? 65535 : engine->port_high;
	size_t count = 0;

	if (full)
		ranges[count++] = (struct dnat_range){IPPROTO_TCP, low, high};
	if (conf_gives_ports(conf))
		ranges[count++] = (struct dnat_range){IPPROTO_UDP, low, high};
	ranges[count++] = (struct dnat_range){IPPROTO_UDP, 500, 500};
	ranges[count++] = (struct dnat_range){IPPROTO_ESP, 0, 65535};
	for (unsigned i = 0; i < conf->redirect_count; i++)
		ranges[count++] = range_of(&conf->redirects[i]);
	return count;
}

/* --------------------------------------------------------------- rules */

static struct rule *add_rule(
    struct rules *rules, const char *chain, const char *text)
{
	struct rule *rule;

	if (rules->count == rules->room) {
		const size_t room = rules->room == 0 ? 32 : rules->room * 2;
		struct rule *all = reallocarray(rules->all, room, sizeof(*all));

		if (all == NULL)
			return NULL;
		rules->all = all;
		rules->room = room;
	}
	rule = &rules->all[rules->count++];
	*rule = (struct rule){.applies = true};
	snprintf(rule->chain, WORDS_NAME, "%s", chain);
	snprintf(rule->text, WORDS_LINE, "%s", text);
	return rule;
}

/* -------------------------------------------------------------- the walk */

static unsigned bit_of(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? PROTOCOL_TCP
	    : protocol == IPPROTO_UDP  ? PROTOCOL_UDP
	    : protocol == IPPROTO_ESP  ? PROTOCOL_ESP
				       : PROTOCOL_OTHER;
}

static bool allows(const struct rule *rule, const struct dnat_range *range)
{
	if (rule->protocols != 0 && range->protocol != 0 &&
	    (rule->protocols & bit_of(range->protocol)) == 0)
		return false;
	for (unsigned i = 0; i < rule->port_count; i++)
		if (rule->ports[i].low <= range->high &&
		    rule->ports[i].high >= range->low)
			return true;
	return rule->port_count == 0;
}

struct walk {
	const struct rules *rules;
	const struct dnat_query *query;
	const struct rule *way[WORDS_DEPTH];
	dnat_say *say;
	void *context;
};

static bool meets(const struct walk *walk, unsigned depth)
{
	for (size_t r = 0; r < walk->query->range_count; r++) {
		const struct dnat_range *range = &walk->query->ranges[r];
		unsigned i = 0;

		while (i <= depth && allows(walk->way[i], range))
			i++;
		if (i > depth)
			return true;
	}
	return false;
}

static void tell(const struct walk *walk, const struct rule *rule)
{
	char text[WORDS_NAME + WORDS_LINE + 16];

	if (walk->rules->is_iptables)
		snprintf(text, sizeof(text), "iptables -t nat %s", rule->text);
	else
		snprintf(text, sizeof(text), "%s: %s", rule->chain, rule->text);
	walk->say(walk->context, text);
}

static void follow(struct walk *walk, const char *chain, unsigned depth)
{
	if (depth == WORDS_DEPTH)
		return;
	for (size_t i = 0; i < walk->rules->count; i++) {
		const struct rule *rule = &walk->rules->all[i];

		if (strcmp(rule->chain, chain) != 0 || !rule->applies)
			continue;
		walk->way[depth] = rule;
		if (rule->target[0] != '\0' && meets(walk, depth))
			follow(walk, rule->target, depth + 1);
		walk->way[depth] = rule;
		if (rule->moves && meets(walk, depth))
			tell(walk, rule);
	}
}

static void follow_all(const struct rules *rules,
    const struct dnat_query *query, dnat_say *say, void *context)
{
	struct walk walk = {
	    .rules = rules, .query = query, .say = say, .context = context};

	for (size_t i = 0; i < rules->base_count; i++)
		follow(&walk, rules->bases[i], 0);
}

/* -------------------------------------------------- what a rule asks for */

static void add_protocol(struct rule *rule, const char *word)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {
	    {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"esp", IPPROTO_ESP}};
	uint8_t protocol = (uint8_t)strtoul(word, NULL, 10);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(word, known[i].name) == 0)
			protocol = known[i].number;
	rule->protocols |= bit_of(protocol);
}

/* "80", "80:90", "80-90"; what is none may be any. */
static void add_ports(struct rule *rule, const char *word)
{
	char *end;
	unsigned long low = strtoul(word, &end, 10), high = low;

	if (end != word && (*end == ':' || *end == '-'))
		high = strtoul(end + 1, &end, 10);
	if (end == word || low > 65535 || high > 65535 ||
	    rule->port_count == PORTS_MAX)
		low = 0, high = 65535;
	if (rule->port_count == PORTS_MAX)
		rule->port_count--;
	rule->ports[rule->port_count++] =
	    (struct ports){(uint16_t)low, (uint16_t)high};
}

static bool is_public(const struct dnat_query *query, const char *word)
{
	struct spinat_prefix net;

	if (!words_net(word, &net))
		return true; /* a set, which may hold anything */
	for (unsigned i = 0; i < query->public_count; i++)
		if (words_overlap(
			net, (struct spinat_prefix){query->publics[i], 32}))
			return true;
	return query->public_count == 0;
}

/* -------------------------------------------------------------- iptables */

static void read_iptables_target(struct rule *rule, const char *target)
{
	rule->moves = strcmp(target, "DNAT") == 0 ||
	    strcmp(target, "REDIRECT") == 0 || strcmp(target, "NETMAP") == 0;
	snprintf(rule->target, WORDS_NAME, "%s", target);
}

static void read_iptables(struct rule *rule, const struct dnat_query *query,
    char *words[], size_t count)
{
	bool negated = false;

	for (size_t i = 2; i + 1 < count; i++) {
		const char *word = words[i], *value = words[i + 1];

		if (strcmp(word, "!") == 0) {
			negated = true;
			continue;
		}
		if (strcmp(word, "-j") == 0 || strcmp(word, "-g") == 0) {
			read_iptables_target(rule, value);
			return; /* what follows are its arguments */
		}
		if (strcmp(word, "-i") == 0)
			rule->applies = rule->applies &&
			    words_match(value, query->interface, '+') !=
				negated;
		else if (strcmp(word, "-d") == 0 && !negated)
			rule->applies =
			    rule->applies && is_public(query, value);
		else if (strcmp(word, "-p") == 0 && !negated)
			add_protocol(rule, value);
		else if (!negated &&
		    (strcmp(word, "--dport") == 0 ||
			strcmp(word, "--dports") == 0))
			for (char *one = strtok(words[i + 1], ","); one != NULL;
			     one = strtok(NULL, ","))
				add_ports(rule, one);
		negated = false;
	}
}

void dnat_in_iptables(const char *saved, const struct dnat_query *query,
    dnat_say *say, void *context)
{
	struct rules rules = {
	    .is_iptables = true, .base_count = 1, .bases = {"PREROUTING"}};
	bool nat = false;

	while (saved != NULL && *saved != '\0') {
		char line[WORDS_LINE], text[WORDS_LINE], *words[WORDS_MAX];
		struct rule *rule;
		size_t count;

		words_line(line, &saved);
		if (line[0] == '*')
			nat = strcmp(line, "*nat") == 0;
		if (!nat || strncmp(line, "-A ", 3) != 0)
			continue;
		memcpy(text, line, sizeof(text));
		count = words_split(line, words);
		rule = count < 2 ? NULL : add_rule(&rules, words[1], text);
		if (rule != NULL)
			read_iptables(rule, query, words, count);
	}
	follow_all(&rules, query, say, context);
	free(rules.all);
}

/* ------------------------------------------------------------------- nft */

/* The values of a match, "x" or "{ x, y }", one after the other; NULL: there
 * are no more. */
struct values {
	char **words;
	size_t count, at;
	bool in_set, is_over;
};

static struct values values_at(char *words[], size_t count, size_t at)
{
	struct values values = {.words = words, .count = count, .at = at};

	values.in_set = at < count && strcmp(words[at], "{") == 0;
	values.at += values.in_set;
	return values;
}

static const char *next_value(struct values *values)
{
	char *word;

	if (values->is_over || values->at >= values->count)
		return NULL;
	word = values->words[values->at++];
	values->is_over = !values->in_set;
	if (strcmp(word, "}") == 0)
		return NULL;
	word[strcspn(word, ",")] = '\0';
	return word;
}

enum ask {
	ASK_NOTHING,
	ASK_INTERFACE,
	ASK_DESTINATION,
	ASK_PROTOCOL,
	ASK_PORTS
};

/* What the two words of a match ask for. */
static enum ask ask_of(const char *first, const char *second)
{
	static const struct {
		const char *first, *second; /* NULL: the first is all */
		enum ask ask;
	} known[] = {
	    {"iifname", NULL, ASK_INTERFACE},
	    {"iif", NULL, ASK_INTERFACE},
	    {"ip", "daddr", ASK_DESTINATION},
	    {"ip", "protocol", ASK_PROTOCOL},
	    {"meta", "l4proto", ASK_PROTOCOL},
	    {"tcp", "dport", ASK_PORTS},
	    {"udp", "dport", ASK_PORTS},
	    {"th", "dport", ASK_PORTS},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(first, known[i].first) == 0 &&
		    (known[i].second == NULL ||
			strcmp(second, known[i].second) == 0))
			return known[i].ask;
	return ASK_NOTHING;
}

static void take_values(struct rule *rule, const struct dnat_query *query,
    enum ask ask, struct values *values, bool negated)
{
	bool any = false;

	for (const char *value; (value = next_value(values)) != NULL;)
		switch (ask) {
		case ASK_INTERFACE:
			any |= words_match(value, query->interface, '*');
			break;
		case ASK_DESTINATION:
			any |= negated || is_public(query, value);
			break;
		case ASK_PROTOCOL:
			if (!negated)
				add_protocol(rule, value);
			break;
		case ASK_PORTS:
			if (!negated)
				add_ports(rule, value);
			break;
		case ASK_NOTHING:
			break;
		}
	if (ask == ASK_INTERFACE)
		rule->applies = rule->applies && any != negated;
	else if (ask == ASK_DESTINATION)
		rule->applies = rule->applies && any;
}

/* `table` tells chains of the same name in several tables apart. */
static void read_nft(struct rule *rule, const struct dnat_query *query,
    const char *table, char *words[], size_t count)
{
	for (size_t at = 0; at < count; at++) {
		const char *word = words[at],
			   *next = at + 1 < count ? words[at + 1] : "";
		const enum ask ask = ask_of(word, next);
		struct values values;
		bool negated;

		if (strcmp(word, "dnat") == 0 ||
		    strcmp(word, "redirect") == 0) {
			rule->moves = true;
			return;
		}
		if (strcmp(word, "jump") == 0 || strcmp(word, "goto") == 0) {
			snprintf(rule->target, WORDS_NAME, "%.20s/%.40s", table,
			    next);
			return;
		}
		if (strcmp(word, "comment") == 0)
			at++;
		if (ask == ASK_NOTHING)
			continue;
		if (ask == ASK_PORTS && strcmp(word, "th") != 0)
			add_protocol(rule, word);
		at += ask == ASK_INTERFACE ? 1 : 2;
		negated = at < count && strcmp(words[at], "!=") == 0;
		values = values_at(words, count, at + negated);
		take_values(rule, query, ask, &values, negated);
		at = values.at - 1;
	}
}

void dnat_in_nft(const char *listed, const struct dnat_query *query,
    dnat_say *say, void *context)
{
	struct rules rules = {.count = 0};
	char table[WORDS_NAME] = "", chain[WORDS_NAME] = "";

	while (listed != NULL && *listed != '\0') {
		char line[WORDS_LINE], text[WORDS_LINE], *words[WORDS_MAX];
		struct rule *rule;
		size_t count;

		words_line(line, &listed);
		snprintf(text, sizeof(text), "%s", line + strspn(line, " \t"));
		count = words_split(line, words);
		if (count >= 3 && strcmp(words[0], "table") == 0)
			words_table(table, words);
		else if (count >= 2 && strcmp(words[0], "chain") == 0)
			snprintf(
			    chain, WORDS_NAME, "%.20s/%.40s", table, words[1]);
		else if (count >= 1 && strcmp(words[0], "}") == 0)
			chain[0] = '\0';
		if (count == 0 || chain[0] == '\0' ||
		    strcmp(words[0], "chain") == 0 ||
		    strcmp(words[0], "#") == 0 ||
		    strcmp(table, "spinat") == 0 ||
		    (query->is_iptables_told && strcmp(table, "nat") == 0))
			continue;
		if (count >= 4 && strcmp(words[0], "type") == 0) {
			if (strcmp(words[1], "nat") == 0 &&
			    strcmp(words[3], "prerouting") == 0 &&
			    rules.base_count < BASES_MAX)
				memcpy(rules.bases[rules.base_count++], chain,
				    WORDS_NAME);
			continue;
		}
		rule = add_rule(&rules, chain, text);
		if (rule != NULL)
			read_nft(rule, query, table, words, count);
	}
	follow_all(&rules, query, say, context);
	free(rules.all);
}
