/* SPDX-License-Identifier: BSD-2-Clause */
/* The live back ends by name.  pcap and mem are made by those who use them. */
#include "backend/backend.h"

#include <string.h>

const struct backend_ops *backend_find(const char *name)
{
	static const struct backend_ops *const all[] = {
	    &backend_nfqueue,
	    &backend_tun,
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
