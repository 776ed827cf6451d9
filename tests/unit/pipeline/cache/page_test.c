/*
 * Pages: kept, found, evicted within the budget, and found by many while they are evicted.
 */
#include "pipeline/cache/page.h"

#include "pipeline/base/num.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

static struct page_key
key_of(uint64_t n)
{
	return (struct page_key){ n, n * 7 };
}

/* A page whose every word is its number. */
static bool
keep(uint64_t n, uint32_t len)
{
	struct page_key key = key_of(n);
	struct buf *b = page_buf(len);

	if (b == NULL)
		return false;
	for (uint32_t at = 0; at < len; at += 8)
		put_le64(b->bytes + at, n);
	page_keep(&key, b, len);
	buf_put(&b);
	return true;
}

CASE(a_page_is_found_by_its_place_and_by_no_other)
{
	struct page_key key = key_of(5), other = { 5, 36 };
	struct slice s;

	page_start(1 << 22);
	TRUE(keep(5, PAGE_BYTES));
	s = page_find(&key);
	EQ(s.len, PAGE_BYTES);
	EQ(get_le64(s.at + 8), 5);
	slice_put(&s);
	TRUE(page_find(&other).buf == NULL);
	page_stop();
}

CASE(small_pages_lie_in_small_buffers)
{
	page_start(1 << 22);
	TRUE(keep(1, 4096));
	EQ(page_bytes(), 4096);
	TRUE(keep(2, 4104));
	EQ(page_bytes(), 4096 + PAGE_BYTES);
	page_stop();
}

CASE(the_second_of_a_place_is_not_kept)
{
	page_start(1 << 22);
	TRUE(keep(1, 64));
	TRUE(keep(1, 64));
	EQ(page_bytes(), 4096);
	page_stop();
}

CASE(a_foreign_buffer_is_not_kept)
{
	struct page_key key = key_of(1);
	struct buf *b = buf_new(64);

	page_start(1 << 22);
	page_keep(&key, b, 64);
	TRUE(page_find(&key).buf == NULL);
	buf_put(&b);
	page_stop();
}

CASE(the_budget_holds_and_what_is_used_stays)
{
	enum { BUDGET = 1 << 22 };
	struct page_key hot = key_of(1);
	uint64_t found = 0;

	page_start(BUDGET);
	TRUE(keep(1, PAGE_BYTES));
	for (uint64_t n = 2; n < 1000; n++) {
		struct slice s = page_find(&hot);

		found += s.buf != NULL;
		slice_put(&s);
		TRUE(keep(n, PAGE_BYTES));
		TRUE(page_bytes() <= BUDGET);
	}
	EQ(found, 998);
	TRUE(page_bytes() > BUDGET / 2);
	page_stop();
}

CASE(a_cited_page_outlives_its_eviction)
{
	struct page_key key = key_of(1);
	struct slice s;

	page_start(1 << 22);
	TRUE(keep(1, PAGE_BYTES));
	s = page_find(&key);
	for (uint64_t n = 2; n < 500; n++)
		TRUE(keep(n, PAGE_BYTES));
	EQ(get_le64(s.at), 1);
	EQ(get_le64(s.at + PAGE_BYTES - 8), 1);
	slice_put(&s);
	page_stop();
}

CASE(no_buffer_where_all_are_held)
{
	struct buf *held[64];
	uint32_t n = 0;

	page_start(1 << 20);
	while (n < 64 && (held[n] = page_buf(PAGE_BYTES)) != NULL)
		n++;
	TRUE(n > 0 && n < 64);
	buf_put(&held[--n]);
	held[n] = page_buf(PAGE_BYTES);
	TRUE(held[n] != NULL);
	for (n++; n > 0; n--)
		buf_put(&held[n - 1]);
	page_stop();
}

enum { ROUNDS = 20000, PLACES = 300 };

static _Atomic uint64_t wrong, hits;

static void
finder(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t n = 1 + rand_u64() % PLACES;
		struct page_key key = key_of(n);
		struct slice s = page_find(&key);

		if (s.buf == NULL) {
			keep(n, n % 2 ? 4096 : PAGE_BYTES);
			continue;
		}
		hits++;
		wrong += get_le64(s.at) != n || get_le64(s.at + s.len - 8) != n;
		slice_put(&s);
	}
}

CASE(many_find_and_keep_while_pages_go)
{
	struct thread t[4];

	page_start(1 << 22);
	for (int i = 0; i < 4; i++)
		thread_start(&t[i], "finder", 0, finder, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(&t[i]);
	EQ(wrong, 0);
	TRUE(hits > 0);
	page_stop();
}
