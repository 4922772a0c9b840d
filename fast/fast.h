/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast path: programs in the kernel that translate packets of known flows
 * with the engine's own tables (docs/fast-path.md).
 *
 *     fast_probe()                is it possible here?
 *     fast_open()                 memory that both can see
 *     spinat_create_shared()      an engine in it
 *     fast_load()                 programs that know where everything lies
 *     fast_attach()               from now on they see packets
 *     fast_set_epoch()            and may take them
 */
#ifndef SPINAT_FAST_FAST_H
#define SPINAT_FAST_FAST_H

#include "conf/error.h"
#include "fast/limits.h"
#include "spinat/spinat.h"

struct fast;

/** What sees the packets. */
enum fast_hook {
	FAST_TC,
	FAST_XDP,
};

/** How programs are attached at tc. */
enum fast_way {
	/** By links; where the kernel has none (before Linux 6.6), by filters.
	 */
	FAST_BY_LINKS,
	/** By filters of the clsact qdisc (fast/clsact.h). */
	FAST_BY_FILTERS,
};

/** What there was before. */
struct fast_found {
	bool tables;  /* of a daemon before: spinat_adopt() goes on with them */
	bool crashed; /* it did not end by itself */
	uint8_t
	    seed[16]; /* of the tables: to be the first half of the engine's */
	struct error
	    why; /* if it has a text: why nothing was, or will be, found
		  */
};

/** Where tables and programs are kept, so that they outlive the daemon. */
struct fast_place {
	const char *bpffs, *interface; /* the outside one */
};

/**
 * Makes the tables for an engine of this configuration, or finds those that
 * programs at this place work with; their places and sizes go to
 * `memory`, all but SPINAT_REGION_ENGINE's.  They are there until fast_close(),
 * which must come after the engine's last use, and after that for who comes
 * next, until fast_forget_all().  Without a place (NULL) they end then. -EBUSY:
 * another daemon has them; or what the kernel lacks (fast/probe.h).
 */
int fast_open(struct fast **fast, const struct spinat_config *config,
    const struct fast_place *place, struct spinat_memory *memory,
    struct fast_found *found, struct error *error);
/** Loads the programs of a hook for an engine in that memory, between two
 * interfaces (by index, inside and outside).  `clock_begin`: what the engine's
 * clock is ahead of CLOCK_MONOTONIC. */
int fast_load(struct fast *fast, const struct spinat *engine,
    enum fast_hook hook, const unsigned devices[2], spinat_time clock_begin,
    struct error *error);
/** Lets them see the packets of both interfaces: what leaves first, then what
 * arrives, each in place of a program that was there before; what a daemon
 * before has left and nothing replaces is removed.  What was attached before a
 * failure is detached. */
int fast_attach(struct fast *fast, enum fast_way way, struct error *error);
/** The way they were attached in fact. */
enum fast_way fast_way(const struct fast *fast);
/** No packet is taken any more, and nothing is kept for who comes next. */
void fast_detach(struct fast *fast);
/** What is attached at XDP is detached, and the next fast_attach() is at tc:
 * what was loaded for XDP is good for that too. */
void fast_use_tc(struct fast *fast);
/** Whether the programs and tables outlive this process. */
bool fast_outlives(const struct fast *fast);
/** A good end: from now on no packet of a flow that is open is left to a
 * daemon, and who comes next need not look for what was left half done. */
void fast_leave(struct fast *fast);
/** NULL is allowed.  What is attached goes on, if it outlives the process. */
void fast_close(struct fast *fast);

/** Detaches and removes whatever daemons left there for this network namespace;
 * `*count`: on how many interfaces it had names. */
int fast_forget_all(const char *bpffs, unsigned *count);

/** What the rules passed before, they must pass anew. */
void fast_next_epoch(struct fast *fast);

/** The daemon lives (`now`: the engine's clock): to be said every
 * FAST_BEAT_MS. */
#define FAST_BEAT_MS 100
void fast_beat(struct fast *fast, spinat_time now);
/** How long after the last beat packets are still taken. */
void fast_set_linger(struct fast *fast, spinat_time linger);
/** From now on these hold; at first there are none. */
void fast_set_limits(struct fast *fast, const struct fast_limits *limits);

/** Waits until no program uses what it found before: a grace period.  It takes
 * milliseconds; any thread may call it. */
int fast_wait_grace(void);

/** What became of packets (fast/shared.h, enum fast_outcome), of all CPUs. */
struct fast_sums {
	uint64_t packets, bytes;
};
/** How many outcomes there are, how each is called: "taken", "no-flow", and
 * what that means. */
#define FAST_OUTCOMES_MAX 32u
unsigned fast_outcomes(void);
const char *fast_outcome_name(unsigned outcome);
const char *fast_outcome_text(unsigned outcome);
int fast_get_sums(
    const struct fast *fast, enum spinat_side side, struct fast_sums *sums);

/** Bytes of the tables and of what else is shared. */
size_t fast_map_bytes(const struct fast *fast);

/** A program by its name ("fast_xdp_inside"), for tests; -ENOENT. */
int fast_program(const struct fast *fast, const char *name);

/** The programs of its hook, and how many instructions each has as the
 * kernel runs it, and how many the verifier went through on all ways that it
 * looked at (at most a million); 0: that is not told. */
#define FAST_PROGRAMS 4u
struct fast_program {
	const char *name;
	unsigned instructions, verified;
};
void fast_get_programs(
    const struct fast *fast, struct fast_program programs[FAST_PROGRAMS]);

#endif
