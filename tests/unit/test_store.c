/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of the journal: what goes in comes out, and whatever happened to the
 * file, it opens, and nothing comes out that did not go in.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/store.h"
#include "tests/wire.h"

#define ROWS 60u

static char directory[64], path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/spinat-store-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/journal.db", directory);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;

	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

/* ------------------------------------------------------------- the rows */

/* The n-th of any number of memos, all different. */
static struct spinat_memo memo_of(uint32_t n)
{
	struct spinat_memo memo = {
	    .id = n,
	    .kind = (uint8_t)(n % SPINAT_MEMO_KINDS),
	    .state = (uint8_t)(n % 7),
	    .hairpin = n % 5 == 0,
	    .inside.raw = 0x0100000a + (n << 24),
	    .public_address.raw = 0x017100cb,
	    .remote.raw = 0x016433c6 ^ n << 8,
	    .age = (spinat_time)(1000 + n) * SPINAT_SECOND,
	    .idle = {n % 2 == 0 ? SPINAT_NEVER : n * SPINAT_SECOND,
		(n + 1) * SPINAT_SECOND},
	    .packets = {n, UINT64_C(1) << 39},
	    .bytes = {n * 1000, INT64_MAX},
	    .spi.raw = 0xffffffff - n,
	    .highest_sequence = 0xfffffff0 + n % 16,
	    .version = 2,
	    .protected_from = 3,
	    .inside_initiated = n % 2 == 0,
	    .floated = n % 3 == 0,
	    .public_port.raw = (uint16_t)(0xf401 + n),
	};

	for (uint32_t i = 0; i < n % (SPINAT_MEMO_OWNERS + 1); i++)
		memo.owners[i].raw = n << 8 | (i + 1);
	memset(memo.initiator_spi, (int)n, 8);
	memset(memo.responder_spi, 255, 8);
	return memo;
}

static struct store *open_store(void)
{
	struct error error = {""};
	struct store *store;

	if (store_open(&store, path, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}

static int open_fails(const char *at)
{
	struct error error = {""};
	struct store *store;
	const int result = store_open(&store, at, &error);

	assert_int_not_equal(result, 0);
	assert_non_null(strstr(error.text, directory));
	return result;
}

static void write_rows(
    struct store *store, uint32_t count, struct row_time written)
{
	struct error error;

	assert_int_equal(store_begin(store, true, &error), 0);
	for (uint32_t n = 1; n <= count; n++) {
		const struct spinat_memo memo = memo_of(n);
		assert_int_equal(store_put(store, &memo, &written, &error), 0);
	}
	assert_int_equal(store_commit(store, &error), 0);
}

/* A journal of ROWS rows, closed. */
static void make_file(void)
{
	struct store *store = open_store();

	write_rows(store, ROWS, store_now());
	store_close(store);
}

struct taken {
	unsigned count;
	struct spinat_memo memos[20000];
};

static struct taken taken;

static void take(void *context, const struct spinat_memo *memo)
{
	(void)context;
	assert_in_range(taken.count, 0, COUNT_OF(taken.memos) - 1);
	taken.memos[taken.count++] = *memo;
}

static struct store_contents read_rows(struct store *store)
{
	struct store_contents contents;
	struct error error = {""};

	taken.count = 0;
	if (store_read(store, take, NULL, &contents, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(contents.rows, taken.count + contents.bad);
	return contents;
}

static void assert_passed(spinat_time got, spinat_time then, double seconds)
{
	if (then == SPINAT_NEVER)
		assert_true(got == SPINAT_NEVER);
	else
		assert_in_range(
		    got - then - (spinat_time)(seconds * 1e9) + SPINAT_SECOND,
		    SPINAT_SECOND, 60 * SPINAT_SECOND);
}

/* The memo that went in, `seconds` later. */
static void assert_memo(const struct spinat_memo *memo, double seconds)
{
	struct spinat_memo then = memo_of(memo->id);

	assert_passed(memo->age, then.age, seconds);
	then.age = memo->age;
	for (int side = 0; side < 2; side++) {
		assert_passed(memo->idle[side], then.idle[side], seconds);
		then.idle[side] = memo->idle[side];
	}
	assert_memory_equal(memo, &then, sizeof then);
}

static void run_sql(const char *sql)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(database));
	sqlite3_close(database);
}

/* ------------------------------------------------------------- the file */

static uint8_t *read_file(const char *name, size_t *length)
{
	FILE *file = fopen(name, "r");
	uint8_t *data = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(data);
	*length = fread(data, 1, 1 << 20, file);
	fclose(file);
	return data;
}

static void write_file(const char *name, const void *data, size_t length)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	fclose(file);
}

/* How many files are set aside; *name is the last one. */
static size_t count_aside(const char *what, char *name)
{
	char pattern[160];
	glob_t found;
	size_t count;

	snprintf(pattern, sizeof pattern, "%s.%s-[0-9]*-[0-9]*", path, what);
	count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	if (count != 0 && name != NULL)
		strcpy(name, found.gl_pathv[count - 1]);
	globfree(&found);
	return count;
}

/* Bytes that are no journal: they open as an empty one, and lie beside it. */
static void assert_set_aside(const void *data, size_t length, const char *what)
{
	const size_t before = count_aside(what, NULL);
	struct store *store;
	char name[256] = "";
	uint8_t *kept;
	size_t size;

	write_file(path, data, length);
	store = open_store();
	if (read_rows(store).rows != 0)
		fail_msg("%zu bytes are believed", length);
	/* It is as good as any new one. */
	write_rows(store, 3, store_now());
	store_close(store);
	store = open_store();
	assert_int_equal(read_rows(store).rows, 3);
	store_close(store);
	assert_int_equal(count_aside(what, name), before + 1);
	if (before == 0) {
		kept = read_file(name, &size);
		assert_int_equal(size, length);
		assert_memory_equal(kept, data, length);
		free(kept);
	}
	assert_int_equal(unlink(path), 0);
}

/* ------------------------------------------------------------ good ones */

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

/* --------------------------------------------------------- damaged ones */

static void test_what_is_no_journal_is_set_aside(void **state)
{
	uint8_t *whole, *data = calloc(1, 1 << 20);
	size_t length;
	(void)state;

	make_file();
	whole = read_file(path, &length);
	assert_in_range(length, 3 * 4096, 1 << 20);
	/* Nothing, and nothing in it: a new one. */
	write_file(path, "", 0);
	store_close(open_store());
	assert_int_equal(count_aside("*", NULL), 0);
	unlink(path);
	/* Zeros, junk, text. */
	assert_set_aside(data, 4096, "damaged");
	assert_set_aside(data, length, "damaged");
	for (size_t i = 0; i < length; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	assert_set_aside(data, length, "damaged");
	assert_set_aside("alias_address 203.0.113.1\n", 26, "damaged");
	/* Cut short, anywhere. */
	assert_set_aside(whole, 1, "damaged");
	assert_set_aside(whole, 99, "damaged");
	assert_set_aside(whole, 4095, "damaged");
	assert_set_aside(whole, 4096, "damaged");
	assert_set_aside(whole, length - 4096, "damaged");
	/* A page, each of them, overwritten. */
	for (size_t page = 0; page < length / 4096; page++) {
		memcpy(data, whole, length);
		memset(data + page * 4096, 0xa5, 4096);
		assert_set_aside(data, length, "damaged");
		memset(data + page * 4096, 0, 4096);
		assert_set_aside(data, length, "damaged");
	}
	free(whole);
	free(data);
}

/* Bits that fall over: whatever of it is believed, every memo that comes out is
 * one that went in. */
static void test_flipped_bits(void **state)
{
	uint64_t random = 11;
	uint8_t *whole, *data = malloc(1 << 20);
	unsigned damaged = 0, bad = 0, whole_ones = 0;
	size_t length;
	(void)state;

	log_open("syslog", false); /* hundreds of lines */
	make_file();
	whole = read_file(path, &length);
	for (int i = 0; i < 600; i++) {
		const size_t before = count_aside("*", NULL);
		struct store_contents contents;
		struct store *store;
		struct error error = {""};
		int result;

		memcpy(data, whole, length);
		for (uint32_t f = test_below(&random, 4) + 1; f-- > 0;)
			data[test_below(&random, (uint32_t)length)] ^=
			    (uint8_t)(1u << test_below(&random, 8));
		write_file(path, data, length);
		result = store_open(&store, path, &error);
		if (result == -EEXIST) {
			/* Its first page says that it is another program's. */
			unlink(path);
			continue;
		}
		assert_int_equal(result, 0);
		contents = read_rows(store);
		store_close(store);
		for (unsigned m = 0; m < taken.count; m++)
			assert_memo(&taken.memos[m], 0);
		bad += contents.bad;
		whole_ones += taken.count == ROWS;
		if (count_aside("*", NULL) != before)
			damaged++;
		unlink(path);
	}
	log_close();
	/* Each of the three ways it can end was taken. */
	assert_in_range(damaged, 50, 550);
	assert_in_range(bad, 50, 600 * ROWS);
	assert_in_range(whole_ones, 1, 550);
	free(whole);
	free(data);
}

static void test_bad_rows_are_left_out(void **state)
{
	static const char *const changes[] = {
	    "inside='10.0.0.1'",
	    "inside=NULL",
	    "inside=1.5",
	    "inside=inside+1",
	    "inside=inside+4294967296",
	    "inside=-1",
	    "spi=spi-1",
	    "kind=256",
	    "kind=(kind+1)%3",
	    "age=-1",
	    "age=NULL",
	    "idle_outside=NULL",
	    "idle_outside=idle_outside+1",
	    "packets_outside=-1",
	    "packets_inside=packets_inside+1",
	    "sequence=0",
	    "initiator=x'00'",
	    "initiator=zeroblob(8)",
	    "initiator=zeroblob(100000)",
	    "initiator='eight by'",
	    "responder=NULL",
	    "hairpin=2",
	    "floated=NOT floated",
	    "public_port=public_port+1",
	    "wall=wall+1",
	    "up=-1",
	    "up=''",
	    "sum=sum+1",
	    "sum=NULL",
	    "id=id+1000",
	    "id=-id",
	    "owners=x''",
	};
	struct store *store;
	(void)state;

	for (size_t c = 0; c < COUNT_OF(changes); c++) {
		char sql[160];

		make_file();
		snprintf(sql, sizeof sql, "UPDATE record SET %s WHERE id=7",
		    changes[c]);
		run_sql(sql);
		store = open_store();
		assert_int_equal(read_rows(store).bad, 1);
		assert_int_equal(taken.count, ROWS - 1);
		store_close(store);
		unlink(path);
	}
	assert_int_equal(count_aside("*", NULL), 0);
}

/* FNV-1a over the columns of row 7, as daemon/row.c has it. */
static void sum_again(void)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	sqlite3_stmt *row;
	sqlite3 *database;
	char sql[128];

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database,
			     "SELECT * FROM record WHERE id=7", -1, &row, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	for (int i = 0; i + 1 < sqlite3_column_count(row); i++) {
		const int64_t number =
		    sqlite3_column_type(row, i) == SQLITE_NULL
		    ? INT64_MAX
		    : sqlite3_column_int64(row, i);
		const bool is_blob = sqlite3_column_type(row, i) == SQLITE_BLOB;
		const uint8_t *blob =
		    is_blob ? sqlite3_column_blob(row, i) : NULL;
		const int size = is_blob ? sqlite3_column_bytes(row, i) : 8;

		for (int b = 0; b < size; b++) {
			uint8_t one = (uint8_t)((uint64_t)number >> 8 * b % 64);

			if (is_blob)
				one = blob[b];
			sum = (sum ^ one) * UINT64_C(0x100000001b3);
		}
	}
	sqlite3_finalize(row);
	sqlite3_close(database);
	snprintf(sql, sizeof sql, "UPDATE record SET sum=%lld WHERE id=7",
	    (long long)sum);
	run_sql(sql);
}

/* Values that cannot be, under a sum that is right. */
static void test_a_right_sum_excuses_nothing(void **state)
{
	static const char *const changes[] = {
	    "id=id", /* none: the sum is as we make it */
	    "inside='10.0.0.1'",
	    "inside=1.5",
	    "inside=4294967296",
	    "inside=-1",
	    "sequence=4294967296",
	    "kind=256",
	    "state=-1",
	    "hairpin=2",
	    "floated=-1",
	    "public_port=65536",
	    "public_port=-1",
	    "age=-1",
	    "packets_outside=-1",
	    "wall=-1",
	    "initiator=zeroblob(9)",
	    "owners=NULL",
	    "owners='four'",
	    "owners=x'0a000001000000000a000002'",
	    "owners=x'0a0000010a0000'",
	    "owners=zeroblob(4)",
	    "owners=randomblob(36)",
	    "owners=zeroblob(100000)",
	};
	struct store *store;
	(void)state;

	for (size_t c = 0; c < COUNT_OF(changes); c++) {
		char sql[160];

		make_file();
		snprintf(sql, sizeof sql, "UPDATE record SET %s WHERE id=7",
		    changes[c]);
		run_sql(sql);
		sum_again();
		store = open_store();
		assert_int_equal(read_rows(store).bad, c == 0 ? 0 : 1);
		store_close(store);
		unlink(path);
	}
	/* The longest time there is gets no longer. */
	make_file();
	run_sql("UPDATE record SET age=9223372036854775806, up=0 WHERE id=7");
	sum_again();
	store = open_store();
	assert_int_equal(read_rows(store).bad, 0);
	for (unsigned i = 0; i < taken.count; i++)
		assert_true(taken.memos[i].id != 7 ||
		    taken.memos[i].age == SPINAT_NEVER - 1);
	store_close(store);
}

static void test_another_version_is_set_aside(void **state)
{
	static const char *const changes[] = {
	    "PRAGMA user_version=3",
	    "PRAGMA user_version=0",
	    "PRAGMA user_version=-1",
	};
	uint8_t *data;
	size_t length;
	(void)state;

	for (size_t c = 0; c < COUNT_OF(changes); c++) {
		make_file();
		run_sql("PRAGMA journal_mode=DELETE");
		run_sql(changes[c]);
		data = read_file(path, &length);
		assert_set_aside(data, length, "version");
		free(data);
	}
	/* Our version with other tables is no journal of ours. */
	make_file();
	run_sql("PRAGMA journal_mode=DELETE; ALTER TABLE record ADD extra");
	data = read_file(path, &length);
	assert_set_aside(data, length, "damaged");
	free(data);
	make_file();
	run_sql("PRAGMA journal_mode=DELETE; CREATE TABLE extra (data)");
	data = read_file(path, &length);
	assert_set_aside(data, length, "damaged");
	free(data);
}

/* As spinatd wrote it then: memo_of(1) to memo_of(3), which had no owners and
 * no public port: IKE kept 500. */
static const char version_1[] =
    "PRAGMA application_id=1936746862; PRAGMA user_version=1;"
    "CREATE TABLE boot (id TEXT); INSERT INTO boot VALUES('another');"
    "CREATE TABLE record (id INTEGER PRIMARY KEY, wall, up, kind, state, "
    "hairpin, inside, public, remote, age, idle_inside, idle_outside, "
    "packets_inside, packets_outside, bytes_inside, bytes_outside, spi, "
    "sequence, initiator, responder, version, protected_from, "
    "inside_initiated, floated, sum);"
    "INSERT INTO record VALUES(1,1700000000000000000,5000000000000,1,1,0,"
    "167772162,3405803777,3325191169,1001000000000,1000000000,2000000000,1,"
    "549755813888,1000,9223372036854775807,4278190079,4294967281,"
    "X'0101010101010101',X'FFFFFFFFFFFFFFFF',2,3,0,0,2136776934483216643);"
    "INSERT INTO record VALUES(2,1700000000000000000,5000000000000,2,2,0,"
    "167772163,3405803777,3325125633,1002000000000,NULL,3000000000,2,"
    "549755813888,2000,9223372036854775807,4261412863,4294967282,"
    "X'0202020202020202',X'FFFFFFFFFFFFFFFF',2,3,1,0,3160122124623159721);"
    "INSERT INTO record VALUES(3,1700000000000000000,5000000000000,0,3,0,"
    "167772164,3405803777,3325060097,1003000000000,3000000000,4000000000,3,"
    "549755813888,3000,9223372036854775807,4244635647,4294967283,"
    "X'0303030303030303',X'FFFFFFFFFFFFFFFF',2,3,0,1,-4868490688830326302)";

static void assert_version_1(struct store *store)
{
	assert_int_equal(read_rows(store).rows, 3);
	assert_int_equal(taken.count, 3);
	for (unsigned i = 0; i < taken.count; i++) {
		struct spinat_memo then = memo_of(taken.memos[i].id);

		memset(then.owners, 0, sizeof then.owners);
		then.public_port =
		    wire16(then.kind == SPINAT_MEMO_IKE ? 500 : 0);
		then.age = taken.memos[i].age;
		memcpy(then.idle, taken.memos[i].idle, sizeof then.idle);
		assert_memory_equal(&taken.memos[i], &then, sizeof then);
	}
}

/* It is read, and becomes one of this version when it is first written. */
static void test_version_1_is_read(void **state)
{
	struct store *store;
	struct error error;
	(void)state;

	run_sql(version_1);
	/* Nothing was written, or not to the end: it is what it was. */
	for (int i = 0; i < 3; i++) {
		const struct spinat_memo memo = memo_of(8);
		const struct row_time now = store_now();

		store = open_store();
		assert_version_1(store);
		if (i != 0)
			assert_int_equal(store_begin(store, true, &error), 0);
		if (i != 0)
			assert_int_equal(
			    store_put(store, &memo, &now, &error), 0);
		store_close(store);
	}
	store = open_store();
	assert_version_1(store);
	write_rows(store, ROWS, store_now());
	store_close(store);
	store = open_store();
	assert_int_equal(read_rows(store).bad, 0);
	assert_int_equal(taken.count, ROWS);
	for (unsigned i = 0; i < taken.count; i++)
		assert_memo(&taken.memos[i], 0);
	store_close(store);
	assert_int_equal(count_aside("*", NULL), 0);
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

/* As somebody who may not write there. */
static void test_no_permission(void **state)
{
	pid_t child;
	int status;
	(void)state;

	make_file();
	child = fork();
	if (child == 0) {
		struct error error;
		struct store *store;
		int result;

		if (getuid() == 0 && setuid(65534) != 0)
			_exit(1);
		if (getuid() != 65534)
			chmod(path, 0);
		result = store_open(&store, path, &error);
		_exit(result == -EACCES ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* A damaged one that cannot be renamed: said, and not touched. */
	write_file(path, "junk", 4);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(directory, 0555), 0);
	child = fork();
	if (child == 0) {
		struct error error;
		struct store *store;
		int result;

		if (getuid() == 0 && setuid(65534) != 0)
			_exit(1);
		result = store_open(&store, path, &error);
		_exit(
		    result == -EACCES && strstr(error.text, "damaged") ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(directory, 0700), 0);
	assert_int_equal(count_aside("*", NULL), 0);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_what_goes_in_comes_out),
	    TEST(test_half_a_transaction_is_none),
	    TEST(test_time_that_passed),
	    TEST(test_what_is_no_journal_is_set_aside),
	    TEST(test_flipped_bits),
	    TEST(test_bad_rows_are_left_out),
	    TEST(test_a_right_sum_excuses_nothing),
	    TEST(test_another_version_is_set_aside),
	    TEST(test_version_1_is_read),
	    TEST(test_another_program_s_database_is_left_alone),
	    TEST(test_one_at_a_time),
	    TEST(test_paths_that_cannot_be),
	    TEST(test_no_permission),
	    TEST(test_a_write_that_fails),
	    TEST(test_ten_thousand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
