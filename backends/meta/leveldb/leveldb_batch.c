/*
 * Writing.  A batch is one WriteBatch together with the ident row, so that both are there or
 * neither.  After any failure the log may end in half a record, and whatever would be put behind
 * that would be lost: so nothing is written any more until the database has been opened anew, which
 * cuts the torn end off.
 */
#include "backends/meta/leveldb/inner.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

enum { IDENT_VERSION = 1, IDENT_BYTES = 4 + 16 + 16 + 8 + 8 + 4 };

static void
ident_encode(uint8_t bytes[IDENT_BYTES], const struct meta_ident *ident)
{
	struct writer w = writer_of(bytes, IDENT_BYTES);

	write_le32(&w, IDENT_VERSION);
	write_bytes(&w, ident->share_id, sizeof ident->share_id);
	write_bytes(&w, ident->journal_id, sizeof ident->journal_id);
	write_le64(&w, ident->fence);
	write_le64(&w, ident->applied_lsn);
	write_le32(&w, crc32c(0, bytes, IDENT_BYTES - 4));
	assert(writer_ok(&w) && w.len == IDENT_BYTES);
}

static bool
ident_decode(const char *bytes, size_t len, struct meta_ident *ident)
{
	struct reader r = reader_of(bytes, len);
	uint32_t version = read_le32(&r);

	read_copy(&r, ident->share_id, sizeof ident->share_id);
	read_copy(&r, ident->journal_id, sizeof ident->journal_id);
	ident->fence = read_le64(&r);
	ident->applied_lsn = read_le64(&r);
	return len == IDENT_BYTES && version == IDENT_VERSION &&
	    read_le32(&r) == crc32c(0, bytes, IDENT_BYTES - 4);
}

enum status
meta_leveldb_ident_read(struct leveldb_store *s, struct text *why)
{
	struct meta_ident ident = { .fence = 0 };
	char *sentence = NULL, *bytes;
	enum status st = OK;
	size_t len;

	bytes = leveldb_get(s->db, s->read, "", 0, &len, &sentence);
	if (sentence != NULL)
		return meta_leveldb_failure(sentence, why);
	if (bytes != NULL && !ident_decode(bytes, len, &ident)) {
		text_add(why, "the row that says whose store this is cannot be read");
		st = ST_CORRUPT;
	}
	if (st == OK) {
		mutex_lock(&s->mutex);
		s->claimed = bytes != NULL;
		s->ident = ident;
		mutex_unlock(&s->mutex);
	}
	leveldb_free(bytes);
	return st;
}

/* Write a batch to which the ident row is added; afterwards that is what the store says it is. */
static enum status
write_with_ident(struct leveldb_store *s, leveldb_writebatch_t *batch,
    const struct meta_ident *ident)
{
	uint8_t bytes[IDENT_BYTES];
	char *sentence = NULL;
	enum status st;

	if (ident->applied_lsn < s->vouch.applied_lsn) { /* it may go back only when asked to */
		st = meta_leveldb_vouch_sync(s->dir, &s->vouch, ident->applied_lsn);
		if (st != OK)
			return st;
	}
	ident_encode(bytes, ident);
	leveldb_writebatch_put(batch, "", 0, (const char *)bytes, sizeof bytes);
	leveldb_write(s->db, s->write, batch, &sentence);
	if (sentence != NULL) {
		s->broken = meta_leveldb_failure(sentence, NULL);
		return s->broken;
	}
	mutex_lock(&s->mutex);
	s->claimed = true;
	s->ident = *ident;
	mutex_unlock(&s->mutex);
	return OK;
}

/* Damage that a compaction met does not go away by opening the database anew. */
static enum status
writable(struct leveldb_store *s)
{
	if (s->broken == ST_CORRUPT)
		return ST_CORRUPT;
	return s->broken != OK || s->db == NULL ? meta_leveldb_db_reopen(s) : OK;
}

static void
batch_add(leveldb_writebatch_t *batch, const struct meta_op *op)
{
	const char *key = (const char *)op->key.at;

	if (op->del)
		leveldb_writebatch_delete(batch, key, op->key.len);
	else
		leveldb_writebatch_put(batch, key, op->key.len,
		    op->value.len > 0 ? (const char *)op->value.at : "", op->value.len);
}

enum status
meta_leveldb_store_apply(struct meta_store *store, const struct meta_op *ops, uint32_t n, lsn_t lsn,
    uint64_t fence)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	leveldb_writebatch_t *batch;
	struct meta_ident ident;
	enum status st;

	for (uint32_t i = 0; i < n; i++)
		if (!meta_leveldb_key_fits(ops[i].key) ||
		    (!ops[i].del && ops[i].value.len > META_VALUE_MAX))
			return ST_INVAL;
	st = writable(s);
	if (st != OK)
		return st;
	ident = s->ident;		/* this thread alone changes it */
	if (!s->claimed || ident.fence != fence)
		return ST_FENCED;
	ident.applied_lsn = lsn;
	batch = leveldb_writebatch_create();
	for (uint32_t i = 0; i < n; i++)
		batch_add(batch, &ops[i]);
	st = write_with_ident(s, batch, &ident);
	leveldb_writebatch_destroy(batch);
	return st;
}

enum status
meta_leveldb_store_claim(struct meta_store *store, const struct meta_ident *ident)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	leveldb_writebatch_t *batch;
	enum status st = writable(s);

	if (st != OK)
		return st;
	batch = leveldb_writebatch_create();
	st = write_with_ident(s, batch, ident);
	leveldb_writebatch_destroy(batch);
	return st == OK ? meta_leveldb_store_sync(store) : st;
}

/*
 * LevelDB closes a full log without syncing it, and syncs tables and manifest itself before it
 * drops a log; so what is left to do is every log in the folder, not only the running one.  After a
 * failed sync nobody knows what the disk holds: the journal keeps what it has.
 */
enum status
meta_leveldb_store_sync(struct meta_store *store)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	enum status st;

	if (s->sync_failed || s->db == NULL)
		return ST_IO;
	if (s->broken == ST_CORRUPT)
		return ST_CORRUPT;
	st = meta_leveldb_vouch_sync(s->dir, &s->vouch, s->ident.applied_lsn);
	s->sync_failed = st != OK;
	return st;
}
