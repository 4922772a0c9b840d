/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both tongues are read line by line into the same few facts of each rule: in
 * which chain it stands, whether it applies to an inside source that leaves by
 * the outside interface, whether on further conditions, and what it does.  The
 * chains are then walked as the kernel would.
 */
#include "firewall/masquerade.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/words.h"

enum verb { VERB_NONE, VERB_NAT, VERB_STOP, VERB_RETURN, VERB_JUMP, VERB_GOTO };

struct fact {
	char chain[WORDS_NAME], target[WORDS_NAME];
	bool applies;     /* source and interface allow for ours */
	bool conditional; /* and something else must hold */
	enum verb verb;
	char text[WORDS_LINE];
};

struct facts {
	struct fact *all;
	size_t count, room;
};

static struct fact *add_fact(
    struct facts *facts, const char *chain, const char *text)
{
	if (facts->count == facts->room) {
		size_t room = facts->room == 0 ? 32 : facts->room * 2;
		struct fact *all = reallocarray(facts->all, room, sizeof(*all));
		if (all == NULL)
			return NULL;
		facts->all = all;
		facts->room = room;
	}
	struct fact *fact = &facts->all[facts->count++];
	*fact = (struct fact){.applies = true};
	snprintf(fact->chain, WORDS_NAME, "%s", chain);
	snprintf(fact->text, WORDS_LINE, "%s", text);
	return fact;
}

enum walked { WALKED_ON, WALKED_STOP, WALKED_FOUND };

static enum walked walk(const struct facts *facts, const char *chain,
    bool conditional, unsigned depth, const struct fact **found)
{
	if (depth == WORDS_DEPTH)
		return WALKED_ON;
	for (size_t i = 0; i < facts->count; i++) {
		const struct fact *fact = &facts->all[i];
		if (strcmp(fact->chain, chain) != 0 || !fact->applies)
			continue;
		bool sure = !conditional && !fact->conditional;
		enum walked below;
		switch (fact->verb) {
		case VERB_NONE:
			break;
		case VERB_NAT:
			if (!sure)
				break;
			*found = fact;
			return WALKED_FOUND;
		case VERB_STOP:
			if (sure)
				return WALKED_STOP;
			break;
		case VERB_RETURN:
			if (sure)
				return WALKED_ON;
			/* Whatever follows is for some packets only. */
			if (depth > 0)
				conditional = true;
			break;
		case VERB_JUMP:
		case VERB_GOTO:
			below =
			    walk(facts, fact->target, !sure, depth + 1, found);
			if (below != WALKED_ON)
				return below;
			if (fact->verb == VERB_GOTO && sure)
				return WALKED_ON;
			break;
		}
	}
	return WALKED_ON;
}

static bool source_matches(const struct masquerade_query *query,
    struct spinat_prefix net, bool negated)
{
	for (unsigned i = 0; i < query->inside_count; i++) {
		bool inside = words_overlap(net, query->inside[i]) &&
		    !(negated && net.length > query->inside[i].length);
		if (inside != negated)
			return true;
	}
	return query->inside_count == 0;
}

/* ---------------------------------------------------------- iptables */

static void iptables_target(struct fact *fact, const char *target, bool go)
{
	if (strcmp(target, "MASQUERADE") == 0 || strcmp(target, "SNAT") == 0 ||
	    strcmp(target, "NETMAP") == 0)
		fact->verb = VERB_NAT;
	else if (strcmp(target, "ACCEPT") == 0)
		fact->verb = VERB_STOP;
	else if (strcmp(target, "RETURN") == 0)
		fact->verb = VERB_RETURN;
	else
		fact->verb = go ? VERB_GOTO : VERB_JUMP;
	snprintf(fact->target, WORDS_NAME, "%s", target);
}

static void iptables_rule(struct fact *fact,
    const struct masquerade_query *query, char *words[], size_t count)
{
	bool negated = false;

	for (size_t i = 2; i + 1 < count; i++) {
		const char *word = words[i], *value = words[i + 1];
		struct spinat_prefix net;
		if (strcmp(word, "!") == 0) {
			negated = true;
			continue;
		}
		if (strcmp(word, "-j") == 0 || strcmp(word, "-g") == 0) {
			iptables_target(fact, value, word[1] == 'g');
			return; /* what follows are its arguments */
		}
		i++;
		if (strcmp(word, "-o") == 0) {
			if (words_match(value, query->interface, '+') ==
			    negated)
				fact->applies = false;
		} else if (strcmp(word, "-s") == 0 && words_net(value, &net)) {
			if (!source_matches(query, net, negated))
				fact->applies = false;
		} else if (strcmp(word, "--pol") == 0) {
			if ((strcmp(value, "none") == 0) == negated)
				fact->conditional = true;
		} else if (!(strcmp(word, "-d") == 0 && negated) &&
		    strcmp(word, "-p") != 0 && strcmp(word, "-m") != 0 &&
		    strcmp(word, "--dir") != 0 &&
		    strcmp(word, "--comment") != 0) {
			fact->conditional = true;
		}
		negated = false;
	}
}

bool masquerade_in_iptables(const char *saved,
    const struct masquerade_query *query, char *rule, size_t size)
{
	struct facts facts = {0};
	const struct fact *found = NULL;
	bool nat = false;

	while (saved != NULL && *saved != 0) {
		char line[WORDS_LINE], *words[WORDS_MAX];
		words_line(line, &saved);
		if (line[0] == '*')
			nat = strcmp(line, "*nat") == 0;
		if (!nat || strncmp(line, "-A ", 3) != 0)
			continue;
		char text[WORDS_LINE];
		memcpy(text, line, WORDS_LINE);
		size_t count = words_split(line, words);
		if (count < 2)
			continue;
		struct fact *fact = add_fact(&facts, words[1], text);
		if (fact != NULL)
			iptables_rule(fact, query, words, count);
	}
	if (walk(&facts, "POSTROUTING", false, 0, &found) == WALKED_FOUND)
		snprintf(rule, size, "iptables -t nat %s", found->text);
	free(facts.all);
	return found != NULL;
}

/* --------------------------------------------------------------- nft */

/** Reads the value of a match, "x" or "{ x, y }", and says whether `ours` is
 * in it; *at moves past it.  A set by name (@x) may hold anything. */
static bool nft_value(char *words[], size_t count, size_t *at, bool negated,
    const struct masquerade_query *query, bool is_net, bool *unknown)
{
	bool in_set = false, any = false, end = false;
	if (*at < count && strcmp(words[*at], "{") == 0) {
		in_set = true;
		(*at)++;
	}
	while (*at < count && !end) {
		char *word = words[(*at)++];
		struct spinat_prefix net;
		if (strcmp(word, "}") == 0)
			break;
		word[strcspn(word, ",")] = 0;
		end = !in_set;
		if (*word == 0)
			continue;
		if (!is_net)
			any = any || words_match(word, query->interface, '*');
		else if (words_net(word, &net))
			any = any ||
			    source_matches(query, net, negated) != negated;
		else
			*unknown = true;
	}
	return any;
}

static void nft_verb(struct fact *fact, const char *word, const char *value)
{
	static const struct {
		const char *word;
		enum verb verb;
	} verbs[] = {
	    {"masquerade", VERB_NAT},
	    {"snat", VERB_NAT},
	    {"accept", VERB_STOP},
	    {"drop", VERB_STOP},
	    {"return", VERB_RETURN},
	    {"jump", VERB_JUMP},
	    {"goto", VERB_GOTO},
	};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(word, verbs[i].word) == 0)
			fact->verb = verbs[i].verb;
	if (value != NULL)
		snprintf(fact->target, WORDS_NAME, "%s", value);
}

/** `table` tells chains of the same name in several tables apart. */
static void nft_rule(struct fact *fact, const struct masquerade_query *query,
    const char *table, char *words[], size_t count)
{
	size_t at = 0;
	while (at < count && fact->verb == VERB_NONE) {
		const char *word = words[at++];
		bool interface =
		    strcmp(word, "oifname") == 0 || strcmp(word, "oif") == 0;
		bool source = strcmp(word, "ip") == 0 && at < count &&
		    strcmp(words[at], "saddr") == 0;
		bool destination = strcmp(word, "ip") == 0 && at < count &&
		    strcmp(words[at], "daddr") == 0;
		if (interface || source || destination) {
			bool unknown = false;
			if (!interface)
				at++;
			bool negated =
			    at < count && strcmp(words[at], "!=") == 0;
			if (negated)
				at++;
			bool any = nft_value(words, count, &at, negated, query,
			    !interface, &unknown);
			if (destination)
				fact->conditional |= !negated;
			else if (unknown)
				fact->conditional = true;
			else if (any == negated)
				fact->applies = false;
		} else if (strcmp(word, "meta") == 0 && at + 1 < count &&
		    strcmp(words[at], "l4proto") == 0) {
			at++;
			if (strcmp(words[at], "{") == 0)
				while (at < count && strcmp(words[at], "}"))
					at++;
			at++;
		} else if (strcmp(word, "meta") == 0 && at + 1 < count &&
		    strcmp(words[at], "nfproto") == 0) {
			fact->applies =
			    fact->applies && strcmp(words[at + 1], "ipv4") == 0;
			at += 2;
		} else if (strcmp(word, "comment") == 0) {
			at++;
		} else if (strcmp(word, "counter") == 0) {
			while (at + 1 < count &&
			    (strcmp(words[at], "packets") == 0 ||
				strcmp(words[at], "bytes") == 0))
				at += 2;
		} else {
			nft_verb(fact, word, at < count ? words[at] : NULL);
			if (fact->verb == VERB_NONE)
				fact->conditional = true;
		}
	}
	char target[WORDS_NAME];
	snprintf(target, WORDS_NAME, "%.20s/%.40s", table, fact->target);
	snprintf(fact->target, WORDS_NAME, "%s", target);
}

bool masquerade_in_nft(const char *listed, const struct masquerade_query *query,
    char *rule, size_t size)
{
	struct facts facts = {0};
	const struct fact *found = NULL;
	char table[WORDS_NAME] = "", chain[WORDS_NAME] = "",
	     bases[16][WORDS_NAME];
	size_t base_count = 0;

	while (listed != NULL && *listed != 0) {
		char line[WORDS_LINE], text[WORDS_LINE], *words[WORDS_MAX];
		words_line(line, &listed);
		snprintf(text, WORDS_LINE, "%s", line + strspn(line, " \t"));
		size_t count = words_split(line, words);
		if (count >= 3 && strcmp(words[0], "table") == 0) {
			words_table(table, words);
			continue;
		}
		if (count >= 2 && strcmp(words[0], "chain") == 0) {
			snprintf(
			    chain, WORDS_NAME, "%.20s/%.40s", table, words[1]);
			continue;
		}
		if (count == 0 || strcmp(words[0], "#") == 0 ||
		    strcmp(table, "spinat") == 0)
			continue;
		if (strcmp(words[0], "}") == 0) {
			chain[0] = 0;
			continue;
		}
		if (chain[0] == 0)
			continue; /* of a set or map */
		if (count >= 4 && strcmp(words[0], "type") == 0) {
			if (strcmp(words[1], "nat") == 0 &&
			    strcmp(words[3], "postrouting") == 0 &&
			    base_count < 16)
				memcpy(bases[base_count++], chain, WORDS_NAME);
			continue;
		}
		struct fact *fact = add_fact(&facts, chain, text);
		if (fact != NULL)
			nft_rule(fact, query, table, words, count);
	}
	/* An accept ends one base chain only, so each is walked by itself. */
	for (size_t i = 0; i < base_count && found == NULL; i++)
		if (walk(&facts, bases[i], false, 0, &found) == WALKED_FOUND)
			snprintf(
			    rule, size, "%s: %s", found->chain, found->text);
	free(facts.all);
	return found != NULL;
}
