/*
 * Connections that keep many calls in flight: a batch of calls is sent in one go, its replies are
 * then taken as they come.  Replies are decoded in full by the client library, so a wrong one ends
 * the run.
 */
#include "tests/bench/million.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIST_BYTES = 64 << 10, NAME_BYTES = 24 };

static void
want(int status, const char *what)
{
	if (status != NFS_OK)
		million_fail(what, status);
}

/* Send a batch of calls in one go; their XIDs follow one another from *firstp. */
static void
batch_send(struct nfs *n, const struct nfs_call *v, uint32_t count, uint32_t *firstp)
{
	struct enc all = { 0 };

	*firstp = n->conn->xid_next;
	for (uint32_t i = 0; i < count; i++) {
		struct enc e = { 0 };

		nfs_enc_call(&e, n->conn->xid_next++, &n->cred, &v[i]);
		enc_u32(&all, 0x80000000u | (uint32_t)e.len);
		enc_raw(&all, e.bytes, e.len);
		enc_free(&e);
	}
	if (!rpc_send_raw(n->conn, all.bytes, all.len))
		million_fail("send", NFS_LOST);
	enc_free(&all);
}

/* --- making --- */

static struct {
	const struct million *m;
	pthread_mutex_t mutex;
	uint32_t made, next_dir;	/* of all clients; under mutex */
	struct sample *samples;
	uint32_t nsamples;
	uint64_t seed;
	void (*tenth)(void *arg, uint32_t made);
	void *arg;
} making = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static uint32_t
large_dirs(const struct million *m)
{
	return m->files >= 2 * LARGE_DIR ? 1 : 0;
}

static uint32_t
dirs_of(const struct million *m)
{
	uint32_t small = m->files - large_dirs(m) * LARGE_DIR;

	return large_dirs(m) + (small + SMALL_DIR - 1) / SMALL_DIR;
}

static uint32_t
files_in(const struct million *m, uint32_t dir)
{
	uint32_t small = m->files - large_dirs(m) * LARGE_DIR, at;

	if (dir < large_dirs(m))
		return LARGE_DIR;
	at = (dir - large_dirs(m)) * SMALL_DIR;
	return small - at < SMALL_DIR ? small - at : SMALL_DIR;
}

static uint64_t
chance(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Each file is among the samples with the same chance. */
static void
remember_locked(const struct nfs_res *res)
{
	uint64_t at = making.made;

	if (at >= SAMPLES_KEPT)
		at = chance(&making.seed) % (at + 1);
	if (at >= SAMPLES_KEPT)
		return;
	making.samples[at] = (struct sample){ res->fh, res->obj.fileid };
	if (at >= making.nsamples)
		making.nsamples = (uint32_t)at + 1;
}

static void
made_one(const struct nfs_res *res)
{
	uint32_t step = making.m->files / 10;

	pthread_mutex_lock(&making.mutex);
	remember_locked(res);
	if (++making.made % step == 0)
		making.tenth(making.arg, making.made);
	pthread_mutex_unlock(&making.mutex);
}

static void
fill(struct nfs *n, const struct nfs_fh *dir, uint32_t from, uint32_t count)
{
	struct nfs_call v[DEPTH];
	char names[DEPTH][NAME_BYTES];
	struct nfs_res res = { 0 };
	uint32_t first;

	for (uint32_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "file-%08u", from + i);
		v[i] = (struct nfs_call){ .proc = NFS_CREATE, .fh = dir, .name = names[i],
			.how = NFS_GUARDED, .attr = { .mode_set = true, .mode = 0644 } };
	}
	batch_send(n, v, count, &first);
	for (uint32_t i = 0; i < count; i++) {
		want(nfs_recv(n, NFS_CREATE, first + i, &res), "CREATE");
		made_one(&res);
	}
	nfs_res_free(&res);
}

static void *
maker(void *arg)
{
	const struct million *m = making.m;
	struct nfs n = million_dial(m);
	struct nfs_res res = { 0 };

	for (;;) {
		struct nfs_fh dir;
		char name[NAME_BYTES];
		uint32_t d, files;

		pthread_mutex_lock(&making.mutex);
		d = making.next_dir++;
		pthread_mutex_unlock(&making.mutex);
		if (d >= dirs_of(m))
			break;
		snprintf(name, sizeof name, "dir-%04u", d);
		want(nfs_mkdir(&n, &m->root, name, 0755, &res), "MKDIR");
		dir = res.fh;
		files = files_in(m, d);
		for (uint32_t at = 0; at < files; at += DEPTH)
			fill(&n, &dir, at, files - at < DEPTH ? files - at : DEPTH);
	}
	nfs_res_free(&res);
	nfs_hangup(&n);
	return arg;
}

static void
all_clients(void *(*run)(void *))
{
	pthread_t threads[CLIENTS];

	for (size_t i = 0; i < CLIENTS; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)i) != 0)
			million_fail("thread", NFS_LOST);
	for (size_t i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
}

void
load_make(const struct million *m, struct sample *samples, uint32_t *nsamples,
    void (*tenth)(void *arg, uint32_t made), void *arg)
{
	making.m = m;
	making.samples = samples;
	making.seed = 88172645463325252ull;
	making.tenth = tenth;
	making.arg = arg;
	all_clients(maker);
	*nsamples = making.nsamples;
}

/* --- walking --- */

static struct {
	const struct million *m;
	_Atomic uint32_t next_dir;
	_Atomic uint64_t names;
} walking;

/* GETATTR of each name of a listing: the same file as the listing says. */
static void
ask(struct nfs *n, const struct nfs_res *list)
{
	struct nfs_call v[DEPTH];
	const struct nfs_entry *asked[DEPTH];
	struct nfs_res res = { 0 };
	uint32_t count = 0, first;

	for (size_t i = 0; i < list->entry_count; i++) {
		const struct nfs_entry *e = &list->entries[i];

		if (strncmp(e->name, "file-", 5) == 0) {
			if (!e->fh_ok)
				million_fail("READDIRPLUS gives no handle", NFS_BAD_REPLY);
			asked[count] = e;
			v[count++] = (struct nfs_call){ .proc = NFS_GETATTR, .fh = &e->fh };
		}
		if (count < DEPTH && i + 1 < list->entry_count)
			continue;
		batch_send(n, v, count, &first);
		for (uint32_t k = 0; k < count; k++) {
			want(nfs_recv(n, NFS_GETATTR, first + k, &res), "GETATTR");
			if (res.obj.fileid != asked[k]->fileid)
				million_fail("GETATTR of another file", NFS_BAD_REPLY);
		}
		atomic_fetch_add(&walking.names, count);
		count = 0;
	}
	nfs_res_free(&res);
}

static void *
walker(void *arg)
{
	const struct million *m = walking.m;
	struct nfs n = million_dial(m);
	struct nfs_res res = { 0 };
	uint32_t d;

	while ((d = atomic_fetch_add(&walking.next_dir, 1)) < dirs_of(m)) {
		uint8_t verf[8] = { 0 };
		uint64_t cookie = 0;
		struct nfs_fh dir;
		char name[NAME_BYTES];

		snprintf(name, sizeof name, "dir-%04u", d);
		want(nfs_lookup(&n, &m->root, name, &res), "LOOKUP");
		dir = res.fh;
		do {
			want(nfs_readdirplus(&n, &dir, cookie, verf, LIST_BYTES, &res),
			    "READDIRPLUS");
			if (res.entry_count == 0)
				break;
			memcpy(verf, res.verf, sizeof verf);
			cookie = res.entries[res.entry_count - 1].cookie;
			ask(&n, &res);
		} while (!res.eof);
	}
	nfs_res_free(&res);
	nfs_hangup(&n);
	return arg;
}

uint64_t
load_walk(const struct million *m)
{
	walking.m = m;
	atomic_store(&walking.next_dir, 0);
	atomic_store(&walking.names, 0);
	all_clients(walker);
	return atomic_load(&walking.names);
}

/* --- random GETATTR --- */

static struct {
	const struct million *m;
	const struct sample *samples;
	uint32_t nsamples, n;
	uint32_t *took_us;
} asking;

/* Few in flight, so that a time is a request's own. */
static void *
asker(void *arg)
{
	enum { FEW = 4 };
	struct nfs n = million_dial(asking.m);
	struct nfs_res res = { 0 };
	uint64_t seed = 1234567 + (uintptr_t)arg;
	uint32_t each = asking.n / CLIENTS;
	uint32_t *took = asking.took_us + (size_t)each * (uintptr_t)arg;

	for (uint32_t at = 0; at < each; at += FEW) {
		const struct sample *v[FEW];
		struct nfs_call calls[FEW];
		double since;
		uint32_t first;

		for (int i = 0; i < FEW; i++) {
			v[i] = &asking.samples[chance(&seed) % asking.nsamples];
			calls[i] = (struct nfs_call){ .proc = NFS_GETATTR, .fh = &v[i]->fh };
		}
		since = watch_clock_s();
		batch_send(&n, calls, FEW, &first);
		for (uint32_t i = 0; i < FEW; i++) {
			want(nfs_recv(&n, NFS_GETATTR, first + i, &res), "GETATTR");
			if (res.obj.fileid != v[i]->fileid)
				million_fail("GETATTR of another file", NFS_BAD_REPLY);
			if (at + i < each)
				took[at + i] = (uint32_t)((watch_clock_s() - since) * 1e6);
		}
	}
	nfs_res_free(&res);
	nfs_hangup(&n);
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
load_getattr(const struct million *m, const struct sample *v, uint32_t nsamples, uint32_t n,
    uint32_t *took_us)
{
	asking.m = m;
	asking.samples = v;
	asking.nsamples = nsamples;
	asking.n = n;
	asking.took_us = took_us;
	all_clients(asker);
	qsort(took_us, n / CLIENTS * CLIENTS, sizeof *took_us, by_size);
}

/* --- 64 × 1 MiB in flight --- */

static struct {
	const struct million *m;
	pthread_t threads[STREAM_CLIENTS];
	pthread_barrier_t all;		/* so that all 64 are in flight at once */
	_Atomic bool stop;
	bool over;	/* what all have seen of stop; written by one, between barriers */
	_Atomic uint64_t mib;
} stream;

/* What was refused for want of room is not asked back. */
static void
stream_round(struct nfs *n, const struct nfs_fh *files, const uint8_t *bytes, enum nfs_proc proc,
    bool written[STREAM_DEPTH])
{
	struct nfs_call v[STREAM_DEPTH];
	struct nfs_res res = { 0 };
	uint32_t first;

	for (int i = 0; i < STREAM_DEPTH; i++)
		v[i] = (struct nfs_call){ .proc = proc, .fh = &files[i], .count = STREAM_BYTES,
			.data = bytes, .data_len = STREAM_BYTES, .stable = NFS_UNSTABLE };
	pthread_barrier_wait(&stream.all);
	batch_send(n, v, STREAM_DEPTH, &first);
	for (uint32_t i = 0; i < STREAM_DEPTH; i++) {
		int st = nfs_recv(n, proc, first + i, &res);

		if (proc == NFS_WRITE)
			written[i] = st != NFS_JUKEBOX;
		if (st == NFS_JUKEBOX)
			continue;	/* a full log: a client comes again later */
		want(st, nfs_proc_name(proc));
		if (res.count != STREAM_BYTES)
			million_fail("a short answer", NFS_BAD_REPLY);
		if (proc == NFS_READ && written[i] && memcmp(res.data, bytes, STREAM_BYTES) != 0)
			million_fail("READ of other bytes than were written", NFS_BAD_REPLY);
		atomic_fetch_add(&stream.mib, 1);
	}
	nfs_res_free(&res);
}

static void *
streamer(void *arg)
{
	struct nfs n = million_dial(stream.m);
	struct nfs_fh files[STREAM_DEPTH];
	struct nfs_res res = { 0 };
	uint8_t *bytes = malloc(STREAM_BYTES);
	uint64_t seed = 4711 + (uintptr_t)arg;
	bool written[STREAM_DEPTH], over;

	if (bytes == NULL)
		million_fail("memory", NFS_LOST);
	for (int i = 0; i < STREAM_DEPTH; i++) {
		char name[NAME_BYTES];

		snprintf(name, sizeof name, "stream-%d-%d", (int)(uintptr_t)arg, i);
		want(nfs_create(&n, &stream.m->root, name, 0644, &res), "CREATE");
		files[i] = res.fh;
	}
	do {
		for (size_t i = 0; i + 8 <= STREAM_BYTES; i += 8) {
			uint64_t r = chance(&seed);

			memcpy(bytes + i, &r, 8);
		}
		stream_round(&n, files, bytes, NFS_WRITE, written);
		stream_round(&n, files, bytes, NFS_READ, written);
		nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
		if (pthread_barrier_wait(&stream.all) == PTHREAD_BARRIER_SERIAL_THREAD)
			stream.over = atomic_load(&stream.stop);
		pthread_barrier_wait(&stream.all);
		over = stream.over;
	} while (!over);
	free(bytes);
	nfs_res_free(&res);
	nfs_hangup(&n);
	return NULL;
}

void
load_stream_begin(const struct million *m)
{
	stream.m = m;
	if (pthread_barrier_init(&stream.all, NULL, STREAM_CLIENTS) != 0)
		million_fail("barrier", NFS_LOST);
	for (size_t i = 0; i < STREAM_CLIENTS; i++)
		if (pthread_create(&stream.threads[i], NULL, streamer, (void *)i) != 0)
			million_fail("thread", NFS_LOST);
}

uint64_t
load_stream_end(void)
{
	atomic_store(&stream.stop, true);
	for (int i = 0; i < STREAM_CLIENTS; i++)
		pthread_join(stream.threads[i], NULL);
	pthread_barrier_destroy(&stream.all);
	return atomic_load(&stream.mib);
}
