/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of the journal, whatever happened to it: it opens, and nothing comes
 * out that did not go in.
 */
#include "store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

#include "daemon/log.h"
#include "tests/wire.h"

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

/* ------------------------------------------------------------- its rows */

/* A journal of which row 7 was changed so. */
static void make_changed(const char *change)
{
	char sql[160];

	make_file();
	snprintf(sql, sizeof sql, "UPDATE record SET %s WHERE id=7", change);
	run_sql(sql);
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
		make_changed(changes[c]);
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
		make_changed(changes[c]);
		sum_again();
		store = open_store();
		assert_int_equal(read_rows(store).bad, c == 0 ? 0 : 1);
		store_close(store);
		unlink(path);
	}
	/* The longest time there is gets no longer. */
	make_changed("age=9223372036854775806, up=0");
	sum_again();
	store = open_store();
	assert_int_equal(read_rows(store).bad, 0);
	for (unsigned i = 0; i < taken.count; i++)
		assert_true(taken.memos[i].id != 7 ||
		    taken.memos[i].age == SPINAT_NEVER - 1);
	store_close(store);
}

/* -------------------------------------------------------- other versions */

/* A journal that was changed so. */
static void assert_changed_is_set_aside(const char *sql, const char *what)
{
	uint8_t *data;
	size_t length;

	make_file();
	run_sql("PRAGMA journal_mode=DELETE");
	run_sql(sql);
	data = read_file(path, &length);
	assert_set_aside(data, length, what);
	free(data);
}

static void test_another_version_is_set_aside(void **state)
{
	static const char *const changes[] = {
	    "PRAGMA user_version=3",
	    "PRAGMA user_version=0",
	    "PRAGMA user_version=-1",
	};
	(void)state;

	for (size_t c = 0; c < COUNT_OF(changes); c++)
		assert_changed_is_set_aside(changes[c], "version");
	/* Our version with other tables is no journal of ours. */
	assert_changed_is_set_aside("ALTER TABLE record ADD extra", "damaged");
	assert_changed_is_set_aside("CREATE TABLE extra (data)", "damaged");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORE_TEST(test_what_is_no_journal_is_set_aside),
	    STORE_TEST(test_flipped_bits),
	    STORE_TEST(test_bad_rows_are_left_out),
	    STORE_TEST(test_a_right_sum_excuses_nothing),
	    STORE_TEST(test_another_version_is_set_aside),
	    STORE_TEST(test_version_1_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
