/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One simulated world: inside clients, outside gateways, tunnels between them,
 * and the NAT under test in the middle, on a clock that costs nothing.
 *
 *   client 0 --+                                          +-- gateway 0
 *   client 1 --+--[ inside: no loss ]-- NAT --[ outside ]-+-- gateway 1
 *   client n --+                      (engine)            +-- ...
 *
 * What an end is told it learns from packets alone.  What the oracle knows no
 * end and no engine is told.
 *
 * Ownership: world_open() makes all of it, world_close() frees all of it, and
 * nothing in between: what ended is marked so, and stays.
 */
#ifndef SPINAT_SIM_WORLD_H
#define SPINAT_SIM_WORLD_H

#include "host.h"
#include "nat.h"
#include "net.h"
#include "oracle.h"
#include "packet.h"
#include "queue.h"
#include "rng.h"

#define MSEC INT64_C(1000000)
#define SEC  SPINAT_SECOND
#define HOUR (3600 * SEC)

#define PUBLIC          IP(203, 0, 113, 1)
#define CLIENT_ADDRESS  IP(192, 168, 1, 10)
#define GATEWAY_ADDRESS IP(198, 51, 100, 10)
#define MAX_CLIENTS     64u
#define MAX_GATEWAYS    8u
#define MAX_TUNNELS     128u

/** What stands in the middle: the engine, or a control (control.h). */
enum nat_kind {
	NAT_ENGINE,
	NAT_PERFECT,
	NAT_BROADCAST,
};

/** How all worlds of this program are run. */
struct mode {
	bool verbose; /* every packet is described */
	bool own;     /* the first client is the gateway itself */
	enum nat_kind nat;
};

struct world {
	spinat_time now;
	struct queue queue;
	struct rng rng;
	struct packet *pool;  /* free packets */
	struct block *blocks; /* what world_take() gave */
	bool verbose, own;
	enum nat_kind kind;
	uint64_t run;
	struct net net;
	struct nat nat;
	struct oracle oracle;
	struct host clients[MAX_CLIENTS];
	struct host gateways[MAX_GATEWAYS];
	struct tunnel tunnels[MAX_TUNNELS];
	unsigned client_count, gateway_count, tunnel_count;
	unsigned script[4]; /* a scenario's own */
	unsigned failures;
	char failure[512]; /* the first one, in words */
};

/** An empty world; its NAT has the daemon's default configuration. */
struct world *world_open(uint64_t run, const struct mode *mode);
void world_close(struct world *world);

struct host *world_add_client(struct world *world);
/** An inside host by its address; NULL: there is none. */
struct host *world_client(struct world *world, uint32_t address);
struct host *world_add_gateway(struct world *world);
/** A tunnel between them; nothing is sent yet. */
struct tunnel *world_add_tunnel(struct world *world, struct host *client,
    struct host *gateway, uint8_t ike_version);

void world_at(struct world *world, spinat_time at, event_fn run, void *subject,
    uint64_t argument);
void world_after(struct world *world, spinat_time delay, event_fn run,
    void *subject, uint64_t argument);
/** Lets time pass. */
void world_run(struct world *world, spinat_time span);

/** Zeroed memory that lives as long as the world. */
void *world_take(struct world *world, size_t size);
struct packet *packet_take(struct world *world);
void packet_put(struct world *world, struct packet *packet);

/** Notes a failure; the run goes on. */
void world_fail(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** A line of --verbose, with the time before it. */
void world_say(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** world_fail() unless it holds. */
#define WANT(world, condition, ...)                                            \
	do {                                                                   \
		if (!(condition))                                              \
			world_fail(world, __VA_ARGS__);                        \
	} while (0)

#endif
