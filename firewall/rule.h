/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firewall rules as data.  One ruleset is built from the configuration
 * (ruleset.c) and written out in the tongue of iptables, nft (print_*.c), so
 * that what the daemon installs and what `spinat rules` prints are the same.
 */
#ifndef SPINAT_FIREWALL_RULE_H
#define SPINAT_FIREWALL_RULE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"

/** Our chains.  PRE, OWN, GATEWAY, POST, GUARD and NAT hang on a hook of the
 * kernel, the others are jumped to. */
enum chain {
	CHAIN_PRE,       /* raw PREROUTING: before connection tracking */
	CHAIN_IN,        /* from the outside to a public address: ours? */
	CHAIN_HAIRPIN,   /* the same from the inside */
	CHAIN_SEEN_PRE,  /* was in the queue: clear the mark */
	CHAIN_OWN,       /* raw OUTPUT: what spinatd sends itself */
	CHAIN_GATEWAY,   /* mangle OUTPUT: IKE and ESP of the gateway itself */
	CHAIN_POST,      /* mangle POSTROUTING: after connection tracking */
	CHAIN_OUT,       /* ipsec-only: from the inside to the outside: ours? */
	CHAIN_SEEN_POST, /* was in the queue: clear the mark */
	CHAIN_GUARD,     /* drops inside sources that leave by the outside */
	CHAIN_NAT, /* ipsec-only: keeps the kernel's masquerade off ours */
	CHAIN_COUNT,
	CHAIN_NONE = CHAIN_COUNT
};

enum action {
	ACTION_QUEUE,
	ACTION_DROP,
	ACTION_RETURN,
	ACTION_GOTO,
	ACTION_NOTRACK,
	ACTION_CLEAR_SEEN,
	ACTION_NO_NAT, /* bind to no translation */
};

/** An address, network or, where it is not known, the name of a variable. */
struct net {
	struct spinat_prefix prefix;
	const char *variable; /* static storage, or NULL */
	bool given;
};

/** Zero: matches everything. */
struct rule {
	enum chain chain;
	enum action action;
	enum chain target;    /* GOTO */
	unsigned queue;       /* QUEUE */
	bool bypass;          /* QUEUE: goes on if nobody reads the queue */
	const char *in, *out; /* interfaces; borrowed from the conf */
	bool in_differs;      /* `in` is where it must not come from */
	struct net source, destination;
	struct net tracked_source; /* the source when tracking first saw it */
	uint32_t mark;             /* these bits are set */
	uint8_t protocol;          /* 0: any */
	uint16_t source_low, source_high; /* ports, host order; 0: any */
	uint16_t port_low, port_high;     /* destination ports */
	bool typed;
	uint8_t type;      /* of ICMP, if typed */
	bool fragment;     /* a later fragment */
	bool encapsulated; /* will leave in an IPsec tunnel of the gateway */
	const char *note;  /* for people; static storage, or NULL */
};

struct ruleset {
	struct rule *rules;
	size_t count, room;
	unsigned queue; /* the first of the back end's queues */
	bool failed;    /* out of memory */
};

/** Builds the rules of a configuration.  Public addresses or inside networks
 * that are not in it become the variables PUBLIC and INSIDE.  0 or -errno.
 * The conf must outlive the ruleset. */
int ruleset_build(
    struct ruleset *set, const struct conf *conf, struct error *error);
void ruleset_free(struct ruleset *set);
/** Whether any rule belongs to the chain. */
bool ruleset_has(const struct ruleset *set, enum chain chain);
/** Whether any rule uses this variable. */
bool ruleset_uses(const struct ruleset *set, const char *variable);

/** Which networks the guard and the feeding rules take as inside: the inside
 * networks, narrowed to private ones by unregistered_only.  Returns how many
 * of at most `max`; 0: any. */
unsigned ruleset_inside(
    const struct conf *conf, struct spinat_prefix *nets, unsigned max);

/** Which parts of the rules to write. */
enum part {
	PART_ALL,
	PART_GUARD, /* guard and NAT only: beside iptables */
};

/** The input of iptables-restore --noflush.  `saved` is the output of
 * iptables-save, from which whatever is ours and not in the set any more is
 * taken away (with an empty set: everything); NULL: nothing is there. */
void print_iptables(FILE *to, const struct ruleset *set, const char *saved);
/** A table `ip spinat` for nft, replacing one that is there. */
void print_nft(FILE *to, const struct ruleset *set, enum part part);
#define NFT_REMOVAL "table ip spinat\ndelete table ip spinat\n"

/** A part of a shell script; the interface must be set in the conf. */
void print_ipfw(FILE *to, const struct conf *conf);

/** A net as text: "10.0.0.0/8", "192.0.2.1", "$PUBLIC". */
#define NET_TEXT 32
const char *net_text(const struct net *net, char text[NET_TEXT]);

#endif
