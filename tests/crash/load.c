/*
 * The load: each worker changes its own directory by requests whose outcome it knows, survives
 * the server's end by sending the same requests again, and looks at all it has when it is back.
 */
#include "tests/crash/model.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WRITE_BLOCKS = 32,
	WORKERS_MAX = 64,
	WAIT_MS = 20000,
	LOOK_EVERY = 2000,
	LOOK_AGAIN = 4
};	/* much data: the second look after a crash is not always taken */

struct worker {
	const struct plan *plan;
	int id, fd;
	struct nfs n;
	struct nfs_fh top, dirs[DIRS];
	struct model m;
	struct nfs_res res;
	uint32_t seq, serial;
	uint64_t rnd, ops, bytes;
	int crashes;
	bool lost, given_up;
	char names[2][16], target[32];
	uint8_t *payload;
	char fail[320];
};

static atomic_bool stop;

static void
on_signal(int signal)
{
	(void)signal;
	stop = true;
}

static uint32_t
dice(struct worker *w, uint32_t sides)
{
	w->rnd ^= w->rnd << 13;
	w->rnd ^= w->rnd >> 7;
	w->rnd ^= w->rnd << 17;
	return (uint32_t)(w->rnd >> 20) % sides;
}

static void
nap_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L },
	    NULL);
}

static bool
reconnect(struct worker *w)
{
	uint64_t end = clock_ns() + (uint64_t)w->plan->patience * 1000000000u;
	uint32_t xid = w->n.conn ? w->n.conn->xid_next : (uint32_t)w->rnd;

	nfs_hangup(&w->n);
	while (!stop && clock_ns() < end) {
		w->n = nfs_dial(w->plan->host, w->plan->port, 0, 0);
		if (w->n.conn != NULL) {
			w->n.conn->wait_ms = WAIT_MS;
			w->n.conn->xid_next = xid;
			return true;
		}
		nap_ms(20);
	}
	w->given_up = true;
	return false;
}

static bool
log_record(struct worker *w, uint32_t kind, const struct op *op)
{
	struct record r;

	memset(&r, 0, sizeof r);
	r.kind = kind;
	r.seq = w->seq;
	r.op = *op;
	if (kind == REC_ACKED) {
		r.status = w->res.status;
		r.committed = w->res.committed;
		memcpy(r.verf, w->res.verf, 8);
		if (w->res.fh_ok)
			r.fh = w->res.fh;
	}
	if (!record_write(w->fd, &r)) {
		snprintf(w->fail, sizeof w->fail, "cannot write the journal: %s", strerror(errno));
		return false;
	}
	if (kind == REC_SENT)
		model_sent(&w->m, op);
	if (kind == REC_ACKED)
		model_acked(&w->m, &r);
	return true;
}

static struct nfs_call
call_of(struct worker *w, const struct op *op, uint8_t *payload)
{
	static const enum nfs_proc procs[OP_KINDS] = { 0, NFS_CREATE, NFS_MKDIR, NFS_SYMLINK,
		NFS_LINK, NFS_RENAME, NFS_REMOVE, NFS_RMDIR, NFS_SETATTR, NFS_SETATTR, NFS_WRITE,
		NFS_COMMIT };
	struct nfs_call c = { .proc = procs[op->kind], .fh = &w->dirs[op->dir],
		.name = w->names[0], .to_fh = &w->dirs[op->to_dir], .to_name = w->names[1],
		.how = NFS_GUARDED, .stable = op->stable };

	snprintf(w->names[0], sizeof w->names[0], "n%u", op->name);
	snprintf(w->names[1], sizeof w->names[1], "n%u", op->to_name);
	c.attr.mode_set = op->kind != OP_TRUNC;
	c.attr.mode = op->mode;
	if (op->kind == OP_SYMLINK) {
		snprintf(w->target, sizeof w->target, "target-%u", op->id);
		c.to_name = w->target;
	}
	if (op->kind == OP_LINK || op->kind >= OP_TRUNC)
		c.fh = &w->m.files[op->file].fh;
	if (op->kind == OP_TRUNC) {
		c.attr.size_set = true;
		c.attr.size = (uint64_t)op->size * BLOCK;
	}
	if (op->kind != OP_WRITE)
		return c;
	for (uint32_t i = 0; i < op->blocks; i++)
		stamp(payload + (size_t)i * BLOCK, w->m.files[op->file].id, op->block + i, op->gen);
	c.offset = (uint64_t)op->block * BLOCK;
	c.count = c.data_len = op->blocks * BLOCK;
	c.data = payload;
	return c;
}

/* A request that is out: its bytes, so that it can be sent again as it was. */
struct out {
	const struct op *op;
	enum nfs_proc proc;
	uint32_t xid;
	struct enc call;
	bool done;
};

static bool
answer(struct worker *w, struct out *o)
{
	const struct op *op = o->op;
	int status = w->res.status;

	if (status != op->want) {
		snprintf(w->fail, sizeof w->fail,
		    "%s (kind %u, d%u/n%u to d%u/n%u, file %u) gave "
		    "%s, not %s%s",
		    nfs_proc_name(o->proc), op->kind, op->dir, op->name, op->to_dir, op->to_name,
		    op->file, nfs_stat_name(status), nfs_stat_name(op->want),
		    w->lost ? " (sent again after a lost connection)" : "");
		return false;
	}
	if (o->proc == NFS_WRITE && status == NFS_OK && w->res.count != op->blocks * BLOCK) {
		snprintf(w->fail, sizeof w->fail, "WRITE of %u bytes wrote %u",
		    op->blocks * BLOCK, w->res.count);
		return false;
	}
	if (o->proc == NFS_WRITE && status == NFS_OK && w->res.committed < op->stable) {
		snprintf(w->fail, sizeof w->fail, "WRITE asked for stability %u and got %u",
		    op->stable, w->res.committed);
		return false;
	}
	o->done = true;
	w->ops++;
	w->bytes += op->kind == OP_WRITE ? (uint64_t)op->blocks * BLOCK : 0;
	return log_record(w, REC_ACKED, op);
}

/* Send what is not answered yet, and take the answers; false: connection lost or failed. */
static bool
round_trip(struct worker *w, struct out *outs, int count)
{
	for (int i = 0; i < count; i++)
		if (!outs[i].done && !rpc_send_record(w->n.conn, outs[i].call.bytes,
		    outs[i].call.len))
			return false;
	for (int i = 0; i < count; i++) {
		if (outs[i].done)
			continue;
		nfs_recv(&w->n, outs[i].proc, outs[i].xid, &w->res);
		if (w->res.status == NFS_LOST)
			return false;
		if (w->res.status == NFS_JUKEBOX) {	/* the xid was answered: take another */
			uint32_t xid = outs[i].xid = w->n.conn->xid_next++;

			for (int k = 0; k < 4; k++)
				outs[i].call.bytes[k] = (uint8_t)(xid >> (24 - 8 * k));
			nap_ms(50);
			return round_trip(w, outs, count);
		}
		if (!answer(w, &outs[i]))
			return false;
	}
	return true;
}

static bool
perform(struct worker *w, const struct op *ops, int count)
{
	struct out outs[BURST_MAX];
	bool ok = false;

	for (int i = 0; i < count; i++) {
		struct nfs_call c = call_of(w, &ops[i], w->payload);

		outs[i] = (struct out){ .op = &ops[i], .proc = c.proc,
			.xid = w->n.conn->xid_next++ };
		nfs_enc_call(&outs[i].call, outs[i].xid, &w->n.cred, &c);
		w->seq++;
		if (!log_record(w, REC_SENT, &ops[i]))
			return false;
	}
	for (;;) {
		ok = round_trip(w, outs, count);
		if (ok || w->fail[0] != '\0' || !reconnect(w))
			break;
		w->lost = true;
	}
	for (int i = 0; i < count; i++)
		enc_free(&outs[i].call);
	return ok;
}

/* COMMIT, and where the verifier says that writes may be lost, write them again. */
static bool
settle(struct worker *w, uint32_t file)
{
	struct file *f = &w->m.files[file];
	struct op op = { .kind = OP_COMMIT, .file = file };

	if (f->id == 0 || !f->dirty)
		return true;
	if (!perform(w, &op, 1))
		return false;
	for (uint32_t i = 0; f->mixed && i < w->m.blocks; i++) {
		if (f->blocks[i].count == 0)
			continue;
		op = (struct op){ .kind = OP_WRITE, .file = file, .block = i, .blocks = 1,
			.gen = block_last(&f->blocks[i]), .stable = NFS_FILE_SYNC };
		while (op.blocks < WRITE_BLOCKS && i + 1 < w->m.blocks &&
		    f->blocks[i + 1].count > 0 && block_last(&f->blocks[i + 1]) == op.gen)
			op.blocks++, i++;
		if (!perform(w, &op, 1))
			return false;
	}
	return true;
}

static bool
look(struct worker *w, bool exact)
{
	char why[256];

	while (!tree_check(&w->n, &w->top, &w->m, exact, why)) {
		if (strstr(why, "(lost)") == NULL) {
			snprintf(w->fail, sizeof w->fail, "%s: %s",
			    exact ? "without a crash" : "after a lost connection", why);
			return false;
		}
		if (!reconnect(w))
			return false;
		w->lost = true;
		exact = false;
	}
	return true;
}

static bool
after_crash(struct worker *w)
{
	while (w->lost) {
		w->lost = false;
		w->crashes++;
		if (!look(w, false))
			return false;
		for (uint32_t i = 0; i < FILES; i++)
			if (!settle(w, i))
				return false;
		if (!w->lost && (w->plan->spare <= 1 || dice(w, LOOK_AGAIN) == 0) && !look(w, true))
			return false;
	}
	return true;
}

static bool
free_file(struct worker *w, uint32_t *file)
{
	for (uint32_t i = 0, at = dice(w, FILES); i < FILES; i++)
		if (w->m.files[(at + i) % FILES].id == 0) {
			*file = (at + i) % FILES;
			return true;
		}
	return false;
}

static bool
some_file(struct worker *w, uint32_t *file)
{
	for (uint32_t i = 0, at = dice(w, FILES); i < FILES; i++)
		if (w->m.files[(at + i) % FILES].id != 0) {
			*file = (at + i) % FILES;
			return true;
		}
	return false;
}

/* A change of names and the status that must come; false if there is nothing of the kind now. */
static bool
choose_name(struct worker *w, struct op *op)
{
	struct entry *e, *to;

	*op = (struct op){ .kind = 1 + dice(w, OP_RMDIR), .dir = dice(w, DIRS),
		.name = dice(w, NAMES), .to_dir = dice(w, DIRS), .to_name = dice(w, NAMES),
		.id = ++w->serial, .mode = 0600 + dice(w, 64) };
	e = &w->m.entries[op->dir][op->name];
	to = &w->m.entries[op->to_dir][op->to_name];
	switch (op->kind) {
	case OP_CREATE:
		if (!free_file(w, &op->file))
			return false;
		/* fall through */
	case OP_MKDIR:
	case OP_SYMLINK:
		op->want = e->type == ENTRY_NONE ? NFS_OK : NFS_EXIST;
		return true;
	case OP_LINK:
		op->file = e->file;
		op->want = to->type == ENTRY_NONE ? NFS_OK : NFS_EXIST;
		return e->type == ENTRY_FILE;
	case OP_RENAME:
		op->want = e->type == ENTRY_NONE ? NFS_NOENT : NFS_OK;
		return e->type == ENTRY_NONE || to->type == ENTRY_NONE ||
		    (e->type == ENTRY_DIR) == (to->type == ENTRY_DIR);
	case OP_REMOVE:
		op->want = e->type == ENTRY_NONE ? NFS_NOENT : NFS_OK;
		return e->type != ENTRY_DIR && dice(w, 2) == 0;
	default:
		op->want = e->type == ENTRY_NONE ? NFS_NOENT : NFS_OK;
		return e->type == ENTRY_NONE || e->type == ENTRY_DIR;
	}
}

static bool
burst(struct worker *w)
{
	struct op ops[BURST_MAX];
	int count = 0, wanted = 1 + (int)dice(w, BURST_MAX);
	uint32_t file, at = 0, stable = dice(w, 4) == 0 ? NFS_FILE_SYNC : NFS_UNSTABLE;

	if (!some_file(w, &file))
		return true;
	for (uint32_t i = 0; i < w->m.blocks; i++)
		if (w->m.files[file].blocks[i].count >= GENS_MAX - 1) {
			if (!settle(w, file))
				return false;
			break;
		}
	while (count < wanted) {		/* growing offsets: no block twice */
		struct op *op = &ops[count];

		at += dice(w, w->m.blocks / 4 + 1);
		*op = (struct op){ .kind = OP_WRITE, .file = file, .block = at,
			.blocks = 1 + dice(w, dice(w, 3) ? 4 : WRITE_BLOCKS), .stable = stable,
			.gen = (uint32_t)w->m.gen + 1 + (uint32_t)count };
		if (at + op->blocks > w->m.blocks)
			break;
		at += op->blocks;
		count++;
	}
	return count == 0 || perform(w, ops, count);
}

/* Would it take data away, and is it one of those that are left undone? */
static bool
spared(struct worker *w, const struct op *op)
{
	const struct entry *to = &w->m.entries[op->to_dir][op->to_name];
	bool destroys = op->kind == OP_TRUNC || op->kind == OP_REMOVE ||
	    (op->kind == OP_RENAME && to->type == ENTRY_FILE);

	return destroys && op->want == NFS_OK && w->plan->spare > 1 &&
	    dice(w, w->plan->spare) != 0;
}

static bool
step(struct worker *w)
{
	struct op op = { 0 };
	uint32_t what = dice(w, 100);

	if (dice(w, LOOK_EVERY) == 0)
		return look(w, true);
	if (what < 45)
		return !choose_name(w, &op) || spared(w, &op) || perform(w, &op, 1);
	if (what < 85)
		return burst(w);
	if (!some_file(w, &op.file))
		return true;
	if (what < 92)
		return settle(w, op.file);
	op.kind = what < 97 ? OP_TRUNC : OP_CHMOD;
	op.size = dice(w, w->m.blocks + 1);
	op.mode = 0600 + dice(w, 64);
	return spared(w, &op) || perform(w, &op, 1);
}

static bool
prepare(struct worker *w, const struct nfs_fh *top)
{
	struct op head = { .kind = OP_WRITE, .blocks = w->plan->blocks };
	char text[1024];
	struct record r;

	w->rnd = (w->plan->seed + 1) * 0x9e3779b97f4a7c15 + (uint64_t)w->id * 0xbf58476d1ce4e5b9;
	w->payload = malloc((size_t)WRITE_BLOCKS * BLOCK);
	model_init(&w->m, w->plan->blocks);
	snprintf(text, sizeof text, "%s/journal.%d", w->plan->folder, w->id);
	w->fd = open(text, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	if (w->fd < 0 || w->payload == NULL || !reconnect(w))
		return false;
	snprintf(text, sizeof text, "w%d", w->id);
	w->top = must_dir(&w->n, top, text, true);
	for (int d = 0; d < DIRS && w->top.len > 0; d++) {
		snprintf(text, sizeof text, "d%d", d);
		w->dirs[d] = must_dir(&w->n, &w->top, text, true);
		if (w->dirs[d].len == 0)
			return false;
	}
	memset(&r, 0, sizeof r);
	r.kind = REC_HEAD;
	r.op = head;
	return w->top.len > 0 && record_write(w->fd, &r);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	uint64_t end = clock_ns() + (uint64_t)w->plan->seconds * 1000000000u;

	while (!stop && clock_ns() < end && step(w) && after_crash(w))
		;
	if (!w->given_up && w->fail[0] == '\0' && !stop)
		look(w, true);
	if (w->fail[0] != '\0')
		stop = true;
	tree_forget();
	return NULL;
}

static int
report(const struct plan *p, struct worker *workers)
{
	uint64_t ops = 0, bytes = 0;
	int crashes = 0, failed = 0, left = 0;

	for (int i = 0; i < p->workers; i++) {
		struct worker *w = &workers[i];

		ops += w->ops;
		bytes += w->bytes;
		crashes = w->crashes > crashes ? w->crashes : crashes;
		left += w->given_up;
		failed += w->fail[0] != '\0';
		if (w->fail[0] != '\0')
			printf("worker %d: %s\n", i, w->fail);
		nfs_res_free(&w->res);
		nfs_hangup(&w->n);
		model_free(&w->m);
		free(w->payload);
		close(w->fd);
	}
	if (!p->quiet || failed)
		printf("%llu answers, %llu MiB written, %d lost connections survived, %d of %d "
		    "workers left without a server\n", (unsigned long long)ops,
		    (unsigned long long)(bytes >> 20), crashes, left, p->workers);
	return failed != 0;
}

int
load_run(const struct plan *p)
{
	static struct worker workers[WORKERS_MAX];
	static pthread_t threads[WORKERS_MAX];
	struct nfs n = nfs_dial(p->host, p->port, 0, 0);
	struct nfs_fh top;

	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (n.conn == NULL || !plan_top(p, &n, &top, true)) {
		printf("no server, or %s cannot be made new below %s\n", p->dir, p->export);
		return 1;
	}
	nfs_hangup(&n);
	for (int i = 0; i < p->workers; i++) {
		workers[i].plan = p;
		workers[i].id = i;
		if (!prepare(&workers[i], &top)) {
			printf("worker %d cannot begin\n", i);
			return 1;
		}
	}
	for (int i = 0; i < p->workers; i++)
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			abort();
	for (int i = 0; i < p->workers; i++)
		pthread_join(threads[i], NULL);
	return report(p, workers);
}
