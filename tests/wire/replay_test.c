/*
 * A call that comes again, as a client sends it after a lost connection: the same answer, and
 * nothing is done twice.  And what must hold over a restart of the server: handles, names, synced
 * bytes, a write verifier that tells the truth.
 */
#include "tests/wire/wire.h"

#include <stdio.h>
#include <string.h>

/* Send the call under this XID on a new connection from the same address and take its status. */
static int
again(uint32_t xid, const struct nfs_call *call)
{
	struct nfs n = wire_dial();
	struct enc e = { 0 };
	struct rpc_reply reply;
	int status = NFS_LOST;

	nfs_enc_call(&e, xid, &n.cred, call);
	if (rpc_exchange(n.conn, &e, &reply))
		status = nfs_dec_reply(&reply, call->proc, &res);
	nfs_hangup(&n);
	return status;
}

static uint32_t
new_xid(void)
{
	return root()->conn->xid_next++ ^ 0x40000000;
}

static int
twice(const struct nfs_call *call)
{
	uint32_t xid = new_xid();

	WANT(again(xid, call), NFS_OK);
	return again(xid, call);
}

CASE(a_REMOVE_sent_again_is_not_noent)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_REMOVE, .fh = &dir, .name = "file" };

	make_file(&dir, "file", 0644);
	WANT(twice(&c), NFS_OK);
}

CASE(calls_sent_again_on_the_same_connection_are_not_done_twice)
{
	struct nfs_fh dir = fresh();
	struct nfs n = wire_dial();
	struct nfs_call made = { .proc = NFS_MKDIR, .fh = &dir, .name = "sub",
		.attr = set_mode(0755) };
	struct nfs_call gone = { .proc = NFS_RMDIR, .fh = &dir, .name = "sub" };
	uint32_t first = n.conn->xid_next;

	WANT(nfs_run(&n, &made, &res), NFS_OK);
	n.conn->xid_next = first;
	WANT(nfs_run(&n, &made, &res), NFS_OK);
	WANT(nfs_run(&n, &gone, &res), NFS_OK);
	n.conn->xid_next = first + 1;
	WANT(nfs_run(&n, &gone, &res), NFS_OK);
	nfs_hangup(&n);
}

CASE(a_REMOVE_sent_again_does_not_take_a_new_file)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_REMOVE, .fh = &dir, .name = "file" };
	uint32_t xid = new_xid();

	make_file(&dir, "file", 0644);
	WANT(again(xid, &c), NFS_OK);
	make_file(&dir, "file", 0644);
	WANT(again(xid, &c), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_OK);
}

CASE(a_CREATE_sent_again_is_not_exist)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_CREATE, .fh = &dir, .name = "file", .how = NFS_GUARDED,
		.attr = set_mode(0644) };
	uint32_t xid = new_xid();
	struct nfs_fh fh;

	WANT(again(xid, &c), NFS_OK);
	fh = res.fh;
	WANT(again(xid, &c), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
}

CASE(a_MKDIR_sent_again_is_not_exist)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_MKDIR, .fh = &dir, .name = "sub",
		.attr = set_mode(0755) };

	WANT(twice(&c), NFS_OK);
	EQ(attr_of(&dir).nlink, 3);
}

CASE(an_RMDIR_sent_again_is_not_noent)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_RMDIR, .fh = &dir, .name = "sub" };

	make_dir(&dir, "sub", 0755);
	WANT(twice(&c), NFS_OK);
}

CASE(a_RENAME_sent_again_is_not_noent)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_RENAME, .fh = &dir, .name = "a", .to_fh = &dir,
		.to_name = "b" };

	make_file(&dir, "a", 0644);
	WANT(twice(&c), NFS_OK);
}

CASE(a_LINK_sent_again_is_not_exist)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "a", 0644);
	struct nfs_call c = { .proc = NFS_LINK, .fh = &fh, .to_fh = &dir, .to_name = "b" };

	WANT(twice(&c), NFS_OK);
	EQ(attr_of(&fh).nlink, 2);
}

CASE(a_SYMLINK_and_a_MKNOD_sent_again_are_not_exist)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_SYMLINK, .fh = &dir, .name = "link",
		.to_name = "target", .attr = set_mode(0777) };
	struct nfs_call d = { .proc = NFS_MKNOD, .fh = &dir, .name = "fifo", .type = NFS_FIFO,
		.attr = set_mode(0644) };

	WANT(twice(&c), NFS_OK);
	WANT(twice(&d), NFS_OK);
}

CASE(a_SETATTR_with_guard_sent_again_is_not_not_sync)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	struct nfs_call c = { .proc = NFS_SETATTR, .fh = &fh, .attr = set_mode(0600),
		.guard = true, .guard_ctime = attr_of(&fh).ctime };

	WANT(twice(&c), NFS_OK);
}

CASE(a_WRITE_sent_again_does_not_undo_a_later_one)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	struct nfs_call c = { .proc = NFS_WRITE, .fh = &fh, .count = 3, .data = "old",
		.data_len = 3, .stable = NFS_FILE_SYNC };
	uint32_t xid = new_xid();

	WANT(again(xid, &c), NFS_OK);
	fill_file(&fh, 0, "new", 3);
	WANT(again(xid, &c), NFS_OK);
	WANT(nfs_read(root(), &fh, 0, 3, &res), NFS_OK);
	EQ_MEM(res.data, "new", 3);
}

CASE(the_same_xid_with_other_arguments_is_another_call)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_MKDIR, .fh = &dir, .name = "one",
		.attr = set_mode(0755) };
	uint32_t xid = new_xid();

	WANT(again(xid, &c), NFS_OK);
	c.name = "two";
	WANT(again(xid, &c), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "two", &res), NFS_OK);
	c.proc = NFS_RMDIR;
	WANT(again(xid, &c), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "two", &res), NFS_NOENT);
}

CASE(an_error_sent_again_is_the_same_error)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_REMOVE, .fh = &dir, .name = "file" };
	uint32_t xid = new_xid();

	WANT(again(xid, &c), NFS_NOENT);
	make_file(&dir, "file", 0644);
	WANT(again(xid, &c), NFS_NOENT);
	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_OK);
}

CASE(an_answer_is_remembered_over_many_others)
{
	struct nfs_fh dir = fresh();
	struct nfs_call c = { .proc = NFS_REMOVE, .fh = &dir, .name = "file" };
	uint32_t xid = new_xid();

	make_file(&dir, "file", 0644);
	WANT(again(xid, &c), NFS_OK);
	for (int i = 0; i < 200; i++)
		WANT(nfs_create(root(), &dir, i % 2 ? "x" : "y", 0644, &res),
		    i < 2 ? NFS_OK : NFS_EXIST);
	WANT(again(xid, &c), NFS_OK);
}

CASE(two_copies_in_flight_at_once_are_done_once)
{
	struct nfs_fh dir = fresh();
	struct nfs a = wire_dial(), b = wire_dial();
	struct nfs_call c = { .proc = NFS_MKDIR, .fh = &dir, .name = "sub",
		.attr = set_mode(0755) };
	uint32_t xid = new_xid();

	a.conn->wait_ms = b.conn->wait_ms = 2000;
	a.conn->xid_next = b.conn->xid_next = xid;
	TRUE(nfs_send(&a, &c) && nfs_send(&b, &c));
	/* A copy may be dropped while the first is at work, but no answer may be EXIST. */
	WANT2(nfs_recv(&a, NFS_MKDIR, xid, &res), NFS_OK, NFS_LOST);
	int first = res.status;

	WANT2(nfs_recv(&b, NFS_MKDIR, xid, &res), NFS_OK, NFS_LOST);
	TRUE(first == NFS_OK || res.status == NFS_OK);
	nfs_hangup(&a);
	nfs_hangup(&b);
	WANT(again(xid, &c), NFS_OK);
}

CASE(after_a_clean_restart_handles_names_bytes_and_the_verifier_are_the_same)
{
	wire_need("DFS_TEST_RESTART");
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	uint8_t verf[8];

	WANT(nfs_write(root(), &fh, 0, "content", 7, NFS_UNSTABLE, &res), NFS_OK);
	WANT(nfs_commit(root(), &fh, 0, 0, &res), NFS_OK);
	memcpy(verf, res.verf, 8);
	wire_restart("");
	WANT(nfs_getattr(root(), &fh, &res), NFS_OK);
	EQ(res.obj.size, 7);
	EQ(res.obj.mode, 0640);
	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
	WANT(nfs_read(root(), &fh, 0, 100, &res), NFS_OK);
	EQ(res.count, 7);
	EQ_MEM(res.data, "content", 7);
	WANT(nfs_commit(root(), &fh, 0, 0, &res), NFS_OK);
	EQ_MEM(res.verf, verf, 8);
}

CASE(after_a_kill_acknowledged_names_and_synced_bytes_are_there_and_the_verifier_is_new)
{
	wire_need("DFS_TEST_RESTART");
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	uint8_t verf[8];

	fill_file(&fh, 0, "synced", 6);
	make_file(&dir, "gone", 0644);
	WANT(nfs_remove(root(), &dir, "gone", &res), NFS_OK);
	WANT(nfs_write(root(), &fh, 100, "perhaps", 7, NFS_UNSTABLE, &res), NFS_OK);
	memcpy(verf, res.verf, 8);
	wire_restart("kill");
	WANT(nfs_lookup(root(), &dir, "gone", &res), NFS_NOENT);
	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
	WANT(nfs_read(root(), &fh, 0, 6, &res), NFS_OK);
	EQ_MEM(res.data, "synced", 6);
	WANT(nfs_commit(root(), &fh, 0, 0, &res), NFS_OK);
	TRUE(memcmp(res.verf, verf, 8) != 0);
}

CASE(after_a_kill_a_call_that_was_answered_is_answered_the_same)
{
	wire_need("DFS_TEST_RESTART");
	struct nfs_fh dir = fresh();
	struct nfs_call gone = { .proc = NFS_REMOVE, .fh = &dir, .name = "file" };
	struct nfs_call made = { .proc = NFS_MKDIR, .fh = &dir, .name = "sub",
		.attr = set_mode(0755) };
	uint32_t xid = new_xid(), xid2 = new_xid();

	make_file(&dir, "file", 0644);
	WANT(again(xid, &gone), NFS_OK);
	WANT(again(xid2, &made), NFS_OK);
	wire_restart("kill");
	WANT(again(xid, &gone), NFS_OK);
	WANT(again(xid2, &made), NFS_OK);
}

CASE(after_a_kill_an_exclusive_create_sent_again_finds_its_own_file)
{
	wire_need("DFS_TEST_RESTART");
	struct nfs_fh dir = fresh(), fh;
	struct nfs_call c = { .proc = NFS_CREATE, .fh = &dir, .name = "file",
		.how = NFS_EXCLUSIVE, .verf = "verifier" };

	WANT(again(new_xid(), &c), NFS_OK);
	fh = res.fh;
	wire_restart("kill");
	WANT(again(new_xid(), &c), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
	c.verf[3] ^= 1;
	WANT(again(new_xid(), &c), NFS_EXIST);
}

CASE(after_a_restart_a_directory_is_read_on_from_an_old_cookie)
{
	wire_need("DFS_TEST_RESTART");
	struct nfs_fh dir = fresh();
	struct nfs_res list = { 0 };
	char name[32];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "entry%d", i);
		make_file(&dir, name, 0644);
	}
	WANT(nfs_readdir(root(), &dir, 0, NULL, 8192, &list), NFS_OK);
	EQ(list.entry_count, 42);
	wire_restart("");
	WANT(nfs_readdir(root(), &dir, list.entries[20].cookie, list.verf, 8192, &res), NFS_OK);
	EQ(res.entry_count, 21);
	for (size_t i = 0; i < 21; i++)
		EQ_STR(res.entries[i].name, list.entries[21 + i].name);
	nfs_res_free(&list);
}
