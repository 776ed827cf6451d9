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

struct worker *conn_home(const struct conn *c);

/* The peer: IPv6 address (IPv4 mapped), port in host order. */
const uint8_t *conn_peer_addr(const struct conn *c);	/* 16 bytes */
uint16_t conn_peer_port(const struct conn *c);
uint64_t conn_number(const struct conn *c);		/* unique in this process, for logs */

void *conn_state(const struct conn *c);			/* the protocol's own; NULL at first */
void conn_set_state(struct conn *c, void *state);

/* Close once what is queued for it has been sent; on its home worker. */
void conn_hangup(struct conn *c, const char *why);

#endif
