/*
 * The tests' own codec and record marking, on bytes written out by hand.
 */
#include "tests/lib/check.h"
#include "tests/lib/nfs_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct dec
dec_of(const void *bytes, size_t len)
{
	return (struct dec){ .bytes = bytes, .len = len };
}

CASE(opaque_bytes_are_padded_with_zeros)
{
	struct enc e = { 0 };

	enc_opaque(&e, "abcde", 5);
	EQ(e.len, 12);
	EQ_MEM(e.bytes, "\0\0\0\5abcde\0\0\0", 12);
	enc_free(&e);
}

CASE(a_read_beyond_the_end_is_bad_and_stays_bad)
{
	struct dec d = dec_of("\0\0\0\1\0\0", 6);

	EQ(dec_u32(&d), 1);
	EQ(dec_u32(&d), 0);
	TRUE(d.bad);
	d.len = 8;
	EQ(dec_u32(&d), 0);
}

CASE(padding_that_is_not_zero_and_bools_of_two_are_bad)
{
	struct dec d = dec_of("\0\0\0\1a\0\1\0", 8);
	uint32_t len;

	dec_opaque(&d, 10, &len);
	TRUE(d.bad);
	d = dec_of("\0\0\0\2", 4);
	dec_bool(&d);
	TRUE(d.bad);
	d = dec_of("\0\0\0\5abcde\0\0\0", 12);
	EQ(dec_opaque(&d, 4, &len) == NULL, true);
	TRUE(d.bad);
}

static bool
reply_of(const void *bytes, size_t len, struct rpc_reply *r)
{
	uint8_t *copy = malloc(len);

	memcpy(copy, bytes, len);
	return rpc_reply_of(copy, len, r);
}

CASE(replies_are_told_apart_and_odd_ones_refused)
{
	struct rpc_reply r;

	TRUE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\3\0\0\0\4", 32, &r));
	EQ(r.xid, 7);
	EQ(r.accept, RPC_PROG_MISMATCH);
	EQ(r.low, 3);
	EQ(r.high, 4);
	rpc_reply_free(&r);
	TRUE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\5", 20, &r));
	EQ(r.reject, RPC_AUTH_ERROR);
	EQ(r.auth, RPC_AUTH_TOOWEAK);
	rpc_reply_free(&r);
	FALSE(reply_of("\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, &r));
	FALSE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0", 28, &r));
	FALSE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0", 12, &r));
}

CASE(a_reply_with_bytes_left_over_is_a_bad_reply)
{
	struct nfs_res res = { 0 };
	struct rpc_reply r;

	TRUE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\106", 28, &r));
	EQ(nfs_dec_reply(&r, NFS_GETATTR, &res), NFS_STALE);
	TRUE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\106\0\0\0\0", 32,
	    &r));
	EQ(nfs_dec_reply(&r, NFS_GETATTR, &res), NFS_BAD_REPLY);
	TRUE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\107", 28, &r));
	EQ(nfs_dec_reply(&r, NFS_GETATTR, &res), NFS_REMOTE);
	TRUE(reply_of("\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\110", 28, &r));
	EQ(nfs_dec_reply(&r, NFS_GETATTR, &res), NFS_BAD_REPLY);
	nfs_res_free(&res);
}

CASE(records_are_cut_and_joined)
{
	struct rpc_conn *conn = calloc(1, sizeof *conn);
	uint8_t raw[64], *got;
	size_t len;
	int fds[2];

	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	conn->fd = fds[0];
	conn->wait_ms = 1000;
	conn->fragment_max = 4;
	TRUE(rpc_send_record(conn, "0123456789", 10));
	EQ(read(fds[1], raw, sizeof raw), 22);
	EQ_MEM(raw, "\0\0\0\4" "0123" "\0\0\0\4" "4567" "\200\0\0\2" "89", 22);
	EQ(write(fds[1], raw, 22), 22);
	TRUE(rpc_recv_record(conn, &got, &len));
	EQ(len, 10);
	EQ_MEM(got, "0123456789", 10);
	free(got);
	conn->wait_ms = 10;
	FALSE(rpc_recv_record(conn, &got, &len));
	close(fds[1]);
	rpc_hangup(conn);
}

/* Two come at once, the second larger than what is received ahead. */
CASE(records_that_come_together_are_told_apart)
{
	enum { LONG = 5000 };
	static uint8_t raw[4 + 3 + 4 + LONG];
	struct rpc_conn *conn = calloc(1, sizeof *conn);
	uint8_t *got;
	size_t len;
	int fds[2];

	EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	conn->fd = fds[0];
	conn->wait_ms = 1000;
	memcpy(raw, "\200\0\0\3" "one" "\200\0\x13\x88", 11);
	memset(raw + 11, 'x', LONG);
	raw[sizeof raw - 1] = 'y';
	EQ(write(fds[1], raw, sizeof raw), (ssize_t)sizeof raw);
	TRUE(rpc_recv_record(conn, &got, &len));
	EQ(len, 3);
	EQ_MEM(got, "one", 3);
	free(got);
	close(fds[1]);
	FALSE(rpc_closed(conn));		/* there is more to be read */
	TRUE(rpc_recv_record(conn, &got, &len));
	EQ(len, LONG);
	EQ_MEM(got, raw + 11, LONG);
	free(got);
	TRUE(rpc_closed(conn));
	rpc_hangup(conn);
}

CASE(a_LINK_is_encoded_as_the_RFC_draws_it)
{
	struct nfs_fh fh = { .len = 4, .bytes = "file" }, dir = { .len = 3, .bytes = "dir" };
	struct nfs_call c = { .proc = NFS_LINK, .fh = &fh, .to_fh = &dir, .to_name = "n" };
	struct enc e = { 0 };

	nfs_enc_args(&e, &c);
	EQ(e.len, 24);
	EQ_MEM(e.bytes, "\0\0\0\4file\0\0\0\3dir\0\0\0\0\1n\0\0\0", 24);
	enc_free(&e);
}

CASE(a_SETATTR_is_encoded_as_the_RFC_draws_it)
{
	struct nfs_fh fh = { .len = 4, .bytes = "file" };
	struct nfs_call c = { .proc = NFS_SETATTR, .fh = &fh, .guard = true,
		.guard_ctime = { 7, 8 }, .attr = { .mode_set = true, .mode = 0644,
		.size_set = true, .size = 1ull << 33, .mtime_how = NFS_CLIENT_TIME,
		.mtime = { 5, 6 }, .atime_how = NFS_SERVER_TIME } };
	struct enc e = { 0 };

	nfs_enc_args(&e, &c);
	EQ(e.len, 8 + 8 + 4 + 4 + 12 + 4 + 12 + 12);
	EQ_MEM(e.bytes + 8, "\0\0\0\1\0\0\1\244\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\0"
	    "\0\0\0\1\0\0\0\2\0\0\0\5\0\0\0\6\0\0\0\1\0\0\0\7\0\0\0\10", 56);
	enc_free(&e);
}
