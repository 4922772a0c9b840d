/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <string.h>

static struct nft_ctx *open_quiet(void)
{
	struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (context != NULL &&
	    (nft_ctx_buffer_output(context) != 0 ||
		nft_ctx_buffer_error(context) != 0)) {
		nft_ctx_free(context);
		return NULL;
	}
	return context;
}

int nft_apply(const char *commands, struct error *error)
{
	struct nft_ctx *context = open_quiet();
	if (context == NULL)
		return error_set(error, -ENOMEM, "cannot use libnftables");
	int code = 0;
	if (nft_run_cmd_from_buffer(context, commands) != 0) {
		/* "SOURCE:LINE:COLUMNS: Error: WHY", then the line itself. */
		const char *text = nft_ctx_get_error_buffer(context);
		const char *why = strstr(text, "Error: ");
		code = error_set(error, -EIO, "nftables refuses the rules: %s",
		    why == NULL ? text : why + strlen("Error: "));
	}
	nft_ctx_free(context);
	return code;
}

char *nft_list(void)
{
	struct nft_ctx *context = open_quiet();
	if (context == NULL)
		return NULL;
	char *text = NULL;
	/* Stateless: no counters in the way of whoever reads it. */
	nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_STATELESS);
	if (nft_run_cmd_from_buffer(
		context, "list ruleset ip\nlist ruleset inet\n") == 0) {
		/* Asking for the buffer empties it: once. */
		const char *output = nft_ctx_get_output_buffer(context);
		if (output != NULL)
			text = strdup(output);
	}
	nft_ctx_free(context);
	return text;
}

/** Asks the kernel without changing anything. */
static bool kernel_takes(const char *commands)
{
	struct nft_ctx *context = open_quiet();
	if (context == NULL)
		return false;
	nft_ctx_set_dry_run(context, true);
	bool takes = nft_run_cmd_from_buffer(context, commands) == 0;
	nft_ctx_free(context);
	return takes;
}

bool nft_available(void)
{
	return kernel_takes("add table ip spinat_probe\n"
			    "add chain ip spinat_probe c { type filter hook "
			    "postrouting priority 300; }\n");
}

bool nft_can_queue(void)
{
	return kernel_takes("add table ip spinat_probe\n"
			    "add chain ip spinat_probe c { type filter hook "
			    "postrouting priority 300; }\n"
			    "add rule ip spinat_probe c queue num 0\n");
}
