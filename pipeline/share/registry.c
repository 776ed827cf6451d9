/*
 * The shares that are served, by number and by name: two tables read under an epoch without a
 * lock, changed under one mutex.  A share found may be on its way out: only one whose count is
 * still alive is given to the caller.
 */
#include "pipeline/share/share.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/stage/job.h"

#include <stdlib.h>

enum { BUCKETS = 1024 };

struct name {
	const void *bytes;
	size_t len;
};

static struct mutex mutex;
static struct table *by_id, *by_name;
static struct share **all;		/* of that mutex */
static uint32_t nall;
static uint8_t name_key[16];

static bool
same_id(const struct table_node *n, const void *key)
{
	return container_of(n, struct share, by_id)->row.share == *(const uint64_t *)key;
}

static bool
same_name(const struct table_node *n, const void *key)
{
	const struct share *s = container_of(n, struct share, by_name);
	const struct name *name = key;

	return strlen(s->conf.name) == name->len &&
	    memcmp(s->conf.name, name->bytes, name->len) == 0;
}

void
registry_start(void)
{
	assert(by_id == NULL);
	mutex_init(&mutex, RANK_REGISTRY, 0);
	rand_bytes(name_key, sizeof name_key);
	by_id = table_new(BUCKETS);
	by_name = table_new(BUCKETS);
	all = xcalloc(REGISTRY_SHARES_MAX, sizeof *all);
	nall = 0;
	job_share_hook(share_put);
}

void
registry_stop(void)
{
	assert(nall == 0);
	epoch_drain();
	table_free(&by_id);
	table_free(&by_name);
	free(TAKE(&all));
	mutex_destroy(&mutex);
}

static struct share *
find(const struct table *t, uint64_t hash, bool (*same)(const struct table_node *, const void *),
    const void *key)
{
	struct share *s = NULL;
	struct table_node *n;

	epoch_begin();
	n = table_find(t, hash, same, key);
	if (n != NULL) {
		s = t == by_id ? container_of(n, struct share, by_id) :
		    container_of(n, struct share, by_name);
		if (!share_ref_live(s))
			s = NULL;
	}
	epoch_end();
	return s;
}

struct share *
registry_by_id(uint64_t share)
{
	return find(by_id, hash_u64(share), same_id, &share);
}

struct share *
registry_by_name(const void *bytes, size_t len)
{
	struct name name = { bytes, len };

	return find(by_name, siphash24(name_key, bytes, len), same_name, &name);
}

static void
insert(struct table *t, struct table_node *n)
{
	table_lock(t, n->hash);
	table_insert_locked(t, n);
	table_unlock(t, n->hash);
}

static void
take_out(struct table *t, struct table_node *n)
{
	table_lock(t, n->hash);
	table_remove_locked(t, n);
	table_unlock(t, n->hash);
}

static enum status
check_locked(const struct share *s)
{
	if (nall == REGISTRY_SHARES_MAX)
		return ST_RESOURCE;
	for (uint32_t i = 0; i < nall; i++)
		if (all[i]->row.share == s->row.share ||
		    strcmp(all[i]->conf.name, s->conf.name) == 0)
			return ST_EXIST;
	return OK;
}

enum status
registry_publish(struct share *s)
{
	enum status st;

	CHECK(s, SHARE_MAGIC);
	mutex_lock(&mutex);
	st = check_locked(s);
	if (st == OK) {
		s->place = nall;
		all[nall++] = share_ref(s);
		s->by_id.hash = hash_u64(s->row.share);
		s->by_name.hash = siphash24(name_key, s->conf.name, strlen(s->conf.name));
		share_spread(s);
		insert(by_id, &s->by_id);
		insert(by_name, &s->by_name);
	}
	mutex_unlock(&mutex);
	return st;
}

void
registry_retire(struct share *s)
{
	struct share *mine = NULL;

	CHECK(s, SHARE_MAGIC);
	mutex_lock(&mutex);
	if (s->place < nall && all[s->place] == s) {
		mine = s;
		take_out(by_id, &s->by_id);
		take_out(by_name, &s->by_name);
		all[s->place] = all[--nall];
		all[s->place]->place = s->place;
		s->place = UINT32_MAX;
	}
	mutex_unlock(&mutex);
	if (mine != NULL)
		share_gather(mine);
	share_put(&mine);
}

/* see() may take its time, and any mutex: the list is copied first. */
void
registry_each(void (*see)(struct share *s, void *arg), void *arg)
{
	struct share **copy;
	uint32_t n;

	mutex_lock(&mutex);
	n = nall;
	copy = xcalloc(n + 1, sizeof *copy);
	for (uint32_t i = 0; i < n; i++)
		copy[i] = share_ref(all[i]);
	mutex_unlock(&mutex);
	for (uint32_t i = 0; i < n; i++) {
		see(copy[i], arg);
		share_put(&copy[i]);
	}
	free(copy);
}
