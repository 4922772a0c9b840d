/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What spinatd may do: CAP_NET_ADMIN and CAP_NET_RAW, and after its start
 * nothing else.
 */
#ifndef SPINAT_DAEMON_PRIVILEGE_H
#define SPINAT_DAEMON_PRIVILEGE_H

#include "conf/error.h"

/** 0, or -EPERM with the capabilities that are missing by name. */
int privilege_check(struct error *error);
/** Gives up every other capability, for good, for children too. */
int privilege_reduce(struct error *error);

#endif
