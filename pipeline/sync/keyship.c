/*
 * One call at a time: what lies there is read, and written over where it is not what the share has
 * now.  So an object that somebody lost is put back at the next opening, and a new key-encrypting
 * key finds its way there without being told.  A call ends on a thread of the store's, which only
 * posts the errand.
 */
#include "pipeline/sync/keyship.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"
#include "pipeline/block/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_S = 60, PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 60000, DOUBLINGS = 7 };

enum state { IDLE, RUNS, ENDED };

struct keyship {
	struct sync *sync;
	struct block_store *store;
	struct mutex mutex;		/* rank LEDGER: all below */
	struct cond ended;
	bool closing;
	enum state state;
	struct block_call call;
	uint32_t version;		/* the call's */
	struct slice wrapped;		/* the same, as it is to be */
	uint8_t there[KEYS_WRAPPED_MAX];	/* GET */
	const uint8_t *shipped[SHARE_KEYS_MAX];	/* which wrapped form is there; NULL: not known */
	unsigned failures;
	uint64_t pause_until_ns;
	char text[160];
};

struct keyship *
keyship_new(struct sync *y)
{
	struct keyship *k;

	if (y->share->keys == NULL || keys_wrapped(y->share->keys, 1).len == 0)
		return NULL;
	k = xcalloc(1, sizeof *k);
	k->sync = y;
	k->store = y->share->remote;
	mutex_init(&k->mutex, RANK_LEDGER, y->share->row.share);
	cond_init(&k->ended);
	return k;
}

void
keyship_free(struct keyship **kp)
{
	struct keyship *k = TAKE(kp);

	if (k == NULL)
		return;
	mutex_lock(&k->mutex);
	k->closing = true;
	if (k->state == RUNS)
		k->store->ops->cancel(k->store, &k->call);
	while (k->state == RUNS)
		cond_wait(&k->ended, &k->mutex);
	mutex_unlock(&k->mutex);
	chain_clear(&k->call.body);
	mutex_destroy(&k->mutex);
	cond_destroy(&k->ended);
	free(k);
}

/* The first version that is not there as it should be; 0: all are. */
static uint32_t
missing_locked(const struct keyship *k)
{
	const struct share_keys *keys = k->sync->share->keys;
	uint32_t n = keys_newest(keys);

	for (uint32_t v = 1; v <= n; v++)
		if (keys_wrapped(keys, v).at != k->shipped[v - 1])
			return v;
	return 0;
}

static void
call_ended(struct block_call *call)
{
	struct keyship *k = container_of(call, struct keyship, call);

	mutex_lock(&k->mutex);
	k->state = ENDED;
	cond_broadcast(&k->ended);
	if (!k->closing)
		work_post(&k->sync->up);
	mutex_unlock(&k->mutex);
}

static void
begin_locked(struct keyship *k, enum block_call_kind kind)
{
	struct text name;

	k->call = (struct block_call){ .kind = kind, .done = call_ended, .into = k->there,
		.into_cap = sizeof k->there, .deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S };
	name = text_of(k->call.name, sizeof k->call.name);
	text_hex(&name, k->sync->share->row.share_id, sizeof k->sync->share->row.share_id);
	text_addf(&name, "/keys/%u", k->version);
	chain_init(&k->call.body);
	if (kind == BLOCK_PUT && chain_push(&k->call.body, NULL, k->wrapped) != OK)
		panic("one slice does not fit into a chain");
	k->state = RUNS;
	k->store->ops->start(k->store, &k->call);	/* never ends inside */
}

static void
failed_locked(struct keyship *k)
{
	uint64_t whole = MIN((uint64_t)PAUSE_FIRST_MS << MIN(k->failures, (unsigned)DOUBLINGS),
	    (uint64_t)PAUSE_MOST_MS) * NS_PER_MS;

	snprintf(k->text, sizeof k->text, "%s", k->call.text[0] != '\0' ? k->call.text :
	    status_text(k->call.status));
	if (k->failures++ == 0)
		log_warn("keys.away", F_STR("share", k->sync->share->conf.name),
		    F_U64("version", k->version), F_HEX("request", k->call.request),
		    F_STR("why", k->text));
	k->pause_until_ns = clock_mono_ns() + whole / 2 + rand_u64() % (whole / 2 + 1);
}

static void
arrived_locked(struct keyship *k)
{
	k->shipped[k->version - 1] = k->wrapped.at;
	k->failures = 0;
	k->text[0] = '\0';
	if (k->call.kind == BLOCK_PUT)
		log_info("keys.stored", F_STR("share", k->sync->share->conf.name),
		    F_U64("version", k->version));
}

/* What there is may be another's form, longer than any of ours, or nothing at all. */
static void
ended_locked(struct keyship *k)
{
	enum status st = k->call.status;
	bool get = k->call.kind == BLOCK_GET;
	bool same = st == OK && k->call.got == k->wrapped.len &&
	    memcmp(k->there, k->wrapped.at, k->wrapped.len) == 0;

	chain_clear(&k->call.body);
	k->state = IDLE;
	if (get && !same && (st == OK || st == ST_NOENT || st == ST_TOOSMALL))
		begin_locked(k, BLOCK_PUT);
	else if (st == OK)
		arrived_locked(k);
	else
		failed_locked(k);
}

void
keyship_run(struct keyship *k)
{
	uint32_t version;

	if (k == NULL)
		return;
	mutex_lock(&k->mutex);
	if (k->state == ENDED)
		ended_locked(k);
	version = missing_locked(k);
	if (k->state == IDLE && version != 0 && clock_mono_ns() >= k->pause_until_ns) {
		k->version = version;
		k->wrapped = keys_wrapped(k->sync->share->keys, version);
		begin_locked(k, BLOCK_GET);
	}
	mutex_unlock(&k->mutex);
}

bool
keyship_there(struct keyship *k)
{
	bool there;

	if (k == NULL)
		return true;
	mutex_lock(&k->mutex);
	there = missing_locked(k) == 0;
	mutex_unlock(&k->mutex);
	return there;
}

uint32_t
keyship_look(struct keyship *k, char *text, size_t text_cap)
{
	uint32_t n = 0;

	if (k == NULL)
		return 0;
	mutex_lock(&k->mutex);
	for (uint32_t v = 1; v <= keys_newest(k->sync->share->keys); v++)
		n += keys_wrapped(k->sync->share->keys, v).at == k->shipped[v - 1];
	if (k->text[0] != '\0')
		snprintf(text, text_cap, "the wrapped keys: %s", k->text);
	mutex_unlock(&k->mutex);
	return n;
}
