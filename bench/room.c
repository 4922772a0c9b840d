/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench/room.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "fast/fast.h"

#define HUGE_PAGE ((size_t)2 << 20)

void *room_map(size_t size, enum room_kind kind)
{
	uint8_t *memory = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	memory += (HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE) % HUGE_PAGE;
	(void)madvise(
	    memory, size, kind == ROOM_SMALL ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	/* As the daemon does: no packet waits for a page to be cleared. */
	memset(memory, 0, size);
	return memory;
}

static int make_own(
    struct room *room, size_t size, enum room_kind kind, struct error *error)
{
	room->size = size;
	room->base = room_map(size, kind);
	return room->base == NULL
	    ? error_set(error, -errno, "no memory: %s", strerror(errno))
	    : 0;
}

static int make_shared(struct room *room, struct spinat **engine,
    const struct spinat_config *config, spinat_time now, struct error *error)
{
	struct spinat_memory memory = {0};
	struct fast_found found;
	int code = spinat_region_sizes(config, memory.size);

	if (code == 0)
		code = fast_open(
		    &room->fast, config, NULL, &memory, &found, error);
	if (code == 0)
		code = make_own(
		    room, memory.size[SPINAT_REGION_ENGINE], ROOM_HUGE, error);
	memory.base[SPINAT_REGION_ENGINE] = room->base;
	return code != 0 ? code
			 : spinat_create_shared(engine, config, &memory, now);
}

int room_make(struct room *room, struct spinat **engine, enum room_kind kind,
    const struct spinat_config *config, spinat_time now, struct error *error)
{
	int code;

	*room = (struct room){0};
	if (kind == ROOM_MAPS) {
		code = make_shared(room, engine, config, now, error);
	} else {
		code = make_own(room, spinat_memory_size(config), kind, error);
		if (code == 0)
			code = spinat_create(
			    engine, config, room->base, room->size, now);
	}
	if (code != 0)
		room_free(room);
	return code;
}

void room_free(struct room *room)
{
	if (room->base != NULL)
		(void)munmap(room->base, room->size);
	fast_close(room->fast);
	*room = (struct room){0};
}
