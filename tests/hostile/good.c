/*
 * The good client: writes, reads back, looks up, asks for attributes, and is strict about each
 * answer.  A thread of its own; the figures are read when it has ended.
 */
#include "tests/hostile/hostile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MAX = 1 << 20, PIECE = 4096, PIECES = 64, PAUSE_NS = 1000000, FRESH_EVERY = 200,
	COMPLAINTS_MAX = 10 };

static struct {
	const struct target *target;
	pthread_t thread;
	_Atomic bool stop;
	struct nfs nfs;
	struct nfs_fh file;
	uint32_t *us;			/* latencies */
	uint64_t n;
	struct good_figures figures;
} good;

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void
judge(const char *what, bool ok, int status, uint64_t since)
{
	uint64_t took = now_us() - since;

	if (good.n < SAMPLES_MAX)
		good.us[good.n++] = (uint32_t)(took > UINT32_MAX ? UINT32_MAX : took);
	if (ok) {
		good.figures.served++;
		return;
	}
	if (good.figures.failed++ < COMPLAINTS_MAX)
		printf("good client: %s fails: %s after %llu ms\n", what, nfs_stat_name(status),
		    (unsigned long long)took / 1000);
}

static void
work(uint64_t turn)
{
	static uint8_t bytes[PIECE];
	struct nfs_res res = { 0 };
	uint64_t since = now_us();
	int st;

	switch (turn % 4) {
	case 0:
		memset(bytes, (int)(turn / 4 % 251), sizeof bytes);
		st = nfs_write(&good.nfs, &good.file, turn / 4 % PIECES * PIECE, bytes, PIECE,
		    NFS_UNSTABLE, &res);
		judge("WRITE", st == NFS_OK && res.count == PIECE, st, since);
		break;
	case 1:
		st = nfs_read(&good.nfs, &good.file, turn / 4 % PIECES * PIECE, PIECE, &res);
		judge("READ", st == NFS_OK && res.data_len == PIECE &&
		    memcmp(res.data, bytes, PIECE) == 0, st, since);
		break;
	case 2:
		st = nfs_getattr(&good.nfs, &good.file, &res);
		judge("GETATTR", st == NFS_OK && res.obj.type == NFS_REG, st, since);
		break;
	default:
		st = nfs_lookup(&good.nfs, &good.target->root, "good", &res);
		judge("LOOKUP", st == NFS_OK && res.fh.len == good.file.len &&
		    memcmp(res.fh.bytes, good.file.bytes, res.fh.len) == 0, st, since);
		break;
	}
	nfs_res_free(&res);
}

/* Someone new, at a third address: is there still a door? */
static void
fresh(void)
{
	struct nfs n = { .conn = good.target->loopback ?
	    rpc_dial_from("127.0.0.3", good.target->host, good.target->port) :
	    rpc_dial(good.target->host, good.target->port), .cred = good.nfs.cred };
	struct nfs_res res = { 0 };

	good.figures.fresh++;
	if (n.conn == NULL || nfs_getattr(&n, &good.target->root, &res) != NFS_OK)
		good.figures.fresh_refused++;
	nfs_res_free(&res);
	nfs_hangup(&n);
}

static void *
run(void *arg)
{
	(void)arg;
	for (uint64_t turn = 0; !atomic_load(&good.stop); turn++) {
		work(turn);
		if (turn % FRESH_EVERY == 0)
			fresh();
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	return NULL;
}

bool
good_start(const struct target *t)
{
	struct nfs_res res = { 0 };
	int st;

	good.target = t;
	good.us = calloc(SAMPLES_MAX, sizeof *good.us);
	good.nfs = nfs_dial(t->host, t->port, 0, 0);
	if (good.us == NULL || good.nfs.conn == NULL)
		return false;
	st = nfs_create(&good.nfs, &t->root, "good", 0644, &res);
	if (st == NFS_EXIST)
		st = nfs_lookup(&good.nfs, &t->root, "good", &res);
	good.file = res.fh;
	nfs_res_free(&res);
	if (st != NFS_OK) {
		printf("good client: cannot make its file: %s\n", nfs_stat_name(st));
		return false;
	}
	return pthread_create(&good.thread, NULL, run, NULL) == 0;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void
good_stop(struct good_figures *f)
{
	atomic_store(&good.stop, true);
	pthread_join(good.thread, NULL);
	nfs_hangup(&good.nfs);
	*f = good.figures;
	if (good.n > 0) {
		qsort(good.us, good.n, sizeof *good.us, by_value);
		f->p50_ms = good.us[good.n / 2] / 1000.0;
		f->p99_ms = good.us[good.n * 99 / 100] / 1000.0;
		f->most_ms = good.us[good.n - 1] / 1000.0;
	}
	free(good.us);
}
