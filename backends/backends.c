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
	enum status (*open)(const struct meta_conf *conf, struct meta_store **sp, struct text *why);
} kinds[] = {
	{ "memory", false, meta_memory_open },
	{ "leveldb", true, meta_leveldb_open },
};

enum status
meta_store_open(const char *kind, const struct meta_conf *conf, struct meta_store **sp, char *why,
    size_t why_cap)
{
	struct text text = text_of(why, why_cap);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].open(conf, sp, &text);
	text_addf(&text, "no kind of metadata store is called %s", kind);
	return ST_INVAL;
}

bool
meta_store_known(const char *kind, bool *durable)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			*durable = kinds[i].durable;
			return true;
		}
	return false;
}
