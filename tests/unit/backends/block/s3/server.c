/*
 * One thread: poll the listener and all connections, read whole requests, answer by the script.
 */
#include "tests/unit/backends/block/s3/server.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/thread.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 16, REQUEST_MAX = 6 << 20 };

struct peer {
	int fd;			/* −1: free */
	size_t len;
	char bytes[REQUEST_MAX];
};

struct server {
	struct thread thread;
	const struct server_step *steps;
	int nsteps, listener, port;
	int stop[2];
	atomic_int connections, requests;
	char *seen[SERVER_STEPS_MAX];
	char id[64];
	struct peer peers[PEERS];
};

static void
hang_up(struct peer *p)
{
	struct linger hard = { 1, 0 };		/* a reset, not a polite end */

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(p->fd);
	p->fd = -1;
	p->len = 0;
}

/* The length of the whole request at the front; 0 while it is not all there. */
static size_t
request_len(struct peer *p)
{
	char *end, *length;
	size_t body = 0;

	p->bytes[p->len] = '\0';
	end = strstr(p->bytes, "\r\n\r\n");
	if (end == NULL)
		return 0;
	length = strcasestr(p->bytes, "\r\nContent-Length: ");
	if (length != NULL && length < end)
		body = strtoul(length + 18, NULL, 10);
	body += (size_t)(end + 4 - p->bytes);
	return body <= p->len ? body : 0;
}

static void
id_note(struct server *s, const char *request)
{
	const char *at = strcasestr(request, "\r\nx-amz-meta-dfs-put: ");

	if (at != NULL)
		snprintf(s->id, sizeof s->id, "%.*s", (int)strcspn(at + 22, "\r"), at + 22);
}

static void
say(struct server *s, struct peer *p, const char *answer)
{
	const char *id = strstr(answer, "$ID"), *len = strstr(answer, "$LEN");
	const char *body = strstr(answer, "\r\n\r\n");
	char whole[4096];

	if (id != NULL)
		snprintf(whole, sizeof whole, "%.*s%s%s", (int)(id - answer), answer, s->id,
		    id + 3);
	else if (len != NULL && body != NULL)
		snprintf(whole, sizeof whole, "%.*s%zu%s", (int)(len - answer), answer,
		    strlen(body + 4), len + 4);
	if (id != NULL || len != NULL)
		answer = whole;
	if (send(p->fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		hang_up(p);
}

static void
serve(struct server *s, struct peer *p, size_t len)
{
	int n = atomic_load(&s->requests);
	const struct server_step *step = n < s->nsteps ? &s->steps[n] : NULL;

	if (n < SERVER_STEPS_MAX)
		s->seen[n] = strndup(p->bytes, len);
	id_note(s, p->bytes);
	memmove(p->bytes, p->bytes + len, p->len - len);
	p->len -= len;
	atomic_store(&s->requests, n + 1);
	if (step == NULL || (step->answer == NULL && !step->hang)) {
		hang_up(p);
		return;
	}
	if (step->answer != NULL)
		say(s, p, step->answer);
	if (step->cut && p->fd >= 0) {
		shutdown(p->fd, SHUT_WR);
		close(p->fd);
		p->fd = -1;
		p->len = 0;
	}
}

static void
receive(struct server *s, struct peer *p)
{
	ssize_t n = recv(p->fd, p->bytes + p->len, REQUEST_MAX - 1 - p->len, 0);
	size_t len;

	if (n <= 0) {
		hang_up(p);
		return;
	}
	p->len += (size_t)n;
	while (p->fd >= 0 && (len = request_len(p)) > 0)
		serve(s, p, len);
}

static void
welcome(struct server *s)
{
	int fd = accept(s->listener, NULL, NULL);

	for (int i = 0; i < PEERS; i++)
		if (s->peers[i].fd < 0) {
			s->peers[i].fd = fd;
			atomic_fetch_add(&s->connections, 1);
			return;
		}
	close(fd);
}

static void
run(void *arg)
{
	struct server *s = arg;
	struct pollfd fds[PEERS + 2];

	for (;;) {
		fds[0] = (struct pollfd){ s->stop[0], POLLIN, 0 };
		fds[1] = (struct pollfd){ s->listener, POLLIN, 0 };
		for (int i = 0; i < PEERS; i++)
			fds[i + 2] = (struct pollfd){ s->peers[i].fd, POLLIN, 0 };
		if (poll(fds, PEERS + 2, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			return;
		for (int i = 0; i < PEERS; i++)
			if (s->peers[i].fd >= 0 && fds[i + 2].revents != 0)
				receive(s, &s->peers[i]);
		if (fds[1].revents != 0)
			welcome(s);
	}
}

struct server *
server_start(const struct server_step *steps, int n)
{
	struct server *s = xcalloc(1, sizeof *s);
	struct sockaddr_in at = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	s->steps = steps;
	s->nsteps = n;
	for (int i = 0; i < PEERS; i++)
		s->peers[i].fd = -1;
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0);
	assert(listen(s->listener, 16) == 0 && pipe(s->stop) == 0);
	assert(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0);
	s->port = ntohs(at.sin_port);
	thread_start(&s->thread, "server", 0, run, s);
	return s;
}

void
server_stop(struct server **sp)
{
	struct server *s = TAKE(sp);

	assert(write(s->stop[1], "", 1) == 1);
	thread_join(&s->thread);
	for (int i = 0; i < PEERS; i++)
		if (s->peers[i].fd >= 0)
			close(s->peers[i].fd);
	close(s->listener);
	close(s->stop[0]);
	close(s->stop[1]);
	for (int i = 0; i < SERVER_STEPS_MAX; i++)
		free(s->seen[i]);
	free(s);
}

int
server_port(const struct server *s)
{
	return s->port;
}

int
server_connections(const struct server *s)
{
	return atomic_load(&s->connections);
}

int
server_requests(const struct server *s)
{
	return atomic_load(&s->requests);
}

const char *
server_request(const struct server *s, int n)
{
	return n < atomic_load(&s->requests) && n < SERVER_STEPS_MAX ? s->seen[n] : "";
}
