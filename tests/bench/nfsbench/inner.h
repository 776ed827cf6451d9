/* What the files of nfsbench share: its settings, its connections, and the wire's words. */
#ifndef DITTOFS_TESTS_BENCH_NFSBENCH_INNER_H
#define DITTOFS_TESTS_BENCH_NFSBENCH_INNER_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAXQ 256
#define MAXC 64
#define MAXFH 128
#define HDRMAX 1024
#define RBUF (2u << 20)
#define MAXIO (1u << 20)

enum { P_NULL, P_GETATTR, P_LOOKUP, P_ACCESS, P_READDIR, P_CREATE, P_REMOVE, P_READ, P_WRITE,
	P_COMMIT, P_BURST, P_WHOLE, P_N };

struct fh {
	uint32_t n;
	uint8_t d[MAXFH];
};

struct file {
	struct fh fh;
	uint8_t sid[16];
	char name[32];
};

struct slot {
	uint32_t xid, seq, oseq;	/* xid; session slot sequence; 4.0 open-owner seqid */
	uint64_t t0;
	int step, filei;
	uint64_t off;
	char name[40];
	struct fh nfh;
	uint8_t nsid[16];		/* file made by create */
	uint8_t hdr[HDRMAX];
	size_t hn;
	const uint8_t *pay;
	size_t pn, pad;
	bool busy;
};

struct conn {
	int fd, id;
	uint32_t gen;
	uint64_t clientid;
	uint8_t sess[16];
	uint32_t nslots;
	struct file *f;
	struct slot s[MAXQ];
	int sq[MAXQ], sh, sn;		/* send queue of slots */
	size_t soff;			/* bytes of its head that are sent */
	uint8_t *rb;
	size_t rn;
	bool wantw;
	uint64_t created, removed, burst_at;	/* bytes of all its files, one behind the other */
};

/* --- the settings, and what set-up made (nfsbench.c, setup.c) --- */

struct config {
	const char *host, *path;
	int port, mport, c, q, nf, minor, v, cpid;
	uint32_t uid, gid, stable;
	double t, w;
	uint64_t fsize;
	bool resv, keep, empty;
	const char *drain;
};
extern struct config cfg;
extern struct conn *conns[MAXC];
extern struct fh root, wdir;
extern char wname[64];
extern uint8_t pattern[MAXIO];
extern uint32_t xid_next;
extern bool any_error;

void get_root(struct conn *c);
void make_dir(struct conn *c);
void make_file(struct conn *c, struct file *f);
void remove_name(struct conn *c, const struct fh *d, const char *name, bool dir);
void close_file(struct conn *c, struct file *f);

/* --- time and latencies (gauge.c): a histogram of 32 linear steps per power of two --- */

#define HSUB 32
#define HN (60 * HSUB)

struct hist {
	uint64_t n, sum, min, max, b[HN];
};

void die(const char *f, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t now_ns(void);
double cpu_s(void);
double server_cpu(int pid);		/* of that process and its children, all threads; 0: none */
void hadd(struct hist *h, uint64_t v);
double hq(const struct hist *h, double q);	/* microseconds */

/* --- XDR and RPC (call.c) --- */

struct xw {
	uint8_t *b;
	size_t n, cap;
};

struct xr {
	const uint8_t *b;
	size_t n, len;
	bool bad;
};

/* A request of its own, x, for a call that is waited for. */
#define NEWX \
	uint8_t xb_[HDRMAX]; \
	struct xw x = { xb_, 0, sizeof xb_ }

static inline void
w32(struct xw *x, uint32_t v)
{
	if (x->n + 4 > x->cap)
		die("request header too long");
	v = htonl(v);
	memcpy(x->b + x->n, &v, 4);
	x->n += 4;
}

static inline void
w64(struct xw *x, uint64_t v)
{
	w32(x, (uint32_t)(v >> 32));
	w32(x, (uint32_t)v);
}

/* Several words. */
#define W32(x, ...) \
	w32_all(x, (const uint32_t[]){ __VA_ARGS__ }, \
	    sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static inline void
w32_all(struct xw *x, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w32(x, v[i]);
}

void wraw(struct xw *x, const void *p, size_t n);
void wopq(struct xw *x, const void *p, size_t n);
void wstr(struct xw *x, const char *s);
void wfh(struct xw *x, const struct fh *f);
void wmode(struct xw *x, uint32_t mode);	/* sattr3 with a mode alone */
const uint8_t *rskip(struct xr *x, size_t n);
uint32_t r32(struct xr *x);
uint64_t r64(struct xr *x);
const uint8_t *ropq(struct xr *x, uint32_t *n);
bool rfh(struct xr *x, struct fh *f);

int dial(const char *host, int port);
void rpc_hdr(struct xw *x, uint32_t xid, uint32_t prog, uint32_t vers, uint32_t proc);
void seal(struct xw *x, size_t extra);	/* writes the record mark, the first word of x */
bool rpc_ok(struct xr *x);		/* reads a reply's head; true: x stands at the results */
struct xr sync_call(int fd, struct xw *x, const uint8_t *pay, size_t pn);
int pmap_port(uint32_t prog, uint32_t vers);

/* --- compounds of version 4 (v4.c) --- */

enum { O_ACCESS = 3, O_CLOSE, O_COMMIT, O_CREATE, O_GETATTR = 9, O_GETFH, O_LOOKUP = 15,
	O_OPEN = 18, O_OPEN_CONFIRM = 20, O_PUTFH = 22, O_PUTROOTFH = 24, O_READ, O_READDIR,
	O_REMOVE = 28, O_SETCLIENTID = 35, O_SETCLIENTID_CONFIRM, O_WRITE = 38, O_EXCHANGE_ID = 42,
	O_CREATE_SESSION, O_DESTROY_SESSION, O_SEQUENCE = 53, O_DESTROY_CLIENTID = 57,
	O_RECLAIM_COMPLETE };

void cmp_begin(struct xw *x, struct conn *c, struct slot *s, uint32_t xid, uint32_t nops);
/* The compound's head and the result of SEQUENCE; the compound's status. */
uint32_t cmp_res(struct xr *r, bool seq);
uint32_t opres(struct xr *r);
void op_putfh(struct xw *x, const struct fh *f);
void op_open(struct xw *x, struct conn *c, struct slot *s, const char *name, bool excl);
/* After opres(): the result of OPEN up to its end; GETFH's follows. */
bool res_open(struct xr *r, uint8_t *sid, uint32_t *rflags);
void v4_client(struct conn *c);
void v4_confirm(struct conn *c, struct slot *s, const struct fh *f, uint8_t *sid);
void v4_farewell(struct conn *c);

/* --- the run (run.c), its requests (request.c) and how they travel (travel.c) --- */

struct run {
	int op;
	uint32_t size;
	bool issuing, counting;
	uint64_t t_end, inflight;
	struct hist h;
	uint64_t errors;
	uint32_t first_err;
	uint64_t bytes, unstable, rng;
};
extern struct run run;

void build(struct conn *c, struct slot *s);	/* its next step's request, queued to be sent */
bool start(struct conn *c, struct slot *s);	/* an operation; false: there is none left */
void reply(struct conn *c, const uint8_t *b, size_t n);

extern int ep;
void push(struct conn *c, struct slot *s);
void flush_out(struct conn *c);
void loop_until(uint64_t t, bool drain);	/* that time, or every reply */

void bench(const char *spec, bool first);

#endif
