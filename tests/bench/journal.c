/*
 * What durability costs: N writers append a 200-byte record and 4 KiB of data each and wait.
 *
 *	bare	a mutex, a pwrite and an fdatasync of a file that was written before: the yardstick
 *	journal	block_reserve, block_commit, block_wait, with a LevelDB behind and no gateway around
 *
 * bench_journal FOLDER [SECONDS [WRITERS [WAITS]]]: the two in turn for each number of writers;
 * then how long it takes to open what was written, with the segments out of the kernel's cache.
 * With WRITERS: that number alone, once.  With WAITS: only the journal, and what is appended are
 * whole files as the gateway logs them: an entry that makes a name, one that writes 4 KiB to the
 * new content.  WAITS 1: for the second alone, as tier writeback does; 2: for each, as local does.
 * Whole files are measured when the log has its segments: they are made in a round before that,
 * whose files are dropped.
 */
#include "backends/backends.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"
#include "pipeline/block/block.h"
#include "pipeline/block/index.h"
#include "pipeline/record/key.h"
#include "pipeline/record/rec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD = 200, DATA = 4096, WRITERS_MAX = 64, SAMPLES = 1 << 16, FILE_BYTES = 64 << 20,
	GROUP_MAX = 1 << 20, DROPS = 4096, FIRST_FILE = 1000, WARM_S = 2 };

static struct run {
	_Atomic bool stop;
	void (*append)(uint64_t writer, uint64_t n);
	uint32_t samples_ns[WRITERS_MAX][SAMPLES];
	uint64_t done[WRITERS_MAX];
} run;

static uint8_t payload[DATA];

/* --- bare: one flusher at a time, everybody else's bytes gather meanwhile --- */

static struct bare {
	struct mutex mutex;
	struct cond changed;
	uint8_t *gather, *flush;
	uint32_t len;
	uint64_t appended, durable;	/* records */
	uint64_t at;
	bool flushing;
	int fd;
} bare;

static void
bare_flush_locked(void)
{
	uint32_t len = (uint32_t)round_up(bare.len, 4096);
	uint64_t upto = bare.appended;
	uint8_t *bytes = bare.gather;

	bare.gather = bare.flush;
	bare.flush = bytes;
	bare.len = 0;
	bare.flushing = true;
	mutex_unlock(&bare.mutex);
	if (bare.at + len > FILE_BYTES)
		bare.at = 0;
	if (pwrite(bare.fd, bytes, len, (off_t)bare.at) != (ssize_t)len || fdatasync(bare.fd) != 0)
		panic("cannot write");
	bare.at += len;
	mutex_lock(&bare.mutex);
	bare.durable = upto;
	bare.flushing = false;
	cond_broadcast(&bare.changed);
}

static void
bare_append(uint64_t writer, uint64_t n)
{
	uint64_t mine;

	(void)writer;
	(void)n;
	mutex_lock(&bare.mutex);
	memcpy(bare.gather + bare.len, payload, RECORD);
	memcpy(bare.gather + bare.len + RECORD, payload, DATA);
	bare.len += RECORD + DATA;
	mine = ++bare.appended;
	while (bare.durable < mine) {
		if (bare.flushing)
			cond_wait(&bare.changed, &bare.mutex);
		else
			bare_flush_locked();
	}
	mutex_unlock(&bare.mutex);
}

static void
bare_open(const char *dir)
{
	char path[600];

	snprintf(path, sizeof path, "%s/bare", dir);
	mutex_init(&bare.mutex, RANK_JOURNAL, 0);
	cond_init(&bare.changed);
	bare.gather = xcalloc(1, GROUP_MAX);
	bare.flush = xcalloc(1, GROUP_MAX);
	bare.fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (uint64_t at = 0; at < FILE_BYTES; at += GROUP_MAX)
		if (pwrite(bare.fd, bare.gather, GROUP_MAX, (off_t)at) != GROUP_MAX)
			panic("cannot write %s", path);
	if (fdatasync(bare.fd) != 0)
		panic("cannot sync %s", path);
}

/* --- the journal --- */

static struct share *share;
static _Atomic uint64_t next_ino = FIRST_FILE;
static uint64_t waits;			/* of whole files */

static struct txn *
change_set(void)
{
	struct txn *t = txn_new();

	if (t == NULL)
		panic("out of change sets");
	return t;
}

static void
add_data(struct txn *t, uint64_t content, uint64_t offset)
{
	struct buf *b = buf_new(DATA);
	struct chain c;

	memcpy(b->bytes, payload, DATA);
	chain_init(&c);
	if (chain_push(&c, NULL, (struct slice){ b, b->bytes, DATA }) != OK)
		panic("a chain has no room");
	buf_put(&b);
	txn_data(t, content, offset, &c);
	chain_clear(&c);
}

static lsn_t
commit(struct txn *t)
{
	enum status st;
	lsn_t lsn;

	while ((st = block_reserve(share, t)) == ST_DELAY)
		usleep(1000);
	if (st != OK)
		panic("reserve: %s", status_name(st));
	block_commit(share, t, &lsn);
	return lsn;
}

static void
await(lsn_t lsn)
{
	if (block_wait(share, lsn) != OK)
		panic("the journal has failed");
}

static void
journal_append(uint64_t writer, uint64_t n)
{
	struct key key = key_inode(100 + writer);
	struct txn *t = change_set();

	txn_put(t, key_slice(&key), slice_of(payload, RECORD), NULL);
	add_data(t, 100 + writer, n % 256 * DATA);
	await(commit(t));
}

/* --- whole files --- */

static void
put_file(struct txn *t, uint64_t ino)
{
	struct key key = key_inode(ino);

	txn_put(t, key_slice(&key), slice_of(payload, REC_FILE_FIXED), NULL);
}

static lsn_t
make_name(uint64_t dir, uint64_t ino)
{
	struct key dirent = key_dirent(dir, ino << 16), inodes = key_count(COUNT_INODES, NULL, 0);
	struct txn *t = change_set();
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_dirent_encode(&w, &(struct dirent){ ino, 1, TYPE_REG, slice_str("f12345") });
	put_file(t, ino);
	txn_put(t, key_slice(&dirent), slice_of(room, w.len), NULL);
	put_file(t, dir);
	txn_count(t, key_slice(&inodes), 1);
	txn_note(t, &(struct note){ .protocol = NOTE_NFS3, .ino = ino });
	return commit(t);
}

static void
file_append(uint64_t writer, uint64_t n)
{
	uint64_t ino = atomic_fetch_add(&next_ino, 1);
	struct key used = key_count(COUNT_USED_BYTES, NULL, 0);
	lsn_t lsn = make_name(100 + writer, ino);
	struct txn *t;

	(void)n;
	if (waits == 2)
		await(lsn);
	t = change_set();
	put_file(t, ino);
	txn_count(t, key_slice(&used), DATA);
	add_data(t, ino, 0);
	await(commit(t));
}

/* As if they had been carved: nothing of them keeps a segment any longer. */
static void
drop_files(uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to;) {
		struct txn *t = change_set();

		t->frees = true;
		for (uint64_t end = MIN(to, at + DROPS); at < end; at++) {
			struct key key = key_reap(at, 0);
			uint8_t room[64];
			struct writer w = writer_of(room, sizeof room);

			rec_reap_encode(&w, &(struct reap){ .content = at });
			txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
		}
		await(commit(t));
	}
}

static uint64_t			/* what the journal took of it */
journal_open_share(const char *dir, bool fresh)
{
	struct share_conf conf = { .name = "/bench", .meta = "leveldb",
		.journal_bytes = 1ull << 30 };
	uint64_t start;
	char why[256];

	snprintf(conf.dir, sizeof conf.dir, "%s", dir);
	share = share_new(&conf);
	memset(&share->row, 7, sizeof share->row);
	if (meta_store_open("leveldb", &(struct meta_conf){ .dir = dir }, &share->store, why,
	    sizeof why) != OK)
		panic("%s", why);
	start = clock_mono_ns();
	if (block_open(share, fresh, NULL, why, sizeof why) != OK)
		panic("%s", why);
	return clock_mono_ns() - start;
}

static void
checkpoint(void)
{
	lsn_t lsn, last = 0;

	mutex_lock(&share->order);
	(void)catalog_freeze_locked(share->catalog, 0);
	mutex_unlock(&share->order);
	while ((lsn = catalog_frozen_lsn(share->catalog)) != 0) {
		if (block_wait(share, lsn) != OK ||
		    catalog_apply_oldest(share->catalog, block_fence(share)) != OK)
			panic("cannot apply");
		last = lsn;
	}
	if (last != 0 && (share->store->ops->sync(share->store) != OK ||
	    block_checkpoint(share, last) != OK))
		panic("cannot checkpoint");
	(void)block_recycle(share);
}

static void
journal_close_share(void)
{
	if (block_close(share) != OK)
		panic("cannot close");
	block_free(share);
	share_put(&share);
}

static void
forget_pages(const char *dir)
{
	for (int n = 1; n < 1000; n++) {
		char path[600];
		int fd;

		snprintf(path, sizeof path, "%s/journal/seg-%d", dir, n);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
}

static void
reopen(const char *dir)
{
	struct block_usage u;
	uint64_t took_ns;

	block_usage_read(share, &u);
	journal_close_share();
	forget_pages(dir);
	took_ns = journal_open_share(dir, false);
	printf("open     %llu MiB of segments in %llu ms\n",
	    (unsigned long long)(u.journal_bytes >> 20),
	    (unsigned long long)(took_ns / NS_PER_MS));
	journal_close_share();
}

/* --- measuring --- */

static void
write_on(void *arg)
{
	uint64_t writer = (uint64_t)(uintptr_t)arg, n = 0, start = clock_mono_ns(), now;

	while (!atomic_load_explicit(&run.stop, memory_order_relaxed)) {
		run.append(writer, n);
		now = clock_mono_ns();
		run.samples_ns[writer][n++ % SAMPLES] = (uint32_t)(now - start);
		start = now;
	}
	run.done[writer] = n;
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
report(const char *name, uint32_t writers, uint64_t took_ns)
{
	static uint32_t all[WRITERS_MAX * SAMPLES];
	uint64_t sum = 0, n = 0;

	for (uint32_t i = 0; i < writers; i++) {
		uint64_t kept = MIN(run.done[i], (uint64_t)SAMPLES);

		memcpy(all + n, run.samples_ns[i], kept * sizeof *all);
		n += kept;
		sum += run.done[i];
	}
	if (n == 0)
		return;
	qsort(all, n, sizeof *all, by_value);
	printf("%-8s %2u writers  %8.0f ops/s   p50 %6.0f us   p99 %6.0f us\n", name, writers,
	    (double)sum * 1e9 / (double)took_ns, all[n / 2] / 1e3, all[n * 99 / 100] / 1e3);
}

/* How long it took. */
static uint64_t
load(void (*append)(uint64_t, uint64_t), uint32_t writers, uint64_t seconds)
{
	struct thread threads[WRITERS_MAX];
	uint64_t start;

	run.append = append;
	atomic_store(&run.stop, false);
	start = clock_mono_ns();
	for (uint32_t i = 0; i < writers; i++)
		thread_start(&threads[i], "writer", 0, write_on, (void *)(uintptr_t)i);
	for (uint64_t i = 0; i < seconds * 2; i++) {
		usleep(500000);
		if (append != bare_append)
			checkpoint();
	}
	atomic_store(&run.stop, true);
	for (uint32_t i = 0; i < writers; i++)
		thread_join(&threads[i]);
	return clock_mono_ns() - start;
}

static void
measure(const char *name, void (*append)(uint64_t, uint64_t), uint32_t writers, uint64_t seconds)
{
	report(name, writers, load(append, writers, seconds));
}

static void
measure_files(uint32_t writers, uint64_t seconds)
{
	(void)load(file_append, writers, WARM_S);
	drop_files(FIRST_FILE, atomic_load(&next_ino));
	checkpoint();
	checkpoint();	/* the first moved what frees segments, this one frees them */
	measure("files", file_append, writers, seconds);
}

int
main(int argc, char **argv)
{
	static const uint32_t writers[] = { 1, 8, 64 };
	uint64_t seconds = argc > 2 ? strtoull(argv[2], NULL, 10) : 2;
	uint64_t only = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

	waits = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	if (argc < 2 || seconds == 0 || (argc > 3 && (only == 0 || only > WRITERS_MAX)) ||
	    (argc > 4 && waits != 1 && waits != 2) || mkdir(argv[1], 0700) != 0) {
		fprintf(stderr,
		    "bench_journal FOLDER [SECONDS [WRITERS [WAITS]]]: the folder is made new\n");
		return 2;
	}
	log_open(2, false, LOG_LEVEL_WARN);
	memset(payload, 0x42, sizeof payload);
	bare_open(argv[1]);
	txn_pool_init(WRITERS_MAX * 4);
	block_start(&(struct block_conf){ .records_cap = 64 << 20, .segment_bytes = 64 << 20,
	    .tick_ms = 100 });
	(void)journal_open_share(argv[1], true);
	if (only != 0 && waits == 0) {
		measure("bare", bare_append, (uint32_t)only, seconds);
		measure("journal", journal_append, (uint32_t)only, seconds);
	} else if (only != 0) {
		measure_files((uint32_t)only, seconds);
	}
	for (size_t i = 0; i < ARRAY_LEN(writers) && only == 0; i++)
		for (int turn = 0; turn < 2; turn++) {
			measure("bare", bare_append, writers[i], seconds);
			measure("journal", journal_append, writers[i], seconds);
		}
	if (only == 0)
		reopen(argv[1]);
	else
		journal_close_share();
	block_stop();
	return 0;
}
