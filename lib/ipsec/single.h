/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remotes that serve one peer per address: old gateways know their peers by
 * address, or by an identity that all of them share, and drop the first client
 * as the second authenticates.  Nothing in the middle can mend that but another
 * public address; it can be seen, and said.
 *
 * What is seen is one inside host's session that ends as another's begins:
 * until then the remote spoke to it, and from then on it does not, while the
 * host still sends and the other host is served.  Once is a coincidence. Twice,
 * and nobody was seen to be served beside another in between, is how the remote
 * is.  Pure: ticks in, judgement out.  ipsec/rivals.c looks, and acts.
 */
#ifndef SPINAT_IPSEC_SINGLE_H
#define SPINAT_IPSEC_SINGLE_H

#include "base/tick.h"

/** A point in time that may never have been. */
struct moment {
	tick at;
	bool was;
};

/** What is awaited of an association after another host's IKE SA with its
 * remote, the rival's, was established. */
struct single_watch {
	be32 rival;
	tick began;  /* the rival's first message */
	tick since;  /* it was established */
	bool on;     /* else nothing is awaited */
	bool newest; /* it was the last that began before: who was served */
	bool lively; /* ... and ESP came for it until then */
	bool apart;  /* the rival itself had not been served just before */
};

/** What was seen of the association up to now. */
struct single_sight {
	struct moment heard; /* ESP or protected IKE of the remote */
	struct moment given; /* the same, and ESP that may be another's */
	struct moment told;  /* IKE that answers nothing: INFORMATIONAL */
	struct moment sent;  /* ESP or protected IKE of the host */
	struct moment rival; /* the rival heard the remote */
	bool begins;         /* the host begins a new IKE SA now */
	bool certain; /* of no SPI of the remote it is open whose it is */
};

enum single_verdict {
	SINGLE_OPEN,   /* nothing can be said */
	SINGLE_SERVED, /* it was served beside the rival */
	SINGLE_ENDED,  /* it ended as the rival began */
};

/** What a remote is known for. */
struct single {
	be32 newest;       /* the host whose IKE SA was established last */
	be32 ended, rival; /* the hosts of the last such ending */
	tick first, last;  /* endings */
	tick counted;      /* when the rival of the last was established */
	struct moment said;
	uint16_t endings; /* since somebody was served beside another */
	bool recognised;
};

/** A rival's IKE SA was established. */
struct single_rival {
	be32 inside;
	tick began, since;
	struct moment before; /* it last heard the remote before it began */
};
/** What is awaited of an association from then on: ESP came for it then, and
 * it was the last that began before, or not. */
struct single_watch single_watch(
    const struct single_rival *rival, struct moment esp, bool newest);
/** Whether nothing came from the remote since the rival's beginning. */
bool single_is_silent(const struct single_watch *watch, struct moment heard);
/** Whether it still awaits something: another rival's beginning does not
 * replace it. */
bool single_is_awaited(
    const struct single_watch *watch, struct moment heard, tick now);
enum single_verdict single_judge(const struct single_watch *watch,
    const struct single_sight *sight, tick now);
/** The session of host `inside` ENDED, one of so many with this remote: the
 * more there are, the likelier it is that what it missed went to another host.
 */
void single_note(struct single *single, const struct single_watch *watch,
    be32 inside, unsigned hosts, tick now);
/** Whether it may be said again. */
bool single_may_say(const struct single *single, tick now);

#endif
