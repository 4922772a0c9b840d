/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <netinet/in.h>

#include "base/types.h"

void spinat_config_init(struct spinat_config *config)
{
	static const uint32_t seconds[SPINAT_TIMEOUT_COUNT] = {
	    [SPINAT_TIMEOUT_UDP] = 300,
	    [SPINAT_TIMEOUT_TCP_OPENING] = 240,
	    [SPINAT_TIMEOUT_TCP] = 7440,
	    [SPINAT_TIMEOUT_TCP_CLOSING] = 240,
	    [SPINAT_TIMEOUT_TCP_RESET] = 10,
	    [SPINAT_TIMEOUT_ICMP] = 60,
	    [SPINAT_TIMEOUT_OTHER] = 600,
	    [SPINAT_TIMEOUT_ESP] = 25 * 3600,
	    [SPINAT_TIMEOUT_ESP_UNPAIRED] = 120,
	    [SPINAT_TIMEOUT_IKE] = 25 * 3600,
	    [SPINAT_TIMEOUT_IKE_HALF_OPEN] = 300,
	    [SPINAT_TIMEOUT_IKE_UNANSWERED] = 30,
	    [SPINAT_TIMEOUT_FRAGMENT] = 10,
	};

	memset(config, 0, sizeof *config);
	config->mode = SPINAT_MODE_FULL;
	config->port_low = 10000;
	config->port_high = 32767;
	config->max_flows = 1u << 18;
	config->max_spis = 1u << 16;
	config->max_ike = 1u << 14;
	config->max_half_open = 256;
	config->max_peers = 1u << 14;
	config->max_bindings = 2048;
	config->max_claims = 8192;
	config->max_fragments = 256;
	config->max_redirects = 64;
	for (int i = 0; i < SPINAT_TIMEOUT_COUNT; i++)
		config->timeouts[i] = seconds[i] * SPINAT_SECOND;
}

static const char *check_addresses(const struct spinat_config *config)
{
	if (config->public_count == 0)
		return "no public address is given";
	if (config->public_count > SPINAT_MAX_PUBLIC)
		return "more than 64 public addresses";
	for (unsigned i = 0; i < config->public_count; i++) {
		if (be32_is_zero(config->public_addresses[i]))
			return "a public address is 0.0.0.0";
		for (unsigned j = 0; j < i; j++)
			if (be32_equal(config->public_addresses[i],
				config->public_addresses[j]))
				return "a public address is given twice";
	}
	if (config->inside_count > SPINAT_MAX_INSIDE)
		return "more than 64 inside networks";
	for (unsigned i = 0; i < config->inside_count; i++)
		if (config->inside[i].length > 32)
			return "an inside network's length is over 32 bits";
	return NULL;
}

static const char *check_ike_ports(const struct spinat_config *config)
{
	if ((unsigned)config->ike_ports >= SPINAT_IKE_PORTS_COUNT)
		return "ike_ports must be preserve, rewrite or auto";
	if (config->ike_ports_count > SPINAT_MAX_IKE_PORTS)
		return "more than 256 remotes have ike_ports of their own";
	for (unsigned i = 0; i < config->ike_ports_count; i++) {
		const struct spinat_ike_ports_rule *rule =
		    &config->ike_ports_rules[i];
		if (rule->policy >= SPINAT_IKE_PORTS_COUNT)
			return "ike_ports must be preserve, rewrite or auto";
		if (be32_is_zero(rule->remote))
			return "a remote of ike_ports is 0.0.0.0";
		for (unsigned j = 0; j < i; j++)
			if (be32_equal(rule->remote,
				config->ike_ports_rules[j].remote))
				return "a remote of ike_ports is given twice";
	}
	return NULL;
}

static const char *check_sizes(const struct spinat_config *config)
{
	if (config->max_flows == 0 || config->max_flows > SPINAT_MAX_FLOWS)
		return "max_flows must be 1 to 67108864";
	if (config->max_spis == 0)
		return "max_spis must be at least 1";
	if (config->max_ike == 0 || config->max_ike > SPINAT_MAX_FLOWS)
		return "max_ike must be 1 to 67108864";
	if (config->max_half_open == 0 ||
	    config->max_half_open > SPINAT_MAX_FLOWS)
		return "max_half_open must be 1 to 67108864";
	if (config->max_peers == 0 || config->max_peers > SPINAT_MAX_FLOWS)
		return "max_associations must be 1 to 67108864";
	if (config->max_bindings == 0 || config->max_bindings > UINT16_MAX)
		return "max_bindings must be 1 to 65535";
	if (config->max_claims == 0 || config->max_claims > SPINAT_MAX_FLOWS)
		return "max_claims must be 1 to 67108864";
	if (config->max_fragments == 0 || config->max_fragments > 65536)
		return "max_fragments must be 1 to 65536";
	if (config->max_redirects > 65536)
		return "more than 65536 redirects";
	return NULL;
}

int spinat_config_check(const struct spinat_config *config, const char **what)
{
	*what = check_addresses(config);
	if (*what == NULL)
		*what = check_ike_ports(config);
	if (*what == NULL)
		*what = check_sizes(config);
	if (*what == NULL &&
	    (config->port_low < 1024 || config->port_high < config->port_low))
		*what = "port_range must be LOW-HIGH with LOW from 1024 on";
	for (int i = 0; *what == NULL && i < SPINAT_TIMEOUT_COUNT; i++)
		if (config->timeouts[i] < SPINAT_SECOND ||
		    config->timeouts[i] > SPINAT_TIMEOUT_MAX)
			*what = "a timeout must be 1 second to 7 days";
	return *what == NULL ? 0 : -EINVAL;
}
