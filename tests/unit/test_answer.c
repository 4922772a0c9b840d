/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the control socket answers: which lines, and what is in them.
 */
#include "control_fixture.h"

#include <stdio.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CONTROL_TEST(shows_a_flow_in_full),
	    CONTROL_TEST(shows_stats),
	    CONTROL_TEST(filters_flows),
	    CONTROL_TEST(shows_ipsec_in_steps),
	    CONTROL_TEST(explains_hosts_remotes_and_spis),
	    CONTROL_TEST(explains_a_claim_in_full),
	};
	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
