/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/budget.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "firewall/rule.h"

#define TYPE(icmp) (1u << (icmp))
#define ERRORS                                                                 \
	(TYPE(ICMP_DEST_UNREACH) | TYPE(ICMP_SOURCE_QUENCH) |                  \
	    TYPE(ICMP_TIME_EXCEEDED) | TYPE(ICMP_PARAMETERPROB))

/* A packet's share of a second. */
static uint32_t cost_of(unsigned packets_a_second)
{
	return packets_a_second == 0
	    ? 0
	    : (uint32_t)(SPINAT_SECOND / packets_a_second);
}

/* Redirected ports may be any, and so may those of same_ports. */
static void set_queued(struct fast_limits *limits, const struct conf *conf)
{
	const struct spinat_config *engine = &conf->engine;

	if (engine->mode != SPINAT_MODE_FULL) {
		limits->port_low = UINT16_MAX + 1; /* none */
		limits->icmp_types = ERRORS;
	} else if (engine->same_ports || conf->redirect_count > 0) {
		limits->port_high = UINT16_MAX;
		limits->icmp_types = UINT32_MAX;
	} else {
		limits->port_low = engine->port_low;
		limits->port_high = engine->port_high;
		limits->icmp_types =
		    ERRORS | TYPE(ICMP_ECHOREPLY) | TYPE(ICMP_REDIRECT);
	}
}

void budget_limits(
    struct fast_limits *limits, const struct conf *conf, bool has_tunnels)
{
	const struct spinat_config *engine = &conf->engine;
	struct spinat_prefix nets[SPINAT_MAX_INSIDE];

	*limits = (struct fast_limits){
	    .cost_source = cost_of(conf->miss_budget_source),
	    .cost_all = cost_of(conf->miss_budget),
	    .is_full = engine->mode == SPINAT_MODE_FULL,
	    .has_tunnels = has_tunnels,
	    .public_count = engine->public_count,
	    .inside_count = ruleset_inside(conf, nets, SPINAT_MAX_INSIDE),
	};
	set_queued(limits, conf);
	memcpy(
	    limits->publics, engine->public_addresses, sizeof(limits->publics));
	for (unsigned i = 0; i < limits->inside_count; i++) {
		const uint32_t mask = nets[i].length == 0
		    ? 0
		    : htonl(UINT32_MAX << (32 - nets[i].length));

		limits->inside[i].mask.raw = mask;
		limits->inside[i].address.raw = nets[i].address.raw & mask;
	}
}
