/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/fragment.h"

void fragments_init(struct fragments *fragments, struct arena *arena,
    uint32_t max, const uint8_t seed[16], tick now)
{
	memset(fragments, 0, sizeof *fragments);
	fragments->max = max;
	fragments->chunk_max = 2 * max;
	fragments->datagrams =
	    arena_take(arena, (size_t)max + 1, sizeof *fragments->datagrams);
	fragments->chunks = arena_take(
	    arena, (size_t)fragments->chunk_max + 1, sizeof *fragments->chunks);
	fragments->whole = arena_take(arena, FRAGMENT_MAX, 1);
	index_init(&fragments->index, arena, max, max);
	hash_seed_init(&fragments->seed, seed);
	if (fragments->datagrams != NULL)
		wheel_init(&fragments->wheel, &fragments->datagrams[0].timer,
		    sizeof *fragments->datagrams, now);
}

static struct key datagram_key(const struct view *view)
{
	return (struct key){
	    .protocol = view->protocol,
	    .kind = KEY_FRAGMENT,
	    .extra = load_be16(view->ip + IP4_ID).raw,
	    .local = view_source(view),
	    .remote = view_destination(view),
	    .ids.raw = view->side,
	};
}

static bool same_datagram(const void *of, uint32_t number, const void *want)
{
	const struct fragments *fragments = of;

	return memcmp(&fragments->datagrams[number].key, want,
		   sizeof(struct key)) == 0;
}

uint32_t fragment_datagram(
    struct fragments *fragments, const struct view *view, tick expires)
{
	const struct key key = datagram_key(view);
	const uint64_t hash = key_hash(&fragments->seed, &key);
	uint32_t number =
	    index_find(&fragments->index, hash, same_datagram, fragments, &key);
	struct datagram *datagram;

	if (number != 0)
		return number;
	if (fragments->free != 0) {
		number = fragments->free;
		fragments->free = fragments->datagrams[number].next;
	} else if (fragments->highest < fragments->max) {
		number = ++fragments->highest;
	} else {
		return 0;
	}
	datagram = &fragments->datagrams[number];
	*datagram = (struct datagram){
	    .key = key,
	    .fate.verdict = SPINAT_HELD,
	};
	if (!index_insert(&fragments->index, hash, number)) {
		datagram->next = fragments->free;
		fragments->free = number;
		return 0;
	}
	wheel_arm(&fragments->wheel, number, expires);
	return number;
}

static uint32_t chunk_take(struct fragments *fragments)
{
	uint32_t number = fragments->chunk_free;

	if (number != 0)
		fragments->chunk_free = fragments->chunks[number].next_held;
	else if (fragments->chunk_highest < fragments->chunk_max)
		number = ++fragments->chunk_highest;
	else
		return 0;
	fragments->chunks[number].next = 0;
	fragments->chunks[number].next_held = 0;
	return number;
}

static void chunks_put_back(struct fragments *fragments, uint32_t first)
{
	while (first != 0) {
		struct fragment_chunk *chunk = &fragments->chunks[first];
		const uint32_t next = chunk->next;
		chunk->next_held = fragments->chunk_free;
		fragments->chunk_free = first;
		first = next;
	}
}

/* Copies a packet into a chain of chunks; 0: no room. */
static uint32_t chunks_fill(
    struct fragments *fragments, const uint8_t *packet, uint32_t length)
{
	uint32_t first = 0, last = 0;

	for (uint32_t done = 0; done < length;) {
		const uint32_t number = chunk_take(fragments);
		const uint32_t part = length - done < FRAGMENT_CHUNK
		    ? length - done
		    : FRAGMENT_CHUNK;
		if (number == 0) {
			chunks_put_back(fragments, first);
			return 0;
		}
		memcpy(fragments->chunks[number].data, packet + done, part);
		done += part;
		if (first == 0) {
			first = number;
			fragments->chunks[first].length = length;
		} else {
			fragments->chunks[last].next = number;
		}
		last = number;
	}
	return first;
}

bool fragment_hold(struct fragments *fragments, uint32_t number,
    const uint8_t *packet, uint32_t length)
{
	struct datagram *datagram = &fragments->datagrams[number];
	uint32_t *tail = &datagram->held;
	uint32_t first;

	/* One sender may not fill the pool with a datagram that no stack
	 * would put together: 64 KiB in fragments of a usual size. */
	if (datagram->held_count >= 64 || length > FRAGMENT_MAX)
		return false;
	first = chunks_fill(fragments, packet, length);
	if (first == 0)
		return false;
	while (*tail != 0)
		tail = &fragments->chunks[*tail].next_held;
	*tail = first;
	datagram->held_count++;
	fragments->held++;
	return true;
}

uint32_t fragment_take(struct fragments *fragments, uint32_t number)
{
	struct datagram *datagram = &fragments->datagrams[number];
	const uint32_t first = datagram->held;
	uint32_t length, done = 0;

	if (first == 0)
		return 0;
	length = fragments->chunks[first].length;
	for (uint32_t at = first; at != 0; at = fragments->chunks[at].next) {
		const uint32_t part = length - done < FRAGMENT_CHUNK
		    ? length - done
		    : FRAGMENT_CHUNK;
		memcpy(
		    fragments->whole + done, fragments->chunks[at].data, part);
		done += part;
	}
	datagram->held = fragments->chunks[first].next_held;
	datagram->held_count--;
	fragments->held--;
	chunks_put_back(fragments, first);
	return length;
}

void fragment_end(struct fragments *fragments, uint32_t number)
{
	struct datagram *datagram = &fragments->datagrams[number];

	ENSURE(datagram->held == 0);
	wheel_cancel(&fragments->wheel, number);
	index_remove(&fragments->index,
	    key_hash(&fragments->seed, &datagram->key), number);
	datagram->next = fragments->free;
	fragments->free = number;
}
