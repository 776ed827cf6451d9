/*
 * Bytes from a damaged store through every record decoder, the stored form and the keys around
 * keys.  What is taken must be written again to something that is taken again and says the same.
 * The first byte of an input chooses the decoder.  fuzz_record [iterations].
 */
#include "tests/fuzz/mutate.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/record/key.h"
#include "pipeline/record/rec.h"
#include "pipeline/record/stored.h"

#include <stdlib.h>
#include <string.h>

enum decoder { FILES, RESTS, DIRENTS, MAPS, LEAVES, CHUNKS, CONTAINERS, SHARES, REAPS, STORED, KEYS,
	DECODERS };
enum { ROOM = 1 << 17 };

static uint8_t room[ROOM];
static volatile uint32_t sink;		/* so that every byte a slice cites is really read */

static void
touch(struct slice s)
{
	if (s.len > 0)
		sink ^= crc32c(0, s.at, s.len);
}

/* --- one function a decoder: decode, encode, decode --- */

static void
files(struct slice in)
{
	struct file f, g;
	struct writer w = writer_of(room, sizeof room);
	struct slice target;

	if (rec_file_decode(in, &f) != OK)
		return;
	touch(f.rest);
	if (rec_rest_symlink_get(f.rest, &target) == OK)
		touch(target);
	rec_file_encode(&w, &f);
	assert(writer_ok(&w));
	assert(rec_file_decode(slice_of(room, w.len), &g) == OK);
	assert(g.ino == f.ino && g.size == f.size && g.nlink == f.nlink && g.type == f.type &&
	    slice_eq(g.rest, f.rest));
}

static void
rests(struct slice in)
{
	struct slice target, again;
	struct writer w = writer_of(room, sizeof room);

	if (rec_rest_symlink_get(in, &target) != OK)
		return;
	touch(target);
	rec_rest_symlink(&w, target);
	if (!writer_ok(&w))
		return;			/* longer than any target that we write */
	assert(rec_rest_symlink_get(slice_of(room, w.len), &again) == OK);
	assert(slice_eq(target, again));
}

static void
dirents(struct slice in)
{
	struct dirent d, e;
	struct writer w = writer_of(room, sizeof room);

	if (rec_dirent_decode(in, &d) != OK)
		return;
	touch(d.name);
	rec_dirent_encode(&w, &d);
	assert(writer_ok(&w) && rec_dirent_decode(slice_of(room, w.len), &e) == OK);
	assert(e.ino == d.ino && e.gen == d.gen && e.type == d.type && slice_eq(e.name, d.name));
}

static void
maps(struct slice in)
{
	struct writer w = writer_of(room, sizeof room);
	uint64_t leaf, again;

	if (rec_map_decode(in, &leaf) != OK)
		return;
	rec_map_encode(&w, leaf);
	assert(writer_ok(&w) && rec_map_decode(slice_of(room, w.len), &again) == OK);
	assert(again == leaf);
}

static void
leaves(struct slice in)
{
	struct writer w = writer_of(room, sizeof room);
	struct leaf_piece *v, *u;
	struct arena arena;
	uint32_t n, m;

	arena_init(&arena, NULL, 0, 1 << 20);
	if (rec_leaf_decode(in, &arena, &v, &n) == OK) {
		assert(n <= LEAF_PIECES_MAX);
		for (uint32_t i = 0; i < n; i++) {
			assert(v[i].len > 0 && v[i].len <= MAP_WINDOW &&
			    v[i].from <= MAP_WINDOW - v[i].len);
			assert(i == 0 || v[i].from >= v[i - 1].from + v[i - 1].len);
			assert(v[i].hole || v[i].at <= MAP_WINDOW - v[i].len);
		}
		rec_leaf_encode(&w, v, n);
		assert(writer_ok(&w));
		assert(rec_leaf_decode(slice_of(room, w.len), &arena, &u, &m) == OK && m == n);
	}
	arena_rewind(&arena);
}

static void
chunks(struct slice in)
{
	struct writer w = writer_of(room, sizeof room);
	struct chunk c, d;

	if (rec_chunk_decode(in, &c) != OK)
		return;
	rec_chunk_encode(&w, &c);
	assert(writer_ok(&w) && rec_chunk_decode(slice_of(room, w.len), &d) == OK);
	assert(d.container == c.container && d.index == c.index && d.len == c.len &&
	    d.algorithm == c.algorithm);
}

static void
containers(struct slice in)
{
	struct writer w = writer_of(room, sizeof room);
	struct container_row c, d;

	if (rec_container_decode(in, &c) != OK)
		return;
	assert(c.state == CONTAINER_LIVE || c.state == CONTAINER_DYING);
	rec_container_encode(&w, &c);
	assert(writer_ok(&w) && rec_container_decode(slice_of(room, w.len), &d) == OK);
	assert(d.bytes == c.bytes && d.chunks == c.chunks && d.local == c.local &&
	    d.fence == c.fence && d.key == c.key);
}

static void
shares(struct slice in)
{
	struct writer w = writer_of(room, sizeof room);
	struct share_row s, t;

	if (rec_share_decode(in, &s) != OK)
		return;
	rec_share_encode(&w, &s);
	assert(writer_ok(&w) && rec_share_decode(slice_of(room, w.len), &t) == OK);
	assert(t.share == s.share && t.fsid == s.fsid);
}

static void
reaps(struct slice in)
{
	struct writer w = writer_of(room, sizeof room);
	struct reap p, q;

	if (rec_reap_decode(in, &p) != OK)
		return;
	rec_reap_encode(&w, &p);
	assert(writer_ok(&w) && rec_reap_decode(slice_of(room, w.len), &q) == OK);
	assert(p.content == q.content && p.from_window == q.from_window);
}

/* As it came, and with a checksum that fits. */
static void
stored(struct slice in)
{
	struct slice key = slice_str("some key");
	struct stored out;
	struct stored_head head;

	if (stored_open(key, in, &out) == OK)
		touch(out.body);
	if (in.len < STORED_HEAD || in.len > sizeof room)
		return;
	memcpy(&head, in.at, STORED_HEAD);
	memcpy(room, in.at, in.len);
	stored_seal(key, (struct stored_head *)(void *)room, in.len - STORED_HEAD);
	if (stored_open(key, slice_of(room, in.len), &out) == OK) {
		assert(out.lsn == head.lsn && out.born == head.born);
		touch(out.body);
	}
}

static void
keys(struct slice in)
{
	uint8_t around[KEY_MAX + KEY_AROUND];
	struct slice key, again;
	uint64_t epoch, e;

	if (key_history_split(in, &key, &epoch)) {
		touch(key);
		if (key.len <= KEY_INNER_MAX) {
			assert(key_history(around, key, epoch) == key.len + KEY_AROUND);
			assert(key_history_split(slice_of(around, key.len + KEY_AROUND), &again,
			    &e));
			assert(e == epoch && slice_eq(again, key));
		}
	}
	if (key_changed_split(in, &key, &epoch)) {
		touch(key);
		if (key.len <= KEY_INNER_MAX) {
			assert(key_changed(around, key, epoch) == key.len + KEY_AROUND);
			assert(key_changed_split(slice_of(around, key.len + KEY_AROUND), &again,
			    &e));
			assert(e == epoch && slice_eq(again, key));
		}
	}
}

static void (*const decoders[DECODERS])(struct slice in) = {
	[FILES] = files, [RESTS] = rests, [DIRENTS] = dirents, [MAPS] = maps, [LEAVES] = leaves,
	[CHUNKS] = chunks, [CONTAINERS] = containers, [SHARES] = shares, [REAPS] = reaps,
	[STORED] = stored, [KEYS] = keys,
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len > 0 && len < ROOM)
		decoders[bytes[0] % DECODERS](slice_of(bytes + 1, (uint32_t)len - 1));
	return 0;
}

/* --- seeds: a good one of each --- */

#ifndef FUZZ_ENGINE
static void
seed_file(struct writer *w)
{
	uint8_t rest[300];
	struct writer r = writer_of(rest, sizeof rest);
	struct file f = { .ino = rand_u64() >> 1 | 1, .gen = 3, .type = TYPE_REG, .mode = 0644,
		.nlink = 1, .size = rand_u64() >> 8, .used = 512, .content = 9, .parent = 1 };

	if (rand_u64() % 2 == 0) {
		f.type = TYPE_LNK;
		rec_rest_symlink(&r, slice_of("../a/longer/target", rand_u64() % 17 + 1));
		f.rest = slice_of(rest, r.len);
	}
	rec_file_encode(w, &f);
}

static void
seed_leaf(struct writer *w)
{
	static struct leaf_piece v[LEAF_PIECES_MAX];
	uint32_t n = (uint32_t)(rand_u64() % 40), at = 0;

	for (uint32_t i = 0; i < n; i++) {
		v[i] = (struct leaf_piece){ .from = at, .len = (uint32_t)(rand_u64() % 4096) + 1,
			.hole = rand_u64() % 4 == 0, .at = 0 };
		if (!v[i].hole)
			rand_bytes(v[i].digest, sizeof v[i].digest);
		at += v[i].len + (uint32_t)(rand_u64() % 100);
	}
	rec_leaf_encode(w, v, n);
}

static void
seed_stored(struct writer *w)
{
	struct {
		struct stored_head head;
		uint8_t body[64];
	} v = { { STORED_VERSION, 0, 0, 0, 5, LSN_OF(3, 9) }, "a body" };

	stored_seal(slice_str("some key"), &v.head, sizeof v.body);
	write_bytes(w, &v, sizeof v);
}

static void
seed_key(struct writer *w)
{
	struct key inner = key_dirent(7, rand_u64() >> 1);
	uint8_t around[sizeof inner.bytes + KEY_AROUND];
	uint32_t len = rand_u64() % 2 ? key_history(around, key_slice(&inner), 4) :
	    key_changed(around, key_slice(&inner), 4);

	write_bytes(w, around, len);
}

static void
seed_row(struct writer *w, enum decoder which)
{
	struct share_row s = { .share = rand_u64() | 1, .fsid = 5, .fold_version = 1 };

	if (which == MAPS)
		rec_map_encode(w, rand_u64() | 1);
	else if (which == CHUNKS)
		rec_chunk_encode(w, &(struct chunk){ rand_u64() | 1, 17, 4096, 1 });
	else if (which == CONTAINERS)
		rec_container_encode(w,
		    &(struct container_row){ .state = CONTAINER_LIVE,
			.local = true,
			.remote = true,
			.bytes = 99,
			.chunks = 3,
			.fence = 7,
			.key = 1 });
	else if (which == SHARES)
		rec_share_encode(w, &s);
	else if (which == REAPS)
		rec_reap_encode(w, &(struct reap){ rand_u64() | 1, 2 });
	else if (which == DIRENTS)
		rec_dirent_encode(w, &(struct dirent){ 5, 6, TYPE_REG, slice_str("some name") });
}

static uint32_t
seed(uint8_t *to, uint32_t most)
{
	enum decoder which = (enum decoder)(rand_u64() % DECODERS);
	struct writer w = writer_of(to, most);

	write_u8(&w, (uint8_t)which);
	w = writer_of(to + 1, most - 1);
	if (which == FILES)
		seed_file(&w);
	else if (which == RESTS)
		rec_rest_symlink(&w, slice_str("where/it/goes"));
	else if (which == LEAVES)
		seed_leaf(&w);
	else if (which == STORED)
		seed_stored(&w);
	else if (which == KEYS)
		seed_key(&w);
	else
		seed_row(&w, which);
	assert(writer_ok(&w));
	return w.len + 1;
}

int
main(int argc, char **argv)
{
	return fuzz_main(argc, argv, seed);
}
#endif
