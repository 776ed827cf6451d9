/*
 * A yard before a remote store: making it, waiting until all is there or nothing is here, and what
 * lies there under which name.
 */
#ifndef TESTS_SYNC_REMOTE_YARD_H
#define TESTS_SYNC_REMOTE_YARD_H

#include "tests/unit/pipeline/sync/yard.h"

enum { REMOTE_PATIENCE = 3000, REMOTE_PIECE = 1 << 20 };

struct block_store *remote_memory(void);

/* A fresh share, its first opening over, open again before that store; NULL: it has none. */
void remote_make(struct yard *y, const char *kind, uint8_t aead, struct block_store *remote);
void remote_end(struct yard *y);		/* closed, and gone; the store as well */

/* So many pieces from its beginning on, such that none is stored twice, nor in less room. */
void remote_noise(struct yard *y, uint64_t content, unsigned pieces);

struct sync_remote remote_push(struct yard *y);	/* until all is there; as it looks then */
void remote_evict(struct yard *y);		/* the same, and until nothing whole is here */

/* --- what lies there --- */

void remote_object(char name[BLOCK_NAME_MAX], uint64_t fence, uint64_t number);
int remote_objects(struct block_store *s);	/* of the share, its keys included */

enum status remote_get(struct block_store *s, const char *name, void *to, size_t cap,
    uint64_t *got);
enum status remote_put(struct block_store *s, const char *name, const void *bytes, size_t len);
enum status remote_ask(struct block_store *s, enum block_call_kind kind, const char *name);

#endif
