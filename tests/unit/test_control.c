/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: lines in and out, faults, slow readers, many clients, and
 * the path that it listens on.  What it answers is in test_answer.c.
 */
#include "control_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/request.h"

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

/* A filter that lets nothing through gives its turn back as well. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CONTROL_TEST(answers_faults_and_goes_on),
	    CONTROL_TEST(refuses_a_line_too_long),
	    CONTROL_TEST(answers_in_turn),
	    CONTROL_TEST(takes_a_line_in_pieces),
	    CONTROL_TEST(takes_a_last_line_without_its_end),
	    CONTROL_TEST(waits_for_a_slow_reader),
	    CONTROL_TEST(walks_a_piece_at_a_time),
	    CONTROL_TEST(serves_two_side_by_side),
	    CONTROL_TEST(forgets_a_client_that_leaves),
	    CONTROL_TEST(bounds_its_clients),
	    CONTROL_TEST(listens_on_a_path),
	};
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
