/*
 * The registry, and handles that nobody can forge.
 */
#include "tests/lib/check.h"

#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/share/handle.h"

#include <string.h>

static struct share *
make(const char *name, uint64_t number)
{
	struct share_conf conf = { 0 };
	struct share *s;

	strcpy(conf.name, name);
	s = share_new(&conf);
	s->row.share = number;
	rand_bytes(s->row.handle_key, sizeof s->row.handle_key);
	return s;
}

static void
count(struct share *s, void *arg)
{
	(void)s;
	++*(int *)arg;
}

CASE(a_share_is_found_by_number_and_name_until_it_is_retired)
{
	struct share *a, *b, *found;
	int n = 0;

	registry_start();
	a = make("/a", 7);
	b = make("/b", 8);
	EQ(registry_publish(a), OK);
	EQ(registry_publish(b), OK);
	found = registry_by_id(7);
	TRUE(found == a);
	share_put(&found);
	TRUE(found == NULL);
	found = registry_by_name("/b", 2);
	TRUE(found == b);
	share_put(&found);
	TRUE(registry_by_name("/b/", 3) == NULL);
	TRUE(registry_by_id(9) == NULL);
	registry_each(count, &n);
	EQ(n, 2);
	registry_retire(a);
	TRUE(registry_by_id(7) == NULL);
	TRUE(registry_by_name("/a", 2) == NULL);
	registry_retire(a);
	registry_retire(b);
	share_put(&a);
	share_put(&b);
	registry_stop();
}

CASE(a_name_or_number_is_published_once)
{
	struct share *a = make("/a", 7), *b = make("/a", 8), *c = make("/c", 7);

	registry_start();
	EQ(registry_publish(a), OK);
	EQ(registry_publish(b), ST_EXIST);
	EQ(registry_publish(c), ST_EXIST);
	registry_retire(b);		/* was never in */
	registry_retire(a);
	EQ(registry_publish(b), OK);
	registry_retire(b);
	share_put(&a);
	share_put(&b);
	share_put(&c);
	registry_stop();
}

static _Atomic bool stop;
static _Atomic uint64_t hits;

static void
look(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct share *s = registry_by_id(7);

		if (s == NULL)
			continue;
		if (s->magic == SHARE_MAGIC && s->row.share == 7)
			atomic_fetch_add(&hits, 1);
		share_put(&s);
	}
}

CASE(shares_come_and_go_under_their_readers)
{
	struct thread t[2];

	registry_start();
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		thread_start(&t[i], "reader", 0, look, NULL);
	for (int i = 0; i < 2000 || atomic_load(&hits) == 0; i++) {
		struct share *s = make("/a", 7);

		EQ(registry_publish(s), OK);
		registry_retire(s);
		share_put(&s);
		epoch_poll();
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		thread_join(&t[i]);
	registry_stop();
}

static struct share *busy;

static void
ref_and_put(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct share *s = registry_by_name("/a", 2), *t, *mine = busy;

		if (s == NULL)
			s = share_ref(mine);
		t = share_ref(s);
		share_put(&s);
		s = share_ref(t);
		share_put(&t);
		share_put(&s);
		atomic_fetch_add(&hits, 1);
	}
}

CASE(references_are_counted_through_publishing_and_retiring)
{
	struct thread t[3];

	registry_start();
	atomic_store(&stop, false);
	atomic_store(&hits, 0);
	busy = make("/a", 7);
	for (int i = 0; i < 3; i++)
		thread_start(&t[i], "holder", 0, ref_and_put, NULL);
	for (int i = 0; i < 300 || atomic_load(&hits) < 1000; i++) {
		EQ(registry_publish(busy), OK);
		registry_retire(busy);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		thread_join(&t[i]);
	EQ(busy->refs, 1);		/* ours */
	share_put(&busy);
	registry_stop();
}

static bool
id_eq(const struct file_id *a, const struct file_id *b)
{
	return a->share == b->share && a->ino == b->ino && a->gen == b->gen &&
	    a->kind == b->kind && a->epoch == b->epoch && a->stream == b->stream;
}

enum { QUOTA = 100003 };

static void
use(void *arg)
{
	int64_t most = 0;

	while (share_used_add(arg, 7)) {
		if (++most % 5 == 0)
			TRUE(share_used_add(arg, -7));
	}
}

CASE(many_count_at_once_and_never_past_the_quota)
{
	struct share *s = make("/q", 5);
	struct share_tuning t = share_tuning_get(s);
	struct thread v[3];

	TRUE(share_used_add(s, 3ll << 40));	/* no quota, no end */
	TRUE(share_used_add(s, -(3ll << 40)));
	t.quota_bytes = QUOTA;
	share_tuning_set(s, &t);
	for (int i = 0; i < 3; i++)
		thread_start(&v[i], "user", 0, use, s);
	for (int i = 0; i < 3; i++)
		thread_join(&v[i]);
	TRUE(s->used_bytes <= QUOTA && s->used_bytes > QUOTA - 7);
	EQ(s->used_bytes % 7, 0);		/* nothing was lost or counted twice */
	t.quota_bytes = 10;			/* lowered: only down from here */
	share_tuning_set(s, &t);
	FALSE(share_used_add(s, 1));
	TRUE(share_used_add(s, 0));
	TRUE(share_used_add(s, -7));
	FALSE(share_used_add(s, INT64_MAX));
	share_put(&s);
}

CASE(a_handle_comes_back_as_it_went)
{
	struct share *s = make("/a", 0x0102030405060708), *found;
	uint8_t h[HANDLE_BYTES];

	registry_start();
	EQ(registry_publish(s), OK);
	for (int i = 0; i < 1000; i++) {
		struct file_id id = { s->row.share, rand_u64(), (uint32_t)rand_u64(),
			(uint8_t)(rand_u64() % 4), rand_u64(), rand_u64() }, back;

		handle_encode(s, &id, h);
		EQ(handle_decode(slice_of(h, sizeof h), &found, &back), OK);
		TRUE(found == s);
		share_put(&found);
		TRUE(id_eq(&id, &back));
		EQ(handle_decode_same(slice_of(h, sizeof h), s, &back), OK);
	}
	registry_retire(s);
	EQ(handle_decode(slice_of(h, sizeof h), &found, &(struct file_id){ 0 }), ST_STALE);
	share_put(&s);
	registry_stop();
}

CASE(no_bit_of_a_handle_can_be_changed)
{
	struct share *s = make("/a", 7), *found = NULL;
	struct file_id id = { 7, 12345, 9, FILE_LIVE, 0, 0 }, back = { 0 };
	uint8_t h[HANDLE_BYTES + 1] = { 0 };

	registry_start();
	EQ(registry_publish(s), OK);
	handle_encode(s, &id, h);
	for (uint32_t bit = 0; bit < 8 * HANDLE_BYTES; bit++) {
		enum status st;

		h[bit / 8] ^= (uint8_t)(1u << bit % 8);
		st = handle_decode(slice_of(h, HANDLE_BYTES), &found, &back);
		/* A damaged share number most likely names none. */
		TRUE(st == ST_BADHANDLE || (st == ST_STALE && bit / 8 >= 4 && bit / 8 < 12));
		TRUE(found == NULL);
		EQ(back.ino, 0);
		TRUE(handle_decode_same(slice_of(h, HANDLE_BYTES), s, &back) != OK);
		h[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (uint32_t len = 0; len <= HANDLE_BYTES + 1; len++)
		if (len != HANDLE_BYTES)
			EQ(handle_decode(slice_of(h, len), &found, &back), ST_BADHANDLE);
	EQ(handle_decode(slice_of(h, HANDLE_BYTES), &found, &back), OK);
	share_put(&found);
	registry_retire(s);
	share_put(&s);
	registry_stop();
}

CASE(a_handle_of_another_share_is_no_second_handle)
{
	struct share *a = make("/a", 7), *b = make("/b", 8), *found;
	struct file_id id = { 8, 2, 1, FILE_LIVE, 0, 0 }, back;
	uint8_t h[HANDLE_BYTES];

	registry_start();
	EQ(registry_publish(a), OK);
	EQ(registry_publish(b), OK);
	handle_encode(b, &id, h);
	EQ(handle_decode_same(slice_of(h, sizeof h), a, &back), ST_XDEV);
	id.share = 7;
	handle_encode(b, &id, h);	/* b's key, a's number: forged */
	EQ(handle_decode(slice_of(h, sizeof h), &found, &back), ST_BADHANDLE);
	EQ(handle_decode_same(slice_of(h, sizeof h), a, &back), ST_BADHANDLE);
	registry_retire(a);
	registry_retire(b);
	share_put(&a);
	share_put(&b);
	registry_stop();
}
