/*
 * Replies.  All connections of a worker write into one slab; a connection's queue cites its
 * parts of it, and the payload, in order.  At the end of a turn each connection that has
 * anything sends it with one call; what the socket does not take waits for it.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { IOVECS = 128, OUT_LEAST = 16, OUT_KEPT = 256 };

static struct slice *
out_at(struct conn *c, uint32_t i)
{
	return &c->out[(c->out_first + i) & (c->out_cap - 1)];
}

static void
grow(struct conn *c)
{
	uint32_t cap = c->out_cap != 0 ? 2 * c->out_cap : OUT_LEAST;
	struct slice *v = xmalloc(cap * sizeof *v);

	for (uint32_t i = 0; i < c->out_n; i++)
		v[i] = *out_at(c, i);
	free(c->out);
	c->out = v;
	c->out_cap = cap;
	c->out_first = 0;
}

/* Takes s's reference. */
static void
push(struct conn *c, struct slice s)
{
	if (c->out_n == c->out_cap)
		grow(c);
	c->out_n++;
	*out_at(c, c->out_n - 1) = s;
	c->out_bytes += s.len;
}

/* Own bytes: if they lie behind the last ones they are one piece. */
static void
push_own(struct conn *c, struct buf *slab, uint8_t *at, uint32_t len)
{
	struct slice *last = c->out_n > 0 ? out_at(c, c->out_n - 1) : NULL;

	if (len == 0)
		return;
	if (last != NULL && last->buf == slab && last->at + last->len == at) {
		last->len += len;
		c->out_bytes += len;
		return;
	}
	push(c, (struct slice){ buf_ref(slab), at, len });
}

static void
drop_cites(struct writer *w)
{
	for (uint32_t i = 0; i < w->ncites; i++)
		slice_put(&w->cites[i].bytes);
	w->ncites = 0;
}

static struct buf *
slab_with_room(struct net_worker *nw, uint32_t room)
{
	if (nw->slab != NULL && atomic_load_explicit(&nw->slab->refs.n, memory_order_acquire) == 1)
		nw->slab_at = 0;
	if (nw->slab != NULL && SLAB_BYTES - nw->slab_at < room)
		buf_put(&nw->slab);
	if (nw->slab == NULL) {
		nw->slab = buf_get(net_pools.slab);
		nw->slab_at = 0;
	}
	return nw->slab;
}

void
conn_reply_begin(struct job *job, struct writer *w)
{
	struct conn *c = job->conn;
	struct net_worker *nw = c->nw;
	struct buf *slab = slab_with_room(nw, c->proto->reply_max);

	nw->on_spare = slab == NULL;
	if (nw->on_spare)
		*w = writer_of(nw->spare->bytes, SLAB_BYTES);
	else
		*w = writer_of(slab->bytes + nw->slab_at, SLAB_BYTES - nw->slab_at);
	w->cites = nw->cites;
	w->cites_max = CITES_MAX;
}

void
conn_reply_cancel(struct job *job, struct writer *w)
{
	(void)job;
	drop_cites(w);
}

/* Own bytes and cites in their order; the cites' references move to the queue. */
static void
queue(struct conn *c, struct writer *w)
{
	struct buf *slab = c->nw->slab;
	uint32_t at = 0;

	for (uint32_t i = 0; i < w->ncites; i++) {
		push_own(c, slab, w->base + at, w->cites[i].at - at);
		at = w->cites[i].at;
		push(c, w->cites[i].bytes);
	}
	push_own(c, slab, w->base + at, w->len - at);
	c->nw->slab_at += w->len;
}

void
conn_reply_end(struct job *job, struct writer *w)
{
	struct conn *c = job->conn;
	struct net_worker *nw = c->nw;

	CHECK(c, CONN_MAGIC);
	if (!writer_ok(w) || nw->on_spare) {
		log_warn("net.reply", F_STR("lost", nw->on_spare ? "no memory" : "too long"),
		    F_U64("conn", c->number));
		drop_cites(w);
		conn_hangup(c, "a reply could not be kept");
		return;
	}
	if (c->phase == CONN_DEAD) {
		drop_cites(w);
		return;
	}
	if (c->udp) {
		udp_send(c, w);
		drop_cites(w);
		return;
	}
	queue(c, w);
	worker_tail(nw->w, &c->flush);
}

/* Let go of the first n bytes of the queue. */
static void
sent(struct conn *c, uint64_t n)
{
	c->out_bytes -= n;
	while (n > 0) {
		struct slice *s = out_at(c, 0);

		if (s->len > n) {
			s->at += n;
			s->len -= (uint32_t)n;
			return;
		}
		n -= s->len;
		slice_put(s);
		c->out_first++;
		c->out_n--;
	}
}

/* One call.  False: the socket takes no more, or is dead, or all is sent. */
static bool
send_some(struct conn *c, uint64_t *budget)
{
	struct iovec iov[IOVECS];
	struct msghdr msg = { .msg_iov = iov };
	uint64_t bytes = 0;
	ssize_t n;

	while (msg.msg_iovlen < IOVECS && msg.msg_iovlen < c->out_n && bytes < *budget) {
		struct slice *s = out_at(c, (uint32_t)msg.msg_iovlen);

		iov[msg.msg_iovlen++] = (struct iovec){ (void *)(uintptr_t)s->at, s->len };
		bytes += s->len;
	}
	do {
		n = sendmsg(c->watch.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			conn_die(c, "send failed");
		else
			c->blocked = true;
		return false;
	}
	meter_add(METER_NET_OUT_BYTES, n);
	sent(c, (uint64_t)n);
	*budget -= MIN(*budget, (uint64_t)n);
	c->blocked_ns = 0;
	c->blocked = (uint64_t)n < bytes || *budget == 0;
	return !c->blocked && c->out_n > 0;
}

/* blocked is also said where only this turn's share is used up: epoll brings it back at once. */
void
outbox_flush(struct conn *c)
{
	bool was_over = c->out_bytes > OUT_BYTES_MAX;
	uint64_t budget = SEND_BYTES;

	if (c->phase == CONN_DEAD || c->blocked || c->out_n == 0)
		return;
	while (send_some(c, &budget))
		;
	if (c->phase == CONN_DEAD)
		return;
	if (c->out_n == 0) {
		c->blocked = false;
		if (c->out_cap > OUT_KEPT) {
			free(TAKE(&c->out));
			c->out_cap = c->out_first = 0;
		}
	}
	if (c->blocked && c->blocked_ns == 0) {
		c->blocked_ns = worker_now_ns(c->nw->w);
		conn_watch_time(c);
	}
	if (was_over && c->out_bytes <= OUT_BYTES_MAX && c->pend.len > 0)
		worker_soon(c->nw->w, &c->soon);
}

void
outbox_drop(struct conn *c)
{
	for (; c->out_n > 0; c->out_n--, c->out_first++)
		slice_put(out_at(c, 0));
	c->out_bytes = 0;
}
