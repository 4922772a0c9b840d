/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine against a naive NAT: linear lists, packets made anew with all
 * checksums added up.  Random streams of TCP, UDP, ICMP queries, GRE, ESP and
 * IKE from few hosts on few ports, so that they meet.  The public ports that
 * the engine draws are learnt; everything else is foretold, byte for byte.
 */
#include "nat_fixture.h"

#define HOSTS   6u
#define REMOTES 4u
#define PORTS   5u
#define MAX     4096u
/* A step is two of the engine's ticks, so that spans are exact. */
#define STEP   (INT64_C(2) << 27)
#define MINUTE 224u /* steps; the engine rounds up by two ticks */

/* A session of the model: one inside end and one remote. */
struct session {
	uint8_t protocol;
	uint32_t inside, remote;
	uint16_t inside_port, remote_port, public_port;
};

struct spi {
	bool inbound;
	uint32_t inside, remote, spi;
	unsigned born; /* inbound: its place in time */
};

struct sa {
	uint32_t inside, remote;
	uint64_t initiator, responder;
	uint8_t spoken, guarded; /* sides that spoke, and that protected */
	unsigned last_guarded_inside;
};

struct model {
	struct session sessions[MAX];
	unsigned session_count;
	struct spi spis[MAX];
	unsigned spi_count;
	struct sa sas[MAX];
	unsigned sa_count;
	unsigned step;
	/* When a host last sent ESP to a remote. */
	unsigned esp_sent[HOSTS][REMOTES];
	uint64_t random;
	unsigned crossed, refused;
};

static uint32_t host(unsigned n)
{
	return INSIDE1 + n;
}

static uint32_t remote(unsigned n)
{
	return REMOTE1 + n;
}

static uint32_t draw(struct model *model, uint32_t bound)
{
	return test_below(&model->random, bound);
}

/* ------------------------------------------------------------ sessions */

/* A packet of a session as one end sends it. */
static void make(struct pkt *pkt, uint8_t protocol, uint32_t from,
    uint16_t from_port, uint32_t to, uint16_t to_port, bool outward,
    unsigned step)
{
	char data[8];

	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (char)(step >> i);
	switch (protocol) {
	case PROTO_UDP:
		make_udp(pkt, from, from_port, to, to_port, data, step % 8);
		if (step % 16 == 0)
			put16(pkt->data + 26, 0);
		break;
	case PROTO_TCP:
		make_tcp(
		    pkt, from, from_port, to, to_port, ACK, data, step % 8);
		break;
	case PROTO_ICMP:
		make_echo(pkt, outward ? 8 : 0, from, to,
		    outward ? from_port : to_port, (uint16_t)step);
		break;
	default:
		make_ip(pkt, protocol, from, to, data, step % 8);
		break;
	}
	put16(pkt->data + 4, step);
	fix_sums(pkt);
	if ((protocol == PROTO_TCP || protocol == PROTO_UDP) && step % 5 == 0 &&
	    step % 16 != 0)
		make_partial(pkt);
}

static const struct session *find_out(const struct model *model,
    uint8_t protocol, uint32_t inside, uint16_t port, uint32_t to,
    uint16_t to_port)
{
	for (unsigned i = 0; i < model->session_count; i++) {
		const struct session *s = &model->sessions[i];
		if (s->protocol == protocol && s->inside == inside &&
		    s->inside_port == port && s->remote == to &&
		    s->remote_port == to_port)
			return s;
	}
	return NULL;
}

static const struct session *find_mapping(
    const struct model *model, uint8_t protocol, uint32_t inside, uint16_t port)
{
	for (unsigned i = 0; i < model->session_count; i++) {
		const struct session *s = &model->sessions[i];
		if (s->protocol == protocol && s->inside == inside &&
		    s->inside_port == port)
			return s;
	}
	return NULL;
}

static const struct session *find_public(
    const struct model *model, uint8_t protocol, uint16_t port)
{
	for (unsigned i = 0; i < model->session_count; i++)
		if (model->sessions[i].protocol == protocol &&
		    model->sessions[i].public_port == port)
			return &model->sessions[i];
	return NULL;
}

static bool has_ports(uint8_t protocol)
{
	return protocol != PROTO_GRE;
}

static bool conflicts(
    const struct model *model, uint8_t protocol, uint32_t inside, uint32_t to)
{
	for (unsigned i = 0; i < model->session_count; i++)
		if (!has_ports(protocol) &&
		    model->sessions[i].protocol == protocol &&
		    model->sessions[i].remote == to &&
		    model->sessions[i].inside != inside)
			return true;
	return false;
}

static void expect_bytes(
    struct model *model, const struct pkt *pkt, const struct pkt *expected)
{
	assert_int_equal(pkt->length, expected->length);
	if (memcmp(pkt->data, expected->data, pkt->length) != 0)
		fail_msg(
		    "step %u: not the packet that was foretold", model->step);
	model->crossed++;
}

static void session_out(struct nat *nat, struct model *model, uint8_t protocol,
    uint32_t inside, uint16_t port, uint32_t to, uint16_t to_port)
{
	const struct session *session =
	    find_out(model, protocol, inside, port, to, to_port);
	const struct session *mapping =
	    find_mapping(model, protocol, inside, port);
	struct session *fresh = &model->sessions[model->session_count];
	struct pkt pkt, expected;

	make(&pkt, protocol, inside, port, to, to_port, true, model->step);
	if (session == NULL && conflicts(model, protocol, inside, to)) {
		nat_expect(nat, SPINAT_INSIDE, &pkt, SPINAT_DROPPED,
		    SPINAT_REASON_CONFLICT);
		model->refused++;
		return;
	}
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	if (session == NULL) {
		uint16_t public_port = port;
		if (mapping != NULL) {
			public_port = mapping->public_port;
		} else if (has_ports(protocol)) {
			public_port = protocol == PROTO_ICMP
			    ? echo_id(&pkt)
			    : source_port(&pkt);
			assert_null(find_public(model, protocol, public_port));
			if (protocol != PROTO_ICMP)
				assert_in_range(
				    public_port, PORT_LOW, PORT_HIGH);
		}
		assert_true(model->session_count < MAX);
		*fresh = (struct session){
		    protocol, inside, to, port, to_port, public_port};
		session = fresh;
		model->session_count++;
	}
	make(&expected, protocol, PUBLIC, session->public_port, to, to_port,
	    true, model->step);
	expect_bytes(model, &pkt, &expected);
}

/* An answer, or one that nobody asked for. */
static void session_in(struct nat *nat, struct model *model, uint8_t protocol,
    uint32_t from, uint16_t from_port, uint16_t public_port)
{
	const struct session *mapping =
	    find_public(model, protocol, public_port);
	const struct session *session = NULL;
	struct pkt pkt, expected;

	for (unsigned i = 0; i < model->session_count; i++) {
		const struct session *s = &model->sessions[i];
		if (s->protocol == protocol && s->remote == from &&
		    (s->remote_port == from_port || !has_ports(protocol) ||
			protocol == PROTO_ICMP) &&
		    (s->public_port == public_port || !has_ports(protocol)))
			session = s;
	}
	make(&pkt, protocol, from, from_port, PUBLIC, public_port, false,
	    model->step);
	if (session == NULL) {
		model->refused++;
		if (mapping != NULL && has_ports(protocol) &&
		    protocol != PROTO_ICMP)
			nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_DROPPED,
			    SPINAT_REASON_FILTERED);
		else
			nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
			    SPINAT_REASON_NO_FLOW_PASSED);
		return;
	}
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	make(&expected, protocol, from, from_port, session->inside,
	    session->inside_port, false, model->step);
	expect_bytes(model, &pkt, &expected);
}

static void some_session(struct nat *nat, struct model *model)
{
	static const uint8_t protocols[] = {
	    PROTO_UDP, PROTO_TCP, PROTO_ICMP, PROTO_GRE};
	const uint8_t protocol = protocols[draw(model, 4)];
	const bool ports = protocol == PROTO_UDP || protocol == PROTO_TCP;
	const uint16_t remote_port =
	    ports ? (uint16_t)(80 + draw(model, 3)) : 0;
	const uint32_t far = remote(draw(model, REMOTES));

	if (draw(model, 2) == 0) {
		session_out(nat, model, protocol, host(draw(model, HOSTS)),
		    has_ports(protocol) ? (uint16_t)(4000 + draw(model, PORTS))
					: 0,
		    far, remote_port);
	} else {
		uint16_t public_port =
		    (uint16_t)(PORT_LOW + draw(model, 10000));
		if (model->session_count != 0 && draw(model, 8) != 0)
			public_port =
			    model->sessions[draw(model, model->session_count)]
				.public_port;
		session_in(nat, model, protocol, far, remote_port,
		    has_ports(protocol) ? public_port : 0);
	}
}

/* --------------------------------------------------------------- IPsec */

static bool inbound_answered(
    const struct model *model, uint32_t inside, uint32_t far)
{
	for (unsigned i = 0; i < model->spi_count; i++) {
		const struct spi *in = &model->spis[i];
		if (!in->inbound || in->inside != inside || in->remote != far)
			continue;
		if (model->esp_sent[inside - INSIDE1][far - REMOTE1] >=
		    in->born)
			return true;
		for (unsigned s = 0; s < model->sa_count; s++)
			if (model->sas[s].inside == inside &&
			    model->sas[s].remote == far &&
			    (model->sas[s].guarded & 1) != 0 &&
			    model->sas[s].last_guarded_inside >= in->born)
				return true;
	}
	return false;
}

/* How strongly a host may own what a remote sends: 2 candidate, 1 outbound ESP
 * only, 0 not at all. */
static unsigned standing(
    const struct model *model, uint32_t inside, uint32_t far)
{
	unsigned best = 0;

	for (unsigned s = 0; s < model->sa_count; s++)
		if (model->sas[s].inside == inside &&
		    model->sas[s].remote == far && model->sas[s].guarded == 3)
			return 2;
	if (inbound_answered(model, inside, far))
		return 2;
	for (unsigned i = 0; i < model->spi_count; i++)
		if (!model->spis[i].inbound &&
		    model->spis[i].inside == inside &&
		    model->spis[i].remote == far)
			best = 1;
	return best;
}

/* The owner of what nobody claims: its number, HOSTS: nobody, HOSTS + 1:
 * several. */
static unsigned owner(const struct model *model, uint32_t far)
{
	for (unsigned wanted = 2; wanted > 0; wanted--) {
		unsigned found = HOSTS, count = 0;
		for (unsigned h = 0; h < HOSTS; h++)
			if (standing(model, host(h), far) == wanted) {
				found = h;
				count++;
			}
		if (count == 1)
			return found;
		if (count != 0)
			return HOSTS + 1;
	}
	return HOSTS;
}

static void esp_out(
    struct nat *nat, struct model *model, unsigned h, unsigned r, uint32_t spi)
{
	struct pkt pkt, expected;
	bool known = false;

	make_esp(&pkt, host(h), remote(r), spi, model->step);
	make_esp(&expected, PUBLIC, remote(r), spi, model->step);
	nat_cross(nat, SPINAT_INSIDE, &pkt);
	expect_bytes(model, &pkt, &expected);
	model->esp_sent[h][r] = model->step;
	for (unsigned i = 0; i < model->spi_count; i++)
		known = known ||
		    (!model->spis[i].inbound &&
			model->spis[i].inside == host(h) &&
			model->spis[i].remote == remote(r) &&
			model->spis[i].spi == spi);
	if (!known)
		model->spis[model->spi_count++] =
		    (struct spi){false, host(h), remote(r), spi, model->step};
	assert_true(model->spi_count < MAX);
}

static void esp_in(
    struct nat *nat, struct model *model, unsigned r, uint32_t spi)
{
	struct spi *known = NULL;
	struct pkt pkt, expected;
	unsigned h, several = 0;

	for (unsigned i = 0; i < model->spi_count; i++)
		if (model->spis[i].inbound &&
		    model->spis[i].remote == remote(r) &&
		    model->spis[i].spi == spi)
			known = &model->spis[i];
	for (unsigned other = 0; other < HOSTS; other++)
		several += standing(model, host(other), remote(r)) != 0;
	h = known != NULL ? known->inside - INSIDE1 : owner(model, remote(r));
	make_esp(&pkt, remote(r), PUBLIC, spi, model->step);
	if (h == HOSTS) {
		model->refused++;
		nat_expect(nat, SPINAT_OUTSIDE, &pkt, SPINAT_PASSED,
		    SPINAT_REASON_ESP_UNKNOWN);
		return;
	}
	nat_forget(nat); /* copies */
	nat_cross(nat, SPINAT_OUTSIDE, &pkt);
	/* Of several, which one is decided by evidence (test_shared.c). */
	if (several > 1) {
		h = destination_of(&pkt) - INSIDE1;
		assert_true(h < HOSTS);
		assert_int_not_equal(standing(model, host(h), remote(r)), 0);
	}
	make_esp(&expected, remote(r), host(h), spi, model->step);
	expect_bytes(model, &pkt, &expected);
	if (known == NULL)
		model->spis[model->spi_count++] =
		    (struct spi){true, host(h), remote(r), spi, model->step};
	else
		known->inside = host(h);
}

/* One message of an IKE SA that its inside host began, or goes on with. */
static void ike(struct nat *nat, struct model *model)
{
	const bool begin = model->sa_count == 0 || draw(model, 200) == 0;
	struct sa *sa =
	    &model->sas[begin ? model->sa_count : draw(model, model->sa_count)];
	struct ike message = {.version = 2, .exchange = 35};
	struct pkt pkt, expected;
	bool outward;

	if (begin) {
		assert_true(model->sa_count < MAX);
		*sa = (struct sa){host(draw(model, HOSTS)),
		    remote(draw(model, REMOTES)), 1000 + model->step,
		    5000 + model->step, 0, 0, 0};
		model->sa_count++;
	}
	outward = begin || draw(model, 2) == 0;
	message.initiator = sa->initiator;
	message.responder = sa->spoken == 0 ? 0 : sa->responder;
	message.next_payload = sa->spoken == 3 ? 46 : 33;
	message.padding = (uint16_t)draw(model, 100);
	sa->spoken |= outward ? 1 : 2;
	if (message.next_payload == 46) {
		sa->guarded |= outward ? 1 : 2;
	}
	if (outward)
		sa->last_guarded_inside = model->step;
	make_ike(&pkt, outward ? sa->inside : sa->remote,
	    outward ? sa->remote : PUBLIC, &message);
	make_ike(&expected, outward ? PUBLIC : sa->remote,
	    outward ? sa->remote : sa->inside, &message);
	nat_cross(nat, outward ? SPINAT_INSIDE : SPINAT_OUTSIDE, &pkt);
	expect_bytes(model, &pkt, &expected);
}

static void some_ipsec(struct nat *nat, struct model *model)
{
	const unsigned h = draw(model, HOSTS), r = draw(model, REMOTES);

	switch (draw(model, 4)) {
	case 0:
		/* The remote chose it: no two hosts have the same. */
		esp_out(nat, model, h, r, 0x1000 + 16 * h + draw(model, 10));
		break;
	case 1:
	case 2:
		esp_in(nat, model, r, 0x2000 + draw(model, 20));
		break;
	default:
		ike(nat, model);
		break;
	}
}

/* ------------------------------------------------------------------ all */

static void check_whole(const struct nat *nat, const struct model *model)
{
	const struct spinat_stats stats = nat_stats(nat);
	unsigned mappings = 0;

	assert_int_equal(stats.flows, model->session_count + model->spi_count);
	assert_int_equal(stats.ike, model->sa_count);
	for (unsigned i = 0; i < model->session_count; i++) {
		const struct session *s = &model->sessions[i];
		mappings += has_ports(s->protocol) &&
		    find_mapping(
			model, s->protocol, s->inside, s->inside_port) == s;
	}
	assert_int_equal(stats.mappings, mappings);
}

static void run(uint64_t seed, unsigned steps)
{
	struct spinat_config config;
	struct nat *nat;
	static struct model model;

	nat_config(&config);
	config.seed[20] = (uint8_t)seed;
	config.events = 0;
	/* Nothing ends by itself within a round. */
	for (int t = 0; t < SPINAT_TIMEOUT_COUNT; t++)
		config.timeouts[t] = 3600 * SPINAT_SECOND;
	nat = nat_start(&config);
	memset(&model, 0, sizeof model);
	model.random = seed;
	for (unsigned step = 1; step <= steps; step++) {
		model.step = step;
		nat->now += STEP;
		if (step % 500 == 0) {
			/* All of it ends, and it begins anew. */
			nat_wait(nat, 3601.0);
			assert_int_equal(nat_stats(nat).flows, 0);
			assert_int_equal(nat_stats(nat).peers, 0);
			model.session_count = model.spi_count = model.sa_count =
			    0;
			memset(model.esp_sent, 0, sizeof model.esp_sent);
		}
		if (draw(&model, 3) == 0)
			some_ipsec(nat, &model);
		else
			some_session(nat, &model);
		check_whole(nat, &model);
	}
	assert_true(model.crossed > steps / 3);
	assert_true(model.refused > steps / 30);
	nat_stop(nat);
}

static void test_hundred_thousand_packets(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++)
		run(seed, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hundred_thousand_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
