/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine.h"

#include <errno.h>

#include "ipsec/rivals.h"
#include "timers.h"

bool engine_is_public(
    const struct spinat *engine, be32 address, unsigned *number)
{
	for (unsigned i = 0; i < engine->public_count; i++)
		if (be32_equal(engine->publics[i], address)) {
			if (number != NULL)
				*number = i;
			return true;
		}
	if (number != NULL)
		*number = engine->public_max;
	return engine->redirects.count != 0 &&
	    redirect_has_public(&engine->redirects, address);
}

be32 engine_public_of(const struct spinat *engine, be32 inside)
{
	be32 address;

	if (engine->redirects.count != 0 &&
	    redirect_public_of(&engine->redirects, inside, &address))
		return address;
	if (engine->public_count <= 1)
		return engine->publics[0];
	/* Paired pooling (RFC 4787 REQ-2), around addresses that are one
	 * host's own, and around places that are empty: a host keeps its
	 * address when another one goes. */
	for (unsigned i = 0; i < engine->public_max; i++) {
		const unsigned place =
		    (be32_to_host(inside) % engine->public_max + i) %
		    engine->public_max;
		if (place >= engine->public_count)
			continue;
		address = engine->publics[place];
		if (engine->redirects.count == 0 ||
		    !redirect_gives_away(&engine->redirects, address))
			return address;
	}
	return engine->publics[0];
}

/* The address that the host has with this remote. */
static bool present_public(
    const struct spinat *engine, be32 inside, be32 remote, be32 *address)
{
	for (unsigned i = 0; i < engine->public_count; i++) {
		*address = engine->publics[i];
		if (peer_find(&engine->peers, inside, *address, remote) != 0)
			return true;
	}
	return false;
}

/* The one with the fewest hosts of this remote, beginning with the host's own.
 */
static be32 spread_public(const struct spinat *engine, be32 inside, be32 remote)
{
	const be32 own = engine_public_of(engine, inside);
	be32 best = own;
	unsigned fewest = peer_count_of(&engine->peers, own, remote);

	for (unsigned i = 0; i < engine->public_count && fewest != 0; i++) {
		const be32 address = engine->publics[i];
		const unsigned count =
		    peer_count_of(&engine->peers, address, remote);

		if (count >= fewest ||
		    (engine->redirects.count != 0 &&
			redirect_gives_away(&engine->redirects, address)))
			continue;
		fewest = count;
		best = address;
	}
	return best;
}

be32 engine_ipsec_public_of(
    const struct spinat *engine, be32 inside, be32 remote)
{
	be32 address;

	if (engine_is_public(engine, inside, NULL))
		return inside;
	if (engine->redirects.count != 0 &&
	    redirect_ipsec_public_of(
		&engine->redirects, inside, remote, &address))
		return address;
	if (engine->public_count == 1 ||
	    (!engine->config.ipsec_spread && engine->peers.astray == 0 &&
		engine->peers.remotes.singles == 0))
		return engine_public_of(engine, inside);
	if (present_public(engine, inside, remote, &address))
		return address;
	return engine->config.ipsec_spread || rivals_is_single(engine, remote)
	    ? spread_public(engine, inside, remote)
	    : engine_public_of(engine, inside);
}

bool engine_leaves_to_kernel(const struct spinat *engine, uint8_t protocol)
{
	return engine->config.mode == SPINAT_MODE_IPSEC_ONLY &&
	    protocol != IPPROTO_ESP && protocol != IPPROTO_AH &&
	    protocol != IPPROTO_UDP;
}

static bool in_prefix(be32 address, const struct spinat_prefix *prefix)
{
	const uint32_t mask =
	    prefix->length == 0 ? 0 : UINT32_MAX << (32 - prefix->length);

	return ((be32_to_host(address) ^ be32_to_host(prefix->address)) &
		   mask) == 0;
}

/* RFC 1918 3, and RFC 6598's shared space. */
static bool is_unregistered(be32 address)
{
	static const struct {
		uint32_t address;
		uint8_t length;
	} private_space[] = {
	    {0x0a000000, 8},
	    {0xac100000, 12},
	    {0xc0a80000, 16},
	    {0x64400000, 10},
	};

	for (unsigned i = 0; i < sizeof private_space / sizeof private_space[0];
	     i++) {
		const struct spinat_prefix prefix = {
		    be32_from_host(private_space[i].address),
		    private_space[i].length,
		};
		if (in_prefix(address, &prefix))
			return true;
	}
	return false;
}

enum spinat_reason engine_inside_policy(
    const struct spinat *engine, be32 source)
{
	const struct spinat_config *config = &engine->config;
	bool inside = config->inside_count == 0;

	if (engine_is_public(engine, source, NULL))
		return SPINAT_REASON_OWN_TRAFFIC;
	for (unsigned i = 0; i < config->inside_count && !inside; i++)
		inside = in_prefix(source, &config->inside[i]);
	if (!inside)
		return SPINAT_REASON_NOT_INSIDE;
	if (config->unregistered_only && !is_unregistered(source))
		return SPINAT_REASON_NOT_PRIVATE;
	return SPINAT_REASON_NONE;
}

/* A rule that needs this very port must find it free, and keeps it. */
static int reserve_ports(
    struct spinat *engine, const struct spinat_redirect *rule)
{
	const enum port_class class = port_class_of(rule->protocol);
	unsigned number, reserved = 0;

	engine_is_public(engine, rule->public_address, &number);
	if (number >= engine->public_max)
		return 0;
	for (; reserved < rule->port_count; reserved++)
		if (!ports_reserve(&engine->ports, number, class,
			(uint16_t)(rule->public_port + reserved)))
			break;
	if (reserved == rule->port_count)
		return 0;
	while (reserved-- > 0)
		ports_release(&engine->ports, number, class,
		    (uint16_t)(rule->public_port + reserved));
	return -EEXIST;
}

static bool port_range_fits(uint16_t first, uint16_t count)
{
	return first != 0 && (uint32_t)first + count - 1 <= UINT16_MAX;
}

static bool redirect_is_possible(const struct spinat_redirect *rule)
{
	if (be32_is_zero(rule->inside))
		return false;
	switch (rule->kind) {
	case SPINAT_REDIRECT_PORT:
		return (rule->protocol == IPPROTO_TCP ||
			   rule->protocol == IPPROTO_UDP) &&
		    rule->port_count != 0 &&
		    port_range_fits(rule->inside_port, rule->port_count) &&
		    port_range_fits(rule->public_port, rule->port_count) &&
		    (rule->remote_port_count == 0 ||
			port_range_fits(
			    rule->remote_port, rule->remote_port_count));
	case SPINAT_REDIRECT_PROTO:
		return rule->protocol != 0;
	case SPINAT_REDIRECT_ADDRESS:
	case SPINAT_REDIRECT_IPSEC:
		return true;
	}
	return false;
}

int spinat_add_redirect(
    struct spinat *engine, const struct spinat_redirect *rule)
{
	struct redirects *redirects = &engine->redirects;
	struct spinat_redirect own = *rule;

	if (!redirect_is_possible(&own))
		return -EINVAL;
	if (redirects->count == redirects->max)
		return -ENOSPC;
	if (be32_is_zero(own.public_address))
		own.public_address = engine->publics[0];
	if (own.kind == SPINAT_REDIRECT_PORT && be32_is_zero(own.remote) &&
	    own.remote_port_count == 0) {
		const int error = reserve_ports(engine, &own);
		if (error != 0)
			return error;
	}
	redirects->rules[redirects->count++] = own;
	return 0;
}

/* As our end, or as the far end of a hairpin. */
static bool goes_through(const struct flow *flow, be32 address)
{
	return flow_is_live(flow) &&
	    (be32_equal(flow->side[SPINAT_OUTSIDE].local, address) ||
		be32_equal(flow->side[SPINAT_OUTSIDE].remote, address) ||
		be32_equal(flow->side[SPINAT_INSIDE].remote, address));
}

/* Ends what goes through an address that is no longer ours.  The one walk over
 * a whole table there is: the administrator's or the provider's doing, once in
 * a long while, and all that it ends is dead already. */
static void end_all_of(struct spinat *engine, be32 address)
{
	for (uint32_t i = 1; i <= engine->table.highest; i++)
		if (goes_through(&engine->table.flows[i], address))
			timers_end_flow(engine, i, SPINAT_REASON_REMOVED);
	for (uint32_t i = 1; i <= engine->ikes.highest; i++) {
		const struct ike_sa *sa = &engine->ikes.sas[i];
		if (sa->live &&
		    (be32_equal(sa->public_address, address) ||
			be32_equal(sa->remote, address)))
			timers_end_ike(engine, i, SPINAT_REASON_REMOVED);
	}
}

/* Static rules, and the ports they reserved, go by places. */
static void move_rules(
    struct spinat *engine, const be32 *addresses, unsigned count)
{
	for (uint32_t r = 0; r < engine->redirects.count; r++) {
		struct spinat_redirect *rule = &engine->redirects.rules[r];
		unsigned place = 0;

		while (place < engine->public_count &&
		    !be32_equal(engine->publics[place], rule->public_address))
			place++;
		if (place < engine->public_count && place < count)
			rule->public_address = addresses[place];
	}
}

/* What a fragmented datagram's first became may be true no more. */
static void forget_datagrams(struct spinat *engine)
{
	for (uint32_t i = 1; i <= engine->fragments.highest; i++)
		if (wheel_is_armed(&engine->fragments.wheel, i))
			timers_end_datagram(engine, i);
}

static bool are_possible(const be32 *addresses, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (be32_is_zero(addresses[i]))
			return false;
		for (unsigned j = 0; j < i; j++)
			if (be32_equal(addresses[i], addresses[j]))
				return false;
	}
	return true;
}

int spinat_set_public(struct spinat *engine, spinat_time now,
    const spinat_be32 *addresses, unsigned count)
{
	bool changed = count != engine->public_count;

	if (count == 0 || count > engine->public_max ||
	    !are_possible(addresses, count))
		return -EINVAL;
	if (now > engine->now) {
		engine->now = now;
		engine->tick = tick_of(now);
	}
	/* An address keeps its place, or all of it ends. */
	for (unsigned i = 0; i < engine->public_count; i++)
		if (i >= count ||
		    !be32_equal(engine->publics[i], addresses[i])) {
			end_all_of(engine, engine->publics[i]);
			changed = true;
		}
	if (changed)
		forget_datagrams(engine);
	move_rules(engine, addresses, count);
	memcpy(engine->publics, addresses, count * sizeof *addresses);
	engine->public_count = count;
	return 0;
}
