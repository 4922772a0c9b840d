/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol over a socketpair, with a made-up engine behind it.
 */
#ifndef SPINAT_TESTS_CONTROL_FIXTURE_H
#define SPINAT_TESTS_CONTROL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <jansson.h>

#include "daemon/control.h"
#include "fake_engine.h"

#define FEW_FLOWS 9

struct stage {
	struct event_base *base;
	struct answer_source source;
	struct control *control;
	int fd;            /* the client's end */
	char heard[65536]; /* read, and not yet looked at */
	size_t begin, end;
};

/** Around each test: a control with one client, FEW_FLOWS flows behind it. */
int control_set_up(void **state);
int control_tear_down(void **state);
#define CONTROL_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, control_set_up, control_tear_down)

/** One more client, whose end is *client; control_adopt()'s result. */
int adopt(struct stage *stage, int *client);
/** Turns the loop of events. */
void turn(struct stage *stage, int times);
void say(struct stage *stage, const char *text);

/** The next line as JSON; the caller frees it.  NULL at the end. */
json_t *hear(struct stage *stage);
/** Hears lines of `kind` up to the end of the answer; how many. */
json_int_t hear_all(struct stage *stage, const char *kind);
void hear_kind(struct stage *stage, const char *kind);
/** An error that has this in it. */
void hear_error(struct stage *stage, const char *part);

#endif
