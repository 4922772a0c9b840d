/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching the programs, by links, which touch nobody else's, and at tc also
 * by filters (fast/clsact.h).
 *
 * Filters, and links that are pinned, outlive us; who comes next lets each run
 * another program, and not one packet meets none.
 */
#include "fast/private.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

static const struct {
	const char *tc, *xdp; /* programs */
	enum spinat_side side;
	bool leaving;
} places[FAST_LINKS] = {
    {"fast_note_inside", "fast_note_inside", SPINAT_INSIDE, true},
    {"fast_note_outside", "fast_note_outside", SPINAT_OUTSIDE, true},
    {"fast_tc_inside", "fast_xdp_inside", SPINAT_INSIDE, false},
    {"fast_tc_outside", "fast_xdp_outside", SPINAT_OUTSIDE, false},
};

static const char *name_at(unsigned place, enum fast_hook hook)
{
	return hook == FAST_XDP ? places[place].xdp : places[place].tc;
}

static bool is_at_xdp(unsigned i, enum fast_hook hook)
{
	return hook == FAST_XDP && !places[i].leaving;
}

static bool is_by_link(const struct fast *fast, unsigned i)
{
	return fast->way == FAST_BY_LINKS || is_at_xdp(i, fast->hook);
}

static struct clsact_place place_of(const struct fast *fast, unsigned i)
{
	return (struct clsact_place){
	    fast->devices[places[i].side], places[i].leaving};
}

/* ------------------------------------------------------------ one place */

/* A link that was left on this device goes on with another program. */
static int take_over(struct fast *fast, unsigned i, int program)
{
	const enum spinat_side side = places[i].side;
	const int link = pins_get(&fast->pins, name_at(i, fast->hook));

	if (link < 0)
		return link;
	if (fast_header_of(fast)->devices[side] == fast->devices[side] &&
	    bpf_link_update(link, program, NULL) == 0) {
		fast->links[i] = link;
		return 0;
	}
	/* The device is another one, or gone. */
	(void)close(link);
	pins_remove(&fast->pins, name_at(i, fast->hook));
	return -ENOENT;
}

static int attach_link(struct fast *fast, unsigned i, int program)
{
	const bool xdp = is_at_xdp(i, fast->hook);
	const enum bpf_attach_type type = xdp ? BPF_XDP
	    : places[i].leaving               ? FAST_TCX_EGRESS
					      : FAST_TCX_INGRESS;
	const struct bpf_link_create_opts options = {
	    .sz = sizeof(options), .flags = xdp ? XDP_FLAGS_DRV_MODE : 0};

	if (take_over(fast, i, program) == 0)
		return 0;
	fast->links[i] = bpf_link_create(
	    program, (int)fast->devices[places[i].side], type, &options);
	return fast->links[i] < 0
	    ? -errno
	    : pins_put(&fast->pins, name_at(i, fast->hook), fast->links[i]);
}

static int attach_filter(struct fast *fast, unsigned i, int program)
{
	const struct clsact_place place = place_of(fast, i);
	bool made_qdisc = false;
	const int code =
	    clsact_attach(&place, program, name_at(i, fast->hook), &made_qdisc);

	fast->filters[i] = code == 0;
	if (made_qdisc)
		fast_header_of(fast)->made_qdisc[places[i].side] = place.device;
	return code;
}

static int attach_one(struct fast *fast, unsigned i)
{
	const int program = fast_program(fast, name_at(i, fast->hook));

	if (program < 0)
		return program;
	return is_by_link(fast, i) ? attach_link(fast, i, program)
				   : attach_filter(fast, i, program);
}

/* ------------------------------------------------------------- all four */

/* Of what was left, nothing shall see packets but what was replaced. */
static int detach_others(const struct fast *fast)
{
	const enum fast_hook other =
	    fast->hook == FAST_XDP ? FAST_TC : FAST_XDP;
	struct clsact_place kept[FAST_LINKS];
	unsigned count = 0;

	for (unsigned i = 0; i < FAST_LINKS; i++) {
		if (!places[i].leaving)
			pins_remove(&fast->pins, name_at(i, other));
		if (!is_by_link(fast, i))
			pins_remove(&fast->pins, name_at(i, fast->hook));
		if (fast->filters[i])
			kept[count++] = place_of(fast, i);
	}
	return clsact_clear(kept, count);
}

int fast_attach(struct fast *fast, enum fast_way way, struct error *error)
{
	int code;

	fast->way = fast->features.tc_links ? way : FAST_BY_FILTERS;
	for (unsigned i = 0; i < FAST_LINKS; i++) {
		char name[IF_NAMESIZE] = "?";

		code = attach_one(fast, i);
		if (code == 0)
			continue;
		(void)if_indextoname(fast->devices[places[i].side], name);
		fast_detach(fast);
		return error_set(error, code, "no %s program on %s%s: %s",
		    is_at_xdp(i, fast->hook) ? "XDP" : "tc", name,
		    is_by_link(fast, i) ? "" : ", by a clsact filter",
		    strerror(-code));
	}
	code = detach_others(fast);
	if (code != 0) {
		fast_detach(fast);
		return error_set(error, code,
		    "programs at tc of an earlier daemon cannot be removed: %s",
		    strerror(-code));
	}
	memcpy(fast_header_of(fast)->devices, fast->devices,
	    sizeof(fast->devices));
	return 0;
}

enum fast_way fast_way(const struct fast *fast)
{
	return fast->way;
}

void links_close(struct fast *fast)
{
	for (unsigned i = FAST_LINKS; i-- > 0;) {
		if (fast->links[i] >= 0)
			(void)close(fast->links[i]);
		fast->links[i] = -1;
	}
}

static void detach(struct fast *fast)
{
	for (unsigned i = FAST_LINKS; i-- > 0;) {
		const struct clsact_place place = place_of(fast, i);

		pins_remove(&fast->pins, name_at(i, fast->hook));
		if (fast->filters[i])
			(void)clsact_detach(&place);
		fast->filters[i] = false;
	}
	links_close(fast);
	for (int side = 0; side < 2; side++) {
		uint32_t *made = &fast_header_of(fast)->made_qdisc[side];

		if (*made != 0)
			(void)clsact_remove_qdisc(*made);
		*made = 0;
	}
}

void fast_detach(struct fast *fast)
{
	/* Programs first: without them nobody looks at the tables. */
	detach(fast);
	(void)clsact_clear(NULL, 0);
	pins_clear(&fast->pins);
}

void fast_use_tc(struct fast *fast)
{
	detach(fast);
	fast->hook = FAST_TC;
}

static void count_instructions(int fd, struct fast_program *program)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	/* What is not told stays 0. */
	(void)bpf_obj_get_info_by_fd(fd, &info, &size);
	program->instructions =
	    info.xlated_prog_len / (unsigned)sizeof(struct bpf_insn);
	program->verified = info.verified_insns;
}

void fast_get_programs(
    const struct fast *fast, struct fast_program programs[FAST_PROGRAMS])
{
	static_assert(FAST_PROGRAMS == FAST_LINKS, "one each");
	for (unsigned i = 0; i < FAST_PROGRAMS; i++) {
		const char *name = name_at(i, fast->hook);

		programs[i].name = name;
		count_instructions(fast_program(fast, name), &programs[i]);
	}
}
