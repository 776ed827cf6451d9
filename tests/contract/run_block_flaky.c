/*
 * The suite over the wrapper that delays, around the keeper in memory; and its faults.
 */
#include "backends/backends.h"
#include "backends/block/doctor.h"
#include "backends/block/flaky/flaky.h"
#include "pipeline/base/clock.h"
#include "tests/contract/block_suite.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <string.h>

static struct block_store *
open_with(const struct block_flaky_conf *flaky)
{
	struct block_store_conf conf = { 0 };
	struct block_store *s = NULL;
	char why[200];

	if (block_store_open("memory", &conf, &s, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "%s", why);
	return block_flaky_wrap(s, flaky);
}

static struct block_store *
open_slow(const char *place)
{
	(void)place;
	return open_with(&(struct block_flaky_conf){ .seed = 1, .delay_ms = 3 });
}

const struct block_factory block_factory = { .conditional = true, .many = 300, .open = open_slow };

static enum status
run(struct block_store *s, enum block_call_kind kind, char *into, struct waiter *w)
{
	enum status st;

	waiter_init(w, kind, "x");
	if (kind == BLOCK_PUT)
		waiter_body(w, "0123456789", 10);
	w->call.into = (uint8_t *)into;
	w->call.into_cap = 16;
	st = waiter_run(s, w);
	waiter_drop(w);
	return st;
}

CASE(each_fault_comes_at_about_its_rate_and_says_what_it_is)
{
	struct block_store *s = open_with(&(struct block_flaky_conf){ .seed = 7, .fail = 20,
	    .lost = 20, .cut = 10, .flip = 10 });
	int failed = 0, cut = 0, flipped = 0, good = 0;
	struct block_flaky_seen seen;
	struct waiter w;
	char into[16];

	for (int i = 0; i < 300; i++) {
		enum status st = run(s, BLOCK_PUT, into, &w);

		TRUE(st == OK || st == ST_UNREACHABLE);
		failed += st != OK;
	}
	TRUE(failed > 60 && failed < 180);
	for (int i = 0; i < 300; i++) {
		enum status st = run(s, BLOCK_GET, into, &w);

		cut += st == ST_GARBAGE;
		if (st == OK) {
			flipped += memcmp(into, "0123456789", 10) != 0;
			good += memcmp(into, "0123456789", 10) == 0;
		}
	}
	TRUE(cut > 5 && flipped > 5 && good > 100);
	block_flaky_look(s, &seen);
	EQ(seen.calls, 600);
	EQ(seen.cut, cut);
	EQ(seen.flipped, flipped);
	TRUE(seen.lost > 20);
	s->ops->close(s);
}

CASE(a_lost_reply_has_done_its_work)
{
	struct block_store *s = open_with(&(struct block_flaky_conf){ .seed = 1, .lost = 100 });
	struct waiter w;
	char into[16];

	EQ(run(s, BLOCK_PUT, into, &w), ST_UNREACHABLE);
	EQ(run(s, BLOCK_GET, into, &w), OK);
	EQ_MEM(into, "0123456789", 10);
	s->ops->close(s);
}

CASE(a_store_that_is_down_refuses_until_it_is_up)
{
	struct block_store *s = open_with(&(struct block_flaky_conf){ .seed = 1 });
	struct waiter w;
	char into[16];

	EQ(run(s, BLOCK_PUT, into, &w), OK);
	block_flaky_down(s, true);
	EQ(run(s, BLOCK_GET, into, &w), ST_UNREACHABLE);
	block_flaky_down(s, false);
	EQ(run(s, BLOCK_GET, into, &w), OK);
	s->ops->close(s);
}

CASE(the_doctor_says_what_is_wrong_with_a_store_that_is_down)
{
	struct block_store *s = open_with(&(struct block_flaky_conf){ .seed = 1 });
	struct block_check check[BLOCK_DOCTOR_CHECKS];
	char text[160];

	block_flaky_down(s, true);
	EQ(block_doctor(s, check), 1);
	EQ(check[0].finding, BLOCK_BAD);
	EQ_STR(check[0].text, "peer not reachable");
	EQ(block_health(s, NS_PER_S, text), ST_UNREACHABLE);
	s->ops->close(s);
}
