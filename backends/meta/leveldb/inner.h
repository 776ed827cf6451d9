/*
 * What the files of this keeper share.
 */
#ifndef BACKENDS_META_LEVELDB_INNER_H
#define BACKENDS_META_LEVELDB_INNER_H

#include "backends/meta/leveldb/leveldb.h"
#include "backends/meta/leveldb/vouch.h"
#include "pipeline/base/mutex.h"

#include <leveldb/c.h>

struct leveldb_store {
	struct meta_store store;
	char *dir;
	uint64_t write_buffer, cache_bytes, open_files;
	leveldb_t *db;			/* NULL: a reopening has failed */
	leveldb_options_t *options;
	leveldb_cache_t *cache;
	leveldb_filterpolicy_t *bloom;
	leveldb_readoptions_t *read;
	leveldb_writeoptions_t *write;
	struct leveldb_vouch vouch;
	enum status broken;	/* the applier's: a batch has failed, reopen before the next */
	bool opened;			/* in this life */
	bool sync_failed;	/* what was written may be lost: sync() never says OK again */

	struct mutex mutex;		/* guards what follows, and db against its reopening */
	struct cond idle;
	uint32_t users;			/* readers inside LevelDB */
	bool closing;
	bool claimed;
	struct meta_ident ident;
};

static inline struct leveldb_store *
meta_leveldb_store_of(struct meta_store *s)
{
	return container_of(s, struct leveldb_store, store);
}

/* The database for a reader, kept open until meta_leveldb_left; NULL: there is none
 * at the moment. */
leveldb_t *meta_leveldb_enter(struct leveldb_store *s);
void meta_leveldb_left(struct leveldb_store *s);

/* The status of LevelDB's sentence, which is freed; why may be NULL. */
enum status meta_leveldb_failure(char *sentence, struct text *why);

static inline bool
meta_leveldb_key_fits(struct slice key)
{
	return key.len > 0 && key.len <= META_KEY_MAX;
}

enum status meta_leveldb_store_get(struct meta_store *s, struct slice key, struct arena *arena,
    struct slice *value);
enum status meta_leveldb_store_get_many(struct meta_store *s, const struct slice *keys, uint32_t n,
    struct arena *arena, struct slice *values, bool *absent);
enum status meta_leveldb_store_scan(struct meta_store *s, struct slice prefix, struct slice from,
    bool (*each)(void *arg, struct slice key, struct slice value), void *arg);

enum status meta_leveldb_store_apply(struct meta_store *s, const struct meta_op *ops, uint32_t n,
    lsn_t lsn, uint64_t fence);
enum status meta_leveldb_store_claim(struct meta_store *s, const struct meta_ident *ident);
enum status meta_leveldb_store_sync(struct meta_store *s);

/* The row that says whose the store is, under the empty key, which is no key of the contract. */
must_check enum status meta_leveldb_ident_read(struct leveldb_store *s, struct text *why);

/* Open the database that lies in the folder, or a new one; what was vouched for must be there. */
must_check enum status meta_leveldb_db_open(struct leveldb_store *s, struct text *why);
must_check enum status meta_leveldb_db_reopen(struct leveldb_store *s);

#endif
