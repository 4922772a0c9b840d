/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trips: a datagram to the echo port, which the sink's program returns at
 * once, and back into the socket.  One at a time.
 */
#include "bench/gateway/load.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bench/gateway/netns.h"
#include "bench/measure.h"

#define MOST (1u << 21)

void echo_run(const char *address, double duration)
{
	const struct timeval patience = {.tv_usec = 100000};
	struct sockaddr_in server = {
	    .sin_family = AF_INET, .sin_port = htons(7)};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	double *times = calloc(MOST, sizeof *times);
	size_t count = 0;
	uint64_t sent = 0, buffer[2] = {0};
	const double begin = seconds();

	if (times == NULL || fd < 0 ||
	    inet_pton(AF_INET, address, &server.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&server, sizeof server) != 0 ||
	    setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
		die("echo: %s", strerror(errno));
	while (count < MOST && seconds() - begin < duration) {
		const double start = seconds();
		uint64_t answer[2] = {0};

		buffer[0] = ++sent;
		if (send(fd, buffer, sizeof buffer, 0) < 0)
			die("echo: %s", strerror(errno));
		/* (An answer that comes after its time is not this one's.) */
		while (answer[0] != sent)
			if (recv(fd, answer, sizeof answer, 0) < 0)
				break;
		if (answer[0] == sent)
			times[count++] = seconds() - start;
	}
	if (count == 0)
		die("echo: nothing came back");
	qsort(times, count, sizeof *times, by_value);
	printf("sent %llu received %zu p50 %.3f p99 %.3f\n",
	    (unsigned long long)sent, count, times[count / 2] * 1e6,
	    times[count * 99 / 100] * 1e6);
	free(times);
	(void)close(fd);
}
