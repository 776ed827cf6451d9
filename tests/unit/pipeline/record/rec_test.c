/*
 * Records go to bytes and come back as they were; bytes that were changed come back as CORRUPT or
 * as a record that is within every bound, and never read or write outside.
 */
#include "pipeline/base/rand.h"
#include "pipeline/model/name.h"
#include "pipeline/record/key.h"
#include "pipeline/record/pack.h"
#include "pipeline/record/rec.h"
#include "tests/lib/check.h"

#include <stdlib.h>

enum { MUTATIONS = 20000 };

static uint8_t room[LEAF_PIECES_MAX * 48 + 64];

static struct file
some_file(struct slice rest)
{
	return (struct file){ .ino = 77, .gen = 3, .type = TYPE_LNK, .flags = FILE_HAS_VERF,
	    .mode = 07755, .nlink = 2, .uid = 1000, .gid = 4294967294u, .rdev_major = 8,
	    .rdev_minor = 1, .dos = 0x20, .entries = 5, .size = 1ull << 40, .used = 4096,
	    .atime = { -5, 999999999 }, .mtime = { 1ll << 33, 1 }, .ctime = { 7, 0 },
	    .btime = { 0, 5 }, .content = 9, .parent = 2, .parent_key = 0x1234567800010000,
	    .quota_tree = 11, .create_verf = 0xfeedfacecafebeef, .rest = rest };
}

static bool
same_stamp(struct stamp a, struct stamp b)
{
	return a.s == b.s && a.ns == b.ns;
}

static bool
same_file(const struct file *a, const struct file *b)
{
	return a->ino == b->ino && a->gen == b->gen && a->type == b->type && a->flags == b->flags &&
	    a->mode == b->mode && a->nlink == b->nlink && a->uid == b->uid && a->gid == b->gid &&
	    a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor && a->dos == b->dos &&
	    a->entries == b->entries && a->size == b->size && a->used == b->used &&
	    same_stamp(a->atime, b->atime) && same_stamp(a->mtime, b->mtime) &&
	    same_stamp(a->ctime, b->ctime) && same_stamp(a->btime, b->btime) &&
	    a->content == b->content && a->parent == b->parent &&
	    a->parent_key == b->parent_key && a->quota_tree == b->quota_tree &&
	    a->create_verf == b->create_verf && slice_eq(a->rest, b->rest);
}

CASE(a_file_record_comes_back_as_it_was)
{
	uint8_t rest_room[64];
	struct writer rw = writer_of(rest_room, sizeof rest_room), w = writer_of(room, sizeof room);
	struct file f, g;
	struct slice target;

	rec_rest_symlink(&rw, slice_str("../there"));
	f = some_file(slice_of(rest_room, rw.len));
	rec_file_encode(&w, &f);
	TRUE(writer_ok(&w));
	EQ(w.len, REC_FILE_FIXED + rw.len);
	EQ(rec_file_decode(slice_of(room, w.len), &g), OK);
	TRUE(same_file(&f, &g));
	EQ(rec_rest_symlink_get(g.rest, &target), OK);
	TRUE(slice_eq(target, slice_str("../there")));
}

CASE(a_file_record_that_makes_no_sense_is_corrupt)
{
	static const struct { uint32_t at; uint8_t byte; } bad[] = {
		{ 0, 2 }, { 0, 3 },	/* version */
		{ 1, 0 }, { 1, 8 },	/* type */
		{ 3, 0x10 },		/* mode beyond 07777 */
		{ 45, 1 }, { 47, 1 }, { 152, 1 }, { 187, 1 },	/* spare bytes */
		{ 99, 0xff }, { 111, 0x7f },	/* nanoseconds */
		{ 188, 1 }, { 191, 0x80 },	/* length of the rest */
	};
	struct file f = some_file(slice_of(NULL, 0)), g;
	struct writer w = writer_of(room, sizeof room);

	rec_file_encode(&w, &f);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t was = room[bad[i].at];

		room[bad[i].at] = bad[i].byte;
		EQ(rec_file_decode(slice_of(room, w.len), &g), ST_CORRUPT);
		room[bad[i].at] = was;
	}
	EQ(rec_file_decode(slice_of(room, w.len), &g), OK);
	for (uint32_t len = 0; len < w.len; len++)
		EQ(rec_file_decode(slice_of(room, len), &g), ST_CORRUPT);
	EQ(rec_file_decode(slice_of(room, w.len + 1), &g), ST_CORRUPT);
	f.ino = 0;
	w = writer_of(room, sizeof room);
	rec_file_encode(&w, &f);
	EQ(rec_file_decode(slice_of(room, w.len), &g), ST_CORRUPT);
}

/* A program that does not know the flag must not read such a record, and an old one has none. */
CASE(a_file_that_was_never_written_is_a_record_of_a_version_of_its_own)
{
	struct file f = some_file(slice_of(NULL, 0)), g;
	struct writer w = writer_of(room, sizeof room);

	rec_file_encode(&w, &f);
	EQ(room[0], 1);
	room[44] |= FILE_UNWRITTEN;
	EQ(rec_file_decode(slice_of(room, w.len), &g), ST_CORRUPT);
	f.flags |= FILE_UNWRITTEN;
	w = writer_of(room, sizeof room);
	rec_file_encode(&w, &f);
	EQ(room[0], 2);
	EQ(rec_file_decode(slice_of(room, w.len), &g), OK);
	TRUE(same_file(&f, &g));
	room[0] = 1;
	EQ(rec_file_decode(slice_of(room, w.len), &g), ST_CORRUPT);
}

CASE(a_rest_that_is_too_long_fails_the_writer)
{
	static uint8_t large[REC_BODY_MAX];
	struct file f = some_file(slice_of(large, REC_BODY_MAX - REC_FILE_FIXED + 1));
	struct writer w = writer_of(room, sizeof room);

	rec_file_encode(&w, &f);
	FALSE(writer_ok(&w));
}

CASE(a_dirent_comes_back_as_it_was)
{
	static char longest[NAME_BYTES_MAX + 1];
	struct dirent in[3] = { { 5, 6, TYPE_DIR, slice_str("a name") }, { 0, 0, 0, slice_str("") },
	    { UINT64_MAX, 1, TYPE_FIFO, slice_of(longest, NAME_BYTES_MAX) } }, out;

	memset(longest, 'n', sizeof longest);
	for (int i = 0; i < 3; i++) {
		struct writer w = writer_of(room, sizeof room);

		rec_dirent_encode(&w, &in[i]);
		EQ(rec_dirent_decode(slice_of(room, w.len), &out), OK);
		TRUE(out.ino == in[i].ino && out.gen == in[i].gen && out.type == in[i].type);
		TRUE(slice_eq(out.name, in[i].name));
		for (uint32_t len = 0; len < w.len; len++)
			EQ(rec_dirent_decode(slice_of(room, len), &out), ST_CORRUPT);
	}
}

CASE(a_dirent_that_makes_no_sense_is_corrupt)
{
	struct dirent bad[] = {
		{ 0, 1, TYPE_REG, slice_str("x") }, { 5, 1, 8, slice_str("x") },
		{ 5, 1, TYPE_REG, slice_str("") }, { 5, 1, TYPE_REG, slice_str("a/b") },
		{ 5, 1, TYPE_REG, slice_of("a\0b", 3) }, { 5, 0, 0, slice_str("") },
		{ 0, 0, 0, slice_str("x") },
	}, out;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct writer w = writer_of(room, sizeof room);

		rec_dirent_encode(&w, &bad[i]);
		EQ(rec_dirent_decode(slice_of(room, w.len), &out), ST_CORRUPT);
	}
}

static uint32_t
leaf_bytes(uint32_t n)
{
	static struct leaf_piece v[LEAF_PIECES_MAX];
	struct writer w = writer_of(room, sizeof room);

	for (uint32_t i = 0; i < n; i++) {
		v[i] = (struct leaf_piece){ .from = i * 4096, .len = 4096, .hole = i % 3 == 2 };
		if (!v[i].hole) {
			v[i].at = i;
			memset(v[i].digest, (int)i, sizeof v[i].digest);
		}
	}
	rec_leaf_encode(&w, v, n);
	TRUE(writer_ok(&w));
	return w.len;
}

CASE(a_leaf_comes_back_as_it_was)
{
	static const uint32_t counts[] = { 0, 1, 3, 128, LEAF_PIECES_MAX };
	struct leaf_piece *v;
	struct arena arena;
	uint32_t n;

	arena_init(&arena, NULL, 0, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		uint32_t len = leaf_bytes(counts[i]);

		EQ(rec_leaf_decode(slice_of(room, len), &arena, &v, &n), OK);
		EQ(n, counts[i]);
		for (uint32_t p = 0; p < n; p++) {
			EQ(v[p].from, p * 4096);
			EQ(v[p].len, 4096);
			EQ(v[p].hole, p % 3 == 2);
			EQ(v[p].at, v[p].hole ? 0 : p);
			EQ(v[p].digest[31], v[p].hole ? 0 : (uint8_t)p);
		}
		if (len > 8)
			EQ(rec_leaf_decode(slice_of(room, len - 1), &arena, &v, &n), ST_CORRUPT);
		EQ(rec_leaf_decode(slice_of(room, len + 1), &arena, &v, &n), ST_CORRUPT);
	}
	arena_rewind(&arena);
	arena_init(&arena, NULL, 0, 64);
	EQ(rec_leaf_decode(slice_of(room, leaf_bytes(9)), &arena, &v, &n), ST_RESOURCE);
	arena_rewind(&arena);
}

CASE(a_leaf_that_makes_no_sense_is_corrupt)
{
	static const struct leaf_piece bad[][2] = {
		{ { 0, 8, true, { 0 }, 0 }, { 7, 8, true, { 0 }, 0 } },	/* overlap */
		{ { 8, 8, true, { 0 }, 0 }, { 0, 8, true, { 0 }, 0 } },	/* backwards */
		{ { 0, 0, true, { 0 }, 0 }, { 8, 8, true, { 0 }, 0 } },	/* empty */
		{ { 0, 8, true, { 0 }, 1 }, { 8, 8, true, { 0 }, 0 } },	/* a hole with bytes */
		{ { 0, 8, true, { 0 }, 0 }, { 8, MAP_WINDOW - 7, true, { 0 }, 0 } },
		{ { 0, 8, true, { 0 }, 0 }, { MAP_WINDOW, 1, true, { 0 }, 0 } },
		{ { 0, 8, false, { 0 }, MAP_WINDOW - 7 }, { 8, 8, true, { 0 }, 0 } },
		{ { 0, 8, false, { 0 }, UINT32_MAX }, { 8, 8, true, { 0 }, 0 } },
	};
	struct leaf_piece *v;
	struct arena arena;
	struct writer w;
	uint32_t n;

	arena_init(&arena, NULL, 0, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		w = writer_of(room, sizeof room);
		rec_leaf_encode(&w, bad[i], 2);
		EQ(rec_leaf_decode(slice_of(room, w.len), &arena, &v, &n), ST_CORRUPT);
	}
	leaf_bytes(1);
	put_le32(room + 4, LEAF_PIECES_MAX + 1);
	EQ(rec_leaf_decode(slice_of(room, sizeof room), &arena, &v, &n), ST_CORRUPT);
	arena_rewind(&arena);
}

CASE(the_smaller_rows_come_back_as_they_were)
{
	struct chunk c = { 9, 4, 65536, 1 }, c2;
	struct container_row k = { .state = CONTAINER_DYING, .remote = true, .bytes = 16 << 20,
	    .chunks = 300, .fence = 0x1234567890 }, k2;
	struct reap r = { 8, 3 }, r2;
	struct writer w = writer_of(room, sizeof room);
	uint64_t leaf;

	rec_map_encode(&w, 1234567890123);
	EQ(rec_map_decode(slice_of(room, w.len), &leaf), OK);
	EQ(leaf, 1234567890123);
	EQ(rec_map_decode(slice_of(room, w.len - 1), &leaf), ST_CORRUPT);
	w = writer_of(room, sizeof room);
	rec_chunk_encode(&w, &c);
	EQ(rec_chunk_decode(slice_of(room, w.len), &c2), OK);
	TRUE(c.container == c2.container && c.index == c2.index && c.len == c2.len);
	EQ(rec_chunk_decode(slice_of(room, w.len + 1), &c2), ST_CORRUPT);
	w = writer_of(room, sizeof room);
	rec_container_encode(&w, &k);
	EQ(rec_container_decode(slice_of(room, w.len), &k2), OK);
	TRUE(k.state == k2.state && k.local == k2.local && k.remote == k2.remote);
	TRUE(k.bytes == k2.bytes && k.chunks == k2.chunks && k.fence == k2.fence);
	k.remote = false;		/* its name there is known before it is there */
	k.key = 7;
	w = writer_of(room, sizeof room);
	rec_container_encode(&w, &k);
	EQ(rec_container_decode(slice_of(room, w.len), &k2), OK);
	TRUE(!k2.remote && k2.fence == k.fence && k2.key == 7);
	room[2] |= 2;			/* two flags for one fence */
	EQ(rec_container_decode(slice_of(room, w.len), &k2), ST_CORRUPT);
	room[1] = 3;
	EQ(rec_container_decode(slice_of(room, w.len), &k2), ST_CORRUPT);
	w = writer_of(room, sizeof room);
	rec_reap_encode(&w, &r);
	EQ(rec_reap_decode(slice_of(room, w.len), &r2), OK);
	TRUE(r.content == r2.content && r.from_window == r2.from_window);
	EQ(rec_reap_decode(slice_of(room, w.len - 1), &r2), ST_CORRUPT);
}

CASE(the_share_row_comes_back_as_it_was)
{
	struct share_row s = { .share = 5, .fsid = 6, .fold_version = 1 }, t;
	struct writer w = writer_of(room, sizeof room);

	rand_bytes(s.share_id, sizeof s.share_id);
	rand_bytes(s.journal_id, sizeof s.journal_id);
	rand_bytes(s.handle_key, sizeof s.handle_key);
	rand_bytes(s.name_key, sizeof s.name_key);
	rand_bytes(s.digest_key, sizeof s.digest_key);
	rec_share_encode(&w, &s);
	memset(&t, 0, sizeof t);
	EQ(rec_share_decode(slice_of(room, w.len), &t), OK);
	EQ_MEM(t.share_id, s.share_id, 16);
	EQ_MEM(t.journal_id, s.journal_id, 16);
	EQ_MEM(t.handle_key, s.handle_key, 16);
	EQ_MEM(t.name_key, s.name_key, 16);
	EQ_MEM(t.digest_key, s.digest_key, 32);
	TRUE(t.share == 5 && t.fsid == 6 && t.fold_version == 1);
	EQ(rec_share_decode(slice_of(room, w.len - 1), &t), ST_CORRUPT);
	room[1] = 1;
	EQ(rec_share_decode(slice_of(room, w.len), &t), ST_CORRUPT);
}

/* --- the rest --- */

CASE(a_rest_is_read_past_what_is_not_known)
{
	/* { 7: [nil, {1: -1}, "str"], 300: 2.5, 1: bin "t", 9: ext } */
	static const uint8_t rest[] = { 0x84, 7, 0x93, 0xc0, 0x81, 1, 0xff, 0xa3, 's', 't', 'r',
	    0xcd, 1, 44, 0xcb, 0x40, 4, 0, 0, 0, 0, 0, 0, 1, 0xc4, 1, 't', 9, 0xc7, 2, 5, 1, 2 };
	struct slice found;

	EQ(pack_find(slice_of(rest, sizeof rest), PACK_SYMLINK, &found), OK);
	TRUE(slice_eq(found, slice_str("t")));
	for (uint32_t len = 0; len < sizeof rest; len++)
		EQ(pack_find(slice_of(rest, len), PACK_SYMLINK, &found), ST_CORRUPT);
	EQ(pack_find(slice_of("\x80", 1), PACK_SYMLINK, &found), ST_NODATA);
	EQ(pack_find(slice_of("\x81\x02\xc4\x00", 4), PACK_SYMLINK, &found), ST_NODATA);
}

CASE(a_rest_that_claims_too_much_is_corrupt)
{
	static const struct { const char *bytes; uint32_t len; } bad[] = {
		{ "", 0 }, { "\xc0", 1 }, { "\x90", 1 }, { "\x80\x80", 2 },
		{ "\xdf\xff\xff\xff\xff", 5 }, { "\xde\xff\xff\x01\x01", 5 },
		{ "\x81\x01\xc6\xff\xff\xff\xff", 7 }, { "\x81\x01\xdd\xff\xff\xff\xff", 7 },
		{ "\x81\x02\xdf\x80\x00\x00\x00", 7 }, { "\x81\xff\xc4\x00", 4 },
		{ "\x81\xa1k\xc4\x00", 5 }, { "\x81\x01\xa1t", 4 }, { "\x81\x01\xc1", 3 },
		{ "\x82\x01\xc4\x00\x01\xc4\x00", 7 }, { "\x81\x02\x91\x91\x91\x91", 6 },
	};
	struct slice found;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EQ(pack_find(slice_of(bad[i].bytes, bad[i].len), PACK_SYMLINK, &found), ST_CORRUPT);
}

/* --- mutations --- */

/* A copy of exactly its length, so that a sanitizer sees every byte read beyond. */
static void
decode_all(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len), home[4096];
	struct slice body = slice_of(copy, len), s;
	struct container_row k;
	struct share_row row;
	struct leaf_piece *v;
	struct arena arena;
	struct dirent d;
	struct chunk c;
	struct reap r;
	struct file f;
	uint64_t leaf;
	uint32_t n;

	memcpy(copy, bytes, len);
	arena_init(&arena, home, sizeof home, 1 << 20);
	if (rec_file_decode(body, &f) == OK) {
		TRUE(f.ino != 0 && f.type >= TYPE_REG && f.type <= TYPE_FIFO && f.mode <= 07777);
		TRUE(f.mtime.ns < 1000000000 && f.rest.len == len - REC_FILE_FIXED);
		if (rec_rest_symlink_get(f.rest, &s) == OK)
			TRUE(s.at >= copy && s.at + s.len <= copy + len);
	}
	if (rec_dirent_decode(body, &d) == OK)
		TRUE(d.type == 0 || (d.name.len > 0 && d.name.len == len - 16));
	if (rec_leaf_decode(body, &arena, &v, &n) == OK)
		for (uint32_t i = 0; i < n; i++)
			TRUE(v[i].len <= MAP_WINDOW && v[i].from <= MAP_WINDOW - v[i].len);
	(void)!rec_map_decode(body, &leaf);
	if (rec_chunk_decode(body, &c) == OK)
		TRUE(c.len <= MAP_WINDOW);
	(void)!rec_container_decode(body, &k);
	(void)!rec_reap_decode(body, &r);
	(void)!rec_share_decode(body, &row);
	(void)!pack_find(body, PACK_SYMLINK, &s);
	arena_rewind(&arena);
	free(copy);
}

CASE(mutated_bytes_never_decode_to_something_out_of_bounds)
{
	static uint8_t seed[4][512], bytes[512];
	uint32_t lens[4];
	struct writer w = writer_of(seed[0], 512), rw = writer_of(bytes, 64);
	struct file f;

	rec_rest_symlink(&rw, slice_str("target"));
	f = some_file(slice_of(bytes, rw.len));
	rec_file_encode(&w, &f);
	lens[0] = w.len;
	w = writer_of(seed[1], 512);
	rec_dirent_encode(&w, &(struct dirent){ 5, 6, TYPE_DIR, slice_str("a name") });
	lens[1] = w.len;
	lens[2] = leaf_bytes(5);
	memcpy(seed[2], room, lens[2]);
	w = writer_of(seed[3], 512);
	rec_rest_symlink(&w, slice_str("another target"));
	lens[3] = w.len;
	for (int i = 0; i < MUTATIONS; i++) {
		int which = i % 4;
		uint32_t len = lens[which], flips = 1 + (uint32_t)(rand_u64() % 4);

		memcpy(bytes, seed[which], len);
		while (flips-- > 0)
			bytes[rand_u64() % len] = (uint8_t)rand_u64();
		if (rand_u64() % 4 == 0)
			len = (uint32_t)(rand_u64() % (len + 1));
		decode_all(bytes, len);
	}
}

/* --- keys --- */

CASE(keys_sort_as_their_numbers_do)
{
	struct key a = key_dirent(1, UINT64_MAX), b = key_dirent(2, 0), c = key_dirent(256, 0);
	struct key p = key_dirent_prefix(2);

	TRUE(memcmp(a.bytes, b.bytes, 17) < 0 && memcmp(b.bytes, c.bytes, 17) < 0);
	EQ(p.len, 9);
	EQ_MEM(b.bytes, p.bytes, 9);
	EQ(key_inode(5).bytes[0], TAG_INODE);
	EQ(key_link(1, 2, 3).len, 25);
	EQ(key_share(4).len, 2);
}

CASE(keys_around_keys_come_apart_again)
{
	uint8_t row[KEY_MAX];
	struct key key = key_dirent(7, 8);
	struct slice inner;
	uint64_t epoch;
	uint32_t len = key_history(row, key_slice(&key), 99);

	EQ(len, 26);
	TRUE(key_history_split(slice_of(row, len), &inner, &epoch));
	TRUE(slice_eq(inner, key_slice(&key)));
	EQ(epoch, 99);
	FALSE(key_changed_split(slice_of(row, len), &inner, &epoch));
	FALSE(key_history_split(slice_of(row, KEY_AROUND), &inner, &epoch));
	len = key_changed(row, key_slice(&key), 98);
	TRUE(key_changed_split(slice_of(row, len), &inner, &epoch));
	TRUE(slice_eq(inner, key_slice(&key)));
	EQ(epoch, 98);
}

CASE(only_the_name_space_has_history)
{
	TRUE(table_versioned(TAG_INODE) && table_versioned(TAG_DIRENT) &&
	    table_versioned(TAG_LINK));
	TRUE(table_versioned(TAG_XATTR) && table_versioned(TAG_MAP));
	FALSE(table_lists_changes(TAG_MAP));
	FALSE(table_versioned(TAG_COUNT) || table_versioned(TAG_ORPHAN) ||
	    table_versioned(TAG_REAP));
	FALSE(table_versioned(TAG_CHUNK) || table_versioned(TAG_SHARE) ||
	    table_versioned(TAG_HISTORY));
}
