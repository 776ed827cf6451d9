/*
 * Reading.  An iterator lives for one call and sees one state.  LevelDB steps over a damaged block
 * and goes on behind it: so its error is asked for at every row, and no row behind damage is told.
 */
#include "backends/meta/leveldb/inner.h"

static enum status
get_from(struct leveldb_store *s, leveldb_t *db, struct slice key, struct arena *arena,
    struct slice *value)
{
	char *sentence = NULL, *bytes;
	uint8_t *copy;
	size_t len;

	if (!meta_leveldb_key_fits(key))
		return ST_INVAL;
	bytes = leveldb_get(db, s->read, (const char *)key.at, key.len, &len, &sentence);
	if (sentence != NULL)
		return meta_leveldb_failure(sentence, NULL);
	if (bytes == NULL)
		return ST_NOENT;
	copy = len <= META_VALUE_MAX ? arena_alloc(arena, len + 1) : NULL;
	if (copy != NULL)
		memcpy(copy, bytes, len);
	leveldb_free(bytes);
	if (len > META_VALUE_MAX)
		return ST_CORRUPT;
	if (copy == NULL)
		return ST_RESOURCE;
	*value = slice_of(copy, (uint32_t)len);
	return OK;
}

enum status
meta_leveldb_store_get(struct meta_store *store, struct slice key, struct arena *arena,
    struct slice *value)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	leveldb_t *db = meta_leveldb_enter(s);
	enum status st;

	if (db == NULL)
		return ST_IO;
	st = get_from(s, db, key, arena, value);
	meta_leveldb_left(s);
	return st;
}

enum status
meta_leveldb_store_get_many(struct meta_store *store, const struct slice *keys, uint32_t n,
    struct arena *arena, struct slice *values, bool *absent)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	leveldb_t *db = meta_leveldb_enter(s);
	enum status st = OK;

	if (db == NULL)
		return ST_IO;
	for (uint32_t i = 0; i < n && st == OK; i++) {
		st = get_from(s, db, keys[i], arena, &values[i]);
		absent[i] = st == ST_NOENT;
		if (absent[i])
			st = OK;
	}
	meta_leveldb_left(s);
	return st;
}

/* The row at hand, if it is one of the prefix and nothing is wrong so far. */
static bool
row_at(leveldb_iterator_t *it, struct slice prefix, struct slice *key, struct slice *value,
    enum status *st)
{
	char *sentence = NULL;
	const char *bytes;
	size_t len;

	leveldb_iter_get_error(it, &sentence);
	if (sentence != NULL) {
		*st = meta_leveldb_failure(sentence, NULL);
		return false;
	}
	if (!leveldb_iter_valid(it))
		return false;
	bytes = leveldb_iter_key(it, &len);
	*key = slice_of(bytes, (uint32_t)len);
	if (len < prefix.len || (prefix.len > 0 && memcmp(bytes, prefix.at, prefix.len) != 0))
		return false;
	bytes = leveldb_iter_value(it, &len);
	*value = slice_of(bytes, (uint32_t)len);
	return true;
}

static bool
behind(struct slice a, struct slice b)
{
	size_t len = MIN(a.len, b.len);
	int c = len > 0 ? memcmp(a.at, b.at, len) : 0;

	return c > 0 || (c == 0 && a.len > b.len);
}

enum status
meta_leveldb_store_scan(struct meta_store *store, struct slice prefix, struct slice from,
    bool (*each)(void *arg, struct slice key, struct slice value), void *arg)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	leveldb_t *db = meta_leveldb_enter(s);
	struct slice start = behind(from, prefix) ? from : prefix, key, value;
	leveldb_iterator_t *it;
	enum status st = OK;

	if (db == NULL)
		return ST_IO;
	if (start.len == 0)
		start = slice_of("", 1);	/* the empty key is not one of the contract's */
	it = leveldb_create_iterator(db, s->read);
	for (leveldb_iter_seek(it, (const char *)start.at, start.len);
	    row_at(it, prefix, &key, &value, &st) && each(arg, key, value);
	    leveldb_iter_next(it))
		continue;
	leveldb_iter_destroy(it);
	meta_leveldb_left(s);
	return st;
}
