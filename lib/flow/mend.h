/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking over a table that another engine left: its records, counters and the
 * two indexes that a fast path shares, which goes on using them meanwhile.
 *
 * That engine may have stopped anywhere: with a record that is filled in and
 * not in an index, or in one of two, or in three slots while one is moved.  So
 * nothing is believed that can be worked out:
 *
 *     mend_begin()      the free records are those that are not live
 *     mend_indexes()    every slot is one of a live record's key; every key of
 *                       a live record has its slot
 *
 * Whether a record makes sense is asked in between, of each: mend_reject().
 * Slots of what is right are not touched, so that a fast path finds it all the
 * time.
 */
#ifndef SPINAT_FLOW_MEND_H
#define SPINAT_FLOW_MEND_H

#include "flow/table.h"

/** Works out which records are used; timers are disarmed. */
void mend_begin(struct flow_table *table);
/** A record that makes no sense: it is free.  Before mend_indexes(). */
void mend_reject(struct flow_table *table, uint32_t number);
/** `*mended`: slots that were wrong or missing; `*lost`: live records for which
 * there was no room, or a key of which another one has too. */
void mend_indexes(struct flow_table *table, uint32_t *mended, uint32_t *lost);

#endif
