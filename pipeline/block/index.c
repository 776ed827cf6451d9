/*
 * The content index.  Contents stand in a hash table of a fixed size, whose buckets are guarded
 * by a few mutexes; each has its ranges in an interval map and its data in a list by LSN.  A
 * heap keeps the contents by their oldest piece, so that what is to be carved first, and which
 * segments are still needed, is known at once however many contents are dirty.
 *
 * The law: a datum is in its content's list exactly as long as a range cites it, and a content
 * is in the table and in the heap exactly as long as it has a piece.
 */
#include "pipeline/block/index.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/interval.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/block/mapcache.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

enum { STRIPES = 256, BUCKETS = 256, DIRTY_MAX = 256, REAP_KEY = 17 };

struct content {
	struct content *next;		/* of its bucket */
	uint64_t id;
	struct interval_map *pieces;
	struct list data;		/* data and holes cited, by LSN */
	uint64_t bytes;			/* of data cited */
	lsn_t oldest;			/* these three are the heap's */
	uint64_t heap_bytes;
	size_t heap_at;
};

struct stripe {
	struct mutex mutex;		/* rank INDEX */
	struct content *bucket[BUCKETS];
};

struct index {
	uint64_t number;
	struct mapcache *maps;
	struct mutex heap_mutex;	/* rank INDEX, taken after a stripe's */
	struct content **heap;		/* the oldest first */
	size_t heap_n, heap_cap;
	_Atomic uint64_t live_bytes, places;
	_Atomic lsn_t oldest;
	struct stripe stripe[STRIPES];
};

struct index *
index_new(void)
{
	static _Atomic uint64_t made;
	struct index *ix = xcalloc(1, sizeof *ix);

	ix->number = atomic_fetch_add(&made, 1) + 1;
	for (int i = 0; i < STRIPES; i++)
		mutex_init(&ix->stripe[i].mutex, RANK_INDEX, (uint64_t)i);
	mutex_init(&ix->heap_mutex, RANK_INDEX, STRIPES);
	ix->maps = mapcache_new();
	return ix;
}

static void
content_free(struct content *c)
{
	interval_map_free(&c->pieces);
	assert(list_empty(&c->data));
	free(c);
}

void
index_free(struct index **ip)
{
	struct index *ix = TAKE(ip);

	if (ix == NULL)
		return;
	for (int i = 0; i < STRIPES; i++) {
		for (int b = 0; b < BUCKETS; b++) {
			struct content *c = ix->stripe[i].bucket[b], *next;

			for (; c != NULL; c = next) {
				next = c->next;
				content_free(c);
			}
		}
		mutex_destroy(&ix->stripe[i].mutex);
	}
	mutex_destroy(&ix->heap_mutex);
	mapcache_free(&ix->maps);
	free(ix->heap);
	free(ix);
}

/* --- citations, told by the interval map --- */

static void
cite_more(void *value)
{
	((struct datum *)value)->cites++;
}

static void
cite_less(void *value)
{
	struct datum *d = value;

	if (--d->cites > 0)
		return;
	list_remove(&d->link);
	datum_put(&d);
}

/* --- the heap --- */

static void
heap_place(struct index *ix, size_t at, struct content *c)
{
	ix->heap[at] = c;
	c->heap_at = at;
}

static void
heap_up(struct index *ix, size_t at)
{
	struct content *c = ix->heap[at];

	for (; at > 0 && ix->heap[(at - 1) / 2]->oldest > c->oldest; at = (at - 1) / 2)
		heap_place(ix, at, ix->heap[(at - 1) / 2]);
	heap_place(ix, at, c);
}

static void
heap_down(struct index *ix, size_t at)
{
	struct content *c = ix->heap[at];
	size_t child;

	for (; (child = 2 * at + 1) < ix->heap_n; at = child) {
		if (child + 1 < ix->heap_n &&
		    ix->heap[child + 1]->oldest < ix->heap[child]->oldest)
			child++;
		if (ix->heap[child]->oldest >= c->oldest)
			break;
		heap_place(ix, at, ix->heap[child]);
	}
	heap_place(ix, at, c);
}

static void
heap_add(struct index *ix, struct content *c)
{
	if (ix->heap_n == ix->heap_cap) {
		ix->heap_cap = MAX((size_t)64, ix->heap_cap * 2);
		ix->heap = xrealloc(ix->heap, ix->heap_cap * sizeof *ix->heap);
	}
	heap_place(ix, ix->heap_n++, c);
	heap_up(ix, c->heap_at);
}

static void
heap_remove(struct index *ix, struct content *c)
{
	struct content *last = ix->heap[--ix->heap_n];
	size_t at = c->heap_at;

	if (last == c)
		return;
	heap_place(ix, at, last);
	heap_up(ix, at);
	heap_down(ix, last->heap_at);
}

static void
heap_note_oldest(struct index *ix)
{
	atomic_store_explicit(&ix->oldest, ix->heap_n > 0 ? ix->heap[0]->oldest : 0,
	    memory_order_relaxed);
}

/* --- contents; the stripe is locked --- */

static struct stripe *
stripe_of(struct index *ix, uint64_t content)
{
	return &ix->stripe[hash_u64(content) % STRIPES];
}

static struct content **
link_of(struct stripe *s, uint64_t content)
{
	struct content **link = &s->bucket[hash_u64(content) / STRIPES % BUCKETS];

	while (*link != NULL && (*link)->id != content)
		link = &(*link)->next;
	return link;
}

static struct content *
content_new(struct index *ix, uint64_t id, lsn_t lsn)
{
	struct content *c = xcalloc(1, sizeof *c);

	c->id = id;
	c->oldest = lsn;
	c->pieces = interval_map_new(cite_more, cite_less);
	list_init(&c->data);
	mutex_lock(&ix->heap_mutex);
	heap_add(ix, c);
	mutex_unlock(&ix->heap_mutex);
	return c;
}

/* After a change: its place in the heap, or its end. */
static void
content_settle(struct index *ix, struct content **link)
{
	struct content *c = *link;
	lsn_t oldest = list_empty(&c->data) ? 0 :
	    container_of(c->data.next, struct datum, link)->lsn;

	mutex_lock(&ix->heap_mutex);
	c->heap_bytes = c->bytes;
	if (oldest == 0) {
		heap_remove(ix, c);
	} else if (oldest != c->oldest) {
		c->oldest = oldest;
		heap_up(ix, c->heap_at);
		heap_down(ix, c->heap_at);
	}
	heap_note_oldest(ix);
	mutex_unlock(&ix->heap_mutex);
	if (oldest == 0) {
		*link = c->next;
		content_free(c);
	}
}

static uint64_t
bytes_within(const struct content *c, uint64_t from, uint64_t to)
{
	struct interval i;
	uint64_t sum = 0;

	for (uint64_t at = from; at < to && interval_next(c->pieces, at, &i) && i.from < to;
	    at = i.to)
		if (!((struct datum *)i.value)->hole)
			sum += MIN(i.to, to) - MAX(i.from, from);
	return sum;
}

/* A range's bytes are about to change from what they are to `more`. */
static void
count_bytes(struct index *ix, struct content *c, uint64_t less, uint64_t more)
{
	c->bytes += more - less;
	atomic_fetch_add_explicit(&ix->live_bytes, more - less, memory_order_relaxed);
}

static void
content_set(struct index *ix, struct content *c, uint64_t from, uint64_t to, struct datum *d)
{
	count_bytes(ix, c, bytes_within(c, from, to), d->hole ? 0 : to - from);
	d->cites = 1;
	list_push_back(&c->data, &d->link);
	interval_set(c->pieces, from, to, d, 0);
}

static void
content_clear(struct index *ix, struct content *c, uint64_t from, uint64_t to)
{
	count_bytes(ix, c, bytes_within(c, from, to), 0);
	interval_clear(c->pieces, from, to);
}

/* What carve has moved goes, run by run; what was written since then stays. */
static void
content_carved(struct index *ix, struct content *c, const struct txn_item *item)
{
	uint64_t at = item->from, start = 0;
	bool running = false;
	struct interval i;

	while (at < item->to && interval_next(c->pieces, at, &i) && i.from < item->to) {
		bool old = ((struct datum *)i.value)->lsn <= item->as_of;

		if (old && !running)
			start = MAX(i.from, item->from);
		if (!old && running)
			content_clear(ix, c, start, i.from);
		running = old;
		at = i.to;
	}
	if (running)
		content_clear(ix, c, start, item->to);
}

/* --- changes, under order --- */

static void
commit_set(struct index *ix, const struct txn_item *item, lsn_t lsn, struct datum *d)
{
	struct stripe *s = stripe_of(ix, item->content);
	uint64_t to = item->kind == ITEM_TRUNC ? UINT64_MAX : item->to;
	struct content **link;
	size_t before;

	if (item->from >= to) {
		datum_put(&d);
		return;
	}
	d->lsn = lsn;
	mutex_lock(&s->mutex);
	link = link_of(s, item->content);
	if (*link == NULL)
		*link = content_new(ix, item->content, lsn);
	before = interval_map_count((*link)->pieces);
	content_set(ix, *link, item->from, to, d);
	atomic_fetch_add_explicit(&ix->places, interval_map_count((*link)->pieces) - before,
	    memory_order_relaxed);
	content_settle(ix, link);
	mutex_unlock(&s->mutex);
}

static void
commit_carved(struct index *ix, const struct txn_item *item)
{
	struct stripe *s = stripe_of(ix, item->content);
	struct content **link;
	size_t before;

	mutex_lock(&s->mutex);
	link = link_of(s, item->content);
	if (*link != NULL) {
		before = interval_map_count((*link)->pieces);
		content_carved(ix, *link, item);
		atomic_fetch_add_explicit(&ix->places,
		    interval_map_count((*link)->pieces) - before, memory_order_relaxed);
		content_settle(ix, link);
	}
	mutex_unlock(&s->mutex);
}

void
index_commit_locked(struct index *ix, const struct txn_item *item, lsn_t lsn, struct datum *d)
{
	if (item->kind == ITEM_DATA) {
		assert(d != NULL && item->to - item->from == d->len);
		commit_set(ix, item, lsn, d);
	} else if (item->kind == ITEM_TRUNC || item->kind == ITEM_HOLE) {
		commit_set(ix, item, lsn, datum_hole(lsn));
	} else if (item->kind == ITEM_CARVED) {
		commit_carved(ix, item);
	}
}

void
index_drop_locked(struct index *ix, uint64_t content)
{
	struct stripe *s = stripe_of(ix, content);
	struct content **link;

	mutex_lock(&s->mutex);
	link = link_of(s, content);
	if (*link != NULL) {
		atomic_fetch_sub_explicit(&ix->places, interval_map_count((*link)->pieces),
		    memory_order_relaxed);
		content_clear(ix, *link, 0, UINT64_MAX);
		content_settle(ix, link);
	}
	mutex_unlock(&s->mutex);
}

/* --- asking --- */

static uint32_t
pieces_of(const struct interval_map *m, uint64_t from, uint64_t to, struct index_piece *v,
    uint32_t max)
{
	struct interval i;
	uint32_t n = 0;

	while (from < to && n < max) {
		struct datum *d;

		if (!interval_next(m, from, &i) || i.from >= to)
			i.from = to;
		if (i.from > from) {
			v[n++] = (struct index_piece){ .from = from, .to = i.from };
			from = i.from;
			continue;
		}
		d = i.value;
		v[n] = (struct index_piece){ .from = from, .to = MIN(i.to, to),
			.kind = d->hole ? PIECE_HOLE : PIECE_DATUM, .lsn = d->lsn };
		if (!d->hole) {
			v[n].datum = datum_ref(d);
			v[n].at = (uint32_t)(i.skew + (from - i.from));
		}
		from = v[n++].to;
	}
	return n;
}

uint32_t
index_lookup(struct index *ix, uint64_t content, uint64_t from, uint64_t to, struct index_piece *v,
    uint32_t max)
{
	struct stripe *s = stripe_of(ix, content);
	struct content *c;
	uint32_t n = 0;

	mutex_lock(&s->mutex);
	c = *link_of(s, content);
	if (c != NULL) {
		n = pieces_of(c->pieces, from, to, v, max);
	} else if (from < to && max > 0) {
		v[0] = (struct index_piece){ .from = from, .to = to };
		n = 1;
	}
	mutex_unlock(&s->mutex);
	return n;
}

/* The oldest of a heap, in order, without changing it: each one taken offers its children. */
uint32_t
index_dirty(struct index *ix, lsn_t before, struct index_dirty *v, uint32_t max)
{
	size_t offer[DIRTY_MAX + 1], noffer = 0, best;
	uint32_t n = 0;

	max = MIN(max, (uint32_t)DIRTY_MAX);
	mutex_lock(&ix->heap_mutex);
	if (ix->heap_n > 0)
		offer[noffer++] = 0;
	while (noffer > 0 && n < max) {
		struct content *c;
		size_t at;

		best = 0;
		for (size_t i = 1; i < noffer; i++)
			if (ix->heap[offer[i]]->oldest < ix->heap[offer[best]]->oldest)
				best = i;
		at = offer[best];
		offer[best] = offer[--noffer];
		c = ix->heap[at];
		if (c->oldest >= before)
			break;
		v[n++] = (struct index_dirty){ c->id, c->oldest, c->heap_bytes };
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < ix->heap_n)
				offer[noffer++] = child;
	}
	mutex_unlock(&ix->heap_mutex);
	return n;
}

uint64_t
index_number(const struct index *ix)
{
	return ix->number;
}

uint64_t
index_live_bytes(const struct index *ix)
{
	return atomic_load_explicit(&ix->live_bytes, memory_order_relaxed);
}

uint64_t
index_places(const struct index *ix)
{
	return atomic_load_explicit(&ix->places, memory_order_relaxed);
}

lsn_t
index_oldest_data(const struct index *ix)
{
	return atomic_load_explicit(&ix->oldest, memory_order_relaxed);
}

/* --- map rows --- */

void
index_map_changed_locked(struct index *ix, uint64_t content, uint64_t window)
{
	mapcache_forget(ix->maps, content, window);
}

void
index_key_changed_locked(struct index *ix, struct slice key)
{
	uint64_t content, window;

	if (key_map_fields(key, &content, &window))
		mapcache_forget(ix->maps, content, window);
	else if (key.len == REAP_KEY && key.at[0] == TAG_REAP && get_be64(key.at + 9) == 0)
		index_drop_locked(ix, get_be64(key.at + 1));
}

bool
index_map_find(struct index *ix, uint64_t content, uint64_t window, uint64_t *leaf, uint64_t *token)
{
	return mapcache_find(ix->maps, content, window, leaf, token);
}

void
index_map_learn(struct index *ix, uint64_t content, uint64_t window, uint64_t leaf, uint64_t token)
{
	mapcache_learn(ix->maps, content, window, leaf, token);
}
