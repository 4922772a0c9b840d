/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a journal under libFuzzer: what somebody who can write the file
 * can make of them, sums included, or a disk.  SQLite itself is left out: a row
 * here is a SELECT without a table.
 *
 * The input is a program.  Rows are made of odd values, or of memos that are
 * nearly right; what is put back is used by packets, time passes, and what the
 * engine then hands out must be what a row can carry and the next engine takes.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "daemon/row.h"
#include "fuzz/engine.h"

#define MAX_STEPS 300u
#define MAX_MEMOS 200u

struct run {
	struct program program;
	struct spinat *engine;
	void *memory;
	struct spinat_config config;
	spinat_time now;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---------------------------------------------------------- the program */

static uint8_t byte(struct run *run)
{
	return program_byte(&run->program);
}

static uint64_t number(struct run *run, unsigned bytes)
{
	return program_number(&run->program, bytes);
}

/* Of any magnitude, few bytes each. */
static uint64_t some_number(struct run *run)
{
	const uint8_t choice = byte(run);

	if (choice < 8)
		return number(run, 8);
	return number(run, 1) << choice % 64;
}

/* -------------------------------------------------------------- the rows */

/* "SELECT ?,?,..." with a place for each column of a row. */
static sqlite3_stmt *prepare_row(int version)
{
	static sqlite3 *database;
	char *create, *insert, *select, sql[256];
	sqlite3_stmt *row = NULL;

	if (database == NULL)
		MUST(sqlite3_open(":memory:", &database) == SQLITE_OK);
	MUST(row_sql(version, &create, &insert, &select) == 0);
	snprintf(sql, sizeof sql, "SELECT %s", strchr(insert, '?'));
	*strchr(sql, ')') = '\0';
	MUST(sqlite3_prepare_v2(database, sql, -1, &row, NULL) == SQLITE_OK);
	free(create);
	free(insert);
	free(select);
	return row;
}

static sqlite3_stmt *row_of(int version)
{
	static sqlite3_stmt *rows[ROW_VERSION + 1];
	sqlite3_stmt **row = &rows[version];

	if (*row == NULL)
		*row = prepare_row(version);
	sqlite3_reset(*row);
	sqlite3_clear_bindings(*row);
	return *row;
}

static void bind_some(struct run *run, sqlite3_stmt *row, int place)
{
	uint8_t bytes[40];
	const uint8_t choice = byte(run);
	const int length = choice >> 3;

	for (int i = 0; i < length; i++)
		bytes[i] = byte(run);
	switch (choice % 8) {
	case 0:
		MUST(sqlite3_bind_null(row, place) == SQLITE_OK);
		break;
	case 1:
		MUST(sqlite3_bind_text(row, place, (char *)bytes, length,
			 SQLITE_TRANSIENT) == SQLITE_OK);
		break;
	case 2:
		MUST(sqlite3_bind_double(
			 row, place, (double)some_number(run)) == SQLITE_OK);
		break;
	case 3:
	case 4:
		MUST(sqlite3_bind_blob(row, place, bytes, length,
			 SQLITE_TRANSIENT) == SQLITE_OK);
		break;
	default:
		MUST(sqlite3_bind_int64(row, place,
			 (sqlite3_int64)some_number(run)) == SQLITE_OK);
		break;
	}
}

/* What a memo is after a row; false: no row can carry it. */
static bool carry(const struct spinat_memo *memo, struct spinat_memo *got)
{
	const struct row_time written = {.wall = 5, .up = 7};
	sqlite3_stmt *row = row_of(ROW_VERSION);
	struct row_time when;
	bool is_read;

	MUST(row_bind(row, memo, &written) == SQLITE_OK);
	MUST(sqlite3_step(row) == SQLITE_ROW);
	is_read = row_read(row, ROW_VERSION, got, &when);
	MUST(!is_read || (when.wall == written.wall && when.up == written.up));
	return is_read;
}

/* Any values, of which a few are a memo's. */
static bool read_odd_row(
    struct run *run, const struct spinat_memo *near, struct spinat_memo *memo)
{
	const struct row_time written = {.wall = 5, .up = 7};
	const int version = 1 + byte(run) % ROW_VERSION;
	sqlite3_stmt *row = row_of(version);
	const int places = sqlite3_bind_parameter_count(row);
	struct row_time when;

	if (version == ROW_VERSION)
		MUST(row_bind(row, near, &written) == SQLITE_OK);
	for (int odd = byte(run) % 4; odd >= 0; odd--)
		bind_some(run, row, 1 + byte(run) % places);
	MUST(sqlite3_step(row) == SQLITE_ROW);
	return row_read(row, version, memo, &when);
}

/* -------------------------------------------------------------- the memos */

static spinat_be32 some_address(struct run *run, uint8_t usual)
{
	const uint8_t choice = byte(run);

	if (choice == 255)
		return wire32((uint32_t)number(run, 4));
	switch ((choice >> 5) < 6 ? usual : choice % 4) {
	case 0:
		return wire32(INSIDE + 1 + choice % 6);
	case 1:
		return wire32(choice % 8 == 7 ? PUBLIC2 : PUBLIC1);
	case 2:
		return wire32(REMOTE + choice % 3);
	default:
		return wire32(0);
	}
}

static spinat_time some_span(struct run *run)
{
	const uint8_t choice = byte(run);

	if (choice == 255)
		return SPINAT_NEVER;
	if (choice == 254)
		return (spinat_time)number(run, 8);
	return (spinat_time)choice << (20 + choice % 24);
}

static void some_memo(struct run *run, struct spinat_memo *memo)
{
	const uint8_t what = byte(run), spi = byte(run), flags = byte(run);

	memset(memo, 0, sizeof *memo);
	memo->id = what;
	memo->kind = what % 4;
	memo->state = what / 4 % 9;
	memo->inside = some_address(run, 0);
	memo->public_address = some_address(run, 1);
	memo->remote = some_address(run, 2);
	memo->hairpin = (flags & 1) != 0;
	memo->age = some_span(run);
	for (int side = 0; side < 2; side++) {
		memo->idle[side] = SPINAT_NEVER;
		if ((flags >> side & 2) == 0)
			continue;
		memo->idle[side] = some_span(run);
		memo->packets[side] = some_number(run);
		memo->bytes[side] = some_number(run);
	}
	memo->spi = wire32(spi < 4 ? spi : 0x1000u + spi % 16);
	memo->highest_sequence = (uint32_t)some_number(run);
	if (memo->kind == SPINAT_MEMO_IKE) {
		memo->initiator_spi[7] = spi % 8;
		memo->responder_spi[7] = flags >> 6;
		memo->version = 1 + flags % 3;
		memo->protected_from = flags >> 3 & 7;
		memo->inside_initiated = (flags & 4) != 0;
		memo->floated = (flags & 8) != 0;
	} else if (memo->state == SPINAT_MEMO_SHARED || (flags & 16) != 0) {
		for (unsigned i = 0; i < flags >> 4u && i < SPINAT_MEMO_OWNERS;
		     i++)
			memo->owners[i] = some_address(run, 0);
	}
}

/* ------------------------------------------------------------- the engine */

static void emit(
    void *context, enum spinat_side to, const uint8_t *data, size_t length)
{
	(void)context;
	(void)to;
	(void)data;
	(void)length;
}

static void event(void *context, const struct spinat_event *about)
{
	(void)context;
	MUST(about->kind < SPINAT_EVENT_KINDS);
}

static void configure(struct run *run)
{
	struct spinat_config *config = &run->config;
	const uint8_t flags = byte(run);

	engine_configure(config, flags & 1);
	/* Small, so that everything runs out. */
	config->max_flows = flags & 2 ? 8 : 60;
	config->max_spis = config->max_flows / 2;
	config->max_ike = flags & 4 ? 4 : 30;
	config->max_peers = flags & 8 ? 3 : 20;
	config->max_bindings = flags & 16 ? 2 : 20;
	config->max_claims = flags & 32 ? 3 : 60;
	config->max_fragments = 1;
	config->ops.emit = emit;
	config->ops.event = event;
	run->now = engine_start(flags & 128);
}

static bool put_back(struct run *run, const struct spinat_memo *memo)
{
	struct spinat_stats before, after;
	int result;

	spinat_get_stats(run->engine, &before);
	result = spinat_restore(run->engine, run->now, memo);
	spinat_get_stats(run->engine, &after);
	MUST(result == 0 || result == -EINVAL || result == -EADDRNOTAVAIL ||
	    result == -ETIME || result == -EEXIST || result == -ENOSPC);
	MUST(after.flows + after.ike - before.flows - before.ike ==
	    (result == 0));
	MUST(result == 0 || after.peers == before.peers);
	return result == 0;
}

static void send_packet(struct run *run)
{
	uint8_t ip[128] = {0x45};
	const uint8_t kind = byte(run), host = byte(run), spi = byte(run);
	const bool inward = (kind & 1) != 0, is_ike = (kind & 2) != 0;
	const uint32_t remote = REMOTE + host % 3;
	const uint32_t own =
	    inward ? PUBLIC1 + (host >> 7) : INSIDE + 1 + host / 4 % 6;
	struct spinat_packet packet = {
	    .data = ip,
	    .length = 88,
	    .side = inward ? SPINAT_OUTSIDE : SPINAT_INSIDE,
	};

	put16(ip + 2, packet.length);
	ip[8] = 64;
	ip[9] = is_ike ? 17 : 50;
	put32(ip + 12, inward ? remote : own);
	put32(ip + 16, inward ? own : remote);
	put16(ip + 10, plain_checksum(ip, 20, 0));
	if (is_ike) {
		put16(ip + 20, 500);
		put16(ip + 22, 500);
		put16(ip + 24, 68);
		ip[35] = spi % 8;
		ip[43] = spi >> 6;
		ip[44] = 46;
		ip[45] = 0x20;
		ip[46] = spi & 8 ? 36 : 37;
		ip[47] = spi & 16 ? 0x20 : 0x08;
		put32(ip + 52, 60);
	} else {
		put32(ip + 20, 0x1000u + spi % 16);
		put32(ip + 24, (uint32_t)some_number(run));
	}
	spinat_translate(run->engine, run->now, &packet, 1);
	MUST(packet.verdict < SPINAT_VERDICT_COUNT);
}

/* ------------------------------------------------------- the next engine */

static spinat_time idle_of(const struct spinat_memo *memo)
{
	return memo->idle[0] < memo->idle[1] ? memo->idle[0] : memo->idle[1];
}

static int by_idle(const void *left, const void *right)
{
	const spinat_time a = idle_of(left), b = idle_of(right);

	return (a > b) - (a < b);
}

/* All there is goes through rows into another engine. */
static void restart(struct run *run)
{
	static struct spinat_memo memos[MAX_MEMOS];
	struct spinat_memo memo;
	enum spinat_walk step;
	size_t count = 0;

	spinat_change_all(run->engine);
	while ((step = spinat_next_change(run->engine, run->now, &memo)) !=
	    SPINAT_WALK_END) {
		/* The flow before had this number, and is gone too. */
		for (size_t i = 0; step == SPINAT_WALK_FOUND && i < count; i++)
			if (memos[i].id == memo.id)
				memos[i--] = memos[--count];
		if (step != SPINAT_WALK_FOUND || memo.gone)
			continue;
		MUST(count < MAX_MEMOS);
		MUST(carry(&memo, &memos[count]));
		MUST(memcmp(&memo, &memos[count], sizeof memo) == 0);
		count++;
	}
	free(run->memory);
	qsort(memos, count, sizeof memos[0], by_idle);
	run->memory = engine_make(&run->engine, &run->config, run->now);
	for (size_t i = 0; i < count; i++) {
		const int result =
		    spinat_restore(run->engine, run->now, &memos[i]);
		MUST(result == 0 || result == -ETIME || result == -ENOSPC);
	}
	engine_look(run->engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = {.program = {data, size}};
	struct spinat_memo near, memo;

	configure(&run);
	run.memory = engine_make(&run.engine, &run.config, run.now);
	for (unsigned step = 0; step < MAX_STEPS && run.program.left != 0;
	     step++) {
		switch (byte(&run) % 8) {
		case 0:
			some_memo(&run, &near);
			if (read_odd_row(&run, &near, &memo))
				(void)put_back(&run, &memo);
			break;
		case 1:
			run.now += (spinat_time)1 << (20 + byte(&run) % 31);
			(void)spinat_run_timers(run.engine, run.now);
			break;
		case 2:
			engine_look(run.engine);
			break;
		case 3:
			restart(&run);
			break;
		case 4:
		case 5:
			send_packet(&run);
			break;
		default:
			some_memo(&run, &near);
			if (put_back(&run, &near) && carry(&near, &memo))
				MUST(memcmp(&near, &memo, sizeof memo) == 0);
			break;
		}
	}
	restart(&run);
	free(run.memory);
	return 0;
}
