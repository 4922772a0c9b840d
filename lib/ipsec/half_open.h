/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IKE SAs that an inside host opened and that are not established yet, over
 * all its remotes: how many it may have, so that no host can fill the table
 * with requests that nobody answers.  What a remote opens is bounded by
 * association.
 *
 * They are a ring, the oldest first; the index of hosts points at the oldest,
 * which also knows how many there are.  When it leaves, the next takes over.
 */
#ifndef SPINAT_IPSEC_HALF_OPEN_H
#define SPINAT_IPSEC_HALF_OPEN_H

#include "ipsec/ike_sa.h"

/** Enters an SA, filled but for its times, as its host's youngest. */
void half_open_enter(struct ike_table *table, uint32_t number);
/** It was established, or ends; one that was not entered is left alone. */
void half_open_leave(struct ike_table *table, uint32_t number);
/** Of a host that has `most` of them or more, the one that must end before it
 * may have another: the oldest that nobody answered, else the oldest; else 0.
 */
uint32_t half_open_surplus(
    const struct ike_table *table, be32 inside, uint32_t most);

#endif
