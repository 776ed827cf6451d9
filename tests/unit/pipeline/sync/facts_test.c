/* Facts about one thing are one, in order, whether they fit into memory or not. */
#include "pipeline/sync/facts.h"

#include "pipeline/base/num.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <string.h>

enum { THINGS = 3000, TIMES = 7 };

static void
run(size_t bytes)
{
	struct facts *f = facts_new(check_tmpdir(), bytes);
	struct fact x, last = { 0 };
	bool over = false;
	int n = 0;

	for (int t = 0; t < TIMES; t++)
		for (uint64_t i = 0; i < THINGS; i++) {
			x = (struct fact){ .subject = (uint8_t)(1 + i % 2), .is = 1u << t,
				.n = { 1, t, -3 }, .whom = i * 10 + (uint64_t)t };
			put_be64(x.id, (i * 1237) % THINGS);
			facts_add(f, &x);
		}
	EQ(facts_begin(f), OK);
	for (;;) {
		EQ(facts_next(f, &x, &over), OK);
		if (over)
			break;
		TRUE(n == 0 || memcmp(&last, &x, 1 + FACT_ID) < 0);
		EQ(x.n[0], TIMES);
		EQ(x.n[1], TIMES * (TIMES - 1) / 2);
		EQ(x.n[2], -3 * TIMES);
		EQ(x.is, (1u << TIMES) - 1);
		EQ(x.whom % 10, TIMES - 1);
		last = x;
		n++;
	}
	EQ(n, THINGS);
	facts_free(&f);
}

CASE(facts_that_fit_into_memory_are_joined)
{
	run(8 << 20);
}

CASE(facts_that_do_not_fit_are_joined_all_the_same)
{
	run(20000);			/* a hundred runs */
	run(1);				/* as many as can be */
	run(THINGS * sizeof(struct fact) + 500);
}

CASE(no_facts_are_none)
{
	struct facts *f = facts_new(check_tmpdir(), 1);
	struct fact x;
	bool over = false;

	EQ(facts_begin(f), OK);
	EQ(facts_next(f, &x, &over), OK);
	TRUE(over);
	facts_free(&f);
}

CASE(where_nothing_can_be_written_it_says_so)
{
	struct facts *f = facts_new("/nowhere/at/all", 1);
	struct fact x = { .subject = 1 };

	for (uint64_t i = 0; i < THINGS; i++) {
		put_be64(x.id, i);
		facts_add(f, &x);
	}
	EQ(facts_begin(f), ST_NOENT);
	facts_free(&f);
}
