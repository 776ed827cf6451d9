/*
 * Plain sockets with a time limit on everything.
 */
#include "tests/hostile/hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { SEND_S = 20, SOURCES = 250, PART_BYTES = 65536 };

int
wire_dial(const struct target *t, int from)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)t->port) };
	struct sockaddr_in me = { .sin_family = AF_INET };
	int fd, on = 1;

	if (inet_pton(AF_INET, t->host, &to.sin_addr) != 1)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (t->loopback && from >= 0) {
		me.sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)from % SOURCES);
		(void)!setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
		(void)!bind(fd, (struct sockaddr *)&me, sizeof me);
	}
	(void)!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = SEND_S },
	    sizeof(struct timeval));
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
wire_send(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool
wire_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Something to read within ms? */
static bool
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

bool
wire_until_closed(int fd, int ms)
{
	static uint8_t waste[PART_BYTES];

	while (readable(fd, ms))
		if (recv(fd, waste, sizeof waste, 0) <= 0)
			return true;
	return false;
}

/* 1, 0 or -1 as wire_until_reply says. */
static int
take(int fd, uint8_t *to, size_t len, int ms)
{
	while (len > 0) {
		ssize_t n;

		if (!readable(fd, ms))
			return -1;
		n = recv(fd, to, len, 0);
		if (n <= 0)
			return 0;
		to += n;
		len -= (size_t)n;
	}
	return 1;
}

int
wire_until_reply(int fd, uint32_t xid, int ms, uint64_t *replies)
{
	static uint8_t body[RPC_RECORD_MAX];

	for (;;) {
		uint8_t mark[4];
		uint32_t len;
		int r = take(fd, mark, sizeof mark, ms);

		if (r != 1)
			return r;
		len = ((uint32_t)mark[0] << 24 | (uint32_t)mark[1] << 16 | (uint32_t)mark[2] << 8 |
		    mark[3]) & 0x7fffffff;
		if (len < 4 || len > sizeof body)
			return -1;
		r = take(fd, body, len, ms);
		if (r != 1)
			return r;
		++*replies;
		if (((uint32_t)body[0] << 24 | (uint32_t)body[1] << 16 | (uint32_t)body[2] << 8 |
		    body[3]) == xid)
			return 1;
	}
}

/* xorshift64*: the attacks' own, so that each run sends the same bytes. */
uint64_t
hostile_rand(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 0x2545f4914f6cdd1dull;
}
