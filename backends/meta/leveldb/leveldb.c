/*
 * Opening, closing, reopening.  Everything is checked that LevelDB can check; what it takes for a
 * torn end is checked by vouch.h.  Readers count themselves in, so that the database can be closed
 * under them when a failed batch makes that necessary.
 */
#include "backends/meta/leveldb/inner.h"

#include "backends/conf.h"
#include "pipeline/base/fault.h"
#include "pipeline/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { BLOOM_BITS = 10, CACHE_LEAST = 64 << 10, REOPEN_ROOM = 8 << 20 };

leveldb_t *
meta_leveldb_enter(struct leveldb_store *s)
{
	leveldb_t *db;

	mutex_lock(&s->mutex);
	while (s->closing)
		cond_wait(&s->idle, &s->mutex);
	db = s->db;
	if (db != NULL)
		s->users++;
	mutex_unlock(&s->mutex);
	return db;
}

void
meta_leveldb_left(struct leveldb_store *s)
{
	mutex_lock(&s->mutex);
	if (--s->users == 0 && s->closing)
		cond_broadcast(&s->idle);
	mutex_unlock(&s->mutex);
}

/* LevelDB speaks in sentences; these words of theirs are what matters. */
static const struct {
	const char *words;
	enum status st;
} sentences[] = {
	{ "No space left", ST_NOSPC },
	{ "quota exceeded", ST_NOSPC },
	{ "Corruption", ST_CORRUPT },
	{ "does not exist (create_if_missing", ST_CORRUPT },
	{ "Resource temporarily unavailable", ST_BUSY },
	{ "already held by process", ST_BUSY },
	{ "Permission denied", ST_ACCES },
};

enum status
meta_leveldb_failure(char *sentence, struct text *why)
{
	enum status st = ST_IO;

	for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
		if (strstr(sentence, sentences[i].words) != NULL) {
			st = sentences[i].st;
			break;
		}
	if (why != NULL)
		text_add(why, sentence);
	leveldb_free(sentence);
	return st;
}

static enum status
try_open(struct leveldb_store *s, struct text *why)
{
	char *sentence = NULL;

	s->db = leveldb_open(s->options, s->dir, &sentence);
	if (sentence == NULL)
		return OK;
	s->db = NULL;
	return meta_leveldb_failure(sentence, why);
}

enum status
meta_leveldb_db_open(struct leveldb_store *s, struct text *why)
{
	struct leveldb_vouch was;
	bool fresh = false;
	enum status st;

	st = meta_leveldb_vouch_check(s->dir, &was, &fresh, why);
	if (st != OK)
		return st;
	leveldb_options_set_create_if_missing(s->options, fresh);
	st = try_open(s, why);
	if (st == ST_CORRUPT && !s->opened && was.number != 0) {
		log_warn("meta.leveldb.cut", F_STR("dir", s->dir), F_STR("why", why->s),
		    F_HEX("applied", was.applied_lsn));
		st = meta_leveldb_vouch_cut(s->dir, &was);
		if (st == OK)
			st = try_open(s, why);
	}
	if (st == OK)
		st = meta_leveldb_ident_read(s, why);
	if (s->db == NULL)
		return st;
	if (st == OK && s->ident.applied_lsn < was.applied_lsn) {
		text_add(why, "batches that were synced are missing");
		st = ST_CORRUPT;
	}
	s->vouch = was;
	if (st == OK)
		st = meta_leveldb_vouch_sync(s->dir, &s->vouch, s->ident.applied_lsn);
	if (st != OK) {
		leveldb_close(s->db);
		s->db = NULL;
	}
	s->opened |= st == OK;
	return st;
}

/* On a full disk a new manifest could not be written either: better keep what can be read. */
static bool
room_to_reopen(const struct leveldb_store *s)
{
	struct statfs v;

	return statfs(s->dir, &v) != 0 ||
	    (uint64_t)v.f_bavail * (uint64_t)v.f_bsize >= s->write_buffer + REOPEN_ROOM;
}

enum status
meta_leveldb_db_reopen(struct leveldb_store *s)
{
	char sentence[256];
	struct text why = text_of(sentence, sizeof sentence);
	enum status st;

	if (s->db != NULL && s->broken == ST_NOSPC && !room_to_reopen(s))
		return ST_NOSPC;
	mutex_lock(&s->mutex);
	s->closing = true;
	while (s->users > 0)
		cond_wait(&s->idle, &s->mutex);
	mutex_unlock(&s->mutex);
	if (s->db != NULL)
		leveldb_close(TAKE(&s->db));
	st = meta_leveldb_db_open(s, &why);
	mutex_lock(&s->mutex);
	s->closing = false;
	cond_broadcast(&s->idle);
	mutex_unlock(&s->mutex);
	if (st == OK)
		s->broken = OK;
	else
		log_error("meta.leveldb.reopen", F_STR("dir", s->dir), F_STR("why", why.s),
		    F_STR("status", status_name(st)));
	return st;
}

static enum status
store_ident(struct meta_store *store, struct meta_ident *out)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);
	enum status st = OK;

	mutex_lock(&s->mutex);
	if (s->claimed)
		*out = s->ident;
	else
		st = ST_NOENT;
	mutex_unlock(&s->mutex);
	return st;
}

static uint64_t
store_bytes(struct meta_store *store)
{
	static const char last[] = "\xff\xff\xff\xff\xff\xff\xff\xff";
	const char *from[] = { "" }, *to[] = { last };
	size_t from_len[] = { 0 }, to_len[] = { sizeof last - 1 };
	struct leveldb_store *s = meta_leveldb_store_of(store);
	leveldb_t *db = meta_leveldb_enter(s);
	uint64_t bytes = 0;

	if (db == NULL)
		return 0;
	leveldb_approximate_sizes(db, 1, from, from_len, to, to_len, &bytes);
	meta_leveldb_left(s);
	return bytes;
}

static void
store_free(struct leveldb_store *s)
{
	if (s->db != NULL)
		leveldb_close(s->db);
	leveldb_options_destroy(s->options);
	leveldb_cache_destroy(s->cache);
	leveldb_filterpolicy_destroy(s->bloom);
	leveldb_readoptions_destroy(s->read);
	leveldb_writeoptions_destroy(s->write);
	cond_destroy(&s->idle);
	mutex_destroy(&s->mutex);
	free(s->dir);
	free(s);
}

/*
 * A last sync once LevelDB has ended what it did in the background, so that all of it is vouched
 * for; whether it works changes nothing any more.
 */
static void
store_close(struct meta_store *store)
{
	struct leveldb_store *s = meta_leveldb_store_of(store);

	assert(s->users == 0);
	if (s->db != NULL) {
		leveldb_close(TAKE(&s->db));
		if (!s->sync_failed && s->broken == OK)
			(void)!meta_leveldb_vouch_sync(s->dir, &s->vouch, s->ident.applied_lsn);
	}
	store_free(s);
}

static const struct meta_store_ops leveldb_store_ops = {
	.kind = "leveldb", .durable = true, .get = meta_leveldb_store_get,
	.get_many = meta_leveldb_store_get_many, .scan = meta_leveldb_store_scan,
	.apply = meta_leveldb_store_apply, .sync = meta_leveldb_store_sync, .ident = store_ident,
	.claim = meta_leveldb_store_claim, .bytes = store_bytes, .close = store_close,
};

/*
 * LevelDB maps its tables into memory where it may.  Then the process is as large as the store has
 * been read, whatever the caches are set to, and a sector that cannot be read is a SIGBUS instead
 * of an error.  The one way to say no is a function that its own tests have for that, in C++ and
 * only in the archive; it must be called before LevelDB is asked for anything.
 */
void meta_leveldb_tables_mapped(int most)
    __asm__("_ZN7leveldb18EnvPosixTestHelper20SetReadOnlyMMapLimitEi") __attribute__((weak));

__attribute__((constructor))
static void
read_tables(void)
{
	if (meta_leveldb_tables_mapped != NULL)
		meta_leveldb_tables_mapped(0);
}

static void
options_make(struct leveldb_store *s)
{
	s->options = leveldb_options_create();
	s->cache = leveldb_cache_create_lru(s->cache_bytes);
	s->bloom = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
	s->read = leveldb_readoptions_create();
	s->write = leveldb_writeoptions_create();
	leveldb_options_set_paranoid_checks(s->options, 1);
	leveldb_options_set_compression(s->options, leveldb_no_compression);	/* time for room */
	leveldb_options_set_filter_policy(s->options, s->bloom);
	leveldb_options_set_cache(s->options, s->cache);
	leveldb_options_set_write_buffer_size(s->options, s->write_buffer);
	leveldb_options_set_max_open_files(s->options, (int)s->open_files);
	leveldb_readoptions_set_verify_checksums(s->read, 1);
	leveldb_writeoptions_set_sync(s->write, 0);
}

/* The name of dir, and of the folder it lies in: whoever made it may have been killed then. */
static enum status
names_sync(const char *dir, int levels)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st = fd < 0 ? status_of_errno(errno) : OK;

	for (int i = 0; i < levels && st == OK; i++) {
		int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = above;
		if (fd < 0 && errno == EACCES)
			return OK;	/* not made by us: we could not have */
		if (fd < 0 || (!sync_skipped("meta.above") && fsync(fd) != 0))
			st = status_of_errno(errno);
	}
	if (fd >= 0)
		close(fd);
	return st;
}

static enum status
folder_make(struct leveldb_store *s, const char *parent, struct text *why)
{
	size_t cap = strlen(parent) + sizeof "/leveldb";
	enum status st;
	struct text path;
	bool made;

	s->dir = xmalloc(cap);
	path = text_of(s->dir, cap);
	text_addf(&path, "%s/leveldb", parent);
	made = mkdir(parent, 0700) == 0;
	if ((!made && errno != EEXIST) || (mkdir(s->dir, 0700) != 0 && errno != EEXIST))
		st = status_of_errno(errno);
	else
		st = names_sync(s->dir, made ? 2 : 1);
	if (st != OK)
		text_addf(why, "%s: %s", s->dir, status_text(st));
	return st;
}

enum status
meta_leveldb_open(const struct meta_conf *conf, struct meta_store **sp, struct text *why)
{
	struct leveldb_store *s = xcalloc(1, sizeof *s);
	const struct backends_conf_row rows[] = {
		{ "write_buffer", CONF_SIZE, 64 << 10, 1 << 30, &s->write_buffer },
		{ "cache", CONF_SIZE, CACHE_LEAST, 1ull << 40, &s->cache_bytes },
		{ "open_files", CONF_NUMBER, 64, 50000, &s->open_files },
	};
	enum status st;

	s->write_buffer = 64 << 20;
	s->cache_bytes = MAX(conf->cache_bytes, (uint64_t)CACHE_LEAST);
	if (conf->cache_bytes == 0)
		s->cache_bytes = 256 << 20;
	s->open_files = 256;
	st = backends_conf_read(conf->options, rows, ARRAY_LEN(rows), why);
	if (st == OK)
		st = folder_make(s, conf->dir, why);
	if (st != OK) {
		free(s->dir);
		free(s);
		return st;
	}
	s->store.ops = &leveldb_store_ops;
	mutex_init(&s->mutex, RANK_STORE, 0);
	cond_init(&s->idle);
	options_make(s);
	st = meta_leveldb_db_open(s, why);
	if (st != OK) {
		store_free(s);
		return st;
	}
	*sp = &s->store;
	return OK;
}
