/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the kernel's connection tracking forget flows whose translation has
 * changed hands.  It decides on translation with a flow's first packet only,
 * so a flow that it masquerades would go on being masqueraded beside us, and
 * one that it left to us would go on, after us, with its inside address.
 */
#ifndef SPINAT_FIREWALL_CONNTRACK_H
#define SPINAT_FIREWALL_CONNTRACK_H

#include "conf/error.h"
#include "firewall/state.h"

enum conntrack_which {
	CONNTRACK_MASQUERADED, /* as we start */
	CONNTRACK_OURS,        /* as we stop */
};

/** Forgets flows of the inside networks: in mode ipsec-only IKE, ESP and AH,
 * else all.  Without connection tracking there is nothing to do. */
int conntrack_forget(
    const struct state *state, enum conntrack_which which, struct error *error);

#endif
