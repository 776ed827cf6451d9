/*
 * Membership in a group: the primary one, or a search in the sorted others.
 */
#include "pipeline/model/cred.h"

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
