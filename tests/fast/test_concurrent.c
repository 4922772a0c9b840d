/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine makes, ends and makes again flows in few records while a program
 * on another CPU looks them up and translates.  What it takes is always
 * translated as one flow says, never as two: the public port is that of the
 * packet (same_ports), and the checksums are right.
 */
#include "fast_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define FLOWS  8u
#define PORTS  24u
#define FIRST  20000u
#define ROUNDS 300

struct reader {
	struct bed *bed;
	bool stop;
	uint64_t taken, left, wrong;
	uint64_t by_address[2]; /* PUBLIC, PUBLIC2 */
};

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static void make_out(struct pkt *pkt, unsigned port)
{
	make_udp(pkt, INSIDE1, (uint16_t)(FIRST + port), REMOTE1, 53, "q", 1);
}

static void look(struct reader *reader, unsigned port)
{
	struct pkt pkt;
	uint32_t source;

	make_out(&pkt, port);
	if (fast_run_alone(reader->bed, SPINAT_INSIDE, &pkt) == LEFT) {
		reader->left++;
		return;
	}
	reader->taken++;
	source = source_of(&pkt);
	reader->by_address[0] += source == PUBLIC;
	reader->by_address[1] += source == PUBLIC2;
	if ((source != PUBLIC && source != PUBLIC2) ||
	    source_port(&pkt) != FIRST + port ||
	    !sums_are_right(pkt.data, pkt.length, 0))
		reader->wrong++;
}

static void *read_on(void *context)
{
	struct reader *reader = context;

	stay_on(1);
	for (unsigned i = 0; !__atomic_load_n(&reader->stop, __ATOMIC_ACQUIRE);
	     i++)
		look(reader, i % PORTS);
	return NULL;
}

/* All flows end at once with the address that they go through. */
static void renumber(struct nat *nat, uint32_t address)
{
	const spinat_be32 public = wire32(address);

	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, &public, 1), 0);
	nat->config.public_addresses[0] = public;
	nat_forget(nat);
}

static void one_round(struct bed *bed, unsigned round)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		struct pkt pkt;

		make_out(&pkt, (round * FLOWS + i) % PORTS);
		if (nat_send(bed->nat, SPINAT_INSIDE, &pkt) ==
		    SPINAT_TRANSLATED)
			fast_leaves(bed, SPINAT_OUTSIDE, &pkt);
	}
	(void)usleep(round % 4 * 500);
	renumber(bed->nat, round % 2 == 0 ? PUBLIC2 : PUBLIC);
	if (spinat_grace_begin(bed->nat->engine)) {
		assert_int_equal(fast_wait_grace(), 0);
		spinat_grace_end(bed->nat->engine);
	}
}

static void test_beside_each_other(void **state)
{
	struct spinat_config config;
	struct reader reader = {0};
	pthread_t thread;
	(void)state;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("skipped: there is one CPU only\n");
		skip();
	}
	nat_config(&config);
	config.same_ports = true;
	config.max_flows = config.max_spis = FLOWS;
	reader.bed = fast_start(&config);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
	for (unsigned round = 0; round < ROUNDS; round++)
		one_round(reader.bed, round);
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	print_message("# %llu taken (%llu and %llu), %llu left\n",
	    (unsigned long long)reader.taken,
	    (unsigned long long)reader.by_address[0],
	    (unsigned long long)reader.by_address[1],
	    (unsigned long long)reader.left);
	assert_int_equal(reader.wrong, 0);
	assert_true(reader.by_address[0] > 100 && reader.by_address[1] > 100);
	fast_stop(reader.bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FAST_BOTH(test_beside_each_other),
	};

	return cmocka_run_group_tests(tests, fast_make_namespace, NULL);
}
