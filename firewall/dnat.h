/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding rules of the administrator's that send elsewhere (DNAT, REDIRECT)
 * what comes from outside to public ports that spinatd maps itself.
 */
#ifndef SPINAT_FIREWALL_DNAT_H
#define SPINAT_FIREWALL_DNAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

/** Public ports of spinatd's: of a protocol (TCP, UDP), or a protocol that has
 * none (0 to 65535). */
struct dnat_range {
	uint8_t protocol;
	uint16_t low, high;
};

/** What the search is for. */
struct dnat_query {
	const char *interface;
	const spinat_be32 *publics;
	unsigned public_count;
	const struct dnat_range *ranges;
	size_t range_count;
	/** iptables-save has told of nft's table `ip nat` already. */
	bool is_iptables_told;
};

/** Hears of each; the text is gone after the call. */
typedef void dnat_say(void *context, const char *rule);

/** Room for what dnat_ranges() makes of a configuration. */
#define DNAT_RANGES(conf) ((conf)->redirect_count + 4)
/** The ports that this configuration maps; how many ranges they are. */
size_t dnat_ranges(const struct conf *conf, struct dnat_range *ranges);

/**
 * Searches the text of `iptables-save`, or of `nft list ruleset`; NULL: there
 * is none.  Whatever may
 * meet is said: further conditions of a rule, and rules before it, are not
 * looked at.  What is sent on by a verdict map of nft's is not found.
 */
void dnat_in_iptables(const char *saved, const struct dnat_query *query,
    dnat_say *say, void *context);
void dnat_in_nft(const char *listed, const struct dnat_query *query,
    dnat_say *say, void *context);

#endif
