/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/redirect.h"

#include "packet/header.h"

void redirects_init(
    struct redirects *redirects, struct arena *arena, uint32_t max)
{
	redirects->count = 0;
	redirects->max = max;
	redirects->rules = arena_take(arena, max, sizeof *redirects->rules);
}

/* Zero in a rule is any. */
static bool address_fits(be32 rule, be32 address)
{
	return be32_is_zero(rule) || be32_equal(rule, address);
}

static bool remote_fits(
    const struct spinat_redirect *rule, struct spinat_endpoint remote)
{
	const uint16_t port = be16_to_host(remote.port);

	return address_fits(rule->remote, remote.address) &&
	    (rule->remote_port_count == 0 ||
		(port >= rule->remote_port &&
		    port - rule->remote_port < rule->remote_port_count));
}

/* A port of one range in its place in the other. */
static bool shift_port(
    uint16_t from, uint16_t to, uint16_t count, be16 port, be16 *shifted)
{
	const int offset = be16_to_host(port) - from;

	if (offset < 0 || offset >= count)
		return false;
	*shifted = be16_from_host((uint16_t)(to + offset));
	return true;
}

static bool inbound_fits(const struct spinat_redirect *rule, uint8_t protocol,
    struct spinat_endpoint public_end, struct spinat_endpoint remote,
    struct spinat_endpoint *inside)
{
	if (!be32_equal(rule->public_address, public_end.address))
		return false;
	inside->address = rule->inside;
	inside->port = public_end.port;
	switch (rule->kind) {
	case SPINAT_REDIRECT_PORT:
		return rule->protocol == protocol &&
		    remote_fits(rule, remote) &&
		    shift_port(rule->public_port, rule->inside_port,
			rule->port_count, public_end.port, &inside->port);
	case SPINAT_REDIRECT_PROTO:
		return rule->protocol == protocol &&
		    address_fits(rule->remote, remote.address);
	case SPINAT_REDIRECT_ADDRESS:
		return true;
	case SPINAT_REDIRECT_IPSEC:
		break;
	}
	return false;
}

static const enum spinat_redirect_kind precedence[] = {
    SPINAT_REDIRECT_PORT, SPINAT_REDIRECT_PROTO, SPINAT_REDIRECT_ADDRESS};
#define PRECEDENCES (sizeof precedence / sizeof precedence[0])

const struct spinat_redirect *redirect_inbound(
    const struct redirects *redirects, uint8_t protocol,
    struct spinat_endpoint public_end, struct spinat_endpoint remote,
    struct spinat_endpoint *inside)
{
	for (unsigned p = 0; p < PRECEDENCES; p++)
		for (uint32_t i = 0; i < redirects->count; i++) {
			const struct spinat_redirect *rule =
			    &redirects->rules[i];
			if (rule->kind == precedence[p] &&
			    inbound_fits(
				rule, protocol, public_end, remote, inside))
				return rule;
		}
	return NULL;
}

static bool outbound_fits(const struct spinat_redirect *rule, uint8_t protocol,
    struct spinat_endpoint inside, struct spinat_endpoint remote,
    struct spinat_endpoint *public_end)
{
	if (!be32_equal(rule->inside, inside.address))
		return false;
	public_end->address = rule->public_address;
	public_end->port = inside.port;
	switch (rule->kind) {
	case SPINAT_REDIRECT_PORT:
		return rule->protocol == protocol &&
		    remote_fits(rule, remote) &&
		    shift_port(rule->inside_port, rule->public_port,
			rule->port_count, inside.port, &public_end->port);
	case SPINAT_REDIRECT_PROTO:
		return rule->protocol == protocol &&
		    address_fits(rule->remote, remote.address);
	default:
		return false;
	}
}

const struct spinat_redirect *redirect_outbound(
    const struct redirects *redirects, uint8_t protocol,
    struct spinat_endpoint inside, struct spinat_endpoint remote,
    struct spinat_endpoint *public_end)
{
	for (unsigned p = 0; p < PRECEDENCES; p++)
		for (uint32_t i = 0; i < redirects->count; i++) {
			const struct spinat_redirect *rule =
			    &redirects->rules[i];
			if (rule->kind == precedence[p] &&
			    outbound_fits(
				rule, protocol, inside, remote, public_end))
				return rule;
		}
	return NULL;
}

bool redirect_public_of(
    const struct redirects *redirects, be32 inside, be32 *public_address)
{
	for (uint32_t i = 0; i < redirects->count; i++) {
		const struct spinat_redirect *rule = &redirects->rules[i];
		if (rule->kind == SPINAT_REDIRECT_ADDRESS &&
		    be32_equal(rule->inside, inside)) {
			*public_address = rule->public_address;
			return true;
		}
	}
	return false;
}

bool redirect_gives_away(const struct redirects *redirects, be32 address)
{
	for (uint32_t i = 0; i < redirects->count; i++)
		if (redirects->rules[i].kind == SPINAT_REDIRECT_ADDRESS &&
		    be32_equal(redirects->rules[i].public_address, address))
			return true;
	return false;
}

bool redirect_has_public(const struct redirects *redirects, be32 address)
{
	for (uint32_t i = 0; i < redirects->count; i++)
		if (be32_equal(redirects->rules[i].public_address, address))
			return true;
	return false;
}

/* Whether a redirect_port brings UDP 500 in as what it is. */
static bool is_ike_port(const struct spinat_redirect *rule)
{
	return rule->protocol == IPPROTO_UDP &&
	    rule->inside_port == rule->public_port &&
	    rule->public_port <= IKE_PORT &&
	    IKE_PORT - rule->public_port < rule->port_count;
}

/* How closely a rule names a remote's IPsec; 0: not at all.  First
 * redirect_ipsec, then natd's ways to say it: protocol 50 or UDP 500, and last
 * a whole address. */
static unsigned ipsec_closeness(
    const struct spinat_redirect *rule, be32 public_address, be32 remote)
{
	unsigned closeness = 0;

	if (!be32_equal(rule->public_address, public_address) ||
	    !address_fits(rule->remote, remote))
		return 0;
	switch (rule->kind) {
	case SPINAT_REDIRECT_IPSEC:
		closeness = 5;
		break;
	case SPINAT_REDIRECT_PROTO:
		closeness = rule->protocol == IPPROTO_ESP ? 3 : 0;
		break;
	case SPINAT_REDIRECT_PORT:
		closeness = is_ike_port(rule) ? 3 : 0;
		break;
	case SPINAT_REDIRECT_ADDRESS:
		closeness = 1;
		break;
	}
	return closeness != 0 && !be32_is_zero(rule->remote) ? closeness + 1
							     : closeness;
}

bool redirect_ipsec_host(const struct redirects *redirects, be32 public_address,
    be32 remote, be32 *inside)
{
	unsigned closest = 0;

	for (uint32_t i = 0; i < redirects->count; i++) {
		const unsigned own = ipsec_closeness(
		    &redirects->rules[i], public_address, remote);
		if (own > closest) {
			closest = own;
			*inside = redirects->rules[i].inside;
		}
	}
	return closest != 0;
}

bool redirect_ipsec_public_of(const struct redirects *redirects, be32 inside,
    be32 remote, be32 *public_address)
{
	unsigned closest = 0;

	for (uint32_t i = 0; i < redirects->count; i++) {
		const struct spinat_redirect *rule = &redirects->rules[i];
		const unsigned own = be32_equal(rule->inside, inside)
		    ? ipsec_closeness(rule, rule->public_address, remote)
		    : 0;
		if (own > closest) {
			closest = own;
			*public_address = rule->public_address;
		}
	}
	return closest != 0;
}

bool redirect_is_ipsec_host(const struct redirects *redirects, be32 inside,
    be32 public_address, be32 remote)
{
	for (uint32_t i = 0; i < redirects->count; i++)
		if (be32_equal(redirects->rules[i].inside, inside) &&
		    ipsec_closeness(
			&redirects->rules[i], public_address, remote) != 0)
			return true;
	return false;
}
