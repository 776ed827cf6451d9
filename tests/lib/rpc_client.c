/*
 * The RPC client of the tests: codec first, then records, then calls.
 */
#include "tests/lib/rpc_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void
enc_room(struct enc *e, size_t more)
{
	if (e->len + more <= e->room)
		return;
	e->room = (e->len + more) * 2 + 256;
	e->bytes = realloc(e->bytes, e->room);
	if (e->bytes == NULL)
		abort();
}

void
enc_free(struct enc *e)
{
	free(e->bytes);
	*e = (struct enc){ 0 };
}

void
enc_u32(struct enc *e, uint32_t value)
{
	enc_room(e, 4);
	for (int shift = 24; shift >= 0; shift -= 8)
		e->bytes[e->len++] = (uint8_t)(value >> shift);
}

void
enc_u64(struct enc *e, uint64_t value)
{
	enc_u32(e, (uint32_t)(value >> 32));
	enc_u32(e, (uint32_t)value);
}

void
enc_raw(struct enc *e, const void *bytes, size_t len)
{
	enc_room(e, len + 3);
	if (len > 0)
		memcpy(e->bytes + e->len, bytes, len);
	e->len += len;
	while (len++ % 4 != 0)
		e->bytes[e->len++] = 0;
}

void
enc_opaque(struct enc *e, const void *bytes, size_t len)
{
	enc_u32(e, (uint32_t)len);
	enc_raw(e, bytes, len);
}

void
enc_string(struct enc *e, const char *text)
{
	enc_opaque(e, text, strlen(text));
}

uint32_t
dec_u32(struct dec *d)
{
	uint32_t value = 0;

	if (d->bad || d->len - d->at < 4) {
		d->bad = true;
		return 0;
	}
	for (int i = 0; i < 4; i++)
		value = value << 8 | d->bytes[d->at++];
	return value;
}

uint64_t
dec_u64(struct dec *d)
{
	uint64_t high = dec_u32(d);

	return high << 32 | dec_u32(d);
}

bool
dec_bool(struct dec *d)
{
	uint32_t value = dec_u32(d);

	if (value > 1)
		d->bad = true;
	return value == 1;
}

const uint8_t *
dec_raw(struct dec *d, size_t len)
{
	size_t padded = len + (4 - len % 4) % 4;
	const uint8_t *at = d->bytes + d->at;

	if (d->bad || d->len - d->at < padded) {
		d->bad = true;
		return NULL;
	}
	for (size_t i = len; i < padded; i++)
		if (at[i] != 0)
			d->bad = true;
	d->at += padded;
	return at;
}

const uint8_t *
dec_opaque(struct dec *d, size_t max, uint32_t *lenp)
{
	uint32_t len = dec_u32(d);

	if (len > max)
		d->bad = true;
	*lenp = d->bad ? 0 : len;
	return dec_raw(d, *lenp);
}

bool
dec_done(const struct dec *d)
{
	return !d->bad && d->at == d->len;
}

/* Take the source's address, any port; true without a source. */
static bool
bind_from(int fd, const char *source)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *a;
	bool ok;

	if (source == NULL)
		return true;
	if (getaddrinfo(source, NULL, &hints, &a) != 0)
		return false;
	ok = bind(fd, a->ai_addr, a->ai_addrlen) == 0;
	freeaddrinfo(a);
	return ok;
}

struct rpc_conn *
rpc_dial(const char *host, int port)
{
	return rpc_dial_from(NULL, host, port);
}

struct rpc_conn *
rpc_dial_from(const char *source, const char *host, int port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	struct rpc_conn *conn;
	char service[12];
	int fd = -1, one = 1;

	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &list) != 0) {
		errno = EHOSTUNREACH;
		return NULL;
	}
	for (a = list; a != NULL; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && bind_from(fd, source) && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd < 0)
		return NULL;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	conn = calloc(1, sizeof *conn);
	if (conn == NULL)
		abort();
	conn->fd = fd;
	conn->wait_ms = 30000;
	conn->xid_next = (uint32_t)getpid() << 16 ^ (uint32_t)time(NULL) << 8 ^ (uint32_t)fd << 20;
	return conn;
}

void
rpc_hangup(struct rpc_conn *conn)
{
	if (conn == NULL)
		return;
	for (size_t i = 0; i < conn->stashed; i++)
		free(conn->stash[i].bytes);
	close(conn->fd);
	free(conn);
}

bool
rpc_send_raw(struct rpc_conn *conn, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t sent = send(conn->fd, at, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		len -= (size_t)sent;
	}
	return true;
}

bool
rpc_send_record(struct rpc_conn *conn, const void *bytes, size_t len)
{
	size_t piece_max = conn->fragment_max ? conn->fragment_max : len;
	const uint8_t *at = bytes;
	struct enc e = { 0 };
	bool ok;

	do {
		size_t piece = len < piece_max ? len : piece_max;

		len -= piece;
		enc_u32(&e, (uint32_t)piece | (len == 0 ? 0x80000000u : 0));
		enc_room(&e, piece);
		memcpy(e.bytes + e.len, at, piece);
		e.len += piece;
		at += piece;
	} while (len > 0);
	ok = rpc_send_raw(conn, e.bytes, e.len);
	enc_free(&e);
	return ok;
}

/* What has come by now, waiting for some; 0: lost, or nothing within wait_ms. */
static size_t
recv_some(struct rpc_conn *conn, uint8_t *into, size_t len)
{
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	ssize_t got;
	int ready;

	do
		ready = poll(&p, 1, conn->wait_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return 0;
	do
		got = recv(conn->fd, into, len, 0);
	while (got < 0 && errno == EINTR);
	return got > 0 ? (size_t)got : 0;
}

/* Most replies are short: mark and record come in one call, so that who measures a server does not
 * measure the client. */
static bool
recv_full(struct rpc_conn *conn, uint8_t *into, size_t len)
{
	while (len > 0) {
		size_t got = conn->ahead_end - conn->ahead_at;

		if (got > 0) {
			got = got < len ? got : len;
			memcpy(into, conn->ahead + conn->ahead_at, got);
			conn->ahead_at += got;
		} else if (len >= sizeof conn->ahead) {
			got = recv_some(conn, into, len);
		} else {
			conn->ahead_at = 0;
			conn->ahead_end = recv_some(conn, conn->ahead, sizeof conn->ahead);
			if (conn->ahead_end == 0)
				return false;
			continue;
		}
		if (got == 0)
			return false;
		into += got;
		len -= got;
	}
	return true;
}

bool
rpc_recv_record(struct rpc_conn *conn, uint8_t **bytesp, size_t *lenp)
{
	struct enc e = { 0 };
	uint32_t mark;

	do {
		uint8_t word[4];
		struct dec d = { .bytes = word, .len = 4 };

		if (!recv_full(conn, word, 4))
			goto lost;
		mark = dec_u32(&d);
		if (e.len + (mark & 0x7fffffff) > RPC_RECORD_MAX)
			goto lost;
		enc_room(&e, (mark & 0x7fffffff) + 1);
		if (!recv_full(conn, e.bytes + e.len, mark & 0x7fffffff))
			goto lost;
		e.len += mark & 0x7fffffff;
	} while (!(mark & 0x80000000u));
	*bytesp = e.bytes;
	*lenp = e.len;
	return true;
lost:
	enc_free(&e);
	return false;
}

bool
rpc_closed(struct rpc_conn *conn)
{
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	uint8_t byte;

	if (conn->ahead_at < conn->ahead_end)
		return false;
	if (poll(&p, 1, conn->wait_ms) <= 0)
		return false;
	return recv(conn->fd, &byte, 1, 0) <= 0;
}

static void
enc_cred(struct enc *e, const struct rpc_cred *cred)
{
	struct enc body = { 0 };

	enc_u32(e, cred->flavor);
	if (cred->raw != NULL) {
		enc_opaque(e, cred->raw, cred->raw_len);
		return;
	}
	if (cred->flavor == RPC_AUTH_SYS) {
		enc_u32(&body, cred->stamp);
		enc_string(&body, cred->machine ? cred->machine : "test");
		enc_u32(&body, cred->uid);
		enc_u32(&body, cred->gid);
		enc_u32(&body, cred->gid_count);
		for (uint32_t i = 0; i < cred->gid_count; i++)
			enc_u32(&body, cred->gids[i]);
	}
	enc_opaque(e, body.bytes, body.len);
	enc_free(&body);
}

void
rpc_begin(struct enc *e, uint32_t xid, const struct rpc_cred *cred, uint32_t prog, uint32_t vers,
    uint32_t proc)
{
	enc_u32(e, xid);
	enc_u32(e, RPC_CALL);
	enc_u32(e, RPC_VERSION);
	enc_u32(e, prog);
	enc_u32(e, vers);
	enc_u32(e, proc);
	enc_cred(e, cred);
	enc_u32(e, RPC_AUTH_NONE);
	enc_u32(e, 0);
}

bool
rpc_reply_of(uint8_t *bytes, size_t len, struct rpc_reply *r)
{
	struct dec d = { .bytes = bytes, .len = len };

	*r = (struct rpc_reply){ .bytes = bytes, .len = len };
	r->xid = dec_u32(&d);
	if (dec_u32(&d) != RPC_REPLY)
		d.bad = true;
	r->state = dec_u32(&d);
	if (r->state == RPC_ACCEPTED) {
		r->verf_flavor = dec_u32(&d);
		dec_opaque(&d, 400, &r->verf_len);
		r->accept = dec_u32(&d);
		if (r->accept == RPC_PROG_MISMATCH)
			r->low = dec_u32(&d), r->high = dec_u32(&d);
		if (r->accept > RPC_SYSTEM_ERR)
			d.bad = true;
	} else if (r->state == RPC_DENIED) {
		r->reject = dec_u32(&d);
		if (r->reject == RPC_RPC_MISMATCH)
			r->low = dec_u32(&d), r->high = dec_u32(&d);
		else
			r->auth = dec_u32(&d);
		if (r->reject > RPC_AUTH_ERROR)
			d.bad = true;
	} else {
		d.bad = true;
	}
	if ((r->state != RPC_ACCEPTED || r->accept != RPC_SUCCESS) && d.at != d.len)
		d.bad = true;		/* an error has no body */
	r->body = d;
	if (d.bad)
		rpc_reply_free(r);
	return !d.bad;
}

bool
rpc_recv(struct rpc_conn *conn, struct rpc_reply *reply)
{
	uint8_t *bytes;
	size_t len;

	if (conn->stashed > 0) {
		conn->stashed--;
		return rpc_reply_of(conn->stash[conn->stashed].bytes,
		    conn->stash[conn->stashed].len, reply);
	}
	return rpc_recv_record(conn, &bytes, &len) && rpc_reply_of(bytes, len, reply);
}

bool
rpc_wait(struct rpc_conn *conn, uint32_t xid, struct rpc_reply *reply)
{
	uint8_t *bytes;
	size_t len;

	for (size_t i = 0; i < conn->stashed; i++) {
		if (conn->stash[i].xid != xid)
			continue;
		bytes = conn->stash[i].bytes;
		len = conn->stash[i].len;
		conn->stash[i] = conn->stash[--conn->stashed];
		return rpc_reply_of(bytes, len, reply);
	}
	while (rpc_recv_record(conn, &bytes, &len)) {
		struct dec d = { .bytes = bytes, .len = len };
		uint32_t got = dec_u32(&d);

		if (got == xid)
			return rpc_reply_of(bytes, len, reply);
		if (conn->stashed == RPC_STASH_MAX) {
			free(bytes);
			return false;
		}
		conn->stash[conn->stashed].bytes = bytes;
		conn->stash[conn->stashed].len = len;
		conn->stash[conn->stashed++].xid = got;
	}
	return false;
}

void
rpc_reply_free(struct rpc_reply *reply)
{
	free(reply->bytes);
	reply->bytes = NULL;
}

bool
rpc_exchange(struct rpc_conn *conn, struct enc *call, struct rpc_reply *reply)
{
	struct dec d = { .bytes = call->bytes, .len = call->len };
	uint32_t xid = dec_u32(&d);
	bool ok = rpc_send_record(conn, call->bytes, call->len);

	enc_free(call);
	return ok && rpc_wait(conn, xid, reply);
}
