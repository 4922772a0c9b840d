/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading rules of the administrator's as iptables-save and nft list them: line
 * by line, word by word.
 */
#ifndef SPINAT_FIREWALL_WORDS_H
#define SPINAT_FIREWALL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "spinat/spinat.h"

enum {
	WORDS_NAME = 64,   /* bytes of a name */
	WORDS_LINE = 1024, /* bytes of a rule; what is longer is cut */
	WORDS_MAX = 96,    /* words of a rule */
	WORDS_DEPTH = 16,  /* chains that call one another */
};

/** Copies the next line of a text, and moves past it. */
void words_line(char line[WORDS_LINE], const char **text);
/** Splits a line at blanks, in place; quotes hold words together.  How many
 * words there are. */
size_t words_split(char *line, char *words[WORDS_MAX]);
/** The name of a table of nft's, by the words of the line that it begins with:
 * "mine", or "inet mine". */
void words_table(char name[WORDS_NAME], char *words[]);
/** "192.0.2.0/24", "192.0.2.1", up to a comma. */
bool words_net(const char *text, struct spinat_prefix *net);
/** Whether one net is part of the other. */
bool words_overlap(struct spinat_prefix a, struct spinat_prefix b);
/** Whether a pattern, "eth0" or, with a wildcard at its end, "eth+", is a name.
 */
bool words_match(const char *pattern, const char *name, char wildcard);

#endif
