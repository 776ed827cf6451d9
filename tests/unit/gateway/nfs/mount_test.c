/*
 * MOUNT, through the same service as NFS.
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/nfs/mount/list.h"
#include "gateway/nfs/mount/mount.h"
#include "gateway/wire_codes.h"

#include "tests/lib/check.h"

enum { MNT = 1, DUMP, UMNT, UMNTALL, EXPORT };

static enum decoded
ask(struct fake *f, uint32_t proc, const char *path)
{
	uint8_t m[4096];
	struct writer w = writer_of(m, sizeof m);

	fake_head(&w, 1, MOUNT_PROGRAM, MOUNT_VERSION, proc);
	if (path != NULL)
		xdr_put_str(&w, path);
	return fake_decode(f, m, w.len);
}

static void
mount_it(struct fake *f, const char *path)
{
	EQ(ask(f, MNT, path), DECODED_OP);
	fake_answer(f);
	(void)fake_encode(f);
}

CASE(a_mount_attaches_and_gives_the_roots_handle)
{
	struct fake *f = fake_new();
	struct reader r;
	struct slice fh;

	mount_list_start(4);
	EQ(ask(f, MNT, "/export///"), DECODED_OP);
	EQ(f->job.op.kind, OP_ATTACH);
	TRUE(slice_eq(f->job.op.arg.attach.path, slice_str("/export")));
	fake_answer(f);
	r = fake_encode(f);
	EQ(xdr_u32(&r), 0);
	fh = xdr_opaque(&r, 64);
	EQ(fh.len, HANDLE_BYTES);
	EQ(get_be64(fh.at + 12), INO_ROOT);
	EQ(xdr_u32(&r), 1);
	EQ(xdr_u32(&r), RPC_AUTH_SYS);
	EQ(reader_left(&r), 0);
	fake_free(&f);
	mount_list_stop();
}

CASE(a_refused_mount_says_why_in_mounts_own_words)
{
	static const struct { enum status st; uint32_t wire; } t[] = { { ST_ACCES, 13 },
		{ ST_NOENT, 2 }, { ST_STALE, 2 }, { ST_DELAY, 10006 },
		{ ST_NOTDIR, 20 } };
	struct fake *f = fake_new();

	mount_list_start(4);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct reader r;

		EQ(ask(f, MNT, "/x"), DECODED_OP);
		f->job.status = t[i].st;
		r = fake_encode(f);
		EQ(xdr_u32(&r), t[i].wire);
		EQ(reader_left(&r), 0);
	}
	fake_free(&f);
	mount_list_stop();
}

/* One answer of the walk: the name that was asked for next. */
static void
step(struct fake *f, const char *name, uint64_t from)
{
	fake_answer(f);
	f->job.op.found_attr.type = TYPE_DIR;
	(void)fake_encode(f);
	TRUE(f->again);
	EQ(f->w.len, 0);
	EQ(f->job.op.kind, OP_LOOKUP);
	EQ(f->job.op.file.ino, from);
	TRUE(slice_eq(f->job.op.name, slice_str(name)));
}

CASE(a_mount_below_a_share_walks_down_from_its_root)
{
	struct fake *f = fake_new();
	struct reader r;

	mount_list_start(4);
	EQ(ask(f, MNT, "/export//a/./b/"), DECODED_OP);
	TRUE(slice_eq(f->job.op.arg.attach.path, slice_str("/export")));
	step(f, "a", INO_ROOT);
	step(f, "b", 99);
	fake_answer(f);
	f->job.op.found_attr.type = TYPE_DIR;
	r = fake_encode(f);
	FALSE(f->again);
	EQ(xdr_u32(&r), 0);
	EQ(get_be64(xdr_opaque(&r, 64).at + 12), 99);
	EQ(ask(f, MNT, "/export/file"), DECODED_OP);
	step(f, "file", INO_ROOT);
	fake_answer(f);
	r = fake_encode(f);
	EQ(xdr_u32(&r), NFS3ERR_NOTDIR);
	EQ(ask(f, MNT, "/export/../etc"), DECODED_OP);
	fake_answer(f);
	r = fake_encode(f);
	FALSE(f->again);
	EQ(xdr_u32(&r), NFS3ERR_ACCES);
	EQ(ask(f, MNT, "/exporter"), DECODED_OP);
	TRUE(slice_eq(f->job.op.arg.attach.path, slice_str("/exporter")));
	fake_free(&f);
	mount_list_stop();
	EQ(fake_share_refs, 0);
}

static uint32_t
dumped(struct fake *f, char *last, size_t room)
{
	struct reader r;
	uint32_t n = 0;

	EQ(ask(f, DUMP, NULL), DECODED_REPLY);
	r = fake_encode(f);
	while (xdr_bool(&r)) {
		TRUE(slice_eq(xdr_opaque(&r, 255), slice_str("127.0.0.1")));
		struct slice path = xdr_opaque(&r, 1024);

		TRUE(path.len < room);
		memcpy(last, path.at, path.len);
		last[path.len] = '\0';
		n++;
	}
	EQ(reader_ok(&r), true);
	EQ(reader_left(&r), 0);
	return n;
}

CASE(the_list_of_mounts_is_kept_once_each_and_bounded)
{
	struct fake *f = fake_new();
	char last[64] = "";

	mount_list_start(3);
	EQ(dumped(f, last, sizeof last), 0);
	mount_it(f, "/a");
	mount_it(f, "/b");
	mount_it(f, "/a");
	EQ(dumped(f, last, sizeof last), 2);
	EQ_STR(last, "/a");
	mount_it(f, "/c");
	mount_it(f, "/d");
	EQ(dumped(f, last, sizeof last), 3);
	EQ_STR(last, "/d");
	EQ(ask(f, UMNT, "/d"), DECODED_REPLY);
	(void)fake_encode(f);
	EQ(dumped(f, last, sizeof last), 2);
	EQ(ask(f, UMNTALL, NULL), DECODED_REPLY);
	EQ(dumped(f, last, sizeof last), 0);
	fake_free(&f);
	mount_list_stop();
}

CASE(exports_are_listed_with_their_hosts)
{
	struct fake *f = fake_new();
	struct reader r;

	mount_list_start(3);
	EQ(ask(f, EXPORT, NULL), DECODED_REPLY);
	r = fake_encode(f);
	EQ(xdr_bool(&r), true);
	TRUE(slice_eq(xdr_opaque(&r, 255), slice_str("/export")));
	EQ(xdr_bool(&r), true);
	TRUE(slice_eq(xdr_opaque(&r, 255), slice_str("10.0.0.0/8")));
	EQ(xdr_bool(&r), true);
	TRUE(slice_eq(xdr_opaque(&r, 255), slice_str("*")));
	EQ(xdr_bool(&r), false);
	EQ(xdr_bool(&r), false);
	EQ(reader_left(&r), 0);
	fake_free(&f);
	mount_list_stop();
}

CASE(overlong_paths_are_garbage)
{
	struct fake *f = fake_new();
	char path[MOUNT_PATH_MAX + 8];

	mount_list_start(3);
	memset(path, 'x', sizeof path);
	path[MOUNT_PATH_MAX + 1] = '\0';
	EQ(ask(f, MNT, path), DECODED_REPLY);
	EQ(ask(f, UMNT, path), DECODED_REPLY);
	(void)fake_encode(f);
	EQ(get_be32(f->out + 24), RPC_GARBAGE_ARGS);
	fake_free(&f);
	mount_list_stop();
}
