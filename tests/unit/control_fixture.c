/* SPDX-License-Identifier: BSD-2-Clause */
#include "control_fixture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void about(void *context, json_t *stats)
{
	(void)context;
	json_object_set_new(stats, "backend", json_string("none"));
}

int adopt(struct stage *stage, int *client)
{
	int ends[2];

	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
	    0);
	*client = ends[0];
	return control_adopt(stage->control, ends[1]);
}

int control_set_up(void **state)
{
	static struct stage stage;
	struct error error;

	signal(SIGPIPE, SIG_IGN); /* as spinatd does */
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

int control_tear_down(void **state)
{
	struct stage *stage = *state;

	close(stage->fd);
	control_close(stage->control);
	event_base_free(stage->base);
	return 0;
}

void turn(struct stage *stage, int times)
{
	while (times-- > 0)
		event_base_loop(stage->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void say(struct stage *stage, const char *text)
{
	size_t length = strlen(text);

	assert_int_equal(write(stage->fd, text, length), length);
}

/* Reads what is there, turning the loop until something is.  False: the
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

/* The next line, without its newline; NULL at the end.  Valid until the next
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

json_t *hear(struct stage *stage)
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

json_int_t hear_all(struct stage *stage, const char *kind)
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

void hear_kind(struct stage *stage, const char *kind)
{
	json_t *root = hear(stage);

	assert_non_null(root);
	assert_non_null(json_object_get(root, kind));
	json_decref(root);
}

void hear_error(struct stage *stage, const char *part)
{
	json_t *root = hear(stage);
	const char *text = json_string_value(json_object_get(root, "error"));

	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
	json_decref(root);
}
