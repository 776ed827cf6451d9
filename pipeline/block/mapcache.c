/*
 * The map cache: one entry a slot, slots by hash, guarded by a few mutexes that are held for a
 * handful of instructions.  The token is a stripe's count of changes.
 */
#include "pipeline/block/mapcache.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

enum { STRIPES = 64, SLOTS = 256, RANK_BASE = 1 << 16 };

struct slot {
	uint64_t content, window, leaf;	/* content 0: empty */
};

struct stripe {
	struct mutex mutex;		/* rank INDEX, behind those of the index */
	uint64_t changes;
	struct slot slot[SLOTS];
};

struct mapcache {
	struct stripe stripe[STRIPES];
};

struct mapcache *
mapcache_new(void)
{
	struct mapcache *m = xcalloc(1, sizeof *m);

	for (int i = 0; i < STRIPES; i++)
		mutex_init(&m->stripe[i].mutex, RANK_INDEX, RANK_BASE + (uint64_t)i);
	return m;
}

void
mapcache_free(struct mapcache **mp)
{
	struct mapcache *m = TAKE(mp);

	if (m == NULL)
		return;
	for (int i = 0; i < STRIPES; i++)
		mutex_destroy(&m->stripe[i].mutex);
	free(m);
}

static struct stripe *
stripe_of(struct mapcache *m, uint64_t content, uint64_t window, struct slot **slot)
{
	uint64_t h = hash_u64(hash_u64(content) + window);
	struct stripe *s = &m->stripe[h % STRIPES];

	*slot = &s->slot[h / STRIPES % SLOTS];
	return s;
}

static bool
slot_is(const struct slot *slot, uint64_t content, uint64_t window)
{
	return slot->content == content && slot->window == window && content != 0;
}

bool
mapcache_find(struct mapcache *m, uint64_t content, uint64_t window, uint64_t *leaf,
    uint64_t *token)
{
	struct slot *slot;
	struct stripe *s = stripe_of(m, content, window, &slot);
	bool found;

	mutex_lock(&s->mutex);
	found = slot_is(slot, content, window);
	if (found)
		*leaf = slot->leaf;
	else
		*token = s->changes;
	mutex_unlock(&s->mutex);
	return found;
}

void
mapcache_learn(struct mapcache *m, uint64_t content, uint64_t window, uint64_t leaf, uint64_t token)
{
	struct slot *slot;
	struct stripe *s = stripe_of(m, content, window, &slot);

	mutex_lock(&s->mutex);
	if (s->changes == token)
		*slot = (struct slot){ content, window, leaf };
	mutex_unlock(&s->mutex);
}

void
mapcache_forget(struct mapcache *m, uint64_t content, uint64_t window)
{
	struct slot *slot;
	struct stripe *s = stripe_of(m, content, window, &slot);

	mutex_lock(&s->mutex);
	s->changes++;
	if (slot_is(slot, content, window))
		slot->content = 0;
	mutex_unlock(&s->mutex);
}

bool
key_map_fields(struct slice key, uint64_t *content, uint64_t *window)
{
	if (key.len != 17 || key.at[0] != TAG_MAP)
		return false;
	*content = get_be64(key.at + 1);
	*window = get_be64(key.at + 9);
	return true;
}
