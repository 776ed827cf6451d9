/* Containers go to the remote store, through whatever it does; and leave it again. */
#include "backends/block/flaky/flaky.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/mirror.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <stdlib.h>
#include <unistd.h>

enum { PIECE = REMOTE_PIECE, PIECES = 6, PATIENCE = REMOTE_PATIENCE };

struct rows {
	uint32_t n, remote;
	uint64_t bytes;
};

static bool
see(void *arg, struct slice key, const struct version *v)
{
	struct container_row c;
	struct rows *r = arg;

	(void)key;
	if (rec_container_decode(v->body, &c) != OK)
		return false;
	r->n++;
	r->remote += c.remote && c.fence != 0;
	r->bytes += c.bytes;
	return true;
}

static struct rows
rows_of(struct yard *y)
{
	static const uint8_t tag = TAG_CONTAINER;
	struct rows r = { 0 };

	EQ(catalog_scan(y->share->catalog, slice_of(&tag, 1), slice_of(NULL, 0), true, see, &r),
	    OK);
	return r;
}

CASE(what_was_written_is_in_the_remote_and_its_rows_say_so)
{
	struct sync_remote r;
	struct rows rows;
	struct yard y;

	remote_make(&y, "memory", 0, remote_memory());
	remote_noise(&y, 1, PIECES);
	r = remote_push(&y);
	rows = rows_of(&y);
	TRUE(rows.n > 0);
	EQ(rows.remote, rows.n);
	EQ(remote_objects(y.remote), rows.n);
	EQ(r.uploaded, rows.n);
	EQ(r.uploaded_bytes, rows.bytes);
	EQ(r.pending + r.pending_bytes + r.running + r.retries, 0);
	yard_compare(&y, 1);
	remote_end(&y);
}

CASE(faults_and_lost_replies_end_in_the_same)
{
	struct block_store *flaky = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5, .fail = 30, .lost = 30, .delay_ms = 5 });
	struct rows rows;
	struct yard y;

	remote_make(&y, "memory", 0, flaky);
	for (int i = 0; i < 3; i++) {
		remote_noise(&y, 1, PIECES);
		(void)remote_push(&y);
	}
	rows = rows_of(&y);
	EQ(rows.remote, rows.n);
	remote_end(&y);
}

CASE(while_the_remote_is_away_data_is_carved_and_then_brought_over)
{
	struct block_store *flaky = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5 });
	struct sync_remote r = { .has = false };
	struct rows rows;
	struct yard y;

	remote_make(&y, "memory", 0, flaky);
	block_flaky_down(flaky, true);
	remote_noise(&y, 1, PIECES);
	for (int i = 0; i < PATIENCE && (r.dirty_bytes > 0 || !r.away); i++) {
		sync_push_share(y.share);
		sync_remote_look(y.share, &r);
		usleep(10000);
	}
	EQ(r.dirty_bytes, 0);		/* carve did not wait */
	TRUE(r.away && r.pending > 0 && !r.drained);
	EQ_STR(r.text, "peer not reachable");
	rows = rows_of(&y);
	EQ(rows.remote, 0);
	block_flaky_down(flaky, false);
	r = remote_push(&y);
	FALSE(r.away);
	EQ_STR(r.text, "");
	rows = rows_of(&y);
	EQ(rows.remote, rows.n);
	remote_end(&y);
}

/* Until the journal has none of it any more, and those pieces are known to be on their way. */
static void
carved(struct yard *y, int pieces)
{
	struct sync_remote r = { .dirty_bytes = 1 };

	for (int i = 0; i < PATIENCE && (r.dirty_bytes > 0 ||
	    r.pending_bytes < (uint64_t)pieces * PIECE); i++) {
		sync_push_share(y->share);
		sync_remote_look(y->share, &r);
		usleep(2000);
	}
	EQ(r.dirty_bytes, 0);
}

CASE(what_only_is_here_has_a_bound_and_room_comes_when_it_is_sent)
{
	struct block_store *flaky = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5 });
	enum { MOST_MIB = 64 - 64 / 8 };
	uint8_t *bytes = xmalloc(PIECE);
	uint64_t slow_ns = 0;
	struct sync_remote r;
	struct txn *t;
	enum status st = ST_DELAY;
	struct yard y;
	int n = 0;

	yard_start();
	yard_make(&y, "memory");
	yard_close(&y);
	y.remote = flaky;
	y.local_bytes = MOST_MIB;	/* bytes: the least that is taken is 64 MiB */
	yard_open(&y, false);
	block_flaky_down(flaky, true);
	EQ(yard_room(&y, PIECE, &slow_ns), OK);
	EQ(slow_ns, 0);
	for (int i = 0; i < PATIENCE && n < MOST_MIB - 4; i++) {
		if (yard_room(&y, PIECE, &slow_ns) != OK) { /* the log's own caps: it is emptied */
			usleep(10000);
			continue;
		}
		rand_bytes(bytes, PIECE);
		yard_write(&y, (uint64_t)n / 20 + 1, (uint64_t)(n % 20) * PIECE, bytes, PIECE);
		n++;
		carved(&y, n);
		if (n == 48)
			TRUE(slow_ns > 0);	/* three quarters are passed */
	}
	EQ(n, MOST_MIB - 4);
	while (n < MOST_MIB && yard_room(&y, PIECE, &slow_ns) == OK) {
		yard_write(&y, 4, (uint64_t)n % 20 * PIECE, bytes, PIECE);
		n++;
	}
	/* Containers are a little larger than what they hold, small ones most. */
	EQ(yard_room(&y, PIECE, &slow_ns), ST_DELAY);
	t = txn_new();			/* names and attributes go on */
	t->record_bytes = 100;
	for (int i = 0; i < PATIENCE && (st = block_reserve(y.share, t)) == ST_DELAY; i++)
		usleep(10000);
	EQ(st, OK);
	block_unreserve(y.share, t);
	txn_free(&t);
	block_flaky_down(flaky, false);
	r = remote_push(&y);
	EQ(r.pending_bytes, 0);
	for (int i = 0; i < PATIENCE; i++)
		if ((st = yard_room(&y, PIECE, &slow_ns)) == OK && slow_ns == 0)
			break;
		else
			usleep(10000);
	EQ(st, OK);
	EQ(slow_ns, 0);
	for (uint64_t content = 1; content <= 4; content++)
		yard_compare(&y, content);
	free(bytes);
	remote_end(&y);
}

CASE(what_was_not_over_at_a_close_is_brought_over_after_it)
{
	struct block_store *flaky = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5 });
	struct rows rows;
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	yard_close(&y);
	y.remote = flaky;
	yard_open(&y, false);
	block_flaky_down(flaky, true);
	remote_noise(&y, 1, PIECES);
	yard_drain(&y);
	yard_close(&y);
	block_flaky_down(flaky, false);
	yard_open(&y, false);
	(void)remote_push(&y);
	rows = rows_of(&y);
	TRUE(rows.n > 0);
	EQ(rows.remote, rows.n);
	remote_end(&y);
}

CASE(closing_ends_while_calls_hang)
{
	struct block_store *slow = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5, .delay_ms = 600000 });
	struct sync_remote r = { .has = false };
	struct yard y;
	uint64_t begun;

	remote_make(&y, "memory", 0, slow);
	remote_noise(&y, 1, PIECES);
	for (int i = 0; i < PATIENCE && r.running == 0; i++) {
		sync_push_share(y.share);
		sync_remote_look(y.share, &r);
		usleep(10000);
	}
	TRUE(r.running > 0);
	begun = clock_mono_ns();
	yard_close(&y);
	TRUE(clock_mono_ns() - begun < 20 * NS_PER_S);
	yard_end(&y);
	y.remote->ops->close(y.remote);
}

CASE(a_container_that_dies_leaves_the_remote_before_its_row_goes)
{
	struct block_store *flaky = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5 });
	struct sync_remote r;
	struct rows rows;
	struct yard y;

	remote_make(&y, "memory", 0, flaky);
	remote_noise(&y, 1, PIECES);
	(void)remote_push(&y);
	TRUE(remote_objects(flaky) > 0);
	block_flaky_down(flaky, true);
	yard_truncate(&y, 1, 0);
	sync_remote_look(y.share, &r);
	for (int i = 0; i < PATIENCE && r.local_bytes > 0; i++) {
		sync_push_share(y.share);
		usleep(10000);
		sync_remote_look(y.share, &r);
	}
	EQ(r.local_bytes, 0);		/* files go all the same: room is wanted */
	rows = rows_of(&y);
	TRUE(rows.n > 0);		/* dying, and remembered */
	block_flaky_down(flaky, false);
	for (int i = 0; i < PATIENCE && rows.n > 0; i++) {
		sync_push_share(y.share);
		usleep(10000);
		rows = rows_of(&y);
	}
	EQ(rows.n, 0);
	EQ(remote_objects(flaky), 0);
	r = remote_push(&y);
	TRUE(r.deleted > 0);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
}
