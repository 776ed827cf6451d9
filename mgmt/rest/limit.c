/*
 * Limits of log-in attempts: how often an address may fail with a user (then it is locked out for
 * a time that doubles), how often an address may fail at all, and how many attempts there are
 * together, for each costs a twentieth of a second of a core.  Tables are fixed; who was seen
 * longest ago makes room.
 */
#include "mgmt/rest/guard.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/rand.h"

#include <stdio.h>
#include <string.h>

enum { SLOTS = 1024, WAYS = 4, USER_FAILS = 5, PEER_FAILS = 30, WINDOW_S = 300, LOCK_S = 30,
	LOCK_MAX_S = 900, BURST = 20, PER_S = 5 };

struct slot {
	uint64_t key, seen_s, until_s;
	uint32_t fails, locks;
};

static struct slot slot[SLOTS];
static MUTEX_STATIC(mutex, RANK_TABLE, 0);
static uint64_t paid_until_ms;		/* all attempts so far have been waited for by then */
static uint8_t hash_key[16];

static uint64_t
second(void)
{
	return clock_mono_ns() / NS_PER_S + 1;
}

static struct slot *
slot_of_locked(const char *user, const char *peer)
{
	char word[400];
	uint64_t key;
	struct slot *set, *oldest;
	int n = snprintf(word, sizeof word, "%.200s|%.100s", user, peer);

	key = siphash24(hash_key, word, (size_t)n) | 1;
	set = &slot[key / 2 % (SLOTS / WAYS) * WAYS];
	oldest = set;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].seen_s < oldest->seen_s)
			oldest = &set[i];
	}
	*oldest = (struct slot){ .key = key, .seen_s = second() };
	return oldest;
}

void
rest_limit_start(void)
{
	mutex_lock(&mutex);
	memset(slot, 0, sizeof slot);
	paid_until_ms = 0;
	rand_bytes(hash_key, sizeof hash_key);
	mutex_unlock(&mutex);
}

/* PER_S attempts a second, and BURST at once after a pause. */
static bool
bucket_locked(void)
{
	uint64_t now = clock_mono_ns() / NS_PER_MS;

	if (paid_until_ms < now)
		paid_until_ms = now;
	if (paid_until_ms - now > 1000 * (BURST - 1) / PER_S)
		return false;
	paid_until_ms += 1000 / PER_S;
	return true;
}

unsigned
rest_limit_ask(const char *username, const char *peer)
{
	uint64_t now = second(), until;
	struct slot *u, *p;

	mutex_lock(&mutex);
	u = slot_of_locked(username, peer);
	until = u->until_s;
	p = slot_of_locked("", peer);
	if (p->until_s > until)
		until = p->until_s;
	if (until <= now && !bucket_locked())
		until = now + 1;
	mutex_unlock(&mutex);
	return until > now ? (unsigned)(until - now) : 0;
}

static void
failed_locked(struct slot *s, uint32_t most)
{
	uint64_t now = second(), lock;

	if (s->seen_s + WINDOW_S < now && s->until_s < now)
		s->fails = 0;
	if (s->seen_s + LOCK_MAX_S * 4 < now)
		s->locks = 0;
	s->seen_s = now;
	if (++s->fails < most)
		return;
	lock = (uint64_t)LOCK_S << (s->locks < 5 ? s->locks : 5);
	s->locks++;
	s->fails = 0;
	s->until_s = now + (lock < LOCK_MAX_S ? lock : LOCK_MAX_S);
}

void
rest_limit_failed(const char *username, const char *peer)
{
	mutex_lock(&mutex);
	failed_locked(slot_of_locked(username, peer), USER_FAILS);
	failed_locked(slot_of_locked("", peer), PEER_FAILS);
	mutex_unlock(&mutex);
}

void
rest_limit_passed(const char *username, const char *peer)
{
	struct slot *s;

	mutex_lock(&mutex);
	s = slot_of_locked(username, peer);
	s->fails = s->locks = 0;
	mutex_unlock(&mutex);
}
