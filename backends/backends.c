/*
 * One table of kinds.  A new keeper is a row here, a folder beside, and a program that runs the
 * contract's suite over it.
 */
#include "backends/backends.h"

#include "backends/meta/leveldb/leveldb.h"
#include "backends/meta/memory/memory.h"

#include <string.h>

static const struct {
	const char *kind;
	bool durable;
	enum status (*open)(const char *dir, const char *options, struct meta_store **sp,
	    struct text *why);
} kinds[] = {
	{ "memory", false, meta_memory_open },
	{ "leveldb", true, meta_leveldb_open },
};

enum status
backends_meta_open(const char *kind, const char *dir, const char *options, struct meta_store **sp,
    struct text *why)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].open(dir, options, sp, why);
	text_addf(why, "no kind of metadata store is called %s", kind);
	return ST_INVAL;
}

bool
backends_meta_known(const char *kind, bool *durable)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			*durable = kinds[i].durable;
			return true;
		}
	return false;
}
