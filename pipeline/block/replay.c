/*
 * Replaying the log: items that concern contents from where the log begins, everything else from
 * the checkpoint on.  Single-threaded, before anybody else knows the share.  engine.md §3.
 *
 * A content's number is that of the inode it was made for; so a content whose inode has no record
 * at the end is nobody's, and its pieces go.
 */
#include "pipeline/block/scan.h"

#include "pipeline/base/log.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

struct replay {
	struct scan *sc;
	struct share *share;
	void (*remember)(uint64_t share, const struct note *note);
	uint64_t notes_from_ns;		/* wall time */
	bool cuts;			/* from the group on that named the epoch */
	uint64_t max_ino, max_content, max_leaf, max_container;
	uint64_t *contents;
	size_t ncontents, contents_cap;
	uint64_t newest_snapshot;
	struct arena arena;		/* of one item */
	uint8_t home[4096] __attribute__((aligned(16)));
};

static void
content_seen(struct replay *rp, uint64_t content)
{
	rp->max_content = MAX(rp->max_content, content);
	if (rp->ncontents > 0 && rp->contents[rp->ncontents - 1] == content)
		return;
	if (rp->ncontents == rp->contents_cap) {
		rp->contents_cap = rp->contents_cap == 0 ? 1024 : rp->contents_cap * 2;
		rp->contents = xrealloc(rp->contents, rp->contents_cap * sizeof *rp->contents);
	}
	rp->contents[rp->ncontents++] = content;
}

/* Numbers that keys name were handed out. */
static void
number_seen(struct replay *rp, struct slice key)
{
	uint64_t number = key.len >= 9 ? get_be64(key.at + 1) : 0;

	if (number == 0)
		return;
	if (key.at[0] == TAG_INODE)
		rp->max_ino = MAX(rp->max_ino, number);
	else if (key.at[0] == TAG_LEAF)
		rp->max_leaf = MAX(rp->max_leaf, number);
	else if (key.at[0] == TAG_CONTAINER)
		rp->max_container = MAX(rp->max_container, number);
}

/* What the index must know.  segment_at: where a DATA item's bytes lie. */
static void
index_item(struct replay *rp, const struct txn_item *item, lsn_t lsn, struct segment *seg,
    uint64_t segment_at)
{
	struct datum *d = NULL;

	if (item->kind == ITEM_DATA) {
		d = datum_of_item(lsn, item, &rp->sc->j->opener);
		datum_written(d, seg, (uint32_t)segment_at);
	}
	content_seen(rp, item->content);
	mutex_lock(&rp->share->order);
	index_commit_locked(rp->share->block->index, item, lsn, d);
	mutex_unlock(&rp->share->order);
}

static enum status
catalog_item(struct replay *rp, const struct txn_item *item, lsn_t lsn)
{
	bool after = lsn > rp->sc->j->head.checkpoint_lsn;

	if (item->kind == ITEM_PUT)
		number_seen(rp, item->key);
	if (item->kind == ITEM_CUT ? !rp->cuts : !after)
		return OK;
	return catalog_replay(rp->share->catalog, lsn, item);
}

static enum status
replay_item(struct replay *rp, const struct txn_item *item, lsn_t lsn, struct segment *seg,
    uint64_t data_at)
{
	switch ((enum item_kind)item->kind) {
	case ITEM_DATA:
	case ITEM_TRUNC:
	case ITEM_HOLE:
	case ITEM_CARVED:
		index_item(rp, item, lsn, seg, data_at + item->data_at);
		return OK;
	case ITEM_PUT:
	case ITEM_DEL:
	case ITEM_COUNT:
	case ITEM_CUT:
		return catalog_item(rp, item, lsn);
	case ITEM_NOTE:
		if (rp->remember != NULL && item->note.wall_ns >= rp->notes_from_ns)
			rp->remember(rp->share->row.share, &item->note);
		return OK;
	case ITEM_MAP:
		break;
	}
	return ST_CORRUPT;
}

static enum status
replay_entry(struct replay *rp, struct reader *r, lsn_t lsn, struct segment *seg, uint64_t *data_at)
{
	enum status st = OK;
	struct entry_head e;

	if (!entry_read_head(r, &e) || e.lsn != lsn)
		return ST_CORRUPT;
	for (uint16_t i = 0; st == OK && i < e.nitems; i++) {
		struct txn_item item;

		arena_rewind(&rp->arena);
		if (!entry_read_item(r, &item, &rp->arena) || (item.kind == ITEM_DATA &&
		    (uint64_t)item.data_at + (item.to - item.from) > e.data_bytes))
			return ST_CORRUPT;
		st = replay_item(rp, &item, lsn, seg, *data_at);
	}
	*data_at += e.data_bytes;
	return st;
}

static enum status
replay_group(struct replay *rp, const struct group_at *g)
{
	struct segment *seg = rp->sc->segs[g->seg];
	struct group_head h;
	const uint8_t *bytes;
	enum status st = scan_group(rp->sc, seg, g->at, &h, &bytes);
	uint64_t data_at = g->at + group_data_at(&h);
	struct reader r;

	if (st != OK)
		return st == ST_NOENT ? ST_CORRUPT : st;
	r = reader_of(bytes + GROUP_HEADER, h.entries_bytes);
	for (uint32_t i = 0; st == OK && i < h.count; i++)
		st = replay_entry(rp, &r, h.first + i, seg, &data_at);
	return st == OK && reader_left(&r) > 0 ? ST_CORRUPT : st;
}

static enum status
replay_summary(struct replay *rp, const struct group_at *g)
{
	struct segment *seg = rp->sc->segs[g->seg];
	enum status st;
	const uint8_t *bytes = window_get(&rp->sc->window, seg, g->at, g->bytes, &st);
	struct reader r;

	if (bytes == NULL)
		return st;
	r = reader_of(bytes, g->bytes);
	while (st == OK && reader_left(&r) > 0) {
		struct txn_item item;
		uint32_t segment_at;
		lsn_t lsn;

		arena_rewind(&rp->arena);
		if (!summary_read(&r, &item, &lsn, &segment_at, &rp->arena))
			return ST_CORRUPT;
		st = replay_item(rp, &item, lsn, seg, (uint64_t)segment_at - item.data_at);
	}
	return st;
}

/* --- the catalog's epoch --- */

static bool
see_snapshot(void *arg, struct slice key, struct slice value)
{
	struct replay *rp = arg;

	(void)value;
	if (key.len == 9)
		rp->newest_snapshot = MAX(rp->newest_snapshot, get_be64(key.at + 1));
	return true;
}

/* The first group whose records are replayed names the epoch; CUT items say the rest. */
static uint32_t
base_group(const struct scan *sc)
{
	for (uint32_t i = 0; i < sc->ngroups; i++)
		if (sc->groups[i].last > sc->j->head.checkpoint_lsn)
			return i;
	return sc->ngroups - 1;
}

static enum status
make_catalog(struct replay *rp, uint32_t base)
{
	struct scan *sc = rp->sc;
	struct meta_store *store = rp->share->store;
	const uint8_t tag = TAG_SNAPSHOT;
	enum status st = store->ops->scan(store, slice_of(&tag, 1), slice_of(NULL, 0), see_snapshot,
	    rp);
	uint64_t epoch = sc->ngroups > 0 ? sc->groups[base].epoch : sc->j->head.epoch;

	if (st != OK)
		return st;
	rp->share->catalog = catalog_new(store, epoch, rp->newest_snapshot);
	return OK;
}

/* --- the end --- */

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Contents whose inode has no record are nobody's. */
static enum status
drop_nobodys(struct replay *rp)
{
	struct share *s = rp->share;
	uint64_t last = 0, dropped = 0;

	if (rp->ncontents > 0)
		qsort(rp->contents, rp->ncontents, sizeof *rp->contents, by_number);
	for (size_t i = 0; i < rp->ncontents; i++) {
		struct key key = key_inode(rp->contents[i]);
		struct version v;
		enum status st;

		if (i > 0 && rp->contents[i] == last)
			continue;
		last = rp->contents[i];
		arena_rewind(&rp->arena);
		st = catalog_get(s->catalog, key_slice(&key), true, &rp->arena, &v);
		if (st != OK)
			return st;
		if (v.exists)
			continue;
		mutex_lock(&s->order);
		index_drop_locked(s->block->index, last);
		mutex_unlock(&s->order);
		dropped++;
	}
	if (dropped > 0)
		log_info("journal.nobodys", F_STR("share", s->conf.name),
		    F_U64("contents", dropped));
	return OK;
}

static void
set_numbers(struct replay *rp)
{
	const struct head *h = &rp->sc->j->head;
	struct share *s = rp->share;

	atomic_store(&s->next_ino, MAX(h->next_ino, rp->max_ino + 1));
	atomic_store(&s->next_content, MAX(h->next_content, rp->max_content + 1));
	atomic_store(&s->next_leaf, MAX(h->next_leaf, rp->max_leaf + 1));
	atomic_store(&s->next_container, MAX(h->next_container, rp->max_container + 1));
}

static enum status
replay_all(struct replay *rp)
{
	struct scan *sc = rp->sc;
	uint32_t base = sc->ngroups > 0 ? base_group(sc) : 0;
	uint64_t newest = sc->ngroups > 0 ? sc->groups[sc->ngroups - 1].wall_ns : 0;
	enum status st = make_catalog(rp, base);

	rp->notes_from_ns = newest > NOTES_KEPT_NS ? newest - NOTES_KEPT_NS : 0;
	for (uint32_t i = 0; st == OK && i < sc->ngroups; i++) {
		const struct group_at *g = &sc->groups[i];

		rp->cuts = i >= base && !g->summary;	/* a summary's epoch is behind its CUTs */
		st = g->summary ? replay_summary(rp, g) : replay_group(rp, g);
	}
	return st == OK ? drop_nobodys(rp) : st;
}

enum status
replay_log(struct scan *sc, void (*remember)(uint64_t share, const struct note *note))
{
	struct replay *rp = xcalloc(1, sizeof *rp);
	enum status st;

	rp->sc = sc;
	rp->share = sc->j->share;
	rp->remember = remember;
	arena_init(&rp->arena, rp->home, sizeof rp->home, META_VALUE_MAX + TXN_RECORDS_MAX);
	st = replay_all(rp);
	if (st == OK)
		set_numbers(rp);
	arena_rewind(&rp->arena);
	free(rp->contents);
	free(rp);
	return st;
}
