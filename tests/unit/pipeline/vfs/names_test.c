/*
 * The filter of a directory's names: it may say "maybe" too often, never "none" wrongly.
 */
#include "pipeline/vfs/names.h"
#include "tests/lib/check.h"

CASE(what_was_added_is_never_denied_and_strangers_mostly_are)
{
	struct names *n = names_new();
	uint32_t maybe = 0;

	for (uint64_t i = 0; i < 60000; i++)
		TRUE(names_add(n, i * 7919 + 3));
	for (uint64_t i = 0; i < 60000; i++)
		TRUE(names_may_have(n, i * 7919 + 3));
	for (uint64_t i = 0; i < 60000; i++)
		maybe += names_may_have(n, (1ull << 46) + i * 104729);
	TRUE(maybe < 60000 / 20);
	names_free(n);
}

CASE(a_filter_that_is_full_says_so_and_denies_nothing)
{
	struct names *n = names_new();
	uint64_t i = 0;

	while (names_add(n, i))
		i++;
	TRUE(i > 400000);
	TRUE(names_may_have(n, 1ull << 45));
	names_free(n);
}

CASE(a_filter_says_what_it_takes)
{
	struct names *n = names_new();
	uint32_t small = names_bytes(n);

	EQ(names_bytes(NULL), 0);
	TRUE(small >= 1024);
	for (uint64_t i = 1; i <= 10000; i++)
		TRUE(names_add(n, i << 16));
	TRUE(names_bytes(n) >= 64 << 10 && names_bytes(n) <= 80 << 10);
	names_free(n);
}
