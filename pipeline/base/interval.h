/*
 * Ordered, disjoint ranges of 64-bit offsets, each with a value: journal pieces, holes, locks.
 * A balanced tree with nodes of its own; not thread-safe, the owner locks.
 */
#ifndef BASE_INTERVAL_H
#define BASE_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
	uint64_t from, to;		/* [from, to), never empty */
	void *value;
	uint64_t skew;			/* how far into value's range `from` lies */
};

struct interval_map;

/*
 * A map that tells its owner when a value loses a range:
 *   keep(value)   one more range cites it (a range was split in two)
 *   drop(value)   one range less cites it
 * The map takes over one citation for each range inserted.  Either may be NULL; ranges whose
 * value is NULL (holes) are not counted.  Neither may touch the map.
 */
struct interval_map *interval_map_new(void (*keep)(void *value), void (*drop)(void *value));
void interval_map_free(struct interval_map **mp);	/* drops all */
size_t interval_map_count(const struct interval_map *m);

/* Set [from, to) to value with that skew, cutting what was there before.  An empty range only
 * gives its citation back. */
void interval_set(struct interval_map *m, uint64_t from, uint64_t to, void *value, uint64_t skew);

/* Remove [from, to). */
void interval_clear(struct interval_map *m, uint64_t from, uint64_t to);

/* The first range that ends after at; false where none. */
bool interval_next(const struct interval_map *m, uint64_t at, struct interval *out);

/* The last range that starts before at; false where none. */
bool interval_prev(const struct interval_map *m, uint64_t at, struct interval *out);

#endif
