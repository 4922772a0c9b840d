/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a back end counts beside the engine's own statistics: packets that
 * never reached the engine, or whose verdict could not be carried out.  None
 * of them leaves untranslated: each of these is a drop.
 */
#ifndef SPINAT_BACKEND_COUNTERS_H
#define SPINAT_BACKEND_COUNTERS_H

#include <stdint.h>

struct backend_counters {
	uint64_t received;       /* packets handed to the engine */
	uint64_t batches;        /* receive() calls that gave any */
	uint64_t lost;           /* dropped before us: queue or buffer full */
	uint64_t cut;            /* longer than the kernel would copy */
	uint64_t verdict_errors; /* the kernel would not take a verdict */
	uint64_t emitted;        /* the engine's own, and hairpin packets */
	uint64_t fragmented;     /* of those, sent as fragments */
	uint64_t too_big;        /* emitted, over the MTU, with DF */
	uint64_t emit_errors;    /* emitted, refused by the kernel */
};

#endif
