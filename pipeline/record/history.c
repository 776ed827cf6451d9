/*
 * Always the live row first, then history: a change publishes its history row before the live one
 * (catalog.c), so who saw the new live row finds the old version, and who found no history row had
 * seen a live row that still was the snapshot's.
 */
#include "pipeline/record/history.h"

#include "pipeline/record/key.h"

#include <stdlib.h>

enum {
	HISTORY_HEAD = 16, ROWS_A_TURN = 64, CHURN_MAX = 16,
	TURN_BYTES = 64 << 10, TURN_BYTES_MAX = 16 << 20,
};

/* A history row's body is a version. */
static enum status
row_open(struct slice body, struct version *v)
{
	if (body.len < HISTORY_HEAD)
		return ST_CORRUPT;
	*v = (struct version){ true, get_le64(body.at), get_le64(body.at + 8),
	    slice_sub(body, HISTORY_HEAD, body.len - HISTORY_HEAD) };
	return OK;
}

/* --- one key --- */

struct first_row {
	struct arena *arena;
	uint32_t row_len;		/* of this key's rows: longer ones are another key's */
	bool found;
	struct version v;
	enum status st;
};

static bool
take_first(void *arg, struct slice row, const struct version *v)
{
	struct first_row *f = arg;
	uint8_t *copy;

	if (row.len != f->row_len)
		return true;
	f->found = true;
	copy = arena_alloc(f->arena, v->body.len + 1);
	if (copy == NULL) {
		f->st = ST_RESOURCE;
		return false;
	}
	if (v->body.len > 0)
		memcpy(copy, v->body.at, v->body.len);
	f->st = row_open(slice_of(copy, v->body.len), &f->v);
	return false;
}

enum status
history_get(struct catalog *c, struct slice key, uint64_t snapshot, bool may_wait,
    struct arena *arena, struct version *v)
{
	struct first_row first = { .arena = arena, .st = OK };
	struct version live;
	uint8_t row[KEY_MAX];
	enum status st;

	if (key.len == 0 || key.len > KEY_INNER_MAX || snapshot == UINT64_MAX)
		return ST_INVAL;
	st = catalog_get(c, key, may_wait, arena, &live);
	if (st != OK)
		return st;
	first.row_len = key_history(row, key, snapshot + 1);
	st = catalog_scan(c, slice_of(row, key.len + 1), slice_of(row, first.row_len), may_wait,
	    take_first, &first);
	if (st == OK)
		st = first.st;
	if (st != OK)
		return st;
	*v = first.found ? first.v : live;
	if (v->exists && v->born > snapshot)
		*v = (struct version){ .exists = false };
	return OK;
}

/* --- a prefix --- */

struct seen {				/* a row kept over a turn */
	struct slice key;
	struct version v;
};

struct rows {
	struct arena *arena;
	struct seen *v;
	uint32_t n, max;
	bool full;			/* there may be more behind the last */
	enum status st;
};

static bool
keep(struct rows *r, struct slice key, const struct version *v)
{
	uint8_t *copy = arena_alloc(r->arena, (size_t)key.len + v->body.len);

	if (copy == NULL) {
		r->st = ST_RESOURCE;
		return false;
	}
	memcpy(copy, key.at, key.len);
	if (v->body.len > 0)
		memcpy(copy + key.len, v->body.at, v->body.len);
	r->v[r->n] = (struct seen){ slice_of(copy, key.len), *v };
	r->v[r->n].v.body = slice_of(copy + key.len, v->body.len);
	r->full = ++r->n == r->max;
	return !r->full;
}

static bool
keep_live(void *arg, struct slice key, const struct version *v)
{
	return keep(arg, key, v);
}

struct old_rows {
	struct rows rows;
	uint64_t snapshot;
	struct slice upto;		/* no key behind this one; empty: to the prefix's end */
	uint32_t churn;			/* rows in a row that did not count */
	uint8_t again[KEY_MAX];		/* where to go on, after churn; again_len 0: it is done */
	uint32_t again_len;
};

static int
cmp_keys(struct slice a, struct slice b)
{
	int d = memcmp(a.at, b.at, MIN(a.len, b.len));

	return d != 0 ? d : (a.len > b.len) - (a.len < b.len);
}

/* Too many rows of one key in a row: seek past them instead. */
static bool
churned(struct old_rows *o, struct slice key, uint64_t epoch)
{
	if (++o->churn < CHURN_MAX)
		return true;
	o->again_len = key_history(o->again, key, epoch);
	return false;
}

static bool
keep_old(void *arg, struct slice row, const struct version *v)
{
	struct old_rows *o = arg;
	struct rows *r = &o->rows;
	struct version was;
	struct slice key;
	uint64_t epoch;

	if (!key_history_split(row, &key, &epoch)) {
		r->st = ST_CORRUPT;
		return false;
	}
	if (o->upto.len > 0 && cmp_keys(key, o->upto) > 0)
		return false;
	if (epoch <= o->snapshot)
		return churned(o, key, o->snapshot + 1);
	if (r->n > 0 && slice_eq(r->v[r->n - 1].key, key))
		return churned(o, key, UINT64_MAX);
	o->churn = 0;
	r->st = row_open(v->body, &was);
	return r->st == OK && keep(r, key, &was);
}

struct turn {				/* one stretch of the prefix */
	struct catalog *c;
	struct slice prefix, from;
	bool behind;			/* from is done with: go on behind it */
	uint64_t snapshot;
	bool may_wait;
	struct rows live;
	struct old_rows old;
};

/* The first history row of every key in this stretch, with a seek where churn lies. */
static enum status
read_old(struct turn *t)
{
	struct old_rows *o = &t->old;
	uint8_t prefix[KEY_MAX], from[KEY_MAX];
	uint32_t from_len = key_history(from, t->from, UINT64_MAX);
	enum status st;

	if (!t->behind)
		from_len -= sizeof(uint64_t);		/* its own rows too */
	prefix[0] = TAG_HISTORY;
	memcpy(prefix + 1, t->prefix.at, t->prefix.len);
	do {
		o->again_len = o->churn = 0;
		st = catalog_scan(t->c, slice_of(prefix, t->prefix.len + 1),
		    slice_of(from, from_len), t->may_wait, keep_old, o);
		if (o->again_len > 0)
			memcpy(from, o->again, o->again_len);
		from_len = o->again_len;
	} while (st == OK && o->rows.st == OK && o->again_len > 0);
	return st != OK ? st : o->rows.st;
}

/* Where both are known to be whole: up to the smaller of two full batches' last keys. */
static struct slice
turn_end(const struct turn *t)
{
	const struct rows *live = &t->live, *old = &t->old.rows;

	if (old->full)
		return old->v[old->n - 1].key;
	if (live->full)
		return live->v[live->n - 1].key;
	return slice_of(NULL, 0);
}

/* Tell both in one order; a key's history row counts before its live row.  False:
 * each() ended it. */
static bool
turn_tell(const struct turn *t, struct slice end,
    bool (*each)(void *arg, struct slice key, const struct version *v), void *arg)
{
	const struct rows *live = &t->live, *old = &t->old.rows;
	uint32_t i = 0, j = 0;

	while (i < live->n || j < old->n) {
		int d = i == live->n ? 1 : j == old->n ? -1 :
		    cmp_keys(live->v[i].key, old->v[j].key);
		const struct seen *s = d < 0 ? &live->v[i] : &old->v[j];

		if (end.len > 0 && cmp_keys(s->key, end) > 0)
			break;
		i += d <= 0;
		j += d >= 0;
		if (s->v.born <= t->snapshot && !each(arg, s->key, &s->v))
			return false;
	}
	return true;
}

static enum status
turn_read(struct turn *t, struct arena *arena)
{
	uint8_t from[KEY_MAX];
	enum status st;

	t->live = (struct rows){ .arena = arena, .max = ROWS_A_TURN, .st = OK };
	t->live.v = arena_alloc(arena, ROWS_A_TURN * sizeof *t->live.v);
	t->old = (struct old_rows){ .rows = t->live, .snapshot = t->snapshot };
	t->old.rows.v = arena_alloc(arena, ROWS_A_TURN * sizeof *t->old.rows.v);
	if (t->live.v == NULL || t->old.rows.v == NULL)
		return ST_RESOURCE;
	memcpy(from, t->from.at, t->from.len);
	from[t->from.len] = 0;				/* the first key behind from */
	st = catalog_scan(t->c, t->prefix, slice_of(from, t->from.len + t->behind), t->may_wait,
	    keep_live, &t->live);
	if (st == OK)
		st = t->live.st;
	if (st != OK)
		return st;
	if (t->live.full)
		t->old.upto = t->live.v[t->live.n - 1].key;
	return read_old(t);
}

enum status
history_scan(struct catalog *c, struct slice prefix, struct slice from, uint64_t snapshot,
    bool may_wait, bool (*each)(void *arg, struct slice key, const struct version *v), void *arg)
{
	struct turn t = { .c = c, .prefix = prefix, .snapshot = snapshot, .may_wait = may_wait };
	uint8_t *home = xmalloc(TURN_BYTES), next[KEY_MAX];
	enum status st = OK;
	struct arena arena;
	struct slice end;

	arena_init(&arena, home, TURN_BYTES, TURN_BYTES_MAX);
	if (prefix.len == 0 || prefix.len > KEY_INNER_MAX || from.len > KEY_INNER_MAX ||
	    snapshot == UINT64_MAX)
		st = ST_INVAL;
	t.from = from.len > 0 && cmp_keys(from, prefix) > 0 ? from : prefix;
	while (st == OK) {
		st = turn_read(&t, &arena);
		if (st != OK)
			break;
		end = turn_end(&t);
		if (!turn_tell(&t, end, each, arg) || end.len == 0)
			break;
		memcpy(next, end.at, end.len);
		t.from = slice_of(next, end.len);
		t.behind = true;
		arena_rewind(&arena);
	}
	arena_rewind(&arena);
	free(home);
	return st;
}

/* --- what changed --- */

struct changes {
	uint64_t upto;
	bool (*each)(void *arg, uint64_t epoch, struct slice key);
	void *arg;
	enum status st;
};

static bool
tell_change(void *arg, struct slice row, const struct version *v)
{
	struct changes *ch = arg;
	struct slice key;
	uint64_t epoch;

	(void)v;
	if (!key_changed_split(row, &key, &epoch)) {
		ch->st = ST_CORRUPT;
		return false;
	}
	return epoch <= ch->upto && ch->each(ch->arg, epoch, key);
}

enum status
history_changed(struct catalog *c, uint64_t after, uint64_t upto,
    bool (*each)(void *arg, uint64_t epoch, struct slice key), void *arg)
{
	struct changes ch = { upto, each, arg, OK };
	uint8_t from[KEY_AROUND] = { TAG_CHANGED };
	enum status st;

	if (after == UINT64_MAX)
		return OK;
	put_be64(from + 1, after + 1);
	st = catalog_scan(c, slice_of(from, 1), slice_of(from, sizeof from), true, tell_change,
	    &ch);
	return st != OK ? st : ch.st;
}
