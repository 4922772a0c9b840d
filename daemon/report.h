/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine knows, as JSON.  The field names are stable and documented
 * in spinat(1).  Each function gives a new reference, or NULL when there is no
 * memory.
 */
#ifndef SPINAT_DAEMON_REPORT_H
#define SPINAT_DAEMON_REPORT_H

#include <jansson.h>

#include "spinat/spinat.h"

json_t *report_flow(const struct spinat_flow_info *flow, spinat_time now);
json_t *report_ike(const struct spinat_ike_info *ike, spinat_time now);
json_t *report_peer(const struct spinat_peer_info *peer, spinat_time now);
json_t *report_claim(const struct spinat_claim_info *claim, spinat_time now);
json_t *report_stats(const struct spinat_stats *stats);

#endif
