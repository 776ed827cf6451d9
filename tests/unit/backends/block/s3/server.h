/*
 * A small HTTP server for tests, that plays a script: the n-th request it gets is answered by
 * the n-th step, on whatever connection it comes.  One request at a time.  In an answer $ID
 * stands for the last put id that came, $LEN for the length of the answer's body.
 */
#ifndef TESTS_S3_SERVER_H
#define TESTS_S3_SERVER_H

#include <stdbool.h>
#include <stddef.h>

enum { SERVER_STEPS_MAX = 32 };

struct server_step {
	const char *answer;	/* all bytes, with $ID or $LEN filled in; NULL: hang up */
	bool hang;		/* say nothing more and keep the connection */
	bool cut;		/* hang up behind the answer */
};

struct server;

/* Listen on a port of the loopback and play n steps (copied by reference: keep them). */
struct server *server_start(const struct server_step *steps, int n);
void server_stop(struct server **sp);

int server_port(const struct server *s);
int server_connections(const struct server *s);		/* accepted so far */
int server_requests(const struct server *s);

/* The n-th request as it came, head and body; NUL-terminated.  "" if there was none. */
const char *server_request(const struct server *s, int n);

#endif
