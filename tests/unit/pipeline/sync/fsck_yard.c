/*
 * The share is carved with errands running and then opened without; what is planted goes through
 * change sets like everything else.
 */
#include "tests/unit/pipeline/sync/fsck_yard.h"

#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 4096, GEN = 5 };

static struct undo {
	struct key key;
	bool was;
	uint8_t body[BODY_MAX];
	uint32_t len;
} undo[FY_UNDO];
static int nundo;

static void
commit(struct yard *y, struct txn *t)
{
	lsn_t lsn;

	EQ(block_reserve(y->share, t), OK);
	block_commit(y->share, t, &lsn);
	EQ(block_wait(y->share, lsn), OK);
}

bool
fy_get(struct yard *y, const struct key *key, uint8_t *body, uint32_t *len)
{
	struct arena arena;
	struct version v;

	arena_init(&arena, NULL, 0, 2 << 20);
	EQ(catalog_get(y->share->catalog, key_slice(key), true, &arena, &v), OK);
	*len = v.exists ? v.body.len : 0;
	TRUE(*len <= BODY_MAX);
	if (*len > 0)
		memcpy(body, v.body.at, *len);
	arena_rewind(&arena);
	return v.exists;
}

static void
remember(struct yard *y, const struct key *key)
{
	struct undo *u = &undo[nundo++];

	TRUE(nundo <= FY_UNDO);
	u->key = *key;
	u->was = fy_get(y, key, u->body, &u->len);
}

static void
set(struct yard *y, const struct key *key, bool there, const void *body, uint32_t len)
{
	struct txn *t = txn_new();

	TRUE(t != NULL);
	if (there)
		txn_put(t, key_slice(key), slice_of(body, len), NULL);
	else
		txn_del(t, key_slice(key), NULL);
	commit(y, t);
}

void
fy_put(struct yard *y, const struct key *key, const void *body, uint32_t len)
{
	remember(y, key);
	set(y, key, true, body, len);
}

void
fy_del(struct yard *y, const struct key *key)
{
	remember(y, key);
	set(y, key, false, NULL, 0);
}

void
fy_count(struct yard *y, uint8_t what, const void *id, uint16_t len, int64_t by)
{
	struct key key = key_count(what, id, len);
	struct txn *t = txn_new();

	remember(y, &key);
	TRUE(t != NULL);
	txn_count(t, key_slice(&key), by);
	commit(y, t);
}

void
fy_undo(struct yard *y)
{
	while (nundo > 0) {
		struct undo *u = &undo[--nundo];

		set(y, &u->key, u->was, u->body, u->len);
	}
}

void
fy_forget(void)
{
	nundo = 0;
}

void
fy_inode(struct yard *y, uint64_t ino, void (*change)(struct file *f))
{
	struct key key = key_inode(ino);
	struct file f = { .ino = ino, .gen = GEN, .type = TYPE_REG, .mode = 0644, .nlink = 1 };
	uint8_t old[BODY_MAX], room[BODY_MAX];
	struct writer w = writer_of(room, sizeof room);
	uint32_t len;

	if (fy_get(y, &key, old, &len))
		EQ(rec_file_decode(slice_of(old, len), &f), OK);
	change(&f);
	rec_file_encode(&w, &f);
	TRUE(writer_ok(&w));
	fy_put(y, &key, room, w.len);
}

void
fy_name(struct yard *y, uint64_t dir, uint64_t at, uint64_t ino, uint8_t type,
    const char *name)
{
	struct key key = key_dirent(dir, at);
	uint8_t room[512];
	struct writer w = writer_of(room, sizeof room);

	rec_dirent_encode(&w, &(struct dirent){ ino, ino == 0 ? 0 : GEN, type, slice_str(name) });
	fy_put(y, &key, room, w.len);
}

void
fy_reap(struct yard *y, uint64_t number, uint64_t from)
{
	struct key key = key_reap(number, from);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_reap_encode(&w, &(struct reap){ number, from });
	fy_put(y, &key, room, w.len);
}

void
fy_map(struct yard *y, uint64_t content, uint64_t window, uint64_t leaf)
{
	struct key key = key_map(content, window);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_map_encode(&w, leaf);
	fy_put(y, &key, room, w.len);
}

void
fy_leaf(struct yard *y, uint64_t leaf, const uint8_t digest[32])
{
	struct key key = key_leaf(leaf);
	struct leaf_piece p = { .from = 0, .len = 100 };
	uint8_t room[512];
	struct writer w = writer_of(room, sizeof room);

	memcpy(p.digest, digest, 32);
	rec_leaf_encode(&w, &p, 1);
	TRUE(writer_ok(&w));
	fy_put(y, &key, room, w.len);
}

void
fy_container(struct yard *y, uint64_t number, void (*change)(struct container_row *c))
{
	struct key key = key_container(number);
	struct container_row c = { .state = CONTAINER_LIVE, .local = true, .bytes = 1,
		.chunks = 1 };
	uint8_t old[BODY_MAX], room[64];
	struct writer w = writer_of(room, sizeof room);
	uint32_t len;

	if (fy_get(y, &key, old, &len))
		EQ(rec_container_decode(slice_of(old, len), &c), OK);
	change(&c);
	rec_container_encode(&w, &c);
	fy_put(y, &key, room, w.len);
}

struct first {
	uint64_t number;
	uint8_t digest[32];
	bool found;
};

static bool
take_first(void *arg, struct slice key, const struct version *v)
{
	struct first *f = arg;

	(void)v;
	f->found = true;
	f->number = get_be64(key.at + 1);
	memcpy(f->digest, key.at + 1, MIN(key.len - 1, 32u));
	return false;
}

uint64_t
fy_first(struct yard *y, uint8_t tag, uint8_t digest[32])
{
	struct first f = { 0 };

	EQ(catalog_scan(y->share->catalog, slice_of(&tag, 1), slice_of(NULL, 0), true, take_first,
	    &f), OK);
	TRUE(f.found);
	if (digest != NULL)
		memcpy(digest, f.digest, 32);
	return f.number;
}

/* --- the share --- */

static void
as_root(struct file *f)
{
	f->type = TYPE_DIR;
	f->nlink = 3;
	f->entries = 3;
	f->parent = INO_ROOT;
}

static void
as_dir(struct file *f)
{
	f->type = TYPE_DIR;
	f->nlink = 2;
	f->entries = 2;
	f->parent = INO_ROOT;
	f->parent_key = FY_D;
}

static void
as_file(struct file *f)
{
	static const uint64_t parent[] = { [1] = INO_ROOT, [3] = INO_ROOT, [4] = FY_DIR };
	static const uint64_t at[] = { [1] = FY_A, [3] = FY_B, [4] = FY_C };

	f->parent = parent[f->ino];
	f->parent_key = at[f->ino];
	f->nlink = f->ino == 1 ? 2 : 1;
	f->content = f->ino;
	f->size = f->used = FY_PIECE;
}

static void
as_orphan(struct file *f)
{
	f->nlink = 0;
	f->flags = FILE_ORPHAN;
}

static void
names(struct yard *y)
{
	struct key orphan = key_orphan(FY_ORPHAN), link = key_link(1, FY_DIR, FY_A2);

	struct key old = key_inode(1);

	set(y, &old, false, NULL, 0);		/* what the yard has put there are no inodes */
	old = key_inode(3);
	set(y, &old, false, NULL, 0);
	old = key_inode(4);
	set(y, &old, false, NULL, 0);
	fy_forget();
	fy_inode(y, INO_ROOT, as_root);
	fy_inode(y, FY_DIR, as_dir);
	fy_inode(y, 1, as_file);
	fy_inode(y, 3, as_file);
	fy_inode(y, 4, as_file);
	fy_inode(y, FY_ORPHAN, as_orphan);
	fy_put(y, &orphan, "", 0);
	fy_forget();
	fy_name(y, INO_ROOT, FY_A, 1, TYPE_REG, "a");
	fy_name(y, INO_ROOT, FY_B, 3, TYPE_REG, "b");
	fy_name(y, INO_ROOT, FY_D, FY_DIR, TYPE_DIR, "d");
	fy_name(y, FY_DIR, FY_C, 4, TYPE_REG, "c");
	fy_name(y, FY_DIR, FY_A2, 1, TYPE_REG, "a2");
	fy_name(y, FY_DIR, 0x60000, 0, 0, "");		/* it keeps a slot */
	fy_put(y, &link, "", 0);
	fy_count(y, COUNT_INODES, NULL, 0, 6);
	fy_count(y, COUNT_USED_BYTES, NULL, 0, 3 * FY_PIECE);
	fy_forget();
}

void
fy_make(struct yard *y, struct block_store *remote)
{
	uint8_t *bytes = xmalloc(FY_PIECE);

	remote_make(y, "leveldb", 0, remote);
	rand_bytes(bytes, FY_PIECE);
	yard_write(y, 1, 0, bytes, FY_PIECE);
	yard_write(y, 3, 0, bytes, FY_PIECE);
	yard_drain(y);
	yard_hole(y, 3, 100000, 400000);
	yard_write(y, 4, 0, bytes + 5000, FY_PIECE / 2);
	yard_drain(y);
	if (remote != NULL)
		(void)remote_push(y);
	yard_close(y);
	y->alone = true;
	yard_open(y, false);
	names(y);
	free(bytes);
}

void
fy_end(struct yard *y)
{
	yard_close(y);
	yard_end(y);
}

/* --- a check --- */

static void
say(void *arg, const struct fsck_line *line)
{
	struct checked *c = arg;
	struct text t = { c->words, strlen(c->words), sizeof c->words, false };

	text_addf(&t, "%s%s", t.len > 0 ? "," : "", line->word);
	TRUE(line->first[0] != '\0' && line->second[0] != '\0' && line->id[0] != '\0');
	TRUE(line->says != line->found);
	TRUE(line->fate != FSCK_LEFT || line->why[0] != '\0');
}

struct checked
fy_check(struct yard *y, bool repair, bool remote)
{
	struct checked c = { .st = OK };
	struct fsck_conf conf = { .repair = repair, .remote = remote, .say = say, .arg = &c };

	c.st = fsck_run(y->share, &conf, &c.seen);
	EQ(c.st, OK);
	return c;
}
