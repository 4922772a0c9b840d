/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts one of the benchmark's own programs in the gateway's place, in the
 * network namespace that it is run in, says "ready" and holds it there until it
 * is told to end:
 *
 *   bench-gateway-xdp redirect INSIDE OUTSIDE
 *   bench-gateway-xdp floor INSIDE OUTSIDE FLOWS PUBLIC HOST-MAC ROUTER-MAC
 *
 * INSIDE and OUTSIDE are devices; the macs are those of their neighbours.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "bench/gateway/netns.h"
#include "bench/gateway/skeletons.h"

static void attach(const struct bpf_program *to, const char *device)
{
	if (bpf_program__attach_xdp(to, (int)device_index(device)) == NULL)
		die("%s: %s", device, strerror(errno));
}

static void start_redirect(char **args)
{
	struct redirect_bpf *program = redirect_bpf__open();

	if (program == NULL)
		die("redirect: %s", strerror(errno));
	program->rodata->inside_index = device_index(args[0]);
	program->rodata->outside_index = device_index(args[1]);
	if (redirect_bpf__load(program) != 0)
		die("redirect: cannot load its program: %s", strerror(errno));
	attach(program->progs.redirect, args[0]);
	attach(program->progs.redirect, args[1]);
}

static void own_mac(const char *device, unsigned char *mac)
{
	struct ifreq request = {0};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		die("%s: %s", device, strerror(errno));
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	(void)close(fd);
}

static void fill_side(
    struct floor_side *side, const char *device, const char *neighbour)
{
	unsigned char macs[12];

	side->index = device_index(device);
	parse_mac(neighbour, macs);
	own_mac(device, macs + 6);
	memcpy(side->macs, macs, sizeof macs);
}

/* Two records a flow, and half of the slots or more empty: as many as a table
 * needs that is laid out for so many flows. */
static unsigned slots_for(unsigned long flows)
{
	unsigned slots = 64;

	while (slots < 4 * flows)
		slots *= 2;
	return slots;
}

static void start_floor(char **args)
{
	struct floor_bpf *program = floor_bpf__open();
	struct floor_side sides[2];
	const unsigned slots = slots_for(strtoul(args[2], NULL, 10));
	struct in_addr public_address;

	if (program == NULL)
		die("floor: %s", strerror(errno));
	if (inet_pton(AF_INET, args[3], &public_address) != 1)
		die("not an address: %s", args[3]);
	fill_side(&sides[FLOOR_INSIDE], args[0], args[4]);
	fill_side(&sides[FLOOR_OUTSIDE], args[1], args[5]);
	memcpy(program->rodata->sides, sides, sizeof sides);
	program->rodata->public_address = public_address.s_addr;
	program->rodata->mask = slots - 1;
	if (bpf_map__set_max_entries(program->maps.records, slots) != 0 ||
	    floor_bpf__load(program) != 0)
		die("floor: cannot load its program: %s", strerror(errno));
	attach(program->progs.floor_nat, args[0]);
	attach(program->progs.floor_nat, args[1]);
}

int main(int argc, char **argv)
{
	sigset_t end;
	int which;

	(void)sigemptyset(&end);
	(void)sigaddset(&end, SIGTERM);
	(void)sigaddset(&end, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &end, NULL);
	if (argc == 4 && strcmp(argv[1], "redirect") == 0)
		start_redirect(argv + 2);
	else if (argc == 8 && strcmp(argv[1], "floor") == 0)
		start_floor(argv + 2);
	else
		die("bench-gateway-xdp: see the head of xdp.c");
	(void)puts("ready");
	(void)fflush(stdout);
	return sigwait(&end, &which);
}
