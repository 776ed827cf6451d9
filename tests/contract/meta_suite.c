/*
 * What every keeper must do whatever it is made of.  What only a durable one can promise is in
 * meta_durable.c.
 */
#include "tests/contract/meta_suite.h"

#include "backends/backends.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

const char *
suite_dir(void)
{
	static char dir[512];
	static int number;

	snprintf(dir, sizeof dir, "%s/store%d", check_tmpdir(), number++);
	return dir;
}

enum status
suite_try_open(const char *dir, struct meta_store **sp, char *why, uint32_t cap)
{
	struct meta_conf conf = { .dir = dir, .options = meta_factory.options };

	return meta_store_open(meta_factory.kind, &conf, sp, why, cap);
}

struct meta_store *
suite_open(const char *dir)
{
	struct meta_store *s = NULL;
	char why[512];
	enum status st = suite_try_open(dir, &s, why, sizeof why);

	if (st != OK)
		check_fail(__FILE__, __LINE__, "open: %s: %s", status_name(st), why);
	return s;
}

struct meta_store *
suite_fresh(void)
{
	struct meta_store *s = suite_open(suite_dir());
	struct meta_ident ident = { .fence = SUITE_FENCE,
		.share_id = "share",
		.journal_id = "log" };

	EQ(s->ops->claim(s, &ident), OK);
	return s;
}

static struct slice
batch_copy(struct suite_batch *b, const char *s)
{
	size_t len = strlen(s);
	char *to = b->room + b->used;

	if (len > sizeof b->room - b->used || b->n == SUITE_OPS)
		check_fail(__FILE__, __LINE__, "the case's batch is too large");
	memcpy(to, s, len);
	b->used += (uint32_t)len;
	return slice_of(to, (uint32_t)len);
}

void
suite_put(struct suite_batch *b, const char *key, const char *value)
{
	struct slice k = batch_copy(b, key), v = batch_copy(b, value);

	b->op[b->n++] = (struct meta_op){ k, v, false };
}

void
suite_del(struct suite_batch *b, const char *key)
{
	struct slice k = batch_copy(b, key);

	b->op[b->n++] = (struct meta_op){ .key = k, .del = true };
}

enum status
suite_apply(struct meta_store *s, struct suite_batch *b, lsn_t lsn)
{
	enum status st = s->ops->apply(s, b->op, b->n, lsn, SUITE_FENCE);

	b->n = b->used = 0;
	return st;
}

const char *
suite_get(struct meta_store *s, const char *key)
{
	static char value[1 << 16];
	struct arena arena;
	struct slice got;
	enum status st;

	arena_init(&arena, NULL, 0, 1 << 20);
	st = s->ops->get(s, slice_str(key), &arena, &got);
	if (st == OK) {
		TRUE(got.len < sizeof value);
		memcpy(value, got.at, got.len);
		value[got.len] = '\0';
	}
	arena_rewind(&arena);
	if (st == ST_NOENT)
		return NULL;
	EQ(st, OK);
	return value;
}

static struct suite_batch batch;	/* large, and one case runs at a time */

/* --- claims and fences --- */

CASE(a_fresh_store_belongs_to_nobody_and_takes_nothing)
{
	struct meta_store *s = suite_open(suite_dir());
	struct meta_ident ident;

	EQ(s->ops->ident(s, &ident), ST_NOENT);
	suite_put(&batch, "a", "1");
	EQ(suite_apply(s, &batch, 1), ST_FENCED);
	TRUE(suite_get(s, "a") == NULL);
	s->ops->close(s);
}

CASE(a_claim_is_told_as_it_was_given)
{
	struct meta_store *s = suite_open(suite_dir());
	struct meta_ident ident = { .share_id = "the share", .journal_id = "the log", .fence = 9,
	    .applied_lsn = 77 }, got;

	EQ(s->ops->claim(s, &ident), OK);
	EQ(s->ops->ident(s, &got), OK);
	EQ_MEM(&got, &ident, sizeof ident);
	s->ops->close(s);
}

CASE(a_batch_with_another_fence_changes_nothing)
{
	struct meta_store *s = suite_fresh();
	struct meta_ident got;

	suite_put(&batch, "a", "1");
	EQ(suite_apply(s, &batch, 10), OK);
	suite_put(&batch, "a", "2");
	EQ(s->ops->apply(s, batch.op, batch.n, 11, SUITE_FENCE + 1), ST_FENCED);
	EQ(s->ops->apply(s, batch.op, batch.n, 11, SUITE_FENCE - 1), ST_FENCED);
	batch.n = batch.used = 0;
	EQ_STR(suite_get(s, "a"), "1");
	EQ(s->ops->ident(s, &got), OK);
	EQ(got.applied_lsn, 10);
	s->ops->close(s);
}

CASE(a_new_owner_shuts_the_former_one_out)
{
	struct meta_store *s = suite_fresh();
	struct meta_ident ident;

	EQ(s->ops->ident(s, &ident), OK);
	ident.fence++;
	EQ(s->ops->claim(s, &ident), OK);
	suite_put(&batch, "a", "late");
	EQ(suite_apply(s, &batch, 5), ST_FENCED);
	TRUE(suite_get(s, "a") == NULL);
	s->ops->close(s);
}

/* --- batches --- */

CASE(a_batch_moves_applied_lsn_with_its_rows)
{
	struct meta_store *s = suite_fresh();
	struct meta_ident got;

	suite_put(&batch, "a", "1");
	suite_put(&batch, "b", "");
	EQ(suite_apply(s, &batch, 42), OK);
	EQ(s->ops->ident(s, &got), OK);
	EQ(got.applied_lsn, 42);
	EQ_STR(suite_get(s, "a"), "1");
	EQ_STR(suite_get(s, "b"), "");
	EQ(suite_apply(s, &batch, 43), OK);		/* an empty batch moves it too */
	EQ(s->ops->ident(s, &got), OK);
	EQ(got.applied_lsn, 43);
	s->ops->close(s);
}

CASE(later_ops_on_a_key_win)
{
	struct meta_store *s = suite_fresh();

	suite_put(&batch, "a", "1");
	suite_put(&batch, "a", "2");
	suite_put(&batch, "b", "1");
	suite_del(&batch, "b");
	suite_del(&batch, "c");
	suite_put(&batch, "c", "3");
	EQ(suite_apply(s, &batch, 1), OK);
	EQ_STR(suite_get(s, "a"), "2");
	TRUE(suite_get(s, "b") == NULL);
	EQ_STR(suite_get(s, "c"), "3");
	s->ops->close(s);
}

CASE(a_batch_with_an_impossible_row_changes_nothing)
{
	struct meta_store *s = suite_fresh();
	static char key[META_KEY_MAX + 2], value[META_VALUE_MAX + 1];
	struct meta_op ops[2] = { { slice_str("a"), slice_str("1"), false } };
	struct arena arena;
	struct slice got;

	memset(key, 'k', sizeof key);
	ops[1].key = slice_of(key, META_KEY_MAX + 1);
	EQ(s->ops->apply(s, ops, 2, 1, SUITE_FENCE), ST_INVAL);
	ops[1].key = slice_of("", 0);
	EQ(s->ops->apply(s, ops, 2, 1, SUITE_FENCE), ST_INVAL);
	ops[1].key = slice_of(key, META_KEY_MAX);
	ops[1].value = slice_of(value, META_VALUE_MAX + 1);
	EQ(s->ops->apply(s, ops, 2, 1, SUITE_FENCE), ST_INVAL);
	TRUE(suite_get(s, "a") == NULL);
	ops[1].value = slice_of(value, META_VALUE_MAX);		/* the largest of both fit */
	EQ(s->ops->apply(s, ops, 2, 1, SUITE_FENCE), OK);
	arena_init(&arena, NULL, 0, 2 * META_VALUE_MAX);
	EQ(s->ops->get(s, ops[1].key, &arena, &got), OK);
	EQ(got.len, META_VALUE_MAX);
	arena_rewind(&arena);
	arena_init(&arena, NULL, 0, META_VALUE_MAX / 2);
	EQ(s->ops->get(s, ops[1].key, &arena, &got), ST_RESOURCE);
	arena_rewind(&arena);
	s->ops->close(s);
}

/* --- reading --- */

CASE(get_many_says_which_are_absent)
{
	struct meta_store *s = suite_fresh();
	struct slice keys[4] = { slice_str("d"), slice_str("a"), slice_str("x"), slice_str("b") };
	struct slice values[4];
	struct arena arena;
	bool absent[4];

	suite_put(&batch, "a", "1");
	suite_put(&batch, "b", "");
	suite_put(&batch, "d", "4");
	EQ(suite_apply(s, &batch, 1), OK);
	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(s->ops->get_many(s, keys, 4, &arena, values, absent), OK);
	FALSE(absent[0] || absent[1] || absent[3]);
	TRUE(absent[2]);
	TRUE(slice_eq(values[0], slice_str("4")) && slice_eq(values[1], slice_str("1")));
	EQ(values[3].len, 0);
	EQ(s->ops->get_many(s, keys, 0, &arena, values, absent), OK);
	arena_rewind(&arena);
	s->ops->close(s);
}

struct gathered {
	char text[4096];
	uint32_t n, stop_after;
};

static bool
gather(void *arg, struct slice key, struct slice value)
{
	struct gathered *g = arg;
	size_t len = strlen(g->text);

	snprintf(g->text + len, sizeof g->text - len, "%.*s=%.*s ", (int)key.len, key.at,
	    (int)value.len, value.at);
	return ++g->n != g->stop_after;
}

static const char *
scanned(struct meta_store *s, const char *prefix, const char *from, uint32_t stop_after)
{
	static struct gathered g;

	g = (struct gathered){ .stop_after = stop_after };
	EQ(s->ops->scan(s, slice_str(prefix), slice_str(from), gather, &g), OK);
	return g.text;
}

CASE(a_scan_is_in_order_within_its_prefix)
{
	struct meta_store *s = suite_fresh();
	static const char *keys[] = { "b", "a", "ab", "aa", "a\xff", "abc", "B", "ac", "c" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		suite_put(&batch, keys[i], "v");
	EQ(suite_apply(s, &batch, 1), OK);
	EQ_STR(scanned(s, "a", "", 0), "a=v aa=v ab=v abc=v ac=v a\xff=v ");
	EQ_STR(scanned(s, "ab", "", 0), "ab=v abc=v ");
	EQ_STR(scanned(s, "a", "ab", 0), "ab=v abc=v ac=v a\xff=v ");
	EQ_STR(scanned(s, "a", "abb", 0), "abc=v ac=v a\xff=v ");	/* not there: the next */
	EQ_STR(scanned(s, "a", "A", 0), "a=v aa=v ab=v abc=v ac=v a\xff=v ");
	EQ_STR(scanned(s, "a", "b", 0), "");
	EQ_STR(scanned(s, "a", "", 2), "a=v aa=v ");
	EQ_STR(scanned(s, "", "", 0), "B=v a=v aa=v ab=v abc=v ac=v a\xff=v b=v c=v ");
	EQ_STR(scanned(s, "zz", "", 0), "");
	s->ops->close(s);
}

CASE(keys_are_any_bytes)
{
	struct meta_store *s = suite_fresh();
	struct meta_op ops[3] = {
		{ slice_of("\0", 1), slice_str("nul"), false },
		{ slice_of("\0\0", 2), slice_str("two"), false },
		{ slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9), slice_str("high"), false },
	};
	struct gathered g = { .n = 0 };
	struct arena arena;
	struct slice got;

	EQ(s->ops->apply(s, ops, 3, 1, SUITE_FENCE), OK);
	arena_init(&arena, NULL, 0, 4096);
	for (int i = 0; i < 3; i++) {
		EQ(s->ops->get(s, ops[i].key, &arena, &got), OK);
		TRUE(slice_eq(got, ops[i].value));
	}
	EQ(s->ops->get(s, slice_of("\0\0\0", 3), &arena, &got), ST_NOENT);
	EQ(s->ops->scan(s, slice_of(NULL, 0), slice_of(NULL, 0), gather, &g), OK);
	EQ(g.n, 3);
	arena_rewind(&arena);
	s->ops->close(s);
}

/* A batch changes every row of "n" at once; a scan must find them all alike. */
enum { ALIKE_ROWS = 200, ALIKE_ROUNDS = 200 };

struct alike {
	struct meta_store *s;
	_Atomic bool over;
	_Atomic int torn, scans;
	char first[16];
	int rows;
};

static bool
same_as_first(void *arg, struct slice key, struct slice value)
{
	struct alike *a = arg;

	(void)key;
	if (a->rows++ == 0)
		snprintf(a->first, sizeof a->first, "%.*s", (int)value.len, value.at);
	else if (value.len != strlen(a->first) || memcmp(value.at, a->first, value.len) != 0)
		a->torn++;
	return true;
}

static void
scan_alike(void *arg)
{
	struct alike *a = arg;

	while (!a->over) {
		a->rows = 0;
		if (a->s->ops->scan(a->s, slice_str("n"), slice_of(NULL, 0), same_as_first, a) !=
			OK ||
		    a->rows != ALIKE_ROWS)
			a->torn++;
		a->scans++;
	}
}

CASE(a_scan_sees_one_state_while_batches_come)
{
	struct alike a = { .s = suite_fresh() };
	char key[16], value[16];
	struct thread reader;

	for (int round = 0; round < ALIKE_ROUNDS || a.scans < 20; round++) {
		for (int i = 0; i < ALIKE_ROWS; i++) {
			snprintf(key, sizeof key, "n%05d", i);
			snprintf(value, sizeof value, "%d", round);
			suite_put(&batch, key, value);
		}
		EQ(suite_apply(a.s, &batch, (lsn_t)round + 1), OK);
		if (round == 0)
			thread_start(&reader, "scan", 0, scan_alike, &a);
	}
	a.over = true;
	thread_join(&reader);
	EQ(a.torn, 0);
	TRUE(a.scans >= 20);
	a.s->ops->close(a.s);
}

/* --- against a model --- */

enum { MODEL_KEYS = 600, MODEL_ROUNDS = 300 };

static void
model_check(struct meta_store *s, char model[MODEL_KEYS][12])
{
	static char want[MODEL_KEYS * 24];
	struct gathered g;
	size_t len = 0;

	for (int decade = 0; decade < MODEL_KEYS / 50; decade++) {
		char from[16];

		len = 0;
		want[0] = '\0';
		for (int i = decade * 50; i < MODEL_KEYS && i < decade * 50 + 50; i++)
			if (model[i][0] != '\0')
				len += (size_t)snprintf(want + len, sizeof want - len, "k%04d=%s ",
				    i, model[i]);
		g = (struct gathered){ .stop_after = 0 };
		snprintf(from, sizeof from, "k%04d", decade * 50);
		for (int i = 0, rows = 0; i < 50 && decade * 50 + i < MODEL_KEYS; i++) {
			rows += model[decade * 50 + i][0] != '\0';
			g.stop_after = (uint32_t)rows;
		}
		if (g.stop_after > 0)
			EQ(s->ops->scan(s, slice_str("k"), slice_str(from), gather, &g), OK);
		EQ_STR(g.text, want);
	}
}

CASE(it_behaves_like_a_sorted_list)
{
	static char model[MODEL_KEYS][12];
	struct meta_store *s = suite_fresh();
	char key[16];

	memset(model, 0, sizeof model);
	for (int round = 0; round < MODEL_ROUNDS; round++) {
		uint32_t ops = (uint32_t)(rand_u64() % 40), sweep = (uint32_t)(rand_u64() % 20);

		for (uint32_t i = 0; i < ops; i++) {
			uint32_t k = (uint32_t)(rand_u64() % MODEL_KEYS);

			snprintf(key, sizeof key, "k%04u", k);
			if (rand_u64() % 3 == 0) {
				suite_del(&batch, key);
				model[k][0] = '\0';
			} else {
				snprintf(model[k], sizeof model[k], "%u",
				    (unsigned)(rand_u64() % 1000000));
				suite_put(&batch, key, model[k]);
			}
		}
		/* Empty whole nodes. */
		for (uint32_t i = 0; sweep == 0 && i < MODEL_KEYS / 2; i++) {
			uint32_t k = (i + (uint32_t)round * 37) % MODEL_KEYS;

			snprintf(key, sizeof key, "k%04u", k);
			suite_del(&batch, key);
			model[k][0] = '\0';
		}
		EQ(suite_apply(s, &batch, (lsn_t)round + 1), OK);
		if (round % 10 == 0)
			model_check(s, model);
	}
	model_check(s, model);
	s->ops->close(s);
}
