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

#include <fcntl.h>
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

CASE(messages_of_a_mebibyte_go_both_ways)
{
	uint16_t port = echo_start(&usual);

	flood(port, 'c', 60, 1 << 20);
	flood(port, 'c', 200, 65 << 10);
	flood(port, 'c', 200, 64 << 10);
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
