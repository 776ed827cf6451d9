/*
 * The wrapped keys of a share lie in its remote store before any container does; they are mended
 * there, wrapped anew there, and one more is there before what it seals.
 */
#include "backends/backends.h"
#include "backends/block/flaky/flaky.h"
#include "crypto/aead.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/keys.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"
#include "tests/unit/pipeline/sync/yard.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 1 << 20, PATIENCE = 3000 };

#define SHARE_HEX "01010101010101010101010101010101"

/* A store that looks on: no container may set out while a version is not there as it is. */
struct witness {
	struct block_store store;
	struct block_store *inner;
	struct yard *yard;
	void (*done)(struct block_call *call);	/* of the call for keys; there is one at a time */
	_Atomic unsigned stored;	/* the newest version that has arrived */
	_Atomic unsigned containers, too_early;
};

static struct witness witness;

static void
keys_done(struct block_call *call)
{
	if (call->status == OK)		/* found there, where the answer to a PUT was lost */
		witness.stored = (unsigned)atoi(strrchr(call->name, '/') + 1);
	call->done = witness.done;
	call->done(call);
}

static void
witness_start(struct block_store *s, struct block_call *call)
{
	(void)s;
	if (strstr(call->name, "/keys/") != NULL) {
		witness.done = call->done;
		call->done = keys_done;
	} else if (call->kind == BLOCK_PUT) {
		witness.containers++;
		witness.too_early += witness.stored < keys_newest(witness.yard->share->keys);
	}
	witness.inner->ops->start(witness.inner, call);
}

static void
witness_cancel(struct block_store *s, struct block_call *call)
{
	(void)s;
	witness.inner->ops->cancel(witness.inner, call);
}

static void
witness_close(struct block_store *s)
{
	(void)s;
	witness.inner->ops->close(witness.inner);
}

static const struct block_store_ops witness_ops = { .kind = "witness", .durable = true,
	.start = witness_start, .cancel = witness_cancel, .close = witness_close };

static struct block_store *
watch(struct yard *y, struct block_store *inner)
{
	witness = (struct witness){ .store.ops = &witness_ops, .inner = inner, .yard = y };
	return &witness.store;
}

static struct block_store *
memory(void)
{
	struct block_store_conf conf = { 0 };
	struct block_store *s = NULL;
	char why[200];

	yard_start();			/* before any thread */
	EQ(block_store_open("memory", &conf, &s, why, sizeof why), OK);
	return s;
}

static void
make(struct yard *y, struct block_store *remote, const char *wrapped)
{
	yard_make_as(y, "leveldb", AEAD_XCHACHA20_POLY1305, 0);
	yard_close(y);
	y->remote = remote;
	y->wrapped = wrapped;
	yard_open(y, false);
}

static void
write_noise(struct yard *y)
{
	uint8_t *bytes = xmalloc(PIECE);

	rand_bytes(bytes, PIECE);
	yard_write(y, 1, 0, bytes, PIECE);
	free(bytes);
}

static struct sync_remote
drained(struct yard *y)
{
	struct sync_remote r;

	for (int i = 0; i < PATIENCE; i++) {
		sync_push_share(y->share);
		sync_remote_look(y->share, &r);
		if (r.drained)
			return r;
		usleep(10000);
	}
	check_fail(__FILE__, __LINE__, "not drained: %llu pending, %s",
	    (unsigned long long)r.pending, r.text);
}

/* What lies under that name; "": nothing. */
static const char *
object(struct block_store *s, const char *name)
{
	static char bytes[2000];
	struct waiter w;
	enum status st;

	waiter_init(&w, BLOCK_GET, name);
	w.call.into = (uint8_t *)bytes;
	w.call.into_cap = sizeof bytes - 1;
	st = waiter_run(s, &w);
	TRUE(st == OK || st == ST_NOENT);
	bytes[st == OK ? w.call.got : 0] = '\0';
	waiter_drop(&w);
	return bytes;
}

static void
put(struct block_store *s, const char *name, const char *bytes)
{
	struct waiter w;

	waiter_init(&w, BLOCK_PUT, name);
	waiter_body(&w, bytes, strlen(bytes));
	EQ(waiter_run(s, &w), OK);
	waiter_drop(&w);
}

static void
end(struct yard *y)
{
	yard_close(y);
	yard_end(y);
	y->remote->ops->close(y->remote);
}

CASE(the_keys_are_there_before_any_container_whatever_fails)
{
	static const uint8_t second[SHARE_KEY_BYTES] = "one more";
	struct sync_remote r;
	struct yard y;

	make(&y,
	    watch(&y,
		block_flaky_wrap(memory(),
		    &(struct block_flaky_conf){ .seed = 7,
			.fail = 15,
			.lost = 10,
			.delay_ms = 5 })),
	    "wrapped once");
	write_noise(&y);
	r = drained(&y);
	EQ(r.keys, 1);
	EQ(r.keys_remote, 1);
	keys_wrapped_set(y.share->keys, 2, slice_str("the second"));
	EQ(keys_add(y.share->keys, 2, second), OK);
	sync_remote_look(y.share, &r);
	FALSE(r.drained);		/* its keys are not yet there */
	write_noise(&y);
	r = drained(&y);
	EQ(r.keys_remote, 2);
	TRUE(witness.containers > 1);
	EQ(witness.too_early, 0);
	end(&y);
}

CASE(what_lies_there_is_what_the_share_has_and_is_mended_at_an_opening)
{
	char longer[1000];
	struct yard y;

	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	make(&y, memory(), "wrapped once");
	(void)drained(&y);
	EQ_STR(object(y.remote, SHARE_HEX "/keys/1"), "wrapped once");
	put(y.remote, SHARE_HEX "/keys/1", "damaged some");
	yard_close(&y);
	yard_open(&y, false);
	(void)drained(&y);
	EQ_STR(object(y.remote, SHARE_HEX "/keys/1"), "wrapped once");
	put(y.remote, SHARE_HEX "/keys/1", longer);
	yard_close(&y);
	yard_open(&y, false);
	(void)drained(&y);
	EQ_STR(object(y.remote, SHARE_HEX "/keys/1"), "wrapped once");
	end(&y);
}

CASE(wrapped_anew_they_are_written_over)
{
	struct sync_remote r;
	struct yard y;

	make(&y, memory(), "wrapped once");
	(void)drained(&y);
	keys_wrapped_set(y.share->keys, 1, slice_str("wrapped again"));
	sync_remote_look(y.share, &r);
	EQ(r.keys_remote, 0);
	r = drained(&y);
	EQ(r.keys_remote, 1);
	EQ_STR(object(y.remote, SHARE_HEX "/keys/1"), "wrapped again");
	end(&y);
}

CASE(without_its_keys_nothing_leaves_and_nothing_here_waits)
{
	struct block_store *flaky = block_flaky_wrap(memory(),
	    &(struct block_flaky_conf){ .seed = 5 });
	struct sync_remote r = { .has = false };
	struct yard y;

	block_flaky_down(flaky, true);
	make(&y, watch(&y, flaky), "wrapped once");
	write_noise(&y);
	for (int i = 0; i < PATIENCE && (r.pending == 0 || r.text[0] == '\0'); i++) {
		sync_push_share(y.share);
		sync_remote_look(y.share, &r);
		usleep(10000);
	}
	EQ(r.dirty_bytes, 0);
	EQ_STR(r.text, "the wrapped keys: peer not reachable");
	EQ(witness.containers, 0);
	yard_compare(&y, 1);
	block_flaky_down(flaky, false);
	r = drained(&y);
	EQ_STR(r.text, "");
	EQ(witness.too_early, 0);
	end(&y);
}

CASE(a_share_in_the_clear_has_none_there)
{
	struct sync_remote r;
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	yard_close(&y);
	y.remote = memory();
	yard_open(&y, false);
	write_noise(&y);
	r = drained(&y);
	EQ(r.keys + r.keys_remote, 0);
	EQ_STR(object(y.remote, SHARE_HEX "/keys/1"), "");
	end(&y);
}
