/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings: inside {address, port} <-> public {address, port}, whatever the
 * remote (endpoint-independent, RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508).
 *
 * A mapping has no record of its own: it *is* the ring of flows that share it.
 * The index of mappings points at one of them, the head; when the head ends the
 * next one takes over; the last one gives the public port back.
 */
#ifndef SPINAT_FLOW_MAPPING_H
#define SPINAT_FLOW_MAPPING_H

#include "flow/ports.h"
#include "flow/table.h"

/** Some flow of the mapping of an inside endpoint; 0: it has none. */
uint32_t mapping_of_inside(const struct flow_table *table, uint8_t protocol,
    struct spinat_endpoint inside);
/** Some flow of the mapping of a public endpoint; 0: it is nobody's. */
uint32_t mapping_of_public(const struct flow_table *table, uint8_t protocol,
    struct spinat_endpoint public_end);

/** Makes a published flow the head of a new mapping; its public port is
 * reserved already.  False: the index has no room. */
SPINAT_MUST_CHECK bool mapping_open(struct flow_table *table, uint32_t number);
/** Adds a published flow to the mapping that `sibling` is of. */
void mapping_join(struct flow_table *table, uint32_t number, uint32_t sibling);
/** Takes a flow out; the last one releases the port. */
void mapping_leave(
    struct flow_table *table, struct ports *ports, uint32_t number);

#endif
