/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Junk on the control socket, in front of the real engine with a few flows in
 * it: first the parser alone, then the same bytes through a socketpair, framing
 * and answers included.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct control *control;
static struct answer_source source;

/** A packet of 10.0.0.2 to 192.0.2.1: UDP or ESP. */
static void send_packet(struct spinat *engine, uint8_t protocol)
{
	uint8_t bytes[40] = {
	    0x45, [3] = sizeof(bytes), [8] = 64, [9] = protocol, [12] = 10,
	    [15] = 2, [16] = 192, [18] = 2, [19] = 1, [20] = 0x12, 0x34, 0x56,
	    0x78, [25] = 20};
	struct spinat_packet packet = {
	    .data = bytes, .length = sizeof(bytes), .side = SPINAT_INSIDE};

	spinat_translate(engine, SPINAT_SECOND, &packet, 1);
}

static struct spinat *make_engine(void)
{
	struct spinat_config config;
	struct spinat *engine;
	size_t size;
	void *memory;

	spinat_config_init(&config);
	config.public_addresses[0].raw = htonl(0xcb007101);
	config.public_count = 1;
	config.max_flows = 64;
	size = (spinat_memory_size(&config) + 4095) & ~(size_t)4095;
	memory = aligned_alloc(4096, size);
	if (!memory)
		abort();
	memset(memory, 0, size);
	if (spinat_create(&engine, &config, memory, size, 1) != 0)
		abort();
	send_packet(engine, IPPROTO_UDP);
	send_packet(engine, IPPROTO_ESP);
	return engine;
}

static void start(void)
{
	struct error error;

	(void)signal(SIGPIPE, SIG_IGN);
	source.engine = make_engine();
	base = event_base_new();
	if (!base || control_open(&control, base, &source, &error) < 0)
		abort();
}

static void parse(const uint8_t *data, size_t size)
{
	struct request request;
	struct error error;

	if (request_parse(&request, (const char *)data, size, &error) == 0 &&
	    request.show >= REQUEST_SHOWS)
		abort();
}

static void converse(const uint8_t *data, size_t size)
{
	char answer[4096];
	int ends[2];
	size_t sent = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
		return;
	if (control_adopt(control, ends[1]) < 0)
		abort();
	/* However it goes, it ends: the client says that it is done. */
	while (control_clients(control)) {
		ssize_t got =
		    send(ends[0], data + sent, size - sent, MSG_NOSIGNAL);

		if (got > 0)
			sent += (size_t)got;
		if (sent == size)
			(void)shutdown(ends[0], SHUT_WR);
		(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		while (read(ends[0], answer, sizeof(answer)) > 0)
			continue;
	}
	close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!control)
		start();
	parse(data, size);
	converse(data, size);
	return 0;
}
