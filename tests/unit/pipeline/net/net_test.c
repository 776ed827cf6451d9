/*
 * Sockets, with a toy protocol behind them.
 */
#include "tests/lib/check.h"
#include "tests/unit/pipeline/net/echo.h"
#include "tests/unit/pipeline/stage/toys.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/thread.h"
#include "pipeline/net/inner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct net_conf usual = {
	.jobs = 512, .conn_jobs = 128, .bytes = 64 << 20, .conn_bytes = 16 << 20,
	.conns_max = 4096, .idle_partial_s = 60,
};

static void
ask(int fd, char what, uint32_t number, uint32_t len)
{
	uint32_t got, got_len;
	char got_what;

	echo_send(fd, what, number, len);
	TRUE(echo_receive(fd, &got_what, &got, &got_len));
	EQ(got_what, what);
	EQ(got, number);
	EQ(got_len, len);
}

CASE(every_kind_of_message_is_answered)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);

	for (uint32_t i = 0; i < 50; i++) {
		ask(fd, 'e', i, 5 + i);
		ask(fd, 'c', i, 5 + i * 100);
		ask(fd, 'a', i, 40);
		ask(fd, 'p', i, 60);
		ask(fd, 'w', i, 60);
		ask(fd, 'd', i, 60);
	}
	TRUE(wait_for(&echo_finished, 300));
	EQ(echo_finished, 300);
	EQ(net_conns(), 1);
	close(fd);
	TRUE(wait_for(&echo_left, 1));
	echo_stop();
	EQ(echo_greeted, 1);
	EQ(echo_left, 1);
}

CASE(what_was_received_may_be_held_until_the_machine_has_stopped)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);

	ask(fd, 'e', 1, 60);
	TRUE(wait_for(&echo_finished, 1));
	echo_keep();
	echo_stop();
	close(fd);
	EQ(echo_left, 1);
}

CASE(a_silent_message_is_finished_and_the_next_answered)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);

	echo_send(fd, 's', 1, 20);
	ask(fd, 'e', 2, 20);
	EQ(echo_finished, 2);
	close(fd);
	echo_stop();
}

struct flood {
	int fd;
	uint32_t count, len;
	char what;
};

static void
send_flood(void *arg)
{
	struct flood *f = arg;

	for (uint32_t i = 0; i < f->count; i++)
		echo_send(f->fd, f->what, i, f->len);
}

/* Every number comes back exactly once, in whatever order. */
static void
flood(uint16_t port, char what, uint32_t count, uint32_t len)
{
	struct flood f = { echo_dial(port), count, len, what };
	uint8_t *seen = calloc(count, 1);
	struct thread sender;

	thread_start(&sender, "flood", 0, send_flood, &f);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number, got_len;
		char got;

		TRUE(echo_receive(f.fd, &got, &number, &got_len));
		TRUE(number < count);
		EQ(seen[number], 0);
		seen[number] = 1;
		EQ(got_len, len);
	}
	thread_join(&sender);
	close(f.fd);
	free(seen);
}

CASE(ten_thousand_messages_are_pipelined)
{
	uint16_t port = echo_start(&usual);

	flood(port, 'e', 10000, 120);
	flood(port, 'c', 10000, 777);
	flood(port, 'p', 10000, 64);
	flood(port, 'w', 10000, 64);
	flood(port, 'a', 2000, 4000);
	echo_stop();
}

CASE(messages_of_a_mebibyte_go_both_ways_and_end_with_a_page)
{
	uint16_t port = echo_start(&usual);
	uint64_t before = atomic_load(&echo_long);

	atomic_store(&echo_astride, 0);
	flood(port, 'c', 60, 1 << 20);
	flood(port, 'c', 200, 65 << 10);
	flood(port, 'c', 200, 64 << 10);
	EQ(atomic_load(&echo_long) - before, 460);
	EQ(atomic_load(&echo_astride), 0);
	flood(port, 'c', 200, (64 << 10) - 4);
	flood(port, 'c', 300, 30000);
	echo_stop();
}

CASE(few_credits_slow_down_and_lose_nothing)
{
	struct net_conf few = usual;
	uint16_t port;
	int64_t stalls = meter_value(METER_NET_STALLS);

	few.jobs = 8;
	few.conn_jobs = 4;
	few.conn_bytes = 64 << 10;
	port = echo_start(&few);
	flood(port, 'p', 2000, 900);
	flood(port, 'w', 2000, 30000);
	flood(port, 'c', 20, 1 << 20);
	echo_stop();
	TRUE(meter_value(METER_NET_STALLS) > stalls);
}

/* Both workers have connections, one of them idle: its worker must not sit on the credits. */
CASE(the_last_credits_reach_who_needs_them)
{
	struct net_conf few = usual;
	uint16_t port;
	int idle[4];

	few.jobs = 2;
	few.conn_jobs = 8;
	port = echo_start(&few);
	for (int i = 0; i < 4; i++) {
		idle[i] = echo_dial(port);
		ask(idle[i], 'e', 1, 3000);
	}
	for (int i = 0; i < 4; i++) {
		flood(port, 'p', 50, 900);
		flood(port, 'c', 2, 1 << 20);
	}
	for (int i = 0; i < 4; i++)
		close(idle[i]);
	echo_stop();
}

CASE(a_byte_at_a_time_is_a_message_too)
{
	uint16_t port = echo_start(&usual);
	uint8_t m[4 + 50] = { 0, 0, 0, 50, 'e' };
	uint8_t back[4 + 50];
	int fd = echo_dial(port);

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof m; i++) {
			TRUE(write_all(fd, &m[i], 1));
			if (i % 10 == 0)
				nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		}
		TRUE(read_all(fd, back, sizeof back));
		EQ_MEM(back, m, sizeof m);
	}
	close(fd);
	echo_stop();
}

/* A message of `len` in pieces of `piece`, sent in pushes of `push` bytes. */
static void
ask_in_pieces(int fd, uint32_t len, uint32_t piece, uint32_t push)
{
	uint32_t pieces = (len + piece - 1) / piece, at = 0;
	uint8_t *m = calloc(1, len), *wire = calloc(1, len + 4 * pieces),
		*back = calloc(1, len + 4);

	m[0] = 'c';
	for (uint32_t i = 1; i < len; i++)
		m[i] = (uint8_t)(i * 13 + (i >> 8));
	for (uint32_t i = 0; i < pieces; i++) {
		uint32_t n = i + 1 < pieces ? piece : len - i * piece;

		put_be32(wire + at, n | (i + 1 < pieces ? ECHO_MORE : 0));
		memcpy(wire + at + 4, m + (size_t)i * piece, n);
		at += 4 + n;
	}
	for (uint32_t sent = 0; sent < at; sent += push)
		TRUE(write_all(fd, wire + sent, push < at - sent ? push : at - sent));
	TRUE(read_all(fd, back, len + 4));
	EQ(get_be32(back), len);
	EQ_MEM(back + 4, m, len);
	free(m);
	free(wire);
	free(back);
}

CASE(messages_in_pieces_are_put_together)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);

	ask_in_pieces(fd, 100, 7, 1000);
	ask_in_pieces(fd, 100, 7, 3);
	ask_in_pieces(fd, 5000, 1000, 700);
	ask_in_pieces(fd, 50000, 9999, 8192);
	ask_in_pieces(fd, 70000, 65536, 70000);
	ask_in_pieces(fd, 1 << 20, 8192, 1 << 20);
	ask(fd, 'e', 1, 50);
	close(fd);
	TRUE(wait_for(&echo_left, 1));
	EQ(buf_pool_used(net_pools.big), 0);
	EQ(buf_pool_used(net_pools.small), 0);
	echo_stop();
}

static int
dial_udp(int family, uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof four) :
	    connect(fd, (struct sockaddr *)&six, sizeof six);

	if (fd < 0 || err != 0)
		check_skip("no such address family here");
	return fd;
}

/* A datagram is a message without framing; the toy's reply has its length in front. */
static void
ask_udp(int fd, char what, uint32_t len)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	uint8_t m[2000] = { 0 }, back[2004];

	m[0] = (uint8_t)what;
	m[len - 1] = 77;
	EQ(send(fd, m, len, 0), len);
	EQ(poll(&one, 1, 5000), 1);
	EQ(recv(fd, back, sizeof back, 0), len + 4);
	EQ_MEM(back + 4, m, len);
}

CASE(datagrams_are_answered_where_they_came_from)
{
	uint16_t port = echo_start(&usual), udp;
	static const uint8_t big[9000];
	int fd;

	EQ(net_listen_udp("127.0.0.1", 0, &echo_protocol, &udp), OK);
	(void)port;
	fd = dial_udp(AF_INET, udp);
	for (int i = 0; i < 100; i++)
		ask_udp(fd, "ecpwad"[i % 6], 20 + (uint32_t)i);
	EQ(send(fd, big, sizeof big, 0), sizeof big);	/* too long: dropped */
	EQ(send(fd, "", 0, 0), 0);
	EQ(send(fd, "s", 1, 0), 1);
	EQ(send(fd, "h", 1, 0), 1);
	ask_udp(fd, 'e', 30);
	close(fd);
	EQ(net_listen_udp("::1", 0, &echo_protocol, &udp), OK);
	fd = dial_udp(AF_INET6, udp);
	ask_udp(fd, 'c', 30);
	close(fd);
	echo_stop();
	EQ(echo_greeted, 0);
}

CASE(addresses_and_protocols_that_cannot_be_served_are_refused)
{
	struct protocol wide = echo_protocol;
	uint16_t port = echo_start(&usual), other = 0;

	EQ(net_listen("localhost", 0, &echo_protocol, &other), ST_INVAL);
	EQ(net_listen("300.0.0.1", 0, &echo_protocol, &other), ST_INVAL);
	wide.reply_max = NET_REPLY_MAX + 1;
	EQ(net_listen("127.0.0.1", 0, &wide, &other), ST_INVAL);
	EQ(other, 0);
	TRUE(port != 0);
	net_stop_listening();
	net_stop_listening();
	echo_stop();
}

CASE(a_half_message_ends_the_connection_after_its_time)
{
	struct net_conf quick = usual;
	uint64_t began;
	uint16_t port;
	int slow, other;

	quick.idle_partial_s = 1;
	port = echo_start(&quick);
	slow = echo_dial(port);
	other = echo_dial(port);
	began = clock_mono_ns();
	TRUE(write_all(slow, "\0\0\1\0" "e", 5));
	ask(other, 'e', 1, 100);
	TRUE(echo_closed(slow));
	TRUE(clock_mono_ns() - began > NS_PER_S / 2);
	ask(other, 'e', 2, 100);	/* who is idle without a half message stays */
	close(slow);
	close(other);
	echo_stop();
}

CASE(what_is_not_the_protocol_ends_the_connection)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);

	TRUE(write_all(fd, "GET / HTTP/1.1\r\n\r\n", 18));
	TRUE(echo_closed(fd));
	close(fd);
	fd = echo_dial(port);
	echo_send(fd, 'e', 1, 30);
	echo_send(fd, 'h', 2, 30);
	TRUE(echo_closed(fd));
	close(fd);
	echo_stop();
}

CASE(a_half_open_peer_gets_its_answers)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);
	uint32_t number, len;
	char what;

	for (uint32_t i = 0; i < 100; i++)
		echo_send(fd, i % 2 ? 'p' : 'e', i, 200);
	shutdown(fd, SHUT_WR);
	for (uint32_t i = 0; i < 100; i++)
		TRUE(echo_receive(fd, &what, &number, &len));
	TRUE(echo_closed(fd));
	close(fd);
	echo_stop();
}

CASE(a_peer_that_dies_mid_message_leaves_nothing_behind)
{
	uint16_t port = echo_start(&usual);

	for (uint32_t i = 0; i < 200; i++) {
		struct linger now = { 1, 0 };
		int fd = echo_dial(port);

		for (uint32_t k = 0; k < i % 7; k++)
			echo_send(fd, "ecpwa"[k % 5], k, 100);
		TRUE(write_all(fd, "\0\1\0\0e half", 10));
		if (i % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(fd);
	}
	TRUE(wait_for(&echo_left, 200));
	EQ(net_conns(), 0);
	EQ(buf_pool_used(net_pools.big), 0);
	EQ(buf_pool_used(net_pools.small), 0);
	echo_stop();
}

CASE(jobs_outlive_their_connection)
{
	uint16_t port = echo_start(&usual);
	int fd = echo_dial(port);

	echo_hold(true);
	for (uint32_t i = 0; i < 20; i++)
		echo_send(fd, 'p', i, 100);
	TRUE(wait_for(&echo_held, 20));
	shutdown(fd, SHUT_RDWR);
	close(fd);
	EQ(echo_left, 0);
	echo_hold(false);
	TRUE(wait_for(&echo_left, 1));
	EQ(echo_finished, 20);
	echo_stop();
}

CASE(a_peer_that_does_not_read_is_not_read_either)
{
	struct net_conf quick = usual;
	uint64_t sent = 0;
	uint16_t port;
	int fd, other;

	quick.idle_partial_s = 2;
	port = echo_start(&quick);
	fd = echo_dial(port);
	other = echo_dial(port);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int quiet = 0; quiet < 20; ) {
		static uint8_t m[4 + 8000];
		ssize_t n;

		put_be32(m, 8000);
		m[4] = 'e';
		n = send(fd, m + sent % sizeof m, sizeof m - sent % sizeof m, MSG_NOSIGNAL);
		if (n > 0) {
			sent += (uint64_t)n;
			quiet = 0;
			continue;
		}
		if (sent > 256 << 20)
			break;
		quiet++;
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	TRUE(sent < 64 << 20);
	TRUE(buf_pool_used(net_pools.slab) < 80);
	ask(other, 'e', 1, 100);
	TRUE(wait_for(&echo_left, 1));	/* and in the end it is let go of */
	ask(other, 'e', 2, 100);
	close(fd);
	close(other);
	echo_stop();
}

CASE(a_thousand_idle_connections_hold_no_buffers)
{
	enum { MANY = 1000 };
	static int fds[MANY];
	struct rlimit files = { 4096, 4096 };
	uint16_t port;

	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		check_skip("no more descriptors to be had");
	port = echo_start(&usual);
	for (uint32_t i = 0; i < MANY; i++) {
		fds[i] = echo_dial(port);
		ask(fds[i], 'e', i, 100);
	}
	EQ(net_conns(), MANY);
	TRUE(buf_pool_used(net_pools.rx) <= 2);
	TRUE(buf_pool_used(net_pools.slab) <= 2);
	EQ(buf_pool_used(net_pools.small) + buf_pool_used(net_pools.big), 0);
	for (uint32_t i = 0; i < MANY; i++)
		ask(fds[i], 'c', i, 300);
	for (uint32_t i = 0; i < MANY; i++)
		close(fds[i]);
	TRUE(wait_for(&echo_left, MANY));
	EQ(net_conns(), 0);
	echo_stop();
}

CASE(too_many_connections_are_refused_and_room_comes_back)
{
	struct net_conf few = usual;
	uint16_t port;
	int a, b, c;

	few.conns_max = 2;
	port = echo_start(&few);
	a = echo_dial(port);
	ask(a, 'e', 1, 10);
	b = echo_dial(port);
	ask(b, 'e', 1, 10);
	c = echo_dial(port);
	TRUE(echo_closed(c));
	close(c);
	close(a);
	TRUE(wait_for(&echo_left, 1));
	c = echo_dial(port);
	ask(c, 'e', 1, 10);
	close(b);
	close(c);
	echo_stop();
	few.conns_max = 100;
	few.peer_conns_max = 1;
	port = echo_start(&few);
	a = echo_dial(port);
	ask(a, 'e', 1, 10);
	b = echo_dial(port);
	TRUE(echo_closed(b));
	close(a);
	close(b);
	echo_stop();
}
