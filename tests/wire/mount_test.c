/*
 * MOUNT v3 and the portmapper.  RFC 1813 appendix I, RFC 1833.
 */
#include "tests/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mount_res found;

static int
mount_call(uint32_t proc, const char *path)
{
	struct nfs n = nfs_dial(wire_host(), wire_mount_port(), 0, 0);
	int status = mount_run(&n, proc, path, &found);

	nfs_hangup(&n);
	return status;
}

CASE(MNT_gives_a_handle_that_works_and_AUTH_SYS)
{
	bool sys = false;

	WANT(mount_call(MOUNT_MNT, wire_export()), NFS_OK);
	TRUE(found.flavor_count > 0);
	for (uint32_t i = 0; i < found.flavor_count; i++)
		sys |= found.flavors[i] == RPC_AUTH_SYS;
	TRUE(sys);
	WANT(nfs_getattr(root(), &found.fh, &res), NFS_OK);
	EQ(res.obj.type, NFS_DIR);
}

CASE(MNT_again_gives_the_same_handle)
{
	struct nfs_fh first;

	WANT(mount_call(MOUNT_MNT, wire_export()), NFS_OK);
	first = found.fh;
	WANT(mount_call(MOUNT_MNT, wire_export()), NFS_OK);
	TRUE(same_fh(&first, &found.fh));
}

CASE(MNT_of_what_is_not_exported_is_noent_or_acces)
{
	WANT2(mount_call(MOUNT_MNT, "/no/such/export"), NFS_NOENT, NFS_ACCES);
	WANT2(mount_call(MOUNT_MNT, ""), NFS_NOENT, NFS_ACCES);
}

CASE(MNT_of_a_path_too_long_is_refused)
{
	static char path[1100];

	memset(path, 'p', sizeof path - 1);
	path[0] = '/';
	TRUE(mount_call(MOUNT_MNT, path) != NFS_OK);
	TRUE(found.fh.len == 0);
	WANT(mount_call(MOUNT_NULL, NULL), NFS_OK);
}

CASE(MNT_of_a_directory_below_the_export_gives_that_directory)
{
	struct nfs_fh dir = fresh();
	char path[2048];
	struct nfs_res list = { 0 };
	uint64_t wanted = attr_of(&dir).fileid;

	WANT(nfs_readdir(root(), top(), 0, NULL, 65536, &list), NFS_OK);
	for (size_t i = 0; i < list.entry_count; i++) {
		if (list.entries[i].fileid != wanted)
			continue;
		snprintf(path, sizeof path, "%s/%s", wire_export(), list.entries[i].name);
		WANT(mount_call(MOUNT_MNT, path), NFS_OK);
		WANT(nfs_getattr(root(), &found.fh, &res), NFS_OK);
		EQ(res.obj.fileid, wanted);
	}
	nfs_res_free(&list);
}

CASE(MNT_of_a_file_is_notdir)
{
	struct nfs_fh dir = fresh();
	char path[2048], name[64];

	snprintf(name, sizeof name, "wire.%p.file", (void *)&dir);
	make_file(top(), name, 0644);
	snprintf(path, sizeof path, "%s/%s", wire_export(), name);
	int status = mount_call(MOUNT_MNT, path);

	WANT(nfs_remove(root(), top(), name, &res), NFS_OK);
	WANT2(status, NFS_NOTDIR, NFS_NOENT);
}

CASE(EXPORT_lists_the_export)
{
	bool seen = false;

	WANT(mount_call(MOUNT_EXPORT, NULL), NFS_OK);
	for (size_t i = 0; i < found.line_count; i++)
		seen |= strcmp(found.lines[i].dir, wire_export()) == 0;
	TRUE(seen);
}

CASE(DUMP_lists_a_mount_until_UMNT)
{
	bool seen = false;

	WANT(mount_call(MOUNT_MNT, wire_export()), NFS_OK);
	WANT(mount_call(MOUNT_DUMP, NULL), NFS_OK);
	for (size_t i = 0; i < found.line_count; i++)
		seen |= strcmp(found.lines[i].dir, wire_export()) == 0;
	TRUE(seen);
	WANT(mount_call(MOUNT_UMNT, wire_export()), NFS_OK);
	WANT(mount_call(MOUNT_DUMP, NULL), NFS_OK);
	for (size_t i = 0; i < found.line_count; i++)
		FALSE(strcmp(found.lines[i].dir, wire_export()) == 0);
}

CASE(UMNTALL_forgets_this_clients_mounts)
{
	WANT(mount_call(MOUNT_MNT, wire_export()), NFS_OK);
	WANT(mount_call(MOUNT_UMNTALL, NULL), NFS_OK);
	WANT(mount_call(MOUNT_DUMP, NULL), NFS_OK);
	for (size_t i = 0; i < found.line_count; i++)
		FALSE(strcmp(found.lines[i].dir, wire_export()) == 0);
}

CASE(a_handle_works_after_UMNT)
{
	WANT(mount_call(MOUNT_MNT, wire_export()), NFS_OK);
	struct nfs_fh fh = found.fh;

	WANT(mount_call(MOUNT_UMNT, wire_export()), NFS_OK);
	WANT(nfs_getattr(root(), &fh, &res), NFS_OK);
}

CASE(UMNT_of_what_was_not_mounted_works)
{
	WANT(mount_call(MOUNT_UMNT, "/no/such/export"), NFS_OK);
}

CASE(an_unknown_MOUNT_procedure_is_proc_unavail)
{
	struct nfs n = nfs_dial(wire_host(), wire_mount_port(), 0, 0);
	struct rpc_reply reply;
	struct enc e = { 0 };

	rpc_begin(&e, 17, &n.cred, MOUNT_PROG, MOUNT_V3, 6);
	TRUE(rpc_exchange(n.conn, &e, &reply));
	EQ(reply.accept, RPC_PROC_UNAVAIL);
	rpc_reply_free(&reply);
	nfs_hangup(&n);
}

static struct nfs
dial_portmapper(void)
{
	struct nfs n = nfs_dial(wire_host(), (int)strtol(wire_need("DFS_TEST_PMAP_PORT"), NULL, 10),
	    0, 0);

	TRUE(n.conn != NULL);
	n.cred = (struct rpc_cred){ .flavor = RPC_AUTH_NONE };
	return n;
}

CASE(GETPORT_tells_the_ports_of_NFS_and_MOUNT)
{
	struct nfs n = dial_portmapper();

	EQ(pmap_getport(&n, NFS_PROG, 3, 6), wire_port());
	EQ(pmap_getport(&n, MOUNT_PROG, 3, 6), wire_mount_port());
	EQ(pmap_getport(&n, 555555, 1, 6), 0);
	nfs_hangup(&n);
}

CASE(GETADDR_of_versions_3_and_4_tells_the_address)
{
	struct nfs n = dial_portmapper();
	char addr[256], end[32];

	snprintf(end, sizeof end, ".%d.%d", wire_port() >> 8, wire_port() & 255);
	for (uint32_t vers = 3; vers <= 4; vers++) {
		WANT(rpcb_getaddr(&n, vers, NFS_PROG, 3, "tcp", addr), NFS_OK);
		TRUE(strlen(addr) > strlen(end));
		EQ_STR(addr + strlen(addr) - strlen(end), end);
		WANT(rpcb_getaddr(&n, vers, 555555, 3, "tcp", addr), NFS_OK);
		EQ_STR(addr, "");
	}
	nfs_hangup(&n);
}

CASE(the_portmappers_DUMP_lists_NFS_and_MOUNT)
{
	struct nfs n = dial_portmapper();

	TRUE(pmap_dump_count(&n, NFS_PROG) >= 1);
	TRUE(pmap_dump_count(&n, MOUNT_PROG) >= 1);
	EQ(pmap_dump_count(&n, 555555), 0);
	nfs_hangup(&n);
}

CASE(the_portmapper_refuses_version_1_with_its_range)
{
	struct nfs n = dial_portmapper();
	struct rpc_reply reply;
	struct enc e = { 0 };

	rpc_begin(&e, 18, &n.cred, PMAP_PROG, 1, 0);
	TRUE(rpc_exchange(n.conn, &e, &reply));
	EQ(reply.accept, RPC_PROG_MISMATCH);
	EQ(reply.low, 2);
	EQ(reply.high, 4);
	rpc_reply_free(&reply);
	nfs_hangup(&n);
}
