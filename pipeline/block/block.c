/*
 * The stage block, and a share's opening and closing.  A job whose entry is not durable parks; a
 * READ with pieces still wanted reads them.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/block/cold.h"
#include "pipeline/block/fetch.h"
#include "pipeline/block/suspect.h"
#include "pipeline/cache/want.h"
#include "pipeline/record/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { LEAVES_BYTES = 8 << 20,			/* decoded leaves of a share */
	AIR_BYTES = 32 << 20, COLD_WAIT_MS = 10000 };

static struct block_conf conf = { .records_cap = 64 << 20,
	.segment_bytes = 64 << 20,
	.tick_ms = 100 };

void
block_start(const struct block_conf *c)
{
	conf = *c;
	preparer_start();
	journal_write_start();
	committer_start(conf.tick_ms);
	cold_start(conf.air_bytes != 0 ? conf.air_bytes : AIR_BYTES,
	    conf.cold_wait_ms != 0 ? conf.cold_wait_ms : COLD_WAIT_MS);
}

void
block_stop(void)
{
	cold_stop();
	committer_stop();
	journal_write_stop();
	preparer_stop();
}

/* --- the stage --- */

static bool
wants(const struct job *job)
{
	return job->io.want != NULL && job->io.want->open > 0;
}

static bool
skip(const struct job *job)
{
	return job->wait_lsn == 0 && !wants(job);
}

static enum turn
down(struct job *job)
{
	if (job->wait_lsn != 0 && !block_durable(job->share, job->wait_lsn)) {
		if (journal_park(journal_of(job->share), job))
			return TURN_PARK;
		if (!block_durable(job->share, job->wait_lsn)) {
			job->status = ST_IO;
			return TURN_UP;
		}
	}
	return wants(job) ? block_fetch(job) : TURN_DOWN;
}

const struct stage_ops block_stage = { .skip = skip, .down = down };

/* --- opening and closing --- */

static enum status
count_of(struct share *s, uint8_t what, _Atomic uint64_t *to)
{
	struct key key = key_count(what, NULL, 0);
	int64_t value = 0;
	enum status st = catalog_count(s->catalog, key_slice(&key), &value);

	if (st == OK || st == ST_NOENT)
		atomic_store(to, value > 0 ? (uint64_t)value : 0);
	return st == ST_NOENT ? OK : st;
}

/* Keys and versions made once, where whoever opens the share does not know them yet. */
static enum status
read_row(struct share *s)
{
	struct key key = key_share(0);
	struct arena arena;
	struct version v;
	uint8_t home[1024];
	enum status st;

	if (s->row.share != 0)
		return OK;
	arena_init(&arena, home, sizeof home, META_VALUE_MAX);
	st = catalog_get(s->catalog, key_slice(&key), true, &arena, &v);
	if (st == OK && v.exists)
		st = rec_share_decode(v.body, &s->row);
	arena_rewind(&arena);
	return st;
}

static enum status
open_mirror(struct share *s)
{
	struct container_ident ident = { .fence = journal_of(s)->head.fence };
	struct container_keys keys;
	char dir[sizeof s->conf.dir + 16];

	memcpy(ident.share_id, s->row.share_id, sizeof ident.share_id);
	container_plain_keys(s->row.digest_key, &keys);
	snprintf(dir, sizeof dir, "%s/containers", s->conf.dir);
	return mirror_open(dir, &ident, &keys, s->keys, &s->block->mirror);
}

static enum status
open_all(struct share *s, bool fresh, void (*remember)(uint64_t share, const struct note *note),
    char *why, size_t why_cap)
{
	struct block *b = s->block;
	enum status st = journal_open(b->journal, fresh, remember, why, why_cap);

	if (st == OK)
		st = read_row(s);
	if (st == OK)
		st = count_of(s, COUNT_USED_BYTES, &s->used_bytes);
	if (st == OK)
		st = count_of(s, COUNT_INODES, &s->used_inodes);
	if (st != OK)
		return st;
	st = open_mirror(s);
	if (st == OK && s->remote != NULL)
		b->cold = cold_new(s);
	if (st == ST_NOENT)		/* on a disk that is not mounted, say */
		snprintf(why, why_cap, "%s/containers is missing", s->conf.dir);
	return st;
}

enum status
block_open(struct share *s, bool fresh, void (*remember)(uint64_t share, const struct note *note),
    char *why, size_t why_cap)
{
	enum status st;

	assert(s->block == NULL && s->catalog == NULL && why_cap > 0);
	why[0] = '\0';
	s->block = xcalloc(1, sizeof *s->block);
	s->block->index = index_new();
	s->block->suspects = suspects_new();
	s->block->leaves = leaves_new(LEAVES_BYTES);
	s->block->journal = journal_new(s, &conf);
	st = open_all(s, fresh, remember, why, why_cap);
	if (st != OK) {
		if (why[0] == '\0')
			snprintf(why, why_cap, "journal of %s: %s", s->conf.name, status_text(st));
		block_free(s);
		return st;
	}
	preparer_ask(s->block->journal);
	committer_add(s->block->journal);
	return OK;
}

static void
say_clean(struct head *h, void *arg)
{
	struct journal *j = arg;

	h->flags |= HEAD_CLEAN;
	h->data_lsn = container_of(j->used.next, struct segment, link)->first_lsn;
	h->end = j->written;
	head_take_numbers(h, j->share);
	h->verifier = atomic_load(&j->share->verifier);
}

enum status
block_close(struct share *s)
{
	struct journal *j = journal_of(s);
	enum status st = block_wait(s, atomic_load(&j->assigned));

	committer_remove(j);
	preparer_forget(j);
	if (st == OK) {
		st = journal_seal(j);
		if (st != OK)
			journal_fail(j, st, "summary");
	}
	if (st == OK)
		st = journal_head_change(j, say_clean, j);
	journal_write(j, false);		/* a failed journal lets go of what is pending */
	return st;
}

void
block_free(struct share *s)
{
	struct block *b;

	if (s->block != NULL)
		cold_free(&s->block->cold);	/* what it still does needs the rest */
	b = TAKE(&s->block);
	if (b == NULL)
		return;
	if (b->mirror != NULL)
		mirror_close(&b->mirror);
	leaves_free(&b->leaves);
	suspects_free(&b->suspects);
	index_free(&b->index);
	journal_free(&b->journal);
	if (s->catalog != NULL)
		catalog_free(&s->catalog);
	free(b);
}

void
block_remote_halt(struct share *s, bool halted)
{
	cold_halt(s->block->cold, halted);
}

uint64_t
block_fence(const struct share *s)
{
	return journal_of(s)->head.fence;
}
