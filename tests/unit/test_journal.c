/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal between engine and file: what the engine learns is in the file
 * soon after, without a stop; a stop writes all; a disk that fails is tried
 * again; nothing of it ever stands in the way.
 */
#include "nat_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/journal.h"
#include "daemon/store.h"

static char directory[64], path[96];
static struct event_base *base;

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/spinat-journal-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/journal.db", directory);
	base = event_base_new();
	assert_non_null(base);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;

	event_base_free(base);
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

static struct nat *start_nat(void)
{
	struct spinat_config config;

	nat_config(&config);
	config.max_flows = 40000;
	config.max_spis = config.max_ike = 20000;
	config.max_peers = 2000;
	config.events = 0;
	return nat_start_at(&config, clock_now());
}

static struct journal *open_journal(struct nat *nat)
{
	struct journal *journal = NULL;

	journal_open(&journal, path, nat->engine);
	return journal;
}

static void run_loop(long milliseconds)
{
	const struct timeval span = {
	    milliseconds / 1000, milliseconds % 1000 * 1000};

	(void)event_base_loopexit(base, &span);
	(void)event_base_dispatch(base);
}

static struct journal_stats stats_of(struct journal *journal)
{
	struct journal_stats stats;

	journal_get_stats(journal, &stats);
	return stats;
}

/* Runs until so many rows were written since the start; patiently, for the disk
 * and the processor may be busy with something else. */
static bool is_written(struct journal *journal, uint64_t rows)
{
	for (int i = 0; i < 600 && stats_of(journal).rows < rows; i++)
		run_loop(100);
	return stats_of(journal).rows == rows;
}

/* `count` SPIs outward, thirty a host. */
static void learn(struct nat *nat, uint32_t first, uint32_t count)
{
	struct pkt pkt;

	nat->now = clock_now();
	for (uint32_t i = first; i < first + count; i++) {
		make_esp(&pkt, INSIDE1 + i / 30, REMOTE1, 0x1000 + i, i + 1);
		nat_cross(nat, SPINAT_INSIDE, &pkt);
	}
}

/* How many flows the next engine would begin with. */
static unsigned count_back(void)
{
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	const unsigned flows = nat_stats(nat).flows;

	assert_non_null(journal);
	journal_close(journal);
	nat_stop(nat);
	return flows;
}

/* Which of them came back. */
static void assert_back(uint32_t count)
{
	assert_int_equal(count_back(), count);
}

static void test_a_stop_writes_all(void **state)
{
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	(void)state;

	assert_non_null(journal);
	journal_start(journal, base);
	learn(nat, 0, 7000);
	/* No turn of the loop at all. */
	journal_close(journal);
	nat_stop(nat);
	assert_back(7000);
	/* And again, from what came back, with more. */
	nat = start_nat();
	journal = open_journal(nat);
	journal_start(journal, base);
	learn(nat, 6990, 20);
	journal_close(journal);
	nat_stop(nat);
	assert_back(7010);
}

/* In a child that ends without a word. */
static void test_a_crash_loses_the_last_moment_only(void **state)
{
	(void)state;
	for (int generation = 0; generation < 3; generation++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct nat *nat = start_nat();
			struct journal *journal = open_journal(nat);
			journal_start(journal, base);
			event_reinit(base);
			learn(nat, (uint32_t)generation * 2000, 2000);
			if (!is_written(
				journal, (uint64_t)(generation + 1) * 2000))
				_exit(1);
			learn(nat, 10000, 500); /* too late */
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_back((uint32_t)(generation + 1) * 2000);
	}
}

/* What ends is gone from the file. */
static void test_what_ends_is_deleted(void **state)
{
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	const spinat_be32 other = wire32(PUBLIC2);
	(void)state;

	journal_start(journal, base);
	learn(nat, 0, 1000);
	assert_true(is_written(journal, 1000));
	assert_int_equal(
	    spinat_set_public(nat->engine, nat->now, &other, 1), 0);
	nat->config.public_addresses[0] = other;
	run_loop(400);
	journal_close(journal);
	nat_stop(nat);
	assert_back(0);
}

/* One that was opened and not started is left as it is: a start that fails
 * later must not cost the state. */
static void test_a_failed_start_leaves_it(void **state)
{
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	(void)state;

	journal_start(journal, base);
	learn(nat, 0, 100);
	journal_close(journal);
	nat_stop(nat);
	for (int i = 0; i < 3; i++)
		assert_back(100);
}

/* What did not come back is not in the file any more, once it was started: an
 * old address that returns finds nothing. */
static void test_what_did_not_come_back_is_gone(void **state)
{
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	struct spinat_config config = nat->config;
	(void)state;

	journal_start(journal, base);
	learn(nat, 0, 100);
	journal_close(journal);
	nat_stop(nat);
	config.public_addresses[0] = wire32(PUBLIC2);
	for (int i = 0; i < 2; i++) {
		nat = nat_start_at(&config, clock_now());
		journal = open_journal(nat);
		assert_int_equal(nat_stats(nat).flows, 0);
		journal_start(journal, base);
		/* A turn of the loop, or only the stop. */
		if (i == 0)
			run_loop(300);
		journal_close(journal);
		nat_stop(nat);
		assert_back(0);
	}
	/* Whatever is older than the boot has a time that is one. */
	assert_true(clock_now() > 365 * 24 * 3600 * SPINAT_SECOND);
}

/* What is told of it. */
static void test_stats(void **state)
{
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	struct journal_stats stats = stats_of(journal);
	struct spinat_config config = nat->config;
	const spinat_time begin = clock_now();
	(void)state;

	assert_true(stats.rows == 0 && stats.written == 0 && stats.back == 0);
	journal_start(journal, base);
	learn(nat, 0, 3000);
	assert_true(is_written(journal, 3000));
	stats = stats_of(journal);
	assert_int_equal(stats.errors, 0);
	assert_false(stats.is_behind);
	assert_in_range(stats.written, begin, clock_now());
	learn(nat, 3000, 1);
	assert_true(is_written(journal, 3001));
	assert_true(stats_of(journal).written > stats.written);
	journal_close(journal);
	nat_stop(nat);
	/* Room for the last 50 associations, of which the very last has one
	 * SPI and the others thirty; ... */
	config.max_peers = 50;
	nat = nat_start_at(&config, clock_now());
	journal = open_journal(nat);
	stats = stats_of(journal);
	assert_int_equal(stats.back, 49 * 30 + 1);
	assert_int_equal(stats.no_room, 51 * 30);
	assert_int_equal(stats.run_out + stats.elsewhere + stats.damaged, 0);
	journal_close(journal);
	nat_stop(nat);
	/* ... of another address; ... */
	config.public_addresses[0] = wire32(PUBLIC2);
	nat = nat_start_at(&config, clock_now());
	journal = open_journal(nat);
	stats = stats_of(journal);
	assert_int_equal(stats.elsewhere, 3001);
	assert_int_equal(stats.back + stats.no_room, 0);
	journal_close(journal);
	nat_stop(nat);
	/* ... too late. */
	config.public_addresses[0] = wire32(PUBLIC);
	config.timeouts[SPINAT_TIMEOUT_ESP_UNPAIRED] = SPINAT_SECOND;
	run_loop(2000);
	nat = nat_start_at(&config, clock_now());
	journal = open_journal(nat);
	stats = stats_of(journal);
	assert_int_equal(stats.run_out, 3001);
	assert_int_equal(stats.back, 0);
	journal_close(journal);
	nat_stop(nat);
}

static void test_without_a_file(void **state)
{
	struct nat *nat = start_nat();
	struct journal *journal = NULL;
	(void)state;

	journal_open(&journal, "/proc/nowhere/journal.db", nat->engine);
	assert_null(journal);
	journal_start(journal, base);
	journal_close(journal);
	nat_stop(nat);
}

/* Files can grow no more: what cannot be written is thrown away, what was in
 * the file stays, the packets go on; at the stop it is tried once more, by
 * which time there may be room. */
static void test_a_full_disk(void **state)
{
	struct rlimit before, tight = {.rlim_cur = 0};
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	(void)state;

	journal_start(journal, base);
	learn(nat, 0, 50);
	assert_true(is_written(journal, 50));
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	learn(nat, 50, 3000);
	for (int i = 0; i < 600 && stats_of(journal).errors == 0; i++)
		run_loop(100);
	learn(nat, 3050, 3000);
	run_loop(300);
	assert_int_equal(nat_stats(nat).flows, 6050);
	assert_int_equal(stats_of(journal).rows, 50);
	assert_int_equal(stats_of(journal).errors, 1);
	assert_true(stats_of(journal).is_behind);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	journal_close(journal);
	nat_stop(nat);
	assert_back(6050);
}

/* And if there is none even then, what was in the file before is still there,
 * with as much of the rest as still found room. */
static void test_a_disk_that_stays_full(void **state)
{
	struct rlimit before, tight = {.rlim_cur = 64 << 10};
	struct nat *nat = start_nat();
	struct journal *journal = open_journal(nat);
	(void)state;

	journal_start(journal, base);
	learn(nat, 0, 50);
	assert_true(is_written(journal, 50));
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	learn(nat, 50, 6000);
	run_loop(300);
	journal_close(journal);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	nat_stop(nat);
	assert_in_range(count_back(), 50, 6049);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_stop_writes_all),
	    TEST(test_a_crash_loses_the_last_moment_only),
	    TEST(test_what_ends_is_deleted),
	    TEST(test_a_failed_start_leaves_it),
	    TEST(test_what_did_not_come_back_is_gone),
	    TEST(test_stats),
	    TEST(test_without_a_file),
	    TEST(test_a_full_disk),
	    TEST(test_a_disk_that_stays_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
