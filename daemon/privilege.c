/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities.
 *
 * Kept after the start, and why:
 *   CAP_NET_ADMIN  the kernel checks it at every netlink verdict, not only
 *                  when the queue is bound; and changing firewall rules, when
 *                  the address changes and at a clean stop;
 *   CAP_NET_RAW    iptables-restore speaks to the kernel over a raw socket.
 *
 * iptables-restore is a child and execve() computes its capabilities anew: as
 * root from the bounding set, which is why exactly these two stay in it; as
 * another user from the ambient set, where they are raised.  With
 * no_new_privs a child never has more than its parent.
 */
#include "daemon/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
	unsigned capability;
	const char *name;
	const char *purpose;
} needed[] = {
    {CAP_NET_ADMIN, "CAP_NET_ADMIN",
	"to queue packets and change the firewall"},
    {CAP_NET_RAW, "CAP_NET_RAW", "to send packets of its own"},
};

#define NEEDED_COUNT (sizeof(needed) / sizeof(needed[0]))

int privilege_check(struct error *error)
{
	char missing[256] = "";
	size_t used = 0;

	if (capng_get_caps_process() != 0)
		return error_set(error, -EPERM,
		    "cannot read the capabilities of this process");
	for (size_t i = 0; i < NEEDED_COUNT; i++) {
		if (capng_have_capability(
			CAPNG_EFFECTIVE, needed[i].capability))
			continue;
		used += (size_t)snprintf(missing + used, sizeof(missing) - used,
		    "%s%s (%s)", used ? " and " : "", needed[i].name,
		    needed[i].purpose);
	}
	if (!used)
		return 0;
	return error_set(error, -EPERM,
	    "missing: %s; start spinatd as root, or grant it that", missing);
}

int privilege_reduce(struct error *error)
{
	capng_select_t sets = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;

	if (capng_get_caps_process() != 0)
		return error_set(error, -EPERM,
		    "cannot read the capabilities of this process");
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		sets |= CAPNG_SELECT_BOUNDS;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < NEEDED_COUNT; i++)
		if (capng_update(CAPNG_ADD,
			CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
			    CAPNG_AMBIENT | CAPNG_BOUNDING_SET,
			needed[i].capability) != 0)
			return error_set(error, -EINVAL,
			    "libcap-ng does not know %s", needed[i].name);
	if (capng_apply(sets) != 0)
		return error_set(error, -EPERM,
		    "cannot give up the capabilities that are not needed");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		int cause = errno;

		return error_set(error, -cause, "cannot set no_new_privs: %s",
		    strerror(cause));
	}
	return 0;
}
