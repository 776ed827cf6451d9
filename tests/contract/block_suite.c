/*
 * What every keeper of objects must do whatever it is made of: pipeline/contract/README.
 */
#include "tests/contract/block_suite.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 24 << 20, OVERLAP = 120, RACERS = 8, GENERATIONS = 30, CANCELS = 24 };

static const char *
place_new(void)
{
	static char place[32];
	static int number;

	snprintf(place, sizeof place, "place%d", number++);
	return place;
}

static struct block_store *
fresh(void)
{
	return block_factory.open(place_new());
}

static void
end(struct block_store *s)
{
	s->ops->close(s);
}

static void
want_at(int line, struct block_store *s, struct waiter *w, enum status st)
{
	if (waiter_run(s, w) != st)
		check_fail(__FILE__, line, "%s, not %s: %s", status_name(w->call.status),
		    status_name(st), w->call.text);
	if (w->done != 1)
		check_fail(__FILE__, line, "done %d times", w->done);
}

#define want(s, w, st) want_at(__LINE__, s, w, st)

static void
put_at(int line, struct block_store *s, const char *name, const char *bytes, bool if_absent,
    enum status st)
{
	struct waiter w;

	waiter_init(&w, BLOCK_PUT, name);
	waiter_body(&w, bytes, strlen(bytes));
	w.call.if_absent = if_absent;
	want_at(line, s, &w, st);
	waiter_drop(&w);
}

#define put(s, name, bytes, if_absent, st) put_at(__LINE__, s, name, bytes, if_absent, st)

static void
get_at(int line, struct block_store *s, const char *name, uint64_t offset, uint64_t len,
    const char *bytes)
{
	uint8_t into[256];
	struct waiter w;

	waiter_init(&w, BLOCK_GET, name);
	w.call.offset = offset;
	w.call.len = len;
	w.call.into = into;
	w.call.into_cap = sizeof into;
	want_at(line, s, &w, bytes == NULL ? ST_NOENT : OK);
	if (bytes != NULL && (w.call.got != strlen(bytes) ||
	    memcmp(into, bytes, strlen(bytes)) != 0))
		check_fail(__FILE__, line, "%s from %llu: got %llu bytes, not \"%s\"", name,
		    (unsigned long long)offset, (unsigned long long)w.call.got, bytes);
	waiter_drop(&w);
}

#define get(s, name, offset, len, bytes) get_at(__LINE__, s, name, offset, len, bytes)

static void
simple_at(int line, struct block_store *s, enum block_call_kind kind, const char *name,
    enum status st)
{
	uint8_t into[16];
	struct waiter w;

	waiter_init(&w, kind, name);
	w.call.into = into;
	w.call.into_cap = sizeof into;
	want_at(line, s, &w, st);
	waiter_drop(&w);
}

#define simple(s, kind, name, st) simple_at(__LINE__, s, kind, name, st)

static uint64_t
size_of(struct block_store *s, const char *name)
{
	struct waiter w;
	uint64_t size;

	waiter_init(&w, BLOCK_HEAD, name);
	want(s, &w, OK);
	size = w.call.got;
	waiter_drop(&w);
	return size;
}

/* --- one object --- */

CASE(what_was_put_is_got_whole_and_by_range)
{
	struct block_store *s = fresh();

	put(s, "log/one", "0123456789", false, OK);
	get(s, "log/one", 0, 0, "0123456789");
	get(s, "log/one", 0, 10, "0123456789");
	get(s, "log/one", 0, 1, "0");
	get(s, "log/one", 3, 4, "3456");
	get(s, "log/one", 9, 1, "9");
	get(s, "log/one", 7, 0, "789");
	EQ(size_of(s, "log/one"), 10);
	end(s);
}

CASE(a_range_ends_where_the_object_does)
{
	struct block_store *s = fresh();

	put(s, "x", "0123456789", false, OK);
	get(s, "x", 7, 100, "789");
	get(s, "x", 10, 5, "");
	get(s, "x", 11, 5, "");
	get(s, "x", 1000, 0, "");
	end(s);
}

CASE(an_empty_object_is_an_object)
{
	struct block_store *s = fresh();

	put(s, "empty", "", false, OK);
	EQ(size_of(s, "empty"), 0);
	get(s, "empty", 0, 0, "");
	get(s, "empty", 0, 10, "");
	end(s);
}

CASE(what_is_not_there_is_said_so_and_deleting_it_is_no_error)
{
	struct block_store *s = fresh();

	get(s, "x", 0, 0, NULL);
	get(s, "x", 3, 4, NULL);
	simple(s, BLOCK_HEAD, "x", ST_NOENT);
	simple(s, BLOCK_DEL, "x", OK);
	put(s, "x", "1", false, OK);
	simple(s, BLOCK_DEL, "x", OK);
	simple(s, BLOCK_DEL, "x", OK);
	get(s, "x", 0, 0, NULL);
	end(s);
}

CASE(an_object_put_over_another_takes_its_place)
{
	struct block_store *s = fresh();

	put(s, "x", "a longer one", false, OK);
	put(s, "x", "short", false, OK);
	get(s, "x", 0, 0, "short");
	EQ(size_of(s, "x"), 5);
	end(s);
}

CASE(too_little_room_is_an_error_and_not_fewer_bytes)
{
	struct block_store *s = fresh();
	uint8_t into[4];
	struct waiter w;

	put(s, "x", "0123456789", false, OK);
	waiter_init(&w, BLOCK_GET, "x");
	w.call.into = into;
	w.call.into_cap = sizeof into;
	want(s, &w, ST_TOOSMALL);
	w.call.offset = 7;
	want(s, &w, OK);
	EQ(w.call.got, 3);
	waiter_drop(&w);
	end(s);
}

CASE(a_name_that_is_taken_is_not_put_over_where_that_was_asked)
{
	struct block_store *s = fresh();

	if (!block_factory.conditional) {
		end(s);
		check_skip("this one cannot tell");
	}
	put(s, "x", "first", true, OK);
	put(s, "x", "second", true, ST_EXIST);
	get(s, "x", 0, 0, "first");
	simple(s, BLOCK_DEL, "x", OK);
	put(s, "x", "third", true, OK);
	get(s, "x", 0, 0, "third");
	end(s);
}

CASE(of_many_who_want_a_free_name_one_gets_it)
{
	struct block_store *s = fresh();
	struct waiter w[RACERS];
	char body[RACERS][20];
	int won = -1;

	if (!block_factory.conditional) {
		end(s);
		check_skip("this one cannot tell");
	}
	for (int i = 0; i < RACERS; i++) {
		snprintf(body[i], sizeof body[i], "racer%d", i);
		waiter_init(&w[i], BLOCK_PUT, "prize");
		waiter_body(&w[i], body[i], 6);
		w[i].call.if_absent = true;
		s->ops->start(s, &w[i].call);
	}
	for (int i = 0; i < RACERS; i++) {
		waiter_wait(&w[i]);
		if (w[i].call.status == OK) {
			EQ(won, -1);
			won = i;
		} else {
			EQ(w[i].call.status, ST_EXIST);
		}
		waiter_drop(&w[i]);
	}
	TRUE(won >= 0);
	get(s, "prize", 0, 0, body[won]);
	end(s);
}

/* --- names --- */

static const char long_part[] =
    "/a-part-of-more-than-two-hundred-and-fifty-five-letters-"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "-and-it-ends-here";

static const char *const odd[] = { "a", "a/b", "a/b/c", "a//b", "a=", "a=/b", "a+", "a+b", "a b",
	"%", "%41", "A", "b.", ".b", "c/.d", "_", "a/_", "_=", "~", "&x=y?z#", "\xc3\xa4",
	"a/\xe2\x82\xac", "1/2/3/4/5/6/7/8/9/10/11/12", "x'\"<>", "*", "(a)", "a;b,c:d@e$",
	"back\\slash", "d/e/f/", long_part + 1 };

CASE(odd_names_lie_beside_each_other)
{
	struct block_store *s = fresh();
	struct waiter w;

	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		put(s, odd[i], odd[i], false, OK);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		EQ(size_of(s, odd[i]), strlen(odd[i]));
		if (strlen(odd[i]) < 200)
			get(s, odd[i], 0, 0, odd[i]);
	}
	waiter_init(&w, BLOCK_WALK, "");
	want(s, &w, OK);
	EQ(w.count, (int)ARRAY_LEN(odd));
	waiter_drop(&w);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		waiter_init(&w, BLOCK_WALK, odd[i]);
		want(s, &w, OK);
		TRUE(w.count >= 1);
		waiter_drop(&w);
		simple(s, BLOCK_DEL, odd[i], OK);
		simple(s, BLOCK_HEAD, odd[i], ST_NOENT);
	}
	end(s);
}

CASE(names_that_could_be_taken_for_another_are_refused)
{
	static const char *const bad[] = { "", ".", "..", "a/..", "../a", "a/./b", "a\nb", "\x7f",
		"\x01" };
	struct block_store *s = fresh();
	struct waiter w;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put(s, bad[i], "x", false, ST_INVAL);
		simple(s, BLOCK_GET, bad[i], ST_INVAL);
	}
	waiter_init(&w, BLOCK_GET, "x");
	memset(w.call.name, 'a', sizeof w.call.name);
	want(s, &w, ST_INVAL);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_GET, "x");
	w.call.offset = UINT64_MAX;
	w.call.len = 2;
	want(s, &w, ST_INVAL);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_WALK, "");
	want(s, &w, OK);
	EQ(w.count, 0);
	waiter_drop(&w);
	end(s);
}

CASE(the_longest_name_is_a_name)
{
	struct block_store *s = fresh();
	char name[BLOCK_NAME_MAX];
	struct waiter w;

	for (size_t i = 0; i < sizeof name - 1; i++)
		name[i] = i % 90 == 89 ? '/' : 'n';
	name[400] = '\0';		/* a store's own prefix may come before it */
	put(s, name, "long", false, OK);
	get(s, name, 0, 0, "long");
	waiter_init(&w, BLOCK_WALK, "nnn");
	want(s, &w, OK);
	EQ(w.count, 1);
	waiter_drop(&w);
	simple(s, BLOCK_DEL, name, OK);
	end(s);
}

/* --- walks --- */

CASE(a_walk_gives_the_names_that_begin_so_with_their_sizes)
{
	struct block_store *s = fresh();
	struct waiter w;

	put(s, "a/1", "1", false, OK);
	put(s, "a/22", "22", false, OK);
	put(s, "ab", "333", false, OK);
	put(s, "b/1", "4444", false, OK);
	waiter_init(&w, BLOCK_WALK, "a/");
	want(s, &w, OK);
	EQ(w.count, 2);
	TRUE(strstr(w.names, "a/1=1;") != NULL && strstr(w.names, "a/22=2;") != NULL);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_WALK, "a");
	want(s, &w, OK);
	EQ(w.count, 3);
	TRUE(strstr(w.names, "ab=3;") != NULL);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_WALK, "a/2");
	want(s, &w, OK);
	EQ_STR(w.names, "a/22=2;");
	waiter_drop(&w);
	waiter_init(&w, BLOCK_WALK, "c");
	want(s, &w, OK);
	EQ(w.count, 0);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_WALK, "");
	w.stop_after = 2;
	want(s, &w, OK);
	EQ(w.count, 2);
	waiter_drop(&w);
	end(s);
}

static void
start_many(struct block_store *s, struct waiter *w, uint32_t n, enum block_call_kind kind)
{
	for (uint32_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof name, "many/%02x/%04u", i % 7, i);
		waiter_init(&w[i], kind, name);
		s->ops->start(s, &w[i].call);
	}
	for (uint32_t i = 0; i < n; i++) {
		waiter_wait(&w[i]);
		EQ(w[i].call.status, OK);
		waiter_drop(&w[i]);
	}
}

CASE(a_large_walk_gives_each_name_once)
{
	uint32_t n = block_factory.many;
	struct block_store *s = fresh();
	struct waiter *w = xcalloc(n, sizeof *w), walk;

	start_many(s, w, n, BLOCK_PUT);
	waiter_init(&walk, BLOCK_WALK, "many/");
	want(s, &walk, OK);
	EQ(walk.count, n);
	waiter_drop(&walk);
	start_many(s, w, n, BLOCK_DEL);
	waiter_init(&walk, BLOCK_WALK, "");
	want(s, &walk, OK);
	EQ(walk.count, 0);
	waiter_drop(&walk);
	free(w);
	end(s);
}

/* --- large bodies --- */

static uint8_t *
noise(size_t len)
{
	uint8_t *bytes = xmalloc(len);

	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t r = rand_u64();

		memcpy(bytes + i, &r, 8);
	}
	return bytes;
}

CASE(a_large_body_of_many_pieces_comes_back_as_it_was)
{
	struct block_store *s = fresh();
	uint8_t *bytes = noise(BIG), *into = xmalloc(BIG);
	uint32_t piece = 61 << 10;
	struct arena arena;
	struct waiter w;

	arena_init(&arena, NULL, 0, 1 << 20);
	waiter_init(&w, BLOCK_PUT, "big");
	for (uint32_t at = 0; at < BIG; at += piece)
		EQ(chain_push(&w.call.body, &arena, slice_of(bytes + at, MIN(piece, BIG - at))),
		    OK);
	want(s, &w, OK);
	waiter_drop(&w);
	EQ(size_of(s, "big"), BIG);
	waiter_init(&w, BLOCK_GET, "big");
	w.call.into = into;
	w.call.into_cap = BIG;
	want(s, &w, OK);
	EQ(w.call.got, BIG);
	TRUE(memcmp(into, bytes, BIG) == 0);
	for (int i = 0; i < 10; i++) {
		w.call.offset = rand_u64() % BIG;
		w.call.len = 1 + rand_u64() % (1 << 18);
		want(s, &w, OK);
		EQ(w.call.got, MIN(w.call.len, BIG - w.call.offset));
		TRUE(memcmp(into, bytes + w.call.offset, w.call.got) == 0);
	}
	waiter_drop(&w);
	arena_rewind(&arena);
	free(bytes);
	free(into);
	end(s);
}

/* --- many at once --- */

CASE(many_calls_of_all_kinds_at_once_end_once_each)
{
	struct block_store *s = fresh();
	struct waiter *w = xcalloc(OVERLAP, sizeof *w);
	uint8_t (*into)[32] = xcalloc(OVERLAP, sizeof *into);

	for (int i = 0; i < OVERLAP; i++) {
		static const enum block_call_kind kinds[] = { BLOCK_PUT, BLOCK_GET, BLOCK_HEAD,
			BLOCK_PUT, BLOCK_DEL, BLOCK_WALK };
		char name[32];

		snprintf(name, sizeof name, "n%d", i % 5);
		waiter_init(&w[i], kinds[i % 6], name);
		waiter_body(&w[i], "0123456789abcdef", 16);
		w[i].call.into = into[i];
		w[i].call.into_cap = sizeof into[i];
		s->ops->start(s, &w[i].call);
	}
	for (int i = 0; i < OVERLAP; i++)
		waiter_wait(&w[i]);
	for (int i = 0; i < OVERLAP; i++) {
		EQ(w[i].done, 1);
		if (w[i].call.kind == BLOCK_GET && w[i].call.status == OK) {
			EQ(w[i].call.got, 16);
			EQ_MEM(into[i], "0123456789abcdef", 16);
		} else if (w[i].call.status != OK) {
			EQ(w[i].call.status, ST_NOENT);
		}
		waiter_drop(&w[i]);
	}
	free(into);
	free(w);
	end(s);
}

struct rewriting {
	struct block_store *store;
	atomic_bool over;
};

/* Objects of one letter each, of a length that follows from the letter. */
static void *
rewrite(void *arg)
{
	struct rewriting *r = arg;
	char body[27 * 4096 + 1];

	for (int i = 0; i < GENERATIONS; i++) {
		size_t len = (size_t)(1 + i % 26) * 4096;
		struct waiter w;

		memset(body, 'a' + i % 26, len);
		waiter_init(&w, BLOCK_PUT, "changing");
		waiter_body(&w, body, len);
		if (waiter_run(r->store, &w) != OK)
			panic("a PUT failed: %s", w.call.text);
		waiter_drop(&w);
	}
	atomic_store(&r->over, true);
	return NULL;
}

CASE(a_reader_sees_one_whole_object_or_the_other)
{
	struct rewriting r = { .store = fresh() };
	static uint8_t into[32 * 4096];
	pthread_t writer;
	int seen = 0;

	put(r.store, "changing", "", false, OK);
	EQ(pthread_create(&writer, NULL, rewrite, &r), 0);
	while (!atomic_load(&r.over) || seen == 0) {
		struct waiter w;

		waiter_init(&w, BLOCK_GET, "changing");
		w.call.into = into;
		w.call.into_cap = sizeof into;
		want(r.store, &w, OK);
		if (w.call.got > 0) {
			EQ(w.call.got, (uint64_t)(1 + into[0] - 'a') * 4096);
			for (uint64_t i = 0; i < w.call.got; i++)
				if (into[i] != into[0])
					check_fail(__FILE__, __LINE__, "torn at %llu",
					    (unsigned long long)i);
			seen++;
		}
		waiter_drop(&w);
	}
	EQ(pthread_join(writer, NULL), 0);
	end(r.store);
}

/* --- ends --- */

struct own {
	struct waiter w;
	pthread_t by;
};

static void
note_thread(struct block_call *call)
{
	struct own *o = container_of(call, struct own, w.call);

	o->by = pthread_self();
	mutex_lock(&o->w.mutex);
	o->w.done++;
	cond_broadcast(&o->w.cond);
	mutex_unlock(&o->w.mutex);
}

CASE(done_comes_on_a_thread_of_the_store)
{
	static const char *const names[] = { "x", "", "y" };	/* good, refused, not there */
	struct block_store *s = fresh();

	put(s, "x", "1", false, OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct own o;
		uint8_t into[8];

		waiter_init(&o.w, BLOCK_GET, names[i]);
		o.w.call.done = note_thread;
		o.w.call.into = into;
		o.w.call.into_cap = sizeof into;
		s->ops->start(s, &o.w.call);
		waiter_wait(&o.w);
		FALSE(pthread_equal(o.by, pthread_self()));
		waiter_drop(&o.w);
	}
	end(s);
}

CASE(a_canceled_call_ends_once_and_leaves_the_old_or_the_new)
{
	struct block_store *s = fresh();
	struct waiter *w = xcalloc(CANCELS, sizeof *w);
	size_t len = 2 << 20;
	uint8_t *body = noise(len), *into = xmalloc(len);

	for (int i = 0; i < CANCELS; i++) {
		char name[32];

		snprintf(name, sizeof name, "c%d", i);
		waiter_init(&w[i], BLOCK_PUT, name);
		waiter_body(&w[i], (char *)body, len);
		s->ops->start(s, &w[i].call);
		if (i % 3 != 0)
			s->ops->cancel(s, &w[i].call);
	}
	for (int i = 0; i < CANCELS; i++) {
		s->ops->cancel(s, &w[i].call);
		waiter_wait(&w[i]);
	}
	for (int i = 0; i < CANCELS; i++) {
		enum status st = w[i].call.status;
		struct waiter get;

		EQ(w[i].done, 1);
		TRUE(st == OK || st == ST_CANCELED);
		waiter_init(&get, BLOCK_GET, w[i].call.name);
		get.call.into = into;
		get.call.into_cap = len;
		(void)waiter_run(s, &get);
		if (get.call.status == OK)
			TRUE(get.call.got == len && memcmp(into, body, len) == 0);
		else
			TRUE(get.call.status == ST_NOENT && st == ST_CANCELED);
		waiter_drop(&get);
		waiter_drop(&w[i]);
	}
	free(w);
	free(body);
	free(into);
	end(s);
}

CASE(a_deadline_that_has_passed_ends_a_call)
{
	struct block_store *s = fresh();
	struct waiter w;

	put(s, "x", "old", false, OK);
	waiter_init(&w, BLOCK_PUT, "x");
	waiter_body(&w, "new!", 4);
	w.call.deadline_ns = 1;
	want(s, &w, ST_TIMEDOUT);
	w.call.deadline_ns = clock_mono_ns() + 60 * NS_PER_S;
	want(s, &w, OK);
	waiter_drop(&w);
	get(s, "x", 0, 0, "new!");
	end(s);
}

CASE(closing_waits_for_what_was_started)
{
	const char *place = place_new();
	struct block_store *s = block_factory.open(place);
	struct waiter *w = xcalloc(OVERLAP, sizeof *w);

	for (int i = 0; i < OVERLAP; i++) {
		char name[32];

		snprintf(name, sizeof name, "late/%d", i);
		waiter_init(&w[i], BLOCK_PUT, name);
		waiter_body(&w[i], "0123456789", 10);
		s->ops->start(s, &w[i].call);
	}
	s->ops->close(s);
	for (int i = 0; i < OVERLAP; i++) {
		EQ(w[i].done, 1);
		EQ(w[i].call.status, OK);
		waiter_drop(&w[i]);
	}
	free(w);
}

CASE(a_store_opened_again_has_what_it_had)
{
	char place[32];
	struct block_store *s;

	if (!block_factory.durable)
		check_skip("this one forgets");
	snprintf(place, sizeof place, "%s", place_new());
	s = block_factory.open(place);
	put(s, "kept/x", "kept", false, OK);
	end(s);
	s = block_factory.open(place);
	get(s, "kept/x", 0, 0, "kept");
	simple(s, BLOCK_DEL, "kept/x", OK);
	end(s);
}
