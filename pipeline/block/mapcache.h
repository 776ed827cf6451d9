/*
 * Rows map(content, window) as last read: a table of a fixed size.  What changes a row forgets
 * it here; what was read before that and arrives after it is not kept, which the token tells.
 */
#ifndef BLOCK_MAPCACHE_H
#define BLOCK_MAPCACHE_H

#include "pipeline/base/slice.h"

struct mapcache;

struct mapcache *mapcache_new(void);
void mapcache_free(struct mapcache **mp);

/* False, and a token to learn by, where the row is not known.  leaf 0: there is no such row. */
bool mapcache_find(struct mapcache *m, uint64_t content, uint64_t window, uint64_t *leaf,
    uint64_t *token);
void mapcache_learn(struct mapcache *m, uint64_t content, uint64_t window, uint64_t leaf,
    uint64_t token);
void mapcache_forget(struct mapcache *m, uint64_t content, uint64_t window);

/* The fields of a key of TAG_MAP; false: another key. */
bool key_map_fields(struct slice key, uint64_t *content, uint64_t *window);

#endif
