/* ONC RPC over TCP: XDR's words, the heads of calls and replies, and calls that are waited for. */
#include "tests/bench/nfsbench/inner.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void
wraw(struct xw *x, const void *p, size_t n)
{
	size_t pad = (4 - n % 4) % 4;

	if (x->n + n + pad > x->cap)
		die("request header too long");
	memcpy(x->b + x->n, p, n);
	memset(x->b + x->n + n, 0, pad);
	x->n += n + pad;
}

void
wopq(struct xw *x, const void *p, size_t n)
{
	w32(x, (uint32_t)n);
	wraw(x, p, n);
}

void
wstr(struct xw *x, const char *s)
{
	wopq(x, s, strlen(s));
}

void
wfh(struct xw *x, const struct fh *f)
{
	wopq(x, f->d, f->n);
}

void
wmode(struct xw *x, uint32_t mode)
{
	W32(x, 1, mode, 0, 0, 0, 0, 0);
}

const uint8_t *
rskip(struct xr *x, size_t n)
{
	size_t m = n + (4 - n % 4) % 4;

	if (x->bad || m > x->len - x->n) {
		x->bad = true;
		return NULL;
	}
	const uint8_t *p = x->b + x->n;
	x->n += m;
	return p;
}

uint32_t
r32(struct xr *x)
{
	const uint8_t *p = rskip(x, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, 4);
	return ntohl(v);
}

uint64_t
r64(struct xr *x)
{
	uint64_t h = r32(x);

	return h << 32 | r32(x);
}

const uint8_t *
ropq(struct xr *x, uint32_t *n)
{
	*n = r32(x);
	return rskip(x, *n);
}

bool
rfh(struct xr *x, struct fh *f)
{
	uint32_t n;
	const uint8_t *p = ropq(x, &n);

	if (!p || n > MAXFH)
		return false;
	f->n = n;
	memcpy(f->d, p, n);
	return true;
}

/* --- calls --- */

int
dial(const char *host, int port)
{
	char ps[12];
	struct addrinfo h = { .ai_socktype = SOCK_STREAM }, *ai, *a;
	int fd = -1, one = 1;

	snprintf(ps, sizeof ps, "%d", port);
	if (getaddrinfo(host, ps, &h, &ai))
		die("cannot resolve %s", host);
	for (a = ai; a; a = a->ai_next) {
		if ((fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
			continue;
		if (cfg.resv && a->ai_family == AF_INET) {
			struct sockaddr_in s = { .sin_family = AF_INET };
			if (bindresvport(fd, &s))
				die("no reserved port: %s", strerror(errno));
		}
		if (!connect(fd, a->ai_addr, a->ai_addrlen))
			break;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	if (fd < 0)
		die("cannot connect to %s:%d: %s", host, port, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

void
rpc_hdr(struct xw *x, uint32_t xid, uint32_t prog, uint32_t vers, uint32_t proc)
{
	W32(x, 0, xid, 0, 2, prog, vers, proc);
	if (proc) {
		W32(x, 1, 28, 0);
		wopq(x, "nfsbench", 8);
		W32(x, cfg.uid, cfg.gid, 0);
	} else {
		W32(x, 0, 0);
	}
	W32(x, 0, 0);
}

void
seal(struct xw *x, size_t extra)
{
	uint32_t m = htonl(0x80000000u | (uint32_t)(x->n - 4 + extra));

	memcpy(x->b, &m, 4);
}

bool
rpc_ok(struct xr *x)
{
	uint32_t n;

	r32(x);
	if (r32(x) != 1 || r32(x) != 0)
		return false;
	r32(x);
	ropq(x, &n);
	return r32(x) == 0 && !x->bad;
}

static uint8_t syncbuf[RBUF];

static void
full(int fd, void *b, size_t n, bool wr)
{
	for (size_t o = 0; o < n;) {
		ssize_t k = wr ? write(fd, (uint8_t *)b + o, n - o) :
				 read(fd, (uint8_t *)b + o, n - o);
		if (k < 0 && (errno == EAGAIN || errno == EINTR)) {
			struct pollfd p = { fd, wr ? POLLOUT : POLLIN, 0 };
			if (poll(&p, 1, 30000) == 0)
				die("server did not answer in 30 s");
			continue;
		}
		if (k <= 0)
			die("connection lost during set-up (%s)",
			    k ? strerror(errno) : "closed by the server");
		o += (size_t)k;
	}
}

struct xr
sync_call(int fd, struct xw *x, const uint8_t *pay, size_t pn)
{
	size_t n = 0;
	uint32_t m;
	static uint8_t z[4];

	seal(x, pn + (4 - pn % 4) % 4);
	full(fd, x->b, x->n, true);
	if (pn) {
		full(fd, (void *)(uintptr_t)pay, pn, true);
		if (pn % 4)
			full(fd, z, 4 - pn % 4, true);
	}
	do {
		full(fd, &m, 4, false);
		m = ntohl(m);
		if (n + (m & 0x7fffffff) > RBUF)
			die("reply too long");
		full(fd, syncbuf + n, m & 0x7fffffff, false);
		n += m & 0x7fffffff;
	} while (!(m & 0x80000000u));
	struct xr r = { syncbuf, 0, n, false };
	if (!rpc_ok(&r))
		die("RPC call was refused by the server");
	return r;
}

int
pmap_port(uint32_t prog, uint32_t vers)
{
	NEWX;
	int fd = dial(cfg.host, 111);

	W32(&x, 0, ++xid_next, 0, 2, 100000, 2, 3, 0, 0, 0, 0, prog, vers, IPPROTO_TCP, 0);
	struct xr r = sync_call(fd, &x, NULL, 0);
	int p = (int)r32(&r);
	close(fd);
	if (!p)
		die("the portmapper knows no port for program %u", prog);
	return p;
}
