/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQLite runs in WAL mode with the locking mode "exclusive": a commit appends
 * to PATH-wal and syncs nothing (so a crash of the daemon loses nothing, one of
 * the system the last seconds), and the index of the WAL is in our memory, not
 * in a shared mapping.
 *
 * Elapsed time is told by the clock that counts from the boot while the boot is
 * the same one, since the wall clock may have been set; else by the wall clock.
 */
#include "daemon/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/pidfile.h"
#include "daemon/store_file.h"

#define APPLICATION_ID 0x7370696e /* "spin" */
#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX    64

static const char boot_sql[] = "CREATE TABLE boot (id TEXT)";

struct store {
	char *path;
	int lock;
	sqlite3 *database;
	sqlite3_stmt *insert, *remove;
	char *create_sql, *insert_sql, *select_sql;
	int version; /* what these three are of */
	char boot[BOOT_ID_MAX];
};

enum state {
	STATE_GOOD,
	STATE_NEW,           /* nothing in it yet */
	STATE_DAMAGED,       /* no database, or a broken one */
	STATE_OTHER_VERSION, /* a journal, but not of this spinatd */
	STATE_FOREIGN,       /* a sound database of another program */
	STATE_BUSY
};

static void free_sql(struct store *store)
{
	free(store->create_sql);
	free(store->insert_sql);
	free(store->select_sql);
	store->create_sql = store->insert_sql = store->select_sql = NULL;
}

static int set_version(struct store *store, int version)
{
	free_sql(store);
	store->version = version;
	return row_sql(version, &store->create_sql, &store->insert_sql,
	    &store->select_sql);
}

struct row_time store_now(void)
{
	return (struct row_time){.wall = clock_read(CLOCK_REALTIME),
	    .up = clock_read(CLOCK_BOOTTIME)};
}

static void read_boot_id(char id[BOOT_ID_MAX])
{
	FILE *file = fopen(BOOT_ID_FILE, "re");

	id[0] = '\0';
	if (!file)
		return;
	if (!fgets(id, BOOT_ID_MAX, file))
		id[0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	(void)fclose(file);
}

/* ---------------------------------------------------------- the database */

static int run(struct store *store, const char *sql)
{
	return sqlite3_exec(store->database, sql, NULL, NULL, NULL);
}

/* One value; false: an error, which *code says, or no row. */
static bool ask(struct store *store, const char *sql, const char *argument,
    char *answer, size_t size, int *code)
{
	sqlite3_stmt *statement = NULL;
	bool found = false;

	*code = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
	if (*code == SQLITE_OK && argument)
		*code = sqlite3_bind_text(
		    statement, 1, argument, -1, SQLITE_STATIC);
	if (*code == SQLITE_OK)
		*code = sqlite3_step(statement);
	if (*code == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);

		(void)snprintf(
		    answer, size, "%s", text ? (const char *)text : "");
		found = true;
	}
	if (*code == SQLITE_ROW || *code == SQLITE_DONE)
		*code = SQLITE_OK;
	(void)sqlite3_finalize(statement);
	return found;
}

static long long ask_number(struct store *store, const char *sql, int *code)
{
	char answer[32];

	if (*code != SQLITE_OK || !ask(store, sql, NULL, answer, 32, code))
		return 0;
	return strtoll(answer, NULL, 10);
}

/* A table is there exactly as we make it. */
static bool has_table(struct store *store, const char *name, const char *sql)
{
	char answer[2048];
	int code;

	return ask(store,
		   "SELECT sql FROM sqlite_schema WHERE type='table' AND "
		   "name=?",
		   name, answer, sizeof(answer), &code) &&
	    strcmp(answer, sql) == 0;
}

static enum state judge(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STATE_BUSY;
	default:
		return STATE_DAMAGED;
	}
}

/* What is behind the path. */
static enum state examine(struct store *store)
{
	char answer[256] = "";
	long long tables, application, version;
	struct stat status;
	int code;

	code = run(store,
	    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF;"
	    "PRAGMA cell_size_check=ON");
	tables = ask_number(store, "SELECT count(*) FROM sqlite_schema", &code);
	application = ask_number(store, "PRAGMA application_id", &code);
	version = ask_number(store, "PRAGMA user_version", &code);
	if (code != SQLITE_OK)
		return judge(code);
	/* SQLite takes what is shorter than a page for nothing. */
	if (tables == 0 && application == 0)
		return fstat(store->lock, &status) == 0 && status.st_size == 0
		    ? STATE_NEW
		    : STATE_DAMAGED;
	if (!ask(store, "PRAGMA quick_check(1)", NULL, answer, sizeof(answer),
		&code))
		return judge(code);
	if (strcmp(answer, "ok") != 0)
		return STATE_DAMAGED;
	if (application != APPLICATION_ID)
		return STATE_FOREIGN;
	if (version < 1 || version > ROW_VERSION)
		return STATE_OTHER_VERSION;
	if (set_version(store, (int)version) < 0)
		return STATE_BUSY;
	if (tables != 2 || !has_table(store, "record", store->create_sql) ||
	    !has_table(store, "boot", boot_sql))
		return STATE_DAMAGED;
	return STATE_GOOD;
}

static int make_record_table(struct store *store)
{
	char sql[128];
	int code =
	    set_version(store, ROW_VERSION) < 0 ? SQLITE_NOMEM : SQLITE_OK;

	(void)snprintf(sql, sizeof(sql),
	    "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
	    ROW_VERSION);
	if (code == SQLITE_OK)
		code = run(store, sql);
	return code == SQLITE_OK ? run(store, store->create_sql) : code;
}

static int make_tables(struct store *store)
{
	int code = run(store, "BEGIN");

	if (code == SQLITE_OK)
		code = make_record_table(store);
	if (code == SQLITE_OK)
		code = run(store, boot_sql);
	return code == SQLITE_OK ? run(store, "COMMIT") : code;
}

static int prepare_insert(struct store *store)
{
	(void)sqlite3_finalize(store->insert);
	store->insert = NULL;
	return sqlite3_prepare_v3(store->database, store->insert_sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &store->insert, NULL);
}

static int prepare(struct store *store)
{
	int code;

	/* Whoever made it: it says who talks to whom. */
	(void)fchmod(store->lock, 0600);
	code = run(store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
	if (code == SQLITE_OK)
		code = prepare_insert(store);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v3(store->database,
		    "DELETE FROM record WHERE id=?", -1,
		    SQLITE_PREPARE_PERSISTENT, &store->remove, NULL);
	return code;
}

static int open_database(struct store *store)
{
	int code = sqlite3_open_v2(store->path, &store->database,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_db_config(
		    store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return code;
}

static void close_sqlite(struct store *store)
{
	(void)sqlite3_finalize(store->insert);
	(void)sqlite3_finalize(store->remove);
	(void)sqlite3_close(store->database);
	store->insert = store->remove = NULL;
	store->database = NULL;
}

static void close_database(struct store *store)
{
	close_sqlite(store);
	if (store->lock >= 0)
		close(store->lock);
	store->lock = -1;
}

static int fail(struct store *store, struct error *error, const char *what)
{
	return error_set(error, -EIO, "%s: cannot %s it: %s", store->path, what,
	    store->database ? sqlite3_errmsg(store->database)
			    : "out of memory");
}

/* Without SQLite, which would still write to it; the lock stays. */
static int set_aside(struct store *store, enum state state, struct error *error)
{
	close_sqlite(store);
	return store_file_set_aside(store->path, state == STATE_DAMAGED, error);
}

/* ------------------------------------------------------------ opening it */

/* Opens it as it is.  0: it is ready, or *state says what is in the way. */
static int open_once(
    struct store *store, enum state *state, struct error *error)
{
	int result = store_file_lock(store->path, &store->lock, error);

	if (result < 0)
		return result;
	if (open_database(store) != SQLITE_OK)
		return fail(store, error, "open");
	*state = examine(store);
	if (*state == STATE_NEW && make_tables(store) != SQLITE_OK)
		return fail(store, error, "begin");
	if (*state != STATE_NEW && *state != STATE_GOOD)
		return 0;
	return prepare(store) == SQLITE_OK ? 0 : fail(store, error, "use");
}

static int open_file(struct store *store, struct error *error)
{
	enum state state = STATE_DAMAGED;
	int result = open_once(store, &state, error);

	if (result == 0 &&
	    (state == STATE_DAMAGED || state == STATE_OTHER_VERSION)) {
		result = set_aside(store, state, error);
		close_database(store);
		if (result == 0)
			result = open_once(store, &state, error);
	}
	if (result < 0 || state == STATE_NEW || state == STATE_GOOD)
		return result;
	if (state == STATE_FOREIGN)
		return error_set(error, -EEXIST,
		    "%s is a database of another program; it is left alone",
		    store->path);
	return error_set(
	    error, -EBUSY, "%s: another process uses it", store->path);
}

int store_open(struct store **store, const char *path, struct error *error)
{
	struct store *made = calloc(1, sizeof(*made));
	int result;

	if (!made)
		return error_set(error, -ENOMEM, "out of memory");
	made->lock = -1;
	made->path = strdup(path);
	read_boot_id(made->boot);
	if (!made->path) {
		store_close(made);
		return error_set(error, -ENOMEM, "out of memory");
	}
	result = pidfile_make_directory(path, error);
	if (result == 0)
		result = open_file(made, error);
	if (result < 0) {
		store_close(made);
		return result;
	}
	*store = made;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close_database(store);
	free(store->path);
	free_sql(store);
	free(store);
}

/* -------------------------------------------------------------- reading */

static spinat_time later(spinat_time span, spinat_time elapsed)
{
	if (span == SPINAT_NEVER)
		return span;
	return span > SPINAT_NEVER - 1 - elapsed ? SPINAT_NEVER - 1
						 : span + elapsed;
}

static void let_pass(struct spinat_memo *memo, spinat_time elapsed)
{
	memo->age = later(memo->age, elapsed);
	for (int side = 0; side < 2; side++)
		memo->idle[side] = later(memo->idle[side], elapsed);
}

static int read_rows(struct store *store, sqlite3_stmt *select,
    store_take *take, void *context, struct store_contents *contents)
{
	const struct row_time now = store_now();
	char boot[BOOT_ID_MAX] = "";
	bool same_boot;
	int code;

	(void)ask(
	    store, "SELECT id FROM boot", NULL, boot, sizeof(boot), &code);
	same_boot = boot[0] != '\0' && strcmp(boot, store->boot) == 0;
	while ((code = sqlite3_step(select)) == SQLITE_ROW) {
		struct spinat_memo memo;
		struct row_time written;
		spinat_time elapsed;

		contents->rows++;
		if (!row_read(select, store->version, &memo, &written)) {
			contents->bad++;
			continue;
		}
		elapsed =
		    same_boot ? now.up - written.up : now.wall - written.wall;
		let_pass(&memo, elapsed > 0 ? elapsed : 0);
		if (written.wall > contents->newest)
			contents->newest = written.wall;
		take(context, &memo);
	}
	return code;
}

int store_read(struct store *store, store_take *take, void *context,
    struct store_contents *contents, struct error *error)
{
	sqlite3_stmt *select = NULL;
	int result, code;

	*contents = (struct store_contents){0};
	code = sqlite3_prepare_v2(
	    store->database, store->select_sql, -1, &select, NULL);
	if (code == SQLITE_OK)
		code = read_rows(store, select, take, context, contents);
	(void)sqlite3_finalize(select);
	if (code == SQLITE_DONE)
		return 0;
	result = set_aside(store, STATE_DAMAGED, error);
	close_database(store);
	return result < 0 ? result : open_file(store, error);
}

/* -------------------------------------------------------------- writing */

/* One that lasts no longer than the statement. */
static int run_once(struct store *store, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	(void)store;
	(void)sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int give_up(struct store *store, struct error *error)
{
	int result = fail(store, error, "write");

	/* SQLite may have done so itself. */
	if (!sqlite3_get_autocommit(store->database))
		(void)run(store, "ROLLBACK");
	return result;
}

/* The rows of a version before are gone; so that a failure takes this back too,
 * the file is asked each time. */
static int renew_record_table(struct store *store)
{
	int code = SQLITE_OK;
	const long long version =
	    ask_number(store, "PRAGMA user_version", &code);

	if (code != SQLITE_OK || version == ROW_VERSION)
		return code;
	code = run(store, "DROP TABLE record");
	if (code == SQLITE_OK)
		code = make_record_table(store);
	return code == SQLITE_OK ? prepare_insert(store) : code;
}

static int clear(struct store *store)
{
	sqlite3_stmt *boot = NULL;
	int code = run(store, "DELETE FROM record; DELETE FROM boot");

	if (code == SQLITE_OK)
		code = renew_record_table(store);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(store->database,
		    "INSERT INTO boot VALUES (?)", -1, &boot, NULL);
	if (code == SQLITE_OK)
		code =
		    sqlite3_bind_text(boot, 1, store->boot, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = run_once(store, boot);
	(void)sqlite3_finalize(boot);
	return code;
}

int store_begin(struct store *store, bool anew, struct error *error)
{
	int code = run(store, "BEGIN");

	if (code == SQLITE_OK && anew)
		code = clear(store);
	return code == SQLITE_OK ? 0 : give_up(store, error);
}

int store_put(struct store *store, const struct spinat_memo *memo,
    const struct row_time *written, struct error *error)
{
	sqlite3_stmt *statement = memo->gone ? store->remove : store->insert;
	int code = memo->gone ? sqlite3_bind_int64(statement, 1, memo->id)
			      : row_bind(statement, memo, written);

	if (code == SQLITE_OK)
		code = run_once(store, statement);
	return code == SQLITE_OK ? 0 : give_up(store, error);
}

int store_commit(struct store *store, struct error *error)
{
	return run(store, "COMMIT") == SQLITE_OK ? 0 : give_up(store, error);
}
