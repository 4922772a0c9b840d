/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/remote.h"

void remotes_init(struct remotes *remotes, struct arena *arena, uint32_t max,
    const uint8_t seed[16])
{
	memset(remotes, 0, sizeof *remotes);
	remotes->max = max;
	remotes->remotes =
	    arena_take(arena, (size_t)max + 1, sizeof *remotes->remotes);
	index_init(&remotes->index, arena, max, max);
	hash_seed_init(&remotes->seed, seed);
}

static struct key key_of(be32 public_address, be32 address)
{
	return (struct key){
	    .kind = KEY_REMOTE,
	    .local = public_address,
	    .remote = address,
	};
}

static bool same(const void *of, uint32_t number, const void *want)
{
	const struct remote *remote =
	    &((const struct remotes *)of)->remotes[number];
	const struct key *key = want;

	return be32_equal(remote->public_address, key->local) &&
	    be32_equal(remote->address, key->remote);
}

uint32_t remote_find(
    const struct remotes *remotes, be32 public_address, be32 address)
{
	const struct key key = key_of(public_address, address);

	return index_find(&remotes->index, key_hash(&remotes->seed, &key), same,
	    remotes, &key);
}

uint32_t remote_open(
    struct remotes *remotes, be32 public_address, be32 address, tick now)
{
	const struct key key = key_of(public_address, address);
	const uint64_t hash = key_hash(&remotes->seed, &key);
	uint32_t number =
	    index_find(&remotes->index, hash, same, remotes, &key);
	struct remote *remote;

	if (number != 0)
		return number;
	if (remotes->free != 0) {
		number = remotes->free;
		remotes->free = remotes->remotes[number].peers;
	} else if (remotes->highest < remotes->max) {
		number = ++remotes->highest;
	} else {
		return 0;
	}
	remote = &remotes->remotes[number];
	*remote = (struct remote){
	    .public_address = public_address,
	    .address = address,
	};
	bucket_fill(&remote->unknown, REMOTE_UNKNOWN, now);
	bucket_fill(&remote->reserve, REMOTE_RESERVE, now);
	bucket_fill(&remote->copies, REMOTE_COPIES, now);
	bucket_fill(&remote->ike, REMOTE_IKE, now);
	if (index_insert(&remotes->index, hash, number))
		return number;
	remote->peers = remotes->free;
	remotes->free = number;
	return 0;
}

void remote_close_if_empty(struct remotes *remotes, uint32_t number)
{
	struct remote *remote = &remotes->remotes[number];
	const struct key key = key_of(remote->public_address, remote->address);

	if (remote->peer_count != 0)
		return;
	ENSURE(remote->probation_count == 0);
	remotes->singles -= remote->single.recognised;
	index_remove(&remotes->index, key_hash(&remotes->seed, &key), number);
	remote->peers = remotes->free;
	remotes->free = number;
}
