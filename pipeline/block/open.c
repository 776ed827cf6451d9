/*
 * Opening a journal.  A new one is made aside and named last; an old one is compared with its
 * store, recovered, and continued by a new incarnation in a fresh segment.  The head that names
 * the incarnation is synced before anything of it can be seen.
 */
#include "pipeline/block/scan.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INCARNATION_MAX = 0xfffffe, FENCE_FIRST = 1 };

#define NUMBERS_JUMP (1ull << 20)	/* after an unclean start */

struct journal *
journal_new(struct share *s, const struct block_conf *conf)
{
	struct journal *j = xcalloc(1, sizeof *j);

	j->share = s;
	j->dirfd = j->head_fd = -1;
	j->lossy = !s->store->ops->durable;
	atomic_init(&j->disk_free, UINT64_MAX);	/* until it is first asked */
	j->segment_bytes = (uint32_t)round_up(MAX(conf->segment_bytes,
	    (uint32_t)SEGMENT_SMALL_BYTES), SEGMENT_BLOCK);
	j->records_cap = conf->records_cap;
	j->places_max = conf->places_max == 0 ? (uint32_t)PLACES_MAX :
	    MIN(conf->places_max, (uint32_t)PLACES_MAX);
	journal_caps(j);
	j->next_number = 1;
	mutex_init(&j->mutex, RANK_JOURNAL, s->row.share);
	cond_init(&j->changed);
	list_init(&j->link);
	list_init(&j->pending);
	list_init(&j->waiters);
	list_init(&j->parked);
	list_init(&j->used);
	list_init(&j->ready);
	list_init(&j->taken);
	list_init(&j->prepare_link);
	atomic_store(&j->disk_free, UINT64_MAX);
	return j;
}

static void
put_all(struct list *segments)
{
	struct list *l;

	while ((l = list_pop_front(segments)) != NULL) {
		struct segment *seg = container_of(l, struct segment, link);

		segment_put(&seg);
	}
}

void
journal_free(struct journal **jp)
{
	struct journal *j = TAKE(jp);

	if (j == NULL)
		return;
	assert(list_empty(&j->waiters) && list_empty(&j->parked) && list_empty(&j->pending));
	put_all(&j->used);
	put_all(&j->ready);
	if (j->head_fd >= 0)
		close(j->head_fd);
	if (j->dirfd >= 0)
		close(j->dirfd);
	cond_destroy(&j->changed);
	mutex_destroy(&j->mutex);
	free(j);
}

/* --- the folder --- */

static enum status
open_folder(struct journal *j, bool make)
{
	int at = open(j->share->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st = OK;

	if (at < 0)
		return status_of_errno(errno);
	if (make && ((mkdirat(at, "journal", 0700) != 0 && errno != EEXIST) ||
	    (mkdirat(at, "containers", 0700) != 0 && errno != EEXIST)))
		st = status_of_errno(errno);
	else if (make)		/* and with them the share's row, before a head cites it */
		st = file_sync_folder(at, "journal.folder");
	if (st == OK && (j->dirfd = openat(at, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		st = status_of_errno(errno);
	close(at);
	return st;
}

/* Whatever lies here of a journal that never was whole, or that need not survive. */
static enum status
remove_ours(void *arg, const char *name)
{
	const struct journal *j = arg;

	if (strncmp(name, "seg-", 4) == 0 || strcmp(name, "head") == 0 ||
	    strcmp(name, "head.new") == 0)
		unlinkat(j->dirfd, name, 0);
	return OK;
}

static enum status
empty_folder(struct journal *j)
{
	return file_list(j->dirfd, remove_ours, j);
}

/* The journal of just this share: its making was interrupted before the store was claimed. */
static bool
is_ours(const struct journal *j, const struct head *old)
{
	const struct share_row *row = &j->share->row;

	return !j->lossy && memcmp(old->share_id, row->share_id, sizeof old->share_id) == 0 &&
	    memcmp(old->journal_id, row->journal_id, sizeof old->journal_id) == 0;
}

/* A new journal, unless there is one that must be kept.  A volatile one goes; its incarnation is
 * counted on. */
static enum status
clear_place(struct journal *j, bool *ours, char *why, size_t why_cap)
{
	struct head old;
	int fd;
	enum status st = head_open(j->dirfd, &old, &fd);

	if (st == ST_NOENT)
		return empty_folder(j);
	if (st == ST_BUSY) {
		snprintf(why, why_cap, "journal of %s is open elsewhere", j->share->conf.name);
		return st;
	}
	*ours = st == OK && is_ours(j, &old);
	if (*ours) {
		close(fd);
		return OK;
	}
	if (!j->lossy || (st != OK && st != ST_CORRUPT)) {
		if (st == OK)
			close(fd);
		snprintf(why, why_cap, "%s/journal holds a journal already", j->share->conf.dir);
		return ST_EXIST;
	}
	if (st == OK) {
		j->head.incarnation = old.incarnation;
		close(fd);
	}
	return empty_folder(j);
}

/* --- store and journal belong together --- */

static enum status
mismatch(const struct journal *j, char *why, size_t why_cap, const char *what, uint64_t store,
    uint64_t journal)
{
	snprintf(why, why_cap, "store and journal of %s do not belong together: %s of the store is "
	    "%u.%llu, of the journal %u.%llu", j->share->conf.name, what, LSN_INCARNATION(store),
	    LSN_COUNTER(store), LSN_INCARNATION(journal), LSN_COUNTER(journal));
	return ST_MISMATCH;
}

static enum status
compare(const struct journal *j, const struct meta_ident *id, lsn_t end, char *why, size_t why_cap)
{
	const struct head *h = &j->head;

	if (memcmp(id->share_id, h->share_id, 16) != 0)
		return mismatch(j, why, why_cap, "the share's id", get_be64(id->share_id),
		    get_be64(h->share_id));
	if (memcmp(id->journal_id, h->journal_id, 16) != 0)
		return mismatch(j, why, why_cap, "the journal's id", get_be64(id->journal_id),
		    get_be64(h->journal_id));
	if (id->fence != h->fence)
		return mismatch(j, why, why_cap, "the owner's fence", id->fence, h->fence);
	if (id->applied_lsn > end)
		return mismatch(j, why, why_cap, "the newest entry", id->applied_lsn, end);
	if (id->applied_lsn < h->checkpoint_lsn)
		return mismatch(j, why, why_cap, "what was applied", id->applied_lsn,
		    h->checkpoint_lsn);
	return OK;
}

static enum status
compare_store(const struct journal *j, bool fresh, lsn_t end, struct meta_ident *id, char *why,
    size_t why_cap)
{
	struct meta_store *store = j->share->store;
	enum status st = store->ops->ident(store, id);

	if (st == ST_NOENT) {		/* nobody's yet: fine while the whole log can be replayed */
		*id = (struct meta_ident){ .fence = j->head.fence };
		memcpy(id->share_id, j->head.share_id, 16);
		memcpy(id->journal_id, j->head.journal_id, 16);
		st = OK;
	} else if (st == OK && fresh) {
		return mismatch(j, why, why_cap, "the journal's id", get_be64(id->journal_id),
		    get_be64(j->head.journal_id));
	}
	return st == OK ? compare(j, id, end, why, why_cap) : st;
}

/* --- recovery --- */

static enum status
sync_segments(struct scan *sc)
{
	enum status st = OK;

	/* What was read may have come from the kernel's cache: nothing is built upon it before it
	 * is on disk. */
	for (uint32_t i = 0; st == OK && i < sc->nsegs; i++)
		st = file_sync(sc->segs[i]->fd, "recover.sync");
	return st;
}

/* Segments of the log are used, others ready.  The last of either may come from a creation that was
 * interrupted before its name was durable. */
static enum status
take_over(struct journal *j, struct scan *sc)
{
	for (uint32_t i = 0; i < sc->nsegs; i++) {
		struct segment *seg = TAKE(&sc->segs[i]);

		if (seg->serial == 0) {
			journal_release_segment(j, seg);
			continue;
		}
		seg->sealed_ns = clock_mono_ns();
		list_push_back(&j->used, &seg->link);
		j->nused++;
		j->filled_bytes += seg->size;
	}
	for (uint32_t i = 0; i < sc->nspare; i++)
		journal_release_segment(j, TAKE(&sc->spare[i]));
	for (uint32_t i = 0; i < sc->njunk; i++) {
		char name[32];

		snprintf(name, sizeof name, "seg-%u", sc->junk[i]);
		unlinkat(j->dirfd, name, 0);
	}
	return j->lossy ? OK : file_sync_folder(j->dirfd, "recover.folder");
}

static enum status
recover(struct journal *j, void (*remember)(uint64_t share, const struct note *note),
    struct meta_ident *id, char *why, size_t why_cap)
{
	struct scan sc = { .j = j, .why = why, .why_cap = why_cap };
	enum status st = scan_log(&sc);

	if (st == OK)
		st = compare_store(j, false, sc.end, id, why, why_cap);
	if (st == OK && !j->lossy)
		st = sync_segments(&sc);
	if (st == OK)
		st = replay_log(&sc, remember);
	if (st == OK)
		st = take_over(j, &sc);
	if (st == OK)
		j->written = sc.end;
	scan_free(&sc);
	return st;
}

/* --- the new incarnation --- */

static void
head_fresh(struct journal *j)
{
	struct share *s = j->share;

	memcpy(j->head.share_id, s->row.share_id, 16);
	memcpy(j->head.journal_id, s->row.journal_id, 16);
	j->head.fence = FENCE_FIRST;
	j->head.epoch = 1;
	memcpy(j->id, j->head.journal_id, 16);
	j->opener.keys = j->share->keys;
	memcpy(j->opener.journal_id, j->id, 16);
	s->catalog = catalog_new(s->store, 1, 0);
	atomic_store(&s->next_ino, MAX(atomic_load(&s->next_ino), (uint64_t)INO_ROOT + 1));
	atomic_store(&s->next_content, MAX(atomic_load(&s->next_content), (uint64_t)INO_ROOT + 1));
	atomic_store(&s->next_leaf, MAX(atomic_load(&s->next_leaf), 1ull));
	atomic_store(&s->next_container, MAX(atomic_load(&s->next_container), 1ull));
}

static void
jump_numbers(struct share *s)
{
	atomic_fetch_add(&s->next_ino, NUMBERS_JUMP);
	atomic_fetch_add(&s->next_content, NUMBERS_JUMP);
	atomic_fetch_add(&s->next_leaf, NUMBERS_JUMP);
	atomic_fetch_add(&s->next_container, NUMBERS_JUMP);
}

static uint64_t
new_verifier(uint64_t old)
{
	uint64_t v = 0;

	while (v == 0 || v == old)
		rand_bytes(&v, sizeof v);
	return v;
}

/* Take the number, open the fresh segment, and let the head say so. */
static enum status
begin_incarnation(struct journal *j, bool fresh, lsn_t applied)
{
	struct share *s = j->share;
	struct head *h = &j->head;
	const struct segment *oldest;
	enum status st;
	uint32_t last = MAX(h->incarnation, MAX(LSN_INCARNATION(applied),
	    LSN_INCARNATION(j->written)));

	if (last >= INCARNATION_MAX)
		return ST_RESOURCE;
	j->incarnation = last + 1;
	st = journal_next_segment(j);
	if (st != OK)
		return st;
	oldest = container_of(j->used.next, struct segment, link);
	h->prev_end = j->written;
	h->incarnation = j->incarnation;
	h->flags = j->lossy ? HEAD_VOLATILE : 0;
	h->end = 0;
	h->data_serial = oldest->serial;
	h->data_lsn = oldest->first_lsn;
	h->verifier = atomic_load(&s->verifier);
	head_take_numbers(h, s);
	h->sequence++;
	j->epoch = catalog_epoch(s->catalog);
	s->first_lsn = LSN_OF(j->incarnation, 1);
	atomic_store(&j->assigned, LSN_OF(j->incarnation, 0));
	atomic_store(&j->durable, LSN_OF(j->incarnation, 0));
	atomic_store(&j->checkpoint, h->checkpoint_lsn);
	return fresh ? head_create(j->dirfd, h, &j->head_fd) :
	    head_write(j->head_fd, h, !j->lossy);
}

static enum status
open_new(struct journal *j, bool *fresh, struct meta_ident *id, char *why, size_t why_cap)
{
	struct share *s = j->share;
	bool ours = false;
	enum status st = open_folder(j, true);

	if (st == OK)
		st = clear_place(j, &ours, why, why_cap);
	*fresh = !ours;
	if (st != OK || ours)
		return st;
	head_fresh(j);
	st = compare_store(j, true, 0, id, why, why_cap);
	if (st != OK)
		return st;
	s->was_clean = true;
	atomic_store(&s->verifier, new_verifier(0));
	return begin_incarnation(j, true, 0);
}

static enum status
open_old(struct journal *j, void (*remember)(uint64_t share, const struct note *note),
    struct meta_ident *id, char *why, size_t why_cap)
{
	struct share *s = j->share;
	enum status st = j->dirfd < 0 ? open_folder(j, false) : OK;

	if (st == OK)
		st = head_open(j->dirfd, &j->head, &j->head_fd);
	if (st != OK) {
		snprintf(why, why_cap, "head of the journal of %s: %s", s->conf.name,
		    status_text(st));
		return st;
	}
	memcpy(j->id, j->head.journal_id, 16);
	j->opener.keys = j->share->keys;
	memcpy(j->opener.journal_id, j->id, 16);
	if (((j->head.flags & HEAD_VOLATILE) != 0) != j->lossy) {
		snprintf(why, why_cap, "journal of %s is %svolatile, its store is not",
		    s->conf.name, j->lossy ? "not " : "");
		return ST_MISMATCH;
	}
	st = recover(j, remember, id, why, why_cap);
	if (st != OK)
		return st;
	s->was_clean = (j->head.flags & HEAD_CLEAN) != 0;
	if (!s->was_clean)
		jump_numbers(s);
	atomic_store(&s->verifier, s->was_clean ? j->head.verifier :
	    new_verifier(j->head.verifier));
	return begin_incarnation(j, false, id->applied_lsn);
}

enum status
journal_open(struct journal *j, bool fresh,
    void (*remember)(uint64_t share, const struct note *note), char *why, size_t why_cap)
{
	struct meta_store *store = j->share->store;
	struct meta_ident id;
	enum status st = OK;

	if (fresh)
		st = open_new(j, &fresh, &id, why, why_cap);
	if (st == OK && !fresh)
		st = open_old(j, remember, &id, why, why_cap);
	if (st != OK)
		return st;
	st = store->ops->claim(store, &id);
	(void)journal_disk_free(j);
	log_info("journal.open", F_STR("share", j->share->conf.name),
	    F_U64("incarnation", j->incarnation), F_U64("clean", j->share->was_clean),
	    F_HEX("end", j->written));
	return st;
}
