/*
 * The order of a check: all rows are scanned, each leaves facts about what it is and what it cites;
 * facts about one thing meet when they are read back sorted, and are compared there.  Containers
 * come in a second round, after chunks that nobody cites have gone.  A row that cannot be read ends
 * it before anything is compared: what it cites would look as if nobody did.
 */
#include "pipeline/sync/fsck_inner.h"

#include "pipeline/base/text.h"

#include <stdlib.h>

enum { MEMORY = 32 << 20, ROWS_A_TELL = 4096, APPLY_EVERY = 1024, REACHED = 1 << 16,
	ROW_ARENA = 2 << 20 };

static const struct {
	const char *word, *first, *second, *why;
	char id;
} kinds[FSCK_KINDS] = {
#define FSCK(name, word, id, first, second, why) [FSCK_##name] = { word, first, second, why, id },
#include "pipeline/sync/fsck.def"
#undef FSCK
};

/* --- scans --- */

struct scan {
	struct fsck *fsck;
	bool (*each)(struct fsck *f, struct slice key, const struct version *v);
};

static void
unreadable(struct fsck *f, uint8_t tag, uint64_t at)
{
	uint8_t id[FACT_ID] = { 0 };

	id[0] = tag;
	put_be64(id + 8, at);
	f->unreadable++;
	(void)fsck_differ(f, FSCK_UNREADABLE, id, (int64_t)f->rows, (int64_t)f->rows - 1, false);
}

static bool
scan_row(void *arg, struct slice key, const struct version *v)
{
	struct scan *s = arg;
	struct fsck *f = s->fsck;

	if (++f->rows % ROWS_A_TELL == 0 && f->conf->progress != NULL)
		f->conf->progress(f->conf->arg, f->step, f->rows);
	if (!s->each(f, key, v))
		unreadable(f, key.at[0], key.len >= 9 ? get_be64(key.at + 1) : 0);
	return true;
}

void
fsck_scan(struct fsck *f, const char *step, uint8_t tag,
    bool (*each)(struct fsck *f, struct slice key, const struct version *v))
{
	struct scan s = { f, each };
	enum status st;

	if (f->st != OK)
		return;
	f->step = step;
	f->rows = 0;
	st = catalog_scan(f->share->catalog, slice_of(&tag, 1), slice_of(NULL, 0), true, scan_row,
	    &s);
	/* The store's own word; how many are behind that is not known. */
	if (st == ST_CORRUPT) {
		f->rows++;
		unreadable(f, tag, 0);
		st = OK;
	}
	f->st = st;
	if (f->conf->progress != NULL)
		f->conf->progress(f->conf->arg, step, f->rows);
}

/* --- differences --- */

static void
id_text(char kind, const uint8_t *id, struct text *t)
{
	unsigned long long number = get_be64(id), second = get_be64(id + 8);
	unsigned long long third = get_be64(id + 16);

	switch (kind) {
	case 'd': text_addf(t, "%llu", number); break;
	case 'h': text_hex(t, id, FACT_ID); break;
	case 'n': text_addf(t, "%llu in %llu at %016llx", number, second, third); break;
	case 'u': text_addf(t, "table %02x at %016llx", id[0], second); break;
	default: text_addf(t, "%016llx", number); break;
	}
}

bool
fsck_differ(struct fsck *f, enum fsck_kind kind, const uint8_t *id, int64_t says, int64_t found,
    bool can)
{
	struct fsck_line line = { .word = kinds[kind].word, .first = kinds[kind].first,
		.second = kinds[kind].second, .says = says, .found = found,
		.why = kinds[kind].why };
	struct text t = text_of(line.id, sizeof line.id);
	bool mend = can && f->conf->repair && f->st == OK;

	id_text(kinds[kind].id, id, &t);
	line.fate = mend ? FSCK_MENDED : can ? FSCK_MENDS : FSCK_LEFT;
	f->seen->differences++;
	f->seen->mended += mend;
	f->seen->left += !mend;
	f->conf->say(f->conf->arg, &line);
	return mend;
}

/* --- repairs --- */

struct txn *
fsck_txn(struct fsck *f)
{
	struct txn *t = f->st == OK ? sync_txn(&f->sync) : NULL;

	if (t == NULL && f->st == OK)
		f->st = ST_RESOURCE;
	return t;
}

void
fsck_commit(struct fsck *f, struct txn *t)
{
	lsn_t lsn;

	if (t == NULL)
		return;
	f->st = sync_commit(&f->sync, NULL, t, &lsn);
	if (f->st == OK && ++f->unapplied >= APPLY_EVERY) {
		f->st = sync_apply(&f->sync, NULL);
		f->unapplied = 0;
	}
}

void
fsck_del(struct fsck *f, const struct key *key)
{
	struct txn *t = fsck_txn(f);

	if (t != NULL)
		txn_del(t, key_slice(key), NULL);
	fsck_commit(f, t);
}

void
fsck_put(struct fsck *f, const struct key *key, struct slice body)
{
	struct txn *t = fsck_txn(f);

	if (t != NULL)
		txn_put(t, key_slice(key), body, NULL);
	fsck_commit(f, t);
}

void
fsck_count(struct fsck *f, const struct key *key, int64_t by)
{
	struct txn *t = fsck_txn(f);

	if (t != NULL)
		txn_count(t, key_slice(key), by);
	fsck_commit(f, t);
}

bool
fsck_row(struct fsck *f, const struct key *key, struct version *v)
{
	enum status st;

	if (f->st != OK)
		return false;
	st = catalog_get(f->share->catalog, key_slice(key), true, &f->arena, v);
	return fsck_found(f, st == OK && !v->exists ? ST_NOENT : st);
}

bool
fsck_found(struct fsck *f, enum status st)
{
	if (st != ST_NOENT && f->st == OK)
		f->st = st;
	return st == OK && f->st == OK;
}

struct fact
fsck_about(enum fact_subject subject, uint64_t number)
{
	struct fact x = { .subject = (uint8_t)subject };

	put_be64(x.id, number);
	return x;
}

/* --- the run --- */

static void
compare_all(struct fsck *f, const char *step)
{
	static void (*const compare[])(struct fsck *f, const struct fact *x) = {
		[ABOUT_NAME] = fsck_name_compare, [ABOUT_INODE] = fsck_inode_compare,
		[ABOUT_CONTENT] = fsck_content_compare, [ABOUT_LEAF] = fsck_leaf_compare,
		[ABOUT_CHUNK] = fsck_chunk_compare, [ABOUT_CONTAINER] = fsck_container_compare,
		[ABOUT_OBJECT] = fsck_object_compare,
	};
	bool over = false;

	f->step = step;
	f->rows = 0;
	if (f->st == OK)
		f->st = facts_begin(f->facts);
	while (f->st == OK && !over) {
		struct fact x;

		f->st = facts_next(f->facts, &x, &over);
		if (f->st != OK || over)
			break;
		if (++f->rows % ROWS_A_TELL == 0 && f->conf->progress != NULL)
			f->conf->progress(f->conf->arg, step, f->rows);
		compare[x.subject](f, &x);
		arena_rewind(&f->arena);
	}
}

static void
round_of(struct fsck *f, const char *step, void (*const gather[])(struct fsck *f))
{
	f->facts = facts_new(f->share->conf.dir, f->conf->memory != 0 ? f->conf->memory : MEMORY);
	for (int i = 0; gather[i] != NULL; i++)
		gather[i](f);
	if (f->unreadable == 0)
		compare_all(f, step);
	facts_free(&f->facts);
}

enum status
fsck_run(struct share *s, const struct fsck_conf *conf, struct fsck_seen *out)
{
	static void (*const first[])(struct fsck *) = { fsck_names_gather, fsck_blocks_gather,
		NULL };
	static void (*const second[])(struct fsck *) = { fsck_tier_gather, NULL };
	struct fsck *f = xcalloc(1, sizeof *f);
	enum status st;

	*out = (struct fsck_seen){ 0 };
	f->conf = conf;
	f->share = s;
	f->seen = out;
	f->reached = xcalloc(REACHED, sizeof *f->reached);
	f->sync.share = s;
	f->sync.fence = block_fence(s);
	mutex_init(&f->sync.mutex, RANK_SHARE, s->row.share);
	cond_init(&f->sync.changed);
	arena_init(&f->arena, NULL, 0, ROW_ARENA);
	round_of(f, "comparing", first);
	if (f->st == OK && f->unreadable == 0)
		fsck_usage_compare(f);
	if (f->unreadable == 0)
		round_of(f, "comparing containers", second);
	st = block_state(s) == OK ? sync_apply(&f->sync, NULL) : block_state(s);
	st = f->st != OK ? f->st : st;
	arena_rewind(&f->arena);
	mutex_destroy(&f->sync.mutex);
	cond_destroy(&f->sync.changed);
	free(f->reached);
	free(f);
	return st;
}
