/*
 * The stage: nothing on the way down, where a message enters at decode; on the way up a job is
 * given back and its credits with it.  And the room's start and end.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/log.h"
#include "pipeline/base/mutex.h"

#include <stdlib.h>

enum { BUFS_LEAST = 64, BIGS_LEAST = 8 };

struct net_conf net_conf;
struct pools net_pools;

static struct net_worker *net_workers;
static struct mutex mutex;		/* of the count and those who wait for it */
static struct cond gone;
static uint32_t conns, conns_limit;
static _Atomic uint64_t numbers;

static enum turn
net_up(struct job *job)
{
	struct conn *c = job->conn;
	uint32_t bytes = job->credit_bytes;

	job->state = JOB_SENT;
	job->conn = NULL;
	job_put(&job);
	conn_job_over(c, bytes);
	return TURN_PARK;
}

const struct stage_ops net_stage = { .up = net_up };

struct net_worker *net_worker_at(uint32_t i) { return &net_workers[i]; }
uint64_t
net_number(void)
{
	return atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) + 1;
}

uint32_t
net_conns(void)
{
	uint32_t n;

	mutex_lock(&mutex);
	n = conns;
	mutex_unlock(&mutex);
	return n;
}

enum status
net_limit(uint32_t conns_max, uint32_t peer_conns_max)
{
	if (conns_max == 0 || conns_max > net_conf.conns_max)
		return ST_INVAL;
	mutex_lock(&mutex);
	conns_limit = conns_max;
	mutex_unlock(&mutex);
	peer_limit(peer_conns_max);
	return OK;
}

bool
net_admit(const uint8_t addr[16])
{
	bool ok;

	if (!peer_enter(addr))
		return false;
	mutex_lock(&mutex);
	ok = conns < conns_limit;
	if (ok)
		conns++;
	mutex_unlock(&mutex);
	if (!ok)
		peer_leave(addr);
	return ok;
}

/* A datagram's: bounded by credits in jobs, so there is no other limit. */
void
net_admit_datagram(void)
{
	mutex_lock(&mutex);
	conns++;
	mutex_unlock(&mutex);
}

void
net_left(const uint8_t *addr)
{
	if (addr != NULL)
		peer_leave(addr);
	mutex_lock(&mutex);
	if (--conns == 0)
		cond_broadcast(&gone);
	mutex_unlock(&mutex);
}

static void
run_resume(struct tail *tail)
{
	net_resume(container_of(tail, struct net_worker, resume));
}

static void
run_retry(struct timer *t)
{
	net_resume(container_of(t, struct net_worker, retry));
}

static uint32_t
share_of(uint64_t bytes, uint32_t size, uint32_t least)
{
	uint64_t n = bytes / size;

	return (uint32_t)MIN(MAX(n, (uint64_t)least), (uint64_t)1 << 20);
}

void
net_start(const struct net_conf *conf)
{
	uint32_t n = worker_count();

	assert(n > 0 && net_workers == NULL);
	assert(conf->jobs > 0 && conf->conn_jobs > 0 && conf->conns_max > 0);
	net_conf = *conf;
	net_conf.bytes = MAX(conf->bytes, 2ull * BIG_BYTES);
	mutex_init(&mutex, RANK_OUTBOX, 1);
	cond_init(&gone);
	conns = 0;
	conns_limit = conf->conns_max;
	door_start();
	peer_start(conf->peer_conns_max);
	net_pools.small = buf_pool_new("net.small", SMALL_BYTES,
	    MAX(conf->conns_max, (uint32_t)BUFS_LEAST));
	net_pools.rx = buf_pool_new("net.rx", RX_BYTES, share_of(net_conf.bytes / 4, RX_BYTES,
	    BUFS_LEAST));
	net_pools.big = buf_pool_new("net.big", BIG_BYTES, share_of(net_conf.bytes, BIG_BYTES,
	    BIGS_LEAST));
	net_pools.slab = buf_pool_new("net.slab", SLAB_BYTES, share_of(net_conf.bytes / 4,
	    SLAB_BYTES, BUFS_LEAST));
	net_workers = xcalloc(n, sizeof *net_workers);
	for (uint32_t i = 0; i < n; i++) {
		struct net_worker *nw = &net_workers[i];

		nw->w = worker_at(i);
		nw->spare = buf_new(SLAB_BYTES);
		list_init(&nw->conns);
		list_init(&nw->stalled);
		tail_init(&nw->resume, run_resume);
		timer_init(&nw->retry, run_retry);
	}
}

/* --- a call to a worker that one waits for --- */

struct visit {
	struct call call;
	struct net_worker *nw;
	void (*run)(struct net_worker *nw, void *arg);
	void *arg;
	struct mutex mutex;
	struct cond done;
	bool over;
};

static void
go(struct call *call)
{
	struct visit *v = container_of(call, struct visit, call);

	v->run(v->nw, v->arg);
	mutex_lock(&v->mutex);
	v->over = true;
	cond_signal(&v->done);
	mutex_unlock(&v->mutex);
}

void
net_on_worker(struct net_worker *nw, void (*run)(struct net_worker *nw, void *arg), void *arg)
{
	struct visit v = { .nw = nw, .run = run, .arg = arg };

	assert(worker_self() == NULL);
	mutex_init(&v.mutex, RANK_OUTBOX, 2);
	cond_init(&v.done);
	v.call.run = go;
	worker_call(nw->w, &v.call);
	mutex_lock(&v.mutex);
	while (!v.over)
		cond_wait(&v.done, &v.mutex);
	mutex_unlock(&v.mutex);
	cond_destroy(&v.done);
	mutex_destroy(&v.mutex);
}

/* --- the end --- */

static void
end_conns(struct net_worker *nw, void *arg)
{
	(void)arg;
	LIST_EACH(l, &nw->conns)
		conn_die(container_of(l, struct conn, link), "closing");
}

static void
end_worker(struct net_worker *nw, void *arg)
{
	(void)arg;
	assert(list_empty(&nw->conns) && list_empty(&nw->stalled));
	tail_cancel(&nw->resume);
	timer_cancel(&nw->retry);
	buf_put(&nw->rx);
	buf_put(&nw->slab);
	door_leave(nw);
}

void
net_stop_listening(void)
{
	listeners_close();
}

void
net_stop(void)
{
	uint32_t n = worker_count();

	listeners_close();
	for (uint32_t i = 0; i < n; i++)	/* connections on their way arrive before this */
		net_on_worker(&net_workers[i], end_conns, NULL);
	mutex_lock(&mutex);
	while (conns > 0)
		cond_wait(&gone, &mutex);
	mutex_unlock(&mutex);
	for (uint32_t i = 0; i < n; i++) {
		net_on_worker(&net_workers[i], end_worker, NULL);
		buf_put(&net_workers[i].spare);
	}
	free(TAKE(&net_workers));
	peer_stop();
	cond_destroy(&gone);
	mutex_destroy(&mutex);
}

void
net_fini(void)
{
	buf_pool_free(&net_pools.small);
	buf_pool_free(&net_pools.rx);
	buf_pool_free(&net_pools.big);
	buf_pool_free(&net_pools.slab);
}
