/* What an operation needs before it and leaves behind: the export's root, a directory, files. */
#include "tests/bench/nfsbench/inner.h"

#include <stdio.h>
#include <unistd.h>

struct fh root, wdir;
char wname[64];
uint8_t pattern[MAXIO];
uint32_t xid_next;
bool any_error;

void
get_root(struct conn *c)
{
	if (cfg.v == 3) {
		int fd = dial(cfg.host, cfg.mport ? cfg.mport : pmap_port(100005, 3));
		NEWX;
		rpc_hdr(&x, ++xid_next, 100005, 3, 1);
		wstr(&x, cfg.path);
		struct xr r = sync_call(fd, &x, NULL, 0);
		uint32_t st = r32(&r);
		if (st)
			die("MOUNT of %s: error %u", cfg.path, st);
		if (!rfh(&r, &root))
			die("bad MNT reply");
		close(fd);
		return;
	}
	char tmp[1024], *sv, *comp[64];
	uint32_t k = 0;
	snprintf(tmp, sizeof tmp, "%s", cfg.path);
	for (char *p = strtok_r(tmp, "/", &sv); p && k < 64; p = strtok_r(NULL, "/", &sv))
		comp[k++] = p;
	NEWX;
	cmp_begin(&x, c, &c->s[0], ++xid_next, k + 2);
	w32(&x, O_PUTROOTFH);
	for (uint32_t i = 0; i < k; i++) {
		w32(&x, O_LOOKUP);
		wstr(&x, comp[i]);
	}
	w32(&x, O_GETFH);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	uint32_t st = cmp_res(&r, true);
	if (st)
		die("LOOKUP of %s: NFS4 error %u", cfg.path, st);
	for (uint32_t i = 0; i < k + 2; i++)
		opres(&r);
	if (!rfh(&r, &root))
		die("bad GETFH reply");
}

void
make_dir(struct conn *c)
{
	struct xr r;
	uint32_t st, n;
	NEWX;

	snprintf(wname, sizeof wname, "nfsbench.%d", (int)getpid());
	if (cfg.v == 3) {
		rpc_hdr(&x, ++xid_next, 100003, 3, 9);
		wfh(&x, &root);
		wstr(&x, wname);
		wmode(&x, 0755);
		r = sync_call(c->fd, &x, NULL, 0);
		if ((st = r32(&r)))
			die("MKDIR: NFS3 error %u", st);
		if (!r32(&r) || !rfh(&r, &wdir))
			die("MKDIR returned no handle");
		return;
	}
	cmp_begin(&x, c, &c->s[0], ++xid_next, 3);
	op_putfh(&x, &root);
	W32(&x, O_CREATE, 2);
	wstr(&x, wname);
	W32(&x, 2, 0, 2, 4, 0755, O_GETFH);
	r = sync_call(c->fd, &x, NULL, 0);
	if ((st = cmp_res(&r, true)))
		die("CREATE of the work directory: NFS4 error %u", st);
	opres(&r);
	opres(&r);
	rskip(&r, 20);
	n = r32(&r);
	rskip(&r, (size_t)n * 4);
	opres(&r);
	if (!rfh(&r, &wdir))
		die("bad GETFH reply");
}

static void
create3(struct conn *c, struct file *f)
{
	struct xr r;
	uint32_t st;
	NEWX;

	rpc_hdr(&x, ++xid_next, 100003, 3, 8);
	wfh(&x, &wdir);
	wstr(&x, f->name);
	w32(&x, 0);
	wmode(&x, 0644);
	r = sync_call(c->fd, &x, NULL, 0);
	if ((st = r32(&r)))
		die("CREATE: NFS3 error %u", st);
	if (!r32(&r) || !rfh(&r, &f->fh))
		die("CREATE returned no handle");
}

static void
create4(struct conn *c, struct file *f)
{
	enum { GRACE = 10013 };
	struct slot *s = &c->s[0];
	uint32_t st, rf;
	struct xr r;

	for (int tries = 0;; tries++) {
		NEWX;

		cmp_begin(&x, c, s, ++xid_next, 3);
		op_putfh(&x, &wdir);
		op_open(&x, c, s, f->name, false);
		w32(&x, O_GETFH);
		r = sync_call(c->fd, &x, NULL, 0);
		st = cmp_res(&r, true);
		if (st != GRACE || tries == 200)
			break;
		usleep(500000);
	}
	if (st)
		die("OPEN: NFS4 error %u", st);
	opres(&r);
	opres(&r);
	if (!res_open(&r, f->sid, &rf))
		die("bad OPEN reply");
	opres(&r);
	if (!rfh(&r, &f->fh))
		die("bad GETFH reply");
	if (!cfg.minor && (rf & 2))
		v4_confirm(c, s, &f->fh, f->sid);
}

/* So much of the pattern at that place; how much was taken. */
static size_t
write_some(struct conn *c, const struct file *f, uint64_t at, uint32_t len)
{
	struct xr r;
	uint32_t st;
	size_t got;
	NEWX;

	if (cfg.v == 3) {
		rpc_hdr(&x, ++xid_next, 100003, 3, 7);
		wfh(&x, &f->fh);
		w64(&x, at);
		W32(&x, len, 0, len);
	} else {
		cmp_begin(&x, c, &c->s[0], ++xid_next, 2);
		op_putfh(&x, &f->fh);
		w32(&x, O_WRITE);
		wraw(&x, f->sid, 16);
		w64(&x, at);
		W32(&x, 0, len);
	}
	r = sync_call(c->fd, &x, pattern, len);
	st = cfg.v == 3 ? r32(&r) : cmp_res(&r, true);
	if (st)
		die("WRITE: NFS%d error %u", cfg.v, st);
	if (cfg.v == 3) {
		if (r32(&r))
			rskip(&r, 24);
		if (r32(&r))
			rskip(&r, 84);
	} else {
		opres(&r);
		opres(&r);
	}
	got = r32(&r);
	if (r.bad || !got)
		die("bad WRITE reply");
	return got;
}

void
make_file(struct conn *c, struct file *f)
{
	if (cfg.v == 3)
		create3(c, f);
	else
		create4(c, f);
	for (uint64_t o = 0; o < cfg.fsize && !cfg.empty;) {
		uint64_t left = cfg.fsize - o;

		o += write_some(c, f, o, left < MAXIO ? (uint32_t)left : MAXIO);
	}
}

void
remove_name(struct conn *c, const struct fh *d, const char *name, bool dir)
{
	NEWX;
	struct xr r;

	if (cfg.v == 3) {
		rpc_hdr(&x, ++xid_next, 100003, 3, dir ? 13 : 12);
		wfh(&x, d);
		wstr(&x, name);
	} else {
		cmp_begin(&x, c, &c->s[0], ++xid_next, 2);
		op_putfh(&x, d);
		w32(&x, O_REMOVE);
		wstr(&x, name);
	}
	r = sync_call(c->fd, &x, NULL, 0);
	uint32_t st = cfg.v == 3 ? r32(&r) : cmp_res(&r, true);
	if (st) {
		fprintf(stderr, "nfsbench: clean-up: REMOVE %s: error %u\n", name, st);
		any_error = true;
	}
}

void
close_file(struct conn *c, struct file *f)
{
	if (cfg.v == 3)
		return;
	NEWX;
	struct slot *s = &c->s[0];
	cmp_begin(&x, c, s, ++xid_next, 2);
	op_putfh(&x, &f->fh);
	w32(&x, O_CLOSE);
	w32(&x, cfg.minor ? 0 : s->oseq++);
	wraw(&x, f->sid, 16);
	struct xr r = sync_call(c->fd, &x, NULL, 0);
	uint32_t st = cmp_res(&r, true);
	if (st) {
		fprintf(stderr, "nfsbench: clean-up: CLOSE: error %u\n", st);
		any_error = true;
	}
}
