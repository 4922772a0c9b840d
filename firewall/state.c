/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/run/spinat"
enum { PATH_SIZE = 96 };

/** Namespaces share /run, so the file bears the namespace's number. */
static void state_path(char path[PATH_SIZE], const char *suffix)
{
	struct stat space = {0};
	(void)stat("/proc/self/ns/net", &space);
	snprintf(path, PATH_SIZE, DIRECTORY "/firewall-%llu%s",
	    (unsigned long long)space.st_ino, suffix);
}

bool state_load(struct state *state)
{
	char path[PATH_SIZE], line[1000];

	*state = (struct state){0};
	state_path(path, "");
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL) {
		char address[32];
		unsigned length;
		struct in_addr in;
		line[strcspn(line, "\n")] = 0;
		if (strcmp(line, "mode ipsec-only") == 0)
			state->mode = SPINAT_MODE_IPSEC_ONLY;
		else if (strncmp(line, "reserved ", 9) == 0)
			snprintf(state->reserved, sizeof(state->reserved), "%s",
			    line + 9);
		else if (sscanf(line, "routes from %15s to %15s",
			     state->routes.inside_interface,
			     state->routes.interface) == 2)
			state->routed = true;
		else if (sscanf(line, "public %31[0-9.]", address) == 1 &&
		    inet_pton(AF_INET, address, &in) == 1 &&
		    state->routes.public_count < SPINAT_MAX_PUBLIC)
			state->routes
			    .public_addresses[state->routes.public_count++] =
			    (spinat_be32){in.s_addr};
		else if (sscanf(line, "inside %31[0-9.]/%u", address,
			     &length) == 2 &&
		    length <= 32 && inet_pton(AF_INET, address, &in) == 1 &&
		    state->inside_count < SPINAT_MAX_INSIDE)
			state->inside[state->inside_count++] =
			    (struct spinat_prefix){
				{in.s_addr}, (uint8_t)length};
	}
	fclose(file);
	state->routes.inside_count = state->inside_count;
	memcpy(state->routes.inside, state->inside, sizeof(state->inside));
	return true;
}

int state_save(const struct state *state, struct error *error)
{
	char path[PATH_SIZE], fresh[PATH_SIZE];

	if (mkdir(DIRECTORY, 0755) != 0 && errno != EEXIST)
		return error_set(error, -errno, "cannot make %s: %s", DIRECTORY,
		    strerror(errno));
	state_path(path, "");
	state_path(fresh, ".new");
	FILE *file = fopen(fresh, "we");
	if (file == NULL)
		return error_set(error, -errno, "cannot write %s: %s", fresh,
		    strerror(errno));
	fprintf(file, "# changed by spinatd; `spinatd --detach` undoes it\n");
	fprintf(file, "mode %s\n",
	    state->mode == SPINAT_MODE_FULL ? "full" : "ipsec-only");
	for (unsigned i = 0; i < state->inside_count; i++) {
		char address[INET_ADDRSTRLEN];
		struct in_addr in = {state->inside[i].address.raw};
		inet_ntop(AF_INET, &in, address, sizeof(address));
		fprintf(
		    file, "inside %s/%u\n", address, state->inside[i].length);
	}
	if (state->reserved[0] != 0)
		fprintf(file, "reserved %s\n", state->reserved);
	if (state->routed)
		fprintf(file, "routes from %s to %s\n",
		    state->routes.inside_interface, state->routes.interface);
	for (unsigned i = 0; state->routed && i < state->routes.public_count;
	     i++) {
		char address[INET_ADDRSTRLEN];
		struct in_addr in = {state->routes.public_addresses[i].raw};
		inet_ntop(AF_INET, &in, address, sizeof(address));
		fprintf(file, "public %s\n", address);
	}
	bool failed = ferror(file) != 0;
	failed = fclose(file) != 0 || failed;
	if (failed || rename(fresh, path) != 0) {
		int code = errno == 0 ? -EIO : -errno;
		(void)unlink(fresh);
		return error_set(
		    error, code, "cannot write %s: %s", path, strerror(-code));
	}
	return 0;
}

void state_forget(void)
{
	char path[PATH_SIZE];
	state_path(path, "");
	(void)unlink(path);
}
