/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/setters.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/options.h"
#include "conf/values.h"

#define LEAST_PORT 1024

static void *target_of(const struct setting *setting)
{
	return (char *)setting->conf + setting->option->offset;
}

int setter_yes_no(struct setting *setting)
{
	bool *target = target_of(setting), value = true;
	struct slice word;
	int code;

	if (line_next_word(&setting->rest, &word)) {
		code = value_yes_no(setting, word, &value);
		if (code < 0)
			return code;
	}
	code = setting_end(setting);
	if (code == 0)
		*target = value;
	return code;
}

int setter_number(struct setting *setting)
{
	uint32_t *target = target_of(setting);
	struct slice word;
	uint64_t value;
	int code;

	static_assert(sizeof(unsigned) == sizeof(uint32_t),
	    "conf.queue is set as the 32-bit counts are");
	code = setting_need_word(setting, &word, "a number");
	if (code == 0)
		code = value_number(setting, word, setting->option->low,
		    setting->option->high, &value);
	if (code == 0)
		code = setting_end(setting);
	if (code == 0)
		*target = (uint32_t)value;
	return code;
}

int setter_max_flows(struct setting *setting)
{
	struct conf *conf = setting->conf;
	const struct option_row *spis = option_find(slice_of("max_spis"));
	struct spinat_config initial;
	int code = setter_number(setting);

	if (code < 0 || conf->places[spis - conf_options].said)
		return code;
	spinat_config_init(&initial);
	conf->engine.max_spis = initial.max_spis < conf->engine.max_flows
	    ? initial.max_spis
	    : conf->engine.max_flows;
	return 0;
}

static int set_duration(struct setting *setting, bool may_be_off)
{
	spinat_time *target = target_of(setting), value = 0;
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "a duration");
	if (code == 0 && !(may_be_off && slice_is(word, "off")))
		code = value_duration(setting, word, &value);
	if (code == 0)
		code = setting_end(setting);
	if (code == 0)
		*target = value;
	return code;
}

int setter_duration(struct setting *setting)
{
	return set_duration(setting, false);
}

int setter_duration_or_off(struct setting *setting)
{
	return set_duration(setting, true);
}

static int set_string(struct setting *setting, struct slice value)
{
	char **target = target_of(setting);
	char *copy = strndup(value.start, value.length);

	if (copy == NULL)
		return error_set(setting->error, -ENOMEM, "out of memory");
	free(*target);
	*target = copy;
	return 0;
}

int setter_path(struct setting *setting)
{
	struct slice word, path;
	int code;

	code = setting_need_word(setting, &word, "a path");
	if (code < 0)
		return code;
	path.start = word.start;
	path.length = (size_t)(slice_end(setting->rest) - word.start);
	if (path.length > setting->option->high)
		return setting_fail(setting, path.start,
		    "the path is too long; at most %u characters fit",
		    (unsigned)setting->option->high);
	return set_string(setting, path);
}

int setter_interface(struct setting *setting)
{
	char *target = target_of(setting), name[IFNAMSIZ];
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "the name of an interface");
	if (code < 0)
		return code;
	if (!slice_copy(word, name, sizeof(name)))
		return setting_fail(setting, word.start,
		    "%s is too long for an interface; at most %d characters "
		    "fit",
		    slice_quote(word).text, IFNAMSIZ - 1);
	if (strpbrk(name, "/:%") != NULL || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return setting_fail(setting, word.start,
		    "%s is no name of an interface; right would be as in "
		    "\"%s %s\"",
		    slice_quote(word).text, setting->option->name,
		    setting->option->example);
	code = setting_end(setting);
	if (code == 0)
		memcpy(target, name, sizeof(name));
	return code;
}

/* One of the row's words: its index, and the word itself. */
static int read_choice(
    struct setting *setting, unsigned *index, struct slice *word)
{
	const struct option_row *option = setting->option;
	int code = setting_need_word(setting, word, option->argument);

	if (code < 0)
		return code;
	for (*index = 0; option->choices[*index] != NULL; ++*index)
		if (slice_is(*word, option->choices[*index]))
			return 0;
	return setting_fail(setting, word->start, "%s is none of %s",
	    slice_quote(*word).text, option->argument);
}

/* The same, and nothing after it. */
static int choose(struct setting *setting, unsigned *index, struct slice *word)
{
	int code = read_choice(setting, index, word);

	return code < 0 ? code : setting_end(setting);
}

int setter_mode(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0)
		setting->conf->engine.mode =
		    index == 0 ? SPINAT_MODE_FULL : SPINAT_MODE_IPSEC_ONLY;
	return code;
}

int setter_filtering(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0)
		setting->conf->engine.endpoint_independent_filtering =
		    index == 0;
	return code;
}

int setter_ipsec_addresses(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0)
		setting->conf->engine.ipsec_spread = index == 0;
	return code;
}

/* Of a remote that is named twice the last counts. */
static int set_ike_ports_of(
    struct setting *setting, struct slice word, uint8_t policy)
{
	struct spinat_config *engine = &setting->conf->engine;
	spinat_be32 remote;
	unsigned i = 0;
	int code = value_address(setting, word, ADDRESS_HOST, &remote);

	if (code == 0)
		code = setting_end(setting);
	if (code < 0)
		return code;
	while (i < engine->ike_ports_count &&
	    engine->ike_ports_rules[i].remote.raw != remote.raw)
		i++;
	if (i == SPINAT_MAX_IKE_PORTS)
		return setting_fail(setting, word.start,
		    "too many remotes with ike_ports of their own; at most %d "
		    "fit",
		    SPINAT_MAX_IKE_PORTS);
	engine->ike_ports_rules[i] =
	    (struct spinat_ike_ports_rule){remote, policy};
	if (i == engine->ike_ports_count)
		engine->ike_ports_count++;
	return 0;
}

int setter_ike_ports(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = read_choice(setting, &index, &word);

	if (code < 0)
		return code;
	if (line_next_word(&setting->rest, &word))
		return set_ike_ports_of(setting, word, (uint8_t)index);
	setting->conf->engine.ike_ports = (enum spinat_ike_ports)index;
	return 0;
}

/* One of the choices, copied into a field of this size. */
static int copy_choice(struct setting *setting, char *target, size_t size)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	if (code == 0 && !slice_copy(word, target, size))
		return setting_fail(setting, word.start, "too long");
	return code;
}

int setter_backend(struct setting *setting)
{
	return copy_choice(
	    setting, setting->conf->backend, sizeof(setting->conf->backend));
}

int setter_fast_path(struct setting *setting)
{
	return copy_choice(setting, setting->conf->fast_path,
	    sizeof(setting->conf->fast_path));
}

int setter_firewall(struct setting *setting)
{
	return copy_choice(
	    setting, setting->conf->firewall, sizeof(setting->conf->firewall));
}

int setter_log_target(struct setting *setting)
{
	struct slice word;
	unsigned index;
	int code = choose(setting, &index, &word);

	return code < 0 ? code : set_string(setting, word);
}

int setter_port_range(struct setting *setting)
{
	struct spinat_config *engine = &setting->conf->engine;
	struct port_range range;
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "a range of ports");
	if (code == 0)
		code = value_ports(setting, word, "udp", &range);
	if (code == 0)
		code = setting_end(setting);
	if (code < 0)
		return code;
	if (range.low < LEAST_PORT)
		return setting_fail(setting, word.start,
		    "the range begins under %d, where the gateway's own "
		    "services are; right would be from %d on",
		    LEAST_PORT, LEAST_PORT);
	engine->port_low = range.low;
	engine->port_high = range.high;
	return 0;
}

static int add_public(struct setting *setting, struct slice word)
{
	struct spinat_config *engine = &setting->conf->engine;
	spinat_be32 address;
	int code = value_address(setting, word, ADDRESS_HOST, &address);

	if (code < 0)
		return code;
	for (unsigned i = 0; i < engine->public_count; i++)
		if (engine->public_addresses[i].raw == address.raw)
			return 0;
	if (engine->public_count == SPINAT_MAX_PUBLIC)
		return setting_fail(setting, word.start,
		    "too many public addresses; at most %d fit",
		    SPINAT_MAX_PUBLIC);
	engine->public_addresses[engine->public_count++] = address;
	return 0;
}

/* "A", "A,B", "A, B" ... */
int setter_alias_address(struct setting *setting)
{
	struct slice piece, word, extra;
	unsigned before = setting->conf->engine.public_count;
	bool more;
	int code;

	do {
		more = slice_split(setting->rest, ',', &piece, &setting->rest);
		if (!line_next_word(&piece, &word))
			code = setting_fail(setting, word.start,
			    "an address is missing; right would be "
			    "\"alias_address %s\"",
			    setting->option->example);
		else if (!line_next_word(&piece, &extra))
			code = add_public(setting, word);
		else
			code = setting_fail(setting, extra.start,
			    "addresses are separated by commas; right would "
			    "be \"alias_address %s\"",
			    setting->option->argument);
	} while (code == 0 && more);
	if (code < 0)
		setting->conf->engine.public_count = before;
	return code;
}

int setter_inside_network(struct setting *setting)
{
	struct spinat_config *engine = &setting->conf->engine;
	struct spinat_prefix prefix;
	struct slice word;
	int code;

	code = setting_need_word(setting, &word, "a network");
	if (code == 0)
		code = value_prefix(setting, word, &prefix);
	if (code == 0)
		code = setting_end(setting);
	if (code < 0)
		return code;
	for (unsigned i = 0; i < engine->inside_count; i++)
		if (engine->inside[i].address.raw == prefix.address.raw &&
		    engine->inside[i].length == prefix.length)
			return 0;
	if (engine->inside_count == SPINAT_MAX_INSIDE)
		return setting_fail(setting, word.start,
		    "too many inside networks; at most %d fit",
		    SPINAT_MAX_INSIDE);
	engine->inside[engine->inside_count++] = prefix;
	return 0;
}

int setter_config(struct setting *setting)
{
	struct slice word;
	char path[PATH_MAX];
	size_t length;
	int code;

	if (setting->line != 0)
		return setting_fail(setting, setting->name.start,
		    "a file cannot read another one; right would be "
		    "\"--config FILE\" on the command line, several times if "
		    "need be");
	code = setting_need_word(setting, &word, "a file");
	if (code < 0)
		return code;
	length = (size_t)(slice_end(setting->rest) - word.start);
	if (!slice_copy((struct slice){word.start, length}, path, sizeof(path)))
		return setting_fail(
		    setting, word.start, "the path is too long");
	return conf_read_file(setting->conf, path, setting->error);
}
