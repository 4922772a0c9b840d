/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named scenarios: each sets a world up, lets time pass and says what it wants.
 * A scenario is run with several seeds (run numbers), which set latencies,
 * SPIs, ciphers and all else that it leaves open.
 */
#ifndef SPINAT_SIM_SCENARIO_H
#define SPINAT_SIM_SCENARIO_H

#include "world.h"

struct scenario {
	const char *name; /* "client-reboot" */
	const char *what; /* in a sentence */
	void (*run)(struct world *world);
	unsigned seeds; /* how many run numbers to try; 0: SCENARIO_SEEDS */
};

#define SCENARIO_SEEDS 8u

/** Lists that end with a scenario without a name. */
extern const struct scenario setup_scenarios[];
extern const struct scenario exchange_scenarios[];
extern const struct scenario quiet_scenarios[];
extern const struct scenario restart_scenarios[];
extern const struct scenario single_scenarios[];
extern const struct scenario trouble_scenarios[];
extern const struct scenario port_scenarios[];

/* ----------------------------------------------- what they are made of */

/** One gateway and `clients` of it; IKEv1 and IKEv2 in turn. */
struct host *make_clients(struct world *world, unsigned clients);
/** The same, all of one version. */
struct host *make_clients_of(
    struct world *world, unsigned clients, uint8_t version);
/** Pings over a tunnel from one side, every `interval`. */
struct app *add_ping(struct tunnel *tunnel, enum spinat_side from,
    spinat_time interval, uint32_t count);
/** Every tunnel pings both ways. */
void add_pings(struct world *world, spinat_time interval, uint32_t count);
/** Every client that is wont to starts IKE, at a random time `within`. */
void start_all(struct world *world, spinat_time within);
/** Starts them one by one, and lets everything come up. */
void bring_up(struct world *world);
/** The usual case: one begins while the others are at work, and one rekeys,
 * from either end; ten thousand packets an SA. */
void work_in_turn(struct world *world, unsigned clients);
/** A child SA of an end: 0 the newest, 1 the one before ... */
struct child *child_of(struct end *end, unsigned age);

/** All that crossed was right: nothing that was due was lost, nothing leaked,
 * nothing is confirmed for another. */
void want_all_reached(struct world *world);
/** The same of what came since. */
void want_all_reached_since(struct world *world, const struct totals *before);
/** No answer in clear that misdelivered packets provoked got out. */
void want_no_leak(struct world *world);
void want_all_up(struct world *world);
/** Of every ping at least so many were answered. */
void want_pings_answered(struct world *world, uint32_t at_least);
/** All three: it is up, nothing was lost, so many pings were answered. */
void want_all_well(struct world *world, uint32_t answered);
/** Deliveries to anybody per inbound packet. */
double deliveries_per_packet(const struct world *world);

#endif
