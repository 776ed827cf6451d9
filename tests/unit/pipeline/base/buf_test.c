#include "pipeline/base/buf.h"

#include "dies.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

enum { POOL = 64, THREADS = 6, TURNS = 20000, MINE = 8 };

CASE(a_pool_gives_as_many_as_it_has_and_then_none)
{
	struct buf_pool *pool = buf_pool_new("few", 1000, 5);
	struct buf *b[5], *none;

	EQ(buf_pool_count(pool), 5);
	for (int i = 0; i < 5; i++) {
		b[i] = buf_get(pool);
		TRUE(b[i] != NULL);
		EQ(b[i]->size, 1000);
		memset(b[i]->bytes, i + 1, 1000);
		EQ(buf_pool_used(pool), i + 1);
	}
	none = buf_get(pool);
	TRUE(none == NULL);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 1000; j++)
			EQ(b[i]->bytes[j], i + 1);
	for (int i = 0; i < 5; i++)
		buf_put(&b[i]);
	EQ(buf_pool_used(pool), 0);
	buf_pool_free(&pool);
	TRUE(pool == NULL);
}

CASE(the_buffer_used_last_comes_back_first)
{
	struct buf_pool *pool = buf_pool_new("lifo", 4096, 8);
	struct buf *a = buf_get(pool), *b = buf_get(pool), *was = a, *again;

	EQ((uintptr_t)a->bytes % 4096, 0);
	buf_put(&b);
	buf_put(&a);
	again = buf_get(pool);
	TRUE(again == was);
	buf_put(&again);
	buf_pool_free(&pool);
}

CASE(a_buffer_returns_with_its_last_reference)
{
	struct buf_pool *pool = buf_pool_new("counted", 64, 1);
	struct buf *b = buf_get(pool), *also = buf_ref(b);

	buf_put(&b);
	TRUE(b == NULL);
	buf_put(&b);			/* of nothing: nothing */
	EQ(buf_pool_used(pool), 1);
	buf_put(&also);
	EQ(buf_pool_used(pool), 0);
	buf_pool_free(&pool);
}

CASE(a_buffer_outside_any_pool_lives_alone)
{
	struct buf *b = buf_new(100000), *empty = buf_new(0);

	memset(b->bytes, 7, b->size);
	TRUE(b->pool == NULL);
	buf_put(&b);
	buf_put(&empty);
}

static void
free_too_early(void)
{
	struct buf_pool *pool = buf_pool_new("early", 64, 2);

	buf_get(pool);
	buf_pool_free(&pool);
}

CASE(a_pool_freed_while_a_buffer_is_out_is_our_fault)
{
	TRUE(dies(free_too_early, "pool early misses 1"));
}

struct user {
	struct thread thread;
	struct buf_pool *pool;
	uint32_t number;
	int got, refused, spoilt;
};

/*
 * Hold up to MINE buffers, each with the own number in it: a buffer given to two would
 * show.
 */
static void
use(void *arg)
{
	struct user *u = arg;
	struct buf *mine[MINE] = { NULL };

	for (int i = 0; i < TURNS; i++) {
		struct buf **b = &mine[rand_u64() % MINE];

		if (*b != NULL) {
			u->spoilt += memcmp((*b)->bytes, &u->number, 4) != 0;
			buf_put(b);
		} else if ((*b = buf_get(u->pool)) != NULL) {
			memcpy((*b)->bytes, &u->number, 4);
			u->got++;
		} else {
			u->refused++;
		}
	}
	for (int i = 0; i < MINE; i++)
		buf_put(&mine[i]);
}

static void
many(uint32_t count, bool scarce)
{
	struct buf_pool *pool = buf_pool_new("many", 256, count);
	struct user users[THREADS] = { 0 };
	struct buf *all[THREADS * MINE], *none;
	int got = 0, refused = 0, spoilt = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		users[i].pool = pool;
		users[i].number = i + 1;
		thread_start(&users[i].thread, "user", 0, use, &users[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		thread_join(&users[i].thread);
		got += users[i].got;
		refused += users[i].refused;
		spoilt += users[i].spoilt;
	}
	EQ(spoilt, 0);
	TRUE(got > 0);
	EQ(refused > 0, scarce);
	EQ(buf_pool_used(pool), 0);
	for (uint32_t i = 0; i < count; i++)	/* and all are still there, once each */
		TRUE((all[i] = buf_get(pool)) != NULL);
	none = buf_get(pool);
	TRUE(none == NULL);
	EQ(buf_pool_used(pool), count);
	for (uint32_t i = 0; i < count; i++)
		buf_put(&all[i]);
	buf_pool_free(&pool);
}

CASE(many_threads_never_share_a_buffer)
{
	many(THREADS * MINE, false);
}

CASE(a_scarce_pool_refuses_and_loses_nothing)
{
	many(3, true);
}
