/*
 * The wire suite's fixture.
 */
#include "tests/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { USERS_MAX = 8, HOMES_MAX = 1024, DEPTH_MAX = 12 };

struct nfs_res res;

static struct {
	bool known, exits;
	char host[128], export[512];
	int port, mount_port;
	struct nfs root, reader, users[USERS_MAX];
	struct nfs_fh top;
	char homes[HOMES_MAX][48];
	size_t home_count;
} wire;

static void
learn(void)
{
	const char *text = getenv("DFS_TEST_NFS"), *mount_port = getenv("DFS_TEST_MOUNT_PORT");

	if (wire.known)
		return;
	if (text == NULL || (sscanf(text, "%127[^:[]:%d:%511s", wire.host, &wire.port,
	    wire.export) != 3 && sscanf(text, "[%127[^]]]:%d:%511s", wire.host, &wire.port,
	    wire.export) != 3)) {
		printf("Bail out! DFS_TEST_NFS=host:port:/export is not set (IPv6 in brackets)\n");
		exit(99);
	}
	wire.mount_port = mount_port ? (int)strtol(mount_port, NULL, 10) : wire.port;
	wire.known = true;
}

const char *
wire_host(void)
{
	learn();
	return wire.host;
}

int
wire_port(void)
{
	learn();
	return wire.port;
}

int
wire_mount_port(void)
{
	learn();
	return wire.mount_port;
}

const char *
wire_export(void)
{
	learn();
	return wire.export;
}

const char *
wire_need(const char *variable)
{
	const char *value = getenv(variable);

	if (value == NULL || value[0] == '\0')
		check_skip("%s is not set", variable);
	return value;
}

struct nfs
wire_dial(void)
{
	struct nfs n = nfs_dial(wire_host(), wire_port(), 0, 0);

	if (n.conn == NULL)
		check_fail(__FILE__, __LINE__, "no connection to %s:%d", wire_host(),
		    wire_port());
	return n;
}

struct nfs *
root(void)
{
	if (wire.root.conn == NULL)
		wire.root = wire_dial();
	return &wire.root;
}

struct nfs *
user(uint32_t uid)
{
	for (size_t i = 0; i < USERS_MAX; i++) {
		struct nfs *n = &wire.users[i];

		if (n->conn != NULL && n->cred.uid == uid)
			return n;
		if (n->conn == NULL) {
			*n = wire_dial();
			n->cred.uid = n->cred.gid = uid;
			return n;
		}
	}
	check_fail(__FILE__, __LINE__, "too many users");
}

void
wire_drop(void)
{
	nfs_hangup(&wire.root);
	nfs_hangup(&wire.reader);
	for (size_t i = 0; i < USERS_MAX; i++)
		nfs_hangup(&wire.users[i]);
}

struct nfs *
reader(struct nfs_fh *ro_top)
{
	const char *source = getenv("DFS_TEST_RO_SOURCE");

	if (source == NULL) {
		*ro_top = wire_mount(wire_need("DFS_TEST_NFS_RO"));
		return root();
	}
	*ro_top = *top();
	if (wire.reader.conn == NULL)
		wire.reader = (struct nfs){ .conn = rpc_dial_from(source, wire_host(),
		    wire_port()), .cred = { .flavor = RPC_AUTH_SYS } };
	TRUE(wire.reader.conn != NULL);
	return &wire.reader;
}

void
wire_restart(const char *how)
{
	char command[1024];

	snprintf(command, sizeof command, "%s %s >/dev/null", wire_need("DFS_TEST_RESTART"), how);
	wire_drop();
	if (system(command) != 0)
		check_fail(__FILE__, __LINE__, "the restart failed: %s", command);
}

struct nfs_fh
wire_mount(const char *path)
{
	static struct mount_res found;
	struct nfs n = nfs_dial(wire_host(), wire_mount_port(), 0, 0);
	int status = mount_run(&n, MOUNT_MNT, path, &found);

	nfs_hangup(&n);
	if (status != 0)
		check_fail(__FILE__, __LINE__, "MNT %s: %d %s", path, status,
		    nfs_stat_name(status));
	return found.fh;
}

const struct nfs_fh *
top(void)
{
	if (wire.top.len == 0)
		wire.top = wire_mount(wire_export());
	return &wire.top;
}

/* All of the listing that is no folder, many at a time: one case leaves 65,000 links. */
static void
remove_files(const struct nfs_fh *dir, const struct nfs_res *list)
{
	enum { FLIGHT = 128 };
	static struct nfs_res gone;
	size_t i = 0;

	while (i < list->entry_count) {
		uint32_t xids[FLIGHT], n = 0;

		for (; i < list->entry_count && n < FLIGHT; i++) {
			const struct nfs_entry *e = &list->entries[i];
			struct nfs_call c = { .proc = NFS_REMOVE, .fh = dir, .name = e->name };

			if (!e->attr.ok || e->attr.type == NFS_DIR)
				continue;
			if (!nfs_send(root(), &c))
				return;
			xids[n++] = root()->xid;
		}
		for (uint32_t k = 0; k < n; k++)
			nfs_recv(root(), NFS_REMOVE, xids[k], &gone);
	}
}

static void
empty_dir(const struct nfs_fh *dir, int depth)
{
	static struct nfs_res gone;
	struct nfs_res list = { 0 };

	for (int round = 0; round < 400; round++) {
		if (nfs_readdirplus(root(), dir, 0, NULL, 65536, &list) != NFS_OK)
			break;
		size_t left = 0;

		remove_files(dir, &list);
		for (size_t i = 0; i < list.entry_count; i++) {
			const char *name = list.entries[i].name;
			struct nfs_res found = { 0 };

			if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
				continue;
			left++;
			if (list.entries[i].attr.ok && list.entries[i].attr.type != NFS_DIR)
				continue;
			if (nfs_lookup(root(), dir, name, &found) == NFS_OK &&
			    found.obj.type == NFS_DIR && depth < DEPTH_MAX) {
				empty_dir(&found.fh, depth + 1);
				nfs_rmdir(root(), dir, name, &gone);
			} else {
				nfs_remove(root(), dir, name, &gone);
			}
			nfs_res_free(&found);
		}
		if (left == 0)
			break;
	}
	nfs_res_free(&list);
}

static void
drop_homes(void)
{
	static struct nfs_res found, gone;
	struct nfs n = nfs_dial(wire_host(), wire_port(), 0, 0);

	wire_drop();
	if (n.conn == NULL)
		return;
	wire.root = n;
	wire.root.conn->wait_ms = 5000;
	for (size_t i = 0; i < wire.home_count; i++) {
		if (nfs_lookup(root(), &wire.top, wire.homes[i], &found) != NFS_OK)
			continue;
		struct nfs_fh home = found.fh;

		empty_dir(&home, 0);
		nfs_rmdir(root(), &wire.top, wire.homes[i], &gone);
	}
	wire_drop();
}

struct nfs_fh
fresh(void)
{
	char *name = wire.homes[wire.home_count];

	TRUE(wire.home_count < HOMES_MAX - 1);
	if (!wire.exits)
		atexit(drop_homes);
	wire.exits = true;
	snprintf(name, sizeof wire.homes[0], "wire.%d.%zu", (int)getpid(), wire.home_count);
	wire.home_count++;
	return make_dir(top(), name, 0777);
}

struct nfs_fh
make_file(const struct nfs_fh *dir, const char *name, uint32_t mode)
{
	WANT(nfs_create(root(), dir, name, mode, &res), NFS_OK);
	if (!res.fh_ok)
		WANT(nfs_lookup(root(), dir, name, &res), NFS_OK);
	return res.fh;
}

struct nfs_fh
make_dir(const struct nfs_fh *dir, const char *name, uint32_t mode)
{
	WANT(nfs_mkdir(root(), dir, name, mode, &res), NFS_OK);
	if (!res.fh_ok)
		WANT(nfs_lookup(root(), dir, name, &res), NFS_OK);
	return res.fh;
}

void
fill_file(const struct nfs_fh *fh, uint64_t offset, const void *data, uint32_t len)
{
	WANT(nfs_write(root(), fh, offset, data, len, NFS_FILE_SYNC, &res), NFS_OK);
	EQ(res.count, len);
}

struct nfs_attr
attr_of(const struct nfs_fh *fh)
{
	static struct nfs_res own;

	WANT(nfs_getattr(root(), fh, &own), NFS_OK);
	return own.obj;
}

struct nfs_sattr
set_mode(uint32_t mode)
{
	return (struct nfs_sattr){ .mode_set = true, .mode = mode };
}

struct nfs_sattr
set_owner(uint32_t uid, uint32_t gid)
{
	return (struct nfs_sattr){ .uid_set = uid != UINT32_MAX, .uid = uid,
		.gid_set = gid != UINT32_MAX, .gid = gid };
}

struct nfs_sattr
set_size(uint64_t size)
{
	return (struct nfs_sattr){ .size_set = true, .size = size };
}

const char *
long_name(size_t len)
{
	static char name[4097];

	TRUE(len < sizeof name);
	memset(name, 'n', len);
	name[len] = '\0';
	return name;
}

struct nfs_fh
stale_file(void)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "gone", 0666);

	WANT(nfs_remove(root(), &dir, "gone", &res), NFS_OK);
	return fh;
}

struct nfs_fh
stale_dir(void)
{
	struct nfs_fh dir = fresh(), fh = make_dir(&dir, "gone", 0777);

	WANT(nfs_rmdir(root(), &dir, "gone", &res), NFS_OK);
	return fh;
}

int
time_cmp(struct nfs_time a, struct nfs_time b)
{
	if (a.sec != b.sec)
		return a.sec < b.sec ? -1 : 1;
	return a.nsec < b.nsec ? -1 : a.nsec > b.nsec;
}

bool
same_fh(const struct nfs_fh *a, const struct nfs_fh *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

void
sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

int
call_on(struct nfs *n, enum nfs_proc proc, const struct nfs_fh *fh, struct nfs_res *r)
{
	struct nfs_call c = { .proc = proc, .fh = fh, .name = "name", .to_fh = fh,
		.to_name = "other", .access = NFS_ACC_ALL, .how = NFS_GUARDED, .type = NFS_FIFO,
		.count = proc == NFS_WRITE ? 4 : 4096, .dircount = 4096, .data = "data",
		.data_len = 4, .attr = set_mode(0644) };

	return nfs_run(n, &c, r);
}

void
wire_want(const char *file, int line, const char *what, int got, int want, int or_want)
{
	if (got == want || got == or_want)
		return;
	if (got == NFS_LOST)
		wire_drop();
	if (want == or_want)
		check_fail(file, line, "%s is %s, not %s", what, nfs_stat_name(got),
		    nfs_stat_name(want));
	check_fail(file, line, "%s is %s, neither %s nor %s", what, nfs_stat_name(got),
	    nfs_stat_name(want), nfs_stat_name(or_want));
}

void
wire_wcc(const char *file, int line, const struct nfs_wcc *wcc)
{
	if (!wcc->before_ok || !wcc->after.ok)
		check_fail(file, line, "wcc data without attributes before (%d) or after (%d)",
		    wcc->before_ok, wcc->after.ok);
	if (time_cmp(wcc->after.ctime, wcc->ctime) < 0)
		check_fail(file, line, "wcc data: ctime went back");
}
