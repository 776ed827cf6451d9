/*
 * Listening.  Every worker has a socket of its own at the same port, the kernel deals out the
 * connections; where that makes one worker's share larger than another's, the newcomer is handed
 * to the worker with the fewest.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPT_TURN = 16, REST_MS = 100 };

struct listener {
	struct list link;
	struct watch watch;
	struct net_worker *nw;
	const struct protocol *proto;
	struct timer rest;		/* out of descriptors: listen again later */
	struct call begin;
};

struct arrival {
	struct call call;
	struct net_worker *nw;
	const struct protocol *proto;
	struct sockaddr_in6 peer;
	int fd;
};

static struct list listeners = { &listeners, &listeners };	/* of the thread that set up */

static void
arrive(struct call *call)
{
	struct arrival *a = container_of(call, struct arrival, call);

	conn_new(a->nw, a->proto, a->fd, &a->peer);
	free(a);
}

/* The count moves at once, so that a burst is dealt out evenly. */
static void
settle_in(struct net_worker *here, const struct protocol *proto, int fd,
    const struct sockaddr_in6 *peer)
{
	struct net_worker *best = here;
	struct arrival *a;

	for (uint32_t i = 0; i < worker_count(); i++) {
		struct net_worker *nw = net_worker_at(i);

		if (atomic_load_explicit(&nw->nconns, memory_order_relaxed) <
		    atomic_load_explicit(&best->nconns, memory_order_relaxed))
			best = nw;
	}
	atomic_fetch_add_explicit(&best->nconns, 1, memory_order_relaxed);
	if (best == here) {
		conn_new(here, proto, fd, peer);
		return;
	}
	a = xcalloc(1, sizeof *a);
	*a = (struct arrival){ .nw = best, .proto = proto, .peer = *peer, .fd = fd };
	a->call.run = arrive;
	worker_call(best->w, &a->call);
}

static void
rest(struct listener *l, int err)
{
	log_warn("net.accept", F_I64("errno", err));
	worker_rewatch(l->nw->w, &l->watch, 0);
	timer_set(l->nw->w, &l->rest, worker_now_ns(l->nw->w) + REST_MS * NS_PER_MS);
}

static void
rested(struct timer *t)
{
	struct listener *l = container_of(t, struct listener, rest);

	worker_rewatch(l->nw->w, &l->watch, EPOLLIN);
}

static void
accept_ready(struct watch *watch, uint32_t events)
{
	struct listener *l = container_of(watch, struct listener, watch);

	(void)events;
	for (int i = 0; i < ACCEPT_TURN; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof from;
		struct sockaddr_in6 peer;
		int fd = accept4(watch->fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)) {
			rest(l, errno);
			return;
		}
		if (fd < 0)
			continue;	/* that one has gone already */
		conn_normal(&peer, &from);
		if (!net_admit(peer.sin6_addr.s6_addr)) {
			close(fd);
			continue;
		}
		meter_add(METER_CONNS_ACCEPTED, 1);
		settle_in(l->nw, l->proto, fd, &peer);
	}
}

static void
begin(struct call *call)
{
	struct listener *l = container_of(call, struct listener, begin);

	worker_watch(l->nw->w, &l->watch, EPOLLIN);
}

static enum status
parse(const char *text, uint16_t port, struct sockaddr_storage *to, socklen_t *len)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };

	memset(to, 0, sizeof *to);
	if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
		memcpy(to, &six, sizeof six);
		*len = sizeof six;
		return OK;
	}
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
		memcpy(to, &four, sizeof four);
		*len = sizeof four;
		return OK;
	}
	return ST_INVAL;
}

static enum status
open_socket(const struct sockaddr_storage *at, socklen_t len, int type, int *fdp)
{
	static const int one = 1, zero = 0;
	enum status st;
	int fd = socket(at->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return status_of_errno(errno);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
	    (at->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) != 0) ||
	    bind(fd, (const struct sockaddr *)at, len) != 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) != 0)) {
		st = errno == EADDRINUSE ? ST_BUSY : status_of_errno(errno);
		close(fd);
		return st;
	}
	*fdp = fd;
	return OK;
}

/* SO_REUSEPORT lets any process of this user share a port, so that two daemons would divide their
 * clients.  A bind without it is refused where anybody listens: that is asked first. */
static enum status
port_free(const struct sockaddr_storage *at, socklen_t len, int type)
{
	static const int one = 1;
	enum status st = OK;
	int fd = socket(at->ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return status_of_errno(errno);
	if ((type == SOCK_STREAM &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) ||
	    (at->ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
	    bind(fd, (const struct sockaddr *)at, len) != 0)
		st = errno == EADDRINUSE ? ST_BUSY : status_of_errno(errno);
	close(fd);
	return st;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage at = { 0 };
	struct sockaddr_in6 normal;
	socklen_t len = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return 0;
	conn_normal(&normal, &at);
	return ntohs(normal.sin6_port);
}

static void
set_port(struct sockaddr_storage *at, uint16_t port)
{
	uint16_t wire = htons(port);
	size_t where = at->ss_family == AF_INET6 ? offsetof(struct sockaddr_in6, sin6_port) :
	    offsetof(struct sockaddr_in, sin_port);

	memcpy((uint8_t *)at + where, &wire, sizeof wire);
}

/* All sockets first, so that it is all or nothing. */
static enum status
listen_at(struct sockaddr_storage *at, socklen_t len, int type, const struct protocol *proto,
    uint16_t *portp)
{
	uint32_t n = worker_count(), i;
	int fds[64];
	enum status st = port_free(at, len, type);
	uint16_t port = 0;

	assert(n > 0 && n <= ARRAY_LEN(fds));
	if (st != OK)
		return st;
	for (i = 0; i < n; i++) {
		st = open_socket(at, len, type, &fds[i]);
		if (st != OK)
			break;
		port = port_of(fds[i]);
		set_port(at, port);
	}
	if (st != OK) {
		while (i-- > 0)
			close(fds[i]);
		return st;
	}
	for (i = 0; i < n; i++) {
		struct listener *l = xcalloc(1, sizeof *l);

		l->nw = net_worker_at(i);
		l->proto = proto;
		l->watch = (struct watch){ type == SOCK_STREAM ? accept_ready : udp_ready, fds[i] };
		timer_init(&l->rest, rested);
		l->begin.run = begin;
		list_push_back(&listeners, &l->link);
		worker_call(l->nw->w, &l->begin);
	}
	*portp = port;
	return OK;
}

static enum status
listen_as(const char *addr, uint16_t port, int type, const struct protocol *proto,
    uint16_t *portp)
{
	struct sockaddr_storage at;
	socklen_t len;
	enum status st;

	if (proto->reply_max > SLAB_BYTES || proto->message_max > BIG_BYTES)
		return ST_INVAL;
	st = parse(addr, port, &at, &len);
	if (st != OK)
		return st;
	return listen_at(&at, len, type, proto, portp);
}

enum status
net_listen(const char *addr, uint16_t port, const struct protocol *proto, uint16_t *portp)
{
	return listen_as(addr, port, SOCK_STREAM, proto, portp);
}

enum status
net_listen_udp(const char *addr, uint16_t port, const struct protocol *proto, uint16_t *portp)
{
	return listen_as(addr, port, SOCK_DGRAM, proto, portp);
}

static void
close_on(struct net_worker *nw, void *arg)
{
	(void)arg;
	LIST_EACH(at, &listeners) {
		struct listener *l = container_of(at, struct listener, link);

		if (l->nw != nw)
			continue;
		worker_unwatch(nw->w, &l->watch);
		timer_cancel(&l->rest);
		close(l->watch.fd);
	}
}

/* One worker after the other, each waited for, so the list is never shared. */
void
listeners_close(void)
{
	struct list *l;

	for (uint32_t i = 0; i < worker_count(); i++)
		net_on_worker(net_worker_at(i), close_on, NULL);
	while ((l = list_pop_front(&listeners)) != NULL)
		free(container_of(l, struct listener, link));
}

/* The protocol of a datagram's socket. */
const struct protocol *
listener_proto(const struct watch *watch, struct net_worker **nwp)
{
	const struct listener *l = container_of((struct watch *)(uintptr_t)watch, struct listener,
	    watch);

	*nwp = l->nw;
	return l->proto;
}
