/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the sizes of ESP packets tell of their cipher.
 *
 * Padding to a cipher's block (RFC 4303 2.4) leaves sizes that are all equal
 * modulo 16 for a cipher of 16-byte blocks, and multiples of 4 apart for one
 * that streams (AES-GCM).  Both directions of an SA pair have the same cipher.
 */
#ifndef SPINAT_IPSEC_SIZES_H
#define SPINAT_IPSEC_SIZES_H

#include "base/types.h"

struct sizes {
	uint32_t blocks;   /* sizes in blocks of 16, modulo 32, as bits */
	uint16_t residues; /* sizes modulo 16, as bits */
};

/** Different sizes after which all being equal modulo 16 is no chance. */
#define SIZES_TELLING 5

static inline void sizes_note(struct sizes *sizes, uint16_t size)
{
	sizes->residues |= (uint16_t)(1u << (size & 15));
	sizes->blocks |= UINT32_C(1) << (size >> 4 & 31);
}

static inline bool sizes_are_of_blocks(const struct sizes *sizes)
{
	return __builtin_popcount(sizes->blocks) >= SIZES_TELLING &&
	    (sizes->residues & (sizes->residues - 1)) == 0;
}

/** Whether two streams cannot have the same cipher: one is of blocks, and the
 * other of none or of others. */
static inline bool sizes_disagree(const struct sizes *a, const struct sizes *b)
{
	return (sizes_are_of_blocks(a) || sizes_are_of_blocks(b)) &&
	    a->residues != b->residues && a->residues != 0 && b->residues != 0;
}

#endif
