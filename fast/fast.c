/* SPDX-License-Identifier: BSD-2-Clause */
#include "fast/private.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "fast_tc_object.h"
#include "fast_xdp_object.h"

#ifndef MEMBARRIER_CMD_GLOBAL
#define MEMBARRIER_CMD_GLOBAL MEMBARRIER_CMD_SHARED
#endif

/* Without a place for them a restart interrupts; that is all. */
static int take_place(struct fast *fast, const struct fast_place *place,
    struct fast_found *found, struct error *error)
{
	const int code =
	    pins_open(&fast->pins, place->bpffs, place->interface, error);

	if (code == 0 || code == -EBUSY)
		return code;
	found->why = *error;
	return 0;
}

int fast_open(struct fast **result, const struct spinat_config *config,
    const struct fast_place *place, struct spinat_memory *memory,
    struct fast_found *found, struct error *error)
{
	struct fast *fast = calloc(1, sizeof(*fast));
	int code;

	if (fast == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	fast->pins.directory = -1;
	for (int map = 0; map < FAST_MAPS; map++)
		fast->maps[map] = -1;
	for (unsigned i = 0; i < FAST_LINKS; i++)
		fast->links[i] = -1;
	*found = (struct fast_found){0};
	code = fast_probe(&fast->features, error);
	if (code == 0 && place != NULL)
		code = take_place(fast, place, found, error);
	if (code == 0)
		code = tables_open(fast, config, memory, found, error);
	if (code != 0) {
		fast_close(fast);
		return code;
	}
	*result = fast;
	return 0;
}

/* ----------------------------------------------------------- programs */

static int prepare(const struct fast *fast, struct bpf_object *object,
    const struct fast_constants *constants)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	int code;

	if (map == NULL)
		return -ENOENT;
	code = bpf_map__set_initial_value(map, constants, sizeof(*constants));
	for (int i = 0; i < FAST_MAPS && code == 0; i++) {
		map = bpf_object__find_map_by_name(object, tables_name(i));
		if (map != NULL)
			code = bpf_map__reuse_fd(map, fast->maps[i]);
	}
	return code;
}

static int load_object(struct fast *fast, enum fast_hook hook,
    const struct fast_constants *constants, struct error *error)
{
	const bool tc = hook == FAST_TC;
	struct bpf_object *object =
	    bpf_object__open_mem(tc ? fast_tc_object : fast_xdp_object,
		tc ? sizeof(fast_tc_object) : sizeof(fast_xdp_object), NULL);
	int code;

	if (object == NULL)
		return error_set(
		    error, -errno, "BPF object: %s", strerror(errno));
	fast->objects[hook] = object;
	code = prepare(fast, object, constants);
	if (code == 0)
		code = bpf_object__load(object);
	if (code != 0)
		return error_set(error, code,
		    "the kernel does not take the %s programs: %s%s",
		    tc ? "tc" : "XDP", strerror(-code), fast_who_may(code));
	return 0;
}

int fast_load(struct fast *fast, const struct spinat *engine,
    enum fast_hook hook, const unsigned devices[2], spinat_time clock_begin,
    struct error *error)
{
	struct fast_constants constants = {
	    .devices = {devices[0], devices[1]},
	    .clock_begin = clock_begin,
	};
	int code;

	(void)libbpf_set_print(NULL);
	spinat_get_layout(engine, &constants.layout);
	memcpy(fast->devices, devices, sizeof(fast->devices));
	fast->hook = hook;
	/* What notes is at tc in any case. */
	code = load_object(fast, FAST_TC, &constants, error);
	if (code == 0 && hook == FAST_XDP)
		code = load_object(fast, FAST_XDP, &constants, error);
	return code;
}

int fast_program(const struct fast *fast, const char *name)
{
	for (int hook = 0; hook < 2; hook++) {
		const struct bpf_program *program = fast->objects[hook] == NULL
		    ? NULL
		    : bpf_object__find_program_by_name(
			  fast->objects[hook], name);
		if (program != NULL)
			return bpf_program__fd(program);
	}
	return -ENOENT;
}

void fast_close(struct fast *fast)
{
	if (fast == NULL)
		return;
	for (int hook = 0; hook < 2; hook++)
		bpf_object__close(fast->objects[hook]);
	links_close(fast);
	tables_close(fast);
	pins_close(&fast->pins);
	free(fast);
}

/* --------------------------------------------------- while they work */

void fast_next_epoch(struct fast *fast)
{
	struct fast_settings *settings = fast->mapped[FAST_MAP_SETTINGS];
	const uint8_t next = (uint8_t)(settings->epoch % FAST_EPOCH_LAST + 1);

	__atomic_store_n(&settings->epoch, next, __ATOMIC_RELEASE);
}

void fast_beat(struct fast *fast, spinat_time now)
{
	struct fast_settings *settings = fast->mapped[FAST_MAP_SETTINGS];

	__atomic_store_n(&settings->alive, tick_of(now), __ATOMIC_RELEASE);
}

void fast_set_linger(struct fast *fast, spinat_time linger)
{
	struct fast_settings *settings = fast->mapped[FAST_MAP_SETTINGS];

	__atomic_store_n(
	    &settings->linger, tick_span(linger), __ATOMIC_RELEASE);
}

void fast_set_limits(struct fast *fast, const struct fast_limits *limits)
{
	struct fast_settings *settings = fast->mapped[FAST_MAP_SETTINGS];

	settings->limits = *limits;
}

int fast_wait_grace(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0
	    ? 0
	    : -errno;
}

bool fast_outlives(const struct fast *fast)
{
	return fast->pins.directory >= 0 &&
	    (fast->links[0] >= 0 || fast->filters[0]);
}

void fast_leave(struct fast *fast)
{
	struct fast_settings *settings = fast->mapped[FAST_MAP_SETTINGS];

	/* No more probes. */
	__atomic_store_n(&settings->alive,
	    settings->alive - FAST_LATE_TICKS - 1, __ATOMIC_RELEASE);
	(void)fast_wait_grace();
	fast_header_of(fast)->is_in_use = 0;
}

int fast_forget_all(const char *bpffs, unsigned *count)
{
	*count = pins_forget_all(bpffs);
	return clsact_clear(NULL, 0);
}

static const struct {
	const char *name, *text;
} outcomes[FAST_OUTCOMES] = {
    [FAST_TAKEN] = {"taken", "translated and sent on in the kernel"},
    [FAST_NOT_IPV4] = {"not-ipv4", "not IPv4, or in a VLAN"},
    [FAST_MALFORMED] = {"malformed", "shorter than its headers say"},
    [FAST_OPTIONS] = {"options", "an IP header with options"},
    [FAST_FRAGMENT] = {"fragment",
	"a fragment, of a datagram that is not taken"},
    [FAST_TTL] = {"ttl", "its last hop"},
    [FAST_PROTOCOL] = {"protocol", "neither TCP, UDP, ICMP echo nor ESP"},
    [FAST_IKE] = {"ike", "IKE on port 500"},
    [FAST_TCP_FLAGS] = {"tcp-flags", "SYN, FIN or RST"},
    [FAST_NO_FLOW] = {"no-flow", "of no flow that is known"},
    [FAST_CLOSED] = {"closed", "may change the state of its flow"},
    [FAST_ALONE] = {"alone", "no spinatd has been there for too long"},
    [FAST_RULES] = {"rules", "not passed by the firewall's rules yet"},
    [FAST_PROBE] = {"probe", "sent so that the rules are asked again"},
    [FAST_LATE] = {"late", "ESP below the highest sequence number"},
    [FAST_NO_ROUTE] = {"no-route", "not routed to the other interface"},
    [FAST_NO_NEIGHBOUR] = {"no-neighbour", "to a next hop not known yet"},
    [FAST_TOO_BIG] = {"too-big", "larger than the other interface's MTU"},
    [FAST_OVER_SOURCE] = {"over-budget-source",
	"dropped: too much of no known flow from this source"},
    [FAST_SPOILT] = {"spoilt", "dropped: half translated, then no memory"},
    [FAST_OVER_ALL] = {"over-budget-all",
	"dropped: too much of no known flow from all"},
};

unsigned fast_outcomes(void)
{
	static_assert(FAST_OUTCOMES <= FAST_OUTCOMES_MAX, "room for each");
	return FAST_OUTCOMES;
}

const char *fast_outcome_name(unsigned outcome)
{
	return outcomes[outcome].name;
}

const char *fast_outcome_text(unsigned outcome)
{
	return outcomes[outcome].text;
}

size_t fast_map_bytes(const struct fast *fast)
{
	size_t sum = 0;

	for (int map = 0; map < FAST_MAPS; map++)
		sum += fast->mapped_size[map];
	return sum;
}

int fast_get_sums(
    const struct fast *fast, enum spinat_side side, struct fast_sums *sums)
{
	const int cpus = libbpf_num_possible_cpus();
	struct fast_count *counts =
	    cpus < 0 ? NULL : calloc((size_t)cpus, sizeof(*counts));
	int code = 0;

	if (counts == NULL)
		return cpus < 0 ? cpus : -ENOMEM;
	for (unsigned o = 0; o < FAST_OUTCOMES && code == 0; o++) {
		const uint32_t number = FAST_COUNT(side, o);

		sums[o] = (struct fast_sums){0};
		if (bpf_map_lookup_elem(
			fast->maps[FAST_MAP_COUNTS], &number, counts) != 0)
			code = -errno;
		for (int cpu = 0; cpu < cpus && code == 0; cpu++) {
			sums[o].packets += counts[cpu].packets;
			sums[o].bytes += counts[cpu].bytes;
		}
	}
	free(counts);
	return code;
}
