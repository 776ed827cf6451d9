/*
 * Tokens that were opened lately, by a digest of theirs: whom the database found behind each, as of
 * one generation of it.  Any change of a row makes all of them be looked at anew, so that what ends
 * a session, disables a user or takes a role is in force with the next request.
 */
#include "mgmt/rest/guard.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/rand.h"

#include <string.h>

enum { SLOTS = 64 };

static struct slot {
	uint8_t digest[DIGEST_BYTES];
	uint64_t generation;
	int64_t until_s;		/* 0: empty */
	struct rest_who who;
} slot[SLOTS];
static MUTEX_STATIC(mutex, RANK_TABLE, 2);
static uint8_t digest_key[DIGEST_KEY_BYTES];	/* set while nobody asks */

void
rest_known_start(void)
{
	mutex_lock(&mutex);
	memset(slot, 0, sizeof slot);
	rand_bytes(digest_key, sizeof digest_key);
	mutex_unlock(&mutex);
}

bool
rest_known_find(const char *token, uint64_t generation, int64_t now_s, struct rest_who *who)
{
	uint8_t digest[DIGEST_BYTES];
	struct slot *s;
	bool found;

	digest_of(digest_key, token, strlen(token), digest);
	s = &slot[digest[0] % SLOTS];
	mutex_lock(&mutex);
	found = s->until_s > now_s && s->generation == generation &&
	    secret_equal(s->digest, digest, sizeof digest);
	if (found)
		*who = s->who;
	mutex_unlock(&mutex);
	return found;
}

void
rest_known_keep(const char *token, uint64_t generation, int64_t until_s, const struct rest_who *who)
{
	uint8_t digest[DIGEST_BYTES];
	struct slot *s;

	digest_of(digest_key, token, strlen(token), digest);
	s = &slot[digest[0] % SLOTS];
	mutex_lock(&mutex);
	memcpy(s->digest, digest, sizeof digest);
	s->generation = generation;
	s->until_s = until_s;
	s->who = *who;
	mutex_unlock(&mutex);
}
