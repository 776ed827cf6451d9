/*
 * What net's files share: a connection's inside and what a home worker keeps for its sockets.
 * For this folder only.
 */
#ifndef NET_INNER_H
#define NET_INNER_H

#include "pipeline/base/list.h"
#include "pipeline/net/conn.h"
#include "pipeline/net/net.h"
#include "pipeline/stage/timer.h"
#include "pipeline/stage/worker.h"

enum {
	CONN_MAGIC = 0x636f6e6e,
	SMALL_BYTES = NET_HALF_BYTES,	/* a half message that waits */
	RX_BYTES = 64 << 10,		/* one recv */
	BIG_BYTES = (1 << 20) + (8 << 10),	/* a long message and its framing */
	BIG_ALIGN = 4 << 10,		/* where one ends */
	SLAB_BYTES = NET_REPLY_MAX,	/* replies' own bytes */
	TURN_JOBS = 32, TURN_BYTES = 256 << 10,	/* of one connection */
	SEND_BYTES = 1 << 20,		/* the same, outward */
	OUT_BYTES_MAX = 4 << 20,	/* queued for a peer that does not read: stop reading it */
	CITES_MAX = 768,		/* slices of one reply: 1 MiB by pages, and some */
	RETRY_MS = 20,			/* out of credit or memory that other workers hold */
};

enum conn_phase {
	CONN_OPEN,
	CONN_CLOSING, /* not read any more; dies when its replies have been sent */
	CONN_DEAD, /* the socket is closed; waits for jobs in flight */
};

struct net_worker {
	struct worker *w;
	struct list conns;
	_Atomic uint32_t nconns;	/* written here, read by acceptors of other workers */
	struct buf *rx;			/* being filled; messages cite it */
	uint32_t rx_at;			/* bytes below belong to messages */
	struct buf *slab;		/* being filled with replies */
	uint32_t slab_at;
	struct buf *spare;		/* a reply is written here, and lost, when slabs are out */
	bool on_spare;
	struct cite cites[CITES_MAX];
	int64_t jobs, bytes;		/* credits at hand; door.c */
	struct list stalled;		/* connections that wait for credit or memory */
	struct tail resume;
	struct timer retry;
};

struct conn {
	uint32_t magic;
	uint8_t phase;			/* enum conn_phase */
	bool udp;			/* lives for one datagram */
	bool eof;			/* the peer sends no more */
	bool full;			/* its own credits are used up */
	bool blocked;			/* the socket takes no more for now */
	bool long_ones;			/* its last message was a long one */
	struct watch watch;
	uint32_t events;		/* what epoll is asked for */
	struct net_worker *nw;
	const struct protocol *proto;
	void *state;
	struct whence whence;
	uint64_t since_ns, last_ns, messages;
	uint32_t version, uid;		/* conn_saw */
	uint8_t flavour;
	struct list link;		/* of nw->conns */
	struct list stall_link;
	struct tail flush, soon;
	struct timer timer;		/* half messages, unread replies */
	uint64_t partial_ns, blocked_ns;	/* since when; 0: not */
	const char *why;

	uint32_t jobs;			/* in flight; they keep it alive */
	uint64_t bytes;
	uint32_t turn_jobs, turn_bytes;

	struct slice pend;		/* counted: received, not yet looked at */
	struct buf *part;		/* a half message's own */
	uint32_t part_at;		/* where in it the message begins */
	uint32_t part_len, need;	/* need: its whole size, 0 while unknown */

	struct slice *out;		/* a ring of counted slices */
	uint32_t out_first, out_n, out_cap;
	uint64_t out_bytes;

	struct sockaddr_in6 to;		/* udp */
};

struct pools {
	struct buf_pool *small, *rx, *big, *slab;
};

extern struct net_conf net_conf;
extern struct pools net_pools;

struct net_worker *net_worker_at(uint32_t i);

/* conn.c */
struct conn *conn_new(struct net_worker *nw, const struct protocol *proto, int fd,
    const struct sockaddr_in6 *peer);
void conn_die(struct conn *c, const char *why);
void conn_settle(struct conn *c);	/* watch for what is wanted now; end it if it is over */
bool conn_may_read(const struct conn *c);
void conn_job_over(struct conn *c, uint32_t bytes);
void conn_watch_time(struct conn *c);	/* partial_ns or blocked_ns has been set */
void conn_stall(struct conn *c);	/* until there is credit or memory again */
void net_resume(struct net_worker *nw);	/* there may be */
struct conn *conn_new_udp(struct net_worker *nw, const struct protocol *proto, int fd,
    const struct sockaddr_in6 *peer);
void conn_normal(struct sockaddr_in6 *to, const struct sockaddr_storage *from);

/* receive.c */
void receive_ready(struct conn *c);	/* the socket has something */
void receive_pending(struct conn *c);	/* look at what is there already */
struct buf *receive_room(struct net_worker *nw, uint32_t least); /* nw->rx with that much left */
bool receive_deliver(struct conn *c, struct slice bytes, const struct frame *f);

/* outbox.c */
void outbox_flush(struct conn *c);
void outbox_drop(struct conn *c);

/* door.c */
void door_start(void);
bool door_take(struct conn *c, uint32_t bytes);	/* false: out of credit; c->full: its own */
void door_give(struct conn *c, uint32_t bytes);
void door_leave(struct net_worker *nw);		/* hand back what is at hand */

/* peer.c */
void peer_start(uint32_t most);
void peer_stop(void);
void peer_limit(uint32_t most);
bool peer_enter(const uint8_t addr[16]);	/* false: it has as many connections as it may */
void peer_leave(const uint8_t addr[16]);

/* listener.c */
void listeners_close(void);
const struct protocol *listener_proto(const struct watch *watch, struct net_worker **nwp);

/* udp.c */
void udp_ready(struct watch *watch, uint32_t events);
void udp_send(struct conn *c, struct writer *w);

/* net.c */
bool net_admit(const uint8_t addr[16]);		/* a connection more; false: it must be closed */
void net_admit_datagram(void);
void net_left(const uint8_t *addr);		/* NULL: a datagram's */
uint64_t net_number(void);
void net_on_worker(struct net_worker *nw, void (*run)(struct net_worker *nw, void *arg), void *arg);
						/* and wait for it */

#endif
