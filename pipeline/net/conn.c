/*
 * A connection's life.  It is open, then closing or dead, and freed when the last of its jobs
 * has come back; that is decided at the end of a turn only, so nobody finds it freed under his
 * hands.  What epoll is asked for follows from what the connection is ready for.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { KEEP_IDLE_S = 60, KEEP_EVERY_S = 15, KEEP_TRIES = 4 };

struct worker *conn_home(const struct conn *c) { return c->nw->w; }
const uint8_t *conn_peer_addr(const struct conn *c) { return c->whence.addr; }
uint16_t conn_peer_port(const struct conn *c) { return c->whence.port; }
uint64_t conn_number(const struct conn *c) { return c->whence.conn; }
void *conn_state(const struct conn *c) { return c->state; }
void conn_set_state(struct conn *c, void *state) { c->state = state; }

void
conn_saw(struct conn *c, uint32_t version, const struct claim *claim)
{
	c->version = version;
	c->uid = claim->uid;
	c->flavour = claim->flavour;
}

/* IPv6, IPv4 mapped into it. */
void
conn_normal(struct sockaddr_in6 *to, const struct sockaddr_storage *from)
{
	memset(to, 0, sizeof *to);
	if (from->ss_family == AF_INET6) {
		memcpy(to, from, sizeof *to);
	} else {
		struct sockaddr_in in;

		memcpy(&in, from, sizeof in);
		to->sin6_family = AF_INET6;
		to->sin6_port = in.sin_port;
		to->sin6_addr.s6_addr[10] = to->sin6_addr.s6_addr[11] = 0xff;
		memcpy(&to->sin6_addr.s6_addr[12], &in.sin_addr, 4);
	}
}

bool
conn_may_read(const struct conn *c)
{
	return c->phase == CONN_OPEN && !c->eof && !c->full && list_empty(&c->stall_link) &&
	    c->out_bytes <= OUT_BYTES_MAX && !(c->blocked &&
	    buf_pool_used(net_pools.slab) > buf_pool_count(net_pools.slab) / 2);
}

static void
ready(struct watch *watch, uint32_t events)
{
	struct conn *c = container_of(watch, struct conn, watch);

	if (events & EPOLLOUT) {
		c->blocked = false;
		c->blocked_ns = 0;
		outbox_flush(c);
	}
	if ((events & EPOLLIN) && conn_may_read(c) && c->pend.len == 0)
		receive_ready(c);
	else if (events & (EPOLLERR | EPOLLHUP))
		conn_die(c, "reset by peer");
	conn_settle(c);
}

static void
run_flush(struct tail *tail)
{
	struct conn *c = container_of(tail, struct conn, flush);

	outbox_flush(c);
	conn_settle(c);
}

static void
run_soon(struct tail *tail)
{
	struct conn *c = container_of(tail, struct conn, soon);

	receive_pending(c);
	conn_settle(c);
}

/* One timer for both kinds of slowness, set for the earlier deadline, looked at when it fires:
 * what has ended meanwhile costs nothing. */
static void
time_passed(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);
	uint64_t now = worker_now_ns(c->nw->w), limit = net_conf.idle_partial_s * NS_PER_S;

	if (c->phase == CONN_DEAD)
		return;
	if (c->partial_ns != 0 && now - c->partial_ns >= limit)
		conn_die(c, "half a message or an end, for too long");
	else if (c->blocked_ns != 0 && now - c->blocked_ns >= limit)
		conn_die(c, "replies are not read");
	else
		conn_watch_time(c);
	conn_settle(c);
}

void
conn_watch_time(struct conn *c)
{
	uint64_t since = c->partial_ns;

	if (since == 0 || (c->blocked_ns != 0 && c->blocked_ns < since))
		since = c->blocked_ns;
	if (since != 0 && list_empty(&c->timer.link))
		timer_set(c->nw->w, &c->timer, since + net_conf.idle_partial_s * NS_PER_S);
}

static struct conn *
make(struct net_worker *nw, const struct protocol *proto, int fd, const struct sockaddr_in6 *peer)
{
	struct conn *c = xcalloc(1, sizeof *c);

	c->magic = CONN_MAGIC;
	c->nw = nw;
	c->proto = proto;
	c->watch = (struct watch){ ready, fd };
	c->since_ns = c->last_ns = worker_now_ns(nw->w);
	c->whence.conn = net_number();
	memcpy(c->whence.addr, &peer->sin6_addr, sizeof c->whence.addr);
	c->whence.port = ntohs(peer->sin6_port);
	c->to = *peer;
	list_init(&c->stall_link);
	tail_init(&c->flush, run_flush);
	tail_init(&c->soon, run_soon);
	timer_init(&c->timer, time_passed);
	list_push_back(&nw->conns, &c->link);
	return c;
}

static void
set_options(int fd)
{
	static const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_TRIES },
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)	/* each is a help, none a need */
		(void)!setsockopt(fd, options[i].level, options[i].name, &options[i].value,
		    sizeof options[i].value);
}

/* Takes the socket, and the place that net_admit gave. */
struct conn *
conn_new(struct net_worker *nw, const struct protocol *proto, int fd,
    const struct sockaddr_in6 *peer)
{
	struct conn *c = make(nw, proto, fd, peer);

	set_options(fd);
	c->events = EPOLLIN;
	worker_watch(nw->w, &c->watch, c->events);
	meter_add(METER_CONNS, 1);
	if (proto->greet != NULL)
		proto->greet(c);
	return c;
}

/* For one datagram; the socket is the listener's. */
struct conn *
conn_new_udp(struct net_worker *nw, const struct protocol *proto, int fd,
    const struct sockaddr_in6 *peer)
{
	struct conn *c = make(nw, proto, fd, peer);

	c->udp = true;
	net_admit_datagram();
	return c;
}

void
conn_die(struct conn *c, const char *why)
{
	CHECK(c, CONN_MAGIC);
	if (c->phase == CONN_DEAD)
		return;
	log_debug("net.close", F_U64("conn", c->whence.conn), F_STR("why", c->why ? c->why : why),
	    F_U64("jobs", c->jobs));
	c->phase = CONN_DEAD;
	if (!c->udp) {
		worker_unwatch(c->nw->w, &c->watch);
		close(c->watch.fd);
	}
	slice_put(&c->pend);
	buf_put(&c->part);
	outbox_drop(c);
	list_remove(&c->stall_link);
	tail_cancel(&c->soon);
	timer_cancel(&c->timer);
	worker_tail(c->nw->w, &c->flush);
}

void
conn_hangup(struct conn *c, const char *why)
{
	CHECK(c, CONN_MAGIC);
	if (c->phase != CONN_OPEN)
		return;
	c->phase = CONN_CLOSING;
	c->why = why;
	slice_put(&c->pend);
	list_remove(&c->stall_link);
	c->partial_ns = worker_now_ns(c->nw->w);	/* it may take so long, not for ever */
	conn_watch_time(c);
	worker_tail(c->nw->w, &c->flush);
}

static void
end(struct conn *c)
{
	uint8_t addr[16];

	if (!c->udp) {
		if (c->proto->farewell != NULL)
			c->proto->farewell(c);
		meter_add(METER_CONNS, -1);
	}
	memcpy(addr, c->whence.addr, sizeof addr);
	list_remove(&c->link);
	tail_cancel(&c->flush);
	tail_cancel(&c->soon);
	if (!c->udp)
		atomic_fetch_sub_explicit(&c->nw->nconns, 1, memory_order_relaxed);
	free(c->out);
	c->magic = 0;
	net_left(c->udp ? NULL : addr);
	free(c);
}

/* Only called where the caller does not touch the connection any more. */
void
conn_settle(struct conn *c)
{
	uint32_t want = 0;

	if (c->phase == CONN_CLOSING && c->jobs == 0 && c->out_n == 0)
		conn_die(c, c->why);
	if (c->phase == CONN_OPEN && c->eof && c->jobs == 0 && c->out_n == 0 && c->pend.len == 0)
		conn_die(c, "closed by peer");
	if (c->phase == CONN_DEAD) {
		if (c->jobs == 0)
			end(c);
		return;
	}
	if (conn_may_read(c))
		want |= EPOLLIN;
	if (c->blocked)
		want |= EPOLLOUT;
	if (want != c->events) {
		c->events = want;
		worker_rewatch(c->nw->w, &c->watch, want);
	}
}

/* --- waiting for credit --- */

void
conn_stall(struct conn *c)
{
	struct net_worker *nw = c->nw;

	meter_add(METER_NET_STALLS, 1);
	if (c->full)			/* its own jobs will bring it back */
		return;
	if (list_empty(&c->stall_link))
		list_push_back(&nw->stalled, &c->stall_link);
	if (list_empty(&nw->retry.link))
		timer_set(nw->w, &nw->retry, worker_now_ns(nw->w) + RETRY_MS * NS_PER_MS);
}

/* Let them try in the order they came, until one stalls again. */
void
net_resume(struct net_worker *nw)
{
	struct list *l;

	while ((l = list_pop_front(&nw->stalled)) != NULL) {
		struct conn *c = container_of(l, struct conn, stall_link);
		bool again;

		receive_pending(c);
		again = !list_empty(&c->stall_link);
		if (again) {		/* it keeps its place */
			list_remove(&c->stall_link);
			list_push_front(&nw->stalled, &c->stall_link);
		}
		conn_settle(c);
		if (again)
			break;
	}
	if (!list_empty(&nw->stalled) && list_empty(&nw->retry.link))
		timer_set(nw->w, &nw->retry, worker_now_ns(nw->w) + RETRY_MS * NS_PER_MS);
}

/* A job has come back, with its credits. */
void
conn_job_over(struct conn *c, uint32_t bytes)
{
	struct net_worker *nw = c->nw;

	door_give(c, bytes);
	if (c->full && (c->jobs <= net_conf.conn_jobs / 2 || c->jobs == 0)) {
		c->full = false;
		worker_soon(nw->w, &c->soon);
	}
	if (!list_empty(&nw->stalled))
		worker_soon(nw->w, &nw->resume);
	if (c->udp && c->jobs == 0)
		conn_die(c, "answered");
	if (c->jobs == 0 && (c->phase != CONN_OPEN || c->eof))
		worker_tail(nw->w, &c->flush);
}
