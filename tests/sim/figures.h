/* SPDX-License-Identifier: BSD-2-Clause */
/* The measures of one run or of many, added up. */
#ifndef SPINAT_SIM_FIGURES_H
#define SPINAT_SIM_FIGURES_H

#include "world.h"

struct times {
	spinat_time *values; /* owned */
	size_t count, room;
	bool sorted;
};

struct figures {
	unsigned clients; /* of one gateway, in these runs */
	struct totals totals;
	unsigned runs, failed;
	struct times confirmed; /* from an SPI's first packet on */
	struct times healed;    /* how long one was confirmed for another */
	double most_deliveries; /* per packet, of the worst SA */
};

void figures_add(struct figures *figures, const struct world *world);
void figures_free(struct figures *figures);
/** 0 <= share <= 1; SPINAT_NEVER of none. */
spinat_time times_quantile(struct times *times, double share);

#endif
