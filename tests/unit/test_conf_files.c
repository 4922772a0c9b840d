/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a configuration comes from: files, the command line, spinat check.
 */
#include "conf_fixture.h"

#include <fcntl.h>

#include "cmd/cmd.h"

#define FILE_NAME "/tmp/test_conf.XXXXXX"

/* A file of this text; its name goes in place of FILE_NAME. */
static void make_file(char *path, const char *text)
{
	int file = mkstemp(path);

	assert_true(file >= 0);
	close(file);
	write_file(path, text);
}

static void test_file(void **state)
{
	char path[] = FILE_NAME, expected[128];
	struct error error;
	struct conf conf;

	(void)state;
	make_file(path, "interface eth0\nlog yes");
	conf_init(&conf);
	assert_int_equal(conf_read_file(&conf, path, &error), 0);
	assert_true(conf.log);
	write_file(path, "log no\nlog what\n");
	assert_int_equal(conf_read_file(&conf, path, &error), -EINVAL);
	sprintf(expected, "%s:2:5: \"what\" is neither*", path);
	assert_message(error.text, expected);
	assert_true(conf.log);
	unlink(path);
	assert_int_equal(conf_read_file(&conf, path, &error), -ENOENT);
	sprintf(expected, "%s: cannot be opened: *", path);
	assert_message(error.text, expected);
	assert_int_equal(conf_read_file(&conf, "/tmp", &error), -EISDIR);
	conf_free(&conf);
}

/* What is said of a file with so many faults. */
static struct heard diagnose(const char *path, unsigned faults)
{
	struct heard heard = {0, 0, ""};
	struct conf conf;

	conf_init(&conf);
	assert_int_equal(conf_diagnose_file(&conf, path, hear, &heard), faults);
	assert_int_equal(heard.faults, faults);
	conf_free(&conf);
	return heard;
}

static void test_diagnose_says_all(void **state)
{
	char path[] = FILE_NAME, expected[128];
	struct heard heard;

	(void)state;
	make_file(path, "log what\nverbose\nmode x\nqueue y\n");
	heard = diagnose(path, 3);
	sprintf(expected, "%s:4:7: *", path);
	assert_message(heard.last, expected);

	write_file(path, "alias_address 192.168.1.1\ntimeout_udp 20\n");
	heard = diagnose(path, 0);
	assert_int_equal(heard.warnings, 2);
	sprintf(expected, "%s:2:1: timeout_udp is under 120 seconds: *", path);
	assert_message(heard.last, expected);
	unlink(path);
}

static int parse(struct conf *conf, struct error *error,
    const struct conf_flag *flags, char *const *argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return conf_parse_args(conf, argc, argv, flags, error);
}

#define PARSE(conf, error, flags, ...)                                         \
	parse(conf, error, flags, (char *const[]){"spinatd", __VA_ARGS__, NULL})

static void test_arguments(void **state)
{
	bool help = false, detach = false;
	const struct conf_flag flags[] = {
	    {"help", 'h', &help}, {"detach", 0, &detach}, {NULL, 0, NULL}};
	char path[] = FILE_NAME;
	struct error error;
	struct conf conf;

	(void)state;
	make_file(path, "interface eth9\nqueue 9\n");
	conf_init(&conf);
	assert_int_equal(
	    PARSE(&conf, &error, flags, "-queue", "3", "-f", path, "-n", "eth1",
		"--alias_address", "1.2.3.4,", "1.2.3.5", "-a", "1.2.3.6", "-v",
		"-u", "-m", "no", "-d", "-l", "-P", "/p", "--max_ike=77",
		"-redirect_port", "tcp", "10.0.0.1:80", "8080", "--help",
		"--detach", "-dynamic"),
	    0);
	assert_string_equal(conf.interface, "eth1");
	assert_int_equal(conf.queue, 9);
	assert_int_equal(conf.engine.public_count, 3);
	assert_true(conf.verbose && conf.engine.unregistered_only);
	assert_true(conf.engine.deny_incoming && conf.log && conf.dynamic);
	assert_false(conf.engine.same_ports);
	assert_string_equal(conf.pid_file, "/p");
	assert_int_equal(conf.engine.max_ike, 77);
	assert_int_equal(conf.redirect_count, 1);
	assert_true(help && detach);
	conf_free(&conf);
	unlink(path);
}

static void test_wrong_arguments(void **state)
{
	char many[5000];
	struct error error;
	struct conf conf;

	(void)state;
	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	conf_init(&conf);
	assert_int_equal(PARSE(&conf, &error, NULL, "eth0"), -EINVAL);
	assert_message(
	    error.text, "command line: \"eth0\" belongs to no option; *");
	assert_int_equal(PARSE(&conf, &error, NULL, "-"), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "--"), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, ""), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "--="), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "--qeue", "1"), -EINVAL);
	assert_message(error.text,
	    "command line: there is no option "
	    "\"qeue\"; did you mean \"queue\"?");
	assert_int_equal(PARSE(&conf, &error, NULL, "-s"), -EINVAL);
	assert_message(error.text,
	    "command line: natd's use_sockets is not supported yet; *");
	assert_int_equal(PARSE(&conf, &error, NULL, "-n"), -EINVAL);
	assert_string_equal(error.text,
	    "--interface: the name of an interface is missing; right would be "
	    "\"interface eth0\"");
	assert_int_equal(
	    PARSE(&conf, &error, NULL, "-v", "--queue", "x"), -EINVAL);
	assert_message(error.text, "--queue: \"x\" is no number*");
	assert_false(conf.verbose);
	assert_int_equal(PARSE(&conf, &error, NULL, "-P", "a\nb"), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "-P", many), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, many), -EINVAL);
	assert_int_equal(PARSE(&conf, &error, NULL, "-f", "/nowhere"), -ENOENT);
	conf_free(&conf);
}

/** The command's exit code, its output thrown away. */
static int check_quietly(char *option, char *path)
{
	char *argv[] = {"check", option, path, NULL};
	int quiet = open("/dev/null", O_WRONLY), out = dup(1), err = dup(2);
	int code, argc = option == NULL ? 1 : path == NULL ? 2 : 3;

	assert_true(quiet >= 0 && out >= 0 && err >= 0);
	fflush(NULL);
	dup2(quiet, 1);
	dup2(quiet, 2);
	code = cmd_check(argc, argv);
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	close(quiet);
	close(out);
	close(err);
	return code;
}

static void test_command_exit_codes(void **state)
{
	char path[] = FILE_NAME;

	(void)state;
	make_file(path, "interface eth0\n");
	assert_int_equal(check_quietly("-f", path), 0);
	assert_int_equal(check_quietly("-h", NULL), 0);
	write_file(path, "interface eth0\nmode x\n");
	assert_int_equal(check_quietly("--config", path), 1);
	write_file(path, "");
	assert_int_equal(check_quietly("-f", path), 1);
	unlink(path);
	assert_int_equal(check_quietly("-f", path), 1);
	assert_int_equal(check_quietly(NULL, NULL), 2);
	assert_int_equal(check_quietly("-f", NULL), 2);
	assert_int_equal(check_quietly("-x", path), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_diagnose_says_all),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_wrong_arguments),
	    cmocka_unit_test(test_command_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
