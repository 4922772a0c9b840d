/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One option that is being set: where it was said, the words that follow its
 * name, and where the outcome goes.  Everything that reads a word takes one of
 * these, so that every fault can say its own place.
 */
#ifndef SPINAT_CONF_SETTING_H
#define SPINAT_CONF_SETTING_H

#include "conf/conf.h"
#include "conf/lexer.h"

struct option_row;

struct setting {
	struct conf *conf;
	struct error *error;
	const struct option_row *option;
	const char *source;    /* the file, or "--NAME" from a command line */
	const char *begin;     /* of the line */
	unsigned line;         /* 0: from a command line, no line or column */
	struct slice name;     /* the option as it was written */
	struct slice rest;     /* the words not yet read */
	uint16_t source_index; /* in conf->sources */
};

/** Fails at `at`, a pointer into the line: "FILE:LINE:COLUMN: ...".  Always
 * -EINVAL. */
__attribute__((format(printf, 3, 4))) int setting_fail(
    const struct setting *setting, const char *at, const char *format, ...);

/** The next word, or a fault that says what is missing: `what`. */
int setting_need_word(
    struct setting *setting, struct slice *word, const char *what);
/** Nothing may follow. */
int setting_end(struct setting *setting);
/** Where the option was said. */
struct conf_place setting_place(const struct setting *setting);

#endif
