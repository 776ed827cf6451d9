/*
 * A million files over the wire, and what a server's memory does meanwhile.
 *
 * million.c has the phases, million_load.c the connections that carry them, million_watch.c looks
 * at the server's process.
 */
#ifndef TESTS_BENCH_MILLION_H
#define TESTS_BENCH_MILLION_H

#include "tests/lib/nfs_client.h"

#include <sys/types.h>

enum { CLIENTS = 4, DEPTH = 32, SMALL_DIR = 10000, LARGE_DIR = 100000, SAMPLES_KEPT = 100000,
	STREAM_CLIENTS = 4, STREAM_DEPTH = 16, STREAM_BYTES = 1 << 20 };

struct million {
	const char *export;
	int port;
	pid_t pid;			/* the server's; its memory is looked at */
	uint32_t files, idle, bar_mb;
	struct nfs_fh root;
};

/* A handle of some files, kept over a restart of the server. */
struct sample {
	struct nfs_fh fh;
	uint64_t fileid;
};

void million_fail(const char *what, int status);	/* does not return */
struct nfs million_dial(const struct million *m);

/* --- million_load.c --- */

/* Make the files, by CLIENTS connections that each keep DEPTH calls in flight: one directory of
 * LARGE_DIR where there are enough of them, the others of SMALL_DIR.  Calls tenth() at each tenth.
 * The samples are filled. */
void load_make(const struct million *m, struct sample *samples, uint32_t *nsamples,
    void (*tenth)(void *arg, uint32_t made), void *arg);

/* READDIRPLUS of every directory, GETATTR of every name in it; how many names there were. */
uint64_t load_walk(const struct million *m);

/* GETATTR of n samples in random order; latencies in µs, sorted. */
void load_getattr(const struct million *m, const struct sample *v, uint32_t nsamples, uint32_t n,
    uint32_t *took_us);

/* Begin and end 64 × 1 MiB WRITEs, then READs of them, in flight at once; the MiB moved. */
void load_stream_begin(const struct million *m);
uint64_t load_stream_end(void);

/* --- million_watch.c --- */

struct watched {
	uint64_t rss_kb, hwm_kb, anon_kb, file_kb;
	double cpu_s;
};

struct watched watch_now(pid_t pid);		/* zeros: there is no such process */
void watch_begin(pid_t pid);			/* a sample every 100 ms */
struct watched watch_most(void);		/* of each figure, since it was last asked for */
void watch_end(void);
double watch_clock_s(void);

#endif
