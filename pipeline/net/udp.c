/*
 * Datagrams, one message each: a connection that lives for one request.  Meant for the
 * portmapper; a datagram that finds no credit is dropped, its sender asks again.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/meter.h"

#include <errno.h>
#include <sys/uio.h>

enum { DATAGRAM_MAX = 8 << 10, DATAGRAMS_TURN = 32, IOVECS = 64 };

static bool
receive_one(int fd, struct net_worker *nw, const struct protocol *proto)
{
	struct buf *rx = receive_room(nw, DATAGRAM_MAX);
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof from;
	struct sockaddr_in6 peer;
	struct frame f = { 0 };
	struct slice in;
	struct conn *c;
	uint8_t none;
	ssize_t n;

	if (rx == NULL)			/* it must be taken off the socket all the same */
		return recv(fd, &none, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0;
	n = recvfrom(fd, rx->bytes + nw->rx_at, DATAGRAM_MAX, MSG_DONTWAIT | MSG_TRUNC,
	    (struct sockaddr *)&from, &len);
	if (n < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	meter_add(METER_NET_IN_BYTES, n);
	if (n == 0 || n > DATAGRAM_MAX || (uint32_t)n > proto->message_max) {
		meter_add(METER_MALFORMED, 1);
		return true;
	}
	conn_normal(&peer, &from);
	in = (struct slice){ buf_ref(rx), rx->bytes + nw->rx_at, (uint32_t)n };
	nw->rx_at += (uint32_t)n;
	f.len = f.whole = in.len;
	c = conn_new_udp(nw, proto, fd, &peer);
	if (!receive_deliver(c, in, &f))
		conn_die(c, "no credit");
	slice_put(&in);
	return true;
}

void
udp_ready(struct watch *watch, uint32_t events)
{
	struct net_worker *nw;
	const struct protocol *proto = listener_proto(watch, &nw);

	(void)events;
	for (int i = 0; i < DATAGRAMS_TURN; i++)
		if (!receive_one(watch->fd, nw, proto))
			break;
}

/* At once: there is nothing to coalesce with.  What cannot be sent is lost, as datagrams are. */
void
udp_send(struct conn *c, struct writer *w)
{
	struct iovec iov[IOVECS];
	struct msghdr msg = { .msg_name = &c->to, .msg_namelen = sizeof c->to, .msg_iov = iov };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = c->to.sin6_port };
	struct sockaddr_storage mine;
	socklen_t len = sizeof mine;
	uint32_t at = 0;
	ssize_t n;

	if (2 * (size_t)w->ncites + 1 > IOVECS)
		return;
	for (uint32_t i = 0; i < w->ncites; i++) {
		iov[msg.msg_iovlen++] = (struct iovec){ w->base + at, w->cites[i].at - at };
		at = w->cites[i].at;
		iov[msg.msg_iovlen++] = (struct iovec){
			(void *)(uintptr_t)w->cites[i].bytes.at, w->cites[i].bytes.len,
		};
	}
	iov[msg.msg_iovlen++] = (struct iovec){ w->base + at, w->len - at };
	if (getsockname(c->watch.fd, (struct sockaddr *)&mine, &len) == 0 &&
	    mine.ss_family == AF_INET) {
		memcpy(&four.sin_addr, &c->to.sin6_addr.s6_addr[12], 4);
		msg.msg_name = &four;
		msg.msg_namelen = sizeof four;
	}
	n = sendmsg(c->watch.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		meter_add(METER_NET_OUT_BYTES, n);
}
