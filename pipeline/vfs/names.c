/*
 * Levels of a blocked Bloom filter, each eight times the one before: what is full stays, a new
 * level takes the rest, and a look costs a line of cache a level.  Four of them hold about half
 * a million names in 600 KiB, roughly ten bits a name; beyond that the filter is given up.
 *
 * Bits are set by one thread, which holds the directory's mutex, and read by any without it: the
 * directory's sequence number, advanced behind the bits, tells a reader that he came too early.
 */
#include "pipeline/vfs/names.h"

#include "pipeline/base/panic.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum { LEVELS = 4, FIRST_LINES = 16, GROWTH_BITS = 3, LINE_WORDS = 8, NAMES_A_LINE = 48, BITS = 6 };

struct level {
	uint64_t lines;
	_Atomic uint64_t words[];
};

struct names {
	struct epoch_entry dead;
	struct level *_Atomic levels[LEVELS];
	uint32_t count;			/* in the last level */
	uint8_t last;
	_Atomic bool full;
};

static struct level *
level_new(unsigned which)
{
	uint64_t lines = (uint64_t)FIRST_LINES << which * GROWTH_BITS;
	struct level *l = xcalloc(1, sizeof *l + lines * LINE_WORDS * sizeof l->words[0]);

	l->lines = lines;
	return l;
}

struct names *
names_new(void)
{
	struct names *n = xcalloc(1, sizeof *n);

	atomic_init(&n->levels[0], level_new(0));
	return n;
}

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	for (unsigned i = 0; i < LEVELS; i++)
		free(atomic_load_explicit(&n->levels[i], memory_order_relaxed));
	free(n);
}

static void
readers_gone(struct epoch_entry *e)
{
	names_free(container_of(e, struct names, dead));
}

void
names_put(struct names *n)
{
	epoch_defer(&n->dead, readers_gone);
}

/* The hash is of 47 bits, and keyed: mixed once more it gives a line and the bits within. */
static uint64_t
mix(uint64_t hash)
{
	hash *= 0x9e3779b97f4a7c15ull;
	return (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
}

static _Atomic uint64_t *
line_of(struct level *l, uint64_t h)
{
	return &l->words[(h & (l->lines - 1)) * LINE_WORDS];
}

/* Six bits of a line, each by nine bits of the hash. */
static bool
has(struct level *l, uint64_t h)
{
	_Atomic uint64_t *line = line_of(l, h);

	h >>= 10;
	for (unsigned i = 0; i < BITS; i++, h >>= 9)
		if ((atomic_load_explicit(&line[h >> 6 & 7], memory_order_relaxed) >>
		    (h & 63) & 1) == 0)
			return false;
	return true;
}

static void
set(struct level *l, uint64_t h)
{
	_Atomic uint64_t *line = line_of(l, h);

	h >>= 10;
	for (unsigned i = 0; i < BITS; i++, h >>= 9) {
		_Atomic uint64_t *word = &line[h >> 6 & 7];

		atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) |
		    1ull << (h & 63), memory_order_relaxed);
	}
}

static struct level *
level_of(const struct names *n, unsigned i)	/* acquire: pairs with the release in names_add */
{
	return atomic_load_explicit(&((struct names *)n)->levels[i], memory_order_acquire);
}

bool
names_may_have(const struct names *n, uint64_t hash)
{
	uint64_t h = mix(hash);
	struct level *l;

	if (atomic_load_explicit(&((struct names *)n)->full, memory_order_relaxed))
		return true;
	for (unsigned i = 0; i < LEVELS && (l = level_of(n, i)) != NULL; i++)
		if (has(l, h))
			return true;
	return false;
}

bool
names_add(struct names *n, uint64_t hash)
{
	struct level *l;

	if (names_may_have(n, hash))
		return !atomic_load_explicit(&n->full, memory_order_relaxed);
	l = level_of(n, n->last);
	if (n->count >= l->lines * NAMES_A_LINE) {
		if (n->last + 1 == LEVELS) {
			atomic_store_explicit(&n->full, true, memory_order_relaxed);
			return false;
		}
		l = level_new(++n->last);
		n->count = 0;
		set(l, mix(hash));
		atomic_store_explicit(&n->levels[n->last], l, memory_order_release);
	} else {
		set(l, mix(hash));
	}
	n->count++;
	return true;
}

uint32_t
names_bytes(const struct names *n)
{
	size_t bytes = n == NULL ? 0 : sizeof *n;
	const struct level *l;

	for (unsigned i = 0; n != NULL && i < LEVELS && (l = level_of(n, i)) != NULL; i++)
		bytes += sizeof *l + l->lines * LINE_WORDS * sizeof l->words[0];
	return (uint32_t)bytes;
}
