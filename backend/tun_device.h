/* SPDX-License-Identifier: BSD-2-Clause */
/* One TUN device with virtio-net headers and large packets. */
#ifndef SPINAT_BACKEND_TUN_DEVICE_H
#define SPINAT_BACKEND_TUN_DEVICE_H

#include <stdint.h>

#include "conf/error.h"

/** Makes the device, brings it up with the MTU of the interface `like`, and
 * gives a non-blocking descriptor.  It goes away when that is closed. */
int tun_device_open(
    const char *name, const char *like, int *fd, struct error *error);
/** How many packets the kernel dropped because nobody read in time. */
uint64_t tun_device_drops(const char *name);

#endif
