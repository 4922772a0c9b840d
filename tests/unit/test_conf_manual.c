/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual page beside the table of options, and both beside the engine.
 */
#include "conf_fixture.h"

#ifndef CONF_MANUAL
#define CONF_MANUAL "man/spinat.conf.5"
#endif

static void test_timeout_names(void **state)
{
	char name[64], value[8] = "77s";

	(void)state;
	for (unsigned i = 0; i < SPINAT_TIMEOUT_COUNT; i++) {
		struct error error;
		struct conf conf;

		conf_init(&conf);
		sprintf(name, "timeout_%s",
		    spinat_timeout_name((enum spinat_timeout)i));
		if (conf_option(&conf, name, value, &error) != 0)
			fail_msg("%s", error.text);
		for (unsigned j = 0; j < SPINAT_TIMEOUT_COUNT; j++)
			assert_int_equal(i == j,
			    conf.engine.timeouts[j] == 77 * SPINAT_SECOND);
		conf_free(&conf);
	}
}

/** All that an option can set, as text. */
static char *picture(const struct conf *conf)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	conf_print_summary(conf, out);
	fprintf(out, "%d %d %d %d %s %s %s %u %u\n", conf->dynamic, conf->log,
	    conf->log_denied, conf->verbose, conf->control_socket,
	    conf->pid_file, conf->log_target, conf->engine.max_peers,
	    conf->engine.max_ike);
	for (unsigned i = 0; i < SPINAT_TIMEOUT_COUNT; i++)
		fprintf(out, "%lld ", (long long)conf->engine.timeouts[i]);
	fclose(out);
	return text;
}

/* The one for all others, and those for one remote each; the last counts. */
static void test_ike_ports(void **state)
{
	struct conf conf;
	char *text;

	(void)state;
	read_right(&conf, "interface e");
	assert_int_equal(conf.engine.ike_ports, SPINAT_IKE_PORTS_PRESERVE);
	assert_int_equal(conf.engine.ike_ports_count, 0);
	assert_true(conf_gives_ports(&conf));
	conf_free(&conf);
	read_right(&conf,
	    "ike_ports rewrite 192.0.2.1\nike_ports rewrite\n"
	    "ike_ports auto 192.0.2.2\nike_ports preserve 192.0.2.1\n"
	    "ike_ports auto\ninterface e\n");
	assert_int_equal(conf.engine.ike_ports, SPINAT_IKE_PORTS_AUTO);
	assert_int_equal(conf.engine.ike_ports_count, 2);
	assert_address(conf.engine.ike_ports_rules[0].remote, "192.0.2.1");
	assert_int_equal(
	    conf.engine.ike_ports_rules[0].policy, SPINAT_IKE_PORTS_PRESERVE);
	assert_address(conf.engine.ike_ports_rules[1].remote, "192.0.2.2");
	assert_int_equal(
	    conf.engine.ike_ports_rules[1].policy, SPINAT_IKE_PORTS_AUTO);
	text = picture(&conf);
	assert_non_null(strstr(text,
	    "IKE leaves with port 500, or a port of its own where the remote "
	    "does not answer\n"));
	assert_non_null(
	    strstr(text, " with 192.0.2.1: port 500 for every client\n"));
	free(text);
	conf_free(&conf);
	/* In mode ipsec-only port_range is for these alone. */
	read_right(&conf, "interface e\nmode ipsec-only");
	assert_false(conf_gives_ports(&conf));
	conf_free(&conf);
	read_right(
	    &conf, "interface e\nmode ipsec-only\nike_ports auto 192.0.2.2");
	assert_true(conf_gives_ports(&conf));
	conf_free(&conf);
	assert_int_equal(
	    warnings_of("interface e\nmode ipsec-only\nport_range 5000-9000"),
	    1);
	assert_int_equal(
	    warnings_of("interface e\nmode ipsec-only\nport_range 5000-5099\n"
			"ike_ports rewrite"),
	    0);
}

/* The default that the table (and with it the manual) names is the one that
 * conf_init() sets; every example is right. */
static void test_defaults_and_examples(void **state)
{
	(void)state;
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct option_row *option = &conf_options[i];
		struct conf conf;
		struct error error;
		char *before, *after;

		conf_init(&conf);
		before = picture(&conf);
		if (option->initial != NULL &&
		    conf_option(&conf, option->name, option->initial, &error) !=
			0)
			fail_msg("%s", error.text);
		after = picture(&conf);
		assert_string_equal(before, after);
		free(before);
		free(after);
		if (strcmp(option->name, "config") != 0 &&
		    conf_option(&conf, option->name, option->example, &error) !=
			0)
			fail_msg("%s", error.text);
		conf_free(&conf);
	}
}

static void test_table_is_unambiguous(void **state)
{
	const char *name, *advice;
	bool ignorable;

	(void)state;
	for (unsigned i = 0; i < conf_option_count; i++) {
		char letter[2] = {conf_options[i].short_name, '\0'};

		assert_ptr_equal(option_find(slice_of(conf_options[i].name)),
		    &conf_options[i]);
		if (letter[0] != '\0')
			assert_ptr_equal(
			    option_find(slice_of(letter)), &conf_options[i]);
		assert_false(natd_option_find(slice_of(conf_options[i].name),
		    &name, &advice, &ignorable));
	}
}

static char *load_manual(void)
{
	FILE *file = fopen(CONF_MANUAL, "r");
	char *text = calloc(1, 1 << 20);

	if (file == NULL)
		return text;
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void test_manual_has_every_option(void **state)
{
	char *manual = load_manual();

	(void)state;
	if (manual[0] == '\0') {
		free(manual);
		skip();
	}
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct option_row *option = &conf_options[i];
		char item[80], letter[16], initial[96], *start, *stop;

		sprintf(item, "\n.It Ic %s ", option->name);
		start = strstr(manual, item);
		if (start == NULL)
			fail_msg("no %s in the manual", option->name);
		stop = strstr(start + 1, "\n.It Ic ");
		if (stop != NULL)
			*stop = '\0';
		if (option->initial != NULL) {
			sprintf(initial, "\nDefault:\n.%s %s .",
			    option->initial[0] == '/' ? "Pa" : "Cm",
			    option->initial);
			if (strstr(start, initial) == NULL)
				fail_msg("%s: no default %s in the manual",
				    option->name, option->initial);
		}
		sprintf(letter, "Fl %c", option->short_name);
		if (option->short_name != 0 && strstr(start, letter) == NULL)
			fail_msg("%s: no -%c in the manual", option->name,
			    option->short_name);
		if (stop != NULL)
			*stop = '\n';
	}
	free(manual);
}

/** What conf_check() lets through the engine takes, rule by rule. */
static void assert_engine_takes(const char *text)
{
	struct spinat_config *config;
	struct spinat *engine;
	struct conf conf;
	void *memory;
	size_t size;

	read_right(&conf, text);
	assert_int_equal(conf_check(&conf, NULL), 0);
	config = &conf.engine;
	if (config->public_count == 0)
		config->public_addresses[config->public_count++] =
		    address("192.0.2.1");
	config->max_flows = config->max_spis = 1024;
	config->max_ike = config->max_peers = 64;
	size = spinat_memory_size(config);
	memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
	assert_non_null(memory);
	memset(memory, 0, size);
	assert_int_equal(spinat_create(&engine, config, memory, size, 0), 0);
	for (unsigned i = 0; i < conf.redirect_count; i++)
		assert_int_equal(
		    spinat_add_redirect(engine, &conf.redirects[i]), 0);
	free(memory);
	conf_free(&conf);
}

static void test_engine_takes_it(void **state)
{
	(void)state;
	assert_engine_takes("interface eth0");
	assert_engine_takes("interface eth0\n"
			    "redirect_port tcp 10.0.0.1 80\n"
			    "redirect_port tcp 10.0.0.2 80 1.2.3.4\n"
			    "redirect_port tcp 10.0.0.3 80 1.2.3.4:99\n"
			    "redirect_port tcp 10.0.0.3 81 0.0.0.0:99\n"
			    "redirect_port udp 10.0.0.3 80\n"
			    "redirect_port udp 10.0.0.3 600-699 1.2.3.4:1-100\n"
			    "redirect_proto gre 10.0.0.1\n"
			    "redirect_proto gre 10.0.0.2 0.0.0.0 1.2.3.4\n"
			    "redirect_address 10.0.0.5 5.6.7.8\n"
			    "redirect_address 10.0.0.6 5.6.7.8\n"
			    "redirect_ipsec 10.0.0.1\n"
			    "redirect_ipsec 10.0.0.2 1.2.3.4\n");
}

/* The examples are right, as files and as wholes, and raise no warning. */
static void test_manual_examples(void **state)
{
	char *manual = load_manual(), *at = manual;
	unsigned found = 0;

	(void)state;
	if (manual[0] == '\0') {
		free(manual);
		skip();
	}
	while ((at = strstr(at, "\n.Bd -literal")) != NULL) {
		char *text = strchr(at + 1, '\n') + 1;
		char *stop = strstr(text, "\n.Ed");

		assert_non_null(stop);
		*stop = '\0';
		assert_int_equal(warnings_of(text), 0);
		assert_engine_takes(text);
		at = stop + 1;
		found++;
	}
	assert_true(found >= 4);
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_timeout_names),
	    cmocka_unit_test(test_ike_ports),
	    cmocka_unit_test(test_defaults_and_examples),
	    cmocka_unit_test(test_table_is_unambiguous),
	    cmocka_unit_test(test_manual_has_every_option),
	    cmocka_unit_test(test_engine_takes_it),
	    cmocka_unit_test(test_manual_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
