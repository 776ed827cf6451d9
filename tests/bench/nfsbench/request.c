/* The requests that are measured: how each is said in versions 3 and 4, and what its reply says. */
#include "tests/bench/nfsbench/inner.h"

#include <stdio.h>

#define BAD_REPLY 0xfffffffdu
#define OKAY 0u
#define REFUSED 0xfffffffeu		/* by RPC */
#define GETATTR O_GETATTR, 2, 0x0010011a, 0x0030a23a

struct run run;

static uint64_t
rnd(void)
{
	run.rng ^= run.rng << 13;
	run.rng ^= run.rng >> 7;
	run.rng ^= run.rng << 17;
	return run.rng;
}

/* --- version 3 --- */

/* A handle, and where what is asked for begins. */
static void
place3(struct xw *x, const struct slot *s, uint32_t proc, const struct fh *fh)
{
	rpc_hdr(x, s->xid, 100003, 3, proc);
	wfh(x, fh);
	w64(x, s->off);
}

static void
name3(struct xw *x, const struct slot *s, uint32_t proc, const char *name)
{
	rpc_hdr(x, s->xid, 100003, 3, proc);
	wfh(x, &wdir);
	wstr(x, name);
}

static void
file3(struct xw *x, const struct slot *s, uint32_t proc, const struct file *f)
{
	rpc_hdr(x, s->xid, 100003, 3, proc);
	wfh(x, &f->fh);
}

static void
build3(struct xw *x, const struct slot *s, const struct file *f, int op, uint32_t stable)
{
	const uint32_t size = run.size;

	switch (op) {
	case P_GETATTR:
		file3(x, s, 1, f);
		break;
	case P_LOOKUP:
		name3(x, s, 3, f->name);
		break;
	case P_ACCESS:
		file3(x, s, 4, f);
		w32(x, 0x1f);
		break;
	case P_READDIR:
		rpc_hdr(x, s->xid, 100003, 3, 17);
		wfh(x, &wdir);
		W32(x, 0, 0, 0, 0, 8192, 32768);
		break;
	case P_CREATE:
		name3(x, s, 8, s->name);
		w32(x, 1);
		wmode(x, 0644);
		break;
	case P_REMOVE:
		name3(x, s, 12, s->name);
		break;
	case P_READ:
		place3(x, s, 6, &f->fh);
		w32(x, size);
		break;
	case P_COMMIT:
		place3(x, s, 21, &f->fh);
		w32(x, size);
		break;
	case P_WRITE:
		place3(x, s, 7, &f->fh);
		W32(x, size, stable, size);
		break;
	}
}

/* --- version 4 --- */

static void
file4(struct xw *x, struct conn *c, struct slot *s, uint32_t nops, const struct fh *fh)
{
	cmp_begin(x, c, s, s->xid, nops);
	op_putfh(x, fh);
}

static void
create4(struct xw *x, struct conn *c, struct slot *s)
{
	if (s->step == 0) {
		file4(x, c, s, 4, &wdir);
		op_open(x, c, s, s->name, true);
		W32(x, O_GETFH, GETATTR);
	} else if (s->step == 1) {
		file4(x, c, s, 2, &s->nfh);
		w32(x, O_OPEN_CONFIRM);
		wraw(x, s->nsid, 16);
		w32(x, s->oseq++);
	} else {
		file4(x, c, s, 2, &s->nfh);
		W32(x, O_CLOSE, cfg.minor ? 0 : s->oseq++);
		wraw(x, s->nsid, 16);
	}
}

static void
build4(struct xw *x, struct conn *c, struct slot *s, const struct file *f, int op, uint32_t stable)
{
	const uint32_t size = run.size;

	switch (op) {
	case P_GETATTR:
		file4(x, c, s, 2, &f->fh);
		W32(x, GETATTR);
		break;
	case P_LOOKUP:
		file4(x, c, s, 4, &wdir);
		w32(x, O_LOOKUP);
		wstr(x, f->name);
		W32(x, O_GETFH, GETATTR);
		break;
	case P_ACCESS:
		file4(x, c, s, 3, &f->fh);
		W32(x, O_ACCESS, 0x1f, GETATTR);
		break;
	case P_READDIR:
		file4(x, c, s, 2, &wdir);
		W32(x, O_READDIR, 0, 0, 0, 0, 8192, 32768, 2, 0x0010011a, 0x0030a23a);
		break;
	case P_CREATE:
		create4(x, c, s);
		break;
	case P_REMOVE:
		file4(x, c, s, 2, &wdir);
		w32(x, O_REMOVE);
		wstr(x, s->name);
		break;
	case P_COMMIT:
		file4(x, c, s, 2, &f->fh);
		w32(x, O_COMMIT);
		w64(x, s->off);
		w32(x, size);
		break;
	case P_READ:
	case P_WRITE:
		file4(x, c, s, 2, &f->fh);
		w32(x, op == P_READ ? O_READ : O_WRITE);
		wraw(x, f->sid, 16);
		w64(x, s->off);
		if (op == P_WRITE)
			w32(x, stable);
		w32(x, size);
		break;
	}
}

/* --- both --- */

/* What a step of that operation is. */
static int
step_op(int op, int step)
{
	static const int whole[] = { P_CREATE, P_WRITE, P_COMMIT };

	if (op == P_WHOLE)
		return whole[step];
	return op == P_BURST || (op == P_COMMIT && step == 0) ? P_WRITE : op;
}

void
build(struct conn *c, struct slot *s)
{
	struct xw x = { s->hdr, 0, HDRMAX };
	const struct file made = { .fh = s->nfh };
	const struct file *f = run.op == P_WHOLE ? &made : &c->f[s->filei];
	const int op = step_op(run.op, s->step);
	const bool writes = op == P_WRITE;
	const uint32_t stable = run.op == P_COMMIT || run.op == P_WHOLE ? 0 : cfg.stable;

	s->pay = writes ? pattern : NULL;
	s->pn = writes ? run.size : 0;
	s->pad = (4 - s->pn % 4) % 4;
	s->xid = ++c->gen << 8 | (uint32_t)(s - c->s);
	if (op == P_NULL)
		rpc_hdr(&x, s->xid, 100003, (uint32_t)cfg.v, 0);
	else if (cfg.v == 3)
		build3(&x, s, f, op, stable);
	else
		build4(&x, c, s, f, op, stable);
	s->hn = x.n;
	seal(&x, s->pn + s->pad);
	s->busy = true;
	push(c, s);
	run.inflight++;
}

bool
start(struct conn *c, struct slot *s)
{
	s->step = 0;
	if (run.op == P_CREATE || run.op == P_WHOLE)
		snprintf(s->name, sizeof s->name, "c%d.%llu", c->id,
		    (unsigned long long)c->created++);
	if (run.op == P_REMOVE) {
		if (c->removed >= c->created)
			return false;
		snprintf(s->name, sizeof s->name, "c%d.%llu", c->id,
		    (unsigned long long)c->removed++);
	}
	if (run.op == P_BURST) {
		if (c->burst_at + run.size > cfg.fsize * (uint64_t)cfg.nf)
			return false;
		s->filei = (int)(c->burst_at / cfg.fsize);
		s->off = c->burst_at % cfg.fsize;
		c->burst_at += run.size;
		s->t0 = now_ns();
		build(c, s);
		return true;
	}
	s->filei = (int)(rnd() % (unsigned)cfg.nf);
	s->off = 0;
	if (run.size && run.op != P_WHOLE) {
		uint64_t k = cfg.fsize / run.size;
		s->off = k ? rnd() % k * run.size : 0;
	}
	s->t0 = now_ns();
	build(c, s);
	return true;
}

static void
finish(struct conn *c, struct slot *s, uint32_t st, size_t bytes)
{
	if (st) {
		run.errors++;
		any_error = true;
		if (!run.first_err)
			run.first_err = st;
	} else if (run.counting) {
		hadd(&run.h, now_ns() - s->t0);
		run.bytes += bytes;
	}
	if (run.issuing)
		start(c, s);
}

/* The status; of a READ or a WRITE, how many bytes. */
static uint32_t
result3(struct xr *r, size_t *bytes)
{
	const bool writes = run.op == P_WRITE || run.op == P_BURST;
	uint32_t st = r32(r);

	if (st || (!writes && run.op != P_READ))
		return st;
	if (writes && r32(r))
		rskip(r, 24);
	if (r32(r))
		rskip(r, 84);
	*bytes = r32(r);
	if (writes)
		run.unstable += r32(r) == 0;
	return *bytes != run.size || (writes && r->bad) ? BAD_REPLY : OKAY;
}

/* A step of a whole file, and which is next. */
static uint32_t
whole3(struct xr *r, struct slot *s, size_t *bytes)
{
	uint32_t st = r32(r);

	if (st)
		return st;
	if (s->step == 0 && !(r32(r) && rfh(r, &s->nfh)))
		return BAD_REPLY;
	if (s->step < 2)
		s->step++;
	else
		*bytes = run.size;
	return OKAY;
}

/* The same; of a step of CREATE, the next one. */
static uint32_t
result4(struct xr *r, struct slot *s, size_t *bytes)
{
	const bool writes = run.op == P_WRITE || run.op == P_BURST;
	const bool creates = run.op == P_CREATE && s->step < 2;
	uint32_t st = cmp_res(r, true), rf;

	if (st || (!writes && !creates && run.op != P_READ))
		return st;
	opres(r);
	opres(r);
	if (run.op == P_READ)
		r32(r);
	if (!creates) {
		*bytes = r32(r);
		return run.op == P_READ && *bytes != run.size ? BAD_REPLY : OKAY;
	}
	if (s->step == 0) {
		if (!res_open(r, s->nsid, &rf))
			return BAD_REPLY;
		opres(r);
		if (!rfh(r, &s->nfh))
			return BAD_REPLY;
		s->step = !cfg.minor && (rf & 2) ? 1 : 2;
	} else {
		const uint8_t *p = rskip(r, 16);

		if (p)
			memcpy(s->nsid, p, 16);
		s->step = 2;
	}
	return OKAY;
}

void
reply(struct conn *c, const uint8_t *b, size_t n)
{
	struct xr r = { b, 0, n, false };
	uint32_t xid = r32(&r), si = xid & 0xff, st;
	struct slot *s;
	size_t bytes = 0;
	int step;

	r.n = 0;
	if (si >= (uint32_t)cfg.q || !c->s[si].busy || c->s[si].xid != xid)
		die("reply with an unknown xid");
	s = &c->s[si];
	s->busy = false;
	run.inflight--;
	step = s->step;
	if (!rpc_ok(&r))
		st = REFUSED;
	else if (run.op == P_NULL)
		st = OKAY;
	else if (run.op == P_WHOLE)
		st = whole3(&r, s, &bytes);
	else
		st = cfg.v == 3 ? result3(&r, &bytes) : result4(&r, s, &bytes);
	if (st == OKAY && run.op == P_COMMIT && step == 0) {
		s->step = 1;
		s->t0 = now_ns();
	}
	if (st == OKAY && s->step != step)
		build(c, s);
	else
		finish(c, s, st, bytes);
}
