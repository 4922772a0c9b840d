/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static rules: redirect_port, redirect_proto, redirect_address and
 * redirect_ipsec.  Asked only when a packet matches no flow.  Within a kind the
 * first rule that fits wins; ports go before protocols, protocols before
 * whole addresses (natd(8)).
 */
#ifndef SPINAT_FLOW_REDIRECT_H
#define SPINAT_FLOW_REDIRECT_H

#include "base/arena.h"

struct redirects {
	struct spinat_redirect *rules;
	uint32_t count, max;
};

void redirects_init(
    struct redirects *redirects, struct arena *arena, uint32_t max);

/** Where a packet from the outside to `public_end` goes: fills `inside`. */
const struct spinat_redirect *redirect_inbound(
    const struct redirects *redirects, uint8_t protocol,
    struct spinat_endpoint public_end, struct spinat_endpoint remote,
    struct spinat_endpoint *inside);
/** As what an inside endpoint with a rule of its own goes out. */
const struct spinat_redirect *redirect_outbound(
    const struct redirects *redirects, uint8_t protocol,
    struct spinat_endpoint inside, struct spinat_endpoint remote,
    struct spinat_endpoint *public_end);
/** The public address that redirect_address gives an inside host. */
bool redirect_public_of(
    const struct redirects *redirects, be32 inside, be32 *public_address);
/** Whether a rule gives this whole public address to one inside host. */
bool redirect_gives_away(const struct redirects *redirects, be32 address);
/** Whether a rule makes this address one of ours. */
bool redirect_has_public(const struct redirects *redirects, be32 address);
/** The host that takes IKE and ESP of a remote that nobody else claims: by the
 * rule that names the remote, else by one for all, else by redirect_proto 50 or
 * redirect_port udp 500, else by redirect_address. */
bool redirect_ipsec_host(const struct redirects *redirects, be32 public_address,
    be32 remote, be32 *inside);
/** As what that host speaks IKE and ESP with a remote. */
bool redirect_ipsec_public_of(const struct redirects *redirects, be32 inside,
    be32 remote, be32 *public_address);
/** Whether such a rule names this host for this remote. */
bool redirect_is_ipsec_host(const struct redirects *redirects, be32 inside,
    be32 public_address, be32 remote);

#endif
