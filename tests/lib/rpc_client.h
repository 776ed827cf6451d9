/*
 * An ONC RPC client over TCP for tests: its own XDR codec, record marking, XIDs at the caller's
 * will, calls one at a time or many in flight.
 *
 * It shares nothing with the server's codec, so that an error in one does not cancel out in the
 * other, and uses libc only.  It is free with memory and strict with replies: a reply that does
 * not decode to its last byte is a failure of the test, never a guess.  RFC 5531, RFC 4506.
 */
#ifndef TESTS_LIB_RPC_CLIENT_H
#define TESTS_LIB_RPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing buffer that is encoded into. */
struct enc {
	uint8_t *bytes;
	size_t len, room;
};

/* Bytes that are decoded from; once bad, all further values are zero. */
struct dec {
	const uint8_t *bytes;
	size_t at, len;
	bool bad;
};

void enc_free(struct enc *e);
void enc_u32(struct enc *e, uint32_t value);
void enc_u64(struct enc *e, uint64_t value);
void enc_raw(struct enc *e, const void *bytes, size_t len);	/* padded to 4 with zeros */
void enc_opaque(struct enc *e, const void *bytes, size_t len);	/* length, then as enc_raw */
void enc_string(struct enc *e, const char *text);

uint32_t dec_u32(struct dec *d);
uint64_t dec_u64(struct dec *d);
bool dec_bool(struct dec *d);					/* bad unless 0 or 1 */
const uint8_t *dec_raw(struct dec *d, size_t len);		/* bad if the padding is not zero */
const uint8_t *dec_opaque(struct dec *d, size_t max, uint32_t *lenp);
bool dec_done(const struct dec *d);				/* good, and nothing is left */

enum {
	RPC_VERSION = 2, RPC_CALL = 0, RPC_REPLY = 1,
	RPC_ACCEPTED = 0, RPC_DENIED = 1,
	RPC_SUCCESS = 0, RPC_PROG_UNAVAIL, RPC_PROG_MISMATCH, RPC_PROC_UNAVAIL, RPC_GARBAGE_ARGS,
	RPC_SYSTEM_ERR,
	RPC_RPC_MISMATCH = 0, RPC_AUTH_ERROR = 1,
	RPC_AUTH_NONE = 0, RPC_AUTH_SYS = 1, RPC_AUTH_GSS = 6,
	RPC_AUTH_BADCRED = 1, RPC_AUTH_REJECTEDCRED, RPC_AUTH_BADVERF, RPC_AUTH_REJECTEDVERF,
	RPC_AUTH_TOOWEAK,
	RPC_GIDS_MAX = 16, RPC_STASH_MAX = 2048, RPC_RECORD_MAX = 4 << 20,
};

/* Who calls.  With raw set, its bytes stand in the credential's body as they are. */
struct rpc_cred {
	uint32_t flavor, stamp, uid, gid, gid_count, gids[RPC_GIDS_MAX];
	const char *machine;
	const void *raw;
	size_t raw_len;
};

/* A reply's header in full; body stands at the results.  Release with rpc_reply_free(). */
struct rpc_reply {
	uint32_t xid, state;			/* RPC_ACCEPTED or RPC_DENIED */
	uint32_t accept, reject, auth;		/* whichever the state asks for */
	uint32_t low, high;			/* of a mismatch */
	uint32_t verf_flavor, verf_len;
	uint8_t *bytes;
	size_t len;
	struct dec body;
};

struct rpc_conn {
	int fd;
	uint32_t xid_next;
	int wait_ms;				/* for any one reply */
	size_t fragment_max;			/* cut records so when sending; 0: not */
	struct { uint8_t *bytes; size_t len; uint32_t xid; } stash[RPC_STASH_MAX];
	size_t stashed;
	uint8_t ahead[1024];			/* received with what was asked for */
	size_t ahead_at, ahead_end;
};

/* Connect; NULL with errno set when that fails.  rpc_hangup() closes and frees; NULL is fine. */
struct rpc_conn *rpc_dial(const char *host, int port);
struct rpc_conn *rpc_dial_from(const char *source, const char *host, int port);
void rpc_hangup(struct rpc_conn *conn);

/* Bytes as they are, without a record mark. */
bool rpc_send_raw(struct rpc_conn *conn, const void *bytes, size_t len);
/* One record, in fragments of at most conn->fragment_max bytes. */
bool rpc_send_record(struct rpc_conn *conn, const void *bytes, size_t len);
/* One whole record; the caller frees it.  False: lost, too long, or nothing within wait_ms. */
bool rpc_recv_record(struct rpc_conn *conn, uint8_t **bytesp, size_t *lenp);
/* True if the peer has closed the connection, waiting for that up to wait_ms. */
bool rpc_closed(struct rpc_conn *conn);

/* The header of a call; the arguments are encoded after it. */
void rpc_begin(struct enc *e, uint32_t xid, const struct rpc_cred *cred, uint32_t prog,
    uint32_t vers, uint32_t proc);
/* Decode a record as a reply; takes bytes.  False when it is none. */
bool rpc_reply_of(uint8_t *bytes, size_t len, struct rpc_reply *reply);
/* The next reply whatever its XID, or the one to xid while others wait in the stash. */
bool rpc_recv(struct rpc_conn *conn, struct rpc_reply *reply);
bool rpc_wait(struct rpc_conn *conn, uint32_t xid, struct rpc_reply *reply);
void rpc_reply_free(struct rpc_reply *reply);

/* Send one record (frees its buffer) and wait for the reply to its XID, the first word. */
bool rpc_exchange(struct rpc_conn *conn, struct enc *call, struct rpc_reply *reply);

#endif
