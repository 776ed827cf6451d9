/*
 * A chain is a short vector of slices: payload that is not contiguous.  It owns a reference of
 * each of its slices.  The vector grows in an arena; four slices need none.
 */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include "pipeline/base/arena.h"
#include "pipeline/base/slice.h"
#include "pipeline/base/status.h"

#include <sys/uio.h>

enum { CHAIN_INLINE = 4 };

struct chain {
	struct slice *v;
	uint16_t n, cap;
	uint64_t len;			/* bytes in all */
	struct slice few[CHAIN_INLINE];
};

void chain_init(struct chain *c);

/* Add a slice at the end, taking a reference of its own.  RESOURCE: the arena is full. */
must_check enum status chain_push(struct chain *c, struct arena *arena, struct slice s);

/* Add at the end the len bytes from at on of another chain. */
must_check enum status chain_push_part(struct chain *c, struct arena *arena,
    const struct chain *from, uint64_t at, uint64_t len);

/* Drop all references; the chain is empty and may be used again. */
void chain_clear(struct chain *c);

/* Keep only the first len bytes. */
void chain_trim(struct chain *c, uint64_t len);

/* Copy out the len bytes from at on, which must lie inside. */
void chain_copy_out(const struct chain *c, uint64_t at, void *to, uint64_t len);

/* Fill up to max iovecs; returns how many. */
int chain_iovec(const struct chain *c, struct iovec *iov, int max);

#endif
