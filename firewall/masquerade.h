/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding a rule of the administrator's that translates the inside networks on
 * the outside interface already, which in mode full would be a second NAT.
 */
#ifndef SPINAT_FIREWALL_MASQUERADE_H
#define SPINAT_FIREWALL_MASQUERADE_H

#include <stdbool.h>
#include <stddef.h>

#include "firewall/rule.h"

/** What the search is for. */
struct masquerade_query {
	const char *interface;
	const struct spinat_prefix *inside;
	unsigned inside_count; /* 0: any source */
};

/**
 * Searches the text of `iptables-save`, or of `nft list ruleset`.  True: there
 * is such a rule, and `rule` is its text.  Only rules that hold for all of an
 * inside network's connections to everywhere are found: one with further
 * conditions (a mark, a destination) may never meet ours.
 */
bool masquerade_in_iptables(const char *saved,
    const struct masquerade_query *query, char *rule, size_t size);
bool masquerade_in_nft(const char *listed, const struct masquerade_query *query,
    char *rule, size_t size);

#endif
