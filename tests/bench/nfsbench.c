/*
 * nfsbench - closed-loop NFS load generator (NFSv3, 4.0, 4.1, 4.2; ONC RPC/TCP,
 * AUTH_SYS).  One thread, epoll, C connections with Q requests in flight each.
 * No library beyond libc: the wire encoding is in this file, so the generator
 * costs little CPU and can speak 4.1/4.2 sessions, which libnfs 4.0 cannot.
 *
 *   nfsbench [options] HOST EXPORT
 *     -V 3|4.0|4.1|4.2   protocol (default 3)
 *     -p PORT            NFS port (2049)
 *     -m PORT            MOUNT port, v3 only (0 = ask the portmapper)
 *     -o OPS             comma list of: null getattr lookup access readdir
 *                        create remove read write commit burst
 *                        (read/write/burst take a size: read:4k write:1m)
 *     -c N  -q N         connections (1), requests in flight on each (8)
 *     -t SEC  -w SEC     measured seconds per op (5), warm-up (0.5)
 *     -n N  -s SIZE      files per connection (8), bytes in each (16m)
 *     -S unstable|datasync|filesync   stability of WRITE (unstable)
 *     -u UID -g GID      AUTH_SYS credentials (0/0)
 *     -D COMMAND         run before each burst, outside its time
 *     -z                 files begin empty: -s is how far burst writes them
 *     -R                 bind a reserved source port
 *     -k                 keep the work directory
 *     -C PID             also report the CPU used by that server process and its children
 *
 * Prints one JSON object on stdout.  Exit 0: ran; 1: set-up failed; 2: usage;
 * 3: ran, but some operation returned an error.
 *
 * What one "op" is: the RPC of that name, except
 *   create  v3: CREATE.  v4: OPEN(create)[+OPEN_CONFIRM]+CLOSE, as a client does.
 *   commit  4 KiB unstable WRITE, then COMMIT of it; only the COMMIT is timed.
 *   burst   WRITE, each file from front to back once, and no more: -t and -w say nothing.
 *           commit_ms: COMMIT of all files thereafter, whose server CPU is counted in.
 *   readdir READDIRPLUS / READDIR(attributes) of the first 32 KiB of a directory.
 *   remove  removes what create made (run create first); else makes its own.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAXQ 256
#define MAXC 64
#define MAXFH 128
#define HDRMAX 1024
#define RBUF (2u << 20)
#define MAXIO (1u << 20)
static void die(const char *f, ...) {
	va_list a; va_start(a, f); fputs("nfsbench: ", stderr); vfprintf(stderr, f, a);
	fputc('\n', stderr); va_end(a); exit(1);
}
static uint64_t now_ns(void) {
	struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static double cpu_s(void) {
	struct rusage r; getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}
/* CPU seconds used so far by process PID and its direct children (all threads) */
static double server_cpu(int pid) {
	DIR *d; struct dirent *e; double s = 0;
	if (!pid || !(d = opendir("/proc"))) return 0;
	while ((e = readdir(d))) {
		char p[300], b[512], *q; int f, ppid; unsigned long u, k; ssize_t n;
		if (e->d_name[0] < '1' || e->d_name[0] > '9') continue;
		snprintf(p, sizeof p, "/proc/%s/stat", e->d_name);
		if ((f = open(p, O_RDONLY)) < 0) continue;
		n = read(f, b, sizeof b - 1); close(f); if (n <= 0) continue;
		b[n] = 0; if (!(q = strrchr(b, ')'))) continue;
		if (sscanf(q + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ppid, &u, &k) != 3) continue;
		if (atoi(e->d_name) == pid || ppid == pid) s += (double)(u + k) / (double)sysconf(_SC_CLK_TCK);
	}
	closedir(d); return s;
}
/* ---------- latency histogram: 32 linear steps per power of two ---------- */
#define HSUB 32
#define HN (60 * HSUB)
struct hist { uint64_t n, sum, min, max, b[HN]; };
static unsigned hidx(uint64_t v) {
	if (v < HSUB) return (unsigned)v;
	unsigned e = 63u - (unsigned)__builtin_clzll(v);		/* e >= 5 */
	return (e - 4) * HSUB + (unsigned)((v >> (e - 5)) & (HSUB - 1));
}
static uint64_t hval(unsigned i) {
	if (i < HSUB) return i;
	unsigned e = i / HSUB + 4;
	return ((uint64_t)HSUB + i % HSUB) << (e - 5);
}
static void hadd(struct hist *h, uint64_t v) {
	unsigned i = hidx(v); if (i >= HN) i = HN - 1;
	h->b[i]++; h->sum += v; if (!h->n || v < h->min) h->min = v;
	if (v > h->max) h->max = v;
	h->n++;
}
static double hq(const struct hist *h, double q) {
	uint64_t want = (uint64_t)((double)h->n * q), c = 0;
	for (unsigned i = 0; i < HN; i++) { c += h->b[i]; if (c > want) return (double)hval(i) / 1000.0; }
	return (double)h->max / 1000.0;
}
/* ------------------------------- XDR ------------------------------------ */
struct xw { uint8_t *b; size_t n, cap; };
struct xr { const uint8_t *b; size_t n, len; bool bad; };
static void w32(struct xw *x, uint32_t v) {
	if (x->n + 4 > x->cap) die("request header too long");
	v = htonl(v); memcpy(x->b + x->n, &v, 4); x->n += 4;
}
static void w64(struct xw *x, uint64_t v) { w32(x, (uint32_t)(v >> 32)); w32(x, (uint32_t)v); }
static void wraw(struct xw *x, const void *p, size_t n) {
	size_t pad = (4 - n % 4) % 4;
	if (x->n + n + pad > x->cap) die("request header too long");
	memcpy(x->b + x->n, p, n); memset(x->b + x->n + n, 0, pad); x->n += n + pad;
}
static void wopq(struct xw *x, const void *p, size_t n) { w32(x, (uint32_t)n); wraw(x, p, n); }
static void wstr(struct xw *x, const char *s) { wopq(x, s, strlen(s)); }
static const uint8_t *rskip(struct xr *x, size_t n) {
	size_t m = n + (4 - n % 4) % 4;
	if (x->bad || m > x->len - x->n) { x->bad = true; return NULL; }
	const uint8_t *p = x->b + x->n; x->n += m; return p;
}
static uint32_t r32(struct xr *x) {
	const uint8_t *p = rskip(x, 4); uint32_t v = 0; if (p) memcpy(&v, p, 4); return ntohl(v);
}
static uint64_t r64(struct xr *x) { uint64_t h = r32(x); return h << 32 | r32(x); }
static const uint8_t *ropq(struct xr *x, uint32_t *n) { *n = r32(x); return rskip(x, *n); }
/* ----------------------------- protocol --------------------------------- */
enum { P_NULL, P_GETATTR, P_LOOKUP, P_ACCESS, P_READDIR, P_CREATE, P_REMOVE, P_READ, P_WRITE, P_COMMIT, P_BURST, P_N };
static const char *const opname[P_N] = { "null", "getattr", "lookup", "access", "readdir",
	"create", "remove", "read", "write", "commit", "burst" };
enum { O_ACCESS = 3, O_CLOSE, O_COMMIT, O_CREATE, O_GETATTR = 9, O_GETFH, O_LOOKUP = 15, O_OPEN = 18,
	O_OPEN_CONFIRM = 20, O_PUTFH = 22, O_PUTROOTFH = 24, O_READ, O_READDIR, O_REMOVE = 28,
	O_SETCLIENTID = 35, O_SETCLIENTID_CONFIRM, O_WRITE = 38, O_EXCHANGE_ID = 42, O_CREATE_SESSION,
	O_DESTROY_SESSION, O_SEQUENCE = 53, O_DESTROY_CLIENTID = 57, O_RECLAIM_COMPLETE };
struct fh { uint32_t n; uint8_t d[MAXFH]; };
struct file { struct fh fh; uint8_t sid[16]; char name[32]; };
struct slot {
	uint32_t xid, seq, oseq;	/* xid; session slot sequence; 4.0 open-owner seqid */
	uint64_t t0;
	int step, filei;
	uint64_t off;
	char name[40];
	struct fh nfh; uint8_t nsid[16];	/* file made by create */
	uint8_t hdr[HDRMAX]; size_t hn; const uint8_t *pay; size_t pn, pad;
	bool busy;
};
struct conn {
	int fd, id; uint32_t gen;
	uint64_t clientid; uint8_t sess[16]; uint32_t nslots;
	struct file *f;
	struct slot s[MAXQ];
	int sq[MAXQ], sh, sn; size_t soff;	/* send queue of slots, bytes of the head sent */
	uint8_t *rb; size_t rn;
	bool wantw;
	uint64_t created, removed, burst_at;	/* bytes of all its files, one behind the other */
};
static struct { const char *host, *path; int port, mport, c, q, nf, minor, v, cpid; uint32_t uid, gid, stable;
	double t, w; uint64_t fsize; bool resv, keep, empty; const char *drain; } cfg =
	{ .port = 2049, .c = 1, .q = 8, .nf = 8, .v = 3, .t = 5, .w = .5, .fsize = 16u << 20 };
static struct conn *conns[MAXC];
static struct fh root, wdir;
static char wname[64];
static uint8_t pattern[MAXIO];
static int ep;
static uint32_t xid_next;
static bool any_error;
static int dial(const char *host, int port) {
	char ps[12]; struct addrinfo h = { .ai_socktype = SOCK_STREAM }, *ai, *a; int fd = -1, one = 1;
	snprintf(ps, sizeof ps, "%d", port);
	if (getaddrinfo(host, ps, &h, &ai)) die("cannot resolve %s", host);
	for (a = ai; a; a = a->ai_next) {
		if ((fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) continue;
		if (cfg.resv && a->ai_family == AF_INET) {
			struct sockaddr_in s = { .sin_family = AF_INET };
			if (bindresvport(fd, &s)) die("no reserved port: %s", strerror(errno));
		}
		if (!connect(fd, a->ai_addr, a->ai_addrlen)) break;
		close(fd); fd = -1;
	}
	freeaddrinfo(ai);
	if (fd < 0) die("cannot connect to %s:%d: %s", host, port, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}
/* RPC call header; the record mark (first word) is patched by seal() */
static void rpc_hdr(struct xw *x, uint32_t xid, uint32_t prog, uint32_t vers, uint32_t proc) {
	w32(x, 0); w32(x, xid); w32(x, 0); w32(x, 2); w32(x, prog); w32(x, vers); w32(x, proc);
	if (proc) {
		w32(x, 1); w32(x, 28); w32(x, 0); wopq(x, "nfsbench", 8); w32(x, cfg.uid); w32(x, cfg.gid); w32(x, 0);
	} else { w32(x, 0); w32(x, 0); }
	w32(x, 0); w32(x, 0);
}
static void seal(struct xw *x, size_t extra) {
	uint32_t m = htonl(0x80000000u | (uint32_t)(x->n - 4 + extra)); memcpy(x->b, &m, 4);
}
/* checks the reply header; true: x stands at the results */
static bool rpc_ok(struct xr *x) {
	uint32_t n; r32(x); if (r32(x) != 1 || r32(x) != 0) return false;
	r32(x); ropq(x, &n); return r32(x) == 0 && !x->bad;
}
static void wfh(struct xw *x, const struct fh *f) { wopq(x, f->d, f->n); }
static bool rfh(struct xr *x, struct fh *f) {
	uint32_t n; const uint8_t *p = ropq(x, &n); if (!p || n > MAXFH) return false;
	f->n = n; memcpy(f->d, p, n); return true;
}
/* ---- blocking call, for set-up ---- */
static uint8_t syncbuf[RBUF];
static void full(int fd, void *b, size_t n, bool wr) {
	for (size_t o = 0; o < n;) {
		ssize_t k = wr ? write(fd, (uint8_t *)b + o, n - o) : read(fd, (uint8_t *)b + o, n - o);
		if (k < 0 && (errno == EAGAIN || errno == EINTR)) {
			struct pollfd p = { fd, wr ? POLLOUT : POLLIN, 0 }; 
			if (poll(&p, 1, 30000) == 0) die("server did not answer in 30 s");
			continue;
		}
		if (k <= 0) die("connection lost during set-up (%s)", k ? strerror(errno) : "closed by the server");
		o += (size_t)k;
	}
}
static struct xr sync_call(int fd, struct xw *x, const uint8_t *pay, size_t pn) {
	size_t n = 0; uint32_t m; static uint8_t z[4];
	seal(x, pn + (4 - pn % 4) % 4);
	full(fd, x->b, x->n, true);
	if (pn) { full(fd, (void *)(uintptr_t)pay, pn, true); if (pn % 4) full(fd, z, 4 - pn % 4, true); }
	do {
		full(fd, &m, 4, false); m = ntohl(m);
		if (n + (m & 0x7fffffff) > RBUF) die("reply too long");
		full(fd, syncbuf + n, m & 0x7fffffff, false); n += m & 0x7fffffff;
	} while (!(m & 0x80000000u));
	struct xr r = { syncbuf, 0, n, false };
	if (!rpc_ok(&r)) die("RPC call was refused by the server");
	return r;
}
static int pmap_port(uint32_t prog, uint32_t vers) {
	uint8_t b[HDRMAX]; struct xw x = { b, 0, sizeof b }; int fd = dial(cfg.host, 111);
	w32(&x, 0); w32(&x, ++xid_next); w32(&x, 0); w32(&x, 2); w32(&x, 100000); w32(&x, 2); w32(&x, 3);
	for (int i = 0; i < 4; i++) w32(&x, 0);
	w32(&x, prog); w32(&x, vers); w32(&x, IPPROTO_TCP); w32(&x, 0);
	struct xr r = sync_call(fd, &x, NULL, 0); int p = (int)r32(&r); close(fd);
	if (!p) die("the portmapper knows no port for program %u", prog);
	return p;
}
/* ---- v4 compound building ---- */
static void cmp_begin(struct xw *x, struct conn *c, struct slot *s, uint32_t xid, uint32_t nops) {
	rpc_hdr(x, xid, 100003, 4, 1); w32(x, 0); w32(x, (uint32_t)cfg.minor);
	w32(x, nops + (s && cfg.minor ? 1 : 0));
	if (s && cfg.minor) {
		w32(x, O_SEQUENCE); wraw(x, c->sess, 16); w32(x, ++s->seq); w32(x, (uint32_t)(s - c->s));
		w32(x, c->nslots - 1); w32(x, 0);
	}
}
/* compound reply header and SEQUENCE result; returns the compound's status */
static uint32_t cmp_res(struct xr *r, bool seq) {
	uint32_t n, st = r32(r); ropq(r, &n); r32(r);
	if (cfg.minor && seq) { r32(r); if (r32(r)) return st ? st : 1; rskip(r, 36); }
	return r->bad ? 0xffffffffu : st;
}
static uint32_t opres(struct xr *r) { r32(r); return r32(r); }
static void op_putfh(struct xw *x, const struct fh *f) { w32(x, O_PUTFH); wfh(x, f); }
static void op_open(struct xw *x, struct conn *c, struct slot *s, const char *name, bool excl) {
	char o[32]; int n = snprintf(o, sizeof o, "o%d.%d.%d", (int)getpid(), c->id, (int)(s - c->s));
	w32(x, O_OPEN); w32(x, cfg.minor ? 0 : s->oseq++); w32(x, 3 | (cfg.minor ? 0x400 : 0)); w32(x, 0);
	w64(x, c->clientid); wopq(x, o, (size_t)n); w32(x, 1); w32(x, excl ? 1 : 0);
	w32(x, 2); w32(x, 0); w32(x, 2); w32(x, 4); w32(x, 0644); w32(x, 0); wstr(x, name);
}
/* after opres(): reads the OPEN result up to its end, then GETFH */
static bool res_open(struct xr *r, uint8_t *sid, uint32_t *rflags) {
	uint32_t n; const uint8_t *p = rskip(r, 16); if (p) memcpy(sid, p, 16);
	rskip(r, 20); *rflags = r32(r); n = r32(r); rskip(r, (size_t)n * 4);
	uint32_t d = r32(r);
	if (d == 1 || d == 2) { rskip(r, 20); if (d == 2) { rskip(r, 12); } rskip(r, 12); ropq(r, &n); }
	else if (d == 3) { uint32_t w = r32(r); if (w == 1 || w == 2) r32(r); }
	return !r->bad;
}
#define NEWX uint8_t xb_[HDRMAX]; struct xw x = { xb_, 0, sizeof xb_ }
static void v4_client(struct conn *c) {
	uint32_t n, st; char id[64]; uint8_t vf[8]; uint64_t t = now_ns(); memcpy(vf, &t, 8);
	int idn = snprintf(id, sizeof id, "nfsbench.%d.%d", (int)getpid(), c->id);
	if (!cfg.minor) {
		NEWX; cmp_begin(&x, c, NULL, ++xid_next, 1); w32(&x, O_SETCLIENTID); wraw(&x, vf, 8); wopq(&x, id, (size_t)idn);
		w32(&x, 0x40000000); wstr(&x, "tcp"); wstr(&x, "0.0.0.0.0.0"); w32(&x, 1);
		struct xr r = sync_call(c->fd, &x, NULL, 0);
		if ((st = cmp_res(&r, false))) die("SETCLIENTID: NFS4 error %u", st);
		opres(&r); c->clientid = r64(&r); const uint8_t *cv = rskip(&r, 8); if (!cv) die("bad SETCLIENTID reply");
		uint8_t conf[8]; memcpy(conf, cv, 8);
		uint8_t yb[HDRMAX]; struct xw y = { yb, 0, sizeof yb };
		cmp_begin(&y, c, NULL, ++xid_next, 1); w32(&y, O_SETCLIENTID_CONFIRM); w64(&y, c->clientid); wraw(&y, conf, 8);
		r = sync_call(c->fd, &y, NULL, 0);
		if ((st = cmp_res(&r, false))) die("SETCLIENTID_CONFIRM: NFS4 error %u", st);
		return;
	}
	{ NEWX; cmp_begin(&x, c, NULL, ++xid_next, 1); w32(&x, O_EXCHANGE_ID); wraw(&x, vf, 8); wopq(&x, id, (size_t)idn);
	  w32(&x, 0); w32(&x, 0); w32(&x, 0);
	  struct xr r = sync_call(c->fd, &x, NULL, 0);
	  if ((st = cmp_res(&r, false))) die("EXCHANGE_ID: NFS4 error %u", st);
	  opres(&r); c->clientid = r64(&r); n = r32(&r); }
	{ NEWX; cmp_begin(&x, c, NULL, ++xid_next, 1); w32(&x, O_CREATE_SESSION); w64(&x, c->clientid); w32(&x, n); w32(&x, 0);
	  for (int i = 0; i < 2; i++) { w32(&x, 0); w32(&x, i ? 4096 : MAXIO + 4096); w32(&x, i ? 4096 : MAXIO + 4096);
		w32(&x, i ? 4096 : 8192); w32(&x, i ? 2 : 16); w32(&x, i ? 1 : (uint32_t)cfg.q); w32(&x, 0); }
	  w32(&x, 0x40000000); w32(&x, 1); w32(&x, 0);
	  struct xr r = sync_call(c->fd, &x, NULL, 0);
	  if ((st = cmp_res(&r, false))) die("CREATE_SESSION: NFS4 error %u", st);
	  opres(&r); const uint8_t *p = rskip(&r, 16); if (!p) die("bad CREATE_SESSION reply");
	  memcpy(c->sess, p, 16); rskip(&r, 8); rskip(&r, 20); c->nslots = r32(&r);
	  if (!c->nslots) die("server granted no session slots");
	  if (c->nslots > (uint32_t)cfg.q) c->nslots = (uint32_t)cfg.q; }
	{ NEWX; cmp_begin(&x, c, &c->s[0], ++xid_next, 1); w32(&x, O_RECLAIM_COMPLETE); w32(&x, 0);
	  struct xr r = sync_call(c->fd, &x, NULL, 0); cmp_res(&r, true); }
}
/* ---- version-neutral set-up helpers ---- */
static void get_root(struct conn *c) {
	if (cfg.v == 3) {
		int fd = dial(cfg.host, cfg.mport ? cfg.mport : pmap_port(100005, 3)); NEWX;
		rpc_hdr(&x, ++xid_next, 100005, 3, 1); wstr(&x, cfg.path);
		struct xr r = sync_call(fd, &x, NULL, 0); uint32_t st = r32(&r);
		if (st) die("MOUNT of %s: error %u", cfg.path, st);
		if (!rfh(&r, &root)) die("bad MNT reply");
		close(fd); return;
	}
	char tmp[1024], *sv, *comp[64]; uint32_t k = 0; snprintf(tmp, sizeof tmp, "%s", cfg.path);
	for (char *p = strtok_r(tmp, "/", &sv); p && k < 64; p = strtok_r(NULL, "/", &sv)) comp[k++] = p;
	NEWX; cmp_begin(&x, c, &c->s[0], ++xid_next, k + 2); w32(&x, O_PUTROOTFH);
	for (uint32_t i = 0; i < k; i++) { w32(&x, O_LOOKUP); wstr(&x, comp[i]); }
	w32(&x, O_GETFH);
	struct xr r = sync_call(c->fd, &x, NULL, 0); uint32_t st = cmp_res(&r, true);
	if (st) die("LOOKUP of %s: NFS4 error %u", cfg.path, st);
	for (uint32_t i = 0; i < k + 2; i++) opres(&r);
	if (!rfh(&r, &root)) die("bad GETFH reply");
}
static void make_dir(struct conn *c) {
	struct xr r; uint32_t st;
	snprintf(wname, sizeof wname, "nfsbench.%d", (int)getpid());
	if (cfg.v == 3) {
		NEWX; rpc_hdr(&x, ++xid_next, 100003, 3, 9); wfh(&x, &root); wstr(&x, wname);
		w32(&x, 1); w32(&x, 0755); for (int i = 0; i < 5; i++) w32(&x, 0);
		r = sync_call(c->fd, &x, NULL, 0); if ((st = r32(&r))) die("MKDIR: NFS3 error %u", st);
		if (!r32(&r) || !rfh(&r, &wdir)) die("MKDIR returned no handle");
		return;
	}
	NEWX; cmp_begin(&x, c, &c->s[0], ++xid_next, 3); op_putfh(&x, &root);
	w32(&x, O_CREATE); w32(&x, 2); wstr(&x, wname); w32(&x, 2); w32(&x, 0); w32(&x, 2); w32(&x, 4); w32(&x, 0755);
	w32(&x, O_GETFH); r = sync_call(c->fd, &x, NULL, 0);
	if ((st = cmp_res(&r, true))) die("CREATE of the work directory: NFS4 error %u", st);
	opres(&r); opres(&r); rskip(&r, 20); uint32_t n = r32(&r); rskip(&r, (size_t)n * 4); opres(&r);
	if (!rfh(&r, &wdir)) die("bad GETFH reply");
}
static void v4_confirm(struct conn *c, struct slot *s, const struct fh *f, uint8_t *sid) {
	NEWX; cmp_begin(&x, c, s, ++xid_next, 2); op_putfh(&x, f); w32(&x, O_OPEN_CONFIRM); wraw(&x, sid, 16); w32(&x, s->oseq++);
	struct xr r = sync_call(c->fd, &x, NULL, 0); uint32_t st = cmp_res(&r, true);
	if (st) die("OPEN_CONFIRM: NFS4 error %u", st);
	opres(&r); opres(&r); const uint8_t *p = rskip(&r, 16); if (p) memcpy(sid, p, 16);
}
static void make_file(struct conn *c, struct file *f) {
	struct xr r; uint32_t st;
	if (cfg.v == 3) {
		NEWX; rpc_hdr(&x, ++xid_next, 100003, 3, 8); wfh(&x, &wdir); wstr(&x, f->name); w32(&x, 0);
		w32(&x, 1); w32(&x, 0644); for (int i = 0; i < 5; i++) w32(&x, 0);
		r = sync_call(c->fd, &x, NULL, 0); if ((st = r32(&r))) die("CREATE: NFS3 error %u", st);
		if (!r32(&r) || !rfh(&r, &f->fh)) die("CREATE returned no handle");
	} else for (int tries = 0;; tries++) {
		uint32_t rf; struct slot *s = &c->s[0];
		NEWX; cmp_begin(&x, c, s, ++xid_next, 3); op_putfh(&x, &wdir); op_open(&x, c, s, f->name, false); w32(&x, O_GETFH);
		r = sync_call(c->fd, &x, NULL, 0); st = cmp_res(&r, true);
		if (st == 10013 && tries < 200) { usleep(500000); continue; }	/* NFS4ERR_GRACE */
		if (st) die("OPEN: NFS4 error %u", st);
		opres(&r); opres(&r); if (!res_open(&r, f->sid, &rf)) die("bad OPEN reply");
		opres(&r); if (!rfh(&r, &f->fh)) die("bad GETFH reply");
		if (!cfg.minor && (rf & 2)) v4_confirm(c, s, &f->fh, f->sid);
		break;
	}
	for (uint64_t o = 0; o < cfg.fsize && !cfg.empty;) {
		size_t k = cfg.fsize - o < MAXIO ? (size_t)(cfg.fsize - o) : MAXIO, got;
		NEWX;
		if (cfg.v == 3) {
			rpc_hdr(&x, ++xid_next, 100003, 3, 7); wfh(&x, &f->fh); w64(&x, o); w32(&x, (uint32_t)k); w32(&x, 0); w32(&x, (uint32_t)k);
			r = sync_call(c->fd, &x, pattern, k); if ((st = r32(&r))) die("WRITE: NFS3 error %u", st);
			if (r32(&r)) rskip(&r, 24);
			if (r32(&r)) rskip(&r, 84);
			got = r32(&r);
		} else {
			cmp_begin(&x, c, &c->s[0], ++xid_next, 2); op_putfh(&x, &f->fh); w32(&x, O_WRITE); wraw(&x, f->sid, 16); w64(&x, o); w32(&x, 0); w32(&x, (uint32_t)k);
			r = sync_call(c->fd, &x, pattern, k); if ((st = cmp_res(&r, true))) die("WRITE: NFS4 error %u", st);
			opres(&r); opres(&r); got = r32(&r);
		}
		if (r.bad || !got) die("bad WRITE reply");
		o += got;
	}
}
static void remove_name(struct conn *c, const struct fh *d, const char *name, bool dir) {
	NEWX; struct xr r;
	if (cfg.v == 3) { rpc_hdr(&x, ++xid_next, 100003, 3, dir ? 13 : 12); wfh(&x, d); wstr(&x, name); }
	else { cmp_begin(&x, c, &c->s[0], ++xid_next, 2); op_putfh(&x, d); w32(&x, O_REMOVE); wstr(&x, name); }
	r = sync_call(c->fd, &x, NULL, 0); uint32_t st = cfg.v == 3 ? r32(&r) : cmp_res(&r, true);
	if (st) { fprintf(stderr, "nfsbench: clean-up: REMOVE %s: error %u\n", name, st); any_error = true; }
}
static void close_file(struct conn *c, struct file *f) {
	if (cfg.v == 3) return;
	NEWX; struct slot *s = &c->s[0]; cmp_begin(&x, c, s, ++xid_next, 2); op_putfh(&x, &f->fh); w32(&x, O_CLOSE);
	w32(&x, cfg.minor ? 0 : s->oseq++); wraw(&x, f->sid, 16);
	struct xr r = sync_call(c->fd, &x, NULL, 0); uint32_t st = cmp_res(&r, true);
	if (st) { fprintf(stderr, "nfsbench: clean-up: CLOSE: error %u\n", st); any_error = true; }
}
/* ------------------------------ the run --------------------------------- */
static struct { int op; uint32_t size; bool issuing, counting; uint64_t t_end, inflight; struct hist h; uint64_t errors; uint32_t first_err;
	uint64_t bytes, unstable, rng; } run;
static uint64_t rnd(void) { run.rng ^= run.rng << 13; run.rng ^= run.rng >> 7; run.rng ^= run.rng << 17; return run.rng; }
static void push(struct conn *c, struct slot *s) { c->sq[(c->sh + c->sn++) % MAXQ] = (int)(s - c->s); }
static void build(struct conn *c, struct slot *s) {
	struct xw x = { s->hdr, 0, HDRMAX }; s->pay = NULL; s->pn = s->pad = 0;
	struct file *f = &c->f[s->filei]; const bool v3 = cfg.v == 3; uint32_t sz = run.size;
	s->xid = ++c->gen << 8 | (uint32_t)(s - c->s);
#define V3(p) rpc_hdr(&x, s->xid, 100003, 3, p)
#define V4(n) cmp_begin(&x, c, s, s->xid, n)
	switch (run.op) {
	case P_NULL: rpc_hdr(&x, s->xid, 100003, (uint32_t)cfg.v, 0); break;
	case P_GETATTR:
		if (v3) { V3(1); wfh(&x, &f->fh); }
		else { V4(2); op_putfh(&x, &f->fh); w32(&x, O_GETATTR); w32(&x, 2); w32(&x, 0x0010011a); w32(&x, 0x0030a23a); }
		break;
	case P_LOOKUP:
		if (v3) { V3(3); wfh(&x, &wdir); wstr(&x, f->name); }
		else { V4(4); op_putfh(&x, &wdir); w32(&x, O_LOOKUP); wstr(&x, f->name); w32(&x, O_GETFH); w32(&x, O_GETATTR); w32(&x, 2); w32(&x, 0x0010011a); w32(&x, 0x0030a23a); }
		break;
	case P_ACCESS:
		if (v3) { V3(4); wfh(&x, &f->fh); w32(&x, 0x1f); }
		else { V4(3); op_putfh(&x, &f->fh); w32(&x, O_ACCESS); w32(&x, 0x1f); w32(&x, O_GETATTR); w32(&x, 2); w32(&x, 0x0010011a); w32(&x, 0x0030a23a); }
		break;
	case P_READDIR:
		if (v3) { V3(17); wfh(&x, &wdir); w64(&x, 0); w64(&x, 0); w32(&x, 8192); w32(&x, 32768); }
		else { V4(2); op_putfh(&x, &wdir); w32(&x, O_READDIR); w64(&x, 0); w64(&x, 0); w32(&x, 8192); w32(&x, 32768); w32(&x, 2); w32(&x, 0x0010011a); w32(&x, 0x0030a23a); }
		break;
	case P_CREATE:
		if (v3) { V3(8); wfh(&x, &wdir); wstr(&x, s->name); w32(&x, 1); w32(&x, 1); w32(&x, 0644); for (int i = 0; i < 5; i++) w32(&x, 0); }
		else if (s->step == 0) { V4(4); op_putfh(&x, &wdir); op_open(&x, c, s, s->name, true); w32(&x, O_GETFH); w32(&x, O_GETATTR); w32(&x, 2); w32(&x, 0x0010011a); w32(&x, 0x0030a23a); }
		else if (s->step == 1) { V4(2); op_putfh(&x, &s->nfh); w32(&x, O_OPEN_CONFIRM); wraw(&x, s->nsid, 16); w32(&x, s->oseq++); }
		else { V4(2); op_putfh(&x, &s->nfh); w32(&x, O_CLOSE); w32(&x, cfg.minor ? 0 : s->oseq++); wraw(&x, s->nsid, 16); }
		break;
	case P_REMOVE:
		if (v3) { V3(12); wfh(&x, &wdir); wstr(&x, s->name); }
		else { V4(2); op_putfh(&x, &wdir); w32(&x, O_REMOVE); wstr(&x, s->name); }
		break;
	case P_READ:
		if (v3) { V3(6); wfh(&x, &f->fh); w64(&x, s->off); w32(&x, sz); }
		else { V4(2); op_putfh(&x, &f->fh); w32(&x, O_READ); wraw(&x, f->sid, 16); w64(&x, s->off); w32(&x, sz); }
		break;
	case P_COMMIT:
		if (s->step == 1) {
			if (v3) { V3(21); wfh(&x, &f->fh); w64(&x, s->off); w32(&x, sz); }
			else { V4(2); op_putfh(&x, &f->fh); w32(&x, O_COMMIT); w64(&x, s->off); w32(&x, sz); }
			break;
		}
		/* fall through */
	case P_WRITE: case P_BURST: {
		uint32_t st = run.op == P_COMMIT ? 0 : cfg.stable;
		if (v3) { V3(7); wfh(&x, &f->fh); w64(&x, s->off); w32(&x, sz); w32(&x, st); w32(&x, sz); }
		else { V4(2); op_putfh(&x, &f->fh); w32(&x, O_WRITE); wraw(&x, f->sid, 16); w64(&x, s->off); w32(&x, st); w32(&x, sz); }
		s->pay = pattern; s->pn = sz; s->pad = (4 - sz % 4) % 4; break; }
	}
	s->hn = x.n; seal(&x, s->pn + s->pad); s->busy = true; push(c, s); run.inflight++;
}
static bool start(struct conn *c, struct slot *s) {
	s->step = 0;
	if (run.op == P_CREATE) snprintf(s->name, sizeof s->name, "c%d.%llu", c->id, (unsigned long long)c->created++);
	if (run.op == P_REMOVE) {
		if (c->removed >= c->created) return false;
		snprintf(s->name, sizeof s->name, "c%d.%llu", c->id, (unsigned long long)c->removed++);
	}
	if (run.op == P_BURST) {
		if (c->burst_at + run.size > cfg.fsize * (uint64_t)cfg.nf) return false;
		s->filei = (int)(c->burst_at / cfg.fsize); s->off = c->burst_at % cfg.fsize; c->burst_at += run.size;
		s->t0 = now_ns(); build(c, s); return true;
	}
	s->filei = (int)(rnd() % (unsigned)cfg.nf);
	if (run.size) { uint64_t k = cfg.fsize / run.size; s->off = k ? rnd() % k * run.size : 0; }
	s->t0 = now_ns(); build(c, s); return true;
}
static void finish(struct conn *c, struct slot *s, uint32_t st, size_t bytes) {
	if (st) { run.errors++; any_error = true; if (!run.first_err) run.first_err = st; }
	else if (run.counting) { hadd(&run.h, now_ns() - s->t0); run.bytes += bytes; }
	if (run.issuing) start(c, s);
}
static void reply(struct conn *c, const uint8_t *b, size_t n) {
	struct xr r = { b, 0, n, false }; uint32_t xid = r32(&r), si = xid & 0xff, st = 0, rf; r.n = 0;
	if (si >= (uint32_t)cfg.q || !c->s[si].busy || c->s[si].xid != xid) die("reply with an unknown xid");
	struct slot *s = &c->s[si]; s->busy = false; run.inflight--;
	size_t bytes = 0;
	if (!rpc_ok(&r)) { finish(c, s, 0xfffffffeu, 0); return; }
	if (run.op == P_NULL) { finish(c, s, 0, 0); return; }
	if (cfg.v == 3) {
		st = r32(&r);
		if (!st && run.op == P_READ) { if (r32(&r)) rskip(&r, 84); bytes = r32(&r); if (bytes != run.size) st = 0xfffffffdu; }
		if (!st && (run.op == P_WRITE || run.op == P_BURST)) {
			if (r32(&r)) rskip(&r, 24);
			if (r32(&r)) rskip(&r, 84);
			bytes = r32(&r); run.unstable += r32(&r) == 0;
			if (r.bad || bytes != run.size) st = 0xfffffffdu;
		}
	} else {
		st = cmp_res(&r, true);
		if (!st && run.op == P_READ) { opres(&r); opres(&r); r32(&r); bytes = r32(&r); if (bytes != run.size) st = 0xfffffffdu; }
		if (!st && (run.op == P_WRITE || run.op == P_BURST)) { opres(&r); opres(&r); bytes = r32(&r); }
		if (!st && run.op == P_CREATE && s->step < 2) {
			opres(&r); opres(&r);
			if (s->step == 0) {
				if (!res_open(&r, s->nsid, &rf)) st = 0xfffffffdu;
				opres(&r); if (!rfh(&r, &s->nfh)) st = 0xfffffffdu;
				s->step = !cfg.minor && (rf & 2) ? 1 : 2;
			} else { const uint8_t *p = rskip(&r, 16); if (p) memcpy(s->nsid, p, 16); s->step = 2; }
			if (!st) { build(c, s); return; }
		}
	}
	if (!st && run.op == P_COMMIT && s->step == 0) { s->step = 1; s->t0 = now_ns(); build(c, s); return; }
	finish(c, s, st, bytes);
}
static void want(struct conn *c, bool w) {
	if (w == c->wantw) return;
	struct epoll_event e = { .events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e); c->wantw = w;
}
static void flush_out(struct conn *c) {
	static const uint8_t z[4];
	while (c->sn) {
		struct iovec v[48]; int k = 0; size_t skip = c->soff, tot = 0;
		for (int i = 0; i < c->sn && k + 3 <= 48; i++) {
			struct slot *s = &c->s[c->sq[(c->sh + i) % MAXQ]];
			const void *p[3] = { s->hdr, s->pay, z }; size_t n[3] = { s->hn, s->pn, s->pad };
			for (int j = 0; j < 3; j++) {
				if (skip >= n[j]) { skip -= n[j]; continue; }
				v[k].iov_base = (uint8_t *)(uintptr_t)p[j] + skip; v[k].iov_len = n[j] - skip; tot += v[k].iov_len; skip = 0; k++;
			}
		}
		ssize_t w = writev(c->fd, v, k);
		if (w < 0) { if (errno == EAGAIN) { want(c, true); return; } if (errno == EINTR) continue; die("write: %s", strerror(errno)); }
		c->soff += (size_t)w;
		while (c->sn) {
			struct slot *s = &c->s[c->sq[c->sh]]; size_t len = s->hn + s->pn + s->pad;
			if (c->soff < len) break;
			c->soff -= len; c->sh = (c->sh + 1) % MAXQ; c->sn--;
		}
		if ((size_t)w < tot) { want(c, true); return; }
	}
	want(c, false);
}
static void drain_in(struct conn *c) {
	for (;;) {
		ssize_t k = read(c->fd, c->rb + c->rn, RBUF - c->rn);
		if (k < 0) { if (errno == EAGAIN) return; if (errno == EINTR) continue; die("read: %s", strerror(errno)); }
		if (k == 0) die("the server closed the connection");
		c->rn += (size_t)k;
		size_t o = 0;
		for (;;) {	/* whole records only; fragments are joined in place */
			size_t p = o, len = 0; bool done = false;
			while (c->rn - p >= 4) {
				uint32_t m; memcpy(&m, c->rb + p, 4); m = ntohl(m);
				size_t fl = m & 0x7fffffff;
				if (fl > RBUF - 4) die("reply too long");
				if (c->rn - p - 4 < fl) break;
				if (p != o) memmove(c->rb + o + 4 + len, c->rb + p + 4, fl);
				len += fl; p += 4 + fl;
				if (m & 0x80000000u) { done = true; break; }
			}
			if (!done) {	/* undo nothing: single-fragment replies are the rule; joined ones are re-marked */
				if (p != o) { uint32_t m = htonl((uint32_t)len); memcpy(c->rb + o, &m, 4);
					memmove(c->rb + o + 4 + len, c->rb + p, c->rn - p); c->rn -= p - (o + 4 + len); }
				break;
			}
			reply(c, c->rb + o + 4, len); o = p;
		}
		if (o) { memmove(c->rb, c->rb + o, c->rn - o); c->rn -= o; }
		if ((size_t)k < 65536) return;
	}
}
static void loop_until(uint64_t t, bool drain) {
	struct epoll_event ev[MAXC]; uint64_t hard = now_ns() + 60000000000u;
	for (;;) {
		uint64_t n = now_ns();
		if (drain ? run.inflight == 0 : n >= t) return;
		if (drain && n > hard) die("replies missing after 60 s");
		if (!run.inflight) return;
		int k = epoll_wait(ep, ev, MAXC, drain ? 1000 : (int)((t - n) / 1000000 + 1));
		for (int i = 0; i < k; i++) {
			struct conn *c = ev[i].data.ptr;
			if (ev[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) drain_in(c);
			flush_out(c);
		}
	}
}
static void go(void) {
	run.issuing = true;
	for (int i = 0; i < cfg.c; i++) {
		struct conn *c = conns[i];
		int q = cfg.v == 4 && cfg.minor && run.op != P_NULL && (int)c->nslots < cfg.q ? (int)c->nslots : cfg.q;
		for (int j = 0; j < q; j++) start(c, &c->s[j]);
		flush_out(c);
	}
}
static double commit_all(void) {	/* milliseconds, one file of each connection at a time */
	uint64_t t0 = now_ns();
	run.op = P_COMMIT; run.counting = run.issuing = false; run.size = 0;
	for (int j = 0; j < cfg.nf; j++) {
		for (int i = 0; i < cfg.c; i++) {
			struct conn *c = conns[i]; struct slot *s = &c->s[0];
			s->step = 1; s->filei = j; s->off = 0; build(c, s); flush_out(c);
		}
		loop_until(0, true);
	}
	return (double)(now_ns() - t0) / 1e6;
}
static void bench(const char *spec, bool first) {
	char nm[32]; char *colon; uint32_t size = 0; int op;
	snprintf(nm, sizeof nm, "%s", spec);
	if ((colon = strchr(nm, ':'))) { char *e; *colon = 0; size = (uint32_t)strtoul(colon + 1, &e, 10);
		size *= *e == 'k' ? 1024 : *e == 'm' ? 1048576 : 1; }
	for (op = 0; op < P_N && strcmp(nm, opname[op]); op++) ;
	if (op == P_N) die("unknown op %s", nm);
	if (!size && (op == P_READ || op == P_WRITE || op == P_COMMIT || op == P_BURST)) size = 4096;
	if (size > MAXIO || size > cfg.fsize) die("size of %s is over 1 MiB or the file size", nm);
	uint64_t rng = run.rng; memset(&run, 0, sizeof run); run.rng = rng ? rng : 88172645463325252u; run.op = op; run.size = size;
	uint64_t made = 0, gone = 0;
	for (int i = 0; i < cfg.c; i++) { made += conns[i]->created; gone += conns[i]->removed; }
	if (op == P_REMOVE && made == gone) {	/* nothing to remove: make some first */
		run.op = P_CREATE; go(); loop_until(now_ns() + (uint64_t)(cfg.t * 1e9), false); run.issuing = false; loop_until(0, true);
		memset(&run, 0, sizeof run); run.rng = rng ? rng : 1; run.op = op;
	}
	double commit_ms = 0;
	if (op == P_BURST) {
		if (cfg.fsize % size) die("the file size is no multiple of the burst's writes");
		for (int i = 0; i < cfg.c; i++) conns[i]->burst_at = 0;
		if (cfg.drain && system(cfg.drain)) die("%s failed", cfg.drain);
		run.counting = true;
	}
	uint64_t t0 = now_ns(); double c0 = cpu_s(), v0 = server_cpu(cfg.cpid);
	go();
	if (op == P_BURST) { loop_until(0, true); goto over; }
	if (cfg.w > 0 && op != P_REMOVE) loop_until(now_ns() + (uint64_t)(cfg.w * 1e9), false);
	run.counting = true; run.bytes = 0; memset(&run.h, 0, sizeof run.h);
	t0 = now_ns(); c0 = cpu_s(); v0 = server_cpu(cfg.cpid);
	loop_until(t0 + (uint64_t)(cfg.t * 1e9), false);
over:;
	double el = (double)(now_ns() - t0) / 1e9, cpu = cpu_s() - c0;
	if (op == P_BURST) commit_ms = commit_all();
	double srv = server_cpu(cfg.cpid) - v0;
	run.counting = false; run.issuing = false; loop_until(0, true);
	const struct hist *h = &run.h;
	printf("%s\n    {\"op\": \"%s\", \"size\": %u, \"secs\": %.3f, \"ops\": %llu, \"errors\": %llu, \"first_error\": %u, "
	       "\"ops_per_s\": %.0f, \"mb_per_s\": %.1f, \"lat_us\": {\"min\": %.1f, \"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}, \"client_cpu_pct\": %.0f",
	       first ? "" : ",", opname[op], size, el, (unsigned long long)h->n, (unsigned long long)run.errors, run.first_err,
	       (double)h->n / el, (double)run.bytes / el / 1e6, (double)h->min / 1e3, h->n ? (double)h->sum / (double)h->n / 1e3 : 0,
	       hq(h, .5), hq(h, .9), hq(h, .99), hq(h, .999), (double)h->max / 1e3, cpu / el * 100);
	if (cfg.cpid) printf(", \"server_cpu_pct\": %.0f, \"server_cpu_us_per_op\": %.1f", srv / el * 100, h->n ? srv * 1e6 / (double)h->n : 0);
	if (op == P_BURST) printf(", \"unstable\": %llu, \"commit_ms\": %.1f", (unsigned long long)run.unstable, commit_ms);
	putchar('}');
	fflush(stdout);
}
static uint64_t size_arg(const char *s) {
	char *e; uint64_t v = strtoull(s, &e, 10); return *e == 'k' ? v << 10 : *e == 'm' ? v << 20 : *e == 'g' ? v << 30 : v;
}
int main(int argc, char **argv) {
	const char *ops = "null,getattr,lookup,access,readdir,create,remove,write:4k,read:4k,write:1m,read:1m,commit", *ver = "3";
	int o;
	bool bad = false;
	while ((o = getopt(argc, argv, "V:p:m:o:c:q:t:w:n:s:S:u:g:C:D:Rkz")) != -1) switch (o) {
		case 'V': ver = optarg; break;
		case 'p': cfg.port = atoi(optarg); break;
		case 'm': cfg.mport = atoi(optarg); break;
		case 'o': ops = optarg; break;
		case 'c': cfg.c = atoi(optarg); break;
		case 'q': cfg.q = atoi(optarg); break;
		case 't': cfg.t = atof(optarg); break;
		case 'w': cfg.w = atof(optarg); break;
		case 'n': cfg.nf = atoi(optarg); break;
		case 's': cfg.fsize = size_arg(optarg); break;
		case 'S': cfg.stable = *optarg == 'f' ? 2 : *optarg == 'd' ? 1 : 0; break;
		case 'u': cfg.uid = (uint32_t)atoi(optarg); break;
		case 'g': cfg.gid = (uint32_t)atoi(optarg); break;
		case 'C': cfg.cpid = atoi(optarg); break;
		case 'R': cfg.resv = true; break;
		case 'D': cfg.drain = optarg; break;
		case 'z': cfg.empty = true; break;
		case 'k': cfg.keep = true; break;
		default: bad = true;
	}
	if (bad || argc - optind != 2 || cfg.c < 1 || cfg.c > MAXC || cfg.q < 1 || cfg.q > MAXQ || cfg.nf < 1) {
		fprintf(stderr, "usage: nfsbench [-V 3|4.0|4.1|4.2] [-p port] [-m mountport] [-o ops] [-c conns<=%d] [-q depth<=%d]\n"
			"                [-t sec] [-w sec] [-n files] [-s size] [-S stable] [-u uid] [-g gid] [-C pid] [-D command] [-R] [-k] [-z] HOST EXPORT\n", MAXC, MAXQ);
		return 2;
	}
	cfg.host = argv[optind]; cfg.path = argv[optind + 1];
	if (ver[0] == '4') { cfg.v = 4; cfg.minor = ver[1] == '.' ? atoi(ver + 2) : 0; } else if (strcmp(ver, "3")) die("version %s?", ver);
	for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i * 131 + (i >> 8));
	xid_next = (uint32_t)now_ns() << 8;
	ep = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < cfg.c; i++) {
		struct conn *c = conns[i] = calloc(1, sizeof *c);
		if (!c || !(c->rb = malloc(RBUF)) || !(c->f = calloc((size_t)cfg.nf, sizeof *c->f))) die("out of memory");
		c->id = i; c->fd = dial(cfg.host, cfg.port); c->nslots = (uint32_t)cfg.q; c->gen = (uint32_t)now_ns();
		if (cfg.v == 4) v4_client(c);
		if (!i) { get_root(c); make_dir(c); }
		for (int j = 0; j < cfg.nf; j++) { snprintf(c->f[j].name, sizeof c->f[j].name, "f%d.%d", i, j); make_file(c, &c->f[j]); }
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c }; epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
	}
	printf("{\"tool\": \"nfsbench\", \"host\": \"%s\", \"port\": %d, \"export\": \"%s\", \"vers\": \"%s\", \"conns\": %d, \"qd\": %d, \"session_slots\": %u, \"files\": %d, \"file_size\": %llu, \"stable\": %u, \"results\": [",
	       cfg.host, cfg.port, cfg.path, ver, cfg.c, cfg.q, cfg.minor ? conns[0]->nslots : 0, cfg.nf, (unsigned long long)cfg.fsize, cfg.stable);
	char *list = strdup(ops), *sv; bool first = true;
	for (char *p = strtok_r(list, ",", &sv); p; p = strtok_r(NULL, ",", &sv)) { bench(p, first); first = false; }
	free(list);
	printf("\n]}\n");
	/* clean up */
	if (!cfg.keep) {
		for (int i = 0; i < cfg.c; i++) {
			struct conn *c = conns[i]; char nm[40];
			for (uint64_t k = c->removed; k < c->created; k++) { snprintf(nm, sizeof nm, "c%d.%llu", i, (unsigned long long)k); remove_name(c, &wdir, nm, false); }
			for (int j = 0; j < cfg.nf; j++) { close_file(c, &c->f[j]); remove_name(c, &wdir, c->f[j].name, false); }
		}
		remove_name(conns[0], &root, wname, true);
	}
	for (int i = 0; i < cfg.c; i++) if (cfg.minor) {
		struct conn *c = conns[i]; uint8_t a[HDRMAX], b[HDRMAX]; struct xw x = { a, 0, HDRMAX }, y = { b, 0, HDRMAX };
		cmp_begin(&x, c, NULL, ++xid_next, 1); w32(&x, O_DESTROY_SESSION); wraw(&x, c->sess, 16); sync_call(c->fd, &x, NULL, 0);
		cmp_begin(&y, c, NULL, ++xid_next, 1); w32(&y, O_DESTROY_CLIENTID); w64(&y, c->clientid); sync_call(c->fd, &y, NULL, 0);
	}
	return any_error ? 3 : 0;
}