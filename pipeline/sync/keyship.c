/*
 * One call at a time: what lies there is read.  Where nothing does, ours is put, if the name is
 * still free then; where our key lies there wrapped otherwise, it is put over.  So an object that
 * somebody lost is put back at the next opening, and a new key-encrypting key finds its way there
 * without being told.  A call ends on a thread of the store's, which only posts the errand.
 *
 * What is not our key is never put over: containers of another life of the share may need it, one
 * whose later state was lost here and a backup brought back.  That is believed when it was read
 * twice, said, and looked at again each minute.
 */
#include "pipeline/sync/keyship.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"
#include "pipeline/block/keys.h"
#include "pipeline/sync/keyform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_S = 60, PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 60000, DOUBLINGS = 7,
	FOREIGN_TIMES = 2, LOOK_AGAIN_S = 60, PUSHED_S = 1 };

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
	uint8_t object[KEYFORM_MAX];	/* what is to lie there */
	uint32_t object_len;
	uint8_t there[KEYFORM_MAX];	/* GET */
	const uint8_t *shipped[SHARE_KEYS_MAX];	/* which wrapped form is there; NULL: not known */
	struct {
		unsigned seen;		/* so often, one after another */
		uint64_t look_ns;	/* not before that again */
	} foreign[SHARE_KEYS_MAX];	/* another key lies there */
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

static bool
foreign_locked(const struct keyship *k, uint32_t version)
{
	return k->foreign[version - 1].seen >= FOREIGN_TIMES;
}

/* The first version that is not there as it should be; 0: all are.  Those whose place another key
 * has are passed over until they are looked at again: now. */
static uint32_t
missing_locked(const struct keyship *k, uint64_t now)
{
	const struct share_keys *keys = k->sync->share->keys;
	uint32_t n = keys_newest(keys);

	for (uint32_t v = 1; v <= n; v++)
		if (keys_wrapped(keys, v).at != k->shipped[v - 1] &&
		    (!foreign_locked(k, v) || now >= k->foreign[v - 1].look_ns))
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
begin_locked(struct keyship *k, enum block_call_kind kind, bool if_absent)
{
	struct text name;

	k->call = (struct block_call){ .kind = kind, .if_absent = if_absent, .done = call_ended,
		.into = k->there, .into_cap = sizeof k->there,
		.deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S };
	name = text_of(k->call.name, sizeof k->call.name);
	text_hex(&name, k->sync->share->row.share_id, sizeof k->sync->share->row.share_id);
	text_addf(&name, "/keys/%u", k->version);
	chain_init(&k->call.body);
	if (kind == BLOCK_PUT &&
	    chain_push(&k->call.body, NULL, slice_of(k->object, k->object_len)) != OK)
		panic("one slice does not fit into a chain");
	k->state = RUNS;
	k->store->ops->start(k->store, &k->call);	/* never ends inside */
}

static void
pause_locked(struct keyship *k)
{
	uint64_t whole = MIN((uint64_t)PAUSE_FIRST_MS << MIN(k->failures, (unsigned)DOUBLINGS),
	    (uint64_t)PAUSE_MOST_MS) * NS_PER_MS;

	k->failures++;
	k->pause_until_ns = clock_mono_ns() + whole / 2 + rand_u64() % (whole / 2 + 1);
}

static void
failed_locked(struct keyship *k)
{
	snprintf(k->text, sizeof k->text, "%s", k->call.text[0] != '\0' ? k->call.text :
	    status_text(k->call.status));
	if (k->failures == 0)
		log_warn("keys.away", F_STR("share", k->sync->share->conf.name),
		    F_U64("version", k->version), F_HEX("request", k->call.request),
		    F_STR("why", k->text));
	pause_locked(k);
}

static void
well_locked(struct keyship *k)
{
	k->failures = 0;
	k->text[0] = '\0';
}

static void
arrived_locked(struct keyship *k)
{
	k->shipped[k->version - 1] = k->wrapped.at;
	k->foreign[k->version - 1].seen = 0;
	k->foreign[k->version - 1].look_ns = 0;
	well_locked(k);
	if (k->call.kind == BLOCK_PUT)
		log_info("keys.stored", F_STR("share", k->sync->share->conf.name),
		    F_U64("version", k->version));
}

/* Bytes that came wrong but once are no other key. */
static void
other_locked(struct keyship *k)
{
	unsigned *seen = &k->foreign[k->version - 1].seen;

	if (*seen < FOREIGN_TIMES && ++*seen < FOREIGN_TIMES) {
		pause_locked(k);
		return;
	}
	if (k->foreign[k->version - 1].look_ns == 0)
		log_error("keys.other", F_STR("share", k->sync->share->conf.name),
		    F_U64("version", k->version), F_STR("object", k->call.name),
		    F_STR("why", "another key lies there; nothing that needs ours goes there"));
	k->foreign[k->version - 1].look_ns = clock_mono_ns() + LOOK_AGAIN_S * NS_PER_S;
	well_locked(k);
}

static void
got_locked(struct keyship *k)
{
	enum status st = k->call.status;
	enum keyform is;

	if (st == ST_NOENT) {
		begin_locked(k, BLOCK_PUT, true);
		return;
	}
	if (st != OK && st != ST_TOOSMALL) {
		failed_locked(k);
		return;
	}
	is = st == ST_TOOSMALL ? KEYFORM_OTHER : keyform_judge(slice_of(k->object, k->object_len),
	    slice_of(k->there, (uint32_t)k->call.got));
	switch (is) {
	case KEYFORM_SAME:
		arrived_locked(k);
		break;
	case KEYFORM_ANEW:
		begin_locked(k, BLOCK_PUT, false);
		break;
	case KEYFORM_OTHER:
		other_locked(k);
		break;
	}
}

static void
ended_locked(struct keyship *k)
{
	chain_clear(&k->call.body);
	k->state = IDLE;
	if (k->call.kind == BLOCK_GET)
		got_locked(k);
	else if (k->call.status == OK)
		arrived_locked(k);
	else if (k->call.status == ST_EXIST)
		pause_locked(k);	/* somebody was faster; whose it is shows the next look */
	else
		failed_locked(k);
}

void
keyship_run(struct keyship *k)
{
	uint64_t now = clock_mono_ns();
	uint8_t identity[KEYS_IDENTITY];
	uint32_t version;

	if (k == NULL)
		return;
	mutex_lock(&k->mutex);
	if (k->state == ENDED)
		ended_locked(k);
	version = missing_locked(k, now);
	if (k->state == IDLE && version != 0 && now >= k->pause_until_ns) {
		k->version = version;
		k->wrapped = keys_wrapped(k->sync->share->keys, version);
		keys_identity(k->sync->share->keys, version, identity);
		k->object_len = keyform_write(k->wrapped, identity, k->object);
		begin_locked(k, BLOCK_GET, false);
	}
	mutex_unlock(&k->mutex);
}

void
keyship_push(struct keyship *k)
{
	uint64_t now = clock_mono_ns();

	if (k == NULL)
		return;
	mutex_lock(&k->mutex);
	for (uint32_t v = 0; v < SHARE_KEYS_MAX; v++)
		if (k->foreign[v].look_ns > now + PUSHED_S * NS_PER_S)
			k->foreign[v].look_ns = now + PUSHED_S * NS_PER_S;
	mutex_unlock(&k->mutex);
}

bool
keyship_there(struct keyship *k)
{
	bool there;

	if (k == NULL)
		return true;
	mutex_lock(&k->mutex);
	there = missing_locked(k, 0) == 0 && !foreign_locked(k, 1);
	mutex_unlock(&k->mutex);
	return there;
}

bool
keyship_holds(struct keyship *k, uint32_t version)
{
	bool holds;

	if (k == NULL || version == 0 || version > SHARE_KEYS_MAX)
		return false;
	mutex_lock(&k->mutex);
	holds = foreign_locked(k, version);
	mutex_unlock(&k->mutex);
	return holds;
}

uint32_t
keyship_look(struct keyship *k, uint32_t *other, char *text, size_t text_cap)
{
	uint32_t n = 0;

	*other = 0;
	if (k == NULL)
		return 0;
	mutex_lock(&k->mutex);
	for (uint32_t v = keys_newest(k->sync->share->keys); v > 0; v--) {
		n += keys_wrapped(k->sync->share->keys, v).at == k->shipped[v - 1];
		if (foreign_locked(k, v))
			*other = v;
	}
	if (*other != 0)
		snprintf(text, text_cap, "keys/%u there is another key than this share's: "
		    "what needs it stays here; see the guide, encryption", *other);
	else if (k->text[0] != '\0')
		snprintf(text, text_cap, "the wrapped keys: %s", k->text);
	mutex_unlock(&k->mutex);
	return n;
}
