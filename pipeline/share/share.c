/*
 * A share's life as a counted object.  What is inside it is made and taken apart by mgmt/shares;
 * readers may have found it in the registry without a lock, so its memory goes by epoch.
 */
#include "pipeline/share/share.h"

#include <stdlib.h>

struct share *
share_new(const struct share_conf *conf)
{
	struct share *s = xcalloc(1, sizeof *s);

	s->magic = SHARE_MAGIC;
	ref_init(&s->refs);
	s->conf = *conf;
	atomic_init(&s->state, SHARE_CLOSED);
	mutex_init(&s->order, RANK_ORDER, 0);
	s->place = UINT32_MAX;
	return s;
}

struct share *
share_ref(struct share *s)
{
	CHECK(s, SHARE_MAGIC);
	ref_take(&s->refs);
	return s;
}

static void
share_free(struct epoch_entry *e)
{
	struct share *s = container_of(e, struct share, epoch);

	mutex_destroy(&s->order);
	s->magic = 0;
	free(s);
}

void
share_put(struct share **sp)
{
	struct share *s = TAKE(sp);

	if (s == NULL)
		return;
	CHECK(s, SHARE_MAGIC);
	if (!ref_drop(&s->refs))
		return;
	assert(atomic_load(&s->state) == SHARE_CLOSED);
	assert(s->catalog == NULL && s->block == NULL && s->inodes == NULL && s->sync == NULL);
	if (s->store != NULL) {
		struct meta_store *store = TAKE(&s->store);

		store->ops->close(store);
	}
	epoch_defer(&s->epoch, share_free);
}

/* The allocator stands past everything that any earlier incarnation may have handed out. */
uint64_t
share_new_ino(struct share *s)
{
	return atomic_fetch_add_explicit(&s->next_ino, 1, memory_order_relaxed);
}
