/*
 * The toy protocol, its stages, and a blocking client.
 */
#include "tests/unit/pipeline/net/echo.h"

#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/thread.h"
#include "pipeline/decode/decode.h"
#include "pipeline/net/conn.h"
#include "pipeline/net/inner.h"
#include "pipeline/stage/park.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AGAINS = 3, MESSAGE_MAX = 1 << 20 };

_Atomic uint64_t echo_greeted, echo_left, echo_finished, echo_held, echo_long, echo_astride;

static struct mutex mutex;
static struct cond some;
static struct list parked;
static bool hold, stopping;
static struct thread waker;
static struct buf *kept;

static enum frame_verdict
frame(const uint8_t *bytes, uint32_t have, struct frame *f)
{
	uint32_t len;

	if (have < 4)
		return FRAME_MORE;
	len = get_be32(bytes);
	if (len & ECHO_MORE) {		/* pieces, the last one without that bit */
		uint32_t at = 0;

		f->gather = true;
		do {
			if (have - at < 4)
				return FRAME_MORE;
			len = get_be32(bytes + at);
			at += 4 + (len & ~ECHO_MORE);
			f->len += len & ~ECHO_MORE;
			if (f->len > MESSAGE_MAX)
				return FRAME_REFUSE;
			if (at > have)
				return FRAME_MORE;
		} while (len & ECHO_MORE);
		f->whole = at;
		return FRAME_WHOLE;
	}
	if (len == 0 || len > MESSAGE_MAX)
		return FRAME_REFUSE;
	f->skip = 4;
	f->len = len;
	f->whole = f->need = 4 + len;
	return have < f->need ? FRAME_MORE : FRAME_WHOLE;
}

static void
join(const uint8_t *bytes, const struct frame *f, uint8_t *to)
{
	for (uint32_t at = 0; at < f->whole; ) {
		uint32_t len = get_be32(bytes + at) & ~ECHO_MORE;

		memcpy(to, bytes + at + 4, len);
		to += len;
		at += 4 + len;
	}
}

static enum decoded
decode(struct job *job)
{
	uint32_t *again = arena_zalloc(&job->arena, sizeof *again);

	job->wire = again;
	if (job->message.len >= 64 << 10) {
		atomic_fetch_add(&echo_long, 1);
		atomic_fetch_add(&echo_astride,
		    (uintptr_t)(job->message.at + job->message.len) % 4096 != 0);
	}
	switch (job->message.at[0]) {
	case 'd':
		return DECODED_REPLY;
	case 's':
		return DECODED_SILENCE;
	case 'h':
		return DECODED_HANGUP;
	case 'a':
		*again = AGAINS;
	}
	return DECODED_OP;
}

static enum encoded
encode(struct job *job, struct writer *w)
{
	uint32_t *again = job->wire;

	if (*again > 0) {
		(*again)--;
		return ENCODED_AGAIN;
	}
	write_be32(w, job->message.len);
	if (job->message.at[0] == 'c')
		writer_cite(w, job->message);
	else
		write_bytes(w, job->message.at, job->message.len);
	return ENCODED_REPLY;
}

static void
finish(struct job *job)
{
	(void)job;
	atomic_fetch_add(&echo_finished, 1);
}

static void
greet(struct conn *c)
{
	conn_set_state(c, &echo_greeted);
	atomic_fetch_add(&echo_greeted, 1);
}

static void
farewell(struct conn *c)
{
	if (conn_state(c) == &echo_greeted)
		atomic_fetch_add(&echo_left, 1);
}

const struct protocol echo_protocol = {
	.name = "echo", .message_max = MESSAGE_MAX, .reply_max = 16 << 10, .frame = frame,
	.join = join, .decode = decode, .encode = encode, .finish = finish, .greet = greet,
	.farewell = farewell,
};

static enum turn
down(struct job *job)
{
	char what = (char)job->message.at[0];

	if (what == 'w' && !stage_may_wait(job))
		return TURN_POOL;
	if (what == 'p' && job->vfs == NULL) {
		job->vfs = job;
		mutex_lock(&mutex);
		park_begin(job, 0, NULL);
		list_push_back(&parked, &job->link);
		atomic_fetch_add(&echo_held, 1);
		cond_signal(&some);
		mutex_unlock(&mutex);
		return TURN_PARK;
	}
	return TURN_UP;
}

static const struct stage_ops toy_vfs = { .down = down };

static void
wake_them(void *arg)
{
	struct list *l;

	(void)arg;
	mutex_lock(&mutex);
	while (!stopping) {
		if (hold || (l = list_pop_front(&parked)) == NULL) {
			cond_wait(&some, &mutex);
			continue;
		}
		mutex_unlock(&mutex);
		atomic_fetch_sub(&echo_held, 1);
		job_wake(container_of(l, struct job, link));
		mutex_lock(&mutex);
	}
	mutex_unlock(&mutex);
}

void
echo_hold(bool on)
{
	mutex_lock(&mutex);
	hold = on;
	cond_signal(&some);
	mutex_unlock(&mutex);
}

uint16_t
echo_start(const struct net_conf *conf)
{
	struct machine_conf machine = { .workers = 2, .jobs = conf->jobs + 64 };
	uint16_t port = 0;

	echo_greeted = echo_left = echo_finished = echo_held = 0;
	mutex_init(&mutex, RANK_SESSION, 0);
	cond_init(&some);
	list_init(&parked);
	hold = stopping = false;
	thread_start(&waker, "waker", 0, wake_them, NULL);
	stage_set(FLOOR_NET, &net_stage);
	stage_set(FLOOR_DECODE, &decode_stage);
	stage_set(FLOOR_VFS, &toy_vfs);
	machine_start(&machine);
	net_start(conf);
	if (net_listen("::", 0, &echo_protocol, &port) != OK)
		panic("the toy cannot listen");
	return port;
}

void
echo_keep(void)
{
	kept = buf_get(net_pools.big);
	if (kept == NULL)
		panic("no buffer to keep");
}

void
echo_stop(void)
{
	echo_hold(false);
	net_stop();			/* no job is left: the waker has none to wake */
	mutex_lock(&mutex);
	stopping = true;
	cond_signal(&some);
	mutex_unlock(&mutex);
	thread_join(&waker);
	machine_stop();
	buf_put(&kept);
	net_fini();
	mutex_destroy(&mutex);
	cond_destroy(&some);
}

int
echo_dial(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
		panic("no connection to the toy");
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

bool
write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool
read_all(int fd, void *to, size_t len)
{
	uint8_t *p = to;

	while (len > 0) {
		struct pollfd one = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&one, 1, 20000) <= 0 || (n = recv(fd, p, len, 0)) <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* The filling follows from number and place, so a byte out of its place is seen. */
static uint8_t
filling(uint32_t number, uint32_t i)
{
	return (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

void
echo_send(int fd, char what, uint32_t number, uint32_t len)
{
	uint8_t *m = xmalloc(4 + (size_t)len);

	put_be32(m, len);
	m[4] = (uint8_t)what;
	put_be32(m + 5, number);
	for (uint32_t i = 5; i < len; i++)
		m[4 + i] = filling(number, i);
	if (!write_all(fd, m, 4 + (size_t)len))
		panic("the toy's client cannot send");
	free(m);
}

bool
echo_receive(int fd, char *what, uint32_t *number, uint32_t *lenp)
{
	uint8_t head[4], *m;
	uint32_t len;
	bool ok = false;

	if (!read_all(fd, head, 4))
		return false;
	len = get_be32(head);
	if (len < 5 || len > MESSAGE_MAX)
		return false;
	m = xmalloc(len);
	if (read_all(fd, m, len)) {
		ok = true;
		*what = (char)m[0];
		*number = get_be32(m + 1);
		*lenp = len;
		for (uint32_t i = 5; i < len; i++)
			ok = ok && m[i] == filling(*number, i);
	}
	free(m);
	return ok;
}

bool
echo_closed(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	uint8_t sink[4096];

	while (poll(&one, 1, 5000) > 0)
		if (recv(fd, sink, sizeof sink, MSG_DONTWAIT) <= 0)
			return true;
	return false;
}
