/*
 * Creds are counted; who holds one may read it without a lock, since it never changes once it is
 * shared.  Membership in a group: the primary one, or a search in the sorted others.
 */
#include "pipeline/model/cred.h"

#include <stdlib.h>

struct cred *
cred_new(uint32_t ngids)
{
	struct cred *c;

	assert(ngids <= CRED_GIDS_MAX);
	c = xcalloc(1, sizeof *c + ngids * sizeof c->gids[0]);
	ref_init(&c->refs);
	c->ngids = (uint16_t)ngids;
	return c;
}

/* The count is the one part that changes: it is not what const promises. */
const struct cred *
cred_ref(const struct cred *c)
{
	ref_take(&((struct cred *)(uintptr_t)c)->refs);
	return c;
}

void
cred_put(const struct cred **cp)
{
	struct cred *c = (struct cred *)(uintptr_t)*cp;

	*cp = NULL;
	if (c != NULL && ref_drop(&c->refs))
		free(c);
}

bool
cred_in_group(const struct cred *c, uint32_t gid)
{
	uint32_t low = 0, high = c->ngids;

	if (c->gid == gid)
		return true;
	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (c->gids[mid] == gid)
			return true;
		if (c->gids[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}
