/*
 * From bytes to messages.  All connections of a worker receive into one pooled buffer, which the
 * messages cite; so many short requests share one, and it is warm.  What is left of a message is
 * copied into a small buffer, so that a connection that waits holds little; a message of 64 KiB
 * or more gets a buffer of its own and the rest of it is received there.
 *
 * Whatever cannot go on now (its turn is over, no credit, no memory) stays as `pend`.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"

#include <errno.h>
#include <sys/socket.h>

enum {
	RX_LEAST = 16 << 10,		/* less room than that: take another buffer */
	HEAD_BYTES = 4 << 10,		/* first read of a connection that sends long messages */
};

enum outcome { ALL_SEEN, HALF_LEFT, TURN_OVER, STALLED, REFUSED };

static struct buf *
buf_fitting(uint32_t bytes)
{
	if (bytes <= SMALL_BYTES)
		return buf_get(net_pools.small);
	return buf_get(bytes <= RX_BYTES ? net_pools.rx : net_pools.big);
}

/* Is all behind rx_at free again?  The count alone tells: only messages refer to it. */
static bool
all_back(const struct buf *b)
{
	return atomic_load_explicit(&b->refs.n, memory_order_acquire) == 1;
}

struct buf *
receive_room(struct net_worker *nw, uint32_t least)
{
	if (nw->rx != NULL && all_back(nw->rx))
		nw->rx_at = 0;
	if (nw->rx != NULL && RX_BYTES - nw->rx_at < least)
		buf_put(&nw->rx);
	if (nw->rx == NULL) {
		nw->rx = buf_get(net_pools.rx);
		nw->rx_at = 0;
	}
	return nw->rx;
}

/* Fragments are copied once into one piece.  False: no buffer for now. */
static bool
join(const struct conn *c, struct slice bytes, const struct frame *f, struct slice *message)
{
	struct buf *b = buf_fitting(f->len);

	if (b == NULL)
		return false;
	c->proto->join(bytes.at, f, b->bytes);
	*message = (struct slice){ b, b->bytes, f->len };
	return true;
}

/* Make a job of the whole message at the front of bytes.  False: no credit or no memory. */
bool
receive_deliver(struct conn *c, struct slice bytes, const struct frame *f)
{
	struct worker *w = c->nw->w;
	struct slice message;
	struct job *job;

	if (!door_take(c, f->len))
		return false;
	if (!f->gather) {
		message = slice_ref(slice_sub(bytes, f->skip, f->len));
	} else if (!join(c, bytes, f, &message)) {
		door_give(c, f->len);
		return false;
	}
	job = job_get(w);
	if (job == NULL) {
		slice_put(&message);
		door_give(c, f->len);
		return false;
	}
	job->protocol = c->proto;
	job->conn = c;
	job->whence = &c->whence;
	job->message = message;
	job->credit_bytes = f->len;
	job->born_ns = c->last_ns = worker_now_ns(w);
	c->messages++;
	job->visited = 1u << FLOOR_NET;
	machine_feed(w, job);
	return true;
}

/* What a protocol says of foreign bytes is checked before it is believed. */
static bool
sane(const struct conn *c, const struct frame *f, enum frame_verdict v, uint32_t have)
{
	if (v == FRAME_MORE)
		return f->need <= BIG_BYTES && (f->need == 0 || f->need > have);
	return f->whole > 0 && f->whole <= have && f->len <= c->proto->message_max &&
	    (f->gather ? c->proto->join != NULL && f->len <= have :
	    f->skip <= f->whole && f->len <= f->whole - f->skip);
}

/* Messages at the front of *in (borrowed) become jobs; *in is what is left. */
static enum outcome
frame_all(struct conn *c, struct slice *in)
{
	while (in->len > 0) {
		struct frame f = { 0 };
		enum frame_verdict v;

		if (c->phase != CONN_OPEN)
			return REFUSED;
		if (in->len < c->need)
			return HALF_LEFT;
		if (c->turn_jobs >= TURN_JOBS || c->turn_bytes >= TURN_BYTES ||
		    c->out_bytes > OUT_BYTES_MAX)
			return TURN_OVER;
		v = c->proto->frame(in->at, in->len, &f);
		if (v == FRAME_REFUSE || !sane(c, &f, v, in->len))
			return REFUSED;
		if (v == FRAME_MORE) {
			c->need = f.need;
			return HALF_LEFT;
		}
		if (!receive_deliver(c, *in, &f))
			return STALLED;
		c->turn_jobs++;
		c->turn_bytes += f.whole;
		c->need = 0;
		c->partial_ns = 0;
		in->at += f.whole;
		in->len -= f.whole;
	}
	return ALL_SEEN;
}

/*
 * Where a message begins in its own buffer.  A long one ends with its payload: it lies so that it
 * ends where a page does, and what is whole pages can go to the disk from where it is.
 */
static uint32_t
begin_at(const struct buf *b, uint32_t need)
{
	uint32_t front = need > RX_BYTES ? (BIG_ALIGN - need % BIG_ALIGN) % BIG_ALIGN : 0;

	return need <= b->size && front <= b->size - need ? front : 0;
}

/* Copy a half message to a buffer that fits it.  False: there is none for now. */
static bool
keep_half(struct conn *c, struct slice half)
{
	uint32_t size = c->need != 0 ? c->need : MIN(2 * half.len, BIG_BYTES);
	struct buf *b;

	if (half.len >= BIG_BYTES)
		return false;
	b = buf_fitting(size);
	if (b == NULL)
		return false;
	c->part = b;
	c->part_at = begin_at(b, c->need);
	memcpy(b->bytes + c->part_at, half.at, half.len);
	c->part_len = half.len;
	if (c->need > RX_BYTES)
		c->long_ones = true;
	if (c->partial_ns == 0) {
		c->partial_ns = worker_now_ns(c->nw->w);
		conn_watch_time(c);
	}
	return true;
}

/* Look at `in`, which the caller holds; what must wait is kept with a reference of its own. */
static void
digest(struct conn *c, struct slice in)
{
	enum outcome o = frame_all(c, &in);

	if (o == HALF_LEFT && c->eof)
		o = ALL_SEEN;		/* the other half will not come */
	if (o == HALF_LEFT && !keep_half(c, in))
		o = in.len < BIG_BYTES ? STALLED : REFUSED;
	switch (o) {
	case ALL_SEEN:
	case HALF_LEFT:
		return;
	case REFUSED:
		meter_add(METER_MALFORMED, c->phase == CONN_OPEN);
		conn_hangup(c, "not of this protocol");
		return;
	case TURN_OVER:
		c->pend = slice_ref(in);
		if (c->out_bytes <= OUT_BYTES_MAX)
			worker_soon(c->nw->w, &c->soon);
		return;
	case STALLED:
		c->pend = slice_ref(in);
		conn_stall(c);
		return;
	}
}

static void
turn_begins(struct conn *c)
{
	c->turn_jobs = c->turn_bytes = 0;
}

void
receive_pending(struct conn *c)
{
	struct slice in = c->pend;

	if (c->phase != CONN_OPEN || in.len == 0 || c->full)
		return;
	turn_begins(c);
	c->pend = slice_of(NULL, 0);
	digest(c, in);
	slice_put(&in);
}

/* One recv; false: nothing came, and the connection may be at its end. */
static bool
get_bytes(struct conn *c, uint8_t *to, uint32_t room, uint32_t *got)
{
	ssize_t n;

	do {
		n = recv(c->watch.fd, to, MIN(room, TURN_BYTES), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (uint32_t)n;
		meter_add(METER_NET_IN_BYTES, n);
		return true;
	}
	if (n == 0) {
		c->eof = true;
		buf_put(&c->part);
		c->partial_ns = 0;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		conn_die(c, "receive failed");
	}
	return false;
}

/* The rest of a longer message goes straight to where it stays. */
static void
receive_part(struct conn *c)
{
	struct buf *b = c->part;
	uint32_t end = c->need != 0 ? c->need : b->size, got;
	struct slice in;

	if (!get_bytes(c, b->bytes + c->part_at + c->part_len, end - c->part_len, &got))
		return;
	c->part_len += got;
	if (c->need != 0 && c->part_len < c->need)
		return;
	in = (struct slice){ b, b->bytes + c->part_at, c->part_len };
	c->part = NULL;
	digest(c, in);
	buf_put(&b);
}

/* A small half message is put in front of what comes: a copy of 4 KiB at most. */
static void
receive_shared(struct conn *c)
{
	struct net_worker *nw = c->nw;
	uint32_t had = c->part != NULL ? c->part_len : 0, room, got;
	struct buf *rx = receive_room(nw, RX_LEAST);
	struct slice in;
	uint8_t *at;

	if (rx == NULL) {
		conn_stall(c);
		return;
	}
	at = rx->bytes + nw->rx_at;
	room = RX_BYTES - nw->rx_at - had;
	if (c->long_ones)
		room = HEAD_BYTES;
	if (!get_bytes(c, at + had, room, &got))
		return;
	if (had > 0) {
		memcpy(at, c->part->bytes + c->part_at, had);
		buf_put(&c->part);
	}
	c->long_ones = false;
	in = (struct slice){ rx, at, had + got }; /* borrowed: the worker holds rx meanwhile */
	nw->rx_at += in.len;
	digest(c, in);
}

void
receive_ready(struct conn *c)
{
	if (!conn_may_read(c) || c->pend.len > 0)
		return;
	turn_begins(c);
	if (c->part != NULL && (c->part->size > SMALL_BYTES || c->part_len == SMALL_BYTES))
		receive_part(c);
	else
		receive_shared(c);
}
