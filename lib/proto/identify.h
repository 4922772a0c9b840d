/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives outbound packets their IP id, where it means anything.
 */
#ifndef SPINAT_PROTO_IDENTIFY_H
#define SPINAT_PROTO_IDENTIFY_H

#include "engine.h"

void identify_anew(struct spinat *engine, const struct view *view);

/** A packet whose source was just made a public one; once for each. */
static inline void identify(struct spinat *engine, const struct view *view)
{
	if (view->side == SPINAT_INSIDE &&
	    UNLIKELY(identity_matters(view->ip, view->ip_length)))
		identify_anew(engine, view);
}

#endif
