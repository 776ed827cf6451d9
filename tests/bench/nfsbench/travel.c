/* How requests and replies travel: queues and records of each connection, and the loop over all. */
#include "tests/bench/nfsbench/inner.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

int ep;

void
push(struct conn *c, struct slot *s)
{
	c->sq[(c->sh + c->sn++) % MAXQ] = (int)(s - c->s);
}

static void
want(struct conn *c, bool w)
{
	if (w == c->wantw)
		return;
	struct epoll_event e = { .events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
	c->wantw = w;
}

/* What is queued as pieces, from the first byte that is not sent; how many bytes they are. */
static size_t
gather(struct conn *c, struct iovec *v, int most, int *kp)
{
	static const uint8_t z[4];
	size_t skip = c->soff, sum = 0;
	int k = 0;

	for (int i = 0; i < c->sn && k + 3 <= most; i++) {
		struct slot *s = &c->s[c->sq[(c->sh + i) % MAXQ]];
		const void *p[3] = { s->hdr, s->pay, z };
		size_t n[3] = { s->hn, s->pn, s->pad };

		for (int j = 0; j < 3; j++) {
			if (skip >= n[j]) {
				skip -= n[j];
				continue;
			}
			v[k].iov_base = (uint8_t *)(uintptr_t)p[j] + skip;
			v[k].iov_len = n[j] - skip;
			sum += v[k++].iov_len;
			skip = 0;
		}
	}
	*kp = k;
	return sum;
}

static void
sent(struct conn *c, size_t bytes)
{
	c->soff += bytes;
	while (c->sn) {
		struct slot *s = &c->s[c->sq[c->sh]];
		size_t len = s->hn + s->pn + s->pad;

		if (c->soff < len)
			break;
		c->soff -= len;
		c->sh = (c->sh + 1) % MAXQ;
		c->sn--;
	}
}

void
flush_out(struct conn *c)
{
	while (c->sn) {
		struct iovec v[48];
		int k;
		size_t sum = gather(c, v, 48, &k);
		ssize_t w = writev(c->fd, v, k);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno != EAGAIN)
			die("write: %s", strerror(errno));
		if (w > 0)
			sent(c, (size_t)w);
		if (w < 0 || (size_t)w < sum) {
			want(c, true);
			return;
		}
	}
	want(c, false);
}

/* The record at o: how long it is, and where the next one begins; false: it is not whole yet.
 * Its fragments are joined in place. */
static bool
record(struct conn *c, size_t o, size_t *lenp, size_t *next)
{
	size_t p = o, len = 0;

	while (c->rn - p >= 4) {
		uint32_t m;
		size_t fl;

		memcpy(&m, c->rb + p, 4);
		m = ntohl(m);
		fl = m & 0x7fffffff;
		if (fl > RBUF - 4)
			die("reply too long");
		if (c->rn - p - 4 < fl)
			break;
		if (p != o)
			memmove(c->rb + o + 4 + len, c->rb + p + 4, fl);
		len += fl;
		p += 4 + fl;
		if (m & 0x80000000u) {
			*lenp = len;
			*next = p;
			return true;
		}
	}
	if (p != o) {		/* what was joined is one fragment now, not the last */
		uint32_t m = htonl((uint32_t)len);

		memcpy(c->rb + o, &m, 4);
		memmove(c->rb + o + 4 + len, c->rb + p, c->rn - p);
		c->rn -= p - (o + 4 + len);
	}
	return false;
}

static void
drain_in(struct conn *c)
{
	for (;;) {
		ssize_t k = read(c->fd, c->rb + c->rn, RBUF - c->rn);
		size_t o = 0, len, next;

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			return;
		if (k < 0)
			die("read: %s", strerror(errno));
		if (k == 0)
			die("the server closed the connection");
		c->rn += (size_t)k;
		for (; record(c, o, &len, &next); o = next)
			reply(c, c->rb + o + 4, len);
		memmove(c->rb, c->rb + o, c->rn - o);
		c->rn -= o;
		if ((size_t)k < 65536)
			return;
	}
}

void
loop_until(uint64_t t, bool drain)
{
	struct epoll_event ev[MAXC];
	uint64_t hard = now_ns() + 60000000000u;

	for (;;) {
		uint64_t n = now_ns();
		if (drain ? run.inflight == 0 : n >= t)
			return;
		if (drain && n > hard)
			die("replies missing after 60 s");
		if (!run.inflight)
			return;
		int k = epoll_wait(ep, ev, MAXC, drain ? 1000 : (int)((t - n) / 1000000 + 1));
		for (int i = 0; i < k; i++) {
			struct conn *c = ev[i].data.ptr;
			if (ev[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
				drain_in(c);
			flush_out(c);
		}
	}
}
