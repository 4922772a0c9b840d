/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts and tunnels.  A tunnel joins a client and a gateway; each has its `end`
 * of it, with what it knows: IKE SAs and child SAs.  The two may differ (a lost
 * message, a reboot).
 */
#ifndef SPINAT_SIM_HOST_H
#define SPINAT_SIM_HOST_H

#include "esp.h"
#include "ike.h"
#include "packet.h"
#include "spinat/spinat.h"
#include "traffic.h"

struct world;

/** What a host does with ESP or IKE that it has no SA for. */
enum manners {
	MANNERS_SILENT,
	MANNERS_NOTIFY,      /* INVALID_SPI, INVALID_IKE_SPI in clear */
	MANNERS_UNREACHABLE, /* ICMP: it has no ESP */
	MANNERS_COUNT
};

/** From which ports a gateway takes requests to begin. */
enum ports {
	PORTS_ANY, /* it knows its peers by who they are */
	PORTS_ONE, /* one peer for an address and port: no other is answered */
	PORTS_OLD, /* port 500: nothing else is taken */
};

/** What a gateway does with the others' tunnels through a public address when a
 * client of that address authenticates. */
enum service {
	SERVE_ALL,
	SERVE_ONE,      /* forgets them */
	SERVE_ONE_TELL, /* deletes them, and says so */
};

struct host {
	struct world *world;
	enum spinat_side side;
	unsigned number;
	uint32_t address;
	spinat_time latency;         /* to the NAT, one way */
	spinat_time jitter;          /* outside only */
	spinat_time reaction;        /* until it answers */
	spinat_time last_arrival[2]; /* [0] at the NAT, [1] from it: order */
	enum manners manners;
	enum ports ports;
	enum service service;
	bool down;              /* rebooting */
	uint32_t next_spi;      /* the next it chooses; 0: at random */
	struct ike *ikes;       /* live ones */
	struct child *children; /* live ones */
	struct child *recent;   /* last found by SPI */
	uint64_t received;      /* packets */
	uint64_t strangers;     /* of those, such as it has no SA for */
};

/** How one end behaves. */
struct habits {
	bool starts;              /* sets the tunnel up, again when it died */
	spinat_time child_life;   /* rekeys its child SA then; 0: never */
	spinat_time ike_life;     /* and its IKE SA */
	spinat_time dpd;          /* asks after that much silence; 0: never */
	spinat_time delete_after; /* rekeyed child SAs; negative: never */
	bool eager;               /* a responder uses a new child SA at once */
};

struct end {
	struct tunnel *tunnel;
	struct host *host;
	struct end *peer; /* for addresses and numbers only */
	struct habits habits;
	struct ike *ike;     /* the newest that is up */
	struct child *child; /* that it sends with */
	spinat_time heard;   /* last authentic packet */
	uint32_t peer_at;    /* a gateway's: the client's public address */
	bool opening;        /* has an IKE SA under way */
	uint64_t ups;        /* child SAs it ever had */
	uint64_t generation; /* of its timers */
};

struct tunnel {
	unsigned number;
	uint8_t version; /* of IKE */
	enum cipher cipher;
	struct end end[2]; /* by side */
	struct app apps[MAX_APPS];
	unsigned app_count;
};

uint32_t end_address_of_peer(const struct end *end);
/** The tunnel's end at this host with this remote, if it has one. */
struct end *host_end_to(struct host *host, uint32_t remote_address);

void host_receive(struct host *host, struct packet *packet);
/** A packet that this host has no SA for. */
void host_stranger(struct host *host, const struct packet *packet);
/** Loses all state, and is back after `off`. */
void host_reboot(struct host *host, spinat_time off);
/** A client was authenticated: a gateway that serves one peer per address is
 * done with the others. */
void host_serve(struct end *end);
/** The end lost its peer: ends all SAs, starts anew if it is wont to. */
void end_reset(struct end *end, spinat_time wait);

#endif
