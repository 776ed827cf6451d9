/*
 * What is tried on a store that somebody sets up: over every keeper.
 */
#include "backends/block/doctor.h"
#include "pipeline/base/clock.h"
#include "tests/contract/block_suite.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

CASE(the_doctor_finds_nothing_wrong_and_leaves_nothing)
{
	struct block_store *s = block_factory.open("doctor");
	struct block_check check[BLOCK_DOCTOR_CHECKS];
	struct waiter w;
	char text[160];
	unsigned n = block_doctor(s, check);

	EQ(n, BLOCK_DOCTOR_CHECKS);
	for (unsigned i = 0; i < n; i++)
		if (check[i].finding != BLOCK_GOOD)
			check_fail(__FILE__, __LINE__, "%s: %s", check[i].what, check[i].text);
	EQ(block_health(s, 10 * NS_PER_S, text), OK);
	EQ_STR(text, "");
	waiter_init(&w, BLOCK_WALK, "");
	EQ(waiter_run(s, &w), OK);
	EQ(w.count, 0);
	waiter_drop(&w);
	s->ops->close(s);
}
