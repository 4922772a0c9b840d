/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binding: what is known of an inbound SPI whose owner is, or was, in
 * question, beside the flow that delivers it; and one claim for each inside
 * host that may own it.
 *
 * The flow is who gets the packets now (the holder); the binding says how sure
 * that is.  An SPI that only one host could ever own has a binding until that
 * host answers, and none afterwards.
 *
 * | flow state | meaning                                  | left for          |
 * |------------|------------------------------------------|-------------------|
 * | PROBATION  | the holder leads; other candidates get   | CONFIRMED, SHARED |
 * |            | copies                                   |                   |
 * | CONFIRMED  | one owner                                | PROBATION (doubt) |
 * | SHARED     | several owners: hosts that chose the     | PROBATION (doubt) |
 * |            | same SPI for the same remote             |                   |
 */
#ifndef SPINAT_IPSEC_BINDING_H
#define SPINAT_IPSEC_BINDING_H

#include "base/arena.h"
#include "base/bucket.h"
#include "ipsec/score.h"
#include "ipsec/sizes.h"
#include "ipsec/turns.h"

/** Copies that a probation may cost: as many as streams that nobody answers
 * take for some seconds, among eight.  Mostly a few are enough
 * (docs/simulation.md). What comes slowly can be copied for as long as it
 * takes. */
#define BINDING_COPIES ((struct bucket_rate){4096, 128})

/** Why a binding is what it is.  Texts: binding_why_text(). */
enum binding_why {
	WHY_SOLE,        /* the only candidate */
	WHY_RULE,        /* a static rule names it */
	WHY_ONLY_SENDER, /* no candidate; the only host that sends ESP there */
	WHY_LEADS,       /* of several: the highest score so far */
	WHY_ANSWERED,    /* the only candidate, and it has answered */
	WHY_TRAFFIC,     /* of several: traffic told it */
	WHY_LEFT,        /* all others were refuted */
	WHY_RESTORED,    /* known from before a restart */
	WHY_UNPAIRED,    /* in doubt: another host's new SA stays unpaired */
	WHY_SEQUENCE,    /* in doubt: its sequence numbers fell back */
	WHY_REFUTED,     /* in doubt: its holder said that it is not its own */
	WHY_UNDISTURBED, /* a doubt that nothing came of */
	WHY_SAME_SPI,    /* several hosts chose the same SPI */
	WHY_COUNT
};

struct claim {
	uint32_t peer; /* valid as long as its `inside` is this one's */
	uint32_t next; /* of the same binding; free list */
	be32 inside;
	bool refuted;
	bool owner; /* SHARED: one of them */
	bool objected;
	bool expecting; /* the SPI can be of an SA that it agreed on */
	tick refuted_at;
	deciban score;             /* as of the last look */
	int8_t rows[SCORE_ROWS];   /* how it comes about */
	int16_t of_traffic;        /* what of it came of traffic */
	spinat_time agreed_before; /* the same; SPINAT_NEVER: no hint */
	struct timing answers, prompts;
	uint32_t sent;      /* since the SPI appeared */
	struct cover cover; /* by that */
	spinat_time begun;  /* since when it had been silent then */
	spinat_time copied; /* its last packet of this SPI; 0: none */
	uint32_t copies;
	uint16_t sent_size; /* of its last packet */
	uint16_t echoes;
	struct sizes sizes; /* of its packets */
	struct turns turns;
	uint32_t near; /* packets soon after one of the SPI's */
};

struct binding {
	uint32_t flow;
	uint32_t next;   /* of a remote's SPIs in probation; free list */
	uint32_t claims; /* the first */
	uint16_t claim_count;
	uint16_t senders;   /* hosts that expect it and have sent since */
	uint8_t why;        /* enum binding_why */
	bool in_probation;  /* is in its remote's list */
	bool was_confirmed; /* a doubt, of a binding that held */
	tick since;         /* of the probation */
	spinat_time seen;   /* its first packet */
	spinat_time looked; /* when the claims were last brought up to date */
	uint32_t first_sequence;
	/* packets that were not above the highest sequence number, since it was
	 * this one */
	uint32_t behind_since;
	uint16_t behind;
	be32 sender;        /* in a hairpin, who sends it and cannot own it */
	struct expect hint; /* what its owner is paired by, if it is */
	bool paired;
	deciban best;     /* the highest score at the last look */
	uint32_t packets; /* since the probation began */
	uint32_t moments; /* the same, a burst counted once */
	spinat_time last;
	struct cover cover;         /* since the probation began */
	uint32_t copies;            /* all that were made */
	struct bucket allowed;      /* copies that it may still cost */
	uint16_t size, size_before; /* of the last packets */
	struct sizes sizes;
	uint32_t near_most, near_next; /* the two highest of the claims' */
};

struct bindings {
	struct binding *bindings; /* [1 .. max] */
	struct claim *claims;     /* [1 .. claim_max] */
	uint32_t max, highest, free;
	uint32_t claim_max, claim_highest, claim_free;
	uint32_t in_probation; /* of all remotes */
	uint32_t hand;         /* where to look for claims to give up */
};

void bindings_init(struct bindings *bindings, struct arena *arena, uint32_t max,
    uint32_t claim_max);
bool bindings_have_room(const struct bindings *bindings);
/** A zeroed one; 0: none is left. */
uint32_t binding_take(struct bindings *bindings);
/** Frees it and its claims.  It is in no list. */
void binding_put_back(struct bindings *bindings, uint32_t number);

/** The claim of a host; 0: it has none. */
uint32_t binding_claim(
    const struct bindings *bindings, uint32_t number, be32 inside);
/** Makes a claim, in place of those of a binding that is long certain if there
 * is no other room; 0: no room. */
uint32_t binding_add_claim(
    struct bindings *bindings, uint32_t number, uint32_t peer, be32 inside);
void binding_drop_claims(struct bindings *bindings, uint32_t number);

const char *binding_why_text(enum binding_why why);

#endif
