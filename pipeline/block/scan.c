/*
 * Finding the log.  Groups form a chain: each names the LSN before it.  Where the chain stops the
 * log ends, unless a group behind that place says that what is missing had been synced: then it is
 * damage, not a torn tail.  What a later incarnation did not build upon is no part of the log, even
 * if it can be read.  engine.md §3.
 */
#include "pipeline/block/scan.h"

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"
#include "pipeline/block/pread.h"

#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_BYTES = GROUP_HEADER + GROUP_ENTRIES_MAX + GROUP_DATA_MAX + SEGMENT_BLOCK,
	AHEAD_LIST = 1 << 14, AHEAD_CHAIN = 1 << 16, AHEAD_SEARCH = 1 << 20 };

const uint8_t *
window_get(struct window *w, const struct segment *seg, uint64_t at, uint64_t len, enum status *st)
{
	uint64_t ahead = MIN(MAX(len, w->ahead), (uint64_t)WINDOW_BYTES);

	*st = OK;
	if (len > WINDOW_BYTES || at > seg->size || len > seg->size - at) {
		*st = ST_CORRUPT;
		return NULL;
	}
	if (w->seg == seg && at >= w->at && at + len <= w->at + w->len)
		return w->bytes + (at - w->at);
	if (w->bytes == NULL)
		w->bytes = xmalloc(WINDOW_BYTES);
	w->seg = NULL;
	w->at = at;
	w->len = MIN(ahead, seg->size - at);
	*st = pread_full(seg->fd, w->bytes, w->len, at, false);
	if (*st != OK)
		return NULL;
	w->seg = seg;
	return w->bytes;
}

static enum status
broken(struct scan *sc, const struct segment *seg, uint64_t at, const char *what)
{
	snprintf(sc->why, sc->why_cap, "journal of %s: seg-%u at byte %llu: %s",
	    sc->j->share->conf.name, seg->number, (unsigned long long)at, what);
	return ST_CORRUPT;
}

enum status
scan_group(struct scan *sc, const struct segment *seg, uint64_t at, struct group_head *h,
    const uint8_t **bytes)
{
	enum status st;
	const uint8_t *p;

	if (at + SEGMENT_BLOCK > seg->size)
		return ST_NOENT;
	p = window_get(&sc->window, seg, at, GROUP_HEADER, &st);
	if (p == NULL)
		return st;
	if (!group_parse(p, sc->j->id, h) || group_bytes(h) > seg->size - at)
		return ST_NOENT;
	p = window_get(&sc->window, seg, at, (uint64_t)GROUP_HEADER + h->entries_bytes, &st);
	if (p == NULL)
		return st;
	*bytes = p;
	return group_valid(h, sc->j->id, p) ? OK : ST_NOENT;
}

/* --- the folder --- */

static void
push_segment(struct segment ***v, uint32_t *n, uint32_t *cap, struct segment *seg)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 16 : *cap * 2;
		*v = xrealloc(*v, *cap * sizeof **v);
	}
	(*v)[(*n)++] = seg;
}

static void
push_junk(struct scan *sc, uint32_t number)
{
	if (sc->njunk == sc->junk_cap) {
		sc->junk_cap = sc->junk_cap == 0 ? 16 : sc->junk_cap * 2;
		sc->junk = xrealloc(sc->junk, sc->junk_cap * sizeof *sc->junk);
	}
	sc->junk[sc->njunk++] = number;
}

/* A file: of the log if it begins with a group not older than where the log begins. */
static enum status
sort_segment(struct scan *sc, uint32_t number)
{
	const uint8_t *bytes;
	struct segment *seg;
	struct group_head h;
	enum status st = segment_open(sc->j->dirfd, number, &seg);

	if (number >= sc->j->next_number)
		sc->j->next_number = number + 1;
	if (st == ST_CORRUPT) {
		push_junk(sc, number);
		return OK;
	}
	if (st != OK)
		return st;
	st = scan_group(sc, seg, 0, &h, &bytes);
	if (st == OK && h.serial >= sc->j->head.data_serial) {
		seg->serial = h.serial;
		push_segment(&sc->segs, &sc->nsegs, &sc->segs_cap, seg);
		if (SERIAL_INCARNATION(h.serial) > sc->j->head.incarnation)
			return broken(sc, seg, 0, "written after the journal's head");
		return OK;
	}
	push_segment(&sc->spare, &sc->nspare, &sc->spare_cap, seg);
	return st == ST_NOENT ? OK : st;
}

static int
by_serial(const void *a, const void *b)
{
	const struct segment *const *x = a, *const *y = b;

	return (*x)->serial < (*y)->serial ? -1 : (*x)->serial > (*y)->serial;
}

static enum status
sort_file(void *arg, const char *name)
{
	uint64_t number;

	if (strncmp(name, "seg-", 4) != 0 || !text_u64(name + 4, 1, UINT32_MAX - 1, &number))
		return OK;
	return sort_segment(arg, (uint32_t)number);
}

static enum status
list_folder(struct scan *sc)
{
	enum status st = file_list(sc->j->dirfd, sort_file, sc);

	if (sc->nsegs > 0)
		qsort(sc->segs, sc->nsegs, sizeof *sc->segs, by_serial);
	return st;
}

/* --- the chain --- */

static lsn_t
chain_end(const struct scan *sc)
{
	return sc->ngroups > 0 ? sc->groups[sc->ngroups - 1].last : sc->end;
}

static void
push_group(struct scan *sc, const struct group_at *g)
{
	if (sc->ngroups == sc->groups_cap) {
		sc->groups_cap = sc->groups_cap == 0 ? 1024 : sc->groups_cap * 2;
		sc->groups = xrealloc(sc->groups, sc->groups_cap * sizeof *sc->groups);
	}
	sc->groups[sc->ngroups++] = *g;
}

/* The summary in a segment's last bytes, where there is a valid one. */
static enum status
find_summary(struct scan *sc, const struct segment *seg, struct summary_head *h)
{
	enum status st;
	const uint8_t *p = window_get(&sc->window, seg, seg->size - SUMMARY_HEADER, SUMMARY_HEADER,
	    &st);

	if (p == NULL)
		return st;
	if (!summary_parse(p, sc->j->id, h) || h->serial != seg->serial ||
	    h->bytes > seg->size - SUMMARY_HEADER || h->bytes > WINDOW_BYTES - SUMMARY_HEADER)
		return ST_NOENT;
	p = window_get(&sc->window, seg, seg->size - SUMMARY_HEADER - h->bytes,
	    (uint64_t)h->bytes + SUMMARY_HEADER, &st);
	if (p == NULL)
		return st;
	return summary_valid(h, sc->j->id, p) ? OK : ST_NOENT;
}

/* From byte at on, is there a group of that serial that says more was synced than was found? */
static enum status
vouched_behind(struct scan *sc, const struct segment *seg, uint64_t at, uint64_t serial_min,
    lsn_t found)
{
	sc->window.ahead = AHEAD_SEARCH;	/* every block is looked at */
	for (; at + SEGMENT_BLOCK <= seg->size; at += SEGMENT_BLOCK) {
		const uint8_t *bytes;
		struct group_head h;
		enum status st = scan_group(sc, seg, at, &h, &bytes);

		if (st == ST_NOENT || (st == OK && h.serial < serial_min))
			continue;
		if (st != OK)
			return st;
		if (h.durable > found)
			return broken(sc, seg, at, "durable entries before this group are missing");
	}
	return OK;
}

/* All groups of a segment, one behind another; at: where they stop. */
static enum status
chain_groups(struct scan *sc, uint32_t i, uint64_t *at)
{
	const struct segment *seg = sc->segs[i];
	const uint8_t *bytes;
	struct group_head h;
	enum status st;

	*at = 0;
	sc->window.ahead = AHEAD_CHAIN;		/* payload between the groups is stepped over */
	while ((st = scan_group(sc, seg, *at, &h, &bytes)) == OK && h.serial == seg->serial) {
		if (h.prev != chain_end(sc))
			return broken(sc, seg, *at, "this group does not follow the one before");
		if (h.durable > sc->vouched)
			sc->vouched = h.durable;
		push_group(sc, &(struct group_at){ .seg = i, .at = (uint32_t)*at,
			.first = h.first, .last = group_last(&h), .prev = h.prev,
			.epoch = h.epoch, .wall_ns = h.wall_ns, .bytes = h.entries_bytes });
		*at += group_bytes(&h);
	}
	return st == ST_NOENT ? OK : st;
}

/* A segment whose records are in the store and whose NOTEs are too old to matter is known well
 * enough by its summary. */
static bool
summary_is_enough(const struct scan *sc, const struct summary_head *h, uint64_t log_wall)
{
	return h->last <= sc->j->head.checkpoint_lsn &&
	    h->wall_ns + NOTES_KEPT_NS < log_wall;
}

static enum status
chain_segment(struct scan *sc, uint32_t i, uint64_t log_wall)
{
	struct segment *seg = sc->segs[i];
	struct summary_head sum;
	enum status has = find_summary(sc, seg, &sum), st;
	uint64_t at;

	if (has != OK && has != ST_NOENT)
		return has;
	if (has == OK && sum.prev == chain_end(sc) && summary_is_enough(sc, &sum, log_wall)) {
		push_group(sc, &(struct group_at){ .seg = i,
			.at = (uint32_t)(seg->size - SUMMARY_HEADER - sum.bytes), .summary = true,
			.first = sum.first, .last = sum.last, .prev = sum.prev,
			.epoch = sum.epoch, .wall_ns = sum.wall_ns, .bytes = sum.bytes });
		return OK;
	}
	st = chain_groups(sc, i, &at);
	if (st != OK)
		return st;
	if (has == OK)		/* it was written after the last group was synced */
		return sum.last > chain_end(sc) ?
		    broken(sc, seg, at, "a group of a full segment is damaged") : OK;
	return vouched_behind(sc, seg, at, seg->serial, chain_end(sc));
}

/* What the next incarnation did not find, or found torn, is no part of the log. */
static void
forget_behind(struct scan *sc, lsn_t prev)
{
	while (sc->ngroups > 0 && sc->groups[sc->ngroups - 1].last > prev &&
	    !sc->groups[sc->ngroups - 1].summary)
		sc->ngroups--;
}

/* May the segment i follow what was found so far?  *drop: it and all behind it are no part of
 * the log, since what they follow never was synced. */
static enum status
join_segment(struct scan *sc, uint32_t i, bool *drop)
{
	struct segment *seg = sc->segs[i];
	const uint8_t *bytes;
	struct group_head h;
	enum status st = scan_group(sc, seg, 0, &h, &bytes);

	if (st != OK)
		return st;
	if (i == 0) {
		sc->end = h.prev;
		if (h.serial != sc->j->head.data_serial)
			return broken(sc, seg, 0, "segments before this one are missing");
		return h.prev > sc->j->head.checkpoint_lsn ?
		    broken(sc, seg, 0, "entries before this one are missing") : OK;
	}
	if (seg->serial == sc->segs[i - 1]->serial)
		return broken(sc, seg, 0, "two segments have the same serial");
	if (SERIAL_INCARNATION(seg->serial) > SERIAL_INCARNATION(sc->segs[i - 1]->serial))
		forget_behind(sc, h.prev);
	if (h.prev == chain_end(sc))
		return OK;
	if (SERIAL_INCARNATION(seg->serial) != sc->j->head.incarnation)
		return broken(sc, seg, 0, "entries before this one are missing");
	*drop = true;
	for (; i < sc->nsegs; i++)
		if ((st = vouched_behind(sc, sc->segs[i], 0, sc->segs[i]->serial,
		    chain_end(sc))) != OK)
			return st;
	return OK;
}

/* When, about, was the log written to last?  First groups and summaries tell. */
static enum status
newest_wall(struct scan *sc, uint64_t *wall)
{
	*wall = 0;
	for (uint32_t i = 0; i < sc->nsegs; i++) {
		struct summary_head sum;
		const uint8_t *bytes;
		struct group_head h;
		enum status st = scan_group(sc, sc->segs[i], 0, &h, &bytes);

		if (st != OK)
			return st;
		*wall = MAX(*wall, h.wall_ns);
		st = find_summary(sc, sc->segs[i], &sum);
		if (st == OK)
			*wall = MAX(*wall, sum.wall_ns);
		else if (st != ST_NOENT)
			return st;
	}
	return OK;
}

/* The head knows where the incarnation before its own ended; if that one wrote nothing yet, no
 * group says so. */
static enum status
heed_head(struct scan *sc)
{
	const struct group_at *g = sc->ngroups > 0 ? &sc->groups[sc->ngroups - 1] : NULL;
	const struct head *h = &sc->j->head;

	if (g == NULL || SERIAL_INCARNATION(sc->segs[g->seg]->serial) >= h->incarnation)
		return OK;
	forget_behind(sc, h->prev_end);
	return chain_end(sc) == h->prev_end ? OK :
	    broken(sc, sc->segs[g->seg], g->at, "the log ends before its head says");
}

static enum status
chain_all(struct scan *sc)
{
	uint64_t wall;
	enum status st = newest_wall(sc, &wall);

	for (uint32_t i = 0; st == OK && i < sc->nsegs; i++) {
		bool drop = false;

		st = join_segment(sc, i, &drop);
		if (st == OK && drop) {
			while (sc->nsegs > i)
				push_segment(&sc->spare, &sc->nspare, &sc->spare_cap,
				    sc->segs[--sc->nsegs]);
			break;
		}
		if (st == OK)
			st = chain_segment(sc, i, wall);
	}
	return st == OK ? heed_head(sc) : st;
}

/* --- the tail --- */

/* Data of one entry against its checksums; false: torn. */
static enum status
entry_data_ok(struct scan *sc, const struct group_at *g, struct reader *r, uint64_t *data_at,
    bool *ok)
{
	struct arena arena;
	struct entry_head e;
	uint8_t home[1024];
	enum status st = OK;

	if (!entry_read_head(r, &e))
		return ST_CORRUPT;
	arena_init(&arena, home, sizeof home, TXN_RECORDS_MAX);
	for (uint16_t i = 0; i < e.nitems && st == OK && *ok; i++) {
		struct txn_item item;
		const uint8_t *p;

		if (!entry_read_item(r, &item, &arena)) {
			st = ST_CORRUPT;
			break;
		}
		if (item.kind != ITEM_DATA)
			continue;
		p = window_get(&sc->window, sc->segs[g->seg], *data_at + item.data_at,
		    item.to - item.from, &st);
		for (uint64_t at = 0; p != NULL && at < item.to - item.from; at += TXN_CRC_UNIT)
			*ok &= crc32c(0, p + at, MIN(item.to - item.from - at,
			    (uint64_t)TXN_CRC_UNIT)) == item.crc[at / TXN_CRC_UNIT];
	}
	*data_at += e.data_bytes;
	arena_rewind(&arena);
	return st;
}

static enum status
group_data_ok(struct scan *sc, const struct group_at *g, bool *ok)
{
	struct group_head h;
	const uint8_t *bytes;
	uint8_t *entries;
	struct reader r;
	uint64_t data_at;
	enum status st = scan_group(sc, sc->segs[g->seg], g->at, &h, &bytes);

	*ok = st == OK;
	if (st != OK)
		return st == ST_NOENT ? OK : st;
	entries = xmalloc(g->bytes + 1);	/* the window moves */
	memcpy(entries, bytes + GROUP_HEADER, g->bytes);
	r = reader_of(entries, g->bytes);
	data_at = g->at + group_data_at(&h);
	while (st == OK && *ok && reader_left(&r) > 0)
		st = entry_data_ok(sc, g, &r, &data_at, ok);
	free(entries);
	return st;
}

/* Groups of the last incarnation for which no later one vouches: the first whose data is torn
 * ends the log. */
static enum status
trim_tail(struct scan *sc)
{
	uint32_t i = sc->ngroups;

	while (i > 0 && !sc->groups[i - 1].summary && sc->groups[i - 1].last > sc->vouched &&
	    SERIAL_INCARNATION(sc->segs[sc->groups[i - 1].seg]->serial) ==
	    sc->j->head.incarnation)
		i--;
	for (; i < sc->ngroups; i++) {
		bool ok;
		enum status st = group_data_ok(sc, &sc->groups[i], &ok);

		if (st != OK)
			return st;
		if (!ok) {
			sc->ngroups = i;
			break;
		}
	}
	return OK;
}

/* A segment whose first group is damaged looks like a spare one: its others may know better. */
static enum status
look_into_spares(struct scan *sc)
{
	enum status st = OK;

	for (uint32_t i = 0; i < sc->nspare && st == OK; i++)
		st = vouched_behind(sc, sc->spare[i], SEGMENT_BLOCK,
		    SERIAL_OF(sc->j->head.incarnation, 0), chain_end(sc));
	return st;
}

/* Segments with a group of the log know their LSNs; the others are nothing's: serial 0. */
static void
settle_segments(struct scan *sc)
{
	for (uint32_t g = 0; g < sc->ngroups; g++) {
		struct segment *seg = sc->segs[sc->groups[g].seg];

		if (seg->first_lsn == 0) {
			seg->first_lsn = sc->groups[g].first;
			seg->prev_lsn = sc->groups[g].prev;
		}
		seg->last_lsn = sc->groups[g].last;
	}
	for (uint32_t i = 0; i < sc->nsegs; i++)
		if (sc->segs[i]->first_lsn == 0)
			sc->segs[i]->serial = 0;
}

/* A log without any group is right where all of it was in the store and its segments were used
 * again. */
static enum status
may_be_empty(struct scan *sc)
{
	const struct head *h = &sc->j->head;

	if (sc->ngroups > 0 || (h->data_lsn == 0 && sc->end <= h->checkpoint_lsn))
		return OK;
	snprintf(sc->why, sc->why_cap,
	    "journal of %s: all its segments are missing, its head knows "
	    "of entries up to %u.%llu",
	    sc->j->share->conf.name, LSN_INCARNATION(sc->end), LSN_COUNTER(sc->end));
	return ST_CORRUPT;
}

enum status
scan_log(struct scan *sc)
{
	const struct head *h = &sc->j->head;
	bool clean = (h->flags & HEAD_CLEAN) != 0;
	enum status st;

	sc->window.ahead = AHEAD_LIST;
	sc->end = clean ? h->end : MAX(h->prev_end, h->checkpoint_lsn);
	st = list_folder(sc);
	if (st == OK && sc->nsegs > 0)
		st = chain_all(sc);
	if (st == OK && !clean)
		st = trim_tail(sc);
	if (st == OK && !clean)
		st = look_into_spares(sc);
	if (st == OK)
		st = may_be_empty(sc);
	if (st != OK)
		return st;
	sc->end = chain_end(sc);
	if ((clean && sc->end != h->end) || sc->end < h->checkpoint_lsn) {
		lsn_t knows = clean ? h->end : h->checkpoint_lsn;

		snprintf(sc->why, sc->why_cap, "journal of %s ends at %u.%llu, its head knows of "
		    "%u.%llu", sc->j->share->conf.name, LSN_INCARNATION(sc->end),
		    LSN_COUNTER(sc->end), LSN_INCARNATION(knows), LSN_COUNTER(knows));
		return ST_CORRUPT;
	}
	settle_segments(sc);
	sc->window.ahead = AHEAD_CHAIN;		/* for who replays */
	return OK;
}

void
scan_free(struct scan *sc)
{
	for (uint32_t i = 0; i < sc->nsegs; i++)
		if (sc->segs[i] != NULL)
			segment_put(&sc->segs[i]);
	for (uint32_t i = 0; i < sc->nspare; i++)
		if (sc->spare[i] != NULL)
			segment_put(&sc->spare[i]);
	free(sc->segs);
	free(sc->spare);
	free(sc->junk);
	free(sc->groups);
	free(sc->window.bytes);
}
