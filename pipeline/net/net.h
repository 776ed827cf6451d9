/*
 * The stage net: sockets, frames, credits, replies.  Admission is here alone: a connection takes
 * credits in jobs and bytes, globally and of its own; out of credit, its socket is not read.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "pipeline/contract/protocol.h"
#include "pipeline/stage/stage.h"

#include <netinet/in.h>

struct net_conf {
	uint32_t jobs;			/* credits in jobs, globally */
	uint32_t conn_jobs;		/* and per connection (128) */
	uint64_t bytes;			/* credits in message bytes, globally; receive buffers of
					 * at most one and a half times that are made */
	uint64_t conn_bytes;		/* and per connection (16 MiB) */
	uint32_t conns_max;		/* more are refused at accept */
	uint32_t peer_conns_max;	/* the same for one address; 0: no limit of its own */
	uint32_t idle_partial_s; /* a half-sent message older than that ends the connection (60) */
};

extern const struct stage_ops net_stage;

void net_start(const struct net_conf *conf);	/* after machine_start */

enum {
	NET_REPLY_MAX = 128 << 10,	/* of a protocol's reply_max */
	NET_HALF_BYTES = 4 << 10,	/* what a connection may take while half a message waits */
};

/* Listen on addr ("0.0.0.0", "::", "127.0.0.1", port 0: any) for that protocol, on every worker
 * (SO_REUSEPORT); "::" takes IPv4 as well.  *portp: the port taken.  INVAL: no such address, or
 * the protocol's messages or replies are longer than net's buffers. */
must_check enum status net_listen(const char *addr, uint16_t port, const struct protocol *proto,
    uint16_t *portp);

/* The same over UDP, one message a datagram: for the portmapper.  protocol->frame is not asked. */
must_check enum status net_listen_udp(const char *addr, uint16_t port, const struct protocol *proto,
    uint16_t *portp);

/* Returns once no worker accepts any more; not on a home worker. */
void net_stop_listening(void);
/* Close all connections, wait for their jobs to end; then the machine may stop. */
void net_stop(void);
/* The buffers, last of all: what was received and not yet written to a journal lies in them. */
void net_fini(void);

uint32_t net_conns(void);

/* So many connections at once from now on, so many of one address (0: no limit of its own); those
 * that exist go on.  INVAL: more than at net_start, which made room for them. */
must_check enum status net_limit(uint32_t conns_max, uint32_t peer_conns_max);

/* One connection, as it is now. */
struct net_peer {
	const char *protocol;
	uint64_t conn;
	uint8_t addr[16];		/* IPv6, IPv4 mapped */
	uint16_t port;
	uint64_t since_ns, last_ns; /* clock_mono_ns: when it came, when it last sent a message */
	uint64_t messages;
	uint32_t version, uid;		/* of its last call: conn_saw */
	uint8_t flavour;		/* enum cred_flavour */
};

/* All that are open, in no order; asks every home worker and waits for it, so not on one. */
void net_each(void (*see)(const struct net_peer *peer, void *arg), void *arg);

/* End all connections of that address; how many there were.  Not on a home worker. */
uint32_t net_disconnect(const uint8_t addr[16]);

#endif
