/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of all options: what may stand in a file and, with dashes, on
 * the command line.  Manual page, help and tests are held against it.
 */
#ifndef SPINAT_CONF_OPTIONS_H
#define SPINAT_CONF_OPTIONS_H

#include "conf/setting.h"

struct option_row {
	const char *name;
	char short_name;      /* natd's, 0: none */
	const char *argument; /* as the manual shows it */
	const char *example;  /* a right one */
	const char
	    *initial;     /* the default as it would be written, NULL: none */
	const char *help; /* one line */
	int (*set)(struct setting *setting);
	size_t offset;          /* of what it sets in struct conf */
	uint64_t low, high;     /* of a number */
	const char *choices[5]; /* of a word; ends with a NULL */
};

extern const struct option_row conf_options[];
extern const unsigned conf_option_count;

/** By name, or by natd's letter; NULL: there is none. */
const struct option_row *option_find(struct slice name);
/** Sets the option `setting->name` from `setting->rest`. */
int option_set(struct setting *setting);

/** An option of natd's that spinat does not have yet: true, and what to say
 * about it.  `ignorable`: it is a yes|no, and "no" is what spinat does. */
bool natd_option_find(struct slice name, const char **full_name,
    const char **advice, bool *ignorable);
/** The known name that is nearest to a wrong one; NULL: none is near. */
const char *option_nearest(struct slice name);

#endif
