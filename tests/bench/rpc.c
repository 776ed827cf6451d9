/*
 * A client for the bench: one epoll thread, CONNS connections with DEPTH calls in flight each.
 *
 *	bench_rpc PORT OP CONNS DEPTH SECONDS [PID [HANDLE]]
 *
 * OP is null, getattr, access, lookup or read.  HANDLE (hex) names the file; without it one of
 * 48 bytes that only bench_loop takes.  With the server's PID its processor time per call is
 * told as well (from schedstat, all threads).  Line: calls/s, median and 99th percentile of a
 * call's time in µs, server's and own processor ns per call.
 */
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS_MAX = 1024, DEPTH_MAX = 256, IN_BYTES = 256 << 10, CALL_MAX = 512, BINS = 4096,
	BIN_NS = 500, EVENTS = 64, MARK = 4 };

struct conn {
	int fd;
	uint32_t in_len;
	uint64_t sent_ns[DEPTH_MAX];	/* by xid modulo depth */
	uint8_t in[IN_BYTES];
};

static const struct { const char *name; uint32_t proc; } ops[] = {
	{ "null", 0 }, { "getattr", 1 }, { "lookup", 3 }, { "access", 4 }, { "read", 6 },
};

static uint32_t proc, depth, nconns;
static uint8_t handle[64] = { 1, 0, 1, 0 };
static uint32_t handle_len = 48;
static struct conn *conns[CONNS_MAX];
static uint64_t bins[BINS], calls;

static void
put_call(struct writer *w, uint32_t xid)
{
	uint32_t mark = writer_mark(w);

	write_be32(w, 0);
	write_be32(w, xid);
	write_be32(w, 0);
	write_be32(w, 2);
	write_be32(w, 100003);
	write_be32(w, 3);
	write_be32(w, proc);
	write_be32(w, 1);		/* AUTH_SYS: stamp, machine, uid, gid, gids */
	write_be32(w, 32);
	write_be32(w, 0);
	write_be32(w, 5);
	write_bytes(w, "bench\0\0\0", 8);
	write_be32(w, 1000);
	write_be32(w, 1000);
	write_be32(w, 1);
	write_be32(w, 1000);
	write_be64(w, 0);
	if (proc != 0) {
		write_be32(w, handle_len);
		write_bytes(w, handle, handle_len);
		write_zeroes(w, (4 - handle_len % 4) % 4);
	}
	if (proc == 3) {
		write_be32(w, 4);
		write_bytes(w, "file", 4);
	} else if (proc == 4) {
		write_be32(w, 0x3f);
	} else if (proc == 6) {
		write_be64(w, 0);
		write_be32(w, 4096);
	}
	writer_patch_be32(w, mark, 0x80000000u | (w->len - mark - 4));
}

static void
send_all(struct conn *c, const struct writer *w)
{
	uint32_t at = 0;

	while (at < w->len) {
		ssize_t n = send(c->fd, w->base + at, w->len - at, MSG_NOSIGNAL);

		if (n <= 0)
			panic("the server does not take calls, errno %d", errno);
		at += (uint32_t)n;
	}
}

/* All whole replies; each is followed by a new call with the same number. */
static void
turn(struct conn *c)
{
	static uint8_t out[DEPTH_MAX * CALL_MAX];
	struct writer w = writer_of(out, sizeof out);
	ssize_t n = recv(c->fd, c->in + c->in_len, IN_BYTES - c->in_len, MSG_DONTWAIT);
	uint64_t now = clock_mono_ns();
	uint32_t at = 0;

	if (n <= 0)
		panic("the server has closed, errno %d", errno);
	c->in_len += (uint32_t)n;
	while (c->in_len - at >= MARK + 4) {
		uint32_t len = get_be32(c->in + at) & 0x7fffffff, xid = get_be32(c->in + at + MARK);
		uint64_t took;

		if (c->in_len - at - MARK < len)
			break;
		took = (now - c->sent_ns[xid % depth]) / BIN_NS;
		bins[MIN(took, (uint64_t)BINS - 1)]++;
		calls++;
		c->sent_ns[xid % depth] = now;
		put_call(&w, xid);
		at += MARK + len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	send_all(c, &w);
}

static uint64_t
cpu_ns(const char *pid)
{
	char path[300];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%s/task", pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		unsigned long long ns;
		FILE *f;

		snprintf(path, sizeof path, "/proc/%s/task/%.20s/schedstat", pid, e->d_name);
		f = fopen(path, "r");
		if (f != NULL && fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		if (f != NULL)
			fclose(f);
	}
	if (d != NULL)
		closedir(d);
	return sum;
}

static double
percentile(double part)
{
	uint64_t seen = 0, all = 0;

	for (uint32_t i = 0; i < BINS; i++)
		all += bins[i];
	for (uint32_t i = 0; i < BINS; i++) {
		seen += bins[i];
		if ((double)seen >= part * (double)all)
			return (i + 0.5) * BIN_NS / 1000.0;
	}
	return 0;
}

static void
dial(uint16_t port, int epfd)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const int one = 1;
	static uint8_t out[DEPTH_MAX * CALL_MAX];

	for (uint32_t i = 0; i < nconns; i++) {
		struct conn *c = xcalloc(1, sizeof *c);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
		struct writer w = writer_of(out, sizeof out);

		c->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
		    epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &e) != 0)
			panic("no connection, errno %d", errno);
		(void)!setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		conns[i] = c;
		for (uint32_t k = 0; k < depth; k++) {
			put_call(&w, k);
			c->sent_ns[k] = clock_mono_ns();
		}
		send_all(c, &w);
	}
}

static void
run(int epfd, double seconds)
{
	uint64_t end = clock_mono_ns() + (uint64_t)(seconds * 1e9);
	struct epoll_event events[EVENTS];

	for (uint32_t k = 0; (k & 63) != 0 || clock_mono_ns() < end; k++) {
		int n = epoll_wait(epfd, events, EVENTS, 1000);

		for (int i = 0; i < n; i++)
			turn(events[i].data.ptr);
	}
}

static bool
read_hex(const char *s)
{
	size_t n = strlen(s);

	if (n % 2 != 0 || n / 2 > sizeof handle)
		return false;
	for (size_t i = 0; i < n / 2; i++) {
		unsigned byte;

		if (sscanf(s + 2 * i, "%2x", &byte) != 1)
			return false;
		handle[i] = (uint8_t)byte;
	}
	handle_len = (uint32_t)(n / 2);
	return true;
}

int
main(int argc, char **argv)
{
	const char *pid = argc > 6 ? argv[6] : "none";
	uint64_t server, own, began;
	int epfd = epoll_create1(0);
	double seconds, took;
	bool known = false;

	if (argc < 6 || argc > 8 || (argc == 8 && !read_hex(argv[7]))) {
		fprintf(stderr, "usage: %s PORT OP CONNS DEPTH SECONDS [PID [HANDLE]]\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (strcmp(ops[i].name, argv[2]) == 0) {
			proc = ops[i].proc;
			known = true;
		}
	nconns = (uint32_t)strtoul(argv[3], NULL, 10);
	depth = (uint32_t)strtoul(argv[4], NULL, 10);
	seconds = strtod(argv[5], NULL);
	if (!known || nconns < 1 || nconns > CONNS_MAX || depth < 1 || depth > DEPTH_MAX)
		return 2;
	dial((uint16_t)strtoul(argv[1], NULL, 10), epfd);
	run(epfd, seconds / 10);	/* warm */
	memset(bins, 0, sizeof bins);
	calls = 0;
	server = cpu_ns(pid);
	own = cpu_ns("self");
	began = clock_mono_ns();
	run(epfd, seconds);
	took = (double)(clock_mono_ns() - began) / 1e9;
	printf("%s %ux%u: %.0f calls/s, p50 %.1f us, p99 %.1f us, server %.0f ns, client %.0f ns\n",
	    argv[2], nconns, depth, (double)calls / took, percentile(0.5), percentile(0.99),
	    (double)(cpu_ns(pid) - server) / (double)calls,
	    (double)(cpu_ns("self") - own) / (double)calls);
	return 0;
}
