/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of the journal: what goes in comes out, and files that are not ours
 * to write.  Damaged ones are in test_store_damaged.c.
 */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/clock.h"

static void test_what_goes_in_comes_out(void **state)
{
	struct row_time written = store_now();
	struct store *store = open_store();
	struct store_contents contents;
	struct stat status;
	struct error error;
	(void)state;

	contents = read_rows(store);
	assert_int_equal(contents.rows, 0);
	assert_true(contents.newest == 0);
	written.up -= 5 * SPINAT_SECOND;
	write_rows(store, ROWS, written);
	store_close(store);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	store = open_store();
	contents = read_rows(store);
	assert_int_equal(contents.rows, ROWS);
	assert_int_equal(contents.bad, 0);
	assert_true(contents.newest == written.wall);
	for (unsigned i = 0; i < taken.count; i++) {
		const struct spinat_memo *memo = &taken.memos[i];
		assert_memo(memo, 5);
		/* The most recently active first. */
		assert_int_equal(memo->id, i + 1);
	}
	/* Later ones replace, ends delete. */
	assert_int_equal(store_begin(store, false, &error), 0);
	for (uint32_t n = 1; n <= ROWS; n++) {
		struct spinat_memo memo = memo_of(n);
		memo.gone = n % 2 == 0;
		memo.packets[0] = 77;
		written = store_now();
		assert_int_equal(store_put(store, &memo, &written, &error), 0);
	}
	assert_int_equal(store_commit(store, &error), 0);
	assert_int_equal(read_rows(store).rows, ROWS / 2);
	for (unsigned i = 0; i < taken.count; i++)
		assert_true(taken.memos[i].packets[0] == 77);
	store_close(store);
	assert_int_equal(count_aside("*", NULL), 0);
}

/* Until it is committed, the file is what it was: also over a crash. */
static void test_half_a_transaction_is_none(void **state)
{
	const struct row_time written = store_now();
	struct store *store = open_store();
	struct error error;
	pid_t child;
	int status;
	(void)state;

	write_rows(store, ROWS, written);
	store_close(store);
	child = fork();
	if (child == 0) {
		const struct spinat_memo memo = memo_of(5000);
		store = open_store();
		if (store_begin(store, true, &error) != 0 ||
		    store_put(store, &memo, &written, &error) != 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store = open_store();
	assert_int_equal(read_rows(store).rows, ROWS);
	store_close(store);
	assert_int_equal(count_aside("*", NULL), 0);
}

/* Within a boot the clock that nobody sets; over a boot the other one, and
 * never backwards. */
static void test_time_that_passed(void **state)
{
	static const struct {
		double wall, up; /* seconds ago */
		bool booted;
		double expected;
	} cases[] = {
	    {3600, 5, false, 5},
	    {-3600, 5, false, 5},
	    {3600, 5, true, 3600},
	    {3600, -1e6, true, 3600},
	    {-3600, 5, true, 0},
	    {1e9, 0, true, 1e9},
	};
	(void)state;

	for (size_t c = 0; c < COUNT_OF(cases); c++) {
		struct row_time written = store_now();
		struct store *store = open_store();

		written.wall -= (spinat_time)(cases[c].wall * 1e9);
		written.up -= (spinat_time)(cases[c].up * 1e9);
		write_rows(store, 3, written);
		store_close(store);
		if (cases[c].booted)
			run_sql("UPDATE boot SET id='another'");
		store = open_store();
		assert_int_equal(read_rows(store).rows, 3);
		for (unsigned i = 0; i < taken.count; i++)
			assert_memo(&taken.memos[i], cases[c].expected);
		store_close(store);
	}
}

/* A transaction that cannot go on is given up as a whole, and the next one
 * works.  (test_journal.c has a disk that is full.) */
static void test_a_write_that_fails(void **state)
{
	struct store *store = open_store();
	const struct row_time written = store_now();
	const struct spinat_memo memo = memo_of(5000);
	struct error error = {""};
	(void)state;

	write_rows(store, ROWS, written);
	assert_int_equal(store_begin(store, true, &error), 0);
	assert_int_equal(store_put(store, &memo, &written, &error), 0);
	assert_int_equal(store_begin(store, false, &error), -EIO);
	assert_non_null(strstr(error.text, path));
	assert_int_equal(read_rows(store).rows, ROWS);
	write_rows(store, 7, written);
	assert_int_equal(read_rows(store).rows, 7);
	store_close(store);
}

/* For the record: ten thousand SAs. */
static void test_ten_thousand(void **state)
{
	struct store *store = open_store();
	spinat_time begin = clock_now(), wrote;
	(void)state;

	write_rows(store, 10000, store_now());
	wrote = clock_now();
	store_close(store);
	store = open_store();
	assert_int_equal(read_rows(store).rows, 10000);
	print_message("# 10000 rows: written in %d ms, checked and read in %d "
		      "ms\n",
	    (int)((wrote - begin) / CLOCK_NSEC_PER_MSEC),
	    (int)((clock_now() - wrote) / CLOCK_NSEC_PER_MSEC));
	store_close(store);
}

/* ------------------------------------------------- other people's files */

static void test_another_program_s_database_is_left_alone(void **state)
{
	uint8_t *before, *after;
	size_t length, size;
	struct stat status;
	(void)state;

	run_sql("CREATE TABLE precious (data); INSERT INTO precious VALUES(1)");
	assert_int_equal(chmod(path, 0644), 0);
	before = read_file(path, &length);
	assert_int_equal(open_fails(path), -EEXIST);
	after = read_file(path, &size);
	assert_int_equal(size, length);
	assert_memory_equal(before, after, length);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	assert_int_equal(count_aside("*", NULL), 0);
	free(before);
	free(after);
}

static void test_one_at_a_time(void **state)
{
	struct store *store = open_store();
	struct stat status;
	sqlite3 *database;
	int fd;
	(void)state;

	assert_int_equal(open_fails(path), -EBUSY);
	write_rows(store, 3, store_now());
	store_close(store);
	/* One that is just about to open it. */
	fd = open(path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(open_fails(path), -EBUSY);
	close(fd);
	/* A curious administrator with sqlite3(1). */
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
			     "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(open_fails(path), -EBUSY);
	sqlite3_close(database);
	assert_int_equal(count_aside("*", NULL), 0);
	/* Nobody else's from here on, whoever made it. */
	assert_int_equal(chmod(path, 0644), 0);
	store = open_store();
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(read_rows(store).rows, 3);
	store_close(store);
}

static void test_paths_that_cannot_be(void **state)
{
	char other[128];
	(void)state;

	snprintf(other, sizeof other, "%s/link", directory);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(open_fails(other), -ELOOP);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(open_fails(directory), -EISDIR);
	snprintf(other, sizeof other, "%s/a/b/c", directory);
	assert_int_equal(open_fails(other), -ENOENT);
	snprintf(other, sizeof other, "%s/pipe", directory);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(open_fails(other), -EINVAL);
	/* One level is made. */
	snprintf(path, sizeof path, "%s/new/journal.db", directory);
	store_close(open_store());
}

/* As somebody who may not write there; the error has this in it. */
static void assert_no_access(const char *part)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct error error;
		struct store *store;
		int result;

		if (getuid() == 0 && setuid(65534) != 0)
			_exit(1);
		result = store_open(&store, path, &error);
		_exit(result == -EACCES && strstr(error.text, part) ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_no_permission(void **state)
{
	(void)state;

	make_file();
	if (getuid() != 0)
		assert_int_equal(chmod(path, 0), 0);
	assert_no_access("");
	/* A damaged one that cannot be renamed: said, and not touched. */
	assert_int_equal(unlink(path), 0);
	write_file(path, "junk", 4);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(directory, 0555), 0);
	assert_no_access("damaged");
	assert_int_equal(chmod(directory, 0700), 0);
	assert_int_equal(count_aside("*", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORE_TEST(test_what_goes_in_comes_out),
	    STORE_TEST(test_half_a_transaction_is_none),
	    STORE_TEST(test_time_that_passed),
	    STORE_TEST(test_a_write_that_fails),
	    STORE_TEST(test_ten_thousand),
	    STORE_TEST(test_another_program_s_database_is_left_alone),
	    STORE_TEST(test_one_at_a_time),
	    STORE_TEST(test_paths_that_cannot_be),
	    STORE_TEST(test_no_permission),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
