/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations as text, right and wrong.
 */
#ifndef SPINAT_TESTS_CONF_FIXTURE_H
#define SPINAT_TESTS_CONF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "conf/conf.h"
#include "conf/options.h"
#include "conf/redirect.h"
#include "conf/values.h"

int read_text(struct conf *conf, const char *text, struct error *error);
/** Parses what must be right; free it. */
void read_right(struct conf *conf, const char *text);
/** The whole message, or its beginning when `expected` ends in "*". */
void assert_message(const char *got, const char *expected);
void assert_wrong(const char *text, const char *expected);
/** What conf_check() says; NULL: nothing. */
void assert_check(const char *text, const char *expected);
spinat_be32 address(const char *text);
void assert_address(spinat_be32 got, const char *expected);
void write_file(const char *path, const char *text);

/** What conf_diagnose() said. */
struct heard {
	unsigned faults, warnings;
	char last[512];
};

/** Adds to a `struct heard`. */
void hear(void *context, bool fatal, const char *text);
unsigned warnings_of(const char *text);

#endif
