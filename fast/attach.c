/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching the programs, by links, which touch nobody else's.  A link that is
 * pinned outlives us; who comes next lets it run another program, and not one
 * packet meets none.
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

static struct fast_header *header_of(const struct fast *fast)
{
	return fast->mapped[FAST_MAP_HEADER];
}

/* A link that was left on this device goes on with another program. */
static int take_over(struct fast *fast, unsigned i, int program)
{
	const enum spinat_side side = places[i].side;
	const int link = pins_get(&fast->pins, name_at(i, fast->hook));

	if (link < 0)
		return link;
	if (header_of(fast)->devices[side] == fast->devices[side] &&
	    bpf_link_update(link, program, NULL) == 0) {
		fast->links[i] = link;
		return 0;
	}
	/* The device is another one, or gone. */
	(void)close(link);
	pins_remove(&fast->pins, name_at(i, fast->hook));
	return -ENOENT;
}

static int attach_one(struct fast *fast, unsigned i)
{
	const bool xdp = fast->hook == FAST_XDP && !places[i].leaving;
	const int program = fast_program(fast, name_at(i, fast->hook));
	const enum bpf_attach_type type = xdp ? BPF_XDP
	    : places[i].leaving               ? FAST_TCX_EGRESS
					      : FAST_TCX_INGRESS;
	const struct bpf_link_create_opts options = {
	    .sz = sizeof(options), .flags = xdp ? XDP_FLAGS_DRV_MODE : 0};

	if (program < 0)
		return program;
	if (take_over(fast, i, program) == 0)
		return 0;
	fast->links[i] = bpf_link_create(
	    program, (int)fast->devices[places[i].side], type, &options);
	return fast->links[i] < 0
	    ? -errno
	    : pins_put(&fast->pins, name_at(i, fast->hook), fast->links[i]);
}

/* Of the hook that was chosen before. */
static void detach_other_hook(const struct fast *fast)
{
	const enum fast_hook other =
	    fast->hook == FAST_XDP ? FAST_TC : FAST_XDP;

	for (unsigned i = 0; i < FAST_LINKS; i++)
		if (!places[i].leaving)
			pins_remove(&fast->pins, name_at(i, other));
}

int fast_attach(struct fast *fast, struct error *error)
{
	const enum fast_hook hook = fast->hook;

	for (unsigned i = 0; i < FAST_LINKS; i++) {
		char name[IF_NAMESIZE] = "?";
		const int code = attach_one(fast, i);

		if (code == 0)
			continue;
		(void)if_indextoname(fast->devices[places[i].side], name);
		fast_detach(fast);
		return error_set(error, code, "no %s program on %s: %s",
		    hook == FAST_XDP && !places[i].leaving ? "XDP" : "tc", name,
		    strerror(-code));
	}
	detach_other_hook(fast);
	memcpy(header_of(fast)->devices, fast->devices, sizeof(fast->devices));
	return 0;
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
	for (unsigned i = FAST_LINKS; i-- > 0;)
		pins_remove(&fast->pins, name_at(i, fast->hook));
	links_close(fast);
}

void fast_detach(struct fast *fast)
{
	/* Programs first: without them nobody looks at the tables. */
	detach(fast);
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
