/* What only the remote has is brought here, whole: as far as there is room, and until it is given
 * up. */
#include "tests/unit/pipeline/sync/cold_yard.h"

#include "crypto/aead.h"
#include "pipeline/base/clock.h"
#include "pipeline/block/mirror.h"
#include "pipeline/stage/errand.h"
#include "tests/lib/check.h"

#include <string.h>
#include <unistd.h>

static struct sync_warm
look(const struct yard *y)
{
	struct sync_warm w;

	TRUE(sync_warm_look(y->share, &w));
	return w;
}

static struct sync_warm
until_over(const struct yard *y)
{
	for (int i = 0; i < PATIENCE && look(y).state == WARM_RUNS; i++)
		usleep(10000);
	return look(y);
}

/* Rows say what is here: as many containers as there are files. */
static struct tally
settled(struct yard *y)
{
	for (int i = 0; i < PATIENCE && yard_recount(y).wrong > 0; i++)
		usleep(10000);
	return yard_recount(y);
}

CASE(all_is_brought_here_and_read_without_the_remote)
{
	struct block_flaky_seen first, second;
	struct sync_warm w;
	struct tally t;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	EQ(look(&y).state, WARM_NONE);
	EQ(sync_warm_start(y.share, "/"), OK);
	w = until_over(&y);
	EQ(w.state, WARM_DONE);
	TRUE(w.containers >= 2 && w.done == w.containers && w.damaged == 0 && w.text[0] == '\0');
	TRUE(w.bytes >= PIECES * (uint64_t)PIECE);
	t = settled(&y);
	EQ(t.wrong, 0);
	EQ(t.files, w.containers);
	block_flaky_look(y.remote, &first);
	block_flaky_down(y.remote, true);
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &second);
	EQ(second.calls, first.calls);
	block_flaky_down(y.remote, false);
	remote_evict(&y);	/* like any other: their rows say that they are here */
	EQ(yard_recount(&y).files, 0);
	EQ(sync_warm_start(y.share, ""), OK);
	EQ(until_over(&y).id, 2);
	yard_close(&y);			/* perhaps before rows say so */
	yard_open(&y, false);
	EQ(sync_warm_start(y.share, ""), OK);
	w = until_over(&y);
	EQ(w.bytes, 0);			/* all was here */
	EQ(settled(&y).wrong, 0);
	remote_end(&y);
}

CASE(what_is_sealed_and_compressed_is_brought_as_well)
{
	struct sync_warm w;
	struct yard y;

	cold_make_as(&y, &(struct block_flaky_conf){ .seed = 3 }, AEAD_XCHACHA20_POLY1305, 3);
	EQ(sync_warm_start(y.share, ""), OK);
	w = until_over(&y);
	EQ(w.state, WARM_DONE);
	EQ(w.done, w.containers);
	EQ(w.damaged, 0);
	block_flaky_down(y.remote, true);
	yard_compare(&y, 1);
	remote_end(&y);
}

CASE(what_comes_damaged_is_not_kept_and_counted)
{
	struct sync_warm w;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 9, .flip = 30, .cut = 10 });
	EQ(sync_warm_start(y.share, ""), OK);
	w = until_over(&y);
	EQ(w.state, WARM_DONE);
	EQ(w.done + w.damaged, w.containers);
	TRUE(w.damaged > 0);
	for (int i = 0; i < 50 && w.damaged > 0; i++) {	/* each comes whole some time */
		EQ(sync_warm_start(y.share, ""), OK);
		w = until_over(&y);
	}
	EQ(w.damaged, 0);
	EQ(settled(&y).wrong, 0);
	block_flaky_down(y.remote, true);
	yard_compare(&y, 1);
	remote_end(&y);
}

CASE(it_stops_where_the_share_may_keep_no_more)
{
	struct sync_warm w;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_close(&y);
	y.local_bytes = 17 << 20;
	yard_open(&y, false);
	EQ(sync_warm_start(y.share, ""), OK);
	w = until_over(&y);
	EQ(w.state, WARM_DONE);
	TRUE(w.done < w.containers && strstr(w.text, "full") != NULL);
	TRUE(mirror_bytes(block_mirror(y.share)) <= 17 << 20);
	yard_compare(&y, 1);
	remote_end(&y);
}

CASE(it_waits_while_the_remote_is_away_and_can_be_given_up)
{
	struct sync_warm w;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_down(y.remote, true);
	EQ(sync_warm_start(y.share, ""), OK);
	EQ(sync_warm_start(y.share, ""), ST_BUSY);
	for (int i = 0; i < PATIENCE && strstr(look(&y).text, "away") == NULL; i++)
		usleep(1000);
	EQ(look(&y).state, WARM_RUNS);
	sync_warm_cancel(y.share);
	EQ(until_over(&y).state, WARM_CANCELED);
	EQ(sync_warm_start(y.share, ""), OK);
	for (int i = 0; i < PATIENCE && strstr(look(&y).text, "away") == NULL; i++)
		usleep(1000);
	block_flaky_down(y.remote, false);
	w = until_over(&y);
	EQ(w.state, WARM_DONE);
	EQ(w.done, w.containers);
	remote_end(&y);
}

CASE(a_share_closes_while_it_is_warmed)
{
	uint64_t from;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_down(y.remote, true);
	EQ(sync_warm_start(y.share, ""), OK);
	usleep(20000);
	from = clock_mono_ns();
	yard_close(&y);
	TRUE(clock_mono_ns() - from < 8 * NS_PER_S);
	block_flaky_down(y.remote, false);
	yard_open(&y, false);
	yard_compare(&y, 1);
	remote_end(&y);
}

/* --- the pool of operators' work is taken --- */

enum { TAKEN = 8 };		/* more than the pool has threads: some wait before it */

struct taker {
	struct errand errand;
	_Atomic bool over;
};

static _Atomic bool let_go;

static void
take(struct errand *e)
{
	struct taker *t = container_of(e, struct taker, errand);

	while (!let_go)
		usleep(1000);
	t->over = true;
}

CASE(a_warming_that_has_not_begun_keeps_no_share_from_closing)
{
	static struct taker taker[TAKEN];
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	let_go = false;
	for (int i = 0; i < TAKEN; i++) {
		errand_init(&taker[i].errand, take);
		taker[i].over = false;
		errand_post(FLOOR_MGMT, &taker[i].errand);
	}
	EQ(sync_warm_start(y.share, ""), OK);
	yard_close(&y);			/* an end at all: the pool is still taken */
	let_go = true;
	for (int i = 0; i < TAKEN; i++)
		while (!taker[i].over)
			usleep(1000);
	yard_open(&y, false);
	yard_compare(&y, 1);
	remote_end(&y);
}
