/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key hash on the keys that networks really have: ports and addresses that
 * count up.  Full buckets are what hurts, so that is what is counted.
 */
#include "common.h"

#include "flow/index.h"
#include "flow/key.h"

#define KEYS (1u << 18)

static void seed_from(struct hash_seed *seed, uint8_t number)
{
	const uint8_t bytes[16] = {number, 0x5a, 3, 0, 0, 9};

	hash_seed_init(seed, bytes);
}

typedef struct key make_key(uint32_t number);

static struct key count_local_port(uint32_t n)
{
	return (struct key){.protocol = 17,
	    .local = be32_from_host(0x0a000001 + n / 60000),
	    .remote = be32_from_host(0x08080808),
	    .ids.port = {be16_from_host((uint16_t)(1024 + n % 60000)),
		be16_from_host(53)}};
}

static struct key count_remote_port(uint32_t n)
{
	return (struct key){.protocol = 6,
	    .kind = 1,
	    .local = be32_from_host(0xcb007101),
	    .remote = be32_from_host(0x2d000000 + n / 65536),
	    .ids.port = {be16_from_host(443), be16_from_host((uint16_t)n)}};
}

static struct key count_address(uint32_t n)
{
	return (struct key){.protocol = 17,
	    .local = be32_from_host(0x0a000000 + n),
	    .remote = be32_from_host(0x08080808),
	    .ids.port = {be16_from_host(500), be16_from_host(500)}};
}

static struct key count_address_in_wire_order(uint32_t n)
{
	return (struct key){.protocol = 50, .local = {n}, .remote = {~n}};
}

static struct key count_spi(uint32_t n)
{
	return (struct key){.protocol = 50,
	    .kind = 3,
	    .local = be32_from_host(0xcb007101),
	    .remote = be32_from_host(0xc6336401),
	    .ids.spi = be32_from_host(0xc0000000 + n)};
}

static struct key symmetric(uint32_t n)
{
	return (struct key){.protocol = 6,
	    .local = be32_from_host(0x0a000000 + n),
	    .remote = be32_from_host(0x0a000000 + n),
	    .ids.port = {
		be16_from_host((uint16_t)n), be16_from_host((uint16_t)n)}};
}

/* Only one of the 32 high bits of a word differs: what a weak low half shows */
static struct key count_high_bits(uint32_t n)
{
	return (struct key){
	    .protocol = 6, .local = {n << 14}, .remote = {n << 3}};
}

static make_key *const structures[] = {count_local_port, count_remote_port,
    count_address, count_address_in_wire_order, count_spi, symmetric,
    count_high_bits};

/* With 8 keys a bucket on average, Poisson has a bucket of more than 32 once
 * in 2^18 keys with a probability under 1e-5. */
static void test_buckets_and_tags(void **state)
{
	const uint32_t buckets = KEYS / 8;
	uint16_t *load = test_memory(buckets * sizeof *load);
	uint32_t *tags = test_memory(sizeof *tags * 1024);
	(void)state;

	for (size_t s = 0; s < COUNT_OF(structures); s++)
		for (uint8_t number = 0; number < 4; number++) {
			struct hash_seed seed;
			double chi = 0, chi_tags = 0;

			seed_from(&seed, number);
			memset(load, 0, buckets * sizeof *load);
			memset(tags, 0, sizeof *tags * 1024);
			for (uint32_t n = 0; n < KEYS; n++) {
				const struct key key = structures[s](n);
				const uint64_t hash = key_hash(&seed, &key);
				load[(hash >> 32) * buckets >> 32]++;
				tags[(uint32_t)hash >> 22]++;
			}
			for (uint32_t b = 0; b < buckets; b++) {
				assert_true(load[b] <= 32);
				chi += (load[b] - 8.0) * (load[b] - 8.0) / 8.0;
			}
			for (uint32_t t = 0; t < 1024; t++)
				chi_tags += (tags[t] - 256.0) *
				    (tags[t] - 256.0) / 256.0;
			/* Not lumpier than chance; evener is welcome. */
			assert_true(chi < buckets * 1.10);
			assert_true(chi_tags < 1024 * 1.35);
		}
	free(load);
	free(tags);
}

/* Each bit of the key flips each bit of the hash about half of the time. */
static void test_avalanche(void **state)
{
	uint64_t random = 7;
	(void)state;

	for (unsigned bit = 0; bit < 128; bit++) {
		unsigned flips[64] = {0};
		const unsigned rounds = 4096;

		for (unsigned round = 0; round < rounds; round++) {
			struct hash_seed seed;
			uint32_t words[4];
			uint64_t change;
			uint8_t bytes[16];

			for (int i = 0; i < 4; i++)
				words[i] = (uint32_t)test_random(&random);
			for (int i = 0; i < 16; i++)
				bytes[i] = (uint8_t)test_random(&random);
			hash_seed_init(&seed, bytes);
			change = hash_words(
			    &seed, words[0], words[1], words[2], words[3]);
			words[bit / 32] ^= UINT32_C(1) << bit % 32;
			change ^= hash_words(
			    &seed, words[0], words[1], words[2], words[3]);
			for (int i = 0; i < 64; i++)
				flips[i] += (unsigned)(change >> i) & 1u;
		}
		for (int i = 0; i < 64; i++)
			assert_in_range(
			    flips[i], rounds * 38 / 100, rounds * 62 / 100);
	}
}

/* Keys that collide under one seed do not under the next: nobody can find them
 * from outside. */
static void test_collisions_do_not_outlive_the_seed(void **state)
{
	const uint32_t buckets = 1024, wanted = 64;
	struct key found[64];
	struct hash_seed seed;
	uint32_t count = 0, together = 0;
	(void)state;

	seed_from(&seed, 1);
	for (uint32_t n = 0; count < wanted; n++) {
		const struct key key = count_spi(n);
		if ((key_hash(&seed, &key) >> 32) * buckets >> 32 == 5)
			found[count++] = key;
	}
	seed_from(&seed, 2);
	for (uint32_t i = 1; i < wanted; i++)
		together +=
		    (key_hash(&seed, &found[i]) >> 32) * buckets >> 32 ==
		    (key_hash(&seed, &found[0]) >> 32) * buckets >> 32;
	assert_true(together < 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_buckets_and_tags),
	    cmocka_unit_test(test_avalanche),
	    cmocka_unit_test(test_collisions_do_not_outlive_the_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
