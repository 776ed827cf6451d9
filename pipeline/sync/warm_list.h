/*
 * Inside of sync: which containers a share, or a path in it, needs.
 */
#ifndef SYNC_WARM_LIST_H
#define SYNC_WARM_LIST_H

#include "pipeline/share/share.h"

struct warm_item {
	uint64_t number, bytes;
};

struct warm_list {			/* by number, each once; v is the holder's to free */
	struct warm_item *v;
	size_t n, cap;
};

/* Those that the remote has, in place of what l had.  path: from the share's root; "" or "/" is all
 * of it; of a directory, what lies below.  NOENT: there is no such path.  May wait
 * for the store. */
must_check enum status warm_list_fill(struct warm_list *l, struct share *s, const char *path);

#endif
