/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One netfilter queue: a socket of its own, which packets come from and
 * verdicts go to.
 */
#ifndef SPINAT_BACKEND_QUEUE_H
#define SPINAT_BACKEND_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/error.h"
#include "spinat/spinat.h"

struct mnl_socket;

struct queue {
	struct mnl_socket *socket;
	unsigned number;
	enum spinat_side side;
	bool large;   /* takes packets larger than the MTU */
	bool hairpin; /* what it takes cannot go on from where it is */
	bool own;     /* what it takes is the gateway's own */
};

/** Binds and sizes it as the other members say, and packets come. */
int queue_open(struct queue *queue, struct error *error);
/** Also after a failure, and where none was opened. */
void queue_close(struct queue *queue);

/** Packets that the kernel dropped for want of room, in queues `first` to
 * `last` since they were bound. */
uint64_t queue_losses(unsigned first, unsigned last);

#endif
