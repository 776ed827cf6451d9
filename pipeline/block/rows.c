/*
 * Rows are small: what is read of one needs no heap.
 */
#include "pipeline/block/rows.h"

#include "pipeline/base/arena.h"
#include "pipeline/base/text.h"
#include "pipeline/record/key.h"

#include <assert.h>

enum { ROW_HOME = 512, ROW_BYTES_MAX = 4096 };

enum status
rows_container(struct share *s, uint64_t number, struct container_row *row, lsn_t *lsn)
{
	struct key key = key_container(number);
	uint8_t home[ROW_HOME];
	struct arena arena;
	struct version v;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(s->catalog, key_slice(&key), true, &arena, &v);
	if (st == OK)
		st = v.exists ? rec_container_decode(v.body, row) : ST_NOENT;
	if (st == OK && lsn != NULL)
		*lsn = v.lsn;
	arena_rewind(&arena);
	return st;
}

void
rows_container_put(struct txn *t, uint64_t number, const struct container_row *row)
{
	struct key key = key_container(number);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_container_encode(&w, row);
	assert(writer_ok(&w));
	txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
}

enum status
rows_container_seen(struct slice key, const struct version *v, struct container_seen *out)
{
	struct container_row row;
	enum status st = key.len != 1 + sizeof out->number ? ST_CORRUPT :
	    rec_container_decode(v->body, &row);

	if (st == OK)
		*out = (struct container_seen){ get_be64(key.at + 1), v->lsn, row };
	return st;
}

struct containers {
	bool (*each)(void *arg, const struct container_seen *c);
	void *arg;
	enum status st;
};

static bool
see_container(void *arg, struct slice key, const struct version *v)
{
	struct containers *all = arg;
	struct container_seen seen;

	all->st = rows_container_seen(key, v, &seen);
	return all->st == OK && all->each(all->arg, &seen);
}

enum status
rows_containers(struct share *s, uint64_t from, bool (*each)(void *arg,
    const struct container_seen *c), void *arg)
{
	static const uint8_t tag = TAG_CONTAINER;
	struct containers all = { each, arg, OK };
	struct key key = key_container(from);
	enum status st = catalog_scan(s->catalog, slice_of(&tag, 1), key_slice(&key), true,
	    see_container, &all);

	return st == OK ? all.st : st;
}

enum status
rows_container_count(struct share *s, uint64_t number, int64_t *count)
{
	struct key key;
	uint8_t id[8];
	int64_t n = 0;
	enum status st;

	put_be64(id, number);
	key = key_count(COUNT_CONTAINER, id, sizeof id);
	st = catalog_count(s->catalog, key_slice(&key), &n);
	if (st != OK && st != ST_NOENT)
		return st;
	*count = st == OK ? n : 0;
	return OK;
}

enum status
rows_chunk(struct share *s, const uint8_t digest[32], bool nowait, struct chunk *chunk)
{
	struct key key = key_chunk(digest);
	uint8_t home[ROW_HOME];
	struct arena arena;
	struct version v;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(s->catalog, key_slice(&key), !nowait, &arena, &v);
	if (st == OK)
		st = v.exists ? rec_chunk_decode(v.body, chunk) : ST_NOENT;
	arena_rewind(&arena);
	return st;
}

void
rows_object_name(const struct share *s, uint64_t fence, uint64_t number, char *name)
{
	struct text t = text_of(name, ROWS_NAME_CAP);

	text_hex(&t, s->row.share_id, sizeof s->row.share_id);
	text_addf(&t, "/c/%016llx-%016llx", (unsigned long long)fence, (unsigned long long)number);
	assert(!t.cut);
}
