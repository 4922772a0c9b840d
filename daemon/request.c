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
		if (show_names[i] && strcmp(show_names[i], name) == 0) {
			request->show = (enum request_show)i;
			return 0;
		}
	return error_set(error, -EINVAL,
	    "\"show\" wants \"flows\", \"ipsec\", \"ike\" or \"stats\"");
}

static int read_explain(
    struct request *request, const json_t *value, struct error *error)
{
	const char *text = json_string_value(value);

	request->show = REQUEST_EXPLAIN;
	request->by_spi = text && text_to_spi(text, &request->spi);
	request->by_host = text && text_to_address(text, &request->host);
	if (request->by_spi || request->by_host)
		return 0;
	return error_set(error, -EINVAL,
	    "\"explain\" wants the IPv4 address of an inside host or a remote, "
	    "or an SPI, such as \"0x8f922251\"");
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
    {"explain", read_explain},
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

/* One question; an explanation has no filters. */
static int check_members(const json_t *root, struct error *error)
{
	const bool explains = json_object_get(root, "explain") != NULL;

	if (!explains && !json_object_get(root, "show"))
		return error_set(error, -EINVAL,
		    "a request looks like {\"show\": \"flows\"} or "
		    "{\"explain\": \"10.0.0.2\"}");
	if (explains && json_object_size(root) != 1)
		return error_set(
		    error, -EINVAL, "\"explain\" stands alone in a request");
	return 0;
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
	result = check_members(root, error);
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
	    (!request->by_remote || request->remote.raw == remote.raw) &&
	    (!request->by_host || request->host.raw == inside.raw ||
		request->host.raw == remote.raw);
}

bool request_wants_flow(
    const struct request *request, const struct spinat_flow_info *flow)
{
	if ((request->show == REQUEST_IPSEC ||
		request->show == REQUEST_EXPLAIN) &&
	    flow->kind == SPINAT_FLOW_SESSION)
		return false;
	if (request->by_spi && request->spi.raw != flow->spi.raw)
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

bool request_wants_claim(
    const struct request *request, const struct spinat_claim_info *claim)
{
	if (request->by_spi)
		return request->spi.raw == claim->spi.raw;
	/* All that there are of a host's SPIs, and its own of others'. */
	return wants_hosts(request, claim->inside, claim->remote) ||
	    wants_hosts(request, claim->holder, claim->remote);
}
