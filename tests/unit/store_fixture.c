/* SPDX-License-Identifier: BSD-2-Clause */
#include "store_fixture.h"

#include <glob.h>
#include <sqlite3.h>
#include <unistd.h>

#include "tests/wire.h"

char directory[64], path[96];
struct taken taken;

int store_set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/spinat-store-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/journal.db", directory);
	return 0;
}

int store_tear_down(void **state)
{
	char command[128];
	(void)state;

	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

struct spinat_memo memo_of(uint32_t n)
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

struct store *open_store(void)
{
	struct error error = {""};
	struct store *store;

	if (store_open(&store, path, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}

int open_fails(const char *at)
{
	struct error error = {""};
	struct store *store;
	const int result = store_open(&store, at, &error);

	assert_int_not_equal(result, 0);
	assert_non_null(strstr(error.text, directory));
	return result;
}

void write_rows(struct store *store, uint32_t count, struct row_time written)
{
	struct error error;

	assert_int_equal(store_begin(store, true, &error), 0);
	for (uint32_t n = 1; n <= count; n++) {
		const struct spinat_memo memo = memo_of(n);
		assert_int_equal(store_put(store, &memo, &written, &error), 0);
	}
	assert_int_equal(store_commit(store, &error), 0);
}

void make_file(void)
{
	struct store *store = open_store();

	write_rows(store, ROWS, store_now());
	store_close(store);
}

static void take(void *context, const struct spinat_memo *memo)
{
	(void)context;
	assert_in_range(taken.count, 0, COUNT_OF(taken.memos) - 1);
	taken.memos[taken.count++] = *memo;
}

struct store_contents read_rows(struct store *store)
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

void assert_memo(const struct spinat_memo *memo, double seconds)
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

void run_sql(const char *sql)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(database));
	sqlite3_close(database);
}

uint8_t *read_file(const char *name, size_t *length)
{
	FILE *file = fopen(name, "r");
	uint8_t *data = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(data);
	*length = fread(data, 1, 1 << 20, file);
	fclose(file);
	return data;
}

void write_file(const char *name, const void *data, size_t length)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	fclose(file);
}

size_t count_aside(const char *what, char *name)
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
