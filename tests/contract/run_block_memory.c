/*
 * The suite over the keeper in memory.
 */
#include "backends/backends.h"
#include "tests/contract/block_suite.h"
#include "tests/lib/check.h"

static struct block_store *
open_memory(const char *place)
{
	struct block_store_conf conf = { 0 };
	struct block_store *s = NULL;
	char why[200];

	(void)place;
	if (block_store_open("memory", &conf, &s, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "%s", why);
	return s;
}

const struct block_factory block_factory = { .conditional = true,
	.many = 1500,
	.open = open_memory };
