/*
 * A client that means ill, beside one that means well.
 *
 * The good client works all the time on a connection of its own and opens fresh ones now and then;
 * what is measured is how it fares.  Attacks use plain sockets: no memory of theirs grows.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "tests/lib/nfs_client.h"

struct target {
	const char *host, *export;
	int port, pmap_port;		/* pmap_port 0: none */
	bool loopback;			/* other source addresses are to be had */
	struct nfs_fh root, dir, file;	/* what attacks may touch: dir, and file in it */
};

/* --- good.c --- */

struct good_figures {
	uint64_t served, failed, fresh, fresh_refused;
	double p50_ms, p99_ms, most_ms;
};

bool good_start(const struct target *t);
void good_stop(struct good_figures *f);

/* --- wire.c: plain sockets --- */

/* Connect from 127.1.x.y number `from` where there is loopback (-1: as it comes); -1: refused. */
int wire_dial(const struct target *t, int from);
bool wire_send(int fd, const void *bytes, size_t len);		/* false: closed, or stuck */
bool wire_closed(int fd);	/* by the peer, as far as is known now */
/* Read and forget all that comes until the peer closes or ms pass; true: it closed. */
bool wire_until_closed(int fd, int ms);
/* Read records until the reply to xid: 1; closed by the peer: 0; nothing for ms: -1.  *replies
 * counts. */
int wire_until_reply(int fd, uint32_t xid, int ms, uint64_t *replies);
uint64_t hostile_rand(void);					/* the same numbers each run */

/* --- crowd.c: half-open and slow connections --- */

struct crowd_figures {
	unsigned asked, open, refused, kept;
};

/* Open as many of n as the limits allow and keep them, each with less than a message. */
void crowd_open(const struct target *t, unsigned n, struct crowd_figures *f);
void crowd_dribble(unsigned n);		/* one byte more on n of them */
void crowd_close(struct crowd_figures *f);

/* Ask for n connections from one address; how many are open after a while.  All are closed. */
unsigned crowd_greedy(const struct target *t, unsigned n);

/* --- attack.c --- */

struct attack_figures {
	uint64_t tries, closed, survived, stuck;
};

void attack_garbage(const struct target *t, unsigned rounds, struct attack_figures *f);
void attack_bombs(const struct target *t, unsigned rounds, struct attack_figures *f);

struct mutant_figures {
	uint64_t sent, replies, hangups;
	uint64_t misled;		/* it waits for what a lying mark has promised */
	uint64_t stuck;			/* no answer for no such reason */
};
void attack_mutants(const struct target *t, uint64_t messages, struct mutant_figures *f);

#endif
