/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public port of an inside host's IKE: 500, or one of its own.
 *
 * Old responders, and those with NAT traversal disabled, insist on source port
 * 500, so by default all hosts keep it and cookies tell them apart.  Others
 * keep one peer for an address and port, and answer no second host that comes
 * from the same.  What a remote wants config.ike_ports says, or with `auto` its
 * silence:
 *
 * | association | its next initial request      | left when                   |
 * |-------------|-------------------------------|-----------------------------|
 * | on 500      | goes from port 500            | REQUESTS are not answered,  |
 * |             |                               | another host is up on 500   |
 * | on its own  | goes from a port of its own   | REQUESTS are not answered   |
 *
 * An own port is an association's, whatever the number of its IKE SAs: drawn
 * from the public ports with the first SA that goes by it, and given back with
 * the last.  An SA may change its port until it is answered; it goes on with
 * the one that the answer came to.
 *
 * Whatever comes to an own port from its remote is this host's: no cookie is
 * needed.
 */
#ifndef SPINAT_IPSEC_IKE_PORT_H
#define SPINAT_IPSEC_IKE_PORT_H

#include "engine.h"

/** The public port of an IKE SA. */
static inline be16 ike_port_of(
    const struct spinat *engine, const struct ike_sa *sa)
{
	return sa->own_port ? engine->peers.peers[sa->peer].port
			    : be16_from_host(IKE_PORT);
}

/** Chooses the port that an inside host's message leaves with, if its SA may
 * still change it.  `fresh`: the SA is new.  `*changed` is NULL, or says
 * (static storage) why auto leaves the port that the host had.  False: it needs
 * one of its own and there is none. */
SPINAT_MUST_CHECK bool ike_port_choose(struct spinat *engine, uint32_t ike,
    const struct ike_message *message, bool fresh, const char **changed);

/** Gives an SA its association's own port, drawn if it has none; false: none is
 * free. */
SPINAT_MUST_CHECK bool ike_port_take(struct spinat *engine, uint32_t ike);
/** The same with this very port, as it was before a restart; false: it is not
 * to be had. */
SPINAT_MUST_CHECK bool ike_port_take_again(
    struct spinat *engine, uint32_t ike, be16 port);

/* "Should be called after ..." */

/** ... the first answer to an inside host's SA came, to its own port or 500. */
void ike_port_answered(struct spinat *engine, uint32_t ike, bool own);
/** ... an IKE SA left its association. */
void ike_port_sa_ended(struct spinat *engine, const struct ike_sa *sa);

#endif
