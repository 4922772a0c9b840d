/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures, their merging and their clock; the mem back end.
 *
 * What needs whole runs of the program is in tests/replay.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/mem.h"
#include "replay/capture.h"
#include "replay/clock.h"
#include "replay/link.h"
#include "replay/merge.h"
#include "replay/replay.h"

#define ETHERNET 1
#define NULL_    0
#define RAW      101
#define IPV4     228
#define SLL      113
#define SLL2     276

/* ------------------------------------------------------------- link types */

struct link_case {
	int type;
	const char *bytes;
	size_t length;
	bool found;
	size_t offset;
};

#define MACS       "aaaaaabbbbbb"
#define CASE(b)    (b), sizeof(b) - 1
#define FOUND(at)  true, at
#define NOT_FOUND_ false, 0

static const struct link_case link_cases[] = {
    {ETHERNET, CASE(MACS "\x08\x00"), FOUND(14)},
    {ETHERNET, CASE(MACS "\x08\x00\x45"), FOUND(14)},
    {ETHERNET, CASE(MACS "\x08"), NOT_FOUND_},
    {ETHERNET, CASE(MACS "\x86\xdd\x60"), NOT_FOUND_},
    {ETHERNET, CASE(MACS "\x81\x00\x00\x07\x08\x00"), FOUND(18)},
    {ETHERNET, CASE(MACS "\x81\x00\x00\x07\x08"), NOT_FOUND_},
    {ETHERNET, CASE(MACS "\x81\x00"), NOT_FOUND_},
    {ETHERNET, CASE(MACS "\x88\xa8\x00\x07\x81\x00\x00\x01\x08\x00"),
	FOUND(22)},
    {ETHERNET, CASE(MACS "\x88\x64\x11\x00\x00\x01\x00\x16\x00\x21"),
	FOUND(22)},
    {ETHERNET, CASE(MACS "\x88\x64\x11\x00\x00\x01\x00\x16\x00\x57"),
	NOT_FOUND_},
    {ETHERNET, CASE(MACS "\x88\x64\x11\x00\x00\x01\x00\x16\x00"), NOT_FOUND_},
    {SLL, CASE("0123456789abcd\x08\x00"), FOUND(16)},
    {SLL, CASE("0123456789abcd\x08"), NOT_FOUND_},
    {SLL, CASE("0123456789abcd\x86\xdd"), NOT_FOUND_},
    {SLL, CASE("0123456789abcd\x81\x00\x00\x07\x08\x00"), FOUND(20)},
    {SLL2, CASE("\x08\x00xxyyyyzzttlaaaaaaaa"), FOUND(20)},
    {SLL2, CASE("\x08\x00xxyyyyzzttlaaaa"), NOT_FOUND_},
    {NULL_, CASE("\x02\x00\x00\x00"), FOUND(4)},
    {NULL_, CASE("\x00\x00\x00\x02"), FOUND(4)},
    {NULL_, CASE("\x00\x00\x00\x1e"), NOT_FOUND_},
    {NULL_, CASE("\x02\x00\x00"), NOT_FOUND_},
    {RAW, CASE("\x45"), FOUND(0)},
    {RAW, CASE("\x60"), NOT_FOUND_},
    {RAW, CASE(""), FOUND(0)},
    {IPV4, CASE("\x60"), FOUND(0)},
    {12345, CASE("\x45"), NOT_FOUND_},
};

static void test_link_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(*link_cases); i++) {
		const struct link_case *c = &link_cases[i];
		/* On the heap, so that a sanitizer sees a read past it. */
		uint8_t *frame = malloc(c->length + 1);
		uint8_t *exact = realloc(frame, c->length > 0 ? c->length : 1);
		size_t offset = 0;

		assert_non_null(exact);
		memcpy(exact, c->bytes, c->length);
		assert_int_equal(
		    link_find_ipv4(c->type, exact, c->length, &offset),
		    c->found);
		assert_int_equal(offset, c->found ? c->offset : offset);
		assert_true(!c->found || offset <= c->length);
		free(exact);
	}
	assert_true(link_is_known(ETHERNET));
	assert_false(link_is_known(12345));
}

/* ------------------------------------------------------ writing, reading */

static char path[2][32];

static int make_paths(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		strcpy(path[i], "/tmp/spinat-capture-XXXXXX");
		int fd = mkstemp(path[i]);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return 0;
}

static int remove_paths(void **state)
{
	(void)state;
	unlink(path[0]);
	unlink(path[1]);
	return 0;
}

/* One packet a stamp: an IPv4 first byte and its number. */
static void write_stamps(const char *name, const int64_t *stamps, size_t count)
{
	struct capture_writer *writer;
	struct error error;

	assert_int_equal(capture_create(&writer, name, &error), 0);
	for (size_t i = 0; i < count; i++) {
		uint8_t data[2] = {0x45, (uint8_t)i};
		capture_write(writer, stamps[i], data, sizeof(data));
	}
	assert_int_equal(capture_written(writer), count);
	assert_int_equal(capture_finish(writer, &error), 0);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_written_is_read(void **state)
{
	static const int64_t stamps[] = {
	    0, 1, 999999999, 1000000000, INT64_C(4294967295999999999)};
	struct capture *capture;
	struct capture_packet packet;
	struct error error;

	(void)state;
	write_stamps(path[0], stamps, COUNT(stamps));
	assert_int_equal(capture_open(&capture, path[0], &error), 0);
	for (size_t i = 0; i < COUNT(stamps); i++) {
		assert_int_equal(capture_next(capture, &packet, &error), 1);
		assert_true(packet.stamp == stamps[i]);
		assert_int_equal(packet.length, 2);
		assert_int_equal(packet.data[1], i);
	}
	assert_int_equal(capture_next(capture, &packet, &error), 0);
	assert_int_equal(capture_next(capture, &packet, &error), 0);
	assert_int_equal(capture_counts(capture)->packets, COUNT(stamps));
	capture_close(capture);
}

static void test_going_back(void **state)
{
	static const int64_t stamps[] = {5, 9, 7, 8, 10};
	static const int64_t want[] = {5, 9, 9, 9, 10};
	struct capture *capture;
	struct capture_packet packet;
	struct error error;

	(void)state;
	write_stamps(path[0], stamps, COUNT(stamps));
	assert_int_equal(capture_open(&capture, path[0], &error), 0);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_int_equal(capture_next(capture, &packet, &error), 1);
		assert_true(packet.stamp == want[i]);
	}
	assert_int_equal(capture_counts(capture)->backward, 2);
	assert_int_equal(capture_counts(capture)->first_backward, 3);
	capture_close(capture);
}

/* Opens the first `length` bytes of a file as a capture. */
static int open_cut(
    struct capture **capture, const char *name, size_t length, void *buffer)
{
	struct error error;
	FILE *file = fopen(name, "rb");
	FILE *cut;

	assert_non_null(file);
	assert_int_equal(fread(buffer, 1, length, file), length);
	fclose(file);
	cut = fmemopen(buffer, length, "rb");
	assert_non_null(cut);
	return capture_open_stream(capture, cut, "cut", &error);
}

static void test_cut_anywhere(void **state)
{
	static const int64_t stamps[] = {1, 2, 3};
	const size_t size = 24 + 3 * 18;
	char buffer[24 + 3 * 18];

	(void)state;
	write_stamps(path[0], stamps, COUNT(stamps));
	for (size_t length = 1; length <= size; length++) {
		struct capture *capture;
		struct capture_packet packet;
		struct error error = {""};
		size_t whole = length < 24 ? 0 : (length - 24) / 18;

		if (length < 24) {
			assert_int_equal(
			    open_cut(&capture, path[0], length, buffer),
			    -EBADMSG);
			continue;
		}
		assert_int_equal(
		    open_cut(&capture, path[0], length, buffer), 0);
		for (size_t i = 0; i < whole; i++)
			assert_int_equal(
			    capture_next(capture, &packet, &error), 1);
		if ((length - 24) % 18 == 0) {
			assert_int_equal(
			    capture_next(capture, &packet, &error), 0);
		} else {
			char want[64];

			snprintf(
			    want, sizeof(want), "cut: packet %zu: ", whole + 1);
			for (int again = 0; again < 2; again++) {
				assert_int_equal(
				    capture_next(capture, &packet, &error),
				    -EBADMSG);
				assert_memory_equal(
				    error.text, want, strlen(want));
			}
		}
		capture_close(capture);
	}
}

static void test_no_such_file(void **state)
{
	struct capture *capture;
	struct capture_writer *writer;
	struct error error;

	(void)state;
	assert_int_equal(capture_open(&capture, "/none/such", &error), -ENOENT);
	assert_string_equal(
	    error.text, "/none/such: No such file or directory");
	assert_int_equal(
	    capture_create(&writer, "/none/such", &error), -ENOENT);
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(
		    capture_create(&writer, "/dev/full", &error), 0);
		assert_int_equal(capture_finish(writer, &error), -ENOSPC);
	}
	capture_close(NULL);
	assert_int_equal(capture_finish(NULL, &error), 0);
}

/* ------------------------------------------------------------------ merging */

struct merged {
	enum spinat_side side;
	int64_t stamp;
};

static void merge_all(const int64_t *inside, size_t inside_count,
    const int64_t *outside, size_t outside_count, const struct merged *want,
    size_t count)
{
	struct capture *captures[2];
	struct capture_packet packet;
	struct merge merge;
	struct error error;
	enum spinat_side side;
	uint8_t next[2] = {0, 0};

	write_stamps(path[0], inside, inside_count);
	write_stamps(path[1], outside, outside_count);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
		    capture_open(&captures[i], path[i], &error), 0);
	merge_init(&merge, captures[0], captures[1]);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(merge_peek(&merge, &packet, &side, &error), 1);
		assert_int_equal(side, want[i].side);
		assert_true(packet.stamp == want[i].stamp);
		assert_int_equal(packet.data[1], next[side]++);
		merge_take(&merge, side);
	}
	assert_int_equal(merge_peek(&merge, &packet, &side, &error), 0);
	capture_close(captures[0]);
	capture_close(captures[1]);
}

static void test_merge(void **state)
{
	static const int64_t inside[] = {1, 3, 3, 5}, outside[] = {0, 3, 3, 9};
	static const struct merged want[] = {
	    {SPINAT_OUTSIDE, 0},
	    {SPINAT_INSIDE, 1},
	    {SPINAT_INSIDE, 3},
	    {SPINAT_INSIDE, 3},
	    {SPINAT_OUTSIDE, 3},
	    {SPINAT_OUTSIDE, 3},
	    {SPINAT_INSIDE, 5},
	    {SPINAT_OUTSIDE, 9},
	};

	(void)state;
	merge_all(
	    inside, COUNT(inside), outside, COUNT(outside), want, COUNT(want));
	merge_all(inside, 0, outside, 0, want, 0);
	merge_all(inside, 0, outside, 1, want, 1);
}

static void test_merge_without_captures(void **state)
{
	struct capture_packet packet;
	enum spinat_side side;
	struct merge merge;
	struct error error;

	(void)state;
	merge_init(&merge, NULL, NULL);
	assert_int_equal(merge_peek(&merge, &packet, &side, &error), 0);
}

/* The outside goes on to the last good stamp of the inside, equal included. */
static void test_merge_at_damage(void **state)
{
	static const int64_t inside[] = {1, 4, 6}, outside[] = {0, 4, 5, 9};
	static const struct merged want[] = {
	    {SPINAT_OUTSIDE, 0},
	    {SPINAT_INSIDE, 1},
	    {SPINAT_INSIDE, 4},
	    {SPINAT_OUTSIDE, 4},
	};
	char buffer[24 + 3 * 18];
	struct capture *captures[2];
	struct capture_packet packet;
	enum spinat_side side;
	struct merge merge;
	struct error error;

	(void)state;
	write_stamps(path[0], inside, COUNT(inside));
	write_stamps(path[1], outside, COUNT(outside));
	assert_int_equal(
	    open_cut(&captures[0], path[0], sizeof(buffer) - 1, buffer), 0);
	assert_int_equal(capture_open(&captures[1], path[1], &error), 0);
	merge_init(&merge, captures[0], captures[1]);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_int_equal(merge_peek(&merge, &packet, &side, &error), 1);
		assert_int_equal(side, want[i].side);
		assert_true(packet.stamp == want[i].stamp);
		merge_take(&merge, side);
	}
	assert_int_equal(merge_peek(&merge, &packet, &side, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "cut: packet 3: "));
	capture_close(captures[0]);
	capture_close(captures[1]);
}

/* -------------------------------------------------------------------- clock */

static void test_clock(void **state)
{
	struct replay_clock clock = {.origin = INT64_C(1700000000123456789)};
	const int64_t origin = clock.origin;
	const int64_t day = 24 * 3600 * SPINAT_SECOND;
	char text[REPLAY_STAMP_TEXT];

	(void)state;
	assert_true(replay_clock_engine(&clock, clock.origin) == REPLAY_START);
	assert_true(replay_clock_capture(&clock, REPLAY_START) == clock.origin);
	assert_true(replay_clock_capture(&clock,
			replay_clock_engine(&clock, clock.origin + 12345)) ==
	    clock.origin + 12345);
	replay_clock_format(text, clock.origin);
	assert_string_equal(text, "1700000000.123456789");
	replay_clock_format(text, 5);
	assert_string_equal(text, "0.000000005");

	/* A day, 30 days: as they are.  Two silences of years: 30 days each. */
	replay_clock_pass(&clock, origin, origin + day);
	replay_clock_pass(&clock, origin + day, origin + 31 * day);
	assert_true(clock.origin == origin);
	replay_clock_pass(&clock, origin + 31 * day, origin + 5000 * day);
	assert_true(replay_clock_engine(&clock, origin + 5000 * day) ==
	    REPLAY_START + 61 * day);
	replay_clock_pass(&clock, origin + 5000 * day, origin + 9000 * day);
	assert_true(replay_clock_engine(&clock, origin + 9000 * day) ==
	    REPLAY_START + 91 * day);
	assert_true(replay_clock_capture(&clock, REPLAY_START + 91 * day) ==
	    origin + 9000 * day);
	assert_true(replay_clock_capture(&clock, REPLAY_START + 62 * day) ==
	    origin + 5001 * day);
}

#define ZEROS "0000000000000000"

static void test_seed(void **state)
{
	/* One digit more than fits. */
	static const char *const wrong[] = {"", "0x", "x", "12a", "-1", "1 ",
	    "0x1" ZEROS ZEROS ZEROS ZEROS, "9" ZEROS ZEROS ZEROS ZEROS ZEROS};
	uint8_t seed[32], want[32] = {0};

	(void)state;
	want[30] = 0x12;
	want[31] = 0x34;
	assert_true(replay_read_seed(seed, "4660"));
	assert_memory_equal(seed, want, 32);
	assert_true(replay_read_seed(seed, "0x1234"));
	assert_memory_equal(seed, want, 32);
	assert_true(replay_read_seed(seed,
	    "00000000000000000000000000000000000"
	    "00000000000000000000000001234"));
	assert_memory_equal(seed, want, 32);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(replay_read_seed(seed, wrong[i]));
	assert_memory_equal(seed, want, 32);
}

static void test_seconds(void **state)
{
	static const char *const wrong[] = {"", ".", "-1", "1e3",
	    "1.0000000001", "1000000001", "99999999999999999999999", "1 "};
	spinat_time time = 0;

	(void)state;
	assert_true(replay_read_seconds(&time, "90"));
	assert_true(time == 90 * SPINAT_SECOND);
	assert_true(replay_read_seconds(&time, "0.000000001"));
	assert_true(time == 1);
	assert_true(replay_read_seconds(&time, "1.5"));
	assert_true(time == SPINAT_SECOND * 3 / 2);
	assert_true(replay_read_seconds(&time, "1000000000"));
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(replay_read_seconds(&time, wrong[i]));
}

/* ---------------------------------------------------------------------- mem */

static void test_mem(void **state)
{
	struct backend_mem_packet left;
	struct backend_batch batch;
	struct backend *backend;
	struct error error;
	uint8_t data[8] = {1};

	(void)state;
	assert_int_equal(backend_mem_open(&backend, 3, 8, &error), 0);
	for (int turn = 0; turn < 10; turn++) {
		for (uint8_t i = 0; i < 3; i++) {
			data[0] = i;
			assert_int_equal(backend_mem_push(backend, i & 1,
					     i < 2 ? 7 : 8, data, i + 1u),
			    0);
		}
		assert_int_equal(
		    backend_mem_push(backend, 0, 8, data, 1), -ENOBUFS);
		assert_int_equal(
		    backend_mem_push(backend, 0, 8, data, 9), -EMSGSIZE);

		/* The first two are of one stamp. */
		assert_int_equal(backend_mem.receive(backend, -1, &batch), 0);
		assert_int_equal(batch.count, 2);
		assert_true(batch.stamp == 7);
		assert_int_equal(batch.packets[1].side, SPINAT_OUTSIDE);
		assert_int_equal(batch.packets[1].length, 2);
		batch.packets[0].verdict = SPINAT_TRANSLATED;
		batch.packets[0].to = SPINAT_OUTSIDE;
		batch.packets[0].data[0] = 99;
		batch.packets[1].verdict = SPINAT_DROPPED;
		backend_mem.emit(backend, SPINAT_INSIDE, data, 4);
		assert_int_equal(backend_mem.finish(backend, &batch), 0);

		assert_int_equal(backend_mem.receive(backend, -1, &batch), 0);
		assert_int_equal(batch.count, 1);
		assert_true(batch.stamp == 8);
		batch.packets[0].verdict = SPINAT_PASSED;
		assert_int_equal(backend_mem.finish(backend, &batch), 0);
		assert_int_equal(backend_mem.receive(backend, -1, &batch), 0);
		assert_int_equal(batch.count, 0);
		assert_true(batch.stamp == -1);

		assert_true(backend_mem_pop(backend, &left));
		assert_true(left.emitted && left.to == SPINAT_INSIDE);
		assert_int_equal(left.length, 4);
		assert_true(backend_mem_pop(backend, &left));
		assert_false(left.emitted);
		assert_int_equal(left.data[0], 99);
		assert_false(backend_mem_pop(backend, &left));
	}
	for (int i = 0; i < 5; i++)
		backend_mem.emit(backend, SPINAT_INSIDE, data, 8);
	backend_mem.emit(backend, SPINAT_INSIDE, data, 9);
	assert_int_equal(backend_mem_lost(backend), 3);
	backend_mem.close(backend);
	assert_int_equal(backend_mem_open(&backend, 0, 8, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_link_types),
	    cmocka_unit_test(test_written_is_read),
	    cmocka_unit_test(test_going_back),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_no_such_file),
	    cmocka_unit_test(test_merge),
	    cmocka_unit_test(test_merge_without_captures),
	    cmocka_unit_test(test_merge_at_damage),
	    cmocka_unit_test(test_clock),
	    cmocka_unit_test(test_seed),
	    cmocka_unit_test(test_seconds),
	    cmocka_unit_test(test_mem),
	};

	return cmocka_run_group_tests(tests, make_paths, remove_paths);
}
