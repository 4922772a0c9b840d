/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQLite finds out about a page that is no page, but not about a bit that fell
 * over inside a number.  A wrong address or SPI would be believed, and so each
 * row carries a sum of its own (FNV-1a, 64 bits: against accidents, not against
 * whoever can write the file).
 */
#include "daemon/row.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape {
	SHAPE_U8,
	SHAPE_BOOL,
	SHAPE_U32,
	SHAPE_U64,
	SHAPE_BE32,  /* in host order */
	SHAPE_SPAN,  /* NULL: SPINAT_NEVER */
	SHAPE_COOKIE /* eight bytes */
};

#define MEMBER(name) offsetof(struct spinat_memo, name)

static const struct column {
	const char *name;
	enum shape shape;
	size_t offset;
} columns[] = {
    {"kind", SHAPE_U8, MEMBER(kind)},
    {"state", SHAPE_U8, MEMBER(state)},
    {"hairpin", SHAPE_BOOL, MEMBER(hairpin)},
    {"inside", SHAPE_BE32, MEMBER(inside)},
    {"public", SHAPE_BE32, MEMBER(public_address)},
    {"remote", SHAPE_BE32, MEMBER(remote)},
    {"age", SHAPE_SPAN, MEMBER(age)},
    {"idle_inside", SHAPE_SPAN, MEMBER(idle[SPINAT_INSIDE])},
    {"idle_outside", SHAPE_SPAN, MEMBER(idle[SPINAT_OUTSIDE])},
    {"packets_inside", SHAPE_U64, MEMBER(packets[SPINAT_INSIDE])},
    {"packets_outside", SHAPE_U64, MEMBER(packets[SPINAT_OUTSIDE])},
    {"bytes_inside", SHAPE_U64, MEMBER(bytes[SPINAT_INSIDE])},
    {"bytes_outside", SHAPE_U64, MEMBER(bytes[SPINAT_OUTSIDE])},
    {"spi", SHAPE_BE32, MEMBER(spi)},
    {"sequence", SHAPE_U32, MEMBER(highest_sequence)},
    {"initiator", SHAPE_COOKIE, MEMBER(initiator_spi)},
    {"responder", SHAPE_COOKIE, MEMBER(responder_spi)},
    {"version", SHAPE_U8, MEMBER(version)},
    {"protected_from", SHAPE_U8, MEMBER(protected_from)},
    {"inside_initiated", SHAPE_BOOL, MEMBER(inside_initiated)},
    {"floated", SHAPE_BOOL, MEMBER(floated)},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))
/* Before them: id, wall, up; after them: the sum. */
#define FIRST_COLUMN 3
#define SUM_COLUMN   (FIRST_COLUMN + (int)COLUMN_COUNT)

/* The last packet, of either side, as a time of the clock that `up` is of. */
#define LAST_SEEN                                                              \
	"up - min(coalesce(idle_inside, age), coalesce(idle_outside, age))"

int row_sql(char **create, char **insert, char **select)
{
	size_t size[3];
	FILE *out[3] = {open_memstream(create, &size[0]),
	    open_memstream(insert, &size[1]), open_memstream(select, &size[2])};
	int result = 0;

	if (!out[0] || !out[1] || !out[2]) {
		result = -ENOMEM;
	} else {
		fprintf(out[0],
		    "CREATE TABLE record (id INTEGER PRIMARY KEY, wall, up");
		fprintf(out[1], "INSERT OR REPLACE INTO record VALUES (?,?,?");
		fprintf(out[2], "SELECT id, wall, up");
		for (size_t i = 0; i < COLUMN_COUNT; i++) {
			fprintf(out[0], ", %s", columns[i].name);
			fprintf(out[1], ",?");
			fprintf(out[2], ", %s", columns[i].name);
		}
		fprintf(out[0], ", sum)");
		fprintf(out[1], ",?)");
		fprintf(out[2],
		    ", sum FROM record ORDER BY " LAST_SEEN " DESC, id");
	}
	for (int i = 0; i < 3; i++)
		if (out[i] && fclose(out[i]) != 0)
			result = -ENOMEM;
	return result;
}

static uint64_t sum_begin(void)
{
	return UINT64_C(0xcbf29ce484222325);
}

static void sum_add(uint64_t *sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		*sum = (*sum ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void sum_number(uint64_t *sum, int64_t number)
{
	/* The file may be read on another machine: in one byte order. */
	for (unsigned i = 0; i < 8; i++) {
		const uint8_t byte = (uint8_t)((uint64_t)number >> (8 * i));
		sum_add(sum, &byte, 1);
	}
}

/* A column's value as a number; a cookie is none. */
static int64_t number_of(const struct column *column, const void *at)
{
	uint32_t word;
	int64_t number;

	switch (column->shape) {
	case SHAPE_U8:
		return *(const uint8_t *)at;
	case SHAPE_BOOL:
		return *(const bool *)at;
	case SHAPE_U32:
	case SHAPE_BE32:
		memcpy(&word, at, sizeof(word));
		return column->shape == SHAPE_BE32 ? ntohl(word) : word;
	default:
		memcpy(&number, at, sizeof(number));
		return number;
	}
}

/* False: out of range. */
static bool set_number(const struct column *column, void *at, int64_t number)
{
	uint32_t word;

	switch (column->shape) {
	case SHAPE_U8:
		*(uint8_t *)at = (uint8_t)number;
		return number >= 0 && number <= UINT8_MAX;
	case SHAPE_BOOL:
		*(bool *)at = number != 0;
		return number == 0 || number == 1;
	case SHAPE_U32:
	case SHAPE_BE32:
		word = (uint32_t)number;
		if (column->shape == SHAPE_BE32)
			word = htonl(word);
		memcpy(at, &word, sizeof(word));
		return number >= 0 && number <= UINT32_MAX;
	default:
		memcpy(at, &number, sizeof(number));
		return number >= 0;
	}
}

int row_bind(sqlite3_stmt *insert, const struct spinat_memo *memo,
    const struct row_time *written)
{
	const int64_t head[FIRST_COLUMN] = {
	    memo->id, written->wall, written->up};
	uint64_t sum = sum_begin();
	int code = SQLITE_OK;

	for (int i = 0; i < FIRST_COLUMN && code == SQLITE_OK; i++) {
		sum_number(&sum, head[i]);
		code = sqlite3_bind_int64(insert, 1 + i, head[i]);
	}
	for (size_t i = 0; i < COLUMN_COUNT && code == SQLITE_OK; i++) {
		const struct column *column = &columns[i];
		const void *at = (const char *)memo + column->offset;
		const int place = 1 + FIRST_COLUMN + (int)i;

		if (column->shape == SHAPE_COOKIE) {
			sum_add(&sum, at, 8);
			code = sqlite3_bind_blob(
			    insert, place, at, 8, SQLITE_TRANSIENT);
			continue;
		}
		sum_number(&sum, number_of(column, at));
		code = column->shape == SHAPE_SPAN &&
			number_of(column, at) == SPINAT_NEVER
		    ? sqlite3_bind_null(insert, place)
		    : sqlite3_bind_int64(insert, place, number_of(column, at));
	}
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(insert, 1 + SUM_COLUMN, (int64_t)sum);
	return code;
}

static bool read_number(sqlite3_stmt *select, int place, int64_t *number)
{
	*number = sqlite3_column_int64(select, place);
	return sqlite3_column_type(select, place) == SQLITE_INTEGER;
}

static bool read_column(sqlite3_stmt *select, int place,
    const struct column *column, void *at, uint64_t *sum)
{
	int64_t number;

	if (column->shape == SHAPE_COOKIE) {
		const void *blob = sqlite3_column_blob(select, place);

		if (sqlite3_column_type(select, place) != SQLITE_BLOB ||
		    sqlite3_column_bytes(select, place) != 8 || !blob)
			return false;
		memcpy(at, blob, 8);
		sum_add(sum, at, 8);
		return true;
	}
	if (column->shape == SHAPE_SPAN &&
	    sqlite3_column_type(select, place) == SQLITE_NULL)
		number = SPINAT_NEVER;
	else if (!read_number(select, place, &number))
		return false;
	sum_number(sum, number);
	return set_number(column, at, number);
}

bool row_read(
    sqlite3_stmt *select, struct spinat_memo *memo, struct row_time *written)
{
	int64_t head[FIRST_COLUMN], expected;
	uint64_t sum = sum_begin();

	memset(memo, 0, sizeof(*memo));
	for (int i = 0; i < FIRST_COLUMN; i++) {
		if (!read_number(select, i, &head[i]) || head[i] < 0)
			return false;
		sum_number(&sum, head[i]);
	}
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		if (!read_column(select, FIRST_COLUMN + (int)i, &columns[i],
			(char *)memo + columns[i].offset, &sum))
			return false;
	*written = (struct row_time){.wall = head[1], .up = head[2]};
	memo->id = (uint32_t)head[0];
	return read_number(select, SUM_COLUMN, &expected) &&
	    (uint64_t)expected == sum;
}
