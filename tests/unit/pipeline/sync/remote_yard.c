/* Yards before a remote store. */
#include "tests/unit/pipeline/sync/remote_yard.h"

#include "backends/backends.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHARE "01010101010101010101010101010101"	/* of every yard */

struct block_store *
remote_memory(void)
{
	struct block_store_conf conf = { 0 };
	struct block_store *s = NULL;
	char why[200];

	yard_start();			/* before any thread */
	EQ(block_store_open("memory", &conf, &s, why, sizeof why), OK);
	return s;
}

void
remote_make(struct yard *y, const char *kind, uint8_t aead, struct block_store *remote)
{
	yard_start();
	yard_make_as(y, kind, aead, 0);
	if (remote == NULL)
		return;
	yard_close(y);
	y->remote = remote;
	yard_open(y, false);
}

void
remote_end(struct yard *y)
{
	yard_close(y);
	yard_end(y);
	if (y->remote != NULL)
		y->remote->ops->close(y->remote);
}

void
remote_noise(struct yard *y, uint64_t content, unsigned pieces)
{
	uint8_t *bytes = xmalloc(REMOTE_PIECE);

	for (unsigned n = 0; n < pieces; n++) {
		rand_bytes(bytes, REMOTE_PIECE);
		yard_write(y, content, (uint64_t)n * REMOTE_PIECE, bytes, REMOTE_PIECE);
	}
	free(bytes);
}

struct sync_remote
remote_push(struct yard *y)
{
	struct sync_remote r;

	for (int i = 0; i < REMOTE_PATIENCE; i++) {
		sync_push_share(y->share);
		sync_remote_look(y->share, &r);
		if (r.drained)
			return r;
		usleep(10000);
	}
	check_fail(__FILE__, __LINE__, "not drained: %llu pending, %s",
	    (unsigned long long)r.pending, r.text);
}

void
remote_evict(struct yard *y)
{
	struct sync_remote r = remote_push(y);

	EQ(sync_evict_share(y->share, "", 0), OK);
	for (int i = 0; i < REMOTE_PATIENCE && r.local_bytes > 0; i++) {
		usleep(10000);
		sync_remote_look(y->share, &r);
	}
	EQ(r.local_bytes, 0);
}

/* --- what lies there --- */

void
remote_object(char name[BLOCK_NAME_MAX], uint64_t fence, uint64_t number)
{
	snprintf(name, BLOCK_NAME_MAX, SHARE "/c/%016llx-%016llx", (unsigned long long)fence,
	    (unsigned long long)number);
}

int
remote_objects(struct block_store *s)
{
	enum status st = ST_DELAY;
	struct waiter w;
	int n = 0;

	for (int i = 0; st != OK && i < 100; i++) {	/* it may be refused */
		waiter_init(&w, BLOCK_WALK, SHARE);
		st = waiter_run(s, &w);
		n = w.count;
		waiter_drop(&w);
	}
	EQ(st, OK);
	return n;
}

enum status
remote_get(struct block_store *s, const char *name, void *to, size_t cap, uint64_t *got)
{
	struct waiter w;
	enum status st;

	waiter_init(&w, BLOCK_GET, name);
	w.call.into = to;
	w.call.into_cap = cap;
	st = waiter_run(s, &w);
	*got = st == OK ? w.call.got : 0;
	waiter_drop(&w);
	return st;
}

enum status
remote_put(struct block_store *s, const char *name, const void *bytes, size_t len)
{
	struct waiter w;
	enum status st;

	waiter_init(&w, BLOCK_PUT, name);
	waiter_body(&w, bytes, len);
	st = waiter_run(s, &w);
	waiter_drop(&w);
	return st;
}

enum status
remote_ask(struct block_store *s, enum block_call_kind kind, const char *name)
{
	struct waiter w;
	enum status st;

	waiter_init(&w, kind, name);
	st = waiter_run(s, &w);
	waiter_drop(&w);
	return st;
}
