/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow of one SPI: made under its association, or moved to another one.
 */
#ifndef SPINAT_IPSEC_SPI_H
#define SPINAT_IPSEC_SPI_H

#include "engine.h"

/** Sets what an SPI's flow is found and rewritten by: a zeroed flow is whole
 * but for its peer, state, flags and times. */
void spi_fill(struct flow *flow, enum spinat_flow_kind kind, be32 inside,
    be32 public_address, be32 remote, be32 spi);

/** Makes the flow of one SPI under an association: outbound UNPAIRED or PAIRED,
 * inbound in PROBATION (the caller gives it a binding).  0: no room. */
uint32_t spi_open(
    struct spinat *engine, uint32_t peer, enum spinat_flow_kind kind, be32 spi);

/** Gives an inbound SPI in probation, with its binding, to another host.  What
 * the index holds of a flow never changes while it is there, so this is another
 * flow: its number is returned.  0: no room; then the SPI is forgotten. */
uint32_t spi_move(struct spinat *engine, uint32_t flow, uint32_t peer);

#endif
