/*
 * rest_load PORT TOKEN PATH RATE SECONDS [CONNECTIONS]: that many GETs a second on kept
 * connections, each with one request on its way; what is late is made up for while connections are
 * free.
 *
 * Prints: requests asked for, answered with 200, others, and the median and 99th hundredth of their
 * times in microseconds.  Ends with 1 where anything but 200 came or a connection broke.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, ANSWER_MAX = 256 << 10, TIMES_MAX = 1 << 20 };

static struct connection {
	int fd;
	uint64_t sent_ns;		/* 0: free */
	size_t len, want;		/* of the answer; want 0: its head is not whole */
	int code;
	char bytes[ANSWER_MAX];
} conn[CONNECTIONS_MAX];
static struct pollfd polls[CONNECTIONS_MAX];
static uint32_t *times;
static size_t ntimes, good, bad;
static char request[4096];
static size_t request_len;

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
die(const char *why)
{
	fprintf(stderr, "rest_load: %s\n", why);
	exit(1);
}

static void
open_one(struct connection *c, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die("cannot connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void
ask(struct connection *c)
{
	c->sent_ns = now();
	c->len = c->want = 0;
	if (write(c->fd, request, request_len) != (ssize_t)request_len)
		die("a connection broke");
}

/* The head's code and the length of the body that it tells. */
static void
see_head(struct connection *c)
{
	const char *end, *length;

	c->bytes[c->len] = '\0';
	end = strstr(c->bytes, "\r\n\r\n");
	if (end == NULL)
		return;
	length = strstr(c->bytes, "Content-Length: ");
	if (length == NULL || length > end || strncmp(c->bytes, "HTTP/1.1 ", 9) != 0)
		die("no answer of HTTP/1.1 with a length");
	c->code = (int)strtol(c->bytes + 9, NULL, 10);
	c->want = (size_t)(end - c->bytes) + 4 + strtoul(length + 16, NULL, 10);
	if (c->want >= sizeof c->bytes)
		die("an answer is too long");
}

static void
hear(struct connection *c)
{
	ssize_t got = read(c->fd, c->bytes + c->len, sizeof c->bytes - 1 - c->len);

	if (got <= 0)
		die("the server closed a connection");
	c->len += (size_t)got;
	if (c->want == 0)
		see_head(c);
	if (c->want == 0 || c->len < c->want)
		return;
	if (ntimes < TIMES_MAX)
		times[ntimes++] = (uint32_t)((now() - c->sent_ns) / 1000);
	if (c->code == 200)
		good++;
	else
		bad++;
	c->sent_ns = 0;
}

static int
by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
run(double rate, double seconds, int n)
{
	uint64_t began = now(), end = began + (uint64_t)(seconds * 1e9);
	uint64_t asked = 0, wanted;
	int next = 0, busy = 0;

	for (;;) {
		uint64_t t = now();

		wanted = (uint64_t)((double)((t < end ? t : end) - began) / 1e9 * rate);
		for (int tried = 0; asked < wanted && busy < n && tried < n; tried++) {
			struct connection *c = &conn[next++ % n];

			if (c->sent_ns != 0)
				continue;
			ask(c);
			asked++;
			busy++;
		}
		if (t >= end && busy == 0)
			break;
		for (int i = 0; i < n; i++)
			polls[i] = (struct pollfd){ conn[i].fd, conn[i].sent_ns != 0 ? POLLIN : 0,
				0 };
		if (poll(polls, (nfds_t)n, busy == n ? 1000 : 1) < 0)
			die("poll");
		for (int i = 0; i < n; i++)
			if (polls[i].revents != 0) {
				hear(&conn[i]);
				busy -= conn[i].sent_ns == 0;
			}
		if (t > end + 10000000000u)
			die("no answer for ten seconds");
	}
	qsort(times, ntimes, sizeof *times, by_time);
	printf("wanted %.0f good %zu bad %zu median_us %u p99_us %u\n", rate * seconds, good, bad,
	    ntimes ? times[ntimes / 2] : 0, ntimes ? times[ntimes * 99 / 100] : 0);
}

int
main(int argc, char **argv)
{
	int n = argc > 6 ? atoi(argv[6]) : 16;

	if (argc < 6 || n < 1 || n > CONNECTIONS_MAX) {
		fprintf(stderr, "usage: rest_load PORT TOKEN PATH RATE SECONDS [CONNECTIONS]\n");
		return 2;
	}
	times = calloc(TIMES_MAX, sizeof *times);
	if (times == NULL)
		die("no memory");
	request_len = (size_t)snprintf(request, sizeof request,
	    "GET %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: Bearer %s\r\n\r\n",
	    argv[3], argv[2]);
	if (request_len >= sizeof request)
		die("the token is too long");
	for (int i = 0; i < n; i++)
		open_one(&conn[i], (unsigned)strtoul(argv[1], NULL, 10));
	run(strtod(argv[4], NULL), strtod(argv[5], NULL), n);
	free(times);
	return bad > 0;
}
