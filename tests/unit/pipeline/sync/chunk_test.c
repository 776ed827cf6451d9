/*
 * Where contents are cut: by what they say, whenever carve comes by; at fixed places where they
 * are overwritten at random; and what is known is cited, unless it was seen damaged.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "pipeline/base/rand.h"
#include "pipeline/block/index.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/suspect.h"
#include "pipeline/record/key.h"
#include "pipeline/sync/chunker.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAMPLE = 6 << 20, CUTS_MAX = SAMPLE / CHUNK_MIN + 1 };

static uint8_t *
noise(uint32_t len)
{
	uint8_t *p = xmalloc(len);

	rand_bytes(p, len);
	return p;
}

static uint32_t
cut_all(const struct chunker *c, const uint8_t *bytes, uint32_t len, uint32_t cuts[CUTS_MAX])
{
	uint32_t n = 0;

	for (uint32_t at = 0; at < len; n++) {
		uint32_t cut = chunker_cut(c, bytes + at, len - at);

		TRUE(cut > 0 && cut <= CHUNK_MAX && cut <= len - at);
		TRUE(cut >= CHUNK_MIN || at + cut == len);
		at += cut;
		cuts[n] = at;
	}
	return n;
}

CASE(bytes_that_moved_are_cut_where_they_were)
{
	uint8_t key[32] = "one share's", other[32] = "another's", *bytes = noise(SAMPLE);
	uint32_t a[CUTS_MAX], b[CUTS_MAX], na, nb, same = 0, chance = 0;
	struct chunker c, d;

	chunker_init(&c, key);
	chunker_init(&d, other);
	na = cut_all(&c, bytes, SAMPLE, a);
	TRUE(na > SAMPLE / (128 << 10) && na < SAMPLE / (32 << 10));
	nb = cut_all(&c, bytes + 12345, SAMPLE - 12345, b);
	for (uint32_t i = 0, j = 0; i < na && j < nb;) {
		same += a[i] == b[j] + 12345;
		a[i] < b[j] + 12345 ? i++ : j++;
	}
	TRUE(same * 4 >= na * 3);
	nb = cut_all(&d, bytes, SAMPLE, b);
	for (uint32_t i = 0; i < MIN(na, nb) - 1; i++)
		chance += a[i] == b[i];
	TRUE(chance < 3);
	memset(bytes, 0, SAMPLE);
	EQ(chunker_cut(&c, bytes, SAMPLE), CHUNK_MAX);
	EQ(chunker_cut(&c, bytes, 1), 1);
	EQ(chunker_cut(&c, bytes, CHUNK_MIN), CHUNK_MIN);
	free(bytes);
}

/* In pieces of some length, with carve in between each time. */
static void
write_in_parts(struct yard *y, uint64_t content, const uint8_t *bytes, uint32_t len, uint32_t part)
{
	for (uint32_t at = 0; at < len; at += part) {
		yard_write(y, content, at, bytes + at, MIN(part, len - at));
		if (part < 1 << 20)
			yard_drain(y);
	}
	yard_drain(y);
}

CASE(cut_the_same_whenever_carve_comes_by)
{
	uint8_t *bytes = noise(SAMPLE);
	struct tally t, u;
	uint64_t stored;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	write_in_parts(&y, 1, bytes, SAMPLE, 1 << 20);
	t = yard_recount(&y);
	stored = mirror_bytes(block_mirror(y.share));
	write_in_parts(&y, 2, bytes, SAMPLE, 777777);
	yard_compare(&y, 2);
	u = yard_recount(&y);
	EQ(u.wrong, 0);
	EQ(u.chunks, t.chunks);		/* last chunks that were none in the end are gone again */
	TRUE(mirror_bytes(block_mirror(y.share)) < stored + SAMPLE / 3);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}

/* The pieces of a content's first window. */
static struct leaf *
first_leaf(struct yard *y, uint64_t content)
{
	struct key key = key_map(content, 0);
	struct leaf *leaf = NULL;
	struct arena arena;
	struct version row;
	uint64_t number;

	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(catalog_get(y->share->catalog, key_slice(&key), true, &arena, &row), OK);
	TRUE(row.exists);
	EQ(rec_map_decode(row.body, &number), OK);
	EQ(leaf_get(block_leaves(y->share), y->share->catalog, number, true, &leaf), OK);
	arena_rewind(&arena);
	return leaf;
}

CASE(what_is_overwritten_at_random_is_cut_at_fixed_places)
{
	uint8_t *bytes = noise(4 << 20);
	uint32_t fixed = 0;
	struct leaf *leaf;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	for (int i = 0; i < 4; i++)
		yard_write(&y, 1, (uint64_t)i << 20, bytes + (i << 20), 1 << 20);
	yard_drain(&y);
	leaf = first_leaf(&y, 1);
	for (uint32_t i = 0; i < leaf->n; i++)
		fixed += leaf->v[i].from % CHUNK_UNIT == 0 && leaf->v[i].len == CHUNK_UNIT;
	TRUE(fixed < 3);
	leaf_put(&leaf);
	for (uint32_t i = 0; i < 64; i++)
		yard_write(&y, 1, i * CHUNK_UNIT + 4096, bytes + 100 * i, 4096);
	yard_drain(&y);
	yard_compare(&y, 1);
	leaf = first_leaf(&y, 1);
	EQ(leaf->n, 64);
	for (uint32_t i = 0; i < leaf->n; i++)
		TRUE(leaf->v[i].from == i * CHUNK_UNIT && leaf->v[i].len == CHUNK_UNIT);
	leaf_put(&leaf);
	/* And it stays so: a single overwrite costs one chunk. */
	yard_write(&y, 1, 1 << 20, bytes, 100);
	yard_drain(&y);
	leaf = first_leaf(&y, 1);
	EQ(leaf->n, 64);
	leaf_put(&leaf);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).wrong, 0);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}

CASE(a_window_in_too_many_pieces_is_built_anew)
{
	uint8_t *bytes = noise(8 << 20);
	struct leaf *leaf;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	for (int i = 0; i < 8; i++)
		yard_write(&y, 1, (uint64_t)i << 20, bytes + (i << 20), 1 << 20);
	yard_drain(&y);
	for (int i = 0; i < 1500; i++)	/* each splits a piece in two */
		yard_hole(&y, 1, (uint64_t)i * 5000 + 100, (uint64_t)i * 5000 + 200);
	yard_drain(&y);
	leaf = first_leaf(&y, 1);
	TRUE(leaf->n <= 512);
	leaf_put(&leaf);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).wrong, 0);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}

/* A bit of the first unit of the only container. */
static void
spoil(struct yard *y)
{
	char path[600];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof path, "%s/containers/%016llx.dfc", y->dir, 1ull);
	fd = open(path, O_RDWR);
	TRUE(fd >= 0);
	EQ(pread(fd, &byte, 1, 1000), 1);
	byte ^= 4;
	EQ(pwrite(fd, &byte, 1, 1000), 1);
	close(fd);
}

CASE(what_was_seen_damaged_is_stored_again_and_heals)
{
	uint8_t *bytes = noise(16000), *to = xmalloc(16000);
	struct tally t;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	yard_write(&y, 1, 0, bytes, 16000);
	yard_drain(&y);
	spoil(&y);
	EQ(yard_read(&y, 1, 0, 16000, to), ST_CORRUPT);
	EQ(suspects_count(block_suspects(y.share)), 1);
	yard_write(&y, 2, 0, bytes, 16000);
	yard_drain(&y);
	EQ(suspects_count(block_suspects(y.share)), 0);
	yard_compare(&y, 2);
	yard_compare(&y, 1);		/* which cites the same chunk */
	t = yard_recount(&y);
	EQ(t.wrong, 0);
	EQ(t.chunks, 1);
	EQ(t.files, 1);			/* the damaged container held nothing else */
	yard_close(&y);
	yard_end(&y);
	free(bytes);
	free(to);
}

CASE(what_can_be_smaller_is_stored_smaller_and_read_whole)
{
	uint8_t *bytes = xmalloc(4 << 20);
	struct yard y;
	uint32_t len = 0;

	while (len < (4 << 20) - 64)
		len += (uint32_t)snprintf((char *)bytes + len, 64, "%llu %s\n",
		    (unsigned long long)rand_u64() % 1000, "lines as a log has them");
	yard_start();
	yard_make(&y, "leveldb");
	yard_close(&y);
	y.compression = 3;
	yard_open(&y, false);
	for (uint32_t at = 0; at < len; at += 1 << 20)
		yard_write(&y, 1, at, bytes + at, MIN(1u << 20, len - at));
	yard_drain(&y);
	TRUE(mirror_bytes(block_mirror(y.share)) < len / 3);
	yard_compare(&y, 1);
	yard_close(&y);
	y.compression = 0;		/* what is there stays readable */
	yard_open(&y, false);
	yard_compare(&y, 1);
	yard_write(&y, 1, 100, bytes, 50000);
	yard_drain(&y);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).wrong, 0);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}
