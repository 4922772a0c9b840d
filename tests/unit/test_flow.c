/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow states: the table in flow.h's comment is the truth that people read, so
 * it must be the one that runs.  TCP's next state against every allowed move.
 */
#include "common.h"

#include <ctype.h>
#include <stdio.h>

#include "flow/flow.h"
#include "proto/tcp.h"

static const char *const names[FLOW_STATES] = {"NEW", "REPLIED", "ESTABLISHED",
    "FIN_INSIDE", "FIN_OUTSIDE", "CLOSING", "RESET", "UNPAIRED", "PAIRED",
    "PROBATION", "CONFIRMED", "SHARED"};

static bool documented[FLOW_STATES][FLOW_STATES];

/* Marks what one word of the "left for" column names; FIN_* is both. */
static void mark(unsigned from, const char *word, size_t length)
{
	for (unsigned to = 0; to < FLOW_STATES; to++) {
		const bool both = length == 5 &&
		    strncmp(word, "FIN_*", 5) == 0 &&
		    strncmp(names[to], "FIN_", 4) == 0;
		if (both ||
		    (strlen(names[to]) == length &&
			strncmp(names[to], word, length) == 0))
			documented[from][to] = true;
	}
}

static void mark_column(unsigned from, const char *text)
{
	while (*text != '\0' && *text != '\n' && *text != '|') {
		const char *end = text;
		/* What stands in parentheses explains. */
		if (*text == '(') {
			text += strcspn(text, ")\n|");
			continue;
		}
		while (
		    isupper((unsigned char)*end) || *end == '_' || *end == '*')
			end++;
		if (end - text > 1)
			mark(from, text, (size_t)(end - text));
		text = end > text ? end : text + 1;
	}
}

static int read_table(void **state)
{
	FILE *file = fopen(FLOW_HEADER, "r");
	char line[256];
	unsigned from = FLOW_STATES, rows = 0;
	(void)state;

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		char *column = strchr(line, '|');
		char name[16];
		if (column == NULL || strncmp(line, " * |", 4) != 0)
			continue;
		if (sscanf(column + 1, " %15[A-Z_]", name) == 1) {
			for (from = 0; from < FLOW_STATES; from++)
				if (strcmp(names[from], name) == 0)
					break;
			assert_true(from < FLOW_STATES);
			rows++;
		}
		column = strchr(column + 1, '|');
		column = column == NULL ? NULL : strchr(column + 1, '|');
		if (column != NULL && from < FLOW_STATES)
			mark_column(from, column + 1);
	}
	fclose(file);
	assert_int_equal(rows, FLOW_STATES);
	return 0;
}

static void test_comment_is_true(void **state)
{
	(void)state;
	for (unsigned from = 0; from < FLOW_STATES; from++)
		for (unsigned to = 0; to < FLOW_STATES; to++)
			if (documented[from][to] !=
			    flow_state_allows(
				(enum flow_state)from, (enum flow_state)to))
				fail_msg("%s to %s: the comment says %s",
				    names[from], names[to],
				    documented[from][to] ? "yes" : "no");
}

static void test_setter_follows(void **state)
{
	(void)state;
	for (unsigned from = 0; from < FLOW_STATES; from++)
		for (unsigned to = 0; to < FLOW_STATES; to++) {
			struct flow flow = {.state = (uint8_t)from};
			if (!documented[from][to])
				continue;
			flow_set_state(&flow, (enum flow_state)to);
			assert_int_equal(flow.state, to);
		}
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned s = 0; s < FLOW_STATES; s++) {
		const char *name = flow_state_name((enum flow_state)s);
		assert_int_equal(strlen(name), strlen(names[s]));
		for (size_t i = 0; name[i] != '\0'; i++)
			assert_true(name[i] == '-'
				? names[s][i] == '_'
				: toupper((unsigned char)name[i]) ==
				    names[s][i]);
	}
}

/* Whatever flags a segment has, TCP asks for an allowed move or none. */
static void test_tcp_asks_for_allowed_moves(void **state)
{
	(void)state;
	for (unsigned from = FLOW_NEW; from <= FLOW_RESET; from++)
		for (unsigned flags = 0; flags < 256; flags++)
			for (unsigned way = 0; way < 4; way++) {
				const struct flow flow = {
				    .state = (uint8_t)from,
				    .protocol = 6,
				    .origin = (uint8_t)(way >> 1),
				};
				const enum flow_state to = tcp_next_state(&flow,
				    (enum spinat_side)(way & 1),
				    (uint8_t)flags);
				if (to != from)
					assert_true(documented[from][to]);
			}
}

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct segment {
	enum spinat_side from;
	uint8_t flags;
	enum flow_state after;
};

static void walk(
    enum spinat_side origin, const struct segment *segments, size_t count)
{
	struct flow flow = {.protocol = 6, .origin = (uint8_t)origin};

	for (size_t i = 0; i < count; i++) {
		flow.state = (uint8_t)tcp_next_state(
		    &flow, segments[i].from, segments[i].flags);
		if (flow.state != (uint8_t)segments[i].after)
			fail_msg("segment %zu: %s, not %s", i,
			    names[flow.state], names[segments[i].after]);
	}
}

#define IN  SPINAT_INSIDE
#define OUT SPINAT_OUTSIDE

static void test_tcp_lives(void **state)
{
	static const struct segment usual[] = {
	    {IN, SYN, FLOW_NEW},
	    {IN, SYN, FLOW_NEW},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	    {IN, ACK, FLOW_ESTABLISHED},
	    {OUT, PSH | ACK, FLOW_ESTABLISHED},
	    {IN, FIN | ACK, FLOW_FIN_INSIDE},
	    {IN, FIN | ACK, FLOW_FIN_INSIDE},
	    {OUT, ACK, FLOW_FIN_INSIDE},
	    {OUT, FIN | ACK, FLOW_CLOSING},
	    {IN, ACK, FLOW_CLOSING},
	    {IN, SYN, FLOW_NEW},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	};
	static const struct segment remote_closes[] = {
	    {IN, SYN, FLOW_NEW},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	    {IN, ACK, FLOW_ESTABLISHED},
	    {OUT, FIN | ACK, FLOW_FIN_OUTSIDE},
	    {IN, PSH | ACK, FLOW_FIN_OUTSIDE},
	    {IN, FIN | ACK, FLOW_CLOSING},
	};
	static const struct segment refused[] = {
	    {IN, SYN, FLOW_NEW},
	    {OUT, RST | ACK, FLOW_RESET},
	    {OUT, RST | ACK, FLOW_RESET},
	    {IN, SYN, FLOW_NEW},
	};
	static const struct segment forged_reset[] = {
	    {IN, SYN, FLOW_NEW},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	    {IN, ACK, FLOW_ESTABLISHED},
	    {OUT, RST, FLOW_RESET},
	    {IN, PSH | ACK, FLOW_ESTABLISHED},
	};
	static const struct segment simultaneous_open[] = {
	    {IN, SYN, FLOW_NEW},
	    {OUT, SYN, FLOW_REPLIED},
	    {IN, SYN | ACK, FLOW_REPLIED},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	    {IN, ACK, FLOW_ESTABLISHED},
	};
	static const struct segment simultaneous_close[] = {
	    {IN, SYN, FLOW_NEW},
	    {OUT, SYN | ACK, FLOW_REPLIED},
	    {IN, ACK, FLOW_ESTABLISHED},
	    {OUT, FIN | ACK, FLOW_FIN_OUTSIDE},
	    {IN, FIN | ACK, FLOW_CLOSING},
	    {OUT, ACK, FLOW_CLOSING},
	};
	static const struct segment to_a_server_inside[] = {
	    {OUT, SYN, FLOW_NEW},
	    {IN, SYN | ACK, FLOW_REPLIED},
	    {OUT, ACK, FLOW_ESTABLISHED},
	    {OUT, FIN | ACK, FLOW_FIN_OUTSIDE},
	};
	(void)state;

#define WALK(origin, segments) walk(origin, segments, COUNT_OF(segments))
	WALK(IN, usual);
	WALK(IN, remote_closes);
	WALK(IN, refused);
	WALK(IN, forged_reset);
	WALK(IN, simultaneous_open);
	WALK(IN, simultaneous_close);
	WALK(OUT, to_a_server_inside);
}

static void test_counter(void **state)
{
	struct flow_counter counter = {0};
	(void)state;

	for (uint32_t i = 0; i < 100000; i++)
		flow_count(&counter, 1500, i * 1000);
	assert_true(flow_counter_bytes(&counter) == UINT64_C(150000000));
	assert_true(flow_counter_packets(&counter) == 100000);
	assert_int_equal(counter.packets_stamp & TICK_STAMP_MASK,
	    99999000 & TICK_STAMP_MASK);
	/* What a fast path keeps there is not ours, and stays. */
	counter.passed_bytes |= UINT64_C(0xa5) << FLOW_BYTES_BITS;
	flow_count(&counter, 1500, 0);
	assert_true(flow_counter_bytes(&counter) == UINT64_C(150001500));
	assert_int_equal(counter.passed_bytes >> FLOW_BYTES_BITS, 0xa5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comment_is_true),
	    cmocka_unit_test(test_setter_follows),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_tcp_asks_for_allowed_moves),
	    cmocka_unit_test(test_tcp_lives),
	    cmocka_unit_test(test_counter),
	};
	return cmocka_run_group_tests(tests, read_table, NULL);
}
