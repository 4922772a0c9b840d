/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of the fast path, run by the kernel on packets of ours
 * (BPF_PROG_RUN), beside the engine whose tables they use.
 *
 * A network namespace of the test's own has an inside and an outside
 * interface, the routes of a gateway between them, and neighbours that are
 * known: no packet ever leaves.
 */
#ifndef SPINAT_TESTS_FAST_FIXTURE_H
#define SPINAT_TESTS_FAST_FIXTURE_H

#include "fast/fast.h"
#include "fast/shared.h"
#include "tests/unit/nat_fixture.h"

struct bed {
	struct fast *fast;
	enum fast_hook hook;
	struct nat *nat; /* the engine whose tables the programs use */
	struct spinat_memory memory;
	unsigned devices[2];
	spinat_time away; /* how long ago the daemon was last alive */
};

/** Makes the namespace; a cmocka group set-up.  Where that is not allowed, or
 * there is no BPF, fast_start() skips its test with the reason. */
int fast_make_namespace(void **state);
/** Skips the test where there is none; fast_start() does so itself. */
void fast_need_namespace(void);

/** The clock that the programs stamp with.  The engine's is behind it at the
 * start, so that a test may let time pass.  The first ten flows of a test have
 * no probe in its first 18 s. */
spinat_time fast_now(void);
#define FAST_HEAD_START (1000 * SPINAT_SECOND)
/** Set-ups: hook and clock of the test that follows. */
int fast_at_xdp(void **state);
int fast_at_tc(void **state);
/** Tear-down: what a test that failed has left attached, the next one is not
 * to meet. */
int fast_stop_failed(void **state);
/** A test once for each. */
#define FAST_BOTH(test)                                                        \
	{#test " at XDP", test, fast_at_xdp, fast_stop_failed, NULL},          \
	{                                                                      \
#test " at tc", test, fast_at_tc, fast_stop_failed, NULL       \
	}

/** An engine and its programs, attached, at the first epoch. */
struct bed *fast_start(const struct spinat_config *config);
/** ... of the configuration that all unit tests have. */
struct bed *start_fast(void);
void fast_stop(struct bed *bed);

/** What the program for what arrives from a side makes of a packet. */
enum answer {
	LEFT,    /* to the kernel; nothing of it was changed */
	TAKEN,   /* it is translated, one hop older, and would leave */
	DROPPED, /* nothing of it was changed */
};
enum answer fast_run(struct bed *bed, enum spinat_side side, struct pkt *pkt);
/** ... and it is not seen leaving. */
enum answer fast_run_alone(
    struct bed *bed, enum spinat_side side, struct pkt *pkt);
/** ... at tc, of a large packet: `segment` as in struct __sk_buff's gso_size.
 */
enum answer fast_run_large(
    struct bed *bed, enum spinat_side side, struct pkt *pkt, uint32_t segment);

/** The program for what leaves sees a packet on the wire of a side. */
void fast_leaves(struct bed *bed, enum spinat_side wire, struct pkt *pkt);

/** The whole way of a packet: taken, or by the engine and past the rules.
 * False: the engine did not translate it. */
bool fast_cross(struct bed *bed, enum spinat_side side, struct pkt *pkt,
    enum answer *answer);

/** How often there was this outcome. */
uint64_t fast_count_of(
    const struct bed *bed, enum spinat_side side, enum fast_outcome outcome);

/** What the engine alone made of it, one hop older. */
void fast_age(struct pkt *pkt);
/** Left, and with this outcome. */
void assert_left(struct bed *bed, enum spinat_side side, struct pkt *pkt,
    enum fast_outcome outcome);
/** Taken, and exactly as the engine translates it. */
void assert_taken(struct bed *bed, enum spinat_side side, struct pkt *pkt);

#endif
