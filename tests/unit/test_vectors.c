/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs tests/vectors: see make_vectors.py for what a line says.
 */
#include "nat_fixture.h"

#include <dirent.h>
#include <stdio.h>

#define LINE 8192

struct runner {
	struct spinat_config config;
	struct spinat_redirect rules[8];
	unsigned rule_count;
	struct nat *nat;
	struct pkt pkt;
	struct {
		uint16_t told, given;
		uint8_t protocol;
	} ids[32];
	unsigned id_count;
	unsigned emits_seen, packets;
	const char *file;
	unsigned line;
};

static void at(const struct runner *runner, bool holds, const char *what)
{
	if (!holds)
		fail_msg("%s:%u: %s", runner->file, runner->line, what);
}

static enum spinat_side side_of(const struct runner *runner, const char *word)
{
	const bool inside = strcmp(word, "inside") == 0;

	at(runner, inside || strcmp(word, "outside") == 0, "which side?");
	return inside ? SPINAT_INSIDE : SPINAT_OUTSIDE;
}

static uint32_t read_hex(
    const struct runner *runner, const char *hex, uint8_t *bytes)
{
	uint32_t length = 0;

	for (; hex[0] != '\0'; hex += 2) {
		unsigned value;
		at(runner, sscanf(hex, "%2x", &value) == 1 && hex[1] != '\0',
		    "not hexadecimal");
		bytes[length++] = (uint8_t)value;
	}
	return length;
}

static void configure(struct runner *runner, char *words[])
{
	struct spinat_redirect *rule = &runner->rules[runner->rule_count];
	unsigned a, b, c, d;

	if (strcmp(words[1], "same_ports") == 0) {
		runner->config.same_ports = true;
		return;
	}
	at(runner, strcmp(words[1], "redirect_port") == 0, "unknown config");
	rule->kind = SPINAT_REDIRECT_PORT;
	rule->protocol = strcmp(words[2], "tcp") == 0 ? PROTO_TCP : PROTO_UDP;
	at(runner, sscanf(words[3], "%u.%u.%u.%u", &a, &b, &c, &d) == 4,
	    "an address?");
	rule->inside = wire32(IP(a, b, c, d));
	rule->inside_port = (uint16_t)atoi(words[4]);
	rule->public_port = (uint16_t)atoi(words[5]);
	rule->port_count = 1;
	runner->rule_count++;
}

static void begin(struct runner *runner)
{
	if (runner->nat != NULL)
		return;
	runner->nat = nat_start(&runner->config);
	for (unsigned i = 0; i < runner->rule_count; i++)
		assert_int_equal(
		    spinat_add_redirect(runner->nat->engine, &runner->rules[i]),
		    0);
}

static void all_emits_were_told(const struct runner *runner)
{
	if (runner->nat != NULL)
		at(runner, runner->nat->emitted == runner->emits_seen,
		    "it sent more than is told here");
}

static void send(struct runner *runner, char *words[])
{
	const bool partial = strcmp(words[2], "partial") == 0;

	begin(runner);
	all_emits_were_told(runner);
	nat_forget(runner->nat);
	runner->emits_seen = 0;
	memset(&runner->pkt, 0, sizeof runner->pkt);
	runner->pkt.flags = partial ? SPINAT_PACKET_CSUM_PARTIAL : 0;
	runner->pkt.length =
	    read_hex(runner, words[partial ? 3 : 2], runner->pkt.data);
	nat_send(runner->nat, side_of(runner, words[1]), &runner->pkt);
	runner->packets++;
}

/* Which IP id a datagram in fragments leaves with is not told, but that no
 * other one does, and that all of it does: each that is told stands for one. */
static void stand_in(
    struct runner *runner, uint8_t *expected, const uint8_t *bytes)
{
	const uint16_t told = get16(expected + 4), given = get16(bytes + 4);
	const uint8_t protocol = expected[9];
	unsigned i = 0;

	while (i < runner->id_count &&
	    (runner->ids[i].protocol != protocol ||
		(runner->ids[i].told != told && runner->ids[i].given != given)))
		i++;
	if (i == runner->id_count) {
		assert_true(i < COUNT_OF(runner->ids));
		runner->ids[i].told = told;
		runner->ids[i].given = given;
		runner->ids[i].protocol = protocol;
		runner->id_count++;
	}
	at(runner, runner->ids[i].told == told, "another datagram's IP id");
	put16(expected + 4, runner->ids[i].given);
	put16(expected + 10, 0);
	put16(expected + 10, plain_checksum(expected, header_of(expected), 0));
}

static void same_bytes(struct runner *runner, enum spinat_side to,
    const char *hex, const uint8_t *bytes, size_t length)
{
	uint8_t expected[PACKET_ROOM] = {0};
	const uint32_t wanted = read_hex(runner, hex, expected);

	at(runner, wanted == length, "another length");
	if (to == SPINAT_OUTSIDE && (get16(expected + 6) & 0x3fff) != 0)
		stand_in(runner, expected, bytes);
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != expected[i])
			fail_msg("%s:%u: byte %zu is %02x, not %02x",
			    runner->file, runner->line, i, bytes[i],
			    expected[i]);
}

static void expect(struct runner *runner, char *words[])
{
	const struct pkt *pkt = &runner->pkt;
	const char *verdict =
	    spinat_verdict_name((enum spinat_verdict)pkt->verdict);

	at(runner, strcmp(verdict, words[0]) == 0, verdict);
	if (strcmp(words[0], "translated") == 0) {
		at(runner, pkt->to == side_of(runner, words[1]),
		    "to the other side");
		same_bytes(runner, side_of(runner, words[1]), words[2],
		    pkt->data, pkt->length);
	} else if (strcmp(words[0], "dropped") == 0) {
		const char *reason =
		    spinat_reason_name((enum spinat_reason)pkt->reason);
		at(runner, strcmp(reason, words[1]) == 0, reason);
	}
}

static void expect_emit(struct runner *runner, char *words[])
{
	const struct nat *nat = runner->nat;

	at(runner, runner->emits_seen < nat->emitted, "it sent no more");
	at(runner,
	    nat->emits[runner->emits_seen].to == side_of(runner, words[1]),
	    "to the other side");
	same_bytes(runner, side_of(runner, words[1]), words[2],
	    nat->emits[runner->emits_seen].data,
	    nat->emits[runner->emits_seen].length);
	runner->emits_seen++;
}

static void run_line(struct runner *runner, char *line)
{
	char *words[8] = {NULL}, *rest = line, *word;
	unsigned count = 0;

	while (count < COUNT_OF(words) - 1 &&
	    (word = strsep(&rest, " \n")) != NULL)
		if (*word != '\0')
			words[count++] = word;
	for (unsigned i = count; i < COUNT_OF(words); i++)
		words[i] = line + strlen(line);
	if (count == 0 || words[0][0] == '#')
		return;
	if (strcmp(words[0], "config") == 0)
		configure(runner, words);
	else if (strcmp(words[0], "in") == 0)
		send(runner, words);
	else if (strcmp(words[0], "emit") == 0)
		expect_emit(runner, words);
	else if (strcmp(words[0], "wait") == 0)
		nat_wait(runner->nat, atof(words[1]));
	else
		expect(runner, words);
}

static unsigned run_file(const char *path)
{
	struct runner *runner = test_memory(sizeof *runner);
	FILE *file = fopen(path, "r");
	char line[LINE];
	unsigned packets;

	assert_non_null(file);
	runner->file = path;
	nat_config(&runner->config);
	while (fgets(line, sizeof line, file) != NULL) {
		runner->line++;
		run_line(runner, line);
	}
	fclose(file);
	all_emits_were_told(runner);
	packets = runner->packets;
	assert_non_null(runner->nat);
	nat_stop(runner->nat);
	free(runner);
	return packets;
}

static void test_vectors(void **state)
{
	DIR *folder = opendir(VECTORS);
	const struct dirent *entry;
	unsigned files = 0, packets = 0;
	(void)state;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		char path[4096];
		const char *end = strrchr(entry->d_name, '.');
		if (end == NULL || strcmp(end, ".vec") != 0)
			continue;
		assert_true(snprintf(path, sizeof path, "%s/%s", VECTORS,
				entry->d_name) < (int)sizeof path);
		packets += run_file(path);
		files++;
	}
	closedir(folder);
	assert_true(files >= 6);
	assert_true(packets >= 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
