/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two bits of the packet mark, known to the back ends and to the firewall
 * rules.  The rules clear them again, so that the administrator's own marks
 * (the other 30 bits) come through untouched and never see ours.
 */
#ifndef SPINAT_BACKEND_MARKS_H
#define SPINAT_BACKEND_MARKS_H

/** Put on a packet by its verdict: it has been to the queue, don't queue it
 * again.  Lets a verdict be NF_REPEAT, so that the rules after ours apply. */
#define MARK_SEEN 0x20000000u
/** Put on a packet that spinatd sends of its own (SO_MARK): not tracked, not
 * queued. */
#define MARK_OWN 0x40000000u

#endif
