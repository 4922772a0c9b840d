/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SPINAT_IPSEC_RESTORE_H
#define SPINAT_IPSEC_RESTORE_H

#include "engine.h"

/** A live ESP flow of a table that another engine left becomes one of this
 * engine: its association is made, if there is none.  As spinat_restore(), and
 * -ENOTSUP: of an SPI in probation, or shared, the table does not say enough.
 */
int restore_in_place(struct spinat *engine, uint32_t number);

#endif
