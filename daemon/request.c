/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing a request of the control socket.  Pure: text in, struct out; fuzzed
 * by fuzz/fuzz_control.c.
 */
#include "daemon/request.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "daemon/text.h"

static const char *const show_names[REQUEST_SHOWS] = {
    [REQUEST_FLOWS] = "flows",
    [REQUEST_IPSEC] = "ipsec",
    [REQUEST_IKE] = "ike",
    [REQUEST_STATS] = "stats",
};

static int read_show(
    struct request *request, const json_t *value, struct error *error)
{
	const char *name = json_string_value(value);

	for (unsigned i = 0; name && i < REQUEST_SHOWS; i++)
		if (strcmp(show_names[i], name) == 0) {
			request->show = (enum request_show)i;
			return 0;
		}
	return error_set(error, -EINVAL,
	    "\"show\" wants \"flows\", \"ipsec\", \"ike\" or \"stats\"");
}

static int read_inside(
    struct request *request, const json_t *value, struct error *error)
{
	const char *text = json_string_value(value);

	request->by_inside = text && text_to_address(text, &request->inside);
	if (request->by_inside)
		return 0;
	return error_set(error, -EINVAL,
	    "\"inside\" wants an IPv4 address, such as \"10.0.0.2\"");
}

static int read_remote(
    struct request *request, const json_t *value, struct error *error)
{
	const char *text = json_string_value(value);

	request->by_remote = text && text_to_address(text, &request->remote);
	if (request->by_remote)
		return 0;
	return error_set(error, -EINVAL,
	    "\"remote\" wants an IPv4 address, such as \"192.0.2.1\"");
}

static int read_protocol(
    struct request *request, const json_t *value, struct error *error)
{
	const char *text = json_string_value(value);
	json_int_t number = json_integer_value(value);

	if (text)
		request->by_protocol =
		    text_to_protocol(text, &request->protocol);
	else if (json_is_integer(value) && number >= 0 && number <= 255) {
		request->protocol = (uint8_t)number;
		request->by_protocol = true;
	}
	if (request->by_protocol)
		return 0;
	return error_set(error, -EINVAL,
	    "\"protocol\" wants a name, such as \"esp\", or 0 to 255");
}

static int read_limit(
    struct request *request, const json_t *value, struct error *error)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 1)
		return error_set(error, -EINVAL,
		    "\"limit\" wants a whole number of at least 1");
	request->limit = (uint64_t)number;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct request *, const json_t *, struct error *);
} members[] = {
    {"show", read_show},
    {"inside", read_inside},
    {"remote", read_remote},
    {"protocol", read_protocol},
    {"limit", read_limit},
};

#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

static int read_member(struct request *request, const char *name,
    const json_t *value, struct error *error)
{
	for (size_t i = 0; i < MEMBER_COUNT; i++)
		if (strcmp(members[i].name, name) == 0)
			return members[i].read(request, value, error);
	return error_set(
	    error, -EINVAL, "a request has no member \"%.64s\"", name);
}

int request_parse(struct request *request, const char *line, size_t length,
    struct error *error)
{
	json_error_t where;
	json_t *root;
	int result = 0;

	*request = (struct request){.limit = UINT64_MAX};
	if (length > REQUEST_MAX)
		return error_set(error, -EINVAL,
		    "the request is longer than %d bytes", REQUEST_MAX);
	root = json_loadb(line, length, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return error_set(error, -EINVAL,
		    "the request is not JSON: column %d: %s", where.column,
		    where.text);
	if (!json_is_object(root) || !json_object_get(root, "show"))
		result = error_set(error, -EINVAL,
		    "a request looks like {\"show\": \"flows\"}");
	else
		for (void *i = json_object_iter(root); i && result == 0;
		     i = json_object_iter_next(root, i))
			result = read_member(request, json_object_iter_key(i),
			    json_object_iter_value(i), error);
	json_decref(root);
	return result;
}

static bool wants_hosts(
    const struct request *request, spinat_be32 inside, spinat_be32 remote)
{
	return (!request->by_inside || request->inside.raw == inside.raw) &&
	    (!request->by_remote || request->remote.raw == remote.raw);
}

bool request_wants_flow(
    const struct request *request, const struct spinat_flow_info *flow)
{
	if (request->show == REQUEST_IPSEC && flow->kind == SPINAT_FLOW_SESSION)
		return false;
	return wants_hosts(
		   request, flow->inside.address, flow->remote.address) &&
	    (!request->by_protocol || request->protocol == flow->protocol);
}

bool request_wants_ike(
    const struct request *request, const struct spinat_ike_info *ike)
{
	return wants_hosts(request, ike->inside, ike->remote);
}

bool request_wants_peer(
    const struct request *request, const struct spinat_peer_info *peer)
{
	return wants_hosts(request, peer->inside, peer->remote);
}
