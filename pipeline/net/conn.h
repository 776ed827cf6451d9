/*
 * A connection: one socket, one home worker, which alone touches it.  What protocols may ask.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "pipeline/contract/protocol.h"
#include "pipeline/stage/worker.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct conn;
struct claim;

struct worker *conn_home(const struct conn *c);

/* The peer: IPv6 address (IPv4 mapped), port in host order. */
const uint8_t *conn_peer_addr(const struct conn *c);	/* 16 bytes */
uint16_t conn_peer_port(const struct conn *c);
uint64_t conn_number(const struct conn *c);		/* unique in this process, for logs */

void *conn_state(const struct conn *c);			/* the protocol's own; NULL at first */
void conn_set_state(struct conn *c, void *state);

/* For the list of clients: the version of the protocol that is spoken, and who last spoke.  On its
 * home worker. */
void conn_saw(struct conn *c, uint32_t version, const struct claim *claim);

/* Read no more, and close once its jobs have ended and their replies have been sent, or after
 * idle_partial_s; on its home worker.  why: a constant. */
void conn_hangup(struct conn *c, const char *why);

/*
 * For decode: a place for job's reply.  begin gives a writer with room for the protocol's
 * reply_max at least, which may cite; one of the two others ends it.  end queues what was
 * written: it leaves with all other replies of this turn; a reply to a dead connection is
 * dropped, and one that did not fit ends its connection.  Not nested; on its home worker.
 */
void conn_reply_begin(struct job *job, struct writer *w);
void conn_reply_end(struct job *job, struct writer *w);
void conn_reply_cancel(struct job *job, struct writer *w);

#endif
