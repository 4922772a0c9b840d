/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of natd's redirects (natd(8)), and of redirect_ipsec:
 *
 *   redirect_port    tcp|udp TARGET[:PORTS] [ALIAS:]PORTS [REMOTE[:PORTS]]
 *   redirect_proto   PROTOCOL LOCAL [PUBLIC [REMOTE]]
 *   redirect_address LOCAL PUBLIC
 *   redirect_ipsec   HOST [REMOTE]
 *
 * PORTS is a port, a service or LOW-HIGH; ranges are of one size and pair off
 * one to one, the remote's too.  Beyond natd: a TARGET without ports takes the
 * public ones, LOCAL's protocol may be a number.  Address 0.0.0.0 means the
 * main public address, or any remote; remote port 0 means any.
 * Not yet: lists of targets (LSNAT, RFC 2391).
 */
#include "conf/redirect.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/names.h"
#include "conf/options.h"
#include "conf/values.h"

/** Makes room for one more; arrays double at each power of two. */
static int grow(struct conf *conf)
{
	const unsigned count = conf->redirect_count;
	const size_t room = count == 0 ? 1 : 2 * (size_t)count;
	void *grown;

	if ((count & (count - 1)) != 0)
		return 0;
	grown = reallocarray(conf->redirects, room, sizeof(conf->redirects[0]));
	if (grown == NULL)
		return -ENOMEM;
	conf->redirects = grown;
	grown = reallocarray(
	    conf->redirect_places, room, sizeof(conf->redirect_places[0]));
	if (grown == NULL)
		return -ENOMEM;
	conf->redirect_places = grown;
	return 0;
}

/** How closely a rule names its remote; 0 is the closest.  Whole addresses
 * come last of all. */
static unsigned width_of(const struct spinat_redirect *rule)
{
	if (rule->kind == SPINAT_REDIRECT_ADDRESS)
		return 4;
	return (rule->remote.raw == 0 ? 2u : 0u) +
	    (rule->remote_port_count == 0 ? 1u : 0u);
}

/** The engine takes the first rule that fits.  natd takes the one that names
 * the remote before the one for any, in whatever order they were said, and of
 * several hosts with one whole address the last.  So the rules are kept by
 * width, whole addresses backwards, all else in the order of the text. */
static int add_rule(struct setting *setting, const struct spinat_redirect *rule)
{
	struct conf *conf = setting->conf;
	const unsigned limit = rule->kind == SPINAT_REDIRECT_ADDRESS
	    ? width_of(rule) - 1
	    : width_of(rule);
	unsigned at, after;

	if (conf->redirect_count >= CONF_MAX_REDIRECTS)
		return setting_fail(setting, setting->name.start,
		    "too many redirects; at most %u fit, and each port with a "
		    "remote port of its own counts",
		    CONF_MAX_REDIRECTS);
	if (grow(conf) < 0)
		return error_set(setting->error, -ENOMEM, "out of memory");
	at = conf->redirect_count;
	while (at > 0 && width_of(&conf->redirects[at - 1]) > limit)
		at--;
	after = conf->redirect_count - at;
	memmove(&conf->redirects[at + 1], &conf->redirects[at],
	    after * sizeof(conf->redirects[0]));
	memmove(&conf->redirect_places[at + 1], &conf->redirect_places[at],
	    after * sizeof(conf->redirect_places[0]));
	conf->redirects[at] = *rule;
	conf->redirect_places[at] = setting_place(setting);
	conf->redirect_count++;
	if (conf->engine.max_redirects < conf->redirect_count)
		conf->engine.max_redirects = conf->redirect_count;
	return 0;
}

static int refuse_list(const struct setting *setting, struct slice word)
{
	struct slice head, tail;

	if (!slice_split(word, ',', &head, &tail))
		return 0;
	return setting_fail(setting, slice_end(head),
	    "natd's list of targets (LSNAT) is not supported yet; right would "
	    "be one target");
}

static unsigned range_count(struct port_range range)
{
	return range.low == 0 ? 0 : (unsigned)(range.high - range.low) + 1;
}

/** ADDRESS[:PORTS]; without ports the range is {0, 0}. */
static int read_endpoint(struct setting *setting, struct slice word,
    const char *protocol, enum address_kind kind, spinat_be32 *address,
    struct port_range *ports)
{
	struct slice host, port;
	bool cut = slice_split(word, ':', &host, &port);
	int code = value_address(setting, host, kind, address);

	*ports = (struct port_range){0, 0};
	if (code == 0 && cut)
		code = value_ports(setting, port, protocol, ports);
	return code;
}

static int read_protocol(struct setting *setting, struct slice word,
    const char **name, uint8_t *protocol)
{
	if (slice_is(word, "tcp")) {
		*name = "tcp";
		*protocol = IPPROTO_TCP;
	} else if (slice_is(word, "udp")) {
		*name = "udp";
		*protocol = IPPROTO_UDP;
	} else {
		return setting_fail(setting, word.start,
		    "%s is neither \"tcp\" nor \"udp\"; other protocols go "
		    "with redirect_proto, IPsec with redirect_ipsec",
		    slice_quote(word).text);
	}
	return 0;
}

/** [ALIAS:]PORTS */
static int read_alias(struct setting *setting, struct slice word,
    const char *protocol, spinat_be32 *address, struct port_range *ports)
{
	struct slice host, port;

	address->raw = 0;
	if (slice_split(word, ':', &host, &port))
		return read_endpoint(
		    setting, word, protocol, ADDRESS_ANY, address, ports);
	if (memchr(word.start, '.', word.length) != NULL)
		return setting_fail(setting, slice_end(word),
		    "the public port is missing; right would be PORT or "
		    "ADDRESS:PORT");
	return value_ports(setting, word, protocol, ports);
}

/** REMOTE[:PORTS]; port 0 is any. */
static int read_remote(struct setting *setting, struct slice word,
    const char *protocol, struct spinat_redirect *rule, unsigned size)
{
	struct slice host, port;
	struct port_range ports;
	int code;

	if (slice_split(word, ':', &host, &port) && slice_is(port, "0"))
		word = host;
	code = read_endpoint(
	    setting, word, protocol, ADDRESS_ANY, &rule->remote, &ports);
	if (code < 0)
		return code;
	if (range_count(ports) != 0 && range_count(ports) != size)
		return setting_fail(setting, port.start,
		    "ports of the remote: %u, on the public side: %u; right "
		    "would "
		    "be as many, or none for any",
		    range_count(ports), size);
	rule->remote_port = ports.low;
	rule->remote_port_count = (uint16_t)range_count(ports);
	return 0;
}

/** natd pairs the ranges off, the remote's too: one rule for each port.  What
 * fails half-way is in a copy that is thrown away (conf.c). */
static int add_paired(
    struct setting *setting, const struct spinat_redirect *whole)
{
	struct spinat_redirect one = *whole;
	int code = 0;

	one.port_count = 1;
	one.remote_port_count = 1;
	for (unsigned i = 0; i < whole->port_count && code == 0; i++) {
		one.inside_port = (uint16_t)(whole->inside_port + i);
		one.public_port = (uint16_t)(whole->public_port + i);
		one.remote_port = (uint16_t)(whole->remote_port + i);
		code = add_rule(setting, &one);
	}
	return code;
}

int redirect_set_port(struct setting *setting)
{
	struct spinat_redirect rule = {.kind = SPINAT_REDIRECT_PORT};
	struct port_range inside, public;
	struct slice protocol_word, target, alias, remote;
	const char *protocol = NULL;
	int code;

	code = setting_need_word(setting, &protocol_word, "tcp or udp");
	if (code == 0)
		code = read_protocol(
		    setting, protocol_word, &protocol, &rule.protocol);
	if (code == 0)
		code = setting_need_word(setting, &target, "the target");
	if (code == 0)
		code = refuse_list(setting, target);
	if (code == 0)
		code = read_endpoint(setting, target, protocol, ADDRESS_HOST,
		    &rule.inside, &inside);
	if (code == 0)
		code = setting_need_word(setting, &alias, "the public port");
	if (code == 0)
		code = read_alias(
		    setting, alias, protocol, &rule.public_address, &public);
	if (code < 0)
		return code;

	if (range_count(inside) == 0)
		inside = public;
	if (range_count(inside) != range_count(public))
		return setting_fail(setting, alias.start,
		    "ports on the public side: %u, of the target: %u; right "
		    "would "
		    "be as many",
		    range_count(public), range_count(inside));
	rule.inside_port = inside.low;
	rule.public_port = public.low;
	rule.port_count = (uint16_t)range_count(public);

	if (line_next_word(&setting->rest, &remote)) {
		code = read_remote(
		    setting, remote, protocol, &rule, rule.port_count);
		if (code == 0)
			code = setting_end(setting);
		if (code < 0)
			return code;
	}
	if (rule.remote_port_count > 1)
		return add_paired(setting, &rule);
	return add_rule(setting, &rule);
}

/** The word, if there is one, as an address; none leaves it 0: any. */
static int read_optional(struct setting *setting, spinat_be32 *address)
{
	struct slice word;

	if (!line_next_word(&setting->rest, &word))
		return 0;
	return value_address(setting, word, ADDRESS_ANY, address);
}

int redirect_set_proto(struct setting *setting)
{
	struct spinat_redirect rule = {.kind = SPINAT_REDIRECT_PROTO};
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "the protocol");
	if (code == 0)
		code = value_protocol(setting, word, &rule.protocol);
	if (code == 0)
		code = setting_need_word(setting, &word, "the inside host");
	if (code == 0)
		code = value_address(setting, word, ADDRESS_HOST, &rule.inside);
	if (code == 0)
		code = read_optional(setting, &rule.public_address);
	if (code == 0)
		code = read_optional(setting, &rule.remote);
	if (code == 0)
		code = setting_end(setting);
	return code < 0 ? code : add_rule(setting, &rule);
}

int redirect_set_address(struct setting *setting)
{
	struct spinat_redirect rule = {.kind = SPINAT_REDIRECT_ADDRESS};
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "the inside host");
	if (code == 0)
		code = refuse_list(setting, word);
	if (code == 0)
		code = value_address(setting, word, ADDRESS_HOST, &rule.inside);
	if (code == 0)
		code = setting_need_word(setting, &word, "the public address");
	if (code == 0)
		code = value_address(
		    setting, word, ADDRESS_ANY, &rule.public_address);
	if (code == 0)
		code = setting_end(setting);
	return code < 0 ? code : add_rule(setting, &rule);
}

int redirect_set_ipsec(struct setting *setting)
{
	struct spinat_redirect rule = {.kind = SPINAT_REDIRECT_IPSEC};
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "the inside host");
	if (code == 0)
		code = value_address(setting, word, ADDRESS_HOST, &rule.inside);
	if (code == 0)
		code = read_optional(setting, &rule.remote);
	if (code == 0)
		code = setting_end(setting);
	return code < 0 ? code : add_rule(setting, &rule);
}

/* ------------------------------------------------------------ for people */

static struct address_text format_ports(uint16_t low, unsigned count)
{
	struct address_text text = {""};

	if (count == 1)
		snprintf(text.text, sizeof(text.text), ":%u", low);
	else if (count > 1)
		snprintf(text.text, sizeof(text.text), ":%u-%u", low,
		    low + count - 1);
	return text;
}

struct redirect_text redirect_format(const struct spinat_redirect *rule)
{
	struct redirect_text text;
	const char *protocol = names_of_protocol(rule->protocol);
	char what[24] = "everything", from[48] = "";
	struct address_text public = {"the public address"};

	if (rule->public_address.raw != 0)
	public = address_format(rule->public_address);
	if (rule->kind == SPINAT_REDIRECT_IPSEC)
		snprintf(what, sizeof(what), "IKE and ESP");
	else if (rule->kind != SPINAT_REDIRECT_ADDRESS && protocol != NULL)
		snprintf(what, sizeof(what), "%s", protocol);
	else if (rule->kind != SPINAT_REDIRECT_ADDRESS)
		snprintf(what, sizeof(what), "protocol %u", rule->protocol);
	if (rule->remote.raw != 0 || rule->remote_port != 0)
		snprintf(from, sizeof(from), " from %s%s",
		    rule->remote.raw == 0 ? "any"
					  : address_format(rule->remote).text,
		    format_ports(rule->remote_port, rule->remote_port_count)
			.text);
	snprintf(text.text, sizeof(text.text), "%s to %s%s%s -> %s%s", what,
	    public.text, format_ports(rule->public_port, rule->port_count).text,
	    from, address_format(rule->inside).text,
	    format_ports(rule->inside_port, rule->port_count).text);
	return text;
}
