/*
 * Cold reads beside bare ranged GETs of the same objects, over the same link.
 *
 *	sequential	all of it by parallel ranged GETs of 2 MiB, 8 at once; then by READs of 1
 * MiB, two at once, as a client reads a file from front to back random		one ranged GET of 4
 * KiB after the other; then one READ of 4 KiB after the other, none of which finds anything here
 *
 * bench_cold FOLDER [MIB [DELAY_US [MBIT_S]]]: 256 MiB, at least 128 (pages hold 32), over a link
 * of 20,000 us and 1000 Mbit/s.  The store is the S3 server that S3_ENDPOINT and its like name,
 * else memory.
 */
#include "backends/backends.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/block.h"
#include "pipeline/cache/page.h"
#include "pipeline/cache/want.h"
#include "pipeline/record/key.h"
#include "pipeline/stage/worker.h"
#include "pipeline/sync/sync.h"
#include "tests/bench/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	MIB = 1 << 20,
	TXNS = 256,
	PAGES = 32 << 20,
	ROUNDS = 3,
	BARE_AT_ONCE = 8,
	BARE_BYTES = 2 << 20,
	READ_BYTES = 1 << 20,
	READS_AT_ONCE = 2,
	SMALL = 4096,
	SMALLS = 120,
	OBJECTS = 4096
};

static struct share *share;
static struct block_store *far;
static const char *folder;
static uint64_t total;

static void
check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static double
cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void
bytes_at(uint64_t offset, uint8_t *to, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t word = hash_u64(offset + i);

		memcpy(to + i, &word, 8);
	}
}

/* --- bare GETs --- */

static struct object { char name[200]; uint64_t bytes; } objects[OBJECTS];
static uint32_t nobjects;

static struct mutex mutex;
static struct cond ended;

struct get {
	struct block_call call;
	uint8_t *to;
	bool runs;
};

static void
get_done(struct block_call *call)
{
	struct get *g = container_of(call, struct get, call);

	mutex_lock(&mutex);
	g->runs = false;
	cond_broadcast(&ended);
	mutex_unlock(&mutex);
}

static void
get_begin(struct get *g, const struct object *o, uint64_t at, uint64_t len)
{
	g->runs = true;
	g->call = (struct block_call){ .kind = BLOCK_GET, .offset = at, .len = len, .into = g->to,
		.into_cap = len, .done = get_done };
	chain_init(&g->call.body);
	snprintf(g->call.name, sizeof g->call.name, "%s", o->name);
	far->ops->start(far, &g->call);
}

static struct get *
get_idle(struct get *v, uint32_t n)
{
	struct get *found = NULL;

	mutex_lock(&mutex);
	while (found == NULL) {
		for (uint32_t i = 0; i < n && found == NULL; i++)
			if (!v[i].runs)
				found = &v[i];
		if (found == NULL)
			cond_wait(&ended, &mutex);
	}
	mutex_unlock(&mutex);
	return found;
}

static void
get_all_ended(struct get *v, uint32_t n)
{
	mutex_lock(&mutex);
	for (uint32_t i = 0; i < n; i++)
		while (v[i].runs)
			cond_wait(&ended, &mutex);
	mutex_unlock(&mutex);
	for (uint32_t i = 0; i < n; i++)
		check(v[i].call.status == OK, "a bare GET failed");
}

/* MB a second. */
static double
bare_all(void)
{
	struct get v[BARE_AT_ONCE] = { 0 };
	uint64_t began = clock_mono_ns(), sum = 0;

	for (uint32_t i = 0; i < BARE_AT_ONCE; i++)
		v[i].to = xmalloc(BARE_BYTES);
	for (uint32_t i = 0; i < nobjects; i++)
		for (uint64_t at = 0; at < objects[i].bytes; at += BARE_BYTES) {
			uint64_t len = MIN(objects[i].bytes - at, (uint64_t)BARE_BYTES);

			get_begin(get_idle(v, BARE_AT_ONCE), &objects[i], at, len);
			sum += len;
		}
	get_all_ended(v, BARE_AT_ONCE);
	for (uint32_t i = 0; i < BARE_AT_ONCE; i++)
		free(v[i].to);
	return (double)sum * 1e3 / (double)(clock_mono_ns() - began);
}

static uint64_t
bare_small_ns(void)
{
	const struct object *o = &objects[rand_u64() % nobjects];
	uint64_t began = clock_mono_ns();
	uint8_t to[SMALL];
	struct get g = { .to = to };

	get_begin(&g, o, rand_u64() % (o->bytes - SMALL), SMALL);
	get_all_ended(&g, 1);
	return clock_mono_ns() - began;
}

static bool
see_object(struct block_call *call, const char *name, uint64_t size)
{
	(void)call;
	if (strstr(name, "/c/") != NULL && size > 2 * SMALL && nobjects < OBJECTS) {
		snprintf(objects[nobjects].name, sizeof objects[0].name, "%s", name);
		objects[nobjects++].bytes = size;
	}
	return true;
}

static void
list_objects(void)
{
	struct get g = { .runs = true };

	g.call = (struct block_call){ .kind = BLOCK_WALK, .each = see_object, .done = get_done };
	chain_init(&g.call.body);
	far->ops->start(far, &g.call);
	get_all_ended(&g, 1);
	check(nobjects > 0, "the store has no containers");
}

/* --- READs --- */

struct read {
	struct call call;
	uint64_t offset;
	uint32_t len;
	uint8_t *to;
	enum status status;
	bool runs;
};

static enum turn
read_down(struct job *job)
{
	const struct read *r = job->vfs;

	job->io.offset = r->offset;
	job->io.count = r->len;
	job->status = block_lookup(share, 1, &job->io, true, &job->arena);
	if (job->status == OK)
		job->status = want_fill(job->io.want, &job->arena);
	if (job->status == OK && job->io.want->open > 0)
		return TURN_DOWN;
	if (job->status == OK)
		job->status = want_chain(&job->io, &job->arena);
	return TURN_UP;
}

static const struct stage_ops reads = { .down = read_down };

static void
read_done(struct job *job)
{
	struct read *r = job->vfs;

	r->status = job->status;
	if (job->status == OK)
		chain_copy_out(&job->io.data, 0, r->to, r->len);
	block_want_clear(&job->io);
	job->share = NULL;
	job->vfs = NULL;
	job->state = JOB_SENT;
	job_put(&job);
	mutex_lock(&mutex);
	r->runs = false;
	cond_broadcast(&ended);
	mutex_unlock(&mutex);
}

static void
read_submit(struct call *call)
{
	struct job *job = job_get(worker_self());

	check(job != NULL, "no job");
	job->share = share;
	job->vfs = container_of(call, struct read, call);
	job->done = read_done;
	machine_submit(job, FLOOR_VFS);
}

static void
read_begin(struct read *r, uint64_t offset, uint32_t len)
{
	r->runs = true;
	r->offset = offset;
	r->len = len;
	r->call = (struct call){ .run = read_submit };
	worker_call(worker_at(0), &r->call);
}

static void
read_end(struct read *r)
{
	static uint8_t want[READ_BYTES];

	mutex_lock(&mutex);
	while (r->runs)
		cond_wait(&ended, &mutex);
	mutex_unlock(&mutex);
	check(r->status == OK, "a READ failed");
	bytes_at(r->offset, want, r->len);
	check(memcmp(want, r->to, r->len) == 0, "a READ gave other bytes than were written");
}

static double
cold_all(void)
{
	struct read v[READS_AT_ONCE] = { 0 };
	uint64_t began = clock_mono_ns();
	uint32_t n = 0;

	for (uint32_t i = 0; i < READS_AT_ONCE; i++)
		v[i].to = xmalloc(READ_BYTES);
	for (uint64_t at = 0; at < total; at += READ_BYTES, n++) {
		struct read *r = &v[n % READS_AT_ONCE];

		if (n >= READS_AT_ONCE)
			read_end(r);
		read_begin(r, at, READ_BYTES);
	}
	for (uint32_t i = 0; i < READS_AT_ONCE; i++)
		read_end(&v[(n + i) % READS_AT_ONCE]);
	for (uint32_t i = 0; i < READS_AT_ONCE; i++)
		free(v[i].to);
	return (double)total * 1e3 / (double)(clock_mono_ns() - began);
}

static uint64_t
cold_small_ns(uint64_t offset)
{
	uint64_t began = clock_mono_ns(), took;
	uint8_t to[SMALL];
	struct read r = { .to = to };

	read_begin(&r, offset, SMALL);
	mutex_lock(&mutex);
	while (r.runs)
		cond_wait(&ended, &mutex);
	mutex_unlock(&mutex);
	took = clock_mono_ns() - began;
	read_end(&r);
	return took;
}

/* --- the share --- */

static struct block_store *
open_store(void)
{
	const struct backends_pair v[] = { { "endpoint", getenv("S3_ENDPOINT") },
		{ "region", getenv("S3_REGION") }, { "bucket", getenv("S3_BUCKET") },
		{ "access_key_id", getenv("S3_ACCESS_KEY") },
		{ "secret_access_key", getenv("S3_SECRET_KEY") }, { "server", "ceph" },
		{ "prefix", "bench-cold" } };
	bool s3 = getenv("S3_ENDPOINT") != NULL;
	struct block_store *s = NULL;
	char why[300] = "";

	if (block_store_open(s3 ? "s3" : "memory", &(struct block_store_conf){ .option = v,
	    .noptions = s3 ? (uint32_t)ARRAY_LEN(v) : 0 }, &s, why, sizeof why) != OK)
		check(false, why);
	return s;
}

static void
open_share(void)
{
	struct share_conf conf = { .name = "/bench", .journal_bytes = 256 << 20, .meta = "memory" };
	char why[256] = "";

	snprintf(conf.dir, sizeof conf.dir, "%s", folder);
	share = share_new(&conf);
	rand_bytes(share->row.share_id, 16);
	rand_bytes(share->row.journal_id, 16);
	rand_bytes(share->row.digest_key, 32);
	share->row.share = 9;
	share->remote = far;
	check(meta_store_open(conf.meta, &(struct meta_conf){ .dir = share->conf.dir },
		  &share->store, why, sizeof why) == OK &&
		block_open(share, true, NULL, why, sizeof why) == OK,
	    why);
	sync_open_share(share);
}

static void
write_mib(uint64_t at)
{
	struct key inode = key_inode(1);
	struct txn *t = txn_new();
	struct buf *b = buf_new(MIB);
	enum status st = ST_DELAY;
	struct chain c;
	lsn_t lsn;

	bytes_at(at, b->bytes, MIB);
	chain_init(&c);
	check(chain_push(&c, NULL, (struct slice){ b, b->bytes, MIB }) == OK, "chain");
	buf_put(&b);
	txn_put(t, key_slice(&inode), slice_str("an inode"), NULL);
	txn_data(t, 1, at, &c);
	chain_clear(&c);
	while (st == ST_DELAY)
		if ((st = block_reserve(share, t)) == ST_DELAY)
			usleep(1000);
	check(st == OK, "reserve");
	block_commit(share, t, &lsn);
}

/* Nothing of it is here but what says where in a container each unit lies. */
static void
make_cold(void)
{
	struct sync_remote r = { .local_bytes = 1 };

	check(sync_evict_share(share), "evict");
	while (r.local_bytes > 0 || r.part_bytes > 0) {
		usleep(20000);
		sync_remote_look(share, &r);
	}
}

static void
fill(void)
{
	struct sync_remote r = { .drained = false };

	for (uint64_t at = 0; at < total; at += MIB)
		write_mib(at);
	while (!r.drained) {
		sync_push_share(share);
		usleep(50000);
		sync_remote_look(share, &r);
	}
	list_objects();
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double
median_us(uint64_t *v, uint32_t n)
{
	qsort(v, n, sizeof *v, by_size);
	return (double)v[n / 2] / 1e3;
}

static int
by_ratio(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Each a unit that no other has brought.  Returns the ratio of the medians. */
static double
random_reads(void)
{
	static uint64_t bare[SMALLS], cold[SMALLS];
	uint64_t apart = total / SMALLS;

	for (uint32_t i = 0; i < SMALLS; i++) {
		uint64_t at = (uint64_t)(i * 37 % SMALLS) * apart / SMALL * SMALL;

		bare[i] = bare_small_ns();
		cold[i] = cold_small_ns(at);
	}
	double a = median_us(bare, SMALLS), b = median_us(cold, SMALLS);

	printf("random      GET p50 %7.0f us   READ p50 %7.0f us   ratio %.2f   p99 %.0f and %.0f "
	       "us\n",
	    a, b, b / a, (double)bare[SMALLS * 99 / 100] / 1e3,
	    (double)cold[SMALLS * 99 / 100] / 1e3);
	return b / a;
}

static void
start(void)
{
	log_open(2, false, LOG_LEVEL_WARN);
	mutex_init(&mutex, RANK_TABLE, 0);
	cond_init(&ended);
	txn_pool_init(TXNS);
	page_start(PAGES);
	block_start(&(struct block_conf){ .records_cap = 64 << 20, .segment_bytes = 64 << 20,
		.tick_ms = 100 });
	sync_start(&(struct sync_conf){ .apply_ms = 500, .carve_age_ms = 500,
		.carve_at_percent = 25 });
	stage_set(FLOOR_VFS, &reads);
	stage_set(FLOOR_BLOCK, &block_stage);
	machine_start(&(struct machine_conf){ .workers = 1, .jobs = 64 });
}

int
main(int argc, char **argv)
{
	uint64_t mib = argc > 2 ? strtoull(argv[2], NULL, 10) : 256;
	uint32_t delay_us = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 20000;
	double ratio[ROUNDS], small;
	uint64_t mbit = argc > 4 ? strtoull(argv[4], NULL, 10) : 1000;

	if (argc < 2 || mib < 128 || mbit == 0) {
		fprintf(stderr, "usage: bench_cold FOLDER [MIB [DELAY_US [MBIT_S]]]\n");
		return 2;
	}
	folder = argv[1];
	total = mib * MIB;
	start();
	far = link_wrap(open_store(), delay_us, mbit * 1000000 / 8);
	open_share();
	fill();
	make_cold();
	small = random_reads();		/* first: no page has any of it */
	for (int i = 0; i < ROUNDS; i++) {
		double bare, cold, cpu;

		make_cold();
		bare = bare_all();
		cpu = cpu_s();
		cold = cold_all();
		cpu = cpu_s() - cpu;
		printf("sequential  GETs %7.1f MB/s    READs %7.1f MB/s    ratio %.2f   CPU %.0f "
		       "us a MiB\n",
		    bare, cold, cold / bare, cpu * 1e6 / (double)mib);
		fflush(stdout);
		ratio[i] = cold / bare;
	}
	qsort(ratio, ROUNDS, sizeof ratio[0], by_ratio);
	printf("medians     sequential %.2f of bare GETs, random %.2f of one GET\n",
	    ratio[ROUNDS / 2], small);
	check(sync_close_share(share) == OK && block_close(share) == OK, "close");
	block_free(share);
	share_put(&share);
	far->ops->close(far);
	return 0;
}
