/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside hosts of one remote that take each other's place: looks at what
 * ipsec/single.h judges, says what it finds, and gives the hosts public
 * addresses of their own where there are several.
 */
#ifndef SPINAT_IPSEC_RIVALS_H
#define SPINAT_IPSEC_RIVALS_H

#include "engine.h"

/** Whether a remote was seen to serve one peer per address. */
bool rivals_is_single(const struct spinat *engine, be32 remote);
/** The record that shows it; NULL: it was not. */
const struct single *rivals_evidence(const struct spinat *engine, be32 remote);

/* Named events.  "Should be called ..." */

/** ... after a protected message of the remote came for an association. */
void rivals_heard(
    struct spinat *engine, uint32_t peer, const struct ike_message *message);
/** ... before a new IKE SA of an association is made by an initial request that
 * a side sent. */
void rivals_begin(struct spinat *engine, uint32_t peer, enum spinat_side from);
/** ... before an inside host's initial request, of a new IKE SA, gets its
 * association.  What the host had with the remote ends, if the remote ended it
 * and there is a public address that nobody uses with it: so that
 * engine_ipsec_public_of() gives that one. */
void rivals_give_way(struct spinat *engine, be32 inside, be32 remote);
/** ... after an association was found or made for its host's IKE or ESP. */
void rivals_placed(struct spinat *engine, uint32_t peer);
/** ... after an IKE SA was established. */
void rivals_established(struct spinat *engine, uint32_t ike);

#endif
