/*
 * Stand-ins for share, registry, connection and the machine; and the calls.
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/nfs/mount/mount.h"
#include "gateway/nfs/v3/types.h"
#include "gateway/nfs/v3/v3.h"
#include "gateway/rpc/dispatch.h"
#include "gateway/rpc/record.h"

#include "pipeline/net/conn.h"
#include "pipeline/net/net.h"

#include <stdlib.h>

static struct share share = {
	.magic = SHARE_MAGIC,
	.conf = { .name = "/export", .nrules = 2,
		.rules = { { .hosts = "10.0.0.0/8" }, { .hosts = "*" } } },
	.row = { .share = FAKE_SHARE },
};
int fake_share_refs;

static const struct rpc_program *const programs[] = { &v3_program, &mount_program };

struct rpc_service fake_service = {
	.protocol = { .name = "nfs", .message_max = RPC_MESSAGE_MAX,
		.frame = rpc_record_frame, .join = rpc_record_join,
		.decode = rpc_dispatch_decode,
		.encode = rpc_dispatch_encode, .finish = rpc_dispatch_finish },
	.nprograms = 2,
	.programs = programs,
};

void
handle_encode(const struct share *s, const struct file_id *id, uint8_t to[HANDLE_BYTES])
{
	memset(to, 0, HANDLE_BYTES);
	to[0] = 1;
	put_be64(to + 4, s->row.share);
	put_be64(to + 12, id->ino);
	put_be32(to + 20, id->gen);
	put_be64(to + 40, ~id->ino);
}

enum status
handle_decode(struct slice bytes, struct share **sharep, struct file_id *id)
{
	if (bytes.len != HANDLE_BYTES || bytes.at[0] != 1 ||
	    get_be64(bytes.at + 40) != ~get_be64(bytes.at + 12))
		return ST_BADHANDLE;
	if (get_be64(bytes.at + 4) != FAKE_SHARE)
		return ST_STALE;
	*id = (struct file_id){ .share = FAKE_SHARE, .ino = get_be64(bytes.at + 12),
		.gen = get_be32(bytes.at + 20) };
	*sharep = &share;
	fake_share_refs++;
	return OK;
}

enum status
handle_decode_same(struct slice bytes, const struct share *s, struct file_id *id)
{
	struct share *other = NULL;
	enum status st;

	if (bytes.len == HANDLE_BYTES && get_be64(bytes.at + 4) == FAKE_OTHER)
		return ST_XDEV;
	st = handle_decode(bytes, &other, id);
	if (st == OK)
		fake_share_refs--;
	(void)s;
	return st;
}

struct share *
registry_by_name(const void *name, size_t len)
{
	if (len != strlen(share.conf.name) || memcmp(name, share.conf.name, len) != 0)
		return NULL;
	fake_share_refs++;
	return &share;
}

struct share_rules *
share_rules_get(struct share *s)
{
	return rules_new(&s->conf);
}

void
share_put(struct share **sp)
{
	if (TAKE(sp) != NULL)
		fake_share_refs--;
}

void
registry_each(void (*see)(struct share *s, void *arg), void *arg)
{
	see(&share, arg);
}

const uint8_t *
conn_peer_addr(const struct conn *c)
{
	return c->addr;
}

uint64_t
conn_number(const struct conn *c)
{
	(void)c;
	return 1;
}

void
conn_saw(struct conn *c, uint32_t version, const struct claim *claim)
{
	(void)c, (void)version, (void)claim;
}

enum status
net_listen(const char *addr, uint16_t port, const struct protocol *proto, uint16_t *portp)
{
	(void)proto;
	if (strchr(addr, ':') != NULL)
		return ST_NOTSUPP;		/* a host without IPv6 */
	*portp = port != 0 ? port : 4711;
	return OK;
}

enum status
net_listen_udp(const char *addr, uint16_t port, const struct protocol *proto,
    uint16_t *portp)
{
	return net_listen(addr, port, proto, portp);
}

void
net_stop_listening(void)
{
}

struct fake *
fake_new(void)
{
	struct fake *f = xcalloc(1, sizeof *f);

	f->conn.addr[10] = f->conn.addr[11] = 0xff;
	f->conn.addr[12] = 127;
	f->conn.addr[15] = 1;
	f->job.magic = JOB_MAGIC;
	arena_init(&f->job.arena, f->job.home_block, JOB_HOME_BYTES, JOB_ARENA_MAX);
	chain_init(&f->job.io.data);
	return f;
}

void
fake_finish(struct fake *f)
{
	struct job *job = &f->job;

	if (job->wire != NULL && job->protocol->finish != NULL)
		job->protocol->finish(job);
	for (uint32_t i = 0; i < f->w.ncites; i++)
		slice_put(&f->w.cites[i].bytes);
	slice_put(&job->message);
	chain_clear(&job->io.data);
	if (job->share != NULL)
		fake_share_refs--;
	arena_rewind(&job->arena);
	memset(&job->floor, 0, offsetof(struct job, arena) - offsetof(struct job, floor));
	chain_init(&job->io.data);
	f->w = writer_of(NULL, 0);
}

void
fake_free(struct fake **fp)
{
	struct fake *f = TAKE(fp);

	fake_finish(f);
	free(f);
}

enum decoded
fake_decode(struct fake *f, const void *message, size_t len)
{
	struct buf *buf = buf_new((uint32_t)MAX(len, (size_t)1));

	fake_finish(f);
	memcpy(buf->bytes, message, len);
	f->job.protocol = &fake_service.protocol;
	f->job.conn = &f->conn;
	f->job.message = (struct slice){ buf, buf->bytes, (uint32_t)len };
	return f->job.protocol->decode(&f->job);
}

static struct attr
attr_of(uint64_t ino, uint8_t type)
{
	return (struct attr){ .type = type, .mode = 0644, .nlink = 3,
		.uid = 1000, .gid = 100, .gen = FAKE_GEN, .rdev_major = 8, .rdev_minor = 1,
		.size = 0x123456789a,
		.used = 4096, .fsid = 0xf51d, .ino = ino, .atime = { 1, 2 },
		.mtime = { 3, 4 }, .ctime = { 5, 6 } };
}

static struct op_pair
pair_of(uint64_t ino, uint8_t type)
{
	return (struct op_pair){ true, true, { 77, 1, { 1, 1 }, { 2, 2 } },
		attr_of(ino, type) };
}

void
fake_answer(struct fake *f)
{
	struct op *op = &f->job.op;

	f->job.share = f->job.share ? f->job.share : (fake_share_refs++, &share);
	op->on = pair_of(op->file.ino, TYPE_DIR);
	op->on2 = pair_of(op->file2.ino, TYPE_DIR);
	op->has_found = true;
	op->found = (struct file_id){ .share = FAKE_SHARE, .ino = 99, .gen = 1 };
	op->found_attr = attr_of(99, op->kind == OP_ATTACH ? TYPE_DIR : TYPE_REG);
	if (op->kind == OP_READLINK)
		op->res.readlink.target = slice_str("../target");
	if (op->kind == OP_WRITE) {
		op->res.write.count = f->job.io.count;
		op->res.write.committed = STABLE_FILE;
		op->res.write.verf = 0x1122334455667788;
	}
	if (op->kind == OP_READDIR)
		op->res.readdir.eof = true;
	if (op->kind == OP_ATTACH)
		op->found.ino = INO_ROOT;
}

struct reader
fake_encode(struct fake *f)
{
	struct reader r;

	f->w = writer_of(f->out, sizeof f->out);
	f->w.cites = f->cites;
	f->w.cites_max = 64;
	f->again = f->job.protocol->encode(&f->job, &f->w) == ENCODED_AGAIN;
	r = reader_of(f->out, f->w.len);
	reader_skip(&r, 4 + 24);
	return r;
}

void
fake_handle(struct writer *w, uint64_t ino)
{
	uint8_t fh[HANDLE_BYTES];

	handle_encode(&share, &(struct file_id){ .ino = ino, .gen = FAKE_GEN }, fh);
	xdr_put_opaque(w, fh, sizeof fh);
}

void
fake_head(struct writer *w, uint32_t xid, uint32_t prog, uint32_t vers, uint32_t proc)
{
	uint32_t at;

	xdr_put_u32(w, xid);
	xdr_put_u32(w, 0);
	xdr_put_u32(w, 2);
	xdr_put_u32(w, prog);
	xdr_put_u32(w, vers);
	xdr_put_u32(w, proc);
	xdr_put_u32(w, RPC_AUTH_SYS);
	at = writer_mark(w);
	xdr_put_u32(w, 0);
	xdr_put_u32(w, 0x57a3b);
	xdr_put_str(w, "client");
	xdr_put_u32(w, 1000);
	xdr_put_u32(w, 100);
	xdr_put_u32(w, 3);
	xdr_put_u32(w, 100);
	xdr_put_u32(w, 27);
	xdr_put_u32(w, 4000000000u);
	writer_patch_be32(w, at, w->len - at - 4);
	xdr_put_u64(w, 0);
}

static void
put_sattr(struct writer *w)
{
	xdr_put_bool(w, true);
	xdr_put_u32(w, 0100750);
	xdr_put_bool(w, false);
	xdr_put_bool(w, true);
	xdr_put_u32(w, 4);
	xdr_put_bool(w, true);
	xdr_put_u64(w, 12345);
	xdr_put_u32(w, V3_TIME_SERVER);
	xdr_put_u32(w, V3_TIME_CLIENT);
	xdr_put_u32(w, 4000000000u);
	xdr_put_u32(w, 999999999);
}

static void
put_where(struct writer *w, const char *name)
{
	fake_handle(w, FAKE_DIR);
	xdr_put_str(w, name);
}

/* Of what makes a file: its place, then what it shall be. */
static void
put_made(struct writer *w, uint32_t proc)
{
	put_where(w, "made");
	switch (proc) {
	case V3_CREATE:
		xdr_put_u32(w, CREATE_EXCLUSIVE);
		xdr_put_u64(w, 0x0102030405060708);
		break;
	case V3_MKDIR:
		put_sattr(w);
		break;
	case V3_SYMLINK:
		put_sattr(w);
		xdr_put_str(w, "../where");
		break;
	case V3_MKNOD:
		xdr_put_u32(w, 3);
		put_sattr(w);
		xdr_put_u32(w, 8);
		xdr_put_u32(w, 17);
		break;
	}
}

static void
put_args(struct writer *w, uint32_t proc)
{
	static const uint8_t data[] = "seven b";

	switch (proc) {
	case V3_NULL:
		break;
	case V3_GETATTR: case V3_READLINK: case V3_FSSTAT:
	case V3_FSINFO: case V3_PATHCONF:
		fake_handle(w, FAKE_FILE);
		break;
	case V3_SETATTR:
		fake_handle(w, FAKE_FILE);
		put_sattr(w);
		xdr_put_bool(w, true);
		xdr_put_u32(w, 5);
		xdr_put_u32(w, 6);
		break;
	case V3_LOOKUP: case V3_REMOVE: case V3_RMDIR:
		put_where(w, "name");
		break;
	case V3_ACCESS:
		fake_handle(w, FAKE_FILE);
		xdr_put_u32(w, 0xffffffff);
		break;
	case V3_READ: case V3_COMMIT:
		fake_handle(w, FAKE_FILE);
		xdr_put_u64(w, 4096);
		xdr_put_u32(w, 65536);
		break;
	case V3_WRITE:
		fake_handle(w, FAKE_FILE);
		xdr_put_u64(w, 4096);
		xdr_put_u32(w, 7);
		xdr_put_u32(w, STABLE_DATA);
		xdr_put_opaque(w, data, 7);
		break;
	case V3_CREATE: case V3_MKDIR: case V3_SYMLINK: case V3_MKNOD:
		put_made(w, proc);
		break;
	case V3_RENAME:
		put_where(w, "from");
		fake_handle(w, FAKE_DIR2);
		xdr_put_str(w, "to");
		break;
	case V3_LINK:
		fake_handle(w, FAKE_FILE);
		put_where(w, "made");
		break;
	case V3_READDIR: case V3_READDIRPLUS:
		fake_handle(w, FAKE_DIR);
		xdr_put_u64(w, 3);
		xdr_put_u64(w, 1);
		if (proc == V3_READDIRPLUS)
			xdr_put_u32(w, 512);
		xdr_put_u32(w, 4096);
		break;
	}
}

uint32_t
fake_call3(uint8_t *to, uint32_t cap, uint32_t xid, uint32_t proc)
{
	struct writer w = writer_of(to, cap);

	fake_head(&w, xid, V3_PROGRAM, V3_VERSION, proc);
	put_args(&w, proc);
	assert(writer_ok(&w));
	return w.len;
}
