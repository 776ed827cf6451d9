/*
 * The laws of a metadata store, one case a law; linked once for each keeper, whose run_*.c says
 * which it is.
 */
#ifndef TESTS_CONTRACT_META_SUITE_H
#define TESTS_CONTRACT_META_SUITE_H

#include "pipeline/contract/meta_store.h"

struct meta_factory {
	const char *kind;
	const char *options;
	bool durable;
};

extern const struct meta_factory meta_factory;

enum { SUITE_FENCE = 7 };

/* A folder that no other case uses, below the program's own. */
const char *suite_dir(void);

enum status suite_try_open(const char *dir, struct meta_store **sp, char *why, uint32_t cap);
struct meta_store *suite_open(const char *dir);		/* fails the case where it cannot */
struct meta_store *suite_fresh(void);			/* opened in a new folder, and claimed */

/* A batch that is built up and applied. */
enum { SUITE_OPS = 4096 };
struct suite_batch {
	struct meta_op op[SUITE_OPS];
	uint32_t n;
	char room[1 << 20];
	uint32_t used;
};
void suite_put(struct suite_batch *b, const char *key, const char *value);
void suite_del(struct suite_batch *b, const char *key);
enum status suite_apply(struct meta_store *s, struct suite_batch *b, lsn_t lsn);

/* The value of a key as a string in static room; NULL: NOENT. Anything else fails the case. */
const char *suite_get(struct meta_store *s, const char *key);

#endif
