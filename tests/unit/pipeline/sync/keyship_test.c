/*
 * The wrapped keys of a share lie in its remote store before any container does; they are mended
 * there, wrapped anew there, and one more is there before what it seals.
 */
#include "backends/block/flaky/flaky.h"
#include "crypto/aead.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/keys.h"
#include "pipeline/sync/keyform.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHARE_HEX "01010101010101010101010101010101"

/* A store that looks on: no container may set out while a version is not there as it is. */
struct witness {
	struct block_store store;
	struct block_store *inner;
	struct yard *yard;
	void (*done)(struct block_call *call);	/* of the call for keys; there is one at a time */
	_Atomic unsigned stored;	/* the newest version that has arrived */
	_Atomic unsigned containers, too_early;
	const uint8_t *_Atomic between;	/* another's object, put behind the look */
	uint32_t between_len;
};

static struct witness witness;

static void
keys_done(struct block_call *call)
{
	if (call->status == OK)		/* found there, where the answer to a PUT was lost */
		witness.stored = (unsigned)atoi(strrchr(call->name, '/') + 1);
	if (call->kind == BLOCK_GET && witness.between != NULL) {
		EQ(remote_put(witness.inner, call->name, witness.between, witness.between_len), OK);
		witness.between = NULL;
	}
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

static void
make(struct yard *y, struct block_store *remote, const char *wrapped)
{
	yard_make_as(y, "leveldb", AEAD_XCHACHA20_POLY1305, 0);
	yard_close(y);
	y->remote = remote;
	y->wrapped = wrapped;
	yard_open(y, false);
}

/* What lies under that name; empty: nothing. */
static struct slice
object(struct block_store *s, const char *name)
{
	static uint8_t bytes[2000];
	uint64_t got;
	enum status st = remote_get(s, name, bytes, sizeof bytes, &got);

	TRUE(st == OK || st == ST_NOENT);
	return slice_of(bytes, (uint32_t)got);
}

/* What of a key, wrapped so, is to lie there. */
static uint32_t
form(const uint8_t *first, const uint8_t *second, const char *wrapped, uint8_t to[KEYFORM_MAX])
{
	static const uint8_t share_id[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	uint8_t identity[KEYS_IDENTITY];
	struct share_keys *keys = NULL;

	EQ(keys_new(share_id, AEAD_XCHACHA20_POLY1305, &keys), OK);
	EQ(keys_add(keys, 1, first), OK);
	if (second != NULL)
		EQ(keys_add(keys, 2, second), OK);
	keys_identity(keys, second != NULL ? 2 : 1, identity);
	keys_free(&keys);
	return keyform_write(slice_str(wrapped), identity, to);
}

static const uint8_t yards[SHARE_KEY_BYTES] = "the yard's own key";

/* Does the share's own first key lie there, wrapped so? */
static void
lies_there(struct yard *y, const char *wrapped)
{
	uint8_t want[KEYFORM_MAX];
	uint32_t len = form(yards, NULL, wrapped, want);
	struct slice is = object(y->remote, SHARE_HEX "/keys/1");

	EQ(is.len, len);
	EQ_MEM(is.at, want, len);
}

CASE(the_keys_are_there_before_any_container_whatever_fails)
{
	static const uint8_t second[SHARE_KEY_BYTES] = "one more";
	struct sync_remote r;
	struct yard y;

	make(&y,
	    watch(&y,
		block_flaky_wrap(remote_memory(),
		    &(struct block_flaky_conf){ .seed = 7,
			.fail = 15,
			.lost = 10,
			.delay_ms = 5 })),
	    "wrapped once");
	remote_noise(&y, 1, 1);
	r = remote_push(&y);
	EQ(r.keys, 1);
	EQ(r.keys_remote, 1);
	keys_wrapped_set(y.share->keys, 2, slice_str("the second"));
	EQ(keys_add(y.share->keys, 2, second), OK);
	sync_remote_look(y.share, &r);
	FALSE(r.drained);		/* its keys are not yet there */
	remote_noise(&y, 1, 1);
	r = remote_push(&y);
	EQ(r.keys_remote, 2);
	TRUE(witness.containers > 1);
	EQ(witness.too_early, 0);
	remote_end(&y);
}

static void
opened_anew(struct yard *y)
{
	yard_close(y);
	yard_open(y, false);
	(void)remote_push(y);
}

CASE(what_lies_there_is_what_the_share_has_and_is_mended_at_an_opening)
{
	uint8_t damaged[KEYFORM_MAX];
	struct yard y;
	uint32_t len;

	make(&y, remote_memory(), "wrapped once");
	(void)remote_push(&y);
	lies_there(&y, "wrapped once");
	EQ(remote_ask(y.remote, BLOCK_DEL, SHARE_HEX "/keys/1"), OK);
	opened_anew(&y);
	lies_there(&y, "wrapped once");
	len = form(yards, NULL, "wrapped once", damaged);
	damaged[3] ^= 1;		/* but not that which says whose it is */
	EQ(remote_put(y.remote, SHARE_HEX "/keys/1", damaged, len), OK);
	opened_anew(&y);
	lies_there(&y, "wrapped once");
	/* As older releases put it. */
	EQ(remote_put(y.remote, SHARE_HEX "/keys/1", "wrapped once", 12), OK);
	opened_anew(&y);
	lies_there(&y, "wrapped once");
	EQ(remote_put(y.remote, SHARE_HEX "/keys/1", "", 0), OK);
	opened_anew(&y);
	lies_there(&y, "wrapped once");
	remote_end(&y);
}

CASE(wrapped_anew_they_are_written_over)
{
	struct sync_remote r;
	struct yard y;

	make(&y, remote_memory(), "wrapped once");
	(void)remote_push(&y);
	keys_wrapped_set(y.share->keys, 1, slice_str("wrapped again"));
	sync_remote_look(y.share, &r);
	EQ(r.keys_remote, 0);
	r = remote_push(&y);
	EQ(r.keys_remote, 1);
	lies_there(&y, "wrapped again");
	remote_end(&y);
}

/* Until it is said that another key lies there. */
static struct sync_remote
refused(struct yard *y)
{
	struct sync_remote r = { .has = false };

	for (int i = 0; i < REMOTE_PATIENCE && (r.keys_other == 0 || r.pending == 0); i++) {
		sync_push_share(y->share);
		usleep(10000);
		sync_remote_look(y->share, &r);
	}
	return r;
}

/* A share whose state was brought back from before its second key was made, and that made another
 * one since; what the lost one sealed is in the bucket. */
CASE(another_key_is_never_put_over_and_what_needs_ours_stays)
{
	static const uint8_t lost[SHARE_KEY_BYTES] = "of the life that was lost",
		second[SHARE_KEY_BYTES] = "of this one", third[SHARE_KEY_BYTES] = "and one more";
	uint8_t theirs[KEYFORM_MAX];
	struct sync_remote r;
	struct slice is;
	struct yard y;
	uint32_t len = form(yards, lost, "theirs", theirs), before;

	make(&y, watch(&y, remote_memory()), "wrapped once");
	remote_noise(&y, 1, 1);
	(void)remote_push(&y);
	EQ(remote_put(witness.inner, SHARE_HEX "/keys/2", theirs, len), OK);
	keys_wrapped_set(y.share->keys, 2, slice_str("ours"));
	EQ(keys_add(y.share->keys, 2, second), OK);
	before = witness.containers;
	remote_noise(&y, 1, 1);
	r = refused(&y);
	EQ(r.keys_other, 2);
	EQ(r.keys_remote, 1);
	TRUE(r.pending > 0);
	FALSE(r.drained);
	TRUE(strstr(r.text, "keys/2") != NULL);
	EQ(witness.containers, before);
	is = object(witness.inner, SHARE_HEX "/keys/2");
	EQ(is.len, len);
	EQ_MEM(is.at, theirs, len);
	yard_compare(&y, 1);

	/* A key behind it has its place: what that seals goes. */
	witness.stored = 3;
	keys_wrapped_set(y.share->keys, 3, slice_str("the third"));
	EQ(keys_add(y.share->keys, 3, third), OK);
	remote_noise(&y, 2, 1);
	for (int i = 0; i < REMOTE_PATIENCE && witness.containers == before; i++) {
		sync_push_share(y.share);
		usleep(10000);
	}
	TRUE(witness.containers > before);
	sync_remote_look(y.share, &r);
	EQ(r.keys_other, 2);
	EQ(r.keys_remote, 2);

	/* Taken out of the way, ours takes its place, and all goes. */
	EQ(remote_ask(witness.inner, BLOCK_DEL, SHARE_HEX "/keys/2"), OK);
	r = remote_push(&y);
	EQ(r.keys_other, 0);
	EQ(r.keys_remote, 3);
	EQ_STR(r.text, "");
	remote_end(&y);
}

/* Of the first come the digests: without it nothing there is of use. */
CASE(another_first_key_keeps_all_here)
{
	uint8_t theirs[1000];
	struct sync_remote r;
	struct yard y;

	memset(theirs, 'x', sizeof theirs);
	make(&y, watch(&y, remote_memory()), "wrapped once");
	yard_close(&y);			/* it may have put its own already */
	EQ(remote_put(witness.inner, SHARE_HEX "/keys/1", theirs, sizeof theirs), OK);
	yard_open(&y, false);
	remote_noise(&y, 1, 1);
	r = refused(&y);
	EQ(r.keys_other, 1);
	EQ(witness.containers, 0);
	EQ(object(witness.inner, SHARE_HEX "/keys/1").len, sizeof theirs);
	remote_end(&y);
}

/* Who looks and finds a free name may be second all the same. */
CASE(a_key_that_comes_between_the_look_and_the_put_stays)
{
	uint8_t theirs[KEYFORM_MAX];
	static const uint8_t lost[SHARE_KEY_BYTES] = "somebody else's";
	uint32_t len = form(lost, NULL, "theirs", theirs);
	struct sync_remote r;
	struct slice is;
	struct yard y;

	make(&y, watch(&y, remote_memory()), "wrapped once");
	yard_close(&y);
	EQ(remote_ask(witness.inner, BLOCK_DEL, SHARE_HEX "/keys/1"), OK);
	witness.between = theirs;
	witness.between_len = len;
	yard_open(&y, false);
	remote_noise(&y, 1, 1);
	r = refused(&y);
	EQ(r.keys_other, 1);
	TRUE(witness.between == NULL);
	is = object(witness.inner, SHARE_HEX "/keys/1");
	EQ(is.len, len);
	EQ_MEM(is.at, theirs, len);
	remote_end(&y);
}

CASE(without_its_keys_nothing_leaves_and_nothing_here_waits)
{
	struct block_store *flaky = block_flaky_wrap(remote_memory(),
	    &(struct block_flaky_conf){ .seed = 5 });
	struct sync_remote r = { .has = false };
	struct yard y;

	block_flaky_down(flaky, true);
	make(&y, watch(&y, flaky), "wrapped once");
	remote_noise(&y, 1, 1);
	for (int i = 0; i < REMOTE_PATIENCE && (r.pending == 0 || r.text[0] == '\0'); i++) {
		sync_push_share(y.share);
		sync_remote_look(y.share, &r);
		usleep(10000);
	}
	EQ(r.dirty_bytes, 0);
	EQ_STR(r.text, "the wrapped keys: peer not reachable");
	EQ(witness.containers, 0);
	yard_compare(&y, 1);
	block_flaky_down(flaky, false);
	r = remote_push(&y);
	EQ_STR(r.text, "");
	EQ(witness.too_early, 0);
	remote_end(&y);
}

CASE(a_share_in_the_clear_has_none_there)
{
	struct sync_remote r;
	struct yard y;

	remote_make(&y, "leveldb", 0, remote_memory());
	remote_noise(&y, 1, 1);
	r = remote_push(&y);
	EQ(r.keys + r.keys_remote, 0);
	EQ(object(y.remote, SHARE_HEX "/keys/1").len, 0);
	remote_end(&y);
}
