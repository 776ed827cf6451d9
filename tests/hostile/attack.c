/*
 * Garbage, bombs and mutants.
 */
#include "tests/hostile/hostile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLOOD = 1 << 20, PATIENCE_MS = 15000, BATCH = 32, KINDS = 10,
	TAIL_MS = 200 };

static void
put_be(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 24);
	to[1] = (uint8_t)(v >> 16);
	to[2] = (uint8_t)(v >> 8);
	to[3] = (uint8_t)v;
}

/* Send, and see whether the server hangs up; it may also ignore us, which is fine. */
static void
one_try(const struct target *t, const uint8_t *bytes, size_t len, struct attack_figures *f)
{
	int fd = wire_dial(t, 240);

	f->tries++;
	if (fd < 0) {
		f->closed++;
		return;
	}
	if (!wire_send(fd, bytes, len) || wire_until_closed(fd, TAIL_MS))
		f->closed++;
	else
		f->survived++;
	close(fd);
}

void
attack_garbage(const struct target *t, unsigned rounds, struct attack_figures *f)
{
	uint8_t *bytes = malloc(FLOOD);

	for (unsigned i = 0; bytes != NULL && i < rounds; i++) {
		size_t len = hostile_rand() % FLOOD + 1;

		for (size_t at = 0; at + 8 <= len; at += 8) {
			uint64_t r = hostile_rand();

			memcpy(bytes + at, &r, 8);
		}
		if (i % 2 == 0 && len > 4)	/* a record at least: garbage within */
			put_be(bytes, 0x80000000u | (uint32_t)(hostile_rand() % 4096));
		one_try(t, bytes, len, f);
	}
	free(bytes);
}

/* --- bombs: record marks that lie --- */

/* Fill to with a bomb of that kind; its length. */
static size_t
bomb(const struct target *t, unsigned kind, uint8_t *to)
{
	static const uint32_t marks[KINDS] = { 0x80000000u | 400, 0xffffffffu, 0x7fffffffu, 0, 1,
		0x80000000u, 0x80000000u | (4u << 20), 0x80000001u, 0x00100000u, 3 };
	struct rpc_cred cred = { .flavor = RPC_AUTH_NONE };
	struct enc e = { 0 };
	size_t len = 0;

	switch (kind) {
	case 0:			/* cut short */
	case 1:			/* as long as can be said, last and not last */
	case 2:
	case 6:
		memset(to, 0, FLOOD);
		put_be(to, marks[kind]);
		return kind == 0 ? 204 : FLOOD;
	case 4:			/* a valid call, a byte a fragment, then never a last one */
		nfs_enc_call(&e, 7, &cred,
		    &(struct nfs_call){ .proc = NFS_GETATTR, .fh = &t->root });
		for (size_t i = 0; i < FLOOD / 5; i++) {
			put_be(to + len, 1);
			to[len + 4] = i < e.len ? e.bytes[i] : 0;
			len += 5;
		}
		enc_free(&e);
		return len;
	case 8:			/* whole fragments of a megabyte, none the last */
		memset(to, 0xa5, FLOOD);
		put_be(to, FLOOD - 4);
		return FLOOD;
	default:		/* the same small fragment, empty or nearly so, again and again */
		while (len + 8 <= FLOOD) {
			uint32_t n = marks[kind] & 0x7fffffffu;

			put_be(to + len, marks[kind]);
			memset(to + len + 4, 0, n);
			len += 4 + n;
		}
		return len;
	}
}

void
attack_bombs(const struct target *t, unsigned rounds, struct attack_figures *f)
{
	uint8_t *bytes = malloc(FLOOD + 16);

	for (unsigned i = 0; bytes != NULL && i < rounds; i++) {
		unsigned kind = i % KINDS;
		size_t len = bomb(t, kind, bytes);

		one_try(t, bytes, len, f);
	}
	free(bytes);
}

/* --- mutants --- */

static const char *const names[] = { "a", "b", "c", "d", "e", "dir", "f", ".", "..", "g/h", "" };

static const char *
some_name(void)
{
	return names[hostile_rand() % (sizeof names / sizeof *names)];
}

/* A valid call of any NFS procedure, on what attacks may touch. */
static void
seed_nfs(const struct target *t, struct enc *e, uint32_t xid)
{
	static const uint8_t data[3000] = { 1, 2, 3 };
	struct rpc_cred cred = { .flavor = RPC_AUTH_SYS, .machine = "mutant", .gid_count = 2 };
	enum nfs_proc proc = (enum nfs_proc)(hostile_rand() % NFS_PROCS);
	bool on_dir = proc == NFS_LOOKUP || (proc >= NFS_CREATE && proc <= NFS_RENAME) ||
	    proc >= NFS_READDIR;
	struct nfs_call call = { .proc = proc,
		.fh = on_dir && proc != NFS_COMMIT ? &t->dir : &t->file,
		.to_fh = &t->dir,
		.name = some_name(),
		.to_name = some_name(),
		.offset = hostile_rand() % 100000,
		.count = (uint32_t)(hostile_rand() % 4096),
		.access = 63,
		.dircount = 1024,
		.type = NFS_FIFO,
		.data = data };

	if (proc == NFS_WRITE)
		call.data_len = call.count = (uint32_t)(hostile_rand() % sizeof data);
	if (proc == NFS_READDIR || proc == NFS_READDIRPLUS)
		call.count = 4096, call.offset = 0;
	call.attr.size_set = hostile_rand() % 8 == 0;
	call.attr.size = hostile_rand() % 100000;
	nfs_enc_call(e, xid, &cred, &call);
}

static void
seed_other(const struct target *t, struct enc *e, uint32_t xid)
{
	struct rpc_cred cred = { .flavor = RPC_AUTH_NONE };
	uint64_t r = hostile_rand();

	if (r % 2 == 0) {
		rpc_begin(e, xid, &cred, MOUNT_PROG, MOUNT_V3, (uint32_t)(r >> 8) % MOUNT_PROCS);
		enc_string(e, t->export);
	} else {
		rpc_begin(e, xid, &cred, PMAP_PROG, 2 + (uint32_t)(r >> 8) % 3,
		    (uint32_t)(r >> 16) % 8);
		enc_u32(e, NFS_PROG);
		enc_u32(e, NFS_V3);
		enc_u32(e, 6);
		enc_u32(e, 0);
	}
}

static void
damage(struct enc *e)
{
	static const uint32_t nasty[] = { 0, 1, 2, 3, 4, 63, 64, 65, 255, 256, 0x7fffffff,
		0x80000000, 0xfffffffc, 0xffffffff };
	uint64_t r = hostile_rand();
	size_t at = (size_t)(r >> 8) % e->len;

	switch (r % 4) {
	case 0:
		e->bytes[at] ^= (uint8_t)(1u << (r >> 48) % 8);
		break;
	case 1:
		e->bytes[at] = (uint8_t)(r >> 48);
		break;
	case 2:
		put_be(e->bytes + (at & ~(size_t)3) % (e->len - 3), nasty[(r >> 48) %
		    (sizeof nasty / sizeof *nasty)]);
		break;
	default:
		e->len = at < 8 ? 8 : at;
		break;
	}
}

/* One record with a mutant in it, behind what is there.  True: its mark lies, so that the server
 * may rightly wait for more than will come. */
static bool
add_mutant(const struct target *t, struct enc *to, uint32_t xid)
{
	struct enc e = { 0 };
	uint32_t mark;
	bool lies = hostile_rand() % 4096 == 0;

	if (hostile_rand() % 8 == 0)
		seed_other(t, &e, xid);
	else
		seed_nfs(t, &e, xid);
	for (uint64_t n = hostile_rand() % 4 + 1; n > 0; n--)
		damage(&e);
	mark = 0x80000000u | (uint32_t)e.len;
	if (lies)
		mark ^= 1u << hostile_rand() % 32;
	enc_u32(to, mark);
	enc_raw(to, e.bytes, e.len);
	to->len -= (4 - e.len % 4) % 4;		/* a record need not be whole words */
	enc_free(&e);
	return lies;
}

/* A batch, then a NULL call whose answer says that the server has seen it all. */
static int
batch(const struct target *t, int fd, uint32_t *xid, unsigned n, struct mutant_figures *f)
{
	struct rpc_cred none = { .flavor = RPC_AUTH_NONE };
	struct enc to = { 0 }, e = { 0 };
	uint32_t last = 0xfeed0000u | (*xid & 0xffff);
	bool sent, lies = false;
	int r;

	for (unsigned i = 0; i < n; i++)
		lies |= add_mutant(t, &to, (*xid)++);
	rpc_begin(&e, last, &none, NFS_PROG, NFS_V3, NFS_NULL);
	enc_u32(&to, 0x80000000u | (uint32_t)e.len);
	enc_raw(&to, e.bytes, e.len);
	enc_free(&e);
	sent = wire_send(fd, to.bytes, to.len);
	enc_free(&to);
	r = sent ? wire_until_reply(fd, last, lies ? TAIL_MS : PATIENCE_MS, &f->replies) : 0;
	f->sent += n;
	f->hangups += r == 0;
	f->misled += r < 0 && lies;
	f->stuck += r < 0 && !lies;
	return r;
}

void
attack_mutants(const struct target *t, uint64_t messages, struct mutant_figures *f)
{
	uint32_t xid = 1;
	int fd = -1;

	while (f->sent < messages && f->stuck < 3) {
		unsigned n = messages - f->sent < BATCH ? (unsigned)(messages - f->sent) : BATCH;
		int r;

		if (fd < 0)
			fd = wire_dial(t, 241);
		if (fd < 0) {
			f->stuck++;
			continue;
		}
		r = batch(t, fd, &xid, n, f);
		if (r != 1) {
			close(fd);
			fd = -1;
		}
		if (f->sent % (BATCH * 16) == 0)
			crowd_dribble(16);
	}
	if (fd >= 0)
		close(fd);
}
