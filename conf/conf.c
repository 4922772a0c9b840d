/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as a whole: defaults, copies, and reading it.  Whatever is
 * read goes into a copy that takes the original's place only when all of it
 * was right.
 */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/options.h"

#define DEFAULT_QUEUE              5000
#define DEFAULT_MISS_BUDGET        10000
#define DEFAULT_MISS_BUDGET_SOURCE 1000

/* ------------------------------------------------------ life of a struct */

void conf_init(struct conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	spinat_config_init(&conf->engine);
	memcpy(conf->backend, "auto", sizeof("auto"));
	memcpy(conf->fast_path, "auto", sizeof("auto"));
	conf->fast_path_linger = 60 * SPINAT_SECOND;
	memcpy(conf->firewall, "auto", sizeof("auto"));
	conf->queue = DEFAULT_QUEUE;
	conf->miss_budget = DEFAULT_MISS_BUDGET;
	conf->miss_budget_source = DEFAULT_MISS_BUDGET_SOURCE;
	/* Without memory these stay NULL: conf_check() tells. */
	conf->control_socket = strdup(CONF_DEFAULT_SOCKET);
	conf->pid_file = strdup(CONF_DEFAULT_PID_FILE);
	conf->bpffs = strdup(CONF_DEFAULT_BPFFS);
	conf->journal = strdup(CONF_DEFAULT_JOURNAL);
	conf->log_target = strdup("syslog");
}

void conf_free(struct conf *conf)
{
	for (unsigned i = 0; i < conf->source_count; i++)
		free(conf->sources[i]);
	free(conf->sources);
	free(conf->redirects);
	free(conf->redirect_places);
	free(conf->control_socket);
	free(conf->pid_file);
	free(conf->bpffs);
	free(conf->journal);
	free(conf->log_target);
	memset(conf, 0, sizeof(*conf));
}

static bool copy_string(char **copy, const char *string)
{
	*copy = string == NULL ? NULL : strdup(string);
	return string == NULL || *copy != NULL;
}

/** Room is a power of two, as the array's growth expects. */
static bool copy_array(
    void **copy, const void *array, unsigned count, size_t size)
{
	size_t room = 1;

	if (count == 0)
		return true;
	while (room < count)
		room *= 2;
	*copy = calloc(room, size);
	if (*copy == NULL)
		return false;
	memcpy(*copy, array, count * size);
	return true;
}

static bool copy_sources(struct conf *copy, const struct conf *conf)
{
	if (conf->source_count == 0)
		return true;
	copy->sources = calloc(conf->source_count, sizeof(copy->sources[0]));
	if (copy->sources == NULL)
		return false;
	for (unsigned i = 0; i < conf->source_count; i++) {
		if (!copy_string(&copy->sources[i], conf->sources[i]))
			return false;
		copy->source_count++;
	}
	return true;
}

int conf_copy(struct conf *copy, const struct conf *conf)
{
	void *redirects = NULL, *places = NULL;
	bool done;

	*copy = *conf;
	copy->sources = NULL;
	copy->source_count = 0;
	copy->control_socket = copy->pid_file = copy->log_target = NULL;
	copy->bpffs = NULL;
	copy->journal = NULL;
	done = copy_array(&redirects, conf->redirects, conf->redirect_count,
	    sizeof(conf->redirects[0]));
	done = done &&
	    copy_array(&places, conf->redirect_places, conf->redirect_count,
		sizeof(conf->redirect_places[0]));
	copy->redirects = redirects;
	copy->redirect_places = places;
	done = done && copy_sources(copy, conf) &&
	    copy_string(&copy->control_socket, conf->control_socket) &&
	    copy_string(&copy->pid_file, conf->pid_file) &&
	    copy_string(&copy->bpffs, conf->bpffs) &&
	    copy_string(&copy->journal, conf->journal) &&
	    copy_string(&copy->log_target, conf->log_target);
	if (done)
		return 0;
	conf_free(copy);
	return -ENOMEM;
}

/** The index of a new source, or -errno. */
static int add_source(struct conf *conf, const char *name, struct error *error)
{
	char **sources;

	if (conf->source_count == UINT16_MAX)
		return error_set(
		    error, -E2BIG, "%s: too many files and options", name);
	sources = reallocarray(
	    conf->sources, conf->source_count + 1, sizeof(sources[0]));
	if (sources == NULL)
		return error_set(error, -ENOMEM, "out of memory");
	conf->sources = sources;
	if (!copy_string(&sources[conf->source_count], name))
		return error_set(error, -ENOMEM, "out of memory");
	return (int)conf->source_count++;
}

/** `changed` takes the place of `conf` when code is 0, else it is dropped. */
static int commit(struct conf *conf, struct conf *changed, int code)
{
	if (code < 0) {
		conf_free(changed);
		return code;
	}
	conf_free(conf);
	*conf = *changed;
	return 0;
}

/* --------------------------------------------------------------- reading */

/** Sets what the lines say.  Stops at the first fault when `say` is NULL;
 * else says it and goes on, and the number of faults grows. */
static int read_lines(struct conf *conf, const char *name, const char *text,
    size_t length, struct error *error, conf_say *say, void *context,
    unsigned *faults)
{
	struct setting setting = {.conf = conf, .error = error, .source = name};
	struct lexer lexer;
	int source = add_source(conf, name, error);

	if (source < 0)
		return source;
	setting.source_index = (uint16_t)source;
	lexer_init(&lexer, name, text, length);
	for (;;) {
		int code = lexer_next_line(&lexer, &setting.rest, error);

		if (code == 0)
			return 0;
		if (code > 0) {
			setting.begin = lexer.begin;
			setting.line = lexer.number;
			(void)line_next_word(&setting.rest, &setting.name);
			code = option_set(&setting);
		}
		if (code < 0 && say == NULL)
			return code;
		if (code < 0) {
			say(context, true, error->text);
			++*faults;
		}
	}
}

int conf_read_text(struct conf *conf, const char *name, const char *text,
    size_t length, struct error *error)
{
	struct conf changed;
	int code;

	if (length > CONF_MAX_TEXT)
		return error_set(error, -EFBIG,
		    "%s:1:1: the file is too big; at most 1 MiB fits", name);
	code = conf_copy(&changed, conf);
	if (code < 0)
		return error_set(error, code, "out of memory");
	code =
	    read_lines(&changed, name, text, length, error, NULL, NULL, NULL);
	return commit(conf, &changed, code);
}

/** The whole file, up to one byte more than is allowed; free *text. */
static int load_file(
    const char *path, char **text, size_t *length, struct error *error)
{
	int code = 0, file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = 1;

	*text = NULL;
	*length = 0;
	if (file < 0)
		return error_set(error, -errno, "%s: cannot be opened: %s",
		    path, strerror(errno));
	*text = malloc(CONF_MAX_TEXT + 1);
	if (*text == NULL)
		code = error_set(error, -ENOMEM, "out of memory");
	while (code == 0 && got != 0 && *length <= CONF_MAX_TEXT) {
		got = read(file, *text + *length, CONF_MAX_TEXT + 1 - *length);
		if (got > 0)
			*length += (size_t)got;
		else if (got < 0 && errno != EINTR)
			code = error_set(error, -errno,
			    "%s: cannot be read: %s", path, strerror(errno));
	}
	if (code == 0 && *length > CONF_MAX_TEXT)
		code = error_set(error, -EFBIG,
		    "%s:1:1: the file is too big; at most 1 MiB fits", path);
	close(file);
	return code;
}

int conf_read_file(struct conf *conf, const char *path, struct error *error)
{
	size_t length;
	char *text;
	int code = load_file(path, &text, &length, error);

	if (code == 0)
		code = conf_read_text(conf, path, text, length, error);
	free(text);
	return code;
}

unsigned conf_diagnose_file(
    struct conf *conf, const char *path, conf_say *say, void *context)
{
	struct error error = {""};
	unsigned faults = 0;
	size_t length;
	char *text;
	int code = load_file(path, &text, &length, &error);

	if (code == 0)
		code = read_lines(
		    conf, path, text, length, &error, say, context, &faults);
	free(text);
	if (code < 0) {
		say(context, true, error.text);
		return faults + 1;
	}
	/* What the whole tells is told wrongly where a line is missing. */
	return faults > 0 ? faults : conf_inspect(conf, say, context);
}

/* ---------------------------------------------------------- command line */

/** Sets one option in place; `name` without dashes. */
static int set_option(
    struct conf *conf, const char *name, const char *value, struct error *error)
{
	struct setting setting = {.conf = conf, .error = error};
	const struct option_row *option = option_find(slice_of(name));
	const char *shown = option == NULL ? name : option->name;
	char source[64] = "--";
	struct lexer lexer;
	int code;

	/* A wrong name may be anything: what is shown of it is in quotes. */
	if (option != NULL)
		strncat(source, shown, sizeof(source) - 3);
	else
		memcpy(source, "command line", sizeof("command line"));
	setting.source = source;
	setting.name = slice_of(name);
	code = add_source(conf, source, error);
	if (code < 0)
		return code;
	setting.source_index = (uint16_t)code;

	/* The value is one line, and held to what a line is held to. */
	lexer_init(&lexer, source, value == NULL ? "" : value,
	    value == NULL ? 0 : strlen(value));
	code = lexer_next_line(&lexer, &setting.rest, error);
	if (code < 0)
		return code;
	if (code == 0)
		setting.rest = (struct slice){"", 0};
	if (lexer.next_at < lexer.end)
		return setting_fail(&setting, setting.name.start,
		    "the value has several lines; right would be one");
	return option_set(&setting);
}

int conf_option(
    struct conf *conf, const char *name, const char *value, struct error *error)
{
	struct conf changed;
	int code = conf_copy(&changed, conf);

	if (code < 0)
		return error_set(error, code, "out of memory");
	code = set_option(&changed, name, value, error);
	return commit(conf, &changed, code);
}

static const struct conf_flag *find_flag(
    const struct conf_flag *flags, struct slice name)
{
	for (; flags != NULL && flags->name != NULL; flags++)
		if (slice_is(name, flags->name) ||
		    (name.length == 1 && flags->short_name != 0 &&
			name.start[0] == flags->short_name))
			return flags;
	return NULL;
}

/** Joins argv[*at] ... up to the next word with a dash into `value`; NULL in
 * *joined when there is none. */
static int join_value(int argc, char *const *argv, int *at, const char *first,
    char *value, const char **joined, struct error *error)
{
	size_t used = 0;

	*joined = NULL;
	while (first != NULL || (*at < argc && argv[*at][0] != '-')) {
		const char *word = first != NULL ? first : argv[*at];
		size_t length = strlen(word);

		if (used + length + 2 > CONF_MAX_LINE)
			return error_set(error, -EINVAL,
			    "command line: the value of an option is too "
			    "long; at most 4096 characters fit");
		if (used > 0)
			value[used++] = ' ';
		memcpy(value + used, word, length);
		used += length;
		value[used] = '\0';
		*joined = value;
		if (first == NULL)
			++*at;
		first = NULL;
	}
	return 0;
}

static int parse_args(struct conf *conf, int argc, char *const *argv,
    const struct conf_flag *flags, struct error *error)
{
	char value[CONF_MAX_LINE], name[64];

	for (int at = 1; at < argc;) {
		struct slice whole = slice_of(argv[at]), word, rest;
		const struct conf_flag *flag;
		const char *joined, *first = NULL;
		int code;

		at++;
		if (whole.length < 2 || whole.start[0] != '-' ||
		    slice_is(whole, "--"))
			return error_set(error, -EINVAL,
			    "command line: %s belongs to no option; right "
			    "would be --NAME VALUE",
			    slice_quote(whole).text);
		whole.start++;
		whole.length--;
		if (whole.start[0] == '-') {
			whole.start++;
			whole.length--;
		}
		if (slice_split(whole, '=', &word, &rest))
			first = rest.start;
		flag = find_flag(flags, word);
		if (flag != NULL && first == NULL) {
			*flag->set = true;
			continue;
		}
		if (!slice_copy(word, name, sizeof(name)))
			return error_set(error, -EINVAL,
			    "command line: there is no option %s",
			    slice_quote(word).text);
		code =
		    join_value(argc, argv, &at, first, value, &joined, error);
		if (code == 0)
			code = set_option(conf, name, joined, error);
		if (code < 0)
			return code;
	}
	return 0;
}

int conf_parse_args(struct conf *conf, int argc, char *const *argv,
    const struct conf_flag *flags, struct error *error)
{
	struct conf changed;
	int code = conf_copy(&changed, conf);

	if (code < 0)
		return error_set(error, code, "out of memory");
	code = parse_args(&changed, argc, argv, flags, error);
	return commit(conf, &changed, code);
}

void conf_print_options(FILE *out)
{
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct option_row *option = &conf_options[i];
		char letter[8] = "   ";

		if (option->short_name != 0)
			snprintf(
			    letter, sizeof(letter), "-%c,", option->short_name);
		fprintf(out, "  %s --%s %s\n        %s\n", letter, option->name,
		    option->argument, option->help);
	}
}
