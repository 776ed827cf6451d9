/*
 * What carving costs, in bytes a second and CPU µs a MiB, for each way of keeping.
 *
 *	carve		the yardstick: one thread that chunks, hashes, compresses, seals, and writes
 * whole containers to the folder, synced; no journal, no records sustained	1 MiB writes into a
 * share of that folder, journal and all, as fast as it takes them, until all of it is carved; and
 * its part of the yardstick
 *
 * bench_carve FOLDER [MIB [WAY]]: MIB (512) are written in each run; half of the bytes can be
 * compressed.  WAY: that one alone.
 */
#include "backends/backends.h"
#include "crypto/aead.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/block.h"
#include "pipeline/block/compress.h"
#include "pipeline/block/keys.h"
#include "pipeline/block/mirror.h"
#include "pipeline/cache/page.h"
#include "pipeline/record/key.h"
#include "pipeline/sync/chunker.h"
#include "pipeline/sync/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MIB = 1 << 20,
	STOCK_MIB = 32,
	FILE_MIB = 64,
	STAMP_EACH = 4096,
	TXNS = 256,
	PAGES = 16 << 20,
	RECEIVED = 32
};

static const struct way {
	const char *name;
	uint8_t aead, level;
} ways[] = { { "clear", 0, 0 }, { "zstd-1", 0, 1 }, { "sealed", AEAD_AES_256_GCM, 0 },
	{ "sealed+zstd-1", AEAD_AES_256_GCM, 1 } };

static const uint8_t share_id[16] = "a share's id, 16", digest_key[32] = "digest",
		     share_key[32] = "key";
static struct buf_pool *received;	/* as the daemon has one for large messages */
static uint8_t *stock;			/* bytes to write, over and over, each time stamped anew */

static void
check(enum status st, const char *what)
{
	if (st == OK)
		return;
	fprintf(stderr, "%s: %s\n", what, status_text(st));
	exit(1);
}

static void
make_stock(void)
{
	stock = xmalloc((size_t)STOCK_MIB * MIB);
	for (uint32_t at = 0; at < (uint32_t)STOCK_MIB * MIB; at += 8) {
		uint64_t word = rand_u64();

		if (at / 256 % 2 == 0)
			word &= 0x0707070707070707;
		memcpy(stock + at, &word, 8);
	}
}

/* The n-th MiB: no chunk of it has been seen before. */
static uint8_t *
mib(uint32_t n)
{
	static uint64_t stamp;
	uint8_t *at = stock + (size_t)(n % STOCK_MIB) * MIB;

	for (uint32_t i = 0; i < MIB; i += STAMP_EACH, stamp++)
		memcpy(at + i, &stamp, sizeof stamp);
	return at;
}

static double
cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

struct figure {
	double mib_s, cpu_us;
};

static struct figure
figure_of(uint64_t began_ns, double cpu, uint32_t mibs)
{
	double s = (double)(clock_mono_ns() - began_ns) / (double)NS_PER_S;

	return (struct figure){ mibs / s, (cpu_us() - cpu) / mibs };
}

static void
keys_begin(const struct way *way, struct share_keys **keys)
{
	*keys = NULL;
	if (way->aead == 0)
		return;
	check(keys_new(share_id, way->aead, keys), "keys");
	check(keys_add(*keys, 1, share_key), "keys");
}

/* --- the yardstick --- */

struct bare {
	struct share_keys *keys;
	struct mirror *mirror;
	struct chunker chunker;
	struct compressor *small;
	struct container_builder *builder;
	struct container_ident ident;
};

static void
container_begin(struct bare *b)
{
	struct container_keys keys;

	b->ident.number++;
	if (b->keys != NULL)
		keys_container_make(b->keys, &b->ident, &keys);
	else
		container_plain_keys(digest_key, &keys);
	b->builder = container_builder_new(&b->ident, &keys, b->small);
}

static void
container_end(struct bare *b)
{
	uint64_t len;
	const uint8_t *bytes = container_finish(b->builder, &len);

	check(mirror_put(b->mirror, b->ident.number, bytes, len), "container");
	container_builder_free(&b->builder);
}

static void
chunk(struct bare *b, const uint8_t *bytes, uint32_t len)
{
	uint8_t digest[32];
	uint32_t index;

	digest_of(digest_key, bytes, len, digest);
	for (uint32_t at = 0; at < len; at += CHUNK_UNIT) {
		uint32_t n = MIN(len - at, (uint32_t)CHUNK_UNIT);

		if (container_add(b->builder, digest, bytes + at, n, &index) == OK)
			continue;
		container_end(b);
		container_begin(b);
		check(container_add(b->builder, digest, bytes + at, n, &index), "unit");
	}
}

static struct figure
bare(const struct way *way, const char *dir, uint32_t mibs)
{
	struct bare b = { .small = compressor_new(way->level) };
	struct container_keys plain;
	uint64_t began;
	double cpu;

	memcpy(b.ident.share_id, share_id, sizeof share_id);
	keys_begin(way, &b.keys);
	container_plain_keys(digest_key, &plain);
	chunker_init(&b.chunker, digest_key);
	check(mirror_open(dir, &b.ident, &plain, b.keys, &b.mirror), "folder");
	cpu = cpu_us();
	began = clock_mono_ns();
	container_begin(&b);
	for (uint32_t i = 0; i < mibs; i++) {
		const uint8_t *bytes = mib(i);

		for (uint32_t at = 0, cut; at < MIB; at += cut) {
			cut = chunker_cut(&b.chunker, bytes + at, MIB - at);
			chunk(&b, bytes + at, cut);
		}
	}
	container_end(&b);
	struct figure f = figure_of(began, cpu, mibs);

	for (uint64_t n = 1; n <= b.ident.number; n++)
		check(mirror_delete(b.mirror, n), "container");
	mirror_close(&b.mirror);
	compressor_free(&b.small);
	keys_free(&b.keys);
	return f;
}

/* --- a share --- */

static struct share *
share_begin(const struct way *way, const char *dir)
{
	struct share_conf conf = { .name = "/bench", .journal_bytes = 256 << 20,
		.encryption = way->aead, .compression = way->level };
	char why[256] = "";
	struct share *s;

	snprintf(conf.dir, sizeof conf.dir, "%s", dir);
	snprintf(conf.meta, sizeof conf.meta, "leveldb");
	s = share_new(&conf);
	memcpy(s->row.share_id, share_id, sizeof share_id);
	memset(s->row.journal_id, 2, 16);
	memcpy(s->row.digest_key, digest_key, sizeof digest_key);
	s->row.share = 9;
	keys_begin(way, &s->keys);
	if (meta_store_open(conf.meta, &(struct meta_conf){ .dir = s->conf.dir }, &s->store, why,
	    sizeof why) != OK || block_open(s, true, NULL, why, sizeof why) != OK) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	sync_open_share(s);
	return s;
}

static void
share_end(struct share *s)
{
	check(sync_close_share(s), "close");
	check(block_close(s), "close");
	block_free(s);
	keys_free(&s->keys);
	share_put(&s);
}

static void
write_mib(struct share *s, uint32_t n)
{
	uint64_t content = 1 + n / FILE_MIB;
	struct key inode = key_inode(content);
	struct txn *t = txn_new();
	struct buf *b = buf_get(received);
	enum status st = ST_DELAY;
	struct chain c;
	lsn_t lsn;

	while (b == NULL) {
		usleep(1000);
		b = buf_get(received);
	}
	memcpy(b->bytes, mib(n), MIB);
	chain_init(&c);
	check(chain_push(&c, NULL, (struct slice){ b, b->bytes, MIB }), "chain");
	buf_put(&b);
	txn_put(t, key_slice(&inode), slice_str("an inode"), NULL);
	txn_data(t, content, (uint64_t)(n % FILE_MIB) * MIB, &c);
	chain_clear(&c);
	while (st == ST_DELAY)
		if ((st = block_reserve(s, t)) == ST_DELAY)
			usleep(1000);
	check(st, "reserve");
	block_commit(s, t, &lsn);
	if (n % 8 == 7)
		check(block_wait(s, lsn), "wait");
}

static struct figure
sustained(const struct way *way, const char *dir, uint32_t mibs)
{
	struct share *s = share_begin(way, dir);
	double cpu = cpu_us();
	uint64_t began = clock_mono_ns();

	for (uint32_t i = 0; i < mibs; i++)
		write_mib(s, i);
	check(sync_drain_share(s), "drain");
	struct figure f = figure_of(began, cpu, mibs);

	share_end(s);
	return f;
}

static void
start(void)
{
	log_open(2, false, LOG_LEVEL_ERROR);
	txn_pool_init(TXNS);
	received = buf_pool_new("bench", MIB, RECEIVED);
	page_start(PAGES);
	block_start(&(struct block_conf){ .records_cap = 64 << 20, .segment_bytes = 64 << 20,
		.tick_ms = 100 });
	sync_start(&(struct sync_conf){ .apply_ms = 1000, .carve_age_ms = 1000,
		.carve_at_percent = 25 });
	machine_start(&(struct machine_conf){ .workers = 1, .jobs = 64 });
	make_stock();
}

int
main(int argc, char **argv)
{
	uint32_t mibs = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 512;
	char dir[600];

	if (argc < 2 || mibs == 0) {
		fprintf(stderr, "usage: bench_carve FOLDER [MIB [WAY]]\n");
		return 2;
	}
	start();
	printf("%-16s %12s %10s %12s %10s %7s\n", "", "carve MiB/s", "CPU us/MiB", "sustained",
	    "CPU us/MiB", "ratio");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct figure a, b;

		if (argc > 3 && strcmp(argv[3], ways[i].name) != 0)
			continue;
		snprintf(dir, sizeof dir, "%s/carve%zu", argv[1], i);
		if (mkdir(dir, 0700) != 0) {
			perror(dir);
			return 1;
		}
		b = sustained(&ways[i], dir, mibs);
		snprintf(dir, sizeof dir, "%s/carve%zu/bare", argv[1], i);
		if (mkdir(dir, 0700) != 0) {
			perror(dir);
			return 1;
		}
		a = bare(&ways[i], dir, mibs);
		printf("%-16s %12.0f %10.0f %12.0f %10.0f %7.2f\n", ways[i].name, a.mib_s, a.cpu_us,
		    b.mib_s, b.cpu_us, b.mib_s / a.mib_s);
	}
	return 0;
}
