/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * At which hook the fast path's programs shall be: a pure function of what the
 * configuration says and what the interfaces are.
 */
#ifndef SPINAT_DAEMON_CHOOSE_H
#define SPINAT_DAEMON_CHOOSE_H

#include "daemon/device.h"
#include "fast/fast.h"

/** What the option fast_path says. */
enum choose_wish {
	CHOOSE_AUTO,
	CHOOSE_TC,
	CHOOSE_XDP,
};

struct choose_facts {
	enum choose_wish wish;
	struct device devices[2]; /* by side */
	uint32_t page;            /* bytes */
	/** The programs are there already.  Many drivers make what they send
	 * other devices' frames with only then, and say so then. */
	bool is_attached;
};

/** Room for all that can be said of two devices. */
#define CHOOSE_WHY 1024

struct choice {
	enum fast_hook hook;
	bool is_possible;
	/** What speaks against XDP, if it was asked for or left open; empty:
	 * nothing. */
	char why[CHOOSE_WHY];
};

/** AUTO is XDP if nothing speaks against it.  XDP is what it says, whatever
 * only makes it unwise. */
struct choice choose_hook(const struct choose_facts *facts);

#endif
