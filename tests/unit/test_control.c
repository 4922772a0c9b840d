/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol over a socketpair, with a made-up engine behind it:
 * this file defines the spinat_* functions that the answers walk with.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/control.h"
#include "daemon/request.h"
#include "daemon/text.h"

/* ---------------------------------------------------------- the made-up engine
 */

#define FEW_FLOWS 9

static struct {
	uint32_t flows;  /* how many there are */
	uint64_t walked; /* how many have been asked for */
} fake;

static spinat_be32 address(uint32_t host)
{
	return (spinat_be32){htonl(host)};
}

/* Flow i: of host 10.0.0.(i % 3) and remote 192.0.2.(i % 2), by turns a UDP
 * session, an outbound SPI, an inbound SPI. */
enum spinat_walk spinat_next_flow(const struct spinat *engine, uint32_t *cursor,
    struct spinat_flow_info *flow)
{
	uint32_t i = *cursor;

	(void)engine;
	if (i >= fake.flows)
		return SPINAT_WALK_END;
	*cursor = i + 1;
	fake.walked++;
	*flow = (struct spinat_flow_info){
	    .id = i,
	    .kind = (uint8_t)(i % 3),
	    .protocol = i % 3 ? 50 : 17,
	    .state = "established",
	    .inside.address = address(0x0a000000 + i % 3),
	    .public_end.address = address(0xcb007101),
	    .remote.address = address(0xc0000200 + i % 2),
	    .spi.raw = htonl(0x1000 + i),
	    .packets = {7, UINT64_C(5000000000)},
	    .expires = SPINAT_NEVER,
	};
	flow->remote_seen = flow->remote;
	if (i % 3 == 0)
		flow->inside.port.raw = htons(4242);
	return SPINAT_WALK_FOUND;
}

enum spinat_walk spinat_next_ike(
    const struct spinat *engine, uint32_t *cursor, struct spinat_ike_info *ike)
{
	(void)engine;
	if ((*cursor)++)
		return SPINAT_WALK_END;
	*ike = (struct spinat_ike_info){
	    .id = 1,
	    .inside = address(0x0a000001),
	    .remote = address(0xc0000201),
	    .initiator_spi = {1, 2, 3, 4, 5, 6, 7, 0xff},
	    .version = 2,
	    .state = "established",
	};
	return SPINAT_WALK_FOUND;
}

enum spinat_walk spinat_next_peer(const struct spinat *engine, uint32_t *cursor,
    struct spinat_peer_info *peer)
{
	(void)engine;
	if ((*cursor)++)
		return SPINAT_WALK_END;
	*peer = (struct spinat_peer_info){
	    .id = 1,
	    .inside = address(0x0a000001),
	    .remote = address(0xc0000201),
	    .candidate = true,
	    .why = "because",
	    .moved = true,
	    .endings = 2,
	    .ended = address(0x0a000002),
	    .rival = address(0x0a000001),
	};
	return SPINAT_WALK_FOUND;
}

/* Of flow 5, SPI 0x1005, of 10.0.0.2 and 192.0.2.1: the holder's claim and that
 * of 10.0.0.7, which said that it is not its own. */
enum spinat_walk spinat_next_claim(const struct spinat *engine,
    uint32_t *cursor, struct spinat_claim_info *claim)
{
	const uint32_t i = (*cursor)++;

	(void)engine;
	if (i >= 2)
		return SPINAT_WALK_END;
	*claim = (struct spinat_claim_info){
	    .flow = 5,
	    .spi.raw = htonl(0x1005),
	    .inside = address(i ? 0x0a000007 : 0x0a000002),
	    .remote = address(0xc0000201),
	    .holder = address(0x0a000002),
	    .state = "confirmed",
	    .holds = i == 0,
	    .owner = i == 0,
	    .refuted = i == 1,
	    .refuted_at = i,
	    .agreed_before = i ? SPINAT_NEVER : 3 * SPINAT_SECOND,
	    .copies = 4 * i,
	    .sent = 9,
	    .score = i ? -20 : 61,
	    .rows = {i ? -20 : 20, 0, i ? 0 : 41},
	};
	return SPINAT_WALK_FOUND;
}

const char *spinat_score_row_name(unsigned row)
{
	return row ? "onset" : "expected";
}

const char *spinat_score_row_text(unsigned row, int weight)
{
	(void)row;
	return weight > 0 ? "it did" : "it did not";
}

void spinat_get_stats(const struct spinat *engine, struct spinat_stats *stats)
{
	(void)engine;
	*stats = (struct spinat_stats){
	    .packets = {3, 4}, .max_flows = 100, .copies = 8, .probation = 2};
	stats->reasons[SPINAT_REASON_AH] = 2;
}

const char *spinat_reason_name(enum spinat_reason reason)
{
	return reason == SPINAT_REASON_AH ? "ah" : "another";
}

const char *spinat_reason_text(enum spinat_reason reason)
{
	(void)reason;
	return "It cannot.";
}

const char *spinat_verdict_name(enum spinat_verdict verdict)
{
	static const char *const names[] = {
	    "translated", "passed", "held", "dropped"};

	return names[verdict];
}

/* --------------------------------------------------------------- the stage */

struct stage {
	struct event_base *base;
	struct answer_source source;
	struct control *control;
	int fd;            /* the client's end */
	char heard[65536]; /* read, and not yet looked at */
	size_t begin, end;
};

static void about(void *context, json_t *stats)
{
	(void)context;
	json_object_set_new(stats, "backend", json_string("none"));
}

static int adopt(struct stage *stage, int *client)
{
	int ends[2];

	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
	    0);
	*client = ends[0];
	return control_adopt(stage->control, ends[1]);
}

static int setup(void **state)
{
	static struct stage stage;
	struct error error;

	fake.flows = FEW_FLOWS;
	fake.walked = 0;
	stage = (struct stage){.source.about = about};
	stage.base = event_base_new();
	assert_int_equal(
	    control_open(&stage.control, stage.base, &stage.source, &error), 0);
	assert_int_equal(adopt(&stage, &stage.fd), 0);
	*state = &stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	close(stage->fd);
	control_close(stage->control);
	event_base_free(stage->base);
	return 0;
}

static void turn(struct stage *stage, int times)
{
	while (times-- > 0)
		event_base_loop(stage->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void say(struct stage *stage, const char *text)
{
	size_t length = strlen(text);

	assert_int_equal(write(stage->fd, text, length), length);
}

/** Reads what is there, turning the loop until something is.  False: the
 * end. */
static bool listen_for_more(struct stage *stage)
{
	memmove(stage->heard, stage->heard + stage->begin,
	    stage->end - stage->begin);
	stage->end -= stage->begin;
	stage->begin = 0;
	for (;;) {
		ssize_t got = read(stage->fd, stage->heard + stage->end,
		    sizeof(stage->heard) - stage->end);

		if (got >= 0) {
			stage->end += (size_t)got;
			return got > 0;
		}
		assert_int_equal(errno, EAGAIN);
		turn(stage, 1);
	}
}

/** The next line, without its newline; NULL at the end.  Valid until the next
 * one. */
static const char *read_line(struct stage *stage, size_t *length)
{
	for (;;) {
		char *line = stage->heard + stage->begin;
		char *newline = memchr(line, '\n', stage->end - stage->begin);

		if (newline) {
			*length = (size_t)(newline - line);
			stage->begin += *length + 1;
			return line;
		}
		if (!listen_for_more(stage))
			return NULL;
	}
}

/** The next line as JSON; the caller frees it.  NULL at the end. */
static json_t *hear(struct stage *stage)
{
	size_t length;
	const char *line = read_line(stage, &length);
	json_t *root;

	if (!line)
		return NULL;
	root = json_loadb(line, length, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_object_size(root), 1);
	return root;
}

/** Hears lines of `kind` up to the end of the answer; how many. */
static json_int_t hear_all(struct stage *stage, const char *kind)
{
	json_int_t count = 0;

	for (;;) {
		json_t *root = hear(stage);
		json_t *end = json_object_get(root, "end");

		assert_non_null(root);
		if (end) {
			assert_int_equal(
			    json_integer_value(json_object_get(end, "count")),
			    count);
			json_decref(root);
			return count;
		}
		assert_non_null(json_object_get(root, kind));
		count++;
		json_decref(root);
	}
}

static void hear_kind(struct stage *stage, const char *kind)
{
	json_t *root = hear(stage);

	assert_non_null(root);
	assert_non_null(json_object_get(root, kind));
	json_decref(root);
}

static void hear_error(struct stage *stage, const char *part)
{
	json_t *root = hear(stage);
	const char *text = json_string_value(json_object_get(root, "error"));

	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
	json_decref(root);
}

/* --------------------------------------------------------------- the tests */

static void shows_a_flow_in_full(void **state)
{
	static const char expected[] =
	    "{\"id\":0,\"kind\":\"session\",\"protocol\":17,"
	    "\"protocol_name\":\"udp\","
	    "\"inside\":{\"address\":\"10.0.0.0\",\"port\":4242},"
	    "\"public\":{\"address\":\"203.0.113.1\",\"port\":0},"
	    "\"remote\":{\"address\":\"192.0.2.0\",\"port\":0},"
	    "\"remote_seen\":{\"address\":\"192.0.2.0\",\"port\":0},"
	    "\"state\":\"established\",\"hairpin\":false,"
	    "\"redirected\":false,"
	    "\"packets\":{\"inside\":7,\"outside\":5000000000},"
	    "\"bytes\":{\"inside\":0,\"outside\":0},"
	    "\"idle_ms\":{\"inside\":null,\"outside\":null},"
	    "\"expires_ms\":null}";
	struct stage *stage = *state;
	json_t *root, *flow, *wanted = json_loads(expected, 0, NULL);

	say(stage, "{\"show\":\"flows\",\"limit\":1}\n");
	root = hear(stage);
	flow = json_object_get(root, "flow");
	/* Its age is that of the test's machine. */
	assert_true(json_integer_value(json_object_get(flow, "age_ms")) > 0);
	json_object_del(flow, "age_ms");
	assert_true(json_equal(flow, wanted));
	json_decref(root);
	json_decref(wanted);
	hear_kind(stage, "end");
}

static void shows_stats(void **state)
{
	struct stage *stage = *state;
	json_t *root, *stats, *reason;

	say(stage, "{\"show\":\"stats\"}\n");
	root = hear(stage);
	stats = json_object_get(root, "stats");
	assert_string_equal(
	    json_string_value(json_object_get(stats, "backend")), "none");
	assert_int_equal(
	    json_integer_value(json_object_get(stats, "copies")), 8);
	assert_int_equal(
	    json_integer_value(json_object_get(stats, "probation")), 2);
	assert_int_equal(json_array_size(json_object_get(stats, "reasons")), 1);
	reason = json_array_get(json_object_get(stats, "reasons"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(reason, "reason")), "ah");
	json_decref(root);
	hear_kind(stage, "end");
}

static void filters_flows(void **state)
{
	static const struct {
		const char *request;
		json_int_t count;
	} cases[] = {
	    {"{\"show\":\"flows\"}\n", 9},
	    {"{\"show\":\"flows\",\"inside\":\"10.0.0.1\"}\n", 3},
	    {"{\"show\":\"flows\",\"remote\":\"192.0.2.1\"}\n", 4},
	    {"{\"show\":\"flows\",\"protocol\":\"esp\"}\n", 6},
	    {"{\"show\":\"flows\",\"protocol\":17}\n", 3},
	    {"{\"show\":\"flows\",\"protocol\":\"99\"}\n", 0},
	    {"{\"show\":\"flows\",\"limit\":4}\n", 4},
	    {"{\"show\":\"flows\",\"limit\":4,\"protocol\":\"udp\"}\n", 3},
	    {"{\"show\":\"flows\",\"inside\":\"10.0.0.1\","
	     "\"remote\":\"192.0.2.0\"}\n",
		1},
	};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(stage, cases[i].request);
		assert_int_equal(hear_all(stage, "flow"), cases[i].count);
	}
}

static void shows_ipsec_in_steps(void **state)
{
	struct stage *stage = *state;

	static const char wanted[] =
	    "{\"endings\":2,\"ended\":\"10.0.0.2\",\"rival\":\"10.0.0.1\"}";
	json_t *root, *one_peer, *expected = json_loads(wanted, 0, NULL);

	say(stage, "{\"show\":\"ipsec\"}\n");
	root = hear(stage);
	assert_true(json_is_true(
	    json_object_get(json_object_get(root, "peer"), "moved")));
	one_peer = json_object_get(json_object_get(root, "peer"), "one_peer");
	/* Its time is that of the test's machine. */
	assert_true(
	    json_integer_value(json_object_get(one_peer, "ended_ms")) > 0);
	json_object_del(one_peer, "ended_ms");
	assert_true(json_equal(one_peer, expected));
	json_decref(root);
	json_decref(expected);
	for (int i = 0; i < 6; i++)
		hear_kind(stage, "flow"); /* of ESP, no sessions */
	hear_kind(stage, "ike");
	hear_kind(stage, "end");
}

/* How many lines of each kind an explanation has, in order. */
static void explains(struct stage *stage, const char *what, int flows,
    int claims, int peers, int ikes)
{
	const struct {
		const char *kind;
		int count;
	} parts[] = {{"flow", flows}, {"claim", claims}, {"peer", peers},
	    {"ike", ikes}, {"end", 1}};
	char request[64];

	snprintf(request, sizeof(request), "{\"explain\":\"%s\"}\n", what);
	say(stage, request);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (int n = 0; n < parts[i].count; n++)
			hear_kind(stage, parts[i].kind);
}

static void explains_hosts_remotes_and_spis(void **state)
{
	struct stage *stage = *state;

	explains(stage, "10.0.0.1", 3, 0, 1, 1);  /* a host: its ESP */
	explains(stage, "192.0.2.1", 3, 2, 1, 1); /* a remote */
	explains(stage, "10.0.0.2", 3, 2, 0, 0);  /* its SPI's claims, all */
	explains(stage, "10.0.0.7", 0, 1, 0, 0);  /* its own of another's SPI */
	explains(stage, "0x1005", 1, 2, 1, 1);    /* with its remote's hosts */
	explains(stage, "0x00001002", 1, 0, 0, 0); /* another remote */
	explains(stage, "0xffffffff", 0, 0, 0, 0);
	explains(stage, "10.9.9.9", 0, 0, 0, 0);
	/* 0x1000 is no SPI but a session in the made-up engine. */
	explains(stage, "0x1000", 0, 0, 0, 0);
}

static void explains_a_claim_in_full(void **state)
{
	static const char expected[] =
	    "{\"flow\":5,\"spi\":\"0x00001005\",\"inside\":\"10.0.0.2\","
	    "\"public\":\"0.0.0.0\",\"remote\":\"192.0.2.1\","
	    "\"holder\":\"10.0.0.2\",\"state\":\"confirmed\","
	    "\"holds\":true,\"owner\":true,\"refuted\":false,"
	    "\"refuted_ms\":null,\"objected\":false,\"gone\":false,"
	    "\"agreed_before_ms\":3000,\"copies\":0,\"sent\":9,"
	    "\"score\":61,\"rows\":["
	    "{\"row\":\"expected\",\"weight\":20,\"text\":\"it did\"},"
	    "{\"row\":\"onset\",\"weight\":41,\"text\":\"it did\"}]}";
	struct stage *stage = *state;
	json_t *root, *wanted = json_loads(expected, 0, NULL);

	say(stage, "{\"explain\":\"0x1005\"}\n");
	hear_kind(stage, "flow");
	root = hear(stage);
	assert_true(json_equal(json_object_get(root, "claim"), wanted));
	json_decref(root);
	root = hear(stage);
	assert_true(json_is_integer(
	    json_object_get(json_object_get(root, "claim"), "refuted_ms")));
	json_decref(root);
	json_decref(wanted);
}

static void answers_faults_and_goes_on(void **state)
{
	static const struct {
		const char *request, *part;
	} cases[] = {
	    {"nonsense\n", "not JSON"},
	    {"{\"show\":\n", "not JSON"},
	    {"[]\n", "looks like"},
	    {"{}\n", "looks like"},
	    {"{\"show\":\"everything\"}\n", "\"ipsec\""},
	    {"{\"show\":7}\n", "wants"},
	    {"{\"show\":\"flows\",\"insider\":1}\n", "no member \"insider\""},
	    {"{\"show\":\"flows\",\"inside\":\"10.0.0\"}\n", "IPv4 address"},
	    {"{\"show\":\"flows\",\"inside\":5}\n", "IPv4 address"},
	    {"{\"show\":\"flows\",\"remote\":null}\n", "IPv4 address"},
	    {"{\"show\":\"flows\",\"protocol\":256}\n", "0 to 255"},
	    {"{\"show\":\"flows\",\"protocol\":\"256\"}\n", "0 to 255"},
	    {"{\"show\":\"flows\",\"protocol\":\"\"}\n", "0 to 255"},
	    {"{\"show\":\"flows\",\"limit\":0}\n", "at least 1"},
	    {"{\"show\":\"flows\",\"limit\":1.5}\n", "at least 1"},
	    {"{\"show\":\"flows\",\"show\":\"ike\"}\n", "not JSON"},
	    {"{\"explain\":\"\"}\n", "an SPI"},
	    {"{\"explain\":\"10.0.0\"}\n", "an SPI"},
	    {"{\"explain\":\"0x\"}\n", "an SPI"},
	    {"{\"explain\":\"0x123456789\"}\n", "an SPI"},
	    {"{\"explain\":\"0x12 \"}\n", "an SPI"},
	    {"{\"explain\":\"0x-1\"}\n", "an SPI"},
	    {"{\"explain\":\"1234\"}\n", "an SPI"},
	    {"{\"explain\":4660}\n", "an SPI"},
	    {"{\"explain\":\"10.0.0.1\",\"show\":\"ike\"}\n", "alone"},
	    {"{\"explain\":\"10.0.0.1\",\"limit\":1}\n", "alone"},
	    {"{\"show\":\"explain\"}\n", "wants"},
	    {"\xff\xfe\n", "not"},
	};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(stage, cases[i].request);
		hear_error(stage, cases[i].part);
	}
	say(stage, "{\"show\":\"ike\"}\n");
	assert_int_equal(hear_all(stage, "ike"), 1);
}

static void refuses_a_line_too_long(void **state)
{
	struct stage *stage = *state;
	char text[3 * REQUEST_MAX];

	memset(text, ' ', sizeof(text));
	assert_int_equal(write(stage->fd, text, sizeof(text)), sizeof(text));
	hear_error(stage, "too long");
	turn(stage, 4);
	assert_int_equal(control_clients(stage->control), 0);
}

static void parser_bounds_its_line(void **state)
{
	static char text[REQUEST_MAX + 1];
	struct request request;
	struct error error;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"show\":\"ike\"}", 14);
	assert_int_equal(
	    request_parse(&request, text, sizeof(text), &error), -EINVAL);
	assert_int_equal(request_parse(&request, text, REQUEST_MAX, &error), 0);
	assert_int_equal(request_parse(&request, text, 0, &error), -EINVAL);
}

static void answers_in_turn(void **state)
{
	struct stage *stage = *state;

	say(stage,
	    "{\"show\":\"flows\"}\n\n{\"show\":\"nothing\"}\n"
	    "{\"show\":\"ike\"}\n");
	assert_int_equal(hear_all(stage, "flow"), FEW_FLOWS);
	hear_error(stage, "wants");
	assert_int_equal(hear_all(stage, "ike"), 1);
}

static void takes_a_line_in_pieces(void **state)
{
	static const char request[] = "{\"show\":\"ike\"}\n";
	struct stage *stage = *state;

	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		assert_int_equal(write(stage->fd, request + i, 1), 1);
		turn(stage, 2);
	}
	assert_int_equal(hear_all(stage, "ike"), 1);
}

static void takes_a_last_line_without_its_end(void **state)
{
	struct stage *stage = *state;

	say(stage, "{\"show\":\"ike\"}");
	assert_int_equal(shutdown(stage->fd, SHUT_WR), 0);
	assert_int_equal(hear_all(stage, "ike"), 1);
	assert_null(hear(stage));
	assert_int_equal(control_clients(stage->control), 0);
}

static void waits_for_a_slow_reader(void **state)
{
	struct stage *stage = *state;
	uint64_t walked;

	fake.flows = 20000;
	say(stage, "{\"show\":\"flows\"}\n");
	turn(stage, 2000);
	walked = fake.walked;
	/* What the socket and one buffer hold, and not a flow more. */
	assert_in_range(walked, 10, 5000);
	turn(stage, 2000);
	assert_int_equal(fake.walked, walked);
	assert_int_equal(hear_all(stage, "flow"), fake.flows);
	assert_int_equal(fake.walked, fake.flows);
}

/** A filter that lets nothing through gives its turn back as well. */
static void walks_a_piece_at_a_time(void **state)
{
	struct stage *stage = *state;

	fake.flows = 3000000;
	say(stage, "{\"show\":\"flows\",\"inside\":\"10.9.9.9\"}\n");
	turn(stage, 3);
	assert_in_range(fake.walked, 1, fake.flows / 4);
	assert_int_equal(hear_all(stage, "flow"), 0);
	assert_int_equal(fake.walked, fake.flows);
}

static void serves_two_side_by_side(void **state)
{
	struct stage *stage = *state;
	struct stage other = *stage;

	assert_int_equal(adopt(stage, &other.fd), 0);
	fake.flows = 20000;
	say(stage, "{\"show\":\"flows\"}\n");
	turn(stage, 10);
	say(&other, "{\"show\":\"ike\"}\n");
	/* The first reads nothing meanwhile. */
	assert_int_equal(hear_all(&other, "ike"), 1);
	assert_true(fake.walked < fake.flows);
	close(other.fd);
	assert_int_equal(hear_all(stage, "flow"), fake.flows);
	assert_int_equal(control_clients(stage->control), 1);
}

static void forgets_a_client_that_leaves(void **state)
{
	struct stage *stage = *state;

	fake.flows = 20000;
	say(stage, "{\"show\":\"flows\"}\n");
	turn(stage, 50);
	close(stage->fd);
	turn(stage, 50);
	assert_int_equal(control_clients(stage->control), 0);
	assert_true(fake.walked < fake.flows);
	assert_int_equal(adopt(stage, &stage->fd), 0);
}

static void bounds_its_clients(void **state)
{
	struct stage *stage = *state;
	int fds[CONTROL_MAX_CLIENTS];

	for (int i = 1; i < CONTROL_MAX_CLIENTS; i++)
		assert_int_equal(adopt(stage, &fds[i]), 0);
	assert_int_equal(adopt(stage, &fds[0]), -EBUSY);
	assert_int_equal(control_clients(stage->control), CONTROL_MAX_CLIENTS);
	say(stage, "{\"show\":\"ike\"}\n");
	assert_int_equal(hear_all(stage, "ike"), 1);
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++)
		close(fds[i]);
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(to.sun_path, path);
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void listens_on_a_path(void **state)
{
	struct stage *stage = *state;
	struct stage client = *stage;
	char directory[] = "/tmp/spinat-control-XXXXXX", path[64];
	struct control *second;
	struct error error;
	struct stat status;
	int stale;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/run/sock", directory);
	assert_int_equal(control_listen(stage->control, path, &error), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);

	client.fd = connect_to(path);
	say(&client, "{\"show\":\"ike\"}\n");
	assert_int_equal(hear_all(&client, "ike"), 1);
	close(client.fd);

	/* A daemon that answers keeps its socket; what a crash left does not
	 * stand in the way; a file that is no socket is left alone. */
	assert_int_equal(
	    control_open(&second, stage->base, &stage->source, &error), 0);
	assert_int_equal(control_listen(second, path, &error), -EADDRINUSE);
	snprintf(path, sizeof(path), "%s/run/old", directory);
	stale = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	strcpy(to.sun_path, path);
	assert_int_equal(
	    bind(stale, (const struct sockaddr *)&to, sizeof(to)), 0);
	close(stale);
	assert_int_equal(control_listen(second, path, &error), 0);
	control_close(second);
	assert_int_equal(access(path, F_OK), -1);

	stale = open(path, O_CREAT | O_WRONLY, 0600);
	close(stale);
	assert_int_equal(
	    control_open(&second, stage->base, &stage->source, &error), 0);
	assert_int_equal(control_listen(second, path, &error), -EADDRINUSE);
	control_close(second);
	assert_int_equal(unlink(path), 0);

	control_close(stage->control);
	assert_int_equal(
	    control_open(&stage->control, stage->base, &stage->source, &error),
	    0);
	snprintf(path, sizeof(path), "%s/run", directory);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void reads_spis(void **state)
{
	static const char *const wrong[] = {
	    "", "0", "0x", "x1", "0X1", "0x123456789", "0x1g", "0x 1", "1"};
	spinat_be32 spi;

	(void)state;
	assert_true(text_to_spi("0x1", &spi));
	assert_int_equal(text_host32(spi), 1);
	assert_true(text_to_spi("0x089aBcDe", &spi));
	assert_int_equal(text_host32(spi), 0x089abcde);
	assert_true(text_to_spi("0xffffffff", &spi));
	assert_int_equal(text_host32(spi), 0xffffffff);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(text_to_spi(wrong[i], &spi));
}

static void names_protocols_both_ways(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		char text[TEXT_PROTOCOL_MAX];
		uint8_t back = (uint8_t)~i;

		text_protocol(text, (uint8_t)i);
		assert_true(text_to_protocol(text, &back));
		assert_int_equal(back, i);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(shows_a_flow_in_full),
	    TEST(shows_stats),
	    TEST(filters_flows),
	    TEST(shows_ipsec_in_steps),
	    TEST(explains_hosts_remotes_and_spis),
	    TEST(explains_a_claim_in_full),
	    TEST(answers_faults_and_goes_on),
	    TEST(refuses_a_line_too_long),
	    cmocka_unit_test(parser_bounds_its_line),
	    TEST(answers_in_turn),
	    TEST(takes_a_line_in_pieces),
	    TEST(takes_a_last_line_without_its_end),
	    TEST(waits_for_a_slow_reader),
	    TEST(walks_a_piece_at_a_time),
	    TEST(serves_two_side_by_side),
	    TEST(forgets_a_client_that_leaves),
	    TEST(bounds_its_clients),
	    TEST(listens_on_a_path),
	    cmocka_unit_test(reads_spis),
	    cmocka_unit_test(names_protocols_both_ways),
	};

	signal(SIGPIPE, SIG_IGN); /* as spinatd does */
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
