/*
 * The kinds of block stores: a file of its own, so that a program which opens metadata stores
 * alone is linked without libcurl.
 */
#include "backends/backends.h"
#include "backends/block/fs/fs.h"
#include "backends/block/memory/memory.h"
#include "backends/block/s3/s3.h"

#include <string.h>

static const struct {
	const char *kind;
	enum status (*open)(const struct block_store_conf *conf, struct block_store **sp,
	    struct text *why);
} block_kinds[] = {
	{ "memory", block_memory_open },
	{ "fs", block_fs_open },
	{ "s3", block_s3_open },
};

enum status
block_store_open(const char *kind, const struct block_store_conf *conf, struct block_store **sp,
    char *why, size_t why_cap)
{
	struct text text = text_of(why, why_cap);

	for (size_t i = 0; i < ARRAY_LEN(block_kinds); i++)
		if (strcmp(block_kinds[i].kind, kind) == 0)
			return block_kinds[i].open(conf, sp, &text);
	text_addf(&text, "no kind of block store is called %.32s", kind);
	return ST_INVAL;
}
