/*
 * WRITE and COMMIT.  RFC 1813 §3.3.7, §3.3.21.
 *
 * The bytes go to the log with the record that says their size and times, as one entry.  An
 * UNSTABLE write answers at once, with the verifier read inside its effect; COMMIT waits for the
 * file's last entry and answers with the one read after that.
 */
#include "pipeline/vfs/inner.h"

static enum status
check(const struct job *job, const struct file *f)
{
	enum status st = perm_bytes_ok(f);

	if (st != OK)
		return st;
	return perm_owner(job->cred, f) || perm_ok(job->cred, f, PERM_W) ? OK : ST_ACCES;
}

enum begin
write_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	struct io *io = &job->io;
	uint64_t end;
	uint8_t at;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &at);

	if (st != OK)
		return act_fail(job, st);
	st = check(job, &a->pin[at].was);
	if (st == OK && (!add_ok(io->offset, io->data.len, &end) || end > INT64_MAX))
		st = ST_FBIG;
	if (st != OK)
		return act_fail(job, st);
	a->on = at;
	if (io->data.len == 0) {
		op->res.write.committed = STABLE_FILE;
		op->res.write.verf = atomic_load_explicit(&job->share->verifier,
		    memory_order_acquire);
		return BEGIN_DONE;
	}
	a->txn = txn_new();
	if (a->txn == NULL)
		return act_fail(job, act_starved(job, a));
	txn_data(a->txn, a->pin[at].was.content, io->offset, &io->data);
	st = act_txn(job, a, false);
	return st == OK ? BEGIN_EFFECT : act_fail(job, st);
}

/*
 * What a file takes is counted, never measured: bytes written behind its end are new, bytes
 * inside it fill holes until there can be none left.  So a sparse file that is overwritten in
 * place may be shown larger than it is, never beyond its size.
 */
static uint64_t
used_after(const struct file *was, uint64_t from, uint64_t len, uint64_t size)
{
	uint64_t fresh = from + len > was->size ? MIN(len, from + len - was->size) : 0;
	uint64_t whole = round_up(was->size, 512);
	uint64_t inside = was->used < whole ? MIN(len - fresh, whole - was->used) : 0;

	return MIN(round_up(was->used + fresh + inside, 512), round_up(size, 512));
}

enum status
write_build(struct job *job, struct act *a)
{
	struct pin *p = &a->pin[a->on];
	const struct io *io = &job->io;
	uint64_t end = io->offset + io->data.len;
	enum status st = check(job, &p->was);

	if (st != OK)
		return st;
	p->next.flags &= (uint8_t)~FILE_UNWRITTEN;
	p->next.size = MAX(p->was.size, end);
	p->next.used = used_after(&p->was, io->offset, io->data.len, p->next.size);
	p->next.mtime = p->next.ctime = stamp_now();
	if (!job->cred->superuser)
		p->next.mode = perm_mode_killed(&p->next, p->next.mode);
	a->used_bytes = (int64_t)p->next.used - (int64_t)p->was.used;
	build_inode(job, a, a->on);
	return OK;
}

void
write_end(struct job *job, struct act *a)
{
	struct op *op = &job->op;

	if (job->status != OK || a->lsn == 0)
		return;
	op->res.write.count = (uint32_t)job->io.data.len;
	op->res.write.verf = a->verf;
	op->res.write.committed = block_durable(job->share, a->lsn) ? STABLE_FILE : STABLE_UNSTABLE;
}

/* The whole file is committed, whatever range was asked: its entries are a prefix of the log. */
enum begin
commit_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	uint8_t at;
	uint64_t end;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &at);

	if (st != OK || (st = perm_bytes_ok(&a->pin[at].was)) != OK)
		return act_fail(job, st);
	if (!add_ok(op->arg.commit.offset, op->arg.commit.count, &end))
		return act_fail(job, ST_INVAL);
	a->lsn = a->pin[at].was_change;
	job->wait_lsn = a->lsn;
	return BEGIN_DONE;
}

void
commit_end(struct job *job, struct act *a)
{
	(void)a;
	job->op.res.commit.verf = atomic_load_explicit(&job->share->verifier, memory_order_acquire);
}
