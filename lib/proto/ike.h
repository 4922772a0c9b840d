/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IKE from the outside with cookies that are not known: whose is it?
 */
#ifndef SPINAT_PROTO_IKE_H
#define SPINAT_PROTO_IKE_H

#include "engine.h"

/** Makes an IKE SA of an association from its first message; 0: no room. */
uint32_t ike_open_sa(struct spinat *engine, uint32_t peer,
    const struct ike_message *message, enum spinat_side from);

/** The SA that a message makes; 0: *verdict is given (copies of a protected one
 * may have gone to several hosts: its owner's answer tells). */
uint32_t ike_choose(struct spinat *engine, const struct view *view,
    const struct ike_message *message, be32 sender,
    enum spinat_verdict *verdict);

/** The same of what came to an association's own port: that one's. */
uint32_t ike_bind_by_port(struct spinat *engine, const struct view *view,
    const struct ike_message *message, uint32_t peer, be32 sender,
    enum spinat_verdict *verdict);

/** Whether an initial request that was given to a host stays unanswered there,
 * so that another one shall have it: then the SA has ended. */
bool ike_wants_another(struct spinat *engine, uint32_t sa,
    const struct ike_message *message, be32 sender);

/** Whether what an inside host says in clear comes of a packet that was not its
 * own, and so stays here as evidence. */
bool ike_is_provoked(struct spinat *engine, const struct view *view,
    const struct ike_message *message);

#endif
