/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A remote gateway, as seen through one public address: the list of inside
 * hosts associated with it, the inbound SPIs whose owner is not certain yet,
 * and the budgets that bound what it (or whoever forges its address) can cost.
 */
#ifndef SPINAT_IPSEC_REMOTE_H
#define SPINAT_IPSEC_REMOTE_H

#include "base/bucket.h"
#include "flow/index.h"
#include "flow/key.h"
#include "ipsec/single.h"

/** Unknown SPIs that may be bound; the same for those seen a second time when
 * the first bucket is empty; copies of packets for further candidates. */
#define REMOTE_UNKNOWN ((struct bucket_rate){128, 16})
#define REMOTE_RESERVE ((struct bucket_rate){32, 8})
/** IKE messages with cookies that are not known. */
#define REMOTE_IKE    ((struct bucket_rate){128, 32})
#define REMOTE_COPIES ((struct bucket_rate){32768, 1024})

/** What came of giving a host a public port of its own (ike_port.h); that it
 * worked is not forgotten. */
enum own_ports { OWN_PORTS_UNTRIED, OWN_PORTS_WORK, OWN_PORTS_FAIL };

struct remote {
	be32 public_address, address;
	uint32_t peers;     /* first association; free list */
	uint32_t probation; /* first SPI in probation (a binding) */
	uint16_t peer_count;
	uint16_t probation_count;
	uint16_t rotor;    /* whose turn for a copy, if there are many */
	uint8_t own_ports; /* enum own_ports */
	tick own_ports_failed;
	struct bucket unknown, reserve, copies, ike;
	struct single single; /* whether it serves one peer per address */
};

struct remotes {
	struct remote *remotes; /* [1 .. max] */
	uint32_t max, highest, free;
	uint32_t singles; /* that are recognised as such */
	struct index index;
	struct hash_seed seed;
};

void remotes_init(struct remotes *remotes, struct arena *arena, uint32_t max,
    const uint8_t seed[16]);
uint32_t remote_find(
    const struct remotes *remotes, be32 public_address, be32 address);
/** Finds or makes one, with full buckets; 0: the table is full. */
uint32_t remote_open(
    struct remotes *remotes, be32 public_address, be32 address, tick now);
/** Frees it when no association is left. */
void remote_close_if_empty(struct remotes *remotes, uint32_t number);

#endif
