/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as people read them.
 */
#include "cmd/human.h"

#include <inttypes.h>
#include <stdio.h>

const char *human_span(char text[HUMAN_MAX], int64_t milliseconds)
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t seconds = milliseconds > 0 ? milliseconds / 1000 : 0;
	int64_t more;
	unsigned i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	if (i == 3) {
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 "s", seconds);
		return text;
	}
	more = seconds % units[i].seconds / units[i + 1].seconds;
	if (more)
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 "%c%" PRId64 "%c",
		    seconds / units[i].seconds, units[i].name, more,
		    units[i + 1].name);
	else
		(void)snprintf(text, HUMAN_MAX, "%" PRId64 "%c",
		    seconds / units[i].seconds, units[i].name);
	return text;
}

/** Three significant digits with the unit that leaves 1 to 999. */
static void scale(char text[HUMAN_MAX], uint64_t value, double step,
    const char *space, const char *const units[])
{
	double scaled = (double)value;
	unsigned i = 0;

	/* 999.5 would be written as 1000. */
	while (scaled >= (i ? 999.5 : step) && units[i + 1]) {
		scaled /= step;
		i++;
	}
	if (i == 0)
		(void)snprintf(
		    text, HUMAN_MAX, "%" PRIu64 "%s%s", value, space, units[0]);
	else
		(void)snprintf(text, HUMAN_MAX, "%.*f%s%s",
		    scaled < 9.995 ? 2 : (scaled < 99.95 ? 1 : 0), scaled,
		    space, units[i]);
}

const char *human_count(char text[HUMAN_MAX], uint64_t count)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", NULL};

	scale(text, count, 1000, "", units);
	return text;
}

const char *human_bytes(char text[HUMAN_MAX], uint64_t bytes)
{
	static const char *const units[] = {
	    "B", "KiB", "MiB", "GiB", "TiB", "PiB", NULL};

	scale(text, bytes, 1024, " ", units);
	return text;
}
