/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What natd has and spinat does not have yet, and the guess what a wrong name
 * was meant to be.
 */
#include <string.h>

#include "conf/options.h"

static const struct {
	const char *name;
	char short_name;
	bool ignorable; /* a yes|no whose "no" is what spinat does */
	const char *advice;
} not_yet[] = {
    {"use_sockets", 's', true,
	"public ports come from port_range, which no socket of the gateway "
	"uses: leave it out"},
    {"reverse", 0, true, "spinat works on the outside interface"},
    {"proxy_only", 0, true, "spinat does not redirect to proxies"},
    {"proxy_rule", 0, false, "spinat does not redirect to proxies"},
    {"target_address", 't', false,
	"unknown incoming packets are the gateway's own, or dropped by "
	"deny_incoming; redirect_address sends a whole address to a host"},
    {"punch_fw", 0, false,
	"the firewall's own \"established\" rules keep working beside "
	"spinat"},
    {"udp_eim", 0, true,
	"every UDP mapping of spinat is endpoint-independent as it is: leave "
	"it out"},
    {"instance", 0, false,
	"run one spinatd for each instance, with files of their own"},
    {"globalport", 0, false,
	"run one spinatd for each instance, with files of their own"},
    {"port", 'p', false, "there are no divert ports here; see \"backend\""},
    {"in_port", 'i', false, "there are no divert ports here; see \"backend\""},
    {"out_port", 'o', false, "there are no divert ports here; see \"backend\""},
    {"skinny_port", 0, false, "Skinny is not translated"},
    {"log_ipfw_denied", 0, true, "log_denied logs what spinat drops"},
    {"log_facility", 0, false,
	"log_target says where the log goes; in syslog it is \"daemon\""},
    {"exit_delay", 0, false, "spinatd takes its rules away before it ends"},
};

bool natd_option_find(struct slice name, const char **full_name,
    const char **advice, bool *ignorable)
{
	for (size_t i = 0; i < sizeof(not_yet) / sizeof(not_yet[0]); i++)
		if (slice_is(name, not_yet[i].name) ||
		    (name.length == 1 && not_yet[i].short_name != 0 &&
			name.start[0] == not_yet[i].short_name)) {
			*full_name = not_yet[i].name;
			*advice = not_yet[i].advice;
			*ignorable = not_yet[i].ignorable;
			return true;
		}
	return false;
}

#define NAME_MAX_LENGTH 40u

/** How many letters to add, drop, change or swap with their neighbour;
 * a dash and an underscore, a capital and a small letter are the same. */
static unsigned distance(struct slice left, struct slice right)
{
	unsigned rows[3][NAME_MAX_LENGTH + 1];
	unsigned *two_up = rows[0], *up = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= right.length; j++)
		up[j] = two_up[j] = j;
	for (unsigned i = 1; i <= left.length; i++) {
		unsigned *spare = two_up;

		row[0] = i;
		for (unsigned j = 1; j <= right.length; j++) {
			char a = left.start[i - 1], b = right.start[j - 1];
			unsigned best, cost;

			if (a >= 'A' && a <= 'Z')
				a = (char)(a - 'A' + 'a');
			cost = a == b || (a == '-' && b == '_') ? 0 : 1;
			best = up[j - 1] + cost;
			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a == right.start[j - 2] &&
			    left.start[i - 2] == b && two_up[j - 2] + 1 < best)
				best = two_up[j - 2] + 1;
			row[j] = best;
		}
		two_up = up;
		up = row;
		row = spare;
	}
	return up[right.length];
}

const char *option_nearest(struct slice name)
{
	const char *nearest = NULL;
	unsigned least = (unsigned)(name.length < 6 ? 1 : name.length / 3);

	if (name.length < 3 || name.length > NAME_MAX_LENGTH)
		return NULL;
	for (unsigned i = 0; i < conf_option_count; i++) {
		struct slice known = slice_of(conf_options[i].name);
		unsigned steps;

		if (known.length > NAME_MAX_LENGTH)
			continue;
		steps = distance(name, known);
		if (steps <= least && (nearest == NULL || steps < least)) {
			least = steps;
			nearest = conf_options[i].name;
		}
	}
	return nearest;
}
