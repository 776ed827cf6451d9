/*
 * The yardstick: what this machine's sockets give when there is nothing behind them.
 *
 *	bench_loop [--staged] THREADS PORT
 *
 * Bare: each thread has a listening socket and an epoll set, receives 64 KiB, answers every
 * whole record with a constant and sends all answers with one call.  Staged: the same answers by
 * net, decode and a stage of the machine.  What the daemon does is compared with the first, what
 * the machine costs is the difference.  Port 0 takes any and prints it.
 */
#include "pipeline/base/panic.h"
#include "pipeline/base/thread.h"
#include "pipeline/decode/decode.h"
#include "pipeline/net/net.h"
#include "tests/bench/answer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_BYTES = 64 << 10, OUT_BYTES = 1 << 20, EVENTS = 64, THREADS_MAX = 16, MARK_BYTES = 4,
	MESSAGE_MAX = 32 << 10 };

/* --- bare --- */

struct client {
	int fd;
	uint32_t in_len, out_len, out_at;
	uint8_t in[IN_BYTES], out[OUT_BYTES];
};

static int
listen_at(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t len = sizeof at;
	static const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
		perror("listen");
		exit(1);
	}
	*port = ntohs(at.sin_port);
	return fd;
}

static void
want(int epfd, int op, int fd, void *what, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = what };

	if (epoll_ctl(epfd, op, fd, &e) != 0)
		panic("epoll_ctl, errno %d", errno);
}

static void
take_in(int epfd, int listener)
{
	static const int one = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	if (fd < 0)
		return;
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c = xmalloc(sizeof *c);
	c->fd = fd;
	c->in_len = c->out_len = c->out_at = 0;
	want(epfd, EPOLL_CTL_ADD, fd, c, EPOLLIN);
}

static void
let_go(struct client *c)
{
	close(c->fd);
	free(c);
}

/* Answer what is whole and fits; false: not our language. */
static bool
answer_all(struct client *c)
{
	struct writer w = writer_of(c->out + c->out_len, OUT_BYTES - c->out_len);
	uint32_t at = 0;

	while (c->in_len - at >= MARK_BYTES && writer_left(&w) >= ANSWER_MAX) {
		uint32_t len = get_be32(c->in + at) & 0x7fffffff;
		struct question q;

		if (len > MESSAGE_MAX)
			return false;
		if (c->in_len - at - MARK_BYTES < len)
			break;
		if (!question_read(slice_of(c->in + at + MARK_BYTES, len), &q))
			return false;
		answer_write(&w, &q);
		at += MARK_BYTES + len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	c->out_len += w.len;
	return true;
}

/* False: the connection is over. */
static bool
send_out(int epfd, struct client *c)
{
	ssize_t n;

	if (c->out_at == c->out_len)
		return true;
	n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		return false;
	c->out_at += n > 0 ? (uint32_t)n : 0;
	if (c->out_at < c->out_len) {
		want(epfd, EPOLL_CTL_MOD, c->fd, c, EPOLLOUT);
		return true;
	}
	c->out_at = c->out_len = 0;
	return true;
}

static bool
serve(int epfd, struct client *c, uint32_t events)
{
	ssize_t n;

	if (events & EPOLLOUT) {
		if (!send_out(epfd, c))
			return false;
		if (c->out_len > 0)
			return true;
		want(epfd, EPOLL_CTL_MOD, c->fd, c, EPOLLIN);
	} else {
		n = recv(c->fd, c->in + c->in_len, IN_BYTES - c->in_len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		c->in_len += n > 0 ? (uint32_t)n : 0;
	}
	return answer_all(c) && send_out(epfd, c);
}

static void
loop(void *arg)
{
	int listener = *(int *)arg, epfd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS];

	if (epfd < 0)
		panic("no epoll set, errno %d", errno);
	want(epfd, EPOLL_CTL_ADD, listener, NULL, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epfd, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			if (c == NULL)
				take_in(epfd, listener);
			else if (!serve(epfd, c, events[i].events))
				let_go(c);
		}
	}
}

static void
run_bare(uint32_t threads, uint16_t port)
{
	static struct thread t[THREADS_MAX];
	static int listeners[THREADS_MAX];

	for (uint32_t i = 0; i < threads; i++)
		listeners[i] = listen_at(&port);
	for (uint32_t i = 0; i < threads; i++)
		thread_start(&t[i], "loop", 0, loop, &listeners[i]);
	printf("port %u\n", port);
	fflush(stdout);
	thread_join(&t[0]);
}

/* --- staged --- */

static enum frame_verdict
frame(const uint8_t *bytes, uint32_t have, struct frame *f)
{
	if (have < MARK_BYTES)
		return FRAME_MORE;
	f->skip = MARK_BYTES;
	f->len = get_be32(bytes) & 0x7fffffff;
	f->whole = f->need = MARK_BYTES + f->len;
	if (f->len > MESSAGE_MAX)
		return FRAME_REFUSE;
	return have < f->need ? FRAME_MORE : FRAME_WHOLE;
}

static enum decoded
decode(struct job *job)
{
	struct question *q = arena_alloc(&job->arena, sizeof *q);

	job->wire = q;
	if (q == NULL || !question_read(job->message, q))
		return DECODED_HANGUP;
	return DECODED_OP;
}

static enum encoded
encode(struct job *job, struct writer *w)
{
	answer_write(w, job->wire);
	return ENCODED_REPLY;
}

static enum turn
pass(struct job *job)
{
	(void)job;
	return TURN_DOWN;
}

static enum turn
turn_here(struct job *job)
{
	(void)job;
	return TURN_UP;
}

static enum turn
climb(struct job *job)
{
	(void)job;
	return TURN_UP;
}

static const struct stage_ops auth = { .down = pass };
static const struct stage_ops vfs = { .down = turn_here, .up = climb };
static const struct protocol protocol = {
	.name = "bench", .message_max = MESSAGE_MAX, .reply_max = ANSWER_MAX, .frame = frame,
	.decode = decode, .encode = encode,
};

static void
run_staged(uint32_t threads, uint16_t port)
{
	struct machine_conf machine = { .workers = threads, .jobs = 2048 + 64 };
	struct net_conf net = { .jobs = 2048, .conn_jobs = 128, .bytes = 64 << 20,
		.conn_bytes = 16 << 20, .conns_max = 1024, .idle_partial_s = 60 };

	stage_set(FLOOR_NET, &net_stage);
	stage_set(FLOOR_DECODE, &decode_stage);
	stage_set(FLOOR_AUTH, &auth);
	stage_set(FLOOR_VFS, &vfs);
	machine_start(&machine);
	net_start(&net);
	if (net_listen("0.0.0.0", port, &protocol, &port) != OK) {
		fprintf(stderr, "cannot listen\n");
		exit(1);
	}
	printf("port %u\n", port);
	fflush(stdout);
	pause();
}

int
main(int argc, char **argv)
{
	bool staged = argc > 1 && strcmp(argv[1], "--staged") == 0;
	int first = staged ? 2 : 1;
	long threads, port;

	if (argc != first + 2) {
		fprintf(stderr, "usage: %s [--staged] THREADS PORT\n", argv[0]);
		return 2;
	}
	threads = strtol(argv[first], NULL, 10);
	port = strtol(argv[first + 1], NULL, 10);
	if (threads < 1 || threads > THREADS_MAX || port < 0 || port > UINT16_MAX) {
		fprintf(stderr, "at most %d threads, and a port\n", THREADS_MAX);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (staged)
		run_staged((uint32_t)threads, (uint16_t)port);
	else
		run_bare((uint32_t)threads, (uint16_t)port);
	return 0;
}
