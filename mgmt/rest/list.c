/*
 * Lists, in pages.  What rows alone say is rendered once and kept until a row changes, with the
 * rows; what no row says (usage, health) is added to each answer.
 */
#include "mgmt/rest/entity.h"

#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 8, KEPT_BYTES_MAX = 128 << 10, WHAT_MAX = 256, ARENA_LIMIT = 8 << 20 };

struct line {
	const struct db_row *row;
	const char *text;		/* what rows say, without the brace that closes it */
};

struct list {
	struct ref ref;
	enum db_entity entity;
	uint64_t generation;		/* of the database, from before it was read */
	char what[WHAT_MAX];		/* path and query */
	char link[sizeof ((struct rest_reply *)NULL)->link];
	struct line *line;		/* like all below in the arena */
	int n;
	struct arena arena;
};

static struct list *kept[KEPT];
static unsigned next_kept;
static MUTEX_STATIC(mutex, RANK_TABLE, 3);

static void
list_put(struct list **lp)
{
	struct list *l = TAKE(lp);

	if (l == NULL || !ref_drop(&l->ref))
		return;
	arena_rewind(&l->arena);
	free(l);
}

void
rest_lists_drop(void)
{
	for (int i = 0; i < KEPT; i++)
		list_put(&kept[i]);
}

/* False: it is longer than what is kept. */
static bool
what_of(const struct rest_call *call, char to[WHAT_MAX])
{
	return snprintf(to, WHAT_MAX, "%s?%s", call->rq->path, call->rq->query) < WHAT_MAX;
}

static struct list *
kept_find(const struct rest_call *call)
{
	struct list *found = NULL;
	char what[WHAT_MAX];

	if (!what_of(call, what))
		return NULL;
	mutex_lock(&mutex);
	for (int i = 0; i < KEPT && found == NULL; i++)
		if (kept[i] != NULL && kept[i]->generation == call->generation &&
		    strcmp(kept[i]->what, what) == 0) {
			found = kept[i];
			ref_take(&found->ref);
		}
	mutex_unlock(&mutex);
	return found;
}

/* In the place of an older one of the same, else of whose turn it is. */
static void
keep(const struct rest_call *call, struct list *l)
{
	struct list *old;
	unsigned at;

	if (!rest_hooks_of(l->entity)->steady || l->arena.grown_bytes > KEPT_BYTES_MAX ||
	    !what_of(call, l->what))
		return;
	ref_take(&l->ref);
	mutex_lock(&mutex);
	for (at = 0; at < KEPT; at++)
		if (kept[at] == NULL || strcmp(kept[at]->what, l->what) == 0)
			break;
	if (at == KEPT)
		at = next_kept++ % KEPT;
	old = kept[at];
	kept[at] = l;
	mutex_unlock(&mutex);
	list_put(&old);
}

/* --- an answer --- */

struct body {
	char *s;
	size_t len, cap;
};

static void
body_add(struct body *b, const char *s, size_t len)
{
	if (len > b->cap - b->len) {
		b->cap = MAX(b->cap * 2, b->len + len);
		b->s = xrealloc(b->s, b->cap);
	}
	memcpy(b->s + b->len, s, len);
	b->len += len;
}

static void
add_live(struct body *b, const struct list *l, const struct db_row *row)
{
	struct rest_json *live = rest_json_object();
	char *text;

	rest_hooks_of(l->entity)->live(row, live);
	text = rest_json_text(live);
	rest_json_free(live);
	body_add(b, ",", 1);
	body_add(b, text + 1, strlen(text) - 1);
	free(text);
}

static void
answer(struct rest_call *call, const struct list *l)
{
	bool live = rest_hooks_of(l->entity)->live != NULL;
	struct body b = { .cap = 1024 };

	b.s = xmalloc(b.cap);
	body_add(&b, "[", 1);
	for (int i = 0; i < l->n; i++) {
		if (i > 0)
			body_add(&b, ",", 1);
		body_add(&b, l->line[i].text, strlen(l->line[i].text));
		if (live)
			add_live(&b, l, l->line[i].row);
		else
			body_add(&b, "}", 1);
	}
	body_add(&b, "]", 1);
	snprintf(call->re->link, sizeof call->re->link, "%s", l->link);
	rest_text_reply(call, 200, b.s, b.len);
}

bool
rest_list_known(struct rest_call *call)
{
	struct list *l = kept_find(call);

	if (l == NULL)
		return false;
	answer(call, l);
	list_put(&l);
	return true;
}

/* --- from the rows --- */

struct page {
	struct rest_call *call;
	struct list *list;
	int limit, seen;
	const char *last;
};

static void
add_row(const struct db_row *row, void *arg)
{
	struct page *p = arg;
	struct list *l = p->list;
	struct rest_json *j;
	struct db_row *copy;
	char *text, *line;

	if (p->seen++ >= p->limit)
		return;
	j = rest_row_steady(p->call, l->entity, row);
	text = rest_json_text(j);
	rest_json_free(j);
	copy = arena_copy(&l->arena, row, sizeof *row);
	line = arena_copy(&l->arena, text, strlen(text) - 1);
	free(text);
	if (copy == NULL || line == NULL)
		return;			/* the arena says so in the end */
	l->line[l->n++] = (struct line){ copy, line };
	p->last = rest_row_key(l->entity, copy);
}

static void
add_next(struct page *p)
{
	struct text t = text_of(p->list->link, sizeof p->list->link);

	text_addf(&t, "<%.200s?limit=%d&after=", p->call->rq->path, p->limit);
	for (const char *s = p->last; *s != '\0'; s++)
		if (strchr("/?&=#%<>\" +", *s) != NULL)
			text_addf(&t, "%%%02X", (unsigned char)*s);
		else
			text_addn(&t, s, 1);
	text_add(&t, ">; rel=\"next\"");
	if (t.cut)
		p->list->link[0] = '\0';
}

/* What stands above the rows: a share's grants, a group's members.  False: said what is wrong. */
static bool
find_scope(struct rest_call *call, enum db_entity e, struct db_list *what)
{
	struct db_row parent;

	if (e == DB_IDMAP) {
		what->scope = rest_query(call, "provider");
		return true;
	}
	if (db_entity[e].scope == NULL)
		return true;
	if (!rest_row_find(call, e == DB_GRANT ? DB_SHARE : e == DB_MEMBER ? DB_GROUP : DB_NETGROUP,
	    &parent))
		return false;
	what->scope = call->arg[0];
	return true;
}

static enum status
read_page(struct page *p, const struct db_list *what)
{
	struct list *l = p->list;
	enum status st;

	l->line = arena_alloc(&l->arena, (size_t)p->limit * sizeof *l->line);
	if (l->line == NULL)
		return ST_RESOURCE;
	st = db_list(p->call->conn, l->entity, what, &l->arena, add_row, p);
	if (st == OK && l->arena.overflow)
		st = ST_RESOURCE;
	if (st == OK && p->seen > p->limit)
		add_next(p);
	return st;
}

void
rest_do_list(struct rest_call *call)
{
	enum db_entity e = (enum db_entity)call->route->entity;
	struct page p = { .call = call, .limit = REST_PAGE_MAX - 1 };
	const char *limit = rest_query(call, "limit");
	struct db_list what = { .after = rest_query(call, "after") };
	struct list *l;
	uint64_t n;
	enum status st;

	if (limit != NULL && !text_u64(limit, 1, REST_PAGE_MAX - 1, &n)) {
		rest_invalid_field(call, "limit", "must be from 1 to %d", REST_PAGE_MAX - 1);
		return;
	}
	p.limit = limit != NULL ? (int)n : p.limit;
	what.limit = p.limit + 1;
	if (!find_scope(call, e, &what))
		return;
	p.list = l = xcalloc(1, sizeof *l);
	ref_init(&l->ref);
	arena_init(&l->arena, NULL, 0, ARENA_LIMIT);
	l->entity = e;
	l->generation = call->generation;
	st = read_page(&p, &what);
	if (st == OK) {
		answer(call, l);
		keep(call, l);
	} else {
		rest_status(call, st, db_entity[e].noun, "list");
	}
	list_put(&l);
}
