/*
 * A list under a mutex: it is short unless a disk is gone, and read by people.
 */
#include "mgmt/shares/down.h"

#include "pipeline/base/log.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/model/share_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_MAX = 400 };

struct down {
	struct down *next;
	char name[SHARE_NAME_MAX + 1], why[WHY_MAX];
};

static struct down *downs;
static MUTEX_STATIC(mutex, RANK_TABLE, 1);

/* Where the link to it is; to the end of the list, where it is not there. */
static struct down **
find_locked(const char *name)
{
	struct down **at = &downs;

	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

void
shares_down_note(const char *name, const char *why)
{
	struct down **at, *d;

	mutex_lock(&mutex);
	at = find_locked(name);
	d = *at;
	if (why == NULL && d != NULL) {
		*at = d->next;
		free(d);
	} else if (why != NULL) {
		if (d == NULL)
			d = *at = xcalloc(1, sizeof *d);
		snprintf(d->name, sizeof d->name, "%s", name);
		snprintf(d->why, sizeof d->why, "%s", why);
	}
	mutex_unlock(&mutex);
	if (why != NULL)
		log_error("share.down", F_STR("share", name), F_STR("why", why));
}

bool
shares_down_why(const char *name, char *to, size_t cap)
{
	struct down *d;

	mutex_lock(&mutex);
	d = *find_locked(name);
	if (d != NULL)
		snprintf(to, cap, "%s", d->why);
	mutex_unlock(&mutex);
	return d != NULL;
}

void
shares_down_each(void (*see)(const char *name, const char *why, void *arg), void *arg)
{
	mutex_lock(&mutex);
	for (struct down *d = downs; d != NULL; d = d->next)
		see(d->name, d->why, arg);
	mutex_unlock(&mutex);
}

void
shares_down_clear(void)
{
	struct down *d;

	mutex_lock(&mutex);
	while ((d = downs) != NULL) {
		downs = d->next;
		free(d);
	}
	mutex_unlock(&mutex);
}
