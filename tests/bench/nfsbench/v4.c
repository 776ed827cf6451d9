/* Compounds of NFSv4: how they begin and answer, opening, and what a client says of itself. */
#include "tests/bench/nfsbench/inner.h"

#include <stdio.h>
#include <unistd.h>

void
cmp_begin(struct xw *x, struct conn *c, struct slot *s, uint32_t xid, uint32_t nops)
{
	rpc_hdr(x, xid, 100003, 4, 1);
	W32(x, 0, (uint32_t)cfg.minor, nops + (s && cfg.minor ? 1 : 0));
	if (s && cfg.minor) {
		w32(x, O_SEQUENCE);
		wraw(x, c->sess, 16);
		W32(x, ++s->seq, (uint32_t)(s - c->s), c->nslots - 1, 0);
	}
}

uint32_t
cmp_res(struct xr *r, bool seq)
{
	uint32_t n, st = r32(r);

	ropq(r, &n);
	r32(r);
	if (cfg.minor && seq) {
		r32(r);
		if (r32(r))
			return st ? st : 1;
		rskip(r, 36);
	}
	return r->bad ? 0xffffffffu : st;
}

uint32_t
opres(struct xr *r)
{
	r32(r);
	return r32(r);
}

void
op_putfh(struct xw *x, const struct fh *f)
{
	w32(x, O_PUTFH);
	wfh(x, f);
}

void
op_open(struct xw *x, struct conn *c, struct slot *s, const char *name, bool excl)
{
	char o[32];
	int n = snprintf(o, sizeof o, "o%d.%d.%d", (int)getpid(), c->id, (int)(s - c->s));

	W32(x, O_OPEN, cfg.minor ? 0 : s->oseq++, 3 | (cfg.minor ? 0x400u : 0), 0);
	w64(x, c->clientid);
	wopq(x, o, (size_t)n);
	W32(x, 1, excl ? 1 : 0, 2, 0, 2, 4, 0644, 0);
	wstr(x, name);
}

bool
res_open(struct xr *r, uint8_t *sid, uint32_t *rflags)
{
	uint32_t n;
	const uint8_t *p = rskip(r, 16);

	if (p)
		memcpy(sid, p, 16);
	rskip(r, 20);
	*rflags = r32(r);
	n = r32(r);
	rskip(r, (size_t)n * 4);
	uint32_t d = r32(r);
	if (d == 1 || d == 2) {
		rskip(r, 20);
		if (d == 2)
			rskip(r, 12);
		rskip(r, 12);
		ropq(r, &n);
	} else if (d == 3) {
		uint32_t w = r32(r);
		if (w == 1 || w == 2)
			r32(r);
	}
	return !r->bad;
}

void
v4_confirm(struct conn *c, struct slot *s, const struct fh *f, uint8_t *sid)
{
	NEWX;

	cmp_begin(&x, c, s, ++xid_next, 2);
	op_putfh(&x, f);
	w32(&x, O_OPEN_CONFIRM);
	wraw(&x, sid, 16);
	w32(&x, s->oseq++);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	uint32_t st = cmp_res(&r, true);
	if (st)
		die("OPEN_CONFIRM: NFS4 error %u", st);
	opres(&r);
	opres(&r);
	const uint8_t *p = rskip(&r, 16);
	if (p)
		memcpy(sid, p, 16);
}

/* 4.0: SETCLIENTID and its confirmation. */
static void
set_client(struct conn *c, const char *id, const uint8_t *vf)
{
	uint8_t yb[HDRMAX], conf[8];
	struct xw y = { yb, 0, sizeof yb };
	const uint8_t *cv;
	uint32_t st;
	NEWX;

	cmp_begin(&x, c, NULL, ++xid_next, 1);
	w32(&x, O_SETCLIENTID);
	wraw(&x, vf, 8);
	wstr(&x, id);
	w32(&x, 0x40000000);
	wstr(&x, "tcp");
	wstr(&x, "0.0.0.0.0.0");
	w32(&x, 1);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	if ((st = cmp_res(&r, false)))
		die("SETCLIENTID: NFS4 error %u", st);
	opres(&r);
	c->clientid = r64(&r);
	if (!(cv = rskip(&r, 8)))
		die("bad SETCLIENTID reply");
	memcpy(conf, cv, 8);
	cmp_begin(&y, c, NULL, ++xid_next, 1);
	w32(&y, O_SETCLIENTID_CONFIRM);
	w64(&y, c->clientid);
	wraw(&y, conf, 8);
	r = sync_call(c->fd, &y, NULL, 0);
	if ((st = cmp_res(&r, false)))
		die("SETCLIENTID_CONFIRM: NFS4 error %u", st);
}

/* 4.1 and later: EXCHANGE_ID; the sequence number that CREATE_SESSION wants. */
static uint32_t
exchange_id(struct conn *c, const char *id, const uint8_t *vf)
{
	uint32_t st;
	NEWX;

	cmp_begin(&x, c, NULL, ++xid_next, 1);
	w32(&x, O_EXCHANGE_ID);
	wraw(&x, vf, 8);
	wstr(&x, id);
	W32(&x, 0, 0, 0);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	if ((st = cmp_res(&r, false)))
		die("EXCHANGE_ID: NFS4 error %u", st);
	opres(&r);
	c->clientid = r64(&r);
	return r32(&r);
}

static void
create_session(struct conn *c, uint32_t seq)
{
	const uint8_t *p;
	uint32_t st;
	NEWX;

	cmp_begin(&x, c, NULL, ++xid_next, 1);
	w32(&x, O_CREATE_SESSION);
	w64(&x, c->clientid);
	W32(&x, seq, 0);
	W32(&x, 0, MAXIO + 4096, MAXIO + 4096, 8192, 16, (uint32_t)cfg.q, 0);
	W32(&x, 0, 4096, 4096, 4096, 2, 1, 0);		/* of the callback channel */
	W32(&x, 0x40000000, 1, 0);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	if ((st = cmp_res(&r, false)))
		die("CREATE_SESSION: NFS4 error %u", st);
	opres(&r);
	if (!(p = rskip(&r, 16)))
		die("bad CREATE_SESSION reply");
	memcpy(c->sess, p, 16);
	rskip(&r, 28);
	c->nslots = r32(&r);
	if (!c->nslots)
		die("server granted no session slots");
	if (c->nslots > (uint32_t)cfg.q)
		c->nslots = (uint32_t)cfg.q;
}

void
v4_client(struct conn *c)
{
	char id[64];
	uint8_t vf[8];
	uint64_t t = now_ns();
	NEWX;

	memcpy(vf, &t, 8);
	snprintf(id, sizeof id, "nfsbench.%d.%d", (int)getpid(), c->id);
	if (!cfg.minor) {
		set_client(c, id, vf);
		return;
	}
	create_session(c, exchange_id(c, id, vf));
	cmp_begin(&x, c, &c->s[0], ++xid_next, 1);
	W32(&x, O_RECLAIM_COMPLETE, 0);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	cmp_res(&r, true);
}

void
v4_farewell(struct conn *c)
{
	uint8_t yb[HDRMAX];
	struct xw y = { yb, 0, sizeof yb };
	NEWX;

	cmp_begin(&x, c, NULL, ++xid_next, 1);
	w32(&x, O_DESTROY_SESSION);
	wraw(&x, c->sess, 16);
	sync_call(c->fd, &x, NULL, 0);
	cmp_begin(&y, c, NULL, ++xid_next, 1);
	w32(&y, O_DESTROY_CLIENTID);
	w64(&y, c->clientid);
	sync_call(c->fd, &y, NULL, 0);
}
