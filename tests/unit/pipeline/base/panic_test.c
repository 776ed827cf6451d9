#include "pipeline/base/panic.h"

#include "dies.h"
#include "tests/lib/check.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

struct thing {
	uint32_t magic;
};

static void
false_fact(void)
{
	volatile int two = 2;

	assert(two == 3);
}

static void
dead_object(void)
{
	struct thing t = { 0xdead };

	CHECK(&t, 0x11feu);
}

static void
long_words(void)
{
	char words[2000];

	memset(words, 'w', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	panic("%s", words);
}

static void
no_memory(void)
{
	volatile size_t most = PTRDIFF_MAX;

	free(xmalloc(most));
}

CASE(a_false_fact_ends_the_process_and_names_itself)
{
	TRUE(dies(false_fact, "two == 3"));
	TRUE(dies(false_fact, "panic_test.c:"));
	TRUE(dies(dead_object, "magic"));
}

CASE(a_panic_with_too_many_words_is_cut)
{
	TRUE(dies(long_words, "wwww"));
}

CASE(the_end_of_memory_is_a_panic)
{
	if (SANITIZED)
		check_skip("a sanitizer ends the process its own way");
	TRUE(dies(no_memory, "no memory for"));
}

CASE(nothing_asked_for_is_still_an_address)
{
	void *p = xmalloc(0), *q = xcalloc(0, 8);
	char *s = xstrdup("word");

	TRUE(p != NULL && q != NULL);
	EQ_STR(s, "word");
	p = xrealloc(p, 100);
	memset(p, 1, 100);
	free(p);
	free(q);
	free(s);
}

CASE(take_leaves_null_behind)
{
	int x = 1, *p = &x, *q;

	q = TAKE(&p);
	TRUE(p == NULL && q == &x);
}
