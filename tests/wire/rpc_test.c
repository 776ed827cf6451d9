/*
 * RPC beneath NFS: versions, programs, credentials, records in pieces, many calls at once, and
 * bytes that are no call at all.  RFC 5531.
 */
#include "tests/wire/wire.h"

#include <string.h>

static struct rpc_reply
ask(uint32_t rpc_vers, uint32_t prog, uint32_t vers, uint32_t proc)
{
	struct rpc_reply reply;
	struct enc e = { 0 };
	uint8_t words[4] = { 0, 0, 0, (uint8_t)rpc_vers };

	rpc_begin(&e, root()->conn->xid_next++, &root()->cred, prog, vers, proc);
	memcpy(e.bytes + 8, words, 4);
	if (!rpc_exchange(root()->conn, &e, &reply)) {
		wire_drop();
		check_fail(__FILE__, __LINE__, "no reply");
	}
	rpc_reply_free(&reply);
	return reply;
}

CASE(an_unknown_program_is_prog_unavail)
{
	struct rpc_reply r = ask(2, 555555, 1, 0);

	EQ(r.state, RPC_ACCEPTED);
	EQ(r.accept, RPC_PROG_UNAVAIL);
}

CASE(an_unknown_version_of_NFS_is_prog_mismatch)
{
	struct rpc_reply r = ask(2, NFS_PROG, 9, 0);

	EQ(r.accept, RPC_PROG_MISMATCH);
	TRUE(r.low <= 3 && r.high >= 3 && r.high < 9);
	r = ask(2, NFS_PROG, 1, 0);
	EQ(r.accept, RPC_PROG_MISMATCH);
	TRUE(r.low <= 3 && r.low > 1);
}

CASE(an_unknown_procedure_is_proc_unavail)
{
	struct rpc_reply r = ask(2, NFS_PROG, 3, 22);

	EQ(r.accept, RPC_PROC_UNAVAIL);
	r = ask(2, NFS_PROG, 3, UINT32_MAX);
	EQ(r.accept, RPC_PROC_UNAVAIL);
}

CASE(another_version_of_RPC_is_rpc_mismatch)
{
	struct rpc_reply r = ask(3, NFS_PROG, 3, 0);

	EQ(r.state, RPC_DENIED);
	EQ(r.reject, RPC_RPC_MISMATCH);
	EQ(r.low, 2);
	EQ(r.high, 2);
}

CASE(calls_without_arguments_are_garbage)
{
	for (uint32_t proc = NFS_GETATTR; proc < NFS_PROCS; proc++) {
		struct rpc_reply r = ask(2, NFS_PROG, 3, proc);

		EQ(r.state, RPC_ACCEPTED);
		EQ(r.accept, RPC_GARBAGE_ARGS);
	}
}

CASE(arguments_cut_at_every_word_are_garbage)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_SYMLINK, .fh = &dir, .name = "name",
		.to_name = "target", .attr = { .mode_set = true, .mode = 0777,
		.mtime_how = NFS_CLIENT_TIME, .mtime = { 1, 2 } } };
	struct enc whole = { 0 };

	nfs_enc_args(&whole, &c);
	for (size_t len = 0; len < whole.len; len += 4) {
		struct enc e = { 0 };
		struct rpc_reply reply;

		rpc_begin(&e, root()->conn->xid_next++, &root()->cred, NFS_PROG, 3, NFS_SYMLINK);
		enc_raw(&e, whole.bytes, len);
		TRUE(rpc_exchange(root()->conn, &e, &reply));
		EQ(reply.state, RPC_ACCEPTED);
		EQ(reply.accept, RPC_GARBAGE_ARGS);
		rpc_reply_free(&reply);
	}
	enc_free(&whole);
	WANT(nfs_lookup(root(), &dir, "name", &res), NFS_NOENT);
}

CASE(a_string_longer_than_the_record_is_garbage)
{
	struct enc e = { 0 };
	struct rpc_reply reply;

	rpc_begin(&e, root()->conn->xid_next++, &root()->cred, NFS_PROG, 3, NFS_LOOKUP);
	enc_opaque(&e, top()->bytes, top()->len);
	enc_u32(&e, 0xfffffffc);
	enc_raw(&e, "abcd", 4);
	TRUE(rpc_exchange(root()->conn, &e, &reply));
	EQ(reply.accept, RPC_GARBAGE_ARGS);
	rpc_reply_free(&reply);
}

static struct rpc_reply
ask_as(struct rpc_cred cred, uint32_t proc)
{
	struct nfs n = wire_dial();
	struct rpc_reply reply;
	struct enc e = { 0 };

	n.conn->wait_ms = 3000;
	rpc_begin(&e, n.conn->xid_next++, &cred, NFS_PROG, 3, proc);
	enc_opaque(&e, top()->bytes, top()->len);
	TRUE(rpc_exchange(n.conn, &e, &reply));
	nfs_hangup(&n);
	rpc_reply_free(&reply);
	return reply;
}

CASE(an_unknown_flavor_is_an_auth_error)
{
	struct rpc_reply r = ask_as((struct rpc_cred){ .flavor = 77 }, NFS_GETATTR);

	EQ(r.state, RPC_DENIED);
	EQ(r.reject, RPC_AUTH_ERROR);
	TRUE(r.auth == RPC_AUTH_REJECTEDCRED || r.auth == RPC_AUTH_BADCRED ||
	    r.auth == RPC_AUTH_TOOWEAK);
}

CASE(a_broken_AUTH_SYS_body_is_badcred)
{
	struct rpc_cred cred = { .flavor = RPC_AUTH_SYS, .raw = "\0\0\0\1\377\377\377\377",
		.raw_len = 8 };
	struct rpc_reply r = ask_as(cred, NFS_GETATTR);

	EQ(r.state, RPC_DENIED);
	EQ(r.reject, RPC_AUTH_ERROR);
	EQ(r.auth, RPC_AUTH_BADCRED);
}

CASE(seventeen_groups_are_badcred)
{
	uint8_t body[24 + 17 * 4] = { 0 };
	struct rpc_cred cred = { .flavor = RPC_AUTH_SYS, .raw = body, .raw_len = 20 + 17 * 4 };

	body[19] = 17;			/* stamp, name of no bytes, uid, gid, count */
	struct rpc_reply r = ask_as(cred, NFS_GETATTR);

	EQ(r.state, RPC_DENIED);
	EQ(r.reject, RPC_AUTH_ERROR);
	EQ(r.auth, RPC_AUTH_BADCRED);
}

CASE(NULL_needs_no_credentials)
{
	struct nfs n = wire_dial();
	struct nfs_call c = { .proc = NFS_NULL };

	n.cred = (struct rpc_cred){ .flavor = RPC_AUTH_NONE };
	WANT(nfs_run(&n, &c, &res), NFS_OK);
	nfs_hangup(&n);
}

CASE(the_reply_has_the_calls_xid_and_no_verifier)
{
	struct nfs_call c = { .proc = NFS_GETATTR, .fh = top() };

	WANT(nfs_run(root(), &c, &res), NFS_OK);
	EQ(res.rpc.xid, root()->xid);
	EQ(res.rpc.verf_flavor, RPC_AUTH_NONE);
	EQ(res.rpc.verf_len, 0);
}

CASE(a_call_in_fragments_of_every_small_size_is_one_call)
{
	struct nfs n = wire_dial();

	for (size_t size = 1; size <= 40; size++) {
		n.conn->fragment_max = size;
		WANT(nfs_getattr(&n, top(), &res), NFS_OK);
	}
	nfs_hangup(&n);
}

CASE(a_large_write_in_fragments_is_whole)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	static uint8_t data[1 << 20];
	struct nfs n = wire_dial();

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 >> 3);
	n.conn->fragment_max = 65536 + 3;
	WANT(nfs_write(&n, &fh, 0, data, sizeof data, NFS_FILE_SYNC, &res), NFS_OK);
	WANT(nfs_read(&n, &fh, 0, sizeof data, &res), NFS_OK);
	EQ(res.count, sizeof data);
	EQ_MEM(res.data, data, sizeof data);
	nfs_hangup(&n);
}

CASE(bytes_that_trickle_in_make_a_call)
{
	struct nfs n = wire_dial();
	struct enc body = { 0 }, e = { 0 };
	struct nfs_call c = { .proc = NFS_GETATTR, .fh = top() };
	struct rpc_reply reply;

	nfs_enc_call(&body, 4711, &n.cred, &c);
	enc_u32(&e, 0x80000000u | (uint32_t)body.len);
	enc_raw(&e, body.bytes, body.len);
	for (size_t i = 0; i < e.len; i++) {
		TRUE(rpc_send_raw(n.conn, e.bytes + i, 1));
		if (i % 16 == 0)
			sleep_ms(1);
	}
	TRUE(rpc_wait(n.conn, 4711, &reply));
	WANT(nfs_dec_reply(&reply, NFS_GETATTR, &res), NFS_OK);
	enc_free(&e);
	enc_free(&body);
	nfs_hangup(&n);
}

CASE(two_hundred_and_fifty_six_calls_in_flight_are_all_answered)
{
	struct nfs_fh dir = fresh();
	struct nfs n = wire_dial();
	uint32_t xids[256];

	for (int i = 0; i < 256; i++) {
		struct nfs_call c = { .proc = i % 3 == 0 ? NFS_GETATTR : i % 3 == 1 ? NFS_ACCESS :
		    NFS_LOOKUP, .fh = &dir, .name = "nothing", .access = NFS_ACC_ALL };

		TRUE(nfs_send(&n, &c));
		xids[i] = n.xid;
	}
	for (int i = 255; i >= 0; i--)
		WANT(nfs_recv(&n, i % 3 == 0 ? NFS_GETATTR : i % 3 == 1 ? NFS_ACCESS : NFS_LOOKUP,
		    xids[i], &res), i % 3 == 2 ? NFS_NOENT : NFS_OK);
	nfs_hangup(&n);
}

CASE(calls_sent_in_one_segment_are_all_answered)
{
	struct nfs n = wire_dial();
	struct nfs_call c = { .proc = NFS_GETATTR, .fh = top() };
	struct enc all = { 0 };
	struct rpc_reply reply;

	for (uint32_t i = 0; i < 100; i++) {
		struct enc e = { 0 };

		nfs_enc_call(&e, 1000 + i, &n.cred, &c);
		enc_u32(&all, 0x80000000u | (uint32_t)e.len);
		enc_raw(&all, e.bytes, e.len);
		enc_free(&e);
	}
	TRUE(rpc_send_raw(n.conn, all.bytes, all.len));
	for (uint32_t i = 0; i < 100; i++) {
		TRUE(rpc_wait(n.conn, 1000 + i, &reply));
		WANT(nfs_dec_reply(&reply, NFS_GETATTR, &res), NFS_OK);
	}
	enc_free(&all);
	nfs_hangup(&n);
}

/* After each of these the server must still serve others. */
static void
hostile(const void *bytes, size_t len)
{
	struct nfs n = wire_dial(), other;

	n.conn->wait_ms = 300;
	rpc_send_raw(n.conn, bytes, len);
	rpc_closed(n.conn);		/* closed or waiting for more: both are fine */
	other = wire_dial();
	WANT(nfs_getattr(&other, top(), &res), NFS_OK);
	nfs_hangup(&other);
	nfs_hangup(&n);
}

CASE(a_record_mark_of_2_GiB_does_no_harm) { hostile("\377\377\377\377abcdefgh", 12); }
CASE(an_endless_run_of_empty_fragments_does_no_harm)
{
	static const char zeros[65536];

	hostile(zeros, sizeof zeros);
}
CASE(an_empty_record_does_no_harm) { hostile("\200\0\0\0", 4); }
CASE(text_does_no_harm) { hostile("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27); }
CASE(a_reply_sent_to_a_server_does_no_harm)
{
	hostile("\200\0\0\030\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 28);
}
CASE(a_connection_closed_in_the_middle_of_a_call_does_no_harm)
{
	struct nfs n = wire_dial();

	rpc_send_raw(n.conn, "\200\0\1\0\0\0\0\1", 8);
	nfs_hangup(&n);
	WANT(nfs_getattr(root(), top(), &res), NFS_OK);
}
CASE(a_connection_closed_before_its_answers_does_no_harm)
{
	struct nfs n = wire_dial();
	struct nfs_call c = { .proc = NFS_READDIRPLUS, .fh = top(), .count = 32768,
		.dircount = 32768 };

	for (int i = 0; i < 100; i++)
		nfs_send(&n, &c);
	nfs_hangup(&n);
	WANT(nfs_getattr(root(), top(), &res), NFS_OK);
}
