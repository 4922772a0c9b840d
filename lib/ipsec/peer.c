/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipsec/peer.h"

void peers_init(struct peers *peers, struct arena *arena, uint32_t max,
    const uint8_t seed[16])
{
	memset(peers, 0, sizeof *peers);
	peers->max = max;
	peers->peers = arena_take(arena, (size_t)max + 1, sizeof *peers->peers);
	index_init(&peers->by_pair, arena, max, max);
	index_init(&peers->by_port, arena, max, max);
	remotes_init(&peers->remotes, arena, max, seed);
	hash_seed_init(&peers->seed, seed);
}

static struct key pair_key(be32 inside, be32 public_address, be32 remote)
{
	return (struct key){
	    .kind = KEY_PEER,
	    .local = inside,
	    .remote = remote,
	    .ids.raw = public_address.raw,
	};
}

static bool same_pair(const void *of, uint32_t number, const void *want)
{
	const struct peer *peer = &((const struct peers *)of)->peers[number];
	const struct key *key = want;

	return be32_equal(peer->inside, key->local) &&
	    be32_equal(peer->remote, key->remote) &&
	    peer->public_address.raw == key->ids.raw;
}

uint32_t peer_find(
    const struct peers *peers, be32 inside, be32 public_address, be32 remote)
{
	const struct key key = pair_key(inside, public_address, remote);

	return index_find(&peers->by_pair, key_hash(&peers->seed, &key),
	    same_pair, peers, &key);
}

static struct key port_key(be32 public_address, be32 remote, be16 port)
{
	return (struct key){
	    .kind = KEY_IKE_PORT,
	    .local = public_address,
	    .remote = remote,
	    .ids.port.local = port,
	};
}

static uint64_t hash_of_port(const struct peers *peers, const struct peer *peer)
{
	const struct key key =
	    port_key(peer->public_address, peer->remote, peer->port);

	return key_hash(&peers->seed, &key);
}

static bool same_port(const void *of, uint32_t number, const void *want)
{
	const struct peer *peer = &((const struct peers *)of)->peers[number];
	const struct key *key = want;

	return be32_equal(peer->public_address, key->local) &&
	    be32_equal(peer->remote, key->remote) &&
	    be16_equal(peer->port, key->ids.port.local);
}

uint32_t peer_find_port(
    const struct peers *peers, be32 public_address, be32 remote, be16 port)
{
	const struct key key = port_key(public_address, remote, port);

	return index_find(&peers->by_port, key_hash(&peers->seed, &key),
	    same_port, peers, &key);
}

bool peer_set_port(struct peers *peers, uint32_t number, be16 port)
{
	struct peer *peer = &peers->peers[number];

	ENSURE(peer->port.raw == 0 && port.raw != 0);
	peer->port = port;
	if (index_insert(&peers->by_port, hash_of_port(peers, peer), number))
		return true;
	peer->port.raw = 0;
	return false;
}

void peer_clear_port(struct peers *peers, uint32_t number)
{
	struct peer *peer = &peers->peers[number];

	ENSURE(peer->port.raw != 0);
	index_remove(&peers->by_port, hash_of_port(peers, peer), number);
	peer->port.raw = 0;
}

uint32_t peer_first_of(
    const struct peers *peers, be32 public_address, be32 remote)
{
	const uint32_t number =
	    remote_find(&peers->remotes, public_address, remote);

	return number == 0 ? 0 : peers->remotes.remotes[number].peers;
}

unsigned peer_count_of(
    const struct peers *peers, be32 public_address, be32 remote)
{
	const uint32_t number =
	    remote_find(&peers->remotes, public_address, remote);

	return number == 0 ? 0 : peers->remotes.remotes[number].peer_count;
}

bool peer_only_own(const struct peers *peers, be32 public_address, be32 remote)
{
	const uint32_t first = peer_first_of(peers, public_address, remote);

	return first != 0 && peers->peers[first].next == 0 &&
	    peer_is_own(&peers->peers[first]);
}

/* Enters a new one at the head of its remote's list. */
static bool enlist(struct peers *peers, uint32_t number, tick now)
{
	struct peer *peer = &peers->peers[number];
	struct remote *remote;

	peer->of = remote_open(
	    &peers->remotes, peer->public_address, peer->remote, now);
	if (peer->of == 0)
		return false;
	remote = &peers->remotes.remotes[peer->of];
	peer->next = remote->peers;
	remote->peers = number;
	remote->peer_count++;
	return true;
}

static void delist(struct peers *peers, uint32_t number)
{
	const struct peer *peer = &peers->peers[number];
	struct remote *remote = &peers->remotes.remotes[peer->of];
	uint32_t *link = &remote->peers;

	while (*link != number)
		link = &peers->peers[*link].next;
	*link = peer->next;
	remote->peer_count--;
	remote_close_if_empty(&peers->remotes, peer->of);
}

uint32_t peer_open(struct peers *peers, be32 inside, be32 public_address,
    be32 remote, tick now)
{
	const struct key key = pair_key(inside, public_address, remote);
	const uint64_t hash = key_hash(&peers->seed, &key);
	uint32_t number =
	    index_find(&peers->by_pair, hash, same_pair, peers, &key);
	struct peer *peer;

	if (number != 0)
		return number;
	if (peers->free != 0) {
		number = peers->free;
		peers->free = peers->peers[number].next;
	} else if (peers->highest < peers->max) {
		number = ++peers->highest;
	} else {
		return 0;
	}
	peer = &peers->peers[number];
	*peer = (struct peer){
	    .inside = inside,
	    .public_address = public_address,
	    .remote = remote,
	    .live = 1,
	    .created = now,
	};
	if (!index_insert(&peers->by_pair, hash, number))
		goto full;
	if (!enlist(peers, number, now)) {
		index_remove(&peers->by_pair, hash, number);
		goto full;
	}
	peers->live++;
	return number;
full:
	peer->live = 0;
	peer->next = peers->free;
	peers->free = number;
	return 0;
}

void peer_set_astray(struct peers *peers, uint32_t number)
{
	peers->astray += !peers->peers[number].astray;
	peers->peers[number].astray = 1;
}

void peer_close_if_empty(struct peers *peers, uint32_t number)
{
	struct peer *peer = &peers->peers[number];
	const struct key key =
	    pair_key(peer->inside, peer->public_address, peer->remote);

	if (peer->out_count + peer->in_count + peer->ike_count != 0)
		return;
	delist(peers, number);
	index_remove(&peers->by_pair, key_hash(&peers->seed, &key), number);
	peers->astray -= peer->astray;
	peer->live = 0;
	peer->next = peers->free;
	peers->free = number;
	peers->live--;
}
